/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/layout.h"

struct str layout_app(struct arena *a, struct str app) {
        return arena_join(a, STR(LAYOUT_APPS "/"), app);
}

struct str layout_app_file(struct arena *a, struct str app, struct str file) {
        return arena_join(a, STR(LAYOUT_APPS "/"), app, STR("/"), file);
}

struct str layout_bundles(struct arena *a, struct str app) {
        return arena_join(a, app, STR("/" LAYOUT_BUNDLES));
}

struct str layout_bundle(struct arena *a, struct str app, struct str revision) {
        return arena_join(a, app, STR("/" LAYOUT_BUNDLES "/"), revision);
}

struct str layout_bundle_file(struct arena *a, struct str app, struct str revision, struct str file) {
        return arena_join(a, app, STR("/" LAYOUT_BUNDLES "/"), revision, STR("/"), file);
}

struct str layout_upholding(struct arena *a, struct str app, struct str unit) {
        return layout_unit(a, app, STR(".target.d/50-"), unit, unit.n > 0 ? STR(".conf") : STR(""));
}

struct str layout_container(struct arena *a, struct str unit, bool is_template) {
        return layout_quadlet(a, unit, is_template ? STR("@.container") : STR(".container"));
}

#define CERTIFICATES LAYOUT_STATE "/" LAYOUT_ACME "/" LAYOUT_ACME_CERTIFICATES

struct str layout_acme_certificate(struct arena *a, struct str domain) {
        return arena_join(a, STR(CERTIFICATES "/"), domain, STR(".pem"));
}

struct str layout_acme_domain(struct str path) {
        struct str name;

        if (!layout_is_in(path, STR(CERTIFICATES), &name) || !str_has_suffix(name, STR(".pem")))
                return (struct str){ 0 };

        return (struct str){ name.p, name.n - strlen(".pem") };
}

bool layout_is_in(struct str path, struct str directory, struct str *ret_name) {
        if (path.n <= directory.n || !str_has_prefix(path, directory) || path.p[directory.n] != '/')
                return false;

        *ret_name = str_from(path, directory.n + 1);
        return true;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* If an app's image is built from its repository, the unit that builds it also checks if the ref has moved:
 * it has the keys, the credentials and the clone. A reload of the unit starts the check, and the result is a
 * file. */

#include <errno.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "control/update.h"

/* The unit of this very source; absent if systemd knows none. */
static int find_unit(struct ctl *c, int runtime, const struct app *app, struct str *ret) {
        struct str dir = layout_app_file(&c->arena, app->name.text, STR(LAYOUT_UNITS)),
                   image = app->source->image.text, text;
        struct str ends[] = { arena_join(&c->arena, STR("\""), image, STR("\"")),
                              arena_join(&c->arena, STR("\""), image, STR("-")) };
        struct fs_names names;
        int r = fs_list(&c->arena, runtime, dir.p, &names);

        *ret = (struct str){ 0 };
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        VEC_EACH(name, &names.list) {
                if (!str_has_suffix(*name, STR("-build.service")))
                        continue;

                r = fs_read(&c->arena, runtime, arena_join(&c->arena, dir, STR("/"), *name).p, BUF_MAX,
                            &text);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
                        if (str_find_str(text, ends[i]) < text.n)
                                *ret = *name;
        }

        return 0;
}

/* The first line and the rest of RUNTIME/builds/APP.SUFFIX; absent if there is no such file. */
static struct str read_note(struct ctl *c, int runtime, const struct app *app, struct str suffix,
                            struct str *ret_rest) {
        struct str first = { 0 };

        *ret_rest = (struct str){ 0 };
        if (fs_read(&c->arena, runtime,
                    arena_join(&c->arena, STR(LAYOUT_BUILDS "/"), app->name.text, suffix).p, BUF_MAX,
                    ret_rest) == 0)
                (void) str_split(ret_rest, '\n', &first);
        return first;
}

static int complain(const struct app *app, struct str why) {
        (void) fprintf(stderr, "pyservicectl: %.*s: the build failed:\n%.*s", STR_ARG(app->name.text),
                       STR_ARG(why));
        return CTL_ERROR;
}

int update_build(struct ctl *c, int runtime, const struct app *app, struct str *ret_image) {
        struct str unit, found, rest;
        int r = find_unit(c, runtime, app, &unit);

        if (r < 0)
                return ctl_fail("looking for its build", r);
        if (str_is_absent(unit)) {
                (void) fprintf(stderr,
                               "pyservicectl: %.*s: it has no build unit; see 'systemctl daemon-reload' and "
                               "'pyservicectl rollout status %.*s'\n",
                               STR_ARG(app->name.text), STR_ARG(app->name.text));
                return CTL_ERROR;
        }

        if (ctl_systemctl(c, (const char *const[]){ "start", unit.p, NULL }) != 0) {
                (void) read_note(c, runtime, app, STR(".failed"), &rest);
                return complain(app, rest);
        }
        r = ctl_systemctl(c, (const char *const[]){ "reload", unit.p, NULL });
        found = read_note(c, runtime, app, STR(".found"), &rest);
        if (r != 0 || str_is_absent(found) || str_is(found, "-"))
                return complain(app, rest);

        *ret_image = arena_str(&c->arena, found);
        return CTL_GOOD;
}

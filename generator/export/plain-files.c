/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "balancer/proxy-frontend.h"
#include "bundle/layout.h"
#include "export/plain.h"
#include "render/render.h"

#define MARK "# Made by 'pyservicectl export quadlet'; edit it as you like.\n"

struct str plain_quadlets(const struct plain *p) {
        return p->world->places.is_user ? STR(".config/containers/systemd") : STR("etc/containers/systemd");
}

struct str plain_units(const struct plain *p) {
        return p->world->places.is_user ? STR(".config/systemd/user") : STR("etc/systemd/system");
}

static void add(struct plain *p, struct str directory, struct str name, const struct tree_file *f) {
        struct tree_file *file =
                tree_add(&p->tree, arena_join(p->arena, directory, STR("/"), name), tree_mode(f), f->text);

        file->link = f->link;
}

/* tmpfiles.d(5) and sysusers.d(5) take names that end in ".conf". */
static void add_setup(struct plain *p, struct str name, const struct tree_file *f) {
        struct str app = { name.p, str_find(name, '.') }, directory = STR("etc/sysusers.d");

        if (str_is(str_from(name, app.n), ".tmpfiles")) {
                p->has_files = true;
                directory = p->world->places.is_user ? STR(".config/user-tmpfiles.d") : STR("etc/tmpfiles.d");
        } else
                p->has_users = true;
        add(p, directory, arena_join(p->arena, app, STR(".conf")), f);
}

static void add_haproxy(struct plain *p, const struct proxy_directory *d) {
        VEC_EACH(file, &d->files)
                (void) tree_add(&p->tree, arena_join(p->arena, STR(PLAIN_HAPROXY "/"), file->name), 0644,
                                file->text);
}

/* The frontend of all exported applications, as pyservice-proxy makes it. */
static bool make_frontend(struct plain *p, const struct proxy_app *apps, struct str *ret_problem) {
        const struct host_haproxy *settings = p->world->host.haproxy;
        struct proxy_frontend f = { .mark = STR(MARK),
                                    .directory = STR("/" PLAIN_HAPROXY),
                                    .http_port = settings->http_port.n,
                                    .https_port = settings->https_port.n,
                                    .pages = settings->errors,
                                    .proxies = p->world->host.front,
                                    .has_ipv6 = access("/proc/self/net/if_inet6", F_OK) == 0 };
        struct proxy_directory made = { 0 };
        struct proxy_set set;

        if (!proxy_set_build(p->arena, apps, p->apps.n, &set, ret_problem))
                return false;

        VEC_EACH(d, &set.list) {
                struct str *certificates = arena_array(p->arena, d->certificates.n + 1, struct str);

                for (size_t i = 0; i < d->certificates.n; i++)
                        certificates[i] = d->certificates.at[i].path;
                p->has_haproxy = true;
                p->has_frontend = d->routes.n > 0;
                proxy_frontend_add(p->arena, &f, d, certificates, &made);
                add_haproxy(p, d);
                add_haproxy(p, &made);
        }
        return true;
}

static void place_app(struct plain *p, const struct app *app, struct proxy_parts *parts) {
        struct tree tree = { .arena = p->arena };
        struct str name;

        render_plain(p->arena, p->world, app, &p->ports, &tree);
        VEC_EACH(f, &tree.files) {
                if (layout_is_quadlet(f->path, &name) || layout_is_in(f->path, STR(LAYOUT_ENV), &name))
                        add(p, plain_quadlets(p), name, f);
                else if (layout_is_unit(f->path, &name))
                        add(p, plain_units(p), name, f);
                else if (layout_is_in(f->path, STR(LAYOUT_SETUP), &name))
                        add_setup(p, name, f);
                else if (layout_is_in(f->path, STR(LAYOUT_HAPROXY), &name))
                        *vec_push(p->arena, &parts->list) =
                                (struct proxy_part){ STR("/" PLAIN_HAPROXY), name, f->text };
        }
}

bool plain_files(struct plain *p, struct str *ret_problem) {
        struct proxy_app *apps = arena_array(p->arena, p->apps.n, struct proxy_app);

        for (size_t i = 0; i < p->apps.n; i++) {
                struct proxy_parts *parts = arena_new(p->arena, struct proxy_parts);

                place_app(p, p->apps.at[i], parts);
                apps[i] = (struct proxy_app){ p->apps.at[i]->name.text, parts };
        }

        return make_frontend(p, apps, ret_problem);
}

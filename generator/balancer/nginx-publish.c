/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/nginx.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "balancer/acme.h"
#include "balancer/balancer.h"
#include "balancer/front.h"
#include "base/buf.h"
#include "base/fs.h"
#include "bundle/layout.h"

#define APPS LAYOUT_LIST_NGINX /* of apps, in /run/pyservice */

enum { LIST_MAX = 1 << 20, FILE_MAX = 1 << 20 };

struct site {
        struct str name;             /* "shop-web.conf" */
        struct str wanted, in_place; /* absent: it is not, or was not, there */
};

struct work {
        struct proxy_run *proxy;
        struct arena *arena;
        VEC(struct site) sites;
        int directory;
        bool can_check;
        struct str refusal; /* of what was in place before; absent if nginx took it */
};

static struct site *find(struct work *w, struct str name) {
        VEC_EACH(site, &w->sites)
                if (str_eq(site->name, name))
                        return site;

        *vec_push(w->arena, &w->sites) = (struct site){ .name = name };
        return &w->sites.at[w->sites.n - 1];
}

/* A machine without IPv6 can't listen on it. */
static struct str without_ipv6(struct arena *a, struct str text) {
        struct buf b = buf_in(a);
        struct str line;

        if (access("/proc/self/net/if_inet6", F_OK) == 0)
                return text;

        while (str_split(&text, '\n', &line)) {
                if (line.n == 0 || str_has_prefix(str_trim(line), STR("listen \"[::]:")))
                        continue;
                buf_put_str(&b, line);
                buf_put_char(&b, '\n');
        }

        return buf_str(&b);
}

static int read_directory(struct work *w, int at, const char *name, bool is_wanted) {
        CLEANUP(close_fd) int dir = fs_open_dir(at, name);
        struct fs_names names;
        int r = dir < 0 ? dir : fs_list(w->arena, dir, ".", &names);

        if (r < 0)
                return proxy_fail(w->proxy, str_of(name), r);

        VEC_EACH(file, &names.list) {
                struct str text;

                if (!str_has_suffix(*file, STR(".conf")))
                        continue;
                r = fs_read(w->arena, dir, file->p, FILE_MAX, &text);
                if (r < 0)
                        return proxy_fail(w->proxy, *file, r);
                if (is_wanted)
                        find(w, *file)->wanted = without_ipv6(w->arena, text);
                else
                        find(w, *file)->in_place = text;
        }

        return 0;
}

static int read_wanted(struct work *w, struct str list) {
        struct str app;

        while (str_split(&list, '\n', &app)) {
                int r;

                if (app.n == 0)
                        continue;
                acme_prepare_nginx(w->proxy, app);
                r = read_directory(w, w->proxy->runtime, layout_app_file(w->arena, app, STR(LAYOUT_NGINX)).p,
                                   true);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int put(struct work *w, const struct site *site, struct str text) {
        int r = 0;

        if (!str_is_absent(text))
                r = fs_replace_safely(w->directory, site->name.p, 0644, text);
        else if (unlinkat(w->directory, site->name.p, 0) < 0 && errno != ENOENT)
                r = -errno;
        return r < 0 ? proxy_fail(w->proxy, site->name, r) : 0;
}

static bool is_changed(const struct site *site) {
        return str_is_absent(site->wanted) != str_is_absent(site->in_place) ||
               !str_eq(site->wanted, site->in_place);
}

/* 1 if nginx refuses what is there now. */
static int check(struct work *w, struct str *ret_message) {
        int r = w->can_check ? nginx_check(w->arena, ret_message) : 0;

        return r < 0 ? proxy_fail(w->proxy, STR("asking nginx"), r) : r;
}

static int put_all(struct work *w, bool are_wanted) {
        VEC_EACH(site, &w->sites) {
                int r = is_changed(site) ? put(w, site, are_wanted ? site->wanted : site->in_place) : 0;

                if (r < 0)
                        return r;
        }

        return 0;
}

/* All at once were refused, and what was there is there again. */
static int put_one_by_one(struct work *w) {
        struct str message = { 0 };
        int r;

        VEC_EACH(site, &w->sites) {
                if (!is_changed(site))
                        continue;

                r = put(w, site, site->wanted);
                if (r == 0)
                        r = check(w, &message);
                if (r > 0) {
                        proxy_report(w->proxy, arena_join(w->arena, STR("nginx rejects '"), site->name,
                                                          STR("', so the previous file stays: "), message));
                        r = put(w, site, site->in_place);
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

/* 1 if what is in place stays: nginx refuses it too, whatever the changes are. */
static int put_in_place(struct work *w) {
        struct str message = { 0 };
        int r = put_all(w, true);

        if (r == 0)
                r = check(w, &message);
        if (r <= 0)
                return r;

        r = put_all(w, false);
        if (r < 0 || str_is_absent(w->refusal))
                return r < 0 ? r : put_one_by_one(w);

        proxy_report(w->proxy,
                     arena_join(w->arena,
                                STR("nginx rejects the files in place now, so nothing changed; it would not "
                                    "start with them: "),
                                w->refusal));
        return 1;
}

static int reload(struct work *w) {
        struct str message = { 0 };
        int r = w->proxy->root[0] == '\0'
                        ? nginx_reload(w->arena, w->proxy->world->host.nginx->unit.text, &message)
                        : 0;

        return proxy_end(w->proxy, &balancer_nginx, r, message);
}

/* The owner of a port that `site` listens on, among HAProxy's files; NULL if there is none. */
static const struct front_listen *find_taken(const struct work *w, const struct front *f,
                                             const struct site *site) {
        const struct front_listen *taken = NULL;
        struct front_config own = { 0 };

        if (!str_is_absent(site->wanted))
                front_config_add_nginx(w->arena, site->wanted, &own);
        VEC_EACH(l, &own.listens)
                if (!taken)
                        taken = front_config_find(&f->config, l->first, f->has_ipv6);
        return taken;
}

/* nginx can't listen where HAProxy does: at its next start it would not come up. */
static int refuse_taken(struct work *w) {
        struct haproxy_program b = { .arena = w->arena,
                                     .settings = w->proxy->world->host.haproxy,
                                     .root = w->proxy->root };
        struct proxy_set directories = { 0 };
        struct front front = { 0 };
        int r = haproxy_find(&b);

        if (r < 0 || !b.is_active)
                return r < 0 ? proxy_fail(w->proxy, STR("finding HAProxy"), r) : 0;

        (void) proxy_set_directory(w->arena, &directories, b.settings->directory.text);
        front_read_haproxy(&b, &directories, &front);
        VEC_EACH(site, &w->sites) {
                const struct front_listen *l = is_changed(site) ? find_taken(w, &front, site) : NULL;

                if (!l)
                        continue;
                proxy_report(w->proxy,
                             arena_join(w->arena, STR("'"), site->name,
                                        STR("' is not put in place, because HAProxy has its port: "), l->file,
                                        STR(":"), arena_u64(w->arena, l->line), STR(": bind "), l->text,
                                        STR("\nset other ports for nginx in /etc/pyservice/host.yaml "
                                            "('nginx: {http_port: 8080, https_port: 8443}'), or HAProxy")));
                site->wanted = site->in_place;
        }
        return 0;
}

static int work(struct work *w) {
        bool has_work = proxy_has_begun(w->proxy, &balancer_nginx);
        int r = refuse_taken(w);

        if (r < 0)
                return r;

        VEC_EACH(site, &w->sites)
                has_work = has_work || is_changed(site);
        if (!has_work)
                return 0;

        r = nginx_check(w->arena, &w->refusal);
        if (r < 0 && r != -ENOENT)
                return proxy_fail(w->proxy, STR("asking nginx"), r);
        w->can_check = r != -ENOENT && w->proxy->root[0] == '\0';
        if (r == -ENOENT)
                proxy_report(w->proxy,
                             STR("nginx is not installed, so services with 'kind: nginx' are not balanced. "
                                 "Its files are in place unchecked; install it."));

        r = proxy_begin(w->proxy, &balancer_nginx);
        if (r == 0)
                r = put_in_place(w);
        return r < 0 ? r : r > 0 ? 0 : reload(w);
}

/* The directory of the files in place, and those. */
static int open_work(struct work *w) {
        struct str path =
                arena_join(w->arena, str_of(w->proxy->root), w->proxy->world->host.nginx->directory.text);
        int r = fs_make_dirs(AT_FDCWD, path.p, false);

        if (r >= 0)
                r = w->directory = fs_open_dir(AT_FDCWD, path.p);
        return r < 0 ? proxy_fail(w->proxy, path, r) : read_directory(w, AT_FDCWD, path.p, false);
}

static void close_work(struct work *w) {
        close_fd(&w->directory);
}

int nginx_publish(struct proxy_run *p) {
        CLEANUP(close_work) struct work w = { .proxy = p, .arena = p->arena, .directory = -1 };
        struct str list;
        int r = fs_read(p->arena, p->runtime, APPS, LIST_MAX, &list);

        if (r < 0)
                return r == -ENOENT ? 0 : proxy_fail(p, STR(APPS), r);

        r = open_work(&w);
        if (r == 0)
                r = read_wanted(&w, list);
        return r < 0 ? r : work(&w);
}

int nginx_renew(struct proxy_run *p) {
        CLEANUP(close_work) struct work w = { .proxy = p, .arena = p->arena, .directory = -1 };
        struct str named = arena_join(p->arena, STR("\""), p->certificate, STR("\""));
        bool is_named = false;
        int r = faccessat(p->runtime, APPS, F_OK, 0) < 0 ? 0 : open_work(&w);

        VEC_EACH(site, &w.sites)
                is_named = is_named || str_find_str(site->in_place, named) < site->in_place.n;
        return r < 0 || !is_named ? r : reload(&w);
}

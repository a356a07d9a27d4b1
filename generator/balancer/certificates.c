/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "runtime/openssl.h"

bool certificate_is_file(struct str file) {
        struct stat st;

        return stat(file.p, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_listed(const struct certificate_files *all, const struct certificate_file *c) {
        VEC_EACH(known, &all->list)
                if (str_eq(known->path, c->path) && known->is_nginx == c->is_nginx)
                        return true;

        return false;
}

static void add(struct arena *a, struct certificate_files *all, struct certificate_file c) {
        if (!is_listed(all, &c))
                *vec_push(a, &all->list) = c;
}

/* HAProxy reads every file of a directory, except those that belong to another one. */
static void add_directory(struct arena *a, struct certificate_files *all, struct certificate_file c) {
        static const char *const parts[] = { ".key", ".ocsp", ".issuer", ".sctl" };
        const struct certificate_file directory = c;
        struct fs_names names = { 0 };

        if (fs_list(a, AT_FDCWD, directory.file.p, &names) < 0)
                return;
        VEC_EACH(name, &names.list) {
                bool is_part = str_has_prefix(*name, STR("."));

                for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                        is_part = is_part || str_has_suffix(*name, str_of(parts[i]));
                c.path = arena_join(a, directory.path, STR("/"), *name);
                c.file = arena_join(a, directory.file, STR("/"), *name);
                if (!is_part && certificate_is_file(c.file))
                        add(a, all, c);
        }
}

static void add_path(struct arena *a, const char *root, struct str path, struct certificate_file c,
                     struct certificate_files *all) {
        struct stat st;

        c.path = arena_str(a, path);
        c.file = arena_join(a, str_of(strcmp(root, "/") == 0 ? "" : root), c.path);
        if (stat(c.file.p, &st) < 0) {
                c.error = -errno;
                add(a, all, c);
        } else if (S_ISDIR(st.st_mode))
                add_directory(a, all, c);
        else
                add(a, all, c);
}

void certificate_find(struct arena *a, const char *root, const struct app *app,
                      struct certificate_files *ret) {
        APP_EACH_KEPT(s, app) {
                struct certificate_file c = { .app = app->name.text };
                struct certificate_paths paths = { 0 };

                if (!s->proxy)
                        continue;
                paths = proxy_certificates(a, s->proxy);
                c.is_nginx = s->proxy->kind.index == PROXY_NGINX;
                if (s->proxy->domains.n > 0)
                        c.domain = s->proxy->domains.at[0].text;
                VEC_EACH(path, &paths.list)
                        add_path(a, root, path->text, c, ret);
        }
}

bool certificate_read_times(struct arena *a, struct str file, time_t *ret_start, time_t *ret_end) {
        return certificate_is_file(file) && openssl_read_times(a, file, ret_start, ret_end);
}

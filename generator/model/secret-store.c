/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "model/secret.h"
#include "runtime/spawn.h"
#include "systemd/credential.h"

/* The directory for new secrets: /etc, or the user's ~/.config, below the root. */
static struct str path_of(struct ctl *c, const char *store, struct str name) {
        const char *home = getenv("HOME");
        struct str root = strcmp(c->root, "/") == 0 ? STR("") : str_of(c->root);

        return arena_join(&c->arena, root, c->is_user && home ? str_of(home) : STR(""),
                          c->is_user ? STR("/.config/") : STR("/etc/"), str_of(store), STR("/"), name);
}

bool secret_is_likely(struct str name) {
        static const char *const words[] = { "PASSWORD", "PASSWD",     "SECRET",     "TOKEN",
                                             "API_KEY",  "ACCESS_KEY", "PRIVATE_KEY" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_find_str(name, str_of(words[i])) < name.n)
                        return !str_has_suffix(name, STR("_FILE"));

        return false;
}

int secret_find(struct ctl *c, struct str name, struct credential_place *ret) {
        static const char *const stores[] = { "credstore", "credstore.encrypted" };

        if (!c->is_user)
                return credential_find(&c->arena, strcmp(c->root, "/") == 0 ? "" : c->root, name, ret);

        for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
                struct str path = path_of(c, stores[i], name);

                if (access(path.p, R_OK) == 0) {
                        *ret = (struct credential_place){ path, i == 1 };
                        return 0;
                }
                if (errno != ENOENT)
                        return -errno;
        }

        return -ENOENT;
}

static int fail(const char *path, int r) {
        (void) ctl_fail(path, r);
        return r == -EACCES || r == -EPERM ? CTL_ERROR : EXIT_SYSTEM;
}

/* Returns 0, also if there is none; or an exit status. */
static int find_own(struct ctl *c, struct str name, struct credential_place *ret) {
        int r = secret_find(c, name, ret);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return fail(path_of(c, "credstore.encrypted", name).p, r);
        if (!ret->is_encrypted) {
                (void) fprintf(stderr,
                               "pyservicectl: '%s' is not encrypted, and overrides an encrypted "
                               "credential; remove it first\n",
                               ret->path.p);
                return CTL_ERROR;
        }

        return 0;
}

int secret_check(struct ctl *c, struct str name) {
        struct credential_place place = { 0 };

        return find_own(c, name, &place);
}

int secret_read(struct ctl *c, struct str name, struct str *ret) {
        const struct credential_places places = { .is_user = c->is_user };
        struct credential_place place = { 0 };
        struct str text = { 0 };
        int r = find_own(c, name, &place);

        if (r != 0)
                return r;
        if (!str_is_absent(place.path)) {
                r = credential_decrypt(&c->arena, &places, name, place.path, &text);
                if (r < 0)
                        return fail(place.path.p, r);
                if (r > 0) {
                        (void) fprintf(stderr, "pyservicectl: cannot decrypt '%s': %.*s\n", place.path.p,
                                       STR_ARG(text));
                        return CTL_ERROR;
                }
        }

        *ret = text;
        return 0;
}

static int encrypt(struct ctl *c, struct str name, struct str value, struct str *ret) {
        struct str program = spawn_find(&c->arena, "systemd-creds"),
                   option = arena_join(&c->arena, STR("--name="), name);
        const char *argv[] = { program.p, "encrypt", option.p, "-", "-", c->is_user ? "--user" : NULL, NULL };
        struct spawn_result result;
        int r = program.p ? spawn_run_on(&c->arena, argv, value, &result) : -ENOENT;

        if (r < 0)
                return ctl_fail("systemd-creds", r);
        if (result.status != 0) {
                (void) fprintf(stderr, "pyservicectl: systemd-creds: %.*s\n", STR_ARG(str_trim(result.err)));
                return CTL_ERROR;
        }

        *ret = result.out;
        return 0;
}

int secret_write(struct ctl *c, struct str name, struct str value) {
        struct str path = path_of(c, "credstore.encrypted", name), sealed,
                   directory = { path.p, path.n - name.n - 1 };
        CLEANUP(close_fd) int fd = -1;
        int r;

        if (value.n == 0) {
                (void) fputs("pyservicectl: the value is empty; nothing changed\n", stderr);
                return CTL_ERROR;
        }
        if (value.n > CREDENTIAL_MAX) {
                (void) fputs("pyservicectl: a credential has at most 1 MiB; nothing changed\n", stderr);
                return CTL_ERROR;
        }

        r = encrypt(c, name, value, &sealed);
        if (r != 0)
                return r;

        directory = arena_str(&c->arena, directory);
        if (mkdir(directory.p, 0700) < 0 && errno != EEXIST)
                return fail(directory.p, -errno);
        fd = fs_open_dir(AT_FDCWD, directory.p);
        r = fd < 0 ? fd : fs_replace_safely(fd, arena_str(&c->arena, name).p, 0600, sealed);
        return r < 0 ? fail(path.p, r) : 0;
}

int secret_remove(struct ctl *c, struct str name) {
        struct str path = path_of(c, "credstore.encrypted", name);
        struct credential_place place;
        int r;

        if (unlink(path.p) == 0)
                return 0;
        if (errno != ENOENT)
                return fail(path.p, -errno);

        r = secret_find(c, name, &place);
        if (r == 0)
                (void) fprintf(stderr,
                               "pyservicectl: the credential is not in '%.*s', but in '%s'; remove "
                               "that by hand\n",
                               (int) (path.n - name.n - 1), path.p, place.path.p);
        else
                (void) fprintf(stderr, "pyservicectl: '%s' does not exist\n", path.p);
        return CTL_ERROR;
}

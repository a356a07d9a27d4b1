/* SPDX-License-Identifier: Apache-2.0 */
#include "systemd/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "runtime/spawn.h"

/* The plain ones first, as ImportCredential= does it. */
static const char *const plain_stores[] = {
        "/run/credentials/@system", "/etc/credstore",     "/run/credstore",
        "/usr/local/lib/credstore", "/usr/lib/credstore",
};
static const char *const encrypted_stores[] = {
        "/run/credentials/@encrypted",        "/etc/credstore.encrypted",     "/run/credstore.encrypted",
        "/usr/local/lib/credstore.encrypted", "/usr/lib/credstore.encrypted",
};

static struct str path_in(struct arena *a, const char *root, const char *store, struct str name) {
        return arena_join(a, str_of(root), str_of(store), STR("/"), name);
}

int credential_find(struct arena *a, const char *root, struct str name, struct credential_place *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(plain_stores) + ARRAY_SIZE(encrypted_stores); i++) {
                bool is_encrypted = i >= ARRAY_SIZE(plain_stores);
                struct str path = path_in(a, root,
                                          is_encrypted ? encrypted_stores[i - ARRAY_SIZE(plain_stores)]
                                                       : plain_stores[i],
                                          name);

                if (access(path.p, R_OK) == 0) {
                        *ret = (struct credential_place){ path, is_encrypted };
                        return 0;
                }
                /* systemd hides /run/credentials from a unit with a sandbox that has none. */
                if (errno != ENOENT && !(errno == EACCES && str_has_prefix(path, STR("/run/credentials/"))))
                        return -errno;
        }

        return -ENOENT;
}

/* systemd-creds knows where the machine's key is: in a TPM or a file. It runs outside of our unit's sandbox,
 * which has no devices. */
int credential_decrypt(struct arena *a, const struct credential_places *places, struct str name,
                       struct str path, struct str *ret) {
        struct str program = spawn_find(a, "systemd-creds");
        struct str name_option = arena_join(a, STR("--name="), name);
        const char *argv[] = { program.p, "decrypt", name_option.p,
                               path.p,    "-",       places->is_user ? "--user" : NULL,
                               NULL };
        struct spawn_result result;
        int r;

        if (str_is_absent(program))
                return -ENOPKG;

        r = places->is_user ? spawn_run(a, argv, &result) : spawn_as_root(a, argv, &result);
        if (r < 0)
                return r;

        *ret = result.status == 0 ? result.out : str_trim(result.err);
        return result.status != 0;
}

static int read_stored(struct arena *a, const struct credential_places *places, struct str name,
                       struct str *ret) {
        struct credential_place place;
        int r = credential_find(a, places->root, name, &place);

        if (r < 0)
                return r;

        return place.is_encrypted ? credential_decrypt(a, places, name, place.path, ret)
                                  : fs_read(a, AT_FDCWD, place.path.p, CREDENTIAL_MAX, ret);
}

int credential_read(struct arena *a, const struct credential_places *places, struct str name,
                    struct str *ret) {
        int r = -ENOENT;

        if (places->directory)
                r = fs_read(a, AT_FDCWD, arena_join(a, str_of(places->directory), STR("/"), name).p,
                            CREDENTIAL_MAX, ret);
        if (r == -ENOENT && !places->is_user)
                r = read_stored(a, places, name, ret);
        return r;
}

struct str credential_advice(struct arena *a, const struct credential_places *places, struct str name) {
        const char *option = places->is_user ? " --user" : "";
        const char *store = places->is_user ? "~/.config" : "/etc";

        return arena_printf(a,
                            "the credential '%.*s' is neither in %s/credstore.encrypted nor in "
                            "%s/credstore, and none was passed to the system; create it with: "
                            "systemd-creds%s encrypt --name=%.*s - %s/credstore.encrypted/%.*s",
                            STR_ARG(name), store, store, option, STR_ARG(name), store, STR_ARG(name));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Secrets that are missing, can't be decrypted, or are readable by all users. No value is ever shown. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "doctor/doctor.h"
#include "model/secret.h"
#include "systemd/credential.h"

static const struct str nobody = { 0 };

enum origin { ORIGIN_CREDENTIAL, ORIGIN_FILE, ORIGIN_PODMAN };

struct use {
        struct str app, secret, name; /* name: of the credential, the file, or Podman's */
        uint64_t scale;
};

struct uses {
        VEC(struct use) list;
};

static struct str name_of(const struct secret *s, enum origin origin) {
        return origin == ORIGIN_CREDENTIAL ? s->credential.text
               : origin == ORIGIN_FILE     ? s->file.text
                                           : s->podman.text;
}

static uint64_t scale_of(const struct app *app, const struct container *c) {
        LIST_EACH(s, &app->services)
                if (&s->container == c)
                        return s->scale.n;

        return 0;
}

static void add(struct doctor *d, struct uses *u, struct use use) {
        VEC_EACH(known, &u->list)
                if (str_eq(known->name, use.name)) {
                        known->scale = known->scale > use.scale ? known->scale : use.scale;
                        return;
                }

        *vec_push(d->arena, &u->list) = use;
}

static void collect_of(struct doctor *d, enum origin origin, const struct app *app, const struct container *c,
                       struct uses *ret) {
        LIST_EACH(entry, &c->secrets) {
                struct str name = name_of(&entry->value, origin);

                if (!str_is_absent(name))
                        add(d, ret, (struct use){ app->name.text, entry->key.text, name, scale_of(app, c) });
        }
}

/* Each once, with the first application that names it. */
static void collect(struct doctor *d, enum origin origin, struct uses *ret) {
        DOCTOR_EACH_APP(d, app) {
                struct container_list all = app_containers(d->arena, app);

                VEC_EACH(ref, &all.list)
                        collect_of(d, origin, app, ref->container, ret);
        }
}

static struct str subject(struct doctor *d, const struct use *use) {
        return arena_join(d->arena, STR("the credential '"), use->name, STR("' of its secret '"), use->secret,
                          STR("' "));
}

static void look_at_credential(struct doctor *d, const struct use *use) {
        const struct credential_places places = { .is_user = d->ctl->is_user };
        struct str advice =
                arena_join(d->arena, STR("pyservicectl "), d->ctl->is_user ? STR("--user ") : STR(""),
                           STR("secret set "), use->app, STR(" "), use->secret);
        struct credential_place place;
        struct str text = { 0 };
        int r = secret_find(d->ctl, use->name, &place);

        if (r < 0) {
                doctor_bad(d, use->app,
                           arena_join(d->arena, subject(d, use),
                                      r == -ENOENT ? STR("is missing")
                                                   : arena_join(d->arena, STR("cannot be read: "),
                                                                str_of(strerror(-r)))),
                           advice);
                if (r == -ENOENT)
                        doctor_alike(d, use->name, STR("credentials of secrets are missing"));
                return;
        }
        /* Another machine's is encrypted for that machine. */
        if (!place.is_encrypted || strcmp(d->ctl->root, "/") != 0)
                return;

        /* A core dump would be a copy of the secret on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        r = credential_decrypt(d->arena, &places, use->name, place.path, &text);
        if (r != 0)
                doctor_bad(d, use->app,
                           arena_join(d->arena, subject(d, use), STR("cannot be decrypted ("), place.path,
                                      STR("): "), r < 0 ? str_of(strerror(-r)) : text),
                           arena_join(d->arena,
                                      STR("was it encrypted on another machine, or under another name? Set "
                                          "it again: "),
                                      advice));
}

void doctor_credentials(struct doctor *d) {
        struct uses uses = { 0 };

        collect(d, ORIGIN_CREDENTIAL, &uses);
        VEC_EACH(use, &uses.list)
                look_at_credential(d, use);
}

static struct str path_for(struct doctor *d, struct str file, uint64_t instance) {
        return instance_mark_replace(d->arena, file, arena_u64(d->arena, instance));
}

static void look_at_file(struct doctor *d, const struct use *use, struct str path) {
        struct stat st;

        if (fstatat(doctor_world(d)->root, path.p + 1, &st, 0) < 0) {
                doctor_bad(d, use->app,
                           arena_join(d->arena, STR("the file of its secret '"), use->secret, STR("' "), path,
                                      STR(": "), str_of(strerror(errno))),
                           STR("write it there, readable only by root (0600)"));
                doctor_alike(d, path, STR("files of secrets cannot be read"));
        } else if (st.st_mode & 0044) {
                doctor_warn(d, use->app,
                            arena_printf(d->arena,
                                         "the file of its secret '%.*s', %s, can be read by %s (%04o)",
                                         STR_ARG(use->secret), path.p,
                                         st.st_mode & 0004 ? "everybody" : "its group",
                                         (unsigned) st.st_mode & 07777),
                            arena_join(d->arena, STR("chmod 0600 '"), path, STR("'")));
                doctor_alike(d, path, STR("files of secrets can be read by other users"));
        }
}

void doctor_secret_files(struct doctor *d) {
        struct uses uses = { 0 };

        collect(d, ORIGIN_FILE, &uses);
        VEC_EACH(use, &uses.list) {
                uint64_t n = has_instance_mark(use->name) ? use->scale : 1;

                for (uint64_t i = 0; i < n; i++)
                        look_at_file(d, use, path_for(d, use->name, i));
        }
}

void doctor_podman_secrets(struct doctor *d) {
        struct uses uses = { 0 };
        struct str text = { 0 };

        collect(d, ORIGIN_PODMAN, &uses);
        if (uses.list.n == 0 || !d->podman)
                return;
        if (doctor_ask(d, (const char *[]){ d->podman, "secret", "ls", "--format", "{{.Name}}", NULL },
                       &text) != 0) {
                doctor_skip(d, "need Podman, which does not answer");
                return;
        }

        VEC_EACH(use, &uses.list) {
                struct str rest = text, line;
                bool is_there = false;

                while (str_split(&rest, '\n', &line))
                        is_there = is_there || str_eq(line, use->name);
                if (is_there)
                        continue;
                doctor_bad(d, use->app,
                           arena_join(d->arena, STR("Podman has no secret '"), use->name, STR("'")),
                           arena_join(d->arena, STR("podman secret create "), use->name, STR(" FILE")));
                doctor_alike(d, use->name, STR("secrets do not exist in Podman"));
        }
}

/* A directory or file that is not to be touched or read by others. */
static void look_at_mode(struct doctor *d, struct str path, mode_t forbidden, const char *why) {
        struct stat st;

        if (fstatat(doctor_world(d)->root, path.p + 1, &st, 0) == 0 && st.st_mode & forbidden)
                doctor_bad(d, nobody,
                           arena_printf(d->arena, "%s has the mode %04o: %s", path.p,
                                        (unsigned) st.st_mode & 07777, why),
                           arena_printf(d->arena, "chmod %04o '%s'",
                                        (unsigned) (st.st_mode & 07777 & ~forbidden), path.p));
}

void doctor_permissions(struct doctor *d) {
        const struct places *places = &doctor_world(d)->places;
        struct fs_names names = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(places->definitions) && !str_is_absent(places->definitions[i]); i++)
                look_at_mode(d, arena_str(d->arena, places->definitions[i]), 0022,
                             "users who can write there decide what runs");
        if (d->places.state >= 0 && fs_list(d->arena, d->places.state, ".", &names) < 0)
                names = (struct fs_names){ 0 };
        VEC_EACH(name, &names.list)
                if (type_accepts(KIND_NAME, *name))
                        look_at_mode(d, arena_join(d->arena, places->state, STR("/"), *name), 0077,
                                     "it contains earlier revisions with their environment");
        if (d->ctl->is_user)
                return;

        look_at_mode(d, STR("/etc/credstore"), 0077, "it contains unencrypted credentials");
        look_at_mode(d, STR("/etc/credstore.encrypted"), 0022,
                     "users who can write there choose the credentials");
        look_at_mode(d, STR("/var/lib/containers/storage"), 0077,
                     "Podman keeps the environment of containers there, including secrets");
}

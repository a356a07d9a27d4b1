/* SPDX-License-Identifier: Apache-2.0 */

/* A secret's way: before the start pyservice-environment reads the credentials and files, checks that all
 * are there, copies them into the unit's runtime directory (tmpfs, 0700) and composes the variables that
 * hold them. A container's user need not be root to read its mounted copy; no other user of the machine
 * can reach it. When the unit stops, systemd removes the directory. Ciphertexts of AWS KMS reach that
 * program in files of the bundle, 0600, since with `on_error: literal` they may be secrets themselves.
 * Podman's secrets Podman mounts; the program only reads those that are part of a value. */

#include "base/hash.h"
#include "bundle/layout.h"
#include "config.h"
#include "output/lines.h"
#include "render/parts.h"

/* Only a user's manager must bring them; those of the machine are found by the program, which can report the
 * error. systemd fails the unit if one can't be decrypted (LoadCredentialEncrypted= also if one is missing,
 * plain or renamed), without its name. */
static void put_credential(struct rendering *r, struct unit *u, const struct secret_entry *s) {
        if (!r->world->places.is_user || str_is_absent(s->value.credential.text))
                return;

        unit_open(u, SERVICE_IMPORT_CREDENTIAL);
        unit_part(u, s->value.credential);
        unit_close(u);
}

const struct secret_entry *whole_podman_secret(const struct container *c, const struct variable *v) {
        if (v->pieces.n != 1 || v->pieces.at[0].is_url_encoded)
                return NULL;

        LIST_EACH(s, &c->secrets)
                if (!str_is_absent(s->value.podman.text) && str_eq(s->key.text, v->pieces.at[0].secret.text))
                        return s;

        return NULL;
}

static bool is_part_of_value(const struct container *c, struct name secret) {
        LIST_EACH(v, &c->environment)
                LIST_EACH(piece, &v->pieces)
                        if (str_eq(piece->secret.text, secret.text) && !whole_podman_secret(c, v))
                                return true;

        return false;
}

/* True if the program must read it. */
static bool is_read(const struct container *c, const struct secret_entry *s) {
        return str_is_absent(s->value.podman.text) || is_part_of_value(c, s->key);
}

static size_t count_read(const struct container *c) {
        size_t n = 0;

        LIST_EACH(s, &c->secrets)
                n += is_read(c, s);
        return n;
}

/* The ciphertext in a file of its own; two revisions' files can lie side by side. */
static struct abs_path put_ciphertext(struct rendering *r, const struct role *role,
                                      const struct secret_entry *s) {
        struct hash_state *hash = hash_start(r->arena);
        struct lines *l = lines_new(r->arena);
        struct str unit = role->container->unit.text, path;

        lines_whole(l, s->value.kms);
        hash_add(hash, lines_text(l));
        path = layout_env(r->arena, unit, STR("."), s->key.text, STR("."), hash_digits(r->arena, hash, 8),
                          STR(".kms"));
        tree_mark(lines_finish(l, r->tree, path, 0600), role_kind(role), unit);
        return bundle_path(r, path);
}

/* The user that may read the file in the container; all zeroes for every user. The directory around it keeps
 * out other users of the machine. */
struct access {
        struct file_mode mode;
        uint64_t uid, gid;
};

static const struct file_mode everybodys_mode = { STR_INIT("0444"), { SPAN_NOWHERE, 0, 0 } };
static const struct file_mode owners_mode = { STR_INIT("0400"), { SPAN_NOWHERE, 0, 0 } };

static bool has_access(const struct access *access) {
        return !str_is_absent(access->mode.text);
}

/* As narrow as is known: a container whose user is a number has no other user, and that one cannot become
 * another. Root can, and the user of the image is not known yet. A user's manager cannot give a file to
 * another user. */
static struct access find_access(const struct rendering *r, const struct container *c,
                                 const struct secret *s) {
        struct str rest = c->user.text, user, group;
        struct access access = { s->mode, s->uid.n, s->gid.n };

        if (has_access(&access) || s->uid.at.len > 0 || s->gid.at.len > 0) {
                if (!has_access(&access))
                        access.mode = everybodys_mode;
                return access;
        }
        if (r->world->places.is_user || !str_split(&rest, ':', &user) ||
            !str_to_u64(user, UINT32_MAX - 1, &access.uid) || access.uid == 0)
                return (struct access){ 0 };
        if (str_split(&rest, ':', &group))
                (void) str_to_u64(group, UINT32_MAX - 1, &access.gid);
        access.mode = owners_mode;
        return access;
}

/* NAME=credential:X, NAME:MODE:UID:GID=file:PATH and so on, so that the program's messages can name the
 * source of a secret. */
static void put_source(struct rendering *r, struct unit *u, const struct role *role,
                       const struct secret_entry *s) {
        const struct access access = find_access(r, role->container, &s->value);

        unit_word_part(u, s->key);
        if (has_access(&access)) {
                unit_const(u, ":");
                unit_part(u, access.mode);
                unit_const(u, ":");
                unit_part_u64(u, access.uid);
                unit_const(u, ":");
                unit_part_u64(u, access.gid);
        }
        if (!str_is_absent(s->value.file.text)) {
                unit_const(u, "=file:");
                unit_part(u, s->value.file);
        } else if (!str_is_absent(s->value.podman.text)) {
                unit_const(u, "=podman:");
                unit_part(u, s->value.podman);
        } else if (!str_is_absent(s->value.kms.text)) {
                struct abs_path file = put_ciphertext(r, role, s);

                if (s->value.on_error.index == ON_ERROR_LITERAL)
                        unit_const(u, "=kms-literal:");
                else
                        unit_const(u, "=kms:");
                unit_part(u, file);
        } else {
                unit_const(u, "=credential:");
                unit_part(u, s->value.credential);
        }
}

/* systemd-creds reads the machine's TPM, which the sandbox of setup hides. */
static bool has_credential(const struct container *c) {
        LIST_EACH(s, &c->secrets)
                if (!str_is_absent(s->value.credential.text))
                        return true;

        return false;
}

bool has_ciphertext(const struct container *c) {
        LIST_EACH(s, &c->secrets)
                if (!str_is_absent(s->value.kms.text))
                        return true;

        return false;
}

/* In a word that the caller began. */
static void put_program(struct rendering *r, struct unit *u, const struct role *role,
                        struct abs_path template) {
        const struct container *c = role->container;

        unit_const(u, LIBEXECDIR "/pyservice-environment");
        if (!str_is_absent(template.text)) {
                unit_word_const(u, "--template=");
                unit_part(u, template);
        }
        LIST_EACH(s, &c->secrets)
                if (is_read(c, s))
                        put_source(r, u, role, s);
        unit_close(u);
}

static void put_variable(struct unit *u, struct str name, struct str value, struct span at) {
        if (str_is_absent(value))
                return;

        unit_open(u, SERVICE_ENVIRONMENT);
        unit_word_part(u, ((struct env_name){ name, NOWHERE }));
        unit_const(u, "=");
        unit_part(u, ((struct env_text){ value, at }));
        unit_close(u);
}

/* The way to AWS KMS is not part of the revision. The settings of a task are in a file of the app's: tasks
 * run before the revision is accepted, when its units do not exist yet. */
static void render_kms(struct rendering *r, const struct role *role) {
        const struct host_kms *kms = r->world->host.kms;
        struct unit *u = unit_new(r->arena);

        if (!has_ciphertext(role->container) || !kms)
                return;

        put_variable(u, STR("AWS_ENDPOINT_URL_KMS"), kms->endpoint.text, kms->endpoint.at);
        put_variable(u, STR("AWS_REGION"), kms->region.text, kms->region.at);
        put_variable(u, STR("AWS_SHARED_CREDENTIALS_FILE"), kms->credentials.text, kms->credentials.at);
        if (unit_text(u).n > 0 && role->is_task)
                tree_mark(unit_finish(u, r->tree,
                                      layout_unit(r->arena, role->container->unit.text,
                                                  STR(".service.d/10-kms.conf"))),
                          TREE_SCALE, (struct str){ 0 });
        else if (unit_text(u).n > 0)
                render_drop_in(r, u, role, STR("10-kms.conf"));
}

static void put_podman(struct rendering *r, struct unit *u, const struct container *c,
                       const struct secret_entry *s) {
        const struct access access = find_access(r, c, &s->value);

        unit_open(u, CONTAINER_SECRET);
        unit_word_part(u, s->value.podman);
        unit_const(u, ",type=mount,target=");
        unit_part(u, s->key);
        if (has_access(&access)) {
                unit_const(u, ",mode=");
                unit_part(u, access.mode);
                unit_const(u, ",uid=");
                unit_part_u64(u, access.uid);
                unit_const(u, ",gid=");
                unit_part_u64(u, access.gid);
        }
        unit_close(u);
}

static void put_mount(struct rendering *r, struct unit *u, const struct container *c, struct name secret,
                      struct abs_path directory) {
        unit_open(u, CONTAINER_VOLUME);
        unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/");
        unit_part(u, directory);
        unit_const(u, "/");
        unit_part(u, secret);
        unit_const(u, ":/run/secrets/");
        unit_part(u, secret);
        /* z: shared by all instances, where SELinux is on. */
        unit_const(u, ":ro,z");
        if (has_other_ids(r, c))
                unit_const(u, ",idmap");
        unit_close(u);
}

static bool has_optional(const struct container *c) {
        LIST_EACH(file, &c->env_files)
                if (file->text.p[0] == '-')
                        return true;

        return false;
}

static void put_directory(struct unit *u, struct abs_path directory) {
        unit_open(u, SERVICE_RUNTIME_DIRECTORY);
        unit_const(u, "pyservice/");
        unit_part(u, directory);
        unit_close(u);
        unit_put_const(u, SERVICE_RUNTIME_DIRECTORY_MODE, "0700");
}

void render_secret_files(struct rendering *r, struct unit *u, const struct role *role, enum unit_key key) {
        put_directory(u, secrets_directory(r, role));
        if (count_read(role->container) == 0)
                return;

        unit_open(u, key);
        unit_word(u);
        if (!r->world->places.is_user && has_credential(role->container))
                unit_const(u, "+");
        put_program(r, u, role, (struct abs_path){ 0 });
        render_kms(r, role);
}

void render_secrets(struct rendering *r, struct unit *u, const struct role *role, struct abs_path template) {
        const struct container *c = role->container;
        struct abs_path directory = secrets_directory(r, role);
        bool has_composed = !str_is_absent(template.text);

        LIST_EACH(s, &c->secrets)
                if (!str_is_absent(s->value.podman.text) && !s->value.is_variable)
                        put_podman(r, u, c, s);

        if (count_read(c) > 0 || has_composed || has_optional(c))
                put_directory(u, directory);
        if (count_read(c) == 0 && !has_composed)
                return;

        LIST_EACH(s, &c->secrets) {
                if (str_is_absent(s->value.podman.text))
                        put_mount(r, u, c, s->key, directory);
                put_credential(r, u, s);
        }
        unit_open(u, SERVICE_EXEC_START_PRE);
        unit_word(u);
        put_program(r, u, role, template);
        render_kms(r, role);

        if (has_composed) {
                unit_open(u, SERVICE_ENVIRONMENT_FILE);
                unit_const(u, "-");
                unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
                unit_const(u, "/");
                unit_part(u, directory);
                unit_const(u, "/.env");
                unit_close(u);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A secret's way: before the start pyservice-environment reads the credentials and files, checks that all are there, copies them into
 * the unit's runtime directory (tmpfs, 0700) and composes the variables that hold them. A container's user need not be
 * root to read its mounted copy; no other user of the machine can reach it. When the unit stops, systemd removes the
 * directory. */

#include "config.h"
#include "render/parts.h"

/* Only a user's manager must bring them; those of the machine are found by the program, which can say what is wrong. systemd fails the
 * unit where one can't be decrypted (LoadCredentialEncrypted= also where one is missing, plain or renamed), without a word of which. */
static void put_credential(struct rendering *r, struct unit *u, const struct secret_entry *s) {
        if (!r->world->places.is_user || !str_is_absent(s->value.file.text))
                return;

        unit_open(u, SERVICE_IMPORT_CREDENTIAL);
        unit_part(u, s->value.credential);
        unit_close(u);
}

/* NAME=credential:X or NAME=file:PATH, so that its messages can say where a secret was to come from. */
static void put_source(struct unit *u, const struct secret_entry *s) {
        unit_word(u);
        unit_part(u, s->key);
        if (!str_is_absent(s->value.file.text)) {
                unit_const(u, "=file:");
                unit_part(u, s->value.file);
        } else {
                unit_const(u, "=credential:");
                unit_part(u, s->value.credential);
        }
}

static void put_program(struct unit *u, const struct container *c, struct abs_path template) {
        unit_open(u, SERVICE_EXEC_START_PRE);
        unit_word(u);
        unit_const(u, LIBEXECDIR "/pyservice-environment");
        if (!str_is_absent(template.text)) {
                unit_word(u);
                unit_const(u, "--template=");
                unit_part(u, template);
        }
        LIST_EACH(s, &c->secrets)
                put_source(u, s);
        unit_close(u);
}

static void put_mount(struct rendering *r, struct unit *u, struct abs_path directory, struct name secret) {
        unit_open(u, CONTAINER_VOLUME);
        unit_part(u, ((struct abs_path) { r->world->places.runtime, NOWHERE }));
        unit_const(u, "/");
        unit_part(u, directory);
        unit_const(u, "/");
        unit_part(u, secret);
        unit_const(u, ":/run/secrets/");
        unit_part(u, secret);
        /* z: shared by all instances, where SELinux is on. */
        unit_const(u, ":ro,z");
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

void render_secrets(struct rendering *r, struct unit *u, const struct role *role, struct abs_path template) {
        const struct container *c = role->container;
        struct abs_path directory = secrets_directory(r, role);
        bool has_composed = !str_is_absent(template.text);

        if (c->secrets.n > 0 || has_composed || has_optional(c))
                put_directory(u, directory);
        if (c->secrets.n == 0 && !has_composed)
                return;

        LIST_EACH(s, &c->secrets) {
                put_mount(r, u, directory, s->key);
                put_credential(r, u, s);
        }
        put_program(u, c, template);

        if (has_composed) {
                unit_open(u, SERVICE_ENVIRONMENT_FILE);
                unit_const(u, "-");
                unit_part(u, ((struct abs_path) { r->world->places.runtime, NOWHERE }));
                unit_const(u, "/");
                unit_part(u, directory);
                unit_const(u, "/.env");
                unit_close(u);
        }
}

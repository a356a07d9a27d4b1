/* SPDX-License-Identifier: Apache-2.0 */

/* Three ways into a container's environment:
 *
 * - a value on one line: env/UNIT.HASH.env, 0600, which Podman reads (--env-file): no value is in a unit or
 *   in an argv;
 * - a value with a secret, or of several lines: env/UNIT.HASH.template, 0600, composed when the unit starts
 *   into a file of the unit's own in tmpfs; systemd puts it into Podman's environment (EnvironmentFile=), and
 *   Podman passes the names on (--env=NAME). systemd ignores names with '.' or '-': their values are composed
 *   into a second file, which Podman reads;
 * - a value that is a secret of Podman's and nothing else: Podman sets it (--secret);
 * - a value with {{ instance }} and its like, since systemd puts these in, and one of several lines
 *   whose name Podman itself reads, or has '.' or '-': Environment= in the unit. */

#include "base/hash.h"
#include "bundle/layout.h"
#include "load/environment.h"
#include "output/lines.h"
#include "render/parts.h"

static bool has_mark(const struct variable *v) {
        LIST_EACH(piece, &v->pieces)
                if (mark_name_in(piece->literal))
                        return true;

        return false;
}

static struct str literal_value(struct rendering *r, const struct variable *v) {
        struct str *parts = arena_array(r->arena, v->pieces.n + 1, struct str);

        for (size_t i = 0; i < v->pieces.n; i++)
                parts[i] = v->pieces.at[i].literal;

        return arena_join_n(r->arena, parts, v->pieces.n);
}

static bool is_composed(struct rendering *r, const struct variable *v) {
        if (r->is_plain)
                return false;

        return v->is_secret || (!has_mark(v) && !env_file_can_hold(literal_value(r, v)) &&
                                !environment_is_podmans(v->name.text) && env_unit_can_name(v->name.text));
}

static void put_composed(struct rendering *r, struct unit *u, struct lines *file, const struct variable *v) {
        struct env_piece *pieces = arena_array(r->arena, v->pieces.n + 1, struct env_piece);

        for (size_t i = 0; i < v->pieces.n; i++)
                pieces[i] = (struct env_piece){ v->pieces.at[i].literal, v->pieces.at[i].secret,
                                                v->pieces.at[i].is_url_encoded };
        lines_env_template(file, v->name, pieces, v->pieces.n);
        if (!env_unit_can_name(v->name.text))
                return;

        unit_open(u, CONTAINER_PODMAN_ARGS);
        unit_word_const(u, "--env=");
        unit_part(u, v->name);
        unit_close(u);
}

static void put_podman(struct unit *u, const struct secret_entry *secret, const struct variable *v) {
        unit_open(u, CONTAINER_SECRET);
        unit_word_part(u, secret->value.podman);
        unit_const(u, ",type=env,target=");
        unit_part(u, v->name);
        unit_close(u);
}

/* A file in the unit's runtime directory that Podman is to read. */
static void put_runtime_file(struct rendering *r, struct unit *u, const struct role *role) {
        unit_open(u, CONTAINER_ENVIRONMENT_FILE);
        unit_word_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/");
        unit_part(u, secrets_directory(r, role));
}

static void put_in_unit(struct unit *u, const struct variable *v, struct str value) {
        unit_open(u, CONTAINER_ENVIRONMENT);
        unit_word_part(u, v->name);
        unit_const(u, "=");
        unit_part(u, ((struct env_text){ value, v->name.at }));
        unit_close(u);
}

/* The unit's own copy of an optional file, empty if there is none: Podman requires that its files exist. */
static void put_optional(struct rendering *r, struct unit *u, const struct role *role, size_t i) {
        struct env_file file = role->container->env_files.at[i];

        unit_open(u, SERVICE_EXEC_START_PRE);
        unit_word_const(u, "/bin/sh");
        unit_word_const(u, "-c");
        unit_word(u);
        unit_const(u,
                   "{ [ ! -e \\\"$$0\\\" ] || cat \\\"$$0\\\"; } >\\\"$$RUNTIME_DIRECTORY/.optional-$$1\\\"");
        unit_word_part(u, ((struct abs_path){ str_from(file.text, 1), file.at }));
        unit_word(u);
        unit_part_u64(u, i);
        unit_close(u);

        put_runtime_file(r, u, role);
        unit_const(u, "/.optional-");
        unit_part_u64(u, i);
        unit_close(u);
}

/* Two revisions' files can lie side by side. */
static struct abs_path put_file(struct rendering *r, const struct role *role, struct lines *l,
                                struct str suffix) {
        struct hash_state *hash = hash_start(r->arena);
        struct str unit = role->container->unit.text, path;
        struct tree_file *file;

        hash_add(hash, lines_text(l));
        path = r->is_plain ? layout_env(r->arena, unit, suffix)
                           : layout_env(r->arena, unit, STR("."), hash_digits(r->arena, hash, 8), suffix);
        file = lines_finish(l, r->tree, path, 0600);
        tree_mark(file, role_kind(role), unit);
        if (file && r->is_plain) /* Quadlet takes it from the directory of the unit */
                return (struct abs_path){ str_from(path, strlen(LAYOUT_ENV "/")), NOWHERE };
        return file ? bundle_path(r, path) : (struct abs_path){ 0 };
}

struct abs_path render_environment(struct rendering *r, struct unit *u, const struct role *role) {
        const struct container *c = role->container;
        struct lines *plain = lines_new(r->arena), *composed = lines_new(r->arena);
        struct abs_path file;
        bool has_podman_file = false;

        for (size_t i = 0; i < c->env_files.n; i++)
                if (c->env_files.at[i].text.p[0] == '-')
                        put_optional(r, u, role, i);
                else
                        unit_put(u, CONTAINER_ENVIRONMENT_FILE, c->env_files.at[i]);

        LIST_EACH(v, &c->environment) {
                struct str value = literal_value(r, v);

                if (whole_podman_secret(c, v))
                        put_podman(u, whole_podman_secret(c, v), v);
                else if (is_composed(r, v)) {
                        put_composed(r, u, composed, v);
                        has_podman_file |= !env_unit_can_name(v->name.text);
                } else if (has_mark(v) || !env_file_can_hold(value))
                        put_in_unit(u, v, value);
                else
                        lines_env(plain, v->name, value);
        }

        file = put_file(r, role, plain, STR(".env"));
        unit_put(u, CONTAINER_ENVIRONMENT_FILE, file);
        if (has_podman_file) {
                put_runtime_file(r, u, role);
                unit_const(u, "/.env-podman");
                unit_close(u);
        }
        return put_file(r, role, composed, STR(".template"));
}

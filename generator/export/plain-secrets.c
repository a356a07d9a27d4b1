/* SPDX-License-Identifier: Apache-2.0 */

/* Credentials, files and ciphertexts become secrets of Podman's. No value is written: each secret has a
 * command that creates it from where it is now. */

#include <fcntl.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/json.h"
#include "export/plain.h"
#include "schema/syntax.h"

/* The part whose secrets are converted. */
struct part {
        struct plain *plain;
        const struct app *app;
        struct container *container;
        uint64_t scale; /* 1 for a part without instances */
};

/* Where a secret is now, and the command that creates it, without its name between the two texts. */
struct place_of {
        struct str source, before, after;
};

/* The name of the secret, new or one that has the same source. One that differs between instances has the
 * number of the instance in its name. */
static struct str want(const struct part *part, struct str name, struct str other_name,
                       const struct place_of *from) {
        static const char each[] = { '-', INSTANCE_MARK };
        struct plain *p = part->plain;
        bool is_each = has_instance_mark(from->source);
        struct str end = is_each ? (struct str){ each, sizeof(each) } : STR("");

        name = arena_join(p->arena, name, end);
        other_name = arena_join(p->arena, other_name, end);
        VEC_EACH(s, &p->secrets)
                if (str_eq(s->source, from->source) && (str_eq(s->name, name) || str_eq(s->name, other_name)))
                        return s->name;
        VEC_EACH(s, &p->secrets)
                if (str_eq(s->name, name))
                        name = other_name;

        for (uint64_t i = 0; i < (is_each ? part->scale : 1); i++) {
                struct str command =
                        arena_join(p->arena, from->before, STR("podman secret create "), name, from->after);

                *vec_push(p->arena, &p->secrets) = (struct plain_secret){
                        name, from->source, instance_mark_replace(p->arena, command, arena_u64(p->arena, i))
                };
        }
        return name;
}

static bool is_in_clear(struct plain *p, struct str credential) {
        struct str path = arena_join(p->arena, STR("etc/credstore/"), credential);

        return faccessat(p->world->root, path.p, F_OK, 0) == 0;
}

static struct place_of find_credential(struct plain *p, struct str name) {
        struct arena *a = p->arena;
        struct place_of from = { .source = arena_join(a, STR("credential "), name) };

        if (p->world->places.is_user)
                from.after = arena_join(a, STR(" FILE   # the credential "), name);
        else if (is_in_clear(p, name))
                from.after = arena_join(a, STR(" /etc/credstore/"), name);
        else {
                from.before = arena_join(a, STR("systemd-creds decrypt --name="), name,
                                         STR(" /etc/credstore.encrypted/"), name, STR(" - | "));
                from.after = STR(" -");
        }
        return from;
}

static struct place_of find_place(struct plain *p, const struct secret *s) {
        struct arena *a = p->arena;

        if (!str_is_absent(s->podman.text))
                return (struct place_of){ .source = arena_join(a, STR("podman "), s->podman.text),
                                          .after = STR(" FILE   # it is a secret of Podman's already") };
        if (!str_is_absent(s->file.text))
                return (struct place_of){ .source = arena_join(a, STR("file "), s->file.text),
                                          .after = arena_join(a, STR(" "), s->file.text) };
        if (!str_is_absent(s->kms.text))
                return (struct place_of){ .source = arena_join(a, STR("kms "), s->kms.text),
                                          .after = STR(" FILE   # what AWS KMS decrypts") };

        return find_credential(p, s->credential.text);
}

static struct secret_entry convert(const struct part *part, const struct secret_entry *s) {
        struct secret_entry entry = { s->key,
                                      { .mode = s->value.mode, .uid = s->value.uid, .gid = s->value.gid } };
        const struct place_of from = find_place(part->plain, &s->value);
        struct arena *a = part->plain->arena;
        struct str name = s->value.podman.text, other = name;

        if (str_is_absent(name)) {
                name = arena_join(a, part->app->name.text, STR("."), s->key.text);
                other = arena_join(a, part->container->unit.text, STR("."), s->key.text);
        }
        name = want(part, name, other, &from);
        entry.value.podman = (struct podman_secret){ name, s->key.at };
        return entry;
}

/* The name that Podman has for a secret of the part. */
static struct str podman_name(const struct part *part, struct str key) {
        LIST_EACH(s, &part->container->secrets)
                if (str_eq(s->key.text, key))
                        return s->value.podman.text;

        return key;
}

/* "postgres://shop:" + the secret shop.password + "@db". A value that is secret itself is not shown. */
static struct str formula(const struct part *part, const struct variable *v, bool is_shown) {
        struct buf b = buf_in(part->plain->arena);

        LIST_EACH(piece, &v->pieces) {
                if (piece != v->pieces.at)
                        buf_put(&b, " + ");
                if (!str_is_absent(piece->secret.text)) {
                        buf_put(&b, "the secret ");
                        buf_put_str(&b, podman_name(part, piece->secret.text));
                        buf_put(&b, piece->is_url_encoded ? ", encoded for a URL" : "");
                } else if (is_shown && (piece->is_secret || v->pieces.n == 1))
                        buf_put(&b, "its value in the definition");
                else if (is_shown)
                        json_text(&(struct json_writer){ .out = &b }, NULL,
                                  marks_show(part->plain->arena, piece->literal));
                else
                        buf_put_str(&b, piece->literal);
        }

        return buf_str(&b);
}

/* A variable that only pyservice could compose is one secret. */
static void convert_variable(const struct part *part, struct variable *v) {
        struct arena *a = part->plain->arena;
        struct container *c = part->container;
        struct name key = { arena_join(a, STR("="), v->name.text), v->name.at };
        struct piece *piece = arena_new(a, struct piece);
        const struct place_of from = {
                .source = arena_join(a, STR("variable "), formula(part, v, false)),
                .after = arena_join(a, STR(" FILE   # "), formula(part, v, true)),
        };
        struct str name = want(part, arena_join(a, part->app->name.text, STR("."), v->name.text),
                               arena_join(a, c->unit.text, STR("."), v->name.text), &from);

        c->secrets.at[c->secrets.n++] =
                (struct secret_entry){ key, { .podman = { name, v->name.at }, .is_variable = true } };
        piece->secret = key;
        v->pieces.at = piece;
        v->pieces.n = 1;
}

static bool is_one_secret(const struct variable *v) {
        return v->pieces.n == 1 && !str_is_absent(v->pieces.at[0].secret.text) &&
               !v->pieces.at[0].is_url_encoded;
}

/* Parts that inherit share their lists, so each gets its own copies. */
static void convert_part(const struct part *part) {
        struct arena *a = part->plain->arena;
        struct container *c = part->container;
        struct secret_entry *secrets =
                arena_array(a, c->secrets.n + c->environment.n + 1, struct secret_entry);
        struct variable *variables = arena_array(a, c->environment.n + 1, struct variable);

        for (size_t i = 0; i < c->secrets.n; i++)
                secrets[i] = convert(part, &c->secrets.at[i]);
        for (size_t i = 0; i < c->environment.n; i++)
                variables[i] = c->environment.at[i];
        c->secrets.at = secrets;
        c->environment.at = variables;
        LIST_EACH(v, &c->environment)
                if (v->is_secret && !is_one_secret(v))
                        convert_variable(part, v);
}

/* Podman demands that its files exist. */
static void demand_files(struct plain *p, const struct app *app, struct container *c) {
        struct env_file *files = arena_array(p->arena, c->env_files.n + 1, struct env_file);

        for (size_t i = 0; i < c->env_files.n; i++) {
                files[i] = c->env_files.at[i];
                if (files[i].text.p[0] != '-')
                        continue;
                files[i].text = str_from(files[i].text, 1);
                PLAIN_MISS(p, app, STR("env_files: "), files[i].text,
                           STR(" is no longer optional; create it, empty if there is none"));
        }
        c->env_files.at = files;
}

void plain_secrets(struct plain *p, struct app *app) {
        struct container_list all = app_containers(p->arena, app);

        VEC_EACH(ref, &all.list) {
                struct part part = { p, app, ref->container, 1 };

                LIST_EACH(s, &app->services)
                        if (&s->container == ref->container)
                                part.scale = s->scale.n;
                convert_part(&part);
                demand_files(p, app, ref->container);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The environment: variables that all parts have in common, and that are not secret, are a ConfigMap. The
 * others are in the container, with references to secrets; Kubernetes assembles the values that contain
 * one. */

#include "app/resolve.h"
#include "base/hash.h"
#include "export/kube.h"

static bool has_mark(const struct container *c, char mark) {
        LIST_EACH(v, &c->environment)
                LIST_EACH(piece, &v->pieces)
                        if (str_find(piece->literal, mark) < piece->literal.n)
                                return true;
        LIST_EACH(word, &c->command)
                if (str_find(word->text, mark) < word->text.n)
                        return true;
        LIST_EACH(word, &c->entrypoint)
                if (str_find(word->text, mark) < word->text.n)
                        return true;
        LIST_EACH(volume, &c->volumes)
                if (str_find(volume->text, mark) < volume->text.n)
                        return true;

        return false;
}

bool kube_has_instance(const struct container *c) {
        return has_mark(c, INSTANCE_MARK);
}

static struct str piece_text(struct kube *k, struct str text) {
        return kube_shown(k, instance_mark_replace(k->arena, text, STR("$(" KUBE_INSTANCE ")")));
}

static void report_marks(struct kube *k, const struct kube_part *p) {
        static const char marks[] = { HOSTNAME_MARK, REVISION_MARK, IMAGE_MARK };

        for (size_t i = 0; i < sizeof(marks); i++)
                if (has_mark(p->container, marks[i]))
                        KUBE_MISS(k, p->document, STR("{{ "), str_of(mark_name(marks[i])),
                                  STR(" }}: write the value"));
}

/* "$$" is a '$' to it; one alone, and not before '(', is that too. */
struct str kube_expanded(struct kube *k, struct str text) {
        char *p = arena_array(k->arena, 2 * text.n + 1, char);
        size_t n = 0;

        for (size_t i = 0; i < text.n; i++) {
                p[n++] = text.p[i];
                if (text.p[i] == '$' && i + 1 < text.n && (text.p[i + 1] == '$' || text.p[i + 1] == '('))
                        p[n++] = '$';
        }

        return piece_text(k, (struct str){ p, n });
}

static struct str literal_of(struct kube *k, const struct variable *v) {
        struct str *parts = arena_array(k->arena, v->pieces.n + 1, struct str);

        for (size_t i = 0; i < v->pieces.n; i++)
                parts[i] = v->pieces.at[i].literal;

        return arena_join_n(k->arena, parts, v->pieces.n);
}

static bool has_secret(const struct variable *v) {
        LIST_EACH(piece, &v->pieces)
                if (!str_is_absent(piece->secret.text))
                        return true;

        return false;
}

/* SCHEME://USER:PASSWORD@HOST, which should not be in a ConfigMap. */
static bool has_password(struct str text) {
        size_t at = str_find_str(text, STR("://"));
        struct str rest = at < text.n ? str_from(text, at + 3) : STR("");
        struct str user = { rest.p, str_find(rest, '/') };
        size_t end = str_find(user, '@');

        return end < user.n && str_find(user, ':') < end;
}

/* True if it is a secret in the definition itself. */
static bool is_secret_value(struct kube *k, const struct variable *v) {
        LIST_EACH(piece, &v->pieces)
                if (piece->is_secret && str_is_absent(piece->secret.text))
                        return true;

        return !has_secret(v) && (v->is_secret || has_password(literal_of(k, v)));
}

static bool is_literal(struct kube *k, const struct variable *v) {
        return !has_secret(v) && !is_secret_value(k, v);
}

static bool is_common(struct kube *k, const struct container_list *all, const struct variable *v) {
        struct str value = literal_of(k, v);

        if (!is_literal(k, v) || mark_name_in(value))
                return false;

        VEC_EACH(ref, &all->list) {
                const struct variable *other = container_find_variable(ref->container, v->name.text);

                if (!other || !is_literal(k, other) || !str_eq(literal_of(k, other), value))
                        return false;
        }

        return true;
}

/* Running pods do not notice that a ConfigMap has changed; a changed template starts a rollout. */
static struct str hash_of(struct kube *k) {
        const struct yaml_text *maps[] = { k->config, k->files };
        struct hash_state *hash = hash_start(k->arena);

        for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
                for (size_t j = 0; maps[i] && j < maps[i]->items.n; j++) {
                        hash_add(hash, maps[i]->items.at[j]->key);
                        hash_add(hash, maps[i]->items.at[j]->text);
                }

        return hash_digits(k->arena, hash, 12);
}

static struct yaml_text *add_config_map(struct kube *k, struct str name) {
        struct kube_document *d = kube_document(k, KUBE_CONFIG, "v1", "ConfigMap", name);

        kube_labels(k, kube_map(k, d->root, "metadata"), (struct str){ 0 });
        return kube_map(k, d->root, "data");
}

void kube_config(struct kube *k) {
        struct container_list all = app_containers(k->arena, k->app);

        LIST_EACH(v, &all.list.at[0].container->environment) {
                if (!is_common(k, &all, v))
                        continue;
                if (!k->config)
                        k->config = add_config_map(k, k->name);
                (void) yaml_text_put_text(k->arena, k->config, v->name.text, literal_of(k, v));
        }

        k->files = add_config_map(k, kube_object(k, STR("files")));
        kube_files(k);
        if (k->files->items.n == 0) {
                k->files = NULL;
                k->documents.n--;
        }
        k->config_hash = hash_of(k);
}

static struct yaml_text *add_variable(struct kube *k, struct yaml_text *container, struct str name) {
        struct yaml_text *item = kube_add_map(k, kube_list(k, container, "env"));

        kube_text(k, item, "name", name);
        return item;
}

static void put_reference(struct kube *k, struct yaml_text *item, struct str key) {
        struct yaml_text *ref = kube_map(k, kube_map(k, item, "valueFrom"), "secretKeyRef");

        kube_text(k, ref, "name", k->name);
        kube_text(k, ref, "key", key);
}

static struct str piece_key(struct kube *k, const struct kube_part *p, const struct piece *piece) {
        const struct secret_entry *s = kube_find_secret(p->container, piece->secret.text);

        return piece->is_url_encoded ? kube_encoded_key(k, p->name, s) : kube_secret_key(k, p->name, s);
}

/* A variable of its own for the secret inside another: PYSERVICE_SECRET_DB_PASSWORD. Names have no '_'. */
static struct str helper_name(struct kube *k, const struct piece *piece) {
        struct str name =
                arena_join(k->arena, piece->is_url_encoded ? STR("PYSERVICE_URL_") : STR("PYSERVICE_SECRET_"),
                           piece->secret.text);
        char *p = arena_array(k->arena, name.n + 1, char);

        for (size_t i = 0; i < name.n; i++) {
                char c = name.p[i];

                p[i] = c;
                if (c == '-')
                        p[i] = '_';
                else if (c >= 'a' && c <= 'z')
                        p[i] = (char) (c - 'a' + 'A');
        }

        return (struct str){ p, name.n };
}

/* $(NAME) in a value needs NAME before it. */
static void put_composed(struct kube *k, const struct kube_part *p, struct yaml_text *container,
                         const struct variable *v) {
        struct str value = STR("");

        LIST_EACH(piece, &v->pieces) {
                struct str helper;

                if (str_is_absent(piece->secret.text)) {
                        value = arena_join(k->arena, value, kube_expanded(k, piece->literal));
                        continue;
                }
                helper = helper_name(k, piece);
                if (!kube_find(yaml_text_find(container, STR("env")), helper))
                        put_reference(k, add_variable(k, container, helper), piece_key(k, p, piece));
                value = arena_join(k->arena, value, STR("$("), helper, STR(")"));
        }
        kube_text(k, add_variable(k, container, v->name.text), "value", value);
}

static void put_variable(struct kube *k, const struct kube_part *p, struct yaml_text *container,
                         const struct variable *v) {
        if (k->config && is_literal(k, v) && yaml_text_find(k->config, v->name.text))
                return;

        if (is_secret_value(k, v))
                put_reference(k, add_variable(k, container, v->name.text),
                              kube_value_key(k, p->name, v->name.text, literal_of(k, v)));
        else if (v->pieces.n == 1 && has_secret(v) && !v->pieces.at[0].is_url_encoded)
                put_reference(k, add_variable(k, container, v->name.text), piece_key(k, p, &v->pieces.at[0]));
        else
                put_composed(k, p, container, v);
}

/* Later ones count more, and `env` more than all of them, as with Podman. */
static void put_files(struct kube *k, const struct kube_part *p, struct yaml_text *container) {
        LIST_EACH(file, &p->container->env_files) {
                bool is_optional = file->text.p[0] == '-';
                struct str path = str_from(file->text, is_optional),
                           name = kube_object(k, arena_join(k->arena, STR("env"), path));
                struct yaml_text *ref =
                        kube_map(k, kube_add_map(k, kube_list(k, container, "envFrom")), "secretRef");

                kube_text(k, ref, "name", name);
                if (is_optional)
                        kube_flag(k, ref, "optional", true);
                KUBE_SAY(k, p->document, STR("Before: kubectl create secret generic "), name,
                         STR(" --from-env-file="), path);
        }
}

void kube_environment(struct kube *k, const struct kube_part *p, struct yaml_text *container) {
        put_files(k, p, container);
        if (k->config)
                kube_text(k, kube_map(k, kube_add_map(k, kube_list(k, container, "envFrom")), "configMapRef"),
                          "name", k->name);

        if (kube_has_instance(p->container)) {
                struct yaml_text *item = add_variable(k, container, STR(KUBE_INSTANCE));

                kube_text(k, kube_map(k, kube_map(k, item, "valueFrom"), "fieldRef"), "fieldPath",
                          STR("metadata.labels['apps.kubernetes.io/pod-index']"));
                kube_say(k, p->document,
                         STR("{{ instance }} is the pod's number, which is in its labels since Kubernetes "
                             "1.28."));
        }
        report_marks(k, p);
        LIST_EACH(v, &p->container->environment)
                put_variable(k, p, container, v);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Secrets are only referred to: all secrets of an app are keys of one Secret, which the administrator
 * creates. */

#include "export/kube.h"

static struct kube_secret *find(struct kube *k, struct str key) {
        VEC_EACH(s, &k->secrets)
                if (str_eq(s->key, key))
                        return s;

        return NULL;
}

/* Two parts can each have another secret of one name; the later one's key then begins with the part's
 * name. */
static struct str add(struct kube *k, struct str part, struct kube_secret secret) {
        const struct kube_secret *known = find(k, secret.key);

        if (known && !(str_eq(known->origin, secret.origin) && str_eq(known->value, secret.value))) {
                secret.key = arena_join(k->arena, part, STR("."), secret.key);
                known = find(k, secret.key);
        }
        if (!known)
                *vec_push(k->arena, &k->secrets) = secret;

        return secret.key;
}

static struct str origin_of(struct kube *k, const struct secret *s) {
        if (!str_is_absent(s->credential.text))
                return arena_join(k->arena, STR("the credential "), s->credential.text,
                                  STR(" (systemd-creds)"));
        if (!str_is_absent(s->file.text))
                return arena_join(k->arena, STR("the file "), kube_shown(k, s->file.text));
        if (!str_is_absent(s->podman.text))
                return arena_join(k->arena, STR("Podman's secret "), s->podman.text,
                                  STR(" (podman secret inspect --showsecret)"));

        return STR("a ciphertext of AWS KMS in the definition (aws kms decrypt)");
}

struct str kube_secret_key(struct kube *k, struct str part, const struct secret_entry *s) {
        return add(k, part, (struct kube_secret){ s->key.text, origin_of(k, &s->value), s->value.kms.text });
}

struct str kube_encoded_key(struct kube *k, struct str part, const struct secret_entry *s) {
        struct str origin = arena_join(k->arena, STR("the same as '"), kube_secret_key(k, part, s),
                                       STR("', with all characters except letters, digits and -._~ as %XX"));

        return add(k, part,
                   (struct kube_secret){ arena_join(k->arena, s->key.text, STR(".url")), origin, { 0 } });
}

struct str kube_value_key(struct kube *k, struct str part, struct str name, struct str value) {
        struct str origin = arena_join(k->arena, STR("a value of the definition (pyservicectl env --reveal "),
                                       k->app->name.text, STR(")"));

        return add(k, part, (struct kube_secret){ arena_join(k->arena, STR("env."), name), origin, value });
}

struct str kube_file_key(struct kube *k, struct str name, struct str path) {
        return add(k, STR("file"),
                   (struct kube_secret){ name, arena_join(k->arena, STR("the file "), path), { 0 } });
}

const struct secret_entry *kube_find_secret(const struct container *c, struct str name) {
        LIST_EACH(s, &c->secrets)
                if (str_eq(s->key.text, name))
                        return s;

        return NULL;
}

static void add_item(struct kube *k, struct yaml_text *items, struct str key, struct str path) {
        struct yaml_text *item = kube_add_map(k, items);

        kube_text(k, item, "key", key);
        kube_text(k, item, "path", path);
}

void kube_secret_mounts(struct kube *k, const struct kube_part *p, struct yaml_text *pod,
                        struct yaml_text *container) {
        const struct container *c = p->container;
        struct yaml_text *volume, *secret, *mount, *items;

        if (c->secrets.n == 0)
                return;

        volume = kube_add_map(k, kube_list(k, pod, "volumes"));
        kube_text(k, volume, "name", STR("pyservice-secrets"));
        secret = kube_map(k, volume, "secret");
        kube_text(k, secret, "secretName", k->name);
        items = kube_list(k, secret, "items");
        LIST_EACH(s, &c->secrets) {
                add_item(k, items, kube_secret_key(k, p->name, s), s->key.text);
                if (has_instance_mark(s->value.file.text))
                        KUBE_MISS(k, p->document, STR("each instance has its own file for the secret '"),
                                  s->key.text, STR("'; all pods get one and the same"));
        }

        mount = kube_add_map(k, kube_list(k, container, "volumeMounts"));
        kube_text(k, mount, "name", STR("pyservice-secrets"));
        kube_text(k, mount, "mountPath", STR("/run/secrets"));
        kube_flag(k, mount, "readOnly", true);
}

void kube_secret_comment(struct kube *k) {
        if (k->secrets.n == 0)
                return;

        kube_say(k, NULL,
                 STR("The manifests contain no secrets. Create them first, with a file for each "
                     "key:"));
        KUBE_SAY(k, NULL, STR("    kubectl create secret generic "), k->name, STR(" \\"));
        for (size_t i = 0; i < k->secrets.n; i++)
                KUBE_SAY(k, NULL, STR("        --from-file="), k->secrets.at[i].key, STR("=FILE"),
                         i + 1 < k->secrets.n ? STR(" \\") : STR(""));
        VEC_EACH(s, &k->secrets)
                KUBE_SAY(k, NULL, STR("    "), s->key, STR(": "), s->origin);
}

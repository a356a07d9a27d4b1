/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kube.h"

#include "base/hash.h"
#include "base/utf8.h"

enum { HASH_DIGITS = 6 };

static bool is_name(struct str text, size_t max) {
        return text.n > 0 && text.n <= max && text.p[0] >= 'a' && text.p[0] <= 'z' &&
               text.p[text.n - 1] != '-' && str_is_made_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

struct str kube_name(struct arena *a, struct str text, size_t max) {
        struct hash_state *hash = hash_start(a);
        char *p = arena_array(a, text.n + 3, char);
        size_t n = 0;

        if (is_name(text, max))
                return text;

        hash_add(hash, text);
        for (size_t i = 0; i < text.n; i++) {
                char c = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char) (text.p[i] | 0x20) : text.p[i];
                bool is_letter = c >= 'a' && c <= 'z', is_digit = c >= '0' && c <= '9';

                if (n == 0 && is_digit)
                        p[n++] = 'x';
                if (is_letter || is_digit)
                        p[n++] = c;
                else if (n > 0 && p[n - 1] != '-')
                        p[n++] = '-';
        }
        if (n > max - HASH_DIGITS - 1)
                n = max - HASH_DIGITS - 1;
        while (n > 0 && p[n - 1] == '-')
                n--;
        if (n == 0)
                p[n++] = 'x';
        return arena_join(a, (struct str){ p, n }, STR("-"), hash_digits(a, hash, HASH_DIGITS));
}

struct str kube_object(struct kube *k, struct str suffix) {
        return kube_name(k->arena, arena_join(k->arena, k->app->name.text, STR("-"), suffix), 63);
}

struct yaml_text *kube_map(struct kube *k, struct yaml_text *of, const char *key) {
        return yaml_text_put(k->arena, of, str_of(key), YAML_TEXT_MAP);
}

struct yaml_text *kube_list(struct kube *k, struct yaml_text *of, const char *key) {
        return yaml_text_put(k->arena, of, str_of(key), YAML_TEXT_LIST);
}

struct yaml_text *kube_add_map(struct kube *k, struct yaml_text *list) {
        return yaml_text_add(k->arena, list, YAML_TEXT_MAP);
}

struct yaml_text *kube_find(const struct yaml_text *list, struct str name) {
        for (size_t i = 0; list && i < list->items.n; i++) {
                const struct yaml_text *own = yaml_text_find(list->items.at[i], STR("name"));

                if (own && str_eq(own->text, name))
                        return list->items.at[i];
        }

        return NULL;
}

void kube_text(struct kube *k, struct yaml_text *of, const char *key, struct str text) {
        (void) yaml_text_put_text(k->arena, of, str_of(key), text);
}

void kube_number(struct kube *k, struct yaml_text *of, const char *key, uint64_t n) {
        (void) yaml_text_put_plain(k->arena, of, str_of(key), arena_u64(k->arena, n));
}

void kube_flag(struct kube *k, struct yaml_text *of, const char *key, bool is_true) {
        (void) yaml_text_put_plain(k->arena, of, str_of(key), is_true ? STR("true") : STR("false"));
}

void kube_selector(struct kube *k, struct yaml_text *of, struct str part) {
        kube_text(k, of, "app.kubernetes.io/name", k->app->name.text);
        if (!str_is_absent(part))
                kube_text(k, of, "app.kubernetes.io/component", part);
}

void kube_labels(struct kube *k, struct yaml_text *of, struct str part) {
        struct yaml_text *labels = kube_map(k, of, "labels");

        kube_selector(k, labels, part);
        kube_text(k, labels, "app.kubernetes.io/part-of", k->app->name.text);
}

struct kube_document *kube_document(struct kube *k, enum kube_rank rank, const char *api, const char *kind,
                                    struct str name) {
        struct kube_document *d = arena_new(k->arena, struct kube_document);

        d->rank = rank;
        d->root = yaml_text_new(k->arena, YAML_TEXT_MAP);
        kube_text(k, d->root, "apiVersion", str_of(api));
        kube_text(k, d->root, "kind", str_of(kind));
        kube_text(k, kube_map(k, d->root, "metadata"), "name", name);
        *vec_push(k->arena, &k->documents) = d;
        return d;
}

uint64_t kube_seconds(struct duration d) {
        if (d.usec == UINT64_MAX)
                return 86400;

        return d.usec / 1000000 + (d.usec % 1000000 > 0);
}

struct str kube_shown(struct kube *k, struct str text) {
        return marks_show(k->arena, text);
}

/* One line, on a terminal too, whatever is in it. */
static struct str as_line(struct kube *k, struct str text) {
        struct str shown = kube_shown(k, text);

        return utf8_clean_line(k->arena, shown, shown.n);
}

void kube_say(struct kube *k, struct kube_document *d, struct str line) {
        yaml_text_remark(k->arena, d ? d->root : k->header, as_line(k, line));
}

void kube_miss(struct kube *k, struct kube_document *d, struct str line) {
        struct str shown = as_line(k, line), whole = shown;

        yaml_text_remark(k->arena, d ? d->root : k->header,
                         arena_join(k->arena, STR("Not carried over: "), shown));
        if (d && !str_is_absent(d->part) && !str_eq(d->part, k->app->name.text))
                whole = arena_join(k->arena, d->part, STR(": "), shown);
        if (!VEC_HAS(&k->missing, whole))
                *vec_push(k->arena, &k->missing) = whole;
}

/* Not the part whose network it shares: that is said elsewhere. */
#define MISS_REFERENCES(k, d, c, key, refs)                   \
        LIST_EACH(ref, (refs))                                \
                if (!str_eq(ref->text, (c)->network_of.text)) \
        KUBE_MISS((k), (d), STR(key " "), ref->text,          \
                  STR(": pods start in no order; a pod that needs another has to retry"))

void kube_order(struct kube *k, struct kube_document *d, const struct container *c,
                const struct start_order *o) {
        MISS_REFERENCES(k, d, c, "requires", &o->requires);
        MISS_REFERENCES(k, d, c, "bound_to", &o->bound_to);
        MISS_REFERENCES(k, d, c, "after", &o->after);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/decode.h"

static void mark_secret(const struct field *f, struct diag *d) {
        if (f->flags & FIELD_SECRET)
                d->is_secret = true;
}

static bool refuse(struct decoder *d, const struct field *f, enum kind kind, const struct node *node) {
        const struct type *t = type_of(kind);

        if (f->flags & FIELD_SECRET)
                mark_secret(f, diag_add(d->ds, DIAG_BAD_VALUE, node->at, "this is not a %s; %s", t->name, t->rule));
        else
                (void) diag_add(d->ds, DIAG_BAD_VALUE, node->at, "'%.*s' is not a valid %s; %s", STR_ARG(node->text), t->name, t->rule);
        return false;
}

/* Is there an {{ instance }} where it has no meaning? */
static bool has_stray_instance(struct decoder *d, const struct type *t, const struct node *node) {
        if (t->allows_instance || str_find(node->text, INSTANCE_MARK) == node->text.n)
                return false;

        (void) diag_add(d->ds, DIAG_INSTANCE_NOT_HERE, node->at,
                        "{{ instance }} cannot stand in a %s; it may be used in commands, environment, labels and paths", t->name);
        return true;
}

static bool decode_text(struct decoder *d, const struct field *f, enum kind kind, const struct node *node, void *member) {
        const struct text value = { node->text, node->at };     /* all text types are alike */
        const struct type *t = type_of(kind);

        if (node->plain && type_is_ambiguous(node->text)) {
                (void) diag_add(d->ds, DIAG_QUOTE_NEEDED, node->at, "%.*s without quotes is not a text in YAML; write \"%.*s\"",
                                STR_ARG(node->text), STR_ARG(node->text));
                return false;
        }
        if (has_stray_instance(d, t, node))
                return false;
        if (!type_accepts(kind, node->text))
                return refuse(d, f, kind, node);

        memcpy(member, &value, sizeof(value));
        return true;
}

static bool decode_number(struct decoder *d, const struct field *f, const struct node *node, struct number *ret) {
        uint64_t max = f->max > 0 ? f->max : UINT32_MAX, n;

        if (node->text.n == 0 || !str_is_made_of(node->text, "0123456789") || (node->text.n > 1 && node->text.p[0] == '0'))
                return refuse(d, f, KIND_NUMBER, node);

        if (!str_to_u64(node->text, max, &n) || n < f->min) {
                (void) diag_add(d->ds, DIAG_OUT_OF_RANGE, node->at, "%s %.*s is not between %llu and %llu", f->key,
                                STR_ARG(node->text), (unsigned long long) f->min, (unsigned long long) max);
                return false;
        }

        *ret = (struct number) { n, node->at };
        return true;
}

static bool decode_choice(struct decoder *d, const struct field *f, const struct node *node, struct choice *ret) {
        struct str rest = str_of(f->choices), word, words[16], near;
        size_t n = 0;

        while (n < ARRAY_SIZE(words) && str_split(&rest, '|', &word)) {
                if (str_eq(word, node->text)) {
                        *ret = (struct choice) { (unsigned) n, node->at };
                        return true;
                }
                words[n++] = word;
        }

        near = diag_nearest(node->text, words, n);
        if (str_is_absent(near))
                (void) diag_add(d->ds, DIAG_BAD_CHOICE, node->at, "%s '%.*s' is none of %s", f->key, STR_ARG(node->text), f->choices);
        else
                (void) diag_add(d->ds, DIAG_BAD_CHOICE, node->at, "%s '%.*s' is none of %s; did you mean '%.*s'?", f->key,
                                STR_ARG(node->text), f->choices, STR_ARG(near));
        return false;
}

static bool decode_flag(struct decoder *d, const struct field *f, const struct node *node, struct flag *ret) {
        bool yes = str_is(node->text, "true");

        if (!node->plain || (!yes && !str_is(node->text, "false")))
                return refuse(d, f, KIND_FLAG, node);

        *ret = (struct flag) { yes, node->at };
        return true;
}

static bool decode_duration(struct decoder *d, const struct field *f, const struct node *node, struct duration *ret) {
        struct duration value = { 0, node->at };

        if (!type_parse_duration(node->text, &value.usec))
                return refuse(d, f, KIND_DURATION, node);
        if (f->min > 0 && value.usec < f->min) {
                (void) diag_add(d->ds, DIAG_OUT_OF_RANGE, node->at, "%s %.*s is too short; write at least %llums", f->key,
                                STR_ARG(node->text), (unsigned long long) (f->min / 1000));
                return false;
        }

        *ret = value;
        return true;
}

bool decode_scalar(struct decoder *d, const struct field *f, enum kind kind, const struct node *node, void *member) {
        struct byte_size bytes = { 0, node->at };
        struct cpus cpus = { 0, node->at };

        if (kind >= KIND_TEXT)
                return decode_text(d, f, kind, node, member);
        if (kind == KIND_FLAG)
                return decode_flag(d, f, node, member);
        if (kind == KIND_NUMBER)
                return decode_number(d, f, node, member);
        if (kind == KIND_CHOICE)
                return decode_choice(d, f, node, member);
        if (kind == KIND_DURATION)
                return decode_duration(d, f, node, member);

        if (kind == KIND_BYTES && type_parse_bytes(node->text, &bytes.bytes)) {
                memcpy(member, &bytes, sizeof(bytes));
                return true;
        }
        if (kind == KIND_CPUS && type_parse_cpus(node->text, &cpus.milli)) {
                memcpy(member, &cpus, sizeof(cpus));
                return true;
        }

        return refuse(d, f, kind, node);
}

static bool decode_secret_value(struct decoder *d, const struct field *f, const struct node *node, struct value *ret) {
        const struct node *secret = node_get(node, "secret");

        if (!secret || node->n != 1 || secret->kind != NODE_SCALAR) {
                mark_secret(f, diag_add(d->ds, DIAG_WRONG_KIND, node->at, "a value is a text, or {secret: NAME}"));
                return false;
        }

        return decode_scalar(d, f, KIND_NAME, secret, &ret->secret);
}

static bool decode_value_list(struct decoder *d, const struct field *f, const struct node *node, struct value *ret) {
        bool good = true;

        ret->is_list = true;
        ret->items = arena_array(d->arena, node->n + 1, struct any_text);
        for (size_t i = 0; i < node->n; i++) {
                if (node->items[i]->kind != NODE_SCALAR) {
                        (void) diag_add(d->ds, DIAG_WRONG_KIND, node->items[i]->at, "an item of this list is a text");
                        good = false;
                } else if (!decode_scalar(d, f, KIND_ANY_TEXT, node->items[i], &ret->items[i]))
                        good = false;
        }
        ret->n_items = node->n;
        return good;
}

bool decode_value(struct decoder *d, const struct field *f, const struct node *node, struct value *ret) {
        struct value v = { .at = node->at, .is_plain = node->plain };
        bool good;

        if (node->kind == NODE_MAP)
                good = decode_secret_value(d, f, node, &v);
        else if (node->kind == NODE_LIST && (f->flags & FIELD_ALLOW_LIST))
                good = decode_value_list(d, f, node, &v);
        else if (node->kind == NODE_LIST) {
                mark_secret(f, diag_add(d->ds, DIAG_WRONG_KIND, node->at, "a value is a text, or {secret: NAME}, not a list"));
                good = false;
        } else if ((f->flags & FIELD_ALLOW_LIST) && node->plain && (str_is(node->text, "true") || str_is(node->text, "false"))) {
                /* A contract says what it is to be. */
                v.text = (struct any_text) { node->text, node->at };
                good = true;
        } else
                good = decode_scalar(d, f, KIND_ANY_TEXT, node, &v.text);

        if (good)
                *ret = v;
        return good;
}

bool decode_words(struct decoder *d, const struct field *f, const struct node *node, struct raw_list *ret) {
        struct word *words;
        const char *wrong;
        bool good = true;

        if (node->kind == NODE_SCALAR) {
                struct word whole = { 0 };

                if (!decode_scalar(d, f, f->kind, node, &whole))
                        return false;

                wrong = decode_split(d->arena, node->text, node->at, ret);
                if (wrong)
                        (void) diag_add(d->ds, DIAG_BAD_COMMAND, node->at, "%s", wrong);
                return !wrong;
        }

        words = arena_array(d->arena, node->n + 1, struct word);
        for (size_t i = 0; i < node->n; i++) {
                if (node->items[i]->kind != NODE_SCALAR) {
                        (void) diag_add(d->ds, DIAG_WRONG_KIND, node->items[i]->at, "a word of a command is a text");
                        good = false;
                } else if (!decode_scalar(d, f, f->kind, node->items[i], &words[i]))
                        good = false;
        }

        if (good)
                *ret = (struct raw_list) { words, node->n };
        return good;
}

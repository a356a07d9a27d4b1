/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/decode.h"

#include "base/path.h"
#include "base/utf8.h"

static void mark_secret(const struct field *f, struct diag *d) {
        if (f->flags & FIELD_SECRET)
                d->is_secret = true;
}

static bool refuse(struct decoder *d, const struct field *f, enum kind kind, const struct node *node) {
        const struct type *t = type_of(kind);
        bool is_shown = !(f->flags & FIELD_SECRET) || kind == f->key_kind;

        if (is_shown)
                mark_secret(f, diag_add(d->ds, DIAG_BAD_VALUE, node->at, "'%.*s' is not a valid %s; %s",
                                        STR_ARG(marks_show(d->arena, node->text)), t->name, t->rule));
        else
                mark_secret(f, diag_add(d->ds, DIAG_BAD_VALUE, node->at, "this is not a valid %s; %s",
                                        t->name, t->rule));
        return false;
}

static bool refuse_ambiguous(struct decoder *d, const struct field *f, const struct node *node) {
        bool is_hidden = (f->flags & FIELD_SECRET) && node->text.n > 0 && node->text.p[0] >= '0' &&
                         node->text.p[0] <= '9';

        if (node->text.n == 0)
                mark_secret(f, diag_add(d->ds, DIAG_EMPTY_VALUE, node->at,
                                        "the value is missing; write one, or \"\" for an empty text"));
        else if (is_hidden)
                mark_secret(f, diag_add(d->ds, DIAG_QUOTE_NEEDED, node->at,
                                        "YAML would change this number; put it in quotes"));
        else
                mark_secret(f, diag_add(d->ds, DIAG_QUOTE_NEEDED, node->at,
                                        "'%.*s' without quotes is not a text in YAML; write \"%.*s\"",
                                        STR_ARG(node->text), STR_ARG(node->text)));
        return false;
}

/* U+FDD0…U+FDEF and U+nFFFE/F: Unicode keeps them for programs' own use, and systemd refuses a whole unit
 * that holds one. */
static bool has_noncharacter(struct decoder *d, const struct field *f, const struct node *node) {
        uint32_t c;

        for (size_t at = 0, n; at<node->text.n; at += n> 0 ? n : 1) {
                n = utf8_decode(node->text, at, &c);
                if (n == 0 || !((c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe))
                        continue;

                mark_secret(f, diag_add(d->ds, DIAG_CONTROL_CHARACTER, node->at,
                                        "U+%04X is reserved by Unicode and not a character; remove it", c));
                return true;
        }

        return false;
}

/* True if a {{ }} is at a place without meaning. */
static bool has_stray_mark(struct decoder *d, const struct field *f, const struct type *t,
                           const struct node *node) {
        for (size_t i = 0; i < node->text.n; i++) {
                char c = node->text.p[i];

                if (!mark_name(c) || t->allows_marks || (c == INSTANCE_MARK && t->allows_instance))
                        continue;

                mark_secret(f, diag_add(d->ds, DIAG_INSTANCE_NOT_HERE, node->at,
                                        "{{ %s }} cannot be used in %s %s; it may be used in commands, "
                                        "environment%s",
                                        mark_name(c), strchr("aeio", t->name[0]) ? "an" : "a", t->name,
                                        c == INSTANCE_MARK ? ", labels and paths" : " and labels"));
                return true;
        }

        return false;
}

/* systemd's words (systemd.syntax(7)) that YAML 1.1 takes for a boolean. */
static bool is_boolean(struct str plain) {
        static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "y", "n" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_is(plain, words[i]))
                        return true;

        return false;
}

static bool decode_text(struct decoder *d, const struct field *f, enum kind kind, const struct node *node,
                        void *member) {
        const struct text value = { node->text, node->at }; /* all text types are alike */

        if (node->plain && type_is_ambiguous(node->text) &&
            !(type_of(kind)->allows_booleans && is_boolean(node->text)))
                return refuse_ambiguous(d, f, node);
        if (has_noncharacter(d, f, node))
                return false;
        if (!type_accepts(kind, node->text))
                return refuse(d, f, kind, node);

        memcpy(member, &value, sizeof(value));
        return true;
}

static bool decode_number(struct decoder *d, const struct field *f, const struct node *node,
                          struct number *ret) {
        uint64_t max = f->max > 0 ? f->max : UINT32_MAX, n;

        if (node->text.n == 0 || !str_is_made_of(node->text, "0123456789") ||
            (node->text.n > 1 && node->text.p[0] == '0'))
                return refuse(d, f, KIND_NUMBER, node);

        if (!str_to_u64(node->text, max, &n) || n < f->min) {
                (void) diag_add(d->ds, DIAG_OUT_OF_RANGE, node->at, "%s %.*s is not between %llu and %llu",
                                f->key, STR_ARG(node->text), (unsigned long long) f->min,
                                (unsigned long long) max);
                return false;
        }

        *ret = (struct number){ n, node->at };
        return true;
}

/* "a, b or c" */
static struct str join_choices(struct arena *a, const struct str *words, size_t n) {
        struct str text = words[0];

        for (size_t i = 1; i < n; i++)
                text = arena_join(a, text, i + 1 < n ? STR(", ") : STR(" or "), words[i]);

        return text;
}

static bool decode_choice(struct decoder *d, const struct field *f, const struct node *node,
                          struct choice *ret) {
        struct str rest = str_of(f->choices), word, words[16], hint;
        size_t n = 0;

        while (n < ARRAY_SIZE(words) && str_split(&rest, '|', &word)) {
                if (str_eq(word, node->text)) {
                        *ret = (struct choice){ (unsigned) n, node->at };
                        return true;
                }
                words[n++] = word;
        }

        hint = diag_hint(d->arena, node->text, words, n,
                         arena_join(d->arena, STR("write "), join_choices(d->arena, words, n),
                                    advise_map(d->arena, STR(" or "), str_of(f->key))));
        (void) diag_add(d->ds, DIAG_BAD_CHOICE, node->at, "invalid value '%.*s' for '%s'; %.*s",
                        STR_ARG(node->text), f->key, STR_ARG(hint));
        return false;
}

static bool decode_flag(struct decoder *d, const struct field *f, const struct node *node, struct flag *ret) {
        bool yes = str_is(node->text, "true");

        if (!node->plain || (!yes && !str_is(node->text, "false")))
                return refuse(d, f, KIND_FLAG, node);

        *ret = (struct flag){ yes, node->at };
        return true;
}

static bool decode_duration(struct decoder *d, const struct field *f, const struct node *node,
                            struct duration *ret) {
        struct duration value = { 0, node->at };

        if (!type_parse_duration(node->text, &value.usec))
                return refuse(d, f, KIND_DURATION, node);
        if (f->min > 0 && value.usec < f->min) {
                bool is_seconds = f->min % 1000000 == 0;

                (void) diag_add(d->ds, DIAG_OUT_OF_RANGE, node->at,
                                "%s %.*s is too short; write at least %llu%s", f->key, STR_ARG(node->text),
                                (unsigned long long) (f->min / (is_seconds ? 1000000 : 1000)),
                                is_seconds ? "s" : "ms");
                return false;
        }
        if (f->max > 0 && value.usec > f->max) {
                (void) diag_add(d->ds, DIAG_OUT_OF_RANGE, node->at,
                                "%s %.*s is too long; write at most %lluh", f->key, STR_ARG(node->text),
                                (unsigned long long) (f->max / 3600000000));
                return false;
        }

        *ret = value;
        return true;
}

/* systemd.exec(5), PrivateTmp= */
static bool is_temporary(struct decoder *d, const struct field *f, const struct node *node) {
        if (!path_is_within(node->text, STR("/tmp")) && !path_is_within(node->text, STR("/var/tmp")))
                return false;

        (void) diag_add(
                d->ds, DIAG_BAD_VALUE, node->at,
                "%s cannot be in a temporary directory, since the services that read it have a /tmp and "
                "/var/tmp of their own; move it, for example to /etc",
                f->key);
        return true;
}

bool decode_scalar(struct decoder *d, const struct field *f, enum kind kind, const struct node *node,
                   void *member) {
        struct byte_size bytes = { 0, node->at };
        struct cpus cpus = { 0, node->at };

        /* The names of variables and of secrets are not secret. */
        if ((f->flags & FIELD_SECRET) && kind == f->kind)
                diag_hide(d->ds, node->at);

        if (node->is_refused || has_stray_mark(d, f, type_of(kind), node))
                return false;
        if ((f->flags & FIELD_NOT_TMP) && is_temporary(d, f, node))
                return false;
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

static bool decode_secret_value(struct decoder *d, const struct field *f, const struct node *node,
                                struct value *ret) {
        const struct node *secret = node_get(node, "secret");

        if (!secret || node->n != 1 || secret->kind != NODE_SCALAR) {
                mark_secret(f, diag_add(d->ds, DIAG_WRONG_KIND, node->at,
                                        "a value is a text, or {secret: NAME}"));
                return false;
        }

        return decode_scalar(d, f, KIND_NAME, secret, &ret->secret);
}

static bool decode_value_list(struct decoder *d, const struct field *f, const struct node *node,
                              struct value *ret) {
        bool good = true;

        ret->is_list = true;
        ret->items = arena_array(d->arena, node->n + 1, struct any_text);
        for (size_t i = 0; i < node->n; i++) {
                if (node->items[i]->kind != NODE_SCALAR) {
                        mark_secret(f, diag_add(d->ds, DIAG_WRONG_KIND, node->items[i]->at,
                                                "an item of this list is a text"));
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

        if ((f->flags & FIELD_NULL_OK) && node_is_null(node))
                return true;

        if (node->kind == NODE_MAP)
                good = decode_secret_value(d, f, node, &v);
        else if (node->kind == NODE_LIST && (f->flags & FIELD_ALLOW_LIST))
                good = decode_value_list(d, f, node, &v);
        else if (node->kind == NODE_LIST) {
                mark_secret(f, diag_add(d->ds, DIAG_WRONG_KIND, node->at,
                                        "a value is a text, or {secret: NAME}, not a list"));
                good = false;
        } else if ((f->flags & FIELD_ALLOW_LIST) && node->plain &&
                   (str_is(node->text, "true") || str_is(node->text, "false"))) {
                /* The contract defines its type. */
                v.text = (struct any_text){ node->text, node->at };
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
                        (void) diag_add(d->ds, DIAG_WRONG_KIND, node->items[i]->at,
                                        "a word of a command is a text");
                        good = false;
                } else if (!decode_scalar(d, f, f->kind, node->items[i], &words[i]))
                        good = false;
        }

        if (good)
                *ret = (struct raw_list){ words, node->n };
        return good;
}

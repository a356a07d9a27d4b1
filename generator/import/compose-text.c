/* SPDX-License-Identifier: Apache-2.0 */

/* ${VARIABLES} of Compose files (compose-spec, "Interpolation"). The definition has each under `vars:`, with
 * the value from an environment file, or with the default of the Compose file. The environment of this
 * process is not used: it is not that of the shell that runs Compose. */

#include "import/compose.h"
#include "model/secret.h"

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

/* Limits of what a file that others wrote may ask for. */
enum { NESTING_MAX = 16, VALUE_MAX = 65536 };

/* The text behind a '$'. */
struct reference {
        struct str name, word; /* word: the default, or what else follows the sign */
        char sign;             /* '-', '?', '+'; 0 for none */
        bool is_empty_unset;   /* ':' before the sign */
        size_t n;              /* bytes, with braces */
};

static struct str take_name(struct str s) {
        size_t n = 0;

        while (n < s.n && str_is_made_of((struct str){ s.p + n, 1 }, NAME_BYTES))
                n++;
        return (struct str){ s.p, n > 0 && s.p[0] >= '0' && s.p[0] <= '9' ? 0 : n };
}

/* Where the brace closes that was opened before `s`; s.n for nowhere, or if others are nested too deep. */
static size_t find_brace(struct str s) {
        size_t depth = 1;

        for (size_t i = 0; i < s.n && depth <= NESTING_MAX; i++) {
                if (s.p[i] == '{' && i > 0 && s.p[i - 1] == '$')
                        depth++;
                if (s.p[i] == '}' && --depth == 0)
                        return i;
        }
        return s.n;
}

/* `s` follows a '$'. */
static bool take_reference(struct str s, struct reference *ret) {
        struct str inside, rest;
        size_t close;

        if (s.n == 0 || s.p[0] != '{') {
                *ret = (struct reference){ .name = take_name(s) };
                ret->n = ret->name.n;
                return ret->n > 0;
        }

        close = find_brace(str_from(s, 1));
        if (close + 1 >= s.n)
                return false;
        inside = (struct str){ s.p + 1, close };
        *ret = (struct reference){ .name = take_name(inside), .n = close + 2 };
        rest = str_from(inside, ret->name.n);
        if (rest.n > 1 && rest.p[0] == ':') {
                ret->is_empty_unset = true;
                rest = str_from(rest, 1);
        }
        if (rest.n > 0) {
                ret->sign = rest.p[0];
                ret->word = str_from(rest, 1);
        }
        return ret->name.n > 0 && (rest.n == 0 || strchr("-?+", ret->sign));
}

/* The text up to a '$', and what the '$' begins. */
enum token { TOKEN_END, TOKEN_REFERENCE, TOKEN_DOLLAR, TOKEN_STRAY };

static enum token take_token(struct str *text, struct str *ret_before, struct reference *ret) {
        size_t dollar = str_find(*text, '$');

        *ret_before = (struct str){ text->p, dollar };
        if (dollar == text->n)
                return TOKEN_END;

        *text = str_from(*text, dollar + 1);
        if (text->n > 0 && text->p[0] == '$') {
                *text = str_from(*text, 1);
                return TOKEN_DOLLAR;
        }
        if (!take_reference(*text, ret))
                return TOKEN_STRAY;
        *text = str_from(*text, ret->n);
        return TOKEN_REFERENCE;
}

static struct str keep(struct compose *c, struct str name) {
        return arena_join(c->draft.arena, STR("{{ "), name, STR(" }}"));
}

/* NULL if it counts as not set. */
static const struct compose_variable *value_of(const struct compose *c, const struct reference *ref) {
        const struct compose_variable *v = compose_variable(c, ref->name);

        return v && v->value.n == 0 && ref->is_empty_unset ? NULL : v;
}

static void note_secret(struct compose *c, struct str name, struct span at) {
        struct draft *d = &c->draft;
        struct yaml_text *vars = yaml_text_find(d->root, STR("vars")),
                         *var = vars ? yaml_text_find(vars, name) : NULL;

        draft_note(d, var, at,
                   "'%.*s' looks like a secret, but is not encrypted here; store the whole value with "
                   "'pyservicectl secret set %.*s NAME' instead, and write '{secret: NAME}' there, or let a "
                   "command read /run/secrets/NAME",
                   STR_ARG(name), STR_ARG(d->name));
}

struct str compose_known(struct compose *c, const struct compose_variable *v, struct span at) {
        struct draft *d = &c->draft;
        struct yaml_text *vars = yaml_text_find(d->root, STR("vars"));
        bool is_new = !vars || !yaml_text_find(vars, v->name);

        if (import_is_built_in(v->name))
                return v->is_secret || !draft_has_room(d, v->value.n) ? STR("CHANGE-ME")
                                                                      : import_literal(d->arena, v->value);

        if (is_new)
                (void) draft_var(d, v->name,
                                 v->is_secret ? STR("CHANGE-ME") : import_literal(d->arena, v->value));
        if (v->is_secret && is_new)
                note_secret(c, v->name, at);
        return keep(c, v->name);
}

/* One that no environment file sets. */
static struct str put_unknown(struct compose *c, const struct reference *ref, struct span at) {
        struct draft *d = &c->draft;
        struct yaml_text *vars = yaml_text_find(d->root, STR("vars")),
                         *var = vars ? yaml_text_find(vars, ref->name) : NULL;
        struct str value =
                ref->sign == '-' ? compose_expand(c, ref->word, at) : str_of(c->placeholder ?: "CHANGE-ME");

        if (import_is_built_in(ref->name) ||
            (var && ref->sign == '-' && !str_eq(var->text, value) && !str_is(var->text, "CHANGE-ME")))
                return value;
        if (var && ref->sign == '-')
                var->text = value;
        if (var)
                return keep(c, ref->name);

        var = draft_var(d, ref->name, value);
        if (secret_is_likely(ref->name))
                note_secret(c, ref->name, at);
        else if (ref->sign == '-')
                draft_note(d, var, at,
                           "this is the default of '%.*s'; if the environment of Compose sets it, write that "
                           "value",
                           STR_ARG(ref->name));
        else
                draft_lost(
                        d, var, at,
                        "the value of '%.*s' could not be carried over, since no environment file sets it; "
                        "write the value that '%.*s' has",
                        STR_ARG(ref->name), STR_ARG(ref->name));
        return keep(c, ref->name);
}

static struct str put_reference(struct compose *c, const struct reference *ref, struct span at) {
        const struct compose_variable *v = value_of(c, ref);

        if (ref->sign == '+' && v)
                return compose_expand(c, ref->word, at);
        if (ref->sign == '+') {
                draft_lost(&c->draft, NULL, at,
                           "${%.*s+…} could not be carried over: its value is that for an "
                           "unset '%.*s'",
                           STR_ARG(ref->name), STR_ARG(ref->name));
                return STR("");
        }
        if (v)
                return compose_known(c, v, at);
        if (ref->sign == '-' && compose_variable(c, ref->name))
                return compose_expand(c, ref->word, at);

        return put_unknown(c, ref, at);
}

static const char *put_value(struct compose *c, struct buf *out, struct str text, bool *is_secret);

static const char *put_value_of(struct compose *c, struct buf *out, const struct reference *ref,
                                bool *is_secret) {
        const struct compose_variable *v = value_of(c, ref);

        if (ref->sign == '?' && !v)
                return "the value is made of a variable that has none";
        if (ref->sign == '+' ? v != NULL : ref->sign == '-' && !v)
                return put_value(c, out, ref->word, is_secret);
        if (ref->sign == '+' || !v)
                return NULL;

        *is_secret = *is_secret || v->is_secret;
        if (!draft_has_room(&c->draft, v->value.n))
                return "the values of variables are too long";
        buf_put_str(out, v->value);
        return NULL;
}

static const char *put_value(struct compose *c, struct buf *out, struct str text, bool *is_secret) {
        const char *error = NULL;
        struct reference ref;
        struct str before;
        enum token token;

        do {
                token = take_token(&text, &before, &ref);
                buf_put_str(out, before);
                if (token == TOKEN_REFERENCE)
                        error = put_value_of(c, out, &ref, is_secret);
                else if (token != TOKEN_END)
                        buf_put_char(out, '$');
                if (token != TOKEN_END && out->n > VALUE_MAX)
                        return "the value is longer than 65536 bytes";
        } while (!error && token != TOKEN_END);
        return error;
}

const char *compose_value(struct compose *c, struct str text, struct compose_variable *ret) {
        struct buf out = buf_in(c->draft.arena);
        const char *error = put_value(c, &out, text, &ret->is_secret);

        ret->value = buf_str(&out);
        return error;
}

struct str compose_expand(struct compose *c, struct str text, struct span at) {
        struct arena *a = c->draft.arena;
        VEC(struct str) parts = { 0 };
        bool has_stray = false;
        struct reference ref;
        struct str before;
        enum token token;

        while ((token = take_token(&text, &before, &ref)) != TOKEN_END) {
                *vec_push(a, &parts) = import_literal(a, before);
                *vec_push(a, &parts) = token == TOKEN_REFERENCE ? put_reference(c, &ref, at) : STR("$");
                if (token == TOKEN_STRAY && !has_stray)
                        draft_note(&c->draft, NULL, at,
                                   "a '$' that begins no variable is kept; Compose rejects it");
                has_stray = has_stray || token == TOKEN_STRAY;
        }
        *vec_push(a, &parts) = import_literal(a, before);
        return arena_join_n(a, parts.at, parts.n);
}

struct str compose_text(struct compose *c, const struct node *n) {
        struct str text = node_text(n);

        return str_is_absent(text) ? text : compose_expand(c, text, n->at);
}

struct str compose_choice(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = node_text(n);
        struct compose_variable v = { 0 };

        if (str_find(text, '$') == text.n)
                return text;
        if (compose_value(c, text, &v) || v.is_secret)
                return compose_text(c, n);

        draft_note(&c->draft, p ? p->map : NULL, n->at,
                   "'%.*s' is '%.*s' here; definitions have no variable there", STR_ARG(text),
                   STR_ARG(v.value));
        return arena_str(c->draft.arena, v.value);
}

bool compose_is_true(struct compose *c, struct draft_part *p, const struct node *n) {
        struct node value;

        if (!n || n->kind != NODE_SCALAR)
                return false;

        value = *n;
        value.text = compose_choice(c, p, n);
        return node_is_true(&value);
}

void compose_enumerate(struct compose *c, struct str *list, struct str name) {
        if (str_find_str(*list, arena_join(c->draft.arena, STR("'"), name, STR("'"))) < list->n)
                return;

        *list = arena_join(c->draft.arena, *list, str_is_absent(*list) ? STR("'") : STR(", '"), name,
                           STR("'"));
}

bool compose_is_variable(const struct compose *c, struct str text, struct str *ret_name) {
        struct reference ref;

        if (text.n < 2 || text.p[0] != '$' || !take_reference(str_from(text, 1), &ref) ||
            ref.n + 1 != text.n || (ref.sign == '-' && !value_of(c, &ref)) || ref.sign == '+')
                return false;

        *ret_name = ref.name;
        return true;
}

/* The variable that the text begins with, and what follows; NULL for none. */
static const struct yaml_text *first_var(const struct compose *c, struct str text, struct str *ret_rest) {
        struct yaml_text *vars = yaml_text_find(c->draft.root, STR("vars"));
        size_t end = str_find_str(text, STR(" }}"));
        const struct yaml_text *var = vars && str_has_prefix(text, STR("{{ ")) && end < text.n
                                              ? yaml_text_find(vars, (struct str){ text.p + 3, end - 3 })
                                              : NULL;

        *ret_rest = var ? str_from(text, end + 3) : text;
        if (var && str_has_suffix(var->text, STR("/")) && str_has_prefix(*ret_rest, STR("/")))
                *ret_rest = str_from(*ret_rest, 1);
        return var;
}

bool compose_is_empty(const struct compose *c, struct str text) {
        struct str rest;
        const struct yaml_text *var = first_var(c, text, &rest);

        return rest.n == 0 && (!var || var->text.n == 0);
}

struct str compose_with_value(const struct compose *c, struct str path) {
        struct str rest;
        const struct yaml_text *var = first_var(c, path, &rest);

        return var ? arena_join(c->draft.arena, var->text, rest) : path;
}

struct str compose_unfold(const struct compose *c, struct str path) {
        struct str rest;
        const struct yaml_text *var = first_var(c, path, &rest);

        if (!var || var->text.n == 0)
                return path;
        if (strchr(".~", var->text.p[0]))
                return arena_join(c->draft.arena, var->text, rest);
        return arena_join(c->draft.arena, STR("{{ "), var->key, STR(" }}"), rest);
}

struct str compose_path(struct compose *c, struct draft_part *p, struct str path, const struct node *n) {
        path = compose_unfold(c, path);
        if (path.n > 0 && path.p[0] == '~') {
                draft_lost(&c->draft, p->map, n->at,
                           "%.*s could not be carried over: write the path of the home directory",
                           STR_ARG(path));
                return (struct str){ NULL, 0 };
        }

        return str_has_prefix(path, STR("{{")) ? path : import_path(&c->draft, n->at, path);
}

/* 1.5G is 1536M. */
static struct str decimal_size(struct compose *c, struct str digits, char unit, struct str otherwise) {
        static const char units[] = "KMGT";
        struct str fraction = digits, whole;
        uint64_t n = 0, part = 0, scale = 1;

        (void) str_split(&fraction, '.', &whole);
        for (size_t i = 0; i < fraction.n; i++)
                scale *= 10;
        if (unit == 'K' || fraction.n > 6 || !str_to_u64(whole, 1 << 20, &n) ||
            !str_to_u64(fraction, UINT32_MAX, &part))
                return otherwise;

        return arena_printf(c->draft.arena, "%llu%c", (unsigned long long) (n * 1024 + part * 1024 / scale),
                            strchr(units, unit)[-1]);
}

struct str compose_size(struct compose *c, struct str text) {
        struct str digits = text;
        char unit;

        if (digits.n > 1 && (digits.p[digits.n - 1] | 0x20) == 'b')
                digits.n--;
        if (digits.n < 2 || str_is_made_of(digits, "0123456789"))
                return digits;

        unit = (char) (digits.p[digits.n - 1] & ~0x20);
        digits.n--;
        if (!strchr("KMGT", unit))
                return text;
        if (!str_is_made_of(digits, "0123456789"))
                return decimal_size(c, digits, unit, text);

        return arena_join(c->draft.arena, digits, arena_str(c->draft.arena, (struct str){ &unit, 1 }));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* ${VARIABLES} of Compose files (compose-spec, "Interpolation"). Those of the shell that runs Compose, and
 * of its .env, are not looked at: the definition has each under `vars:`, with the default that the file
 * gives. */

#include "import/compose.h"

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

/* What stands behind a '$'. */
struct reference {
        struct str name, word; /* word: the default, or what else follows the sign */
        char sign;             /* '-', '?', '+'; 0 for none */
        size_t n;              /* bytes, with braces */
};

static struct str take_name(struct str s) {
        size_t n = 0;

        while (n < s.n && str_is_made_of((struct str){ s.p + n, 1 }, NAME_BYTES))
                n++;
        return (struct str){ s.p, n > 0 && s.p[0] >= '0' && s.p[0] <= '9' ? 0 : n };
}

/* Where the brace closes that was opened before `s`; s.n for nowhere. */
static size_t find_brace(struct str s) {
        size_t depth = 1;

        for (size_t i = 0; i < s.n; i++) {
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
        if (rest.n > 1 && rest.p[0] == ':')
                rest = str_from(rest, 1);
        if (rest.n > 0) {
                ret->sign = rest.p[0];
                ret->word = str_from(rest, 1);
        }
        return ret->name.n > 0 && (rest.n == 0 || strchr("-?+", ret->sign));
}

bool compose_is_secretive(struct str name) {
        static const char *const words[] = { "PASSWORD", "PASSWD",     "SECRET",     "TOKEN",
                                             "API_KEY",  "ACCESS_KEY", "PRIVATE_KEY" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_find_str(name, str_of(words[i])) < name.n)
                        return !str_has_suffix(name, STR("_FILE"));

        return false;
}

static struct str keep(struct compose *c, struct str name) {
        return arena_join(c->draft.arena, STR("{{ "), name, STR(" }}"));
}

static struct str put_reference(struct compose *c, const struct reference *ref, struct span at) {
        struct draft *d = &c->draft;
        struct yaml_text *vars = yaml_text_find(d->root, STR("vars")),
                         *var = vars ? yaml_text_find(vars, ref->name) : NULL;
        struct str value = ref->sign == '-' ? compose_expand(c, ref->word, at) : STR("CHANGE-ME");

        if (ref->sign == '+') {
                draft_note(d, NULL, at,
                           "${%.*s+…} could not be carried over: its value is that for an "
                           "unset '%.*s'",
                           STR_ARG(ref->name), STR_ARG(ref->name));
                return STR("");
        }
        if (import_is_built_in(ref->name) ||
            (var && ref->sign == '-' && !str_eq(var->text, value) && !str_is(var->text, "CHANGE-ME")))
                return value;
        if (var && ref->sign == '-')
                var->text = value;
        if (var)
                return keep(c, ref->name);

        var = draft_var(d, ref->name, value);
        if (compose_is_secretive(ref->name))
                draft_note(d, var, at,
                           "'%.*s' looks like a secret, but is not encrypted here; store the "
                           "whole value with 'pyservicectl secret set %.*s NAME' instead, and "
                           "write '{secret: NAME}' there, or let a command read "
                           "/run/secrets/NAME",
                           STR_ARG(ref->name), STR_ARG(d->name));
        else if (ref->sign == '-')
                draft_note(d, var, at,
                           "this is the default of '%.*s'; write the value that it has, in the environment "
                           "or in .env",
                           STR_ARG(ref->name));
        else
                draft_note(d, var, at, "write the value that '%.*s' has, in the environment or in .env",
                           STR_ARG(ref->name));
        return keep(c, ref->name);
}

struct str compose_expand(struct compose *c, struct str text, struct span at) {
        struct arena *a = c->draft.arena;
        VEC(struct str) parts = { 0 };
        struct str rest = text;
        struct reference ref;
        size_t dollar;

        while ((dollar = str_find(rest, '$')) < rest.n) {
                *vec_push(a, &parts) = import_literal(a, (struct str){ rest.p, dollar });
                rest = str_from(rest, dollar + 1);
                if (rest.n > 0 && rest.p[0] == '$') {
                        *vec_push(a, &parts) = STR("$");
                        rest = str_from(rest, 1);
                } else if (take_reference(rest, &ref)) {
                        *vec_push(a, &parts) = put_reference(c, &ref, at);
                        rest = str_from(rest, ref.n);
                } else {
                        *vec_push(a, &parts) = STR("$");
                        draft_note(&c->draft, NULL, at,
                                   "a '$' that begins no variable is kept; Compose rejects it");
                }
        }
        *vec_push(a, &parts) = import_literal(a, rest);
        return arena_join_n(a, parts.at, parts.n);
}

struct str compose_text(struct compose *c, const struct node *n) {
        struct str text = node_text(n);

        return str_is_absent(text) ? text : compose_expand(c, text, n->at);
}

bool compose_is_variable(struct str text, struct str *ret_name) {
        struct reference ref;

        if (text.n < 2 || text.p[0] != '$' || !take_reference(str_from(text, 1), &ref) ||
            ref.n + 1 != text.n || ref.sign == '-' || ref.sign == '+')
                return false;

        *ret_name = ref.name;
        return true;
}

struct str compose_path(struct compose *c, struct draft_part *p, struct str path, const struct node *n) {
        if (path.n > 0 && path.p[0] == '~') {
                draft_note(&c->draft, p->map, n->at,
                           "%.*s could not be carried over: write the path of the home directory",
                           STR_ARG(path));
                return (struct str){ NULL, 0 };
        }

        return str_has_prefix(path, STR("{{")) ? path : import_path(&c->draft, n->at, path);
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
        if (!strchr("KMGT", unit) || !str_is_made_of(digits, "0123456789"))
                return text;

        return arena_join(c->draft.arena, digits, arena_str(c->draft.arena, (struct str){ &unit, 1 }));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "import/jinja.h"

#include "app/substitute.h"

enum { DEPTH_MAX = 16 }; /* of variables in variables */

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static struct str expand(const struct jinja *j, struct str text, struct span at);

const struct node *jinja_var(const struct jinja *j, const char *name) {
        const struct node *n = j->vars ? node_get(j->vars, name) : NULL;

        return n && node_is_null(n) ? NULL : n;
}

static bool is_name(struct str s) {
        return s.n > 0 && str_is_made_of(s, LETTERS DIGITS) &&
               !str_is_made_of((struct str){ s.p, 1 }, DIGITS);
}

/* The name that an expression begins with; empty for none. */
static struct str first_name(struct str s) {
        size_t n = 0;

        while (n < s.n && str_is_made_of((struct str){ s.p + n, 1 }, n == 0 ? LETTERS : LETTERS DIGITS))
                n++;
        return (struct str){ s.p, n };
}

/* 'TEXT' or "TEXT", without escapes. */
static bool take_quoted(struct str s, struct str *ret) {
        if (s.n < 2 || (s.p[0] != '\'' && s.p[0] != '"') || s.p[s.n - 1] != s.p[0])
                return false;

        *ret = (struct str){ s.p + 1, s.n - 2 };
        return str_find(*ret, s.p[0]) == ret->n && str_find(*ret, '\\') == ret->n;
}

/* NAME | default('TEXT') */
static bool take_default(struct str s, struct str *ret_name, struct str *ret_text) {
        size_t bar = str_find(s, '|');
        struct str call;

        if (bar == s.n)
                return false;
        *ret_name = str_trim((struct str){ s.p, bar });
        call = str_trim(str_from(s, bar + 1));
        if (!is_name(*ret_name) || !str_has_prefix(call, STR("default(")) || !str_has_suffix(call, STR(")")))
                return false;

        return take_quoted(str_trim((struct str){ call.p + 8, call.n - 9 }), ret_text);
}

static struct str keep(const struct jinja *j, struct str name) {
        return arena_join(j->draft->arena, STR("{{ "), name, STR(" }}"));
}

/* The name in an expression that cannot be evaluated here. */
static struct str unknown(const struct jinja *j, struct str expression, struct span at) {
        struct draft *d = j->draft;
        struct str stem = first_name(expression), name,
                   shown = arena_join(d->arena, STR("{{ "), expression, STR(" }}"));

        if (stem.n == 0 || import_is_built_in(stem))
                stem = arena_join(d->arena, STR("value_"), stem);
        name = stem;
        for (unsigned i = 2;; i++) {
                struct yaml_text *vars = yaml_text_find(d->root, STR("vars")),
                                 *var = vars ? yaml_text_find(vars, name) : NULL;

                if (!var) {
                        draft_lost(d, draft_var(d, name, STR("CHANGE-ME")), at,
                                   "%.*s could not be carried over; write its value here", STR_ARG(shown));
                        return keep(j, name);
                }
                if (is_name(expression) ||
                    (!str_is_absent(var->comment) && str_find_str(var->comment, shown) < var->comment.n))
                        return keep(j, name);
                name = arena_printf(d->arena, "%.*s_%u", STR_ARG(stem), i);
        }
}

static bool is_defined(const struct jinja *j, struct str name, const struct node **ret) {
        *ret = jinja_var(j, arena_str(j->draft->arena, name).p);
        return *ret && (*ret)->kind == NODE_SCALAR && str_is_absent((*ret)->tag);
}

static struct str of_name(const struct jinja *j, struct str name, struct span at) {
        struct jinja below = *j;
        struct str own = j->own(j, name), value;
        struct draft *d = j->draft;
        const struct yaml_text *vars = yaml_text_find(d->root, STR("vars"));
        const struct node *n;

        if (!str_is_absent(own))
                return own;
        if (!import_is_built_in(name) && vars && yaml_text_find(vars, name))
                return keep(j, name);
        if (!is_defined(j, name, &n) || ++below.depth > DEPTH_MAX || !draft_has_room(d, n->text.n))
                return unknown(j, name, at);

        value = expand(&below, n->text, n->at);
        if (import_is_built_in(name))
                return value;
        (void) draft_var(d, name, value);
        return keep(j, name);
}

static struct str of_expression(const struct jinja *j, struct str inside, struct span at) {
        struct str name, text;
        const struct node *n;

        if (take_quoted(inside, &text))
                return import_literal(j->draft->arena, text);
        if (is_name(inside))
                return of_name(j, inside, at);
        if (!take_default(inside, &name, &text))
                return unknown(j, inside, at);
        if (is_defined(j, name, &n) || !str_is_absent(j->own(j, name)))
                return of_name(j, name, at);

        return import_literal(j->draft->arena, text);
}

static struct str expand(const struct jinja *j, struct str text, struct span at) {
        struct draft *d = j->draft;
        VEC(struct str) parts = { 0 };
        struct str rest = text;
        struct placeholder p;
        bool broken;

        if (str_find_str(text, STR("{%")) < text.n || str_find_str(text, STR("{#")) < text.n)
                draft_lost(d, NULL, at,
                           "statements and comments of Jinja could not be carried over: they are unchanged "
                           "in '%.*s'",
                           STR_ARG(((struct str){ text.p, str_find(text, '\n') })));
        while (substitute_next(text, &rest, &p, &broken)) {
                *vec_push(d->arena, &parts) = p.before;
                if (broken)
                        return import_literal(d->arena, text);
                if (!str_is_absent(p.inside))
                        *vec_push(d->arena, &parts) = of_expression(j, p.inside, at);
        }

        return arena_join_n(d->arena, parts.at, parts.n);
}

struct str jinja_text(const struct jinja *j, const struct node *n) {
        struct str text = node_text(n);

        if (str_is_absent(text))
                return text;
        if (str_is(n->tag, "!unsafe"))
                return import_literal(j->draft->arena, text);
        if (str_is_absent(n->tag))
                return expand(j, text, n->at);

        draft_lost(j->draft, NULL, n->at, "a value with the tag %.*s could not be carried over",
                   STR_ARG(n->tag));
        return (struct str){ NULL, 0 };
}

bool jinja_is_secret(const struct jinja *j, const struct node *n) {
        struct str text = node_text(n), rest = text;
        struct placeholder p;
        const struct node *other;
        bool broken;

        if (str_is_absent(text))
                return false;
        if (str_is(n->tag, "!vault"))
                return true;
        if (!substitute_next(text, &rest, &p, &broken) || broken || str_is_absent(p.inside) ||
            p.before.n > 0 || rest.n > 0)
                return false;
        if (!is_name(p.inside))
                return !is_defined(j, first_name(p.inside), &other) && !str_has_prefix(p.inside, STR("'")) &&
                       str_find_str(p.inside, STR("default(")) == p.inside.n;

        other = jinja_var(j, arena_str(j->draft->arena, p.inside).p);
        return str_is_absent(j->own(j, p.inside)) && (!other || str_is(other->tag, "!vault"));
}

int jinja_read(struct import *m, const struct node **ret_vars, const struct node **ret_plays) {
        struct ctl *c = m->ctl;
        struct node *vars = NULL;

        *ret_plays = NULL;
        for (int i = 0; i < c->argc; i++) {
                struct node *root = NULL;
                int r = import_read_yaml(m, c->argv[i], &root);

                if (r != CTL_GOOD)
                        return r;
                if (root->kind == NODE_MAP)
                        vars = schema_merge(&c->arena, &m->ds, NULL, vars, root);
                else if (root->kind == NODE_LIST)
                        *ret_plays = root;
                else {
                        (void) fprintf(
                                stderr,
                                "pyservicectl: %s: this is neither a file of variables nor a playbook\n",
                                c->argv[i]);
                        return CTL_ERROR;
                }
        }

        *ret_vars = vars;
        return CTL_GOOD;
}

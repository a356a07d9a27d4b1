/* SPDX-License-Identifier: Apache-2.0 */
#include "app/substitute.h"

#include "base/value.h"

/* The largest sum of all replaced texts of one definition: ten variables of ten times the one above are 100
 * GB. */
enum { EXPANDED_MAX = 1 << 20 };

struct budget {
        size_t n;         /* bytes so far */
        bool is_exceeded; /* and that was reported */
};

/* A built-in name takes its value from the definition as written, so the value may contain variables and
 * other names. */
enum binding_state { BINDING_READY, BINDING_RAW, BINDING_OPEN, BINDING_CIRCULAR };

struct binding {
        struct str name, value;
        struct str raw;
        enum binding_state state;
        size_t tried_with; /* the number of names at the last search */
};

struct scope {
        struct arena *arena;
        struct diags *ds;
        VEC(struct binding) bindings;
        struct budget *budget;
        size_t service_at; /* where `service` and `scale` are in the bindings */
        const struct node *vars;
        bool is_secret; /* below a key whose values are shown nowhere */
};

static struct str scalar_of(const struct node *map, const char *key, struct str otherwise) {
        const struct node *value = map ? node_get(map, key) : NULL;

        return value && value->kind == NODE_SCALAR && value->text.n > 0 ? value->text : otherwise;
}

static void bind(struct scope *s, struct str name, struct str value) {
        bool is_raw = str_find_str(value, STR("{{")) < value.n;

        *vec_push(s->arena, &s->bindings) = (struct binding){
                .name = name, .value = value, .raw = value, .state = is_raw ? BINDING_RAW : BINDING_READY
        };
}

static void bind_variable(struct scope *s, struct str name, struct str value) {
        *vec_push(s->arena, &s->bindings) = (struct binding){ .name = name, .value = value };
}

static void bind_built_ins(struct scope *s, struct str app, const struct node *root) {
        static const char marks[] = { INSTANCE_MARK, HOSTNAME_MARK, REVISION_MARK, IMAGE_MARK };
        struct str owner = scalar_of(root, "user", app); /* USER, or USER:GROUP */
        size_t colon = str_find(owner, ':');
        struct str user = { owner.p, colon }, group = colon < owner.n ? str_from(owner, colon + 1) : user;
        struct str base = scalar_of(root, "root", arena_join(s->arena, STR("/applications/"), app));
        struct str dir = scalar_of(root, "app_dir", arena_join(s->arena, base, STR("/app")));
        struct str config_dir = scalar_of(root, "config_dir", arena_join(s->arena, dir, STR("/config")));

        s->service_at = s->bindings.n;
        bind(s, STR("service"), app);
        bind(s, STR("scale"), scalar_of(root, "scale", STR("1")));
        bind(s, STR("app_name"), app);
        bind(s, STR("app_module"), scalar_of(root, "module", app));
        bind(s, STR("app_user"), user);
        bind(s, STR("app_group"), scalar_of(root, "group", group));
        bind(s, STR("app_root"), base);
        bind(s, STR("app_dir"), dir);
        bind(s, STR("app_code_dir"), scalar_of(root, "code_dir", arena_join(s->arena, dir, STR("/code"))));
        bind(s, STR("app_config_dir"), config_dir);
        bind(s, STR("app_config"), arena_join(s->arena, config_dir, STR("/config.yaml")));
        bind(s, STR("app_data_dir"), scalar_of(root, "data_dir", arena_join(s->arena, base, STR("/data"))));
        bind(s, STR("python_version"), scalar_of(node_get(root, "source"), "python", STR("3.12")));
        for (size_t i = 0; i < sizeof(marks); i++)
                bind(s, str_of(mark_name(marks[i])), (struct str){ &marks[i], 1 });
}

/* Where the braces close. A pair in quotes, as in {{ '}}' }}, must not do it. */
static size_t find_close(struct str rest) {
        size_t at = 0, quote;

        while (at < rest.n && rest.p[at] == ' ')
                at++;
        if (at == rest.n || rest.p[at] != '\'')
                return str_find_str(rest, STR("}}"));

        quote = at + 1 + str_find(str_from(rest, at + 1), '\'');
        return quote < rest.n ? quote + str_find_str(str_from(rest, quote), STR("}}")) : rest.n;
}

bool substitute_next(struct str text, struct str *rest, struct placeholder *ret, bool *ret_broken) {
        size_t open, close;

        *ret_broken = false;
        if (rest->n == 0)
                return false;

        open = str_find_str(*rest, STR("{{"));
        *ret = (struct placeholder){ .before = { rest->p, open } };
        if (open == rest->n) {
                *rest = str_from(*rest, open);
                return true;
        }

        ret->off = (size_t) (rest->p - text.p) + open;
        *rest = str_from(*rest, open + 2);
        close = find_close(*rest);
        if (close >= rest->n) {
                *ret_broken = true;
                *rest = str_from(*rest, rest->n);
                return true;
        }

        ret->inside = str_trim((struct str){ rest->p, close });
        if (str_is_absent(ret->inside))
                ret->inside = STR("");
        *rest = str_from(*rest, close + 2);
        return true;
}

static bool is_name(struct str s) {
        return s.n > 0 &&
               str_is_made_of(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static struct binding *look_up(const struct scope *s, struct str name) {
        VEC_EACH(b, &s->bindings)
                if (str_eq(b->name, name))
                        return b;

        return NULL;
}

static void hide(const struct scope *s, struct diag *d) {
        d->is_secret = s->is_secret;
}

/* It is defined, but below. */
static bool is_variable(const struct scope *s, struct str name) {
        for (size_t i = 0; s->vars && i < s->vars->n; i++)
                if (str_eq(s->vars->pairs[i].key->text, name))
                        return s->vars->pairs[i].value->kind == NODE_SCALAR;

        return false;
}

static void report_unknown(const struct scope *s, struct span at, struct str name) {
        struct str *names = arena_array(s->arena, s->bindings.n, struct str), hint;

        for (size_t i = 0; i < s->bindings.n; i++)
                names[i] = s->bindings.at[i].name;

        hint = is_variable(s, name)
                       ? STR("a variable may only use those above it, so move it up")
                       : diag_hint(s->arena, name, names, s->bindings.n,
                                   STR("define it under 'vars:', or write {{ '{{' }} for two braces"));
        hide(s, diag_add(s->ds, DIAG_UNKNOWN_VARIABLE, at, "unknown variable '%.*s'; %.*s", STR_ARG(name),
                         STR_ARG(hint)));
}

static void settle(const struct scope *s, struct binding *b);

static struct str value_of(const struct scope *s, struct span at, struct binding *b) {
        if (b->state == BINDING_RAW)
                settle(s, b);
        else if (b->state == BINDING_OPEN)
                b->state = BINDING_CIRCULAR;

        if (b->state == BINDING_CIRCULAR)
                hide(s, diag_add(s->ds, DIAG_BAD_SUBSTITUTION, at, "'%.*s' refers to itself; write its value",
                                 STR_ARG(b->name)));
        else if (b->state == BINDING_RAW)
                hide(s, diag_add(s->ds, DIAG_UNKNOWN_VARIABLE, at,
                                 "'%.*s' uses an unknown variable; define that one above", STR_ARG(b->name)));
        return b->state == BINDING_CIRCULAR ? STR("") : b->value;
}

static struct str resolve(const struct scope *s, struct span at, struct str inside) {
        struct binding *b = NULL;

        if (inside.n >= 2 && inside.p[0] == '\'' && inside.p[inside.n - 1] == '\'')
                return (struct str){ inside.p + 1, inside.n - 2 };

        if (inside.n == 0)
                hide(s, diag_add(s->ds, DIAG_BAD_SUBSTITUTION, at,
                                 "a name is missing between {{ and }}; write one"));
        else if (!is_name(inside))
                hide(s,
                     diag_add(s->ds, DIAG_BAD_SUBSTITUTION, at,
                              "'%.*s' is not a name; write only a name between {{ and }}", STR_ARG(inside)));
        else if (!(b = look_up(s, inside)))
                report_unknown(s, at, inside);
        return b ? value_of(s, at, b) : STR("");
}

/* Joins the parts to one text, if the limit allows. */
static struct str join(const struct scope *s, struct span at, const struct str *parts, size_t n) {
        size_t total = 0;

        for (size_t i = 0; i < n; i++)
                total += parts[i].n;
        if (total <= EXPANDED_MAX - s->budget->n) {
                s->budget->n += total;
                return arena_join_n(s->arena, parts, n);
        }

        if (!s->budget->is_exceeded)
                hide(s, diag_add(s->ds, DIAG_BAD_SUBSTITUTION, at,
                                 "with this, the texts with {{ }} in this definition are larger than 1 MiB; "
                                 "make them shorter"));
        s->budget->is_exceeded = true;
        return STR("");
}

static struct str replace(const struct scope *s, const struct node *node) {
        struct str rest = node->text;
        struct placeholder p;
        VEC(struct str) parts = { 0 };
        bool broken;

        while (substitute_next(node->text, &rest, &p, &broken)) {
                *vec_push(s->arena, &parts) = p.before;
                if (broken)
                        hide(s, diag_add(s->ds, DIAG_BAD_SUBSTITUTION, node->at,
                                         "a '{{' has no '}}'; close it, or write {{ '{{' }} for two braces"));
                else if (!str_is_absent(p.inside))
                        *vec_push(s->arena, &parts) = resolve(s, node->at, p.inside);
        }

        return join(s, node->at, parts.at, parts.n);
}

/* A copy of a text that is also replaced at its own place; errors are reported, and bytes counted, there
 * only. */
static struct str expand(const struct scope *s, struct str text, bool *ret_good) {
        struct diags unheard = { .arena = s->arena };
        struct budget budget = *s->budget;
        struct scope quiet = *s;

        *ret_good = true;
        if (str_find_str(text, STR("{{")) == text.n)
                return text;

        quiet.ds = &unheard;
        quiet.budget = &budget;
        text = replace(&quiet, &(struct node){ .text = text, .at = NOWHERE });
        *ret_good = unheard.n_errors == 0;
        return text;
}

/* Once it is good it stays; what was not known may be among the variables that come. */
static void settle(const struct scope *s, struct binding *b) {
        bool is_good;

        if (b->tried_with == s->bindings.n)
                return;

        b->tried_with = s->bindings.n;
        b->state = BINDING_OPEN;
        b->value = expand(s, b->raw, &is_good);
        if (b->state == BINDING_OPEN)
                b->state = is_good ? BINDING_READY : BINDING_RAW;
}

static struct node *walk(const struct scope *s, struct node *node);

static struct node *walk_list(const struct scope *s, struct node *node) {
        struct node *copy = arena_new(s->arena, struct node);

        *copy = *node;
        copy->items = arena_array(s->arena, node->n + 1, struct node *);
        for (size_t i = 0; i < node->n; i++)
                copy->items[i] = walk(s, node->items[i]);
        return copy;
}

static bool is_secret_key(const struct node *key) {
        return str_is(key->text, "env") || str_is(key->text, "config");
}

static struct node *walk_map(const struct scope *s, struct node *node) {
        struct node *copy = arena_new(s->arena, struct node);

        *copy = *node;
        copy->pairs = arena_array(s->arena, node->n + 1, struct pair);
        for (size_t i = 0; i < node->n; i++) {
                struct scope below = *s;

                below.is_secret = s->is_secret || is_secret_key(node->pairs[i].key);
                copy->pairs[i] = (struct pair){ node->pairs[i].key, walk(&below, node->pairs[i].value) };
        }
        return copy;
}

static struct node *walk(const struct scope *s, struct node *node) {
        struct node *copy;
        size_t n_errors;

        if (node->kind == NODE_LIST)
                return walk_list(s, node);
        if (node->kind == NODE_MAP)
                return walk_map(s, node);
        if (str_find_str(node->text, STR("{{")) == node->text.n)
                return node;

        copy = arena_new(s->arena, struct node);
        *copy = *node;
        n_errors = s->ds->n_errors;
        copy->text = replace(s, node);
        copy->plain = false;
        copy->is_refused = s->ds->n_errors > n_errors || s->budget->is_exceeded;
        return copy;
}

/* Each item of `services:` and its like is a scope of its own. */
static struct node *walk_parts(struct scope *s, struct node *list) {
        struct binding service = s->bindings.at[s->service_at], scale = s->bindings.at[s->service_at + 1];
        struct node *copy;
        bool is_good;

        if (list->kind != NODE_LIST)
                return walk(s, list);

        copy = arena_new(s->arena, struct node);
        *copy = *list;
        copy->items = arena_array(s->arena, list->n + 1, struct node *);
        for (size_t i = 0; i < list->n; i++) {
                s->bindings.at[s->service_at].value =
                        expand(s, scalar_of(list->items[i], "name", service.value), &is_good);
                s->bindings.at[s->service_at + 1].value =
                        expand(s, scalar_of(list->items[i], "scale", STR("1")), &is_good);
                copy->items[i] = walk(s, list->items[i]);
        }

        s->bindings.at[s->service_at] = service;
        s->bindings.at[s->service_at + 1] = scale;
        return copy;
}

/* Definitions had variables with these names before the names had a meaning. */
static bool may_redefine(const struct binding *b) {
        return b->value.n == 1 && mark_name(b->value.p[0]) && b->value.p[0] != INSTANCE_MARK;
}

static void bind_vars(struct scope *s, const struct node *vars) {
        if (!vars || vars->kind != NODE_MAP)
                return;

        s->vars = vars;
        for (size_t i = 0; i < vars->n; i++) {
                const struct node *key = vars->pairs[i].key;
                struct node *value = vars->pairs[i].value;
                struct binding *known = look_up(s, key->text);

                if (known && !may_redefine(known)) {
                        (void) diag_add(s->ds, DIAG_RESERVED_NAME, key->at,
                                        "the name '%.*s' is reserved; choose another", STR_ARG(key->text));
                        continue;
                }
                if (value->kind != NODE_SCALAR)
                        continue;

                value = walk(s, value); /* it may use those above it */
                if (known)
                        *known = (struct binding){ .name = key->text, .value = value->text };
                else
                        bind_variable(s, key->text, value->text);
        }
}

/* All variables are known; remaining errors are reported at the places that use them. */
static void settle_built_ins(struct scope *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (s->bindings.at[i].state == BINDING_RAW)
                        settle(s, &s->bindings.at[i]);
        for (size_t i = 0; i < n; i++)
                if (s->bindings.at[i].state == BINDING_RAW)
                        s->bindings.at[i].state = BINDING_READY;
}

struct node *substitute_definition(struct arena *a, struct diags *ds, struct str name, struct node *root) {
        struct budget budget = { 0 };
        struct scope s = { .arena = a, .ds = ds, .budget = &budget };
        size_t n_built_ins;
        struct node *copy;

        if (root->kind != NODE_MAP)
                return root;

        bind_built_ins(&s, name, root);
        n_built_ins = s.bindings.n;
        bind_vars(&s, node_get(root, "vars"));
        settle_built_ins(&s, n_built_ins);

        copy = arena_new(a, struct node);
        *copy = *root;
        copy->pairs = arena_array(a, root->n + 1, struct pair);
        for (size_t i = 0; i < root->n; i++) {
                struct node *key = root->pairs[i].key, *value = root->pairs[i].value;
                bool has_parts = str_is(key->text, "services") || str_is(key->text, "sidecars") ||
                                 str_is(key->text, "tasks") || str_is(key->text, "timers");

                /* Variables were replaced, and their errors reported, above. */
                s.is_secret = is_secret_key(key);
                if (!str_is(key->text, "vars"))
                        value = has_parts ? walk_parts(&s, value) : walk(&s, value);
                copy->pairs[i] = (struct pair){ key, value };
        }
        return copy;
}

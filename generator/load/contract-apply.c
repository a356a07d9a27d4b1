/* SPDX-License-Identifier: Apache-2.0 */

/* Values of `config:` into the variables that a contract names. */

#include "app/substitute.h"
#include "load/contract.h"

struct applying {
        struct world *w;
        struct app *app;
        const struct contract *contract;
        VEC(struct variable) variables;
};

static const struct config_entry *find_config(const struct app *app, struct env_name name) {
        LIST_EACH(entry, &app->config)
                if (str_eq(entry->key.text, name.text))
                        return entry;

        return NULL;
}

static bool holds(const struct applying *ap, const struct when_entry *when) {
        const struct contract_variable *other = contract_variable(ap->contract, when->key.text);
        const struct config_entry *entry = find_config(ap->app, when->key);

        return str_eq(entry   ? entry->value.text.text
                      : other ? other->def.text
                              : (struct str){ NULL, 0 },
                      when->value.text);
}

static bool is_in_force(const struct applying *ap, const struct contract_variable *v) {
        LIST_EACH(when, &v->when)
                if (!holds(ap, when))
                        return false;

        return true;
}

static bool is_required(const struct applying *ap, const struct contract_variable *v) {
        bool is_conditional = v->required_when.n > 0;

        LIST_EACH(when, &v->required_when)
                is_conditional = is_conditional && holds(ap, when);
        return v->required.yes || is_conditional;
}

/* Where a variable is not the first of a set. */
struct membership {
        const struct contract_set *set;   /* NULL for none */
        const struct config_entry *first; /* the key that puts the set in use; NULL if it is not in use */
        bool is_optional;
};

static bool is_among(const struct env_name *names, size_t n, struct env_name name) {
        for (size_t i = 0; i < n; i++)
                if (str_eq(names[i].text, name.text))
                        return true;

        return false;
}

static struct membership find_set(const struct applying *ap, const struct contract_variable *v) {
        LIST_EACH(set, &ap->contract->sets) {
                bool is_optional = is_among(set->optional.at, set->optional.n, v->name);

                if (set->variables.n > 0 &&
                    (is_optional || is_among(set->variables.at + 1, set->variables.n - 1, v->name)))
                        return (struct membership){ set, find_config(ap->app, set->variables.at[0]),
                                                    is_optional };
        }

        return (struct membership){ NULL, NULL, false };
}

static bool is_whole_number(struct str s) {
        struct str digits = str_has_prefix(s, STR("-")) ? str_from(s, 1) : s;

        return digits.n > 0 && str_is_made_of(digits, "0123456789");
}

/* An item with a comma would become two. */
static const char *list_rule(const struct value *value) {
        for (size_t i = 0; i < value->n_items; i++)
                if (str_find(value->items[i].text, ',') < value->items[i].text.n)
                        return "a list of texts without commas, because commas separate them";

        return NULL;
}

static const char *type_rule(enum contract_type type, const struct value *value) {
        struct str s = value->text.text;

        if (!str_is_absent(value->secret.text))
                return NULL;
        if (value->is_list)
                return type == CONTRACT_LIST ? list_rule(value) : "a single value";

        switch (type) {
        case CONTRACT_INTEGER:
                return is_whole_number(s) ? NULL : "a whole number";
        case CONTRACT_BOOLEAN:
                return str_is(s, "true") || str_is(s, "false") ? NULL : "true or false";
        case CONTRACT_URL:
                return type_accepts(KIND_URL, s) ? NULL : "a URL (SCHEME://HOST…)";
        case CONTRACT_STRING:
                return value->is_plain && type_is_ambiguous(s) ? "a text; put it in quotes" : NULL;
        case CONTRACT_LIST:
                return NULL;
        }

        return NULL;
}

static bool is_chosen(const struct contract_variable *v, struct str text) {
        LIST_EACH(choice, &v->choices)
                if (str_eq(choice->text, text))
                        return true;

        return false;
}

/* The value, or the item of a list, that is not allowed; absent if all are. */
static struct any_text find_unchosen(const struct contract_variable *v, const struct value *value) {
        for (size_t i = 0; i < value->n_items; i++)
                if (!is_chosen(v, value->items[i].text))
                        return value->items[i];

        return value->is_list || is_chosen(v, value->text.text) ? (struct any_text){ 0 } : value->text;
}

/* "a, b or c" */
static struct str join_choices(struct arena *a, const struct contract_variable *v) {
        struct str text = STR("");

        for (size_t i = 0; i < v->choices.n; i++)
                text = arena_join(a, text,
                                  i == 0                 ? STR("")
                                  : i + 1 < v->choices.n ? STR(", ")
                                                         : STR(" or "),
                                  v->choices.at[i].text);

        return text;
}

static bool check_value(struct applying *ap, const struct contract_variable *v,
                        const struct config_entry *entry) {
        const char *rule = type_rule((enum contract_type) v->type.index, &entry->value);
        struct any_text unchosen = { 0 };

        if (rule) {
                (void) diag_add(ap->w->ds, DIAG_CONFIG_TYPE, entry->value.at, "'%.*s' must be %s",
                                STR_ARG(v->name.text), rule);
                return false;
        }
        if (v->choices.n > 0 && str_is_absent(entry->value.secret.text))
                unchosen = find_unchosen(v, &entry->value);
        if (str_is_absent(unchosen.text))
                return true;

        if (v->secret.yes)
                (void) diag_add(ap->w->ds, DIAG_CONFIG_CHOICE, unchosen.at,
                                "invalid value for '%.*s'; the contract '%.*s' allows %.*s",
                                STR_ARG(v->name.text), STR_ARG(ap->contract->name.text),
                                STR_ARG(join_choices(ap->w->arena, v)));
        else
                (void) diag_add(ap->w->ds, DIAG_CONFIG_CHOICE, unchosen.at,
                                "invalid value '%.*s' for '%.*s'; the contract '%.*s' allows %.*s",
                                STR_ARG(unchosen.text), STR_ARG(v->name.text),
                                STR_ARG(ap->contract->name.text), STR_ARG(join_choices(ap->w->arena, v)));
        return false;
}

/* Values with secrets are composed once for all instances. */
static void refuse_mark(struct applying *ap, const struct contract_variable *v,
                        const struct config_entry *entry) {
        struct str text = entry->value.text.text;

        if (mark_name_in(text))
                (void) diag_add(ap->w->ds, DIAG_INSTANCE_NOT_HERE, entry->value.at,
                                "{{ %s }} cannot be used in a secret, or in a value that contains one",
                                mark_name_in(text));
}

/* A secret in clear in a file that all users can read. */
static void warn_readable(struct applying *ap, const struct contract_variable *v,
                          const struct config_entry *entry) {
        if (!v->secret.yes || str_is_absent(entry->value.text.text))
                return;

        VEC_EACH(file, &ap->w->public_files)
                if (*file == entry->value.at.file)
                        (void) diag_add(ap->w->ds, DIAG_READABLE_SECRET, entry->key.at,
                                        "'%.*s' is a secret, but every user can read this file; use {secret: "
                                        "NAME}, or run 'chmod o-r' on the file",
                                        STR_ARG(v->name.text));
}

static void set_pieces(struct variable *var, struct piece *pieces, size_t n) {
        var->pieces.at = pieces;
        var->pieces.n = n;
}

/* The text of a list: its items with commas between. */
static struct str join_items(struct arena *a, const struct value *value) {
        VEC(struct str) parts = { 0 };

        for (size_t i = 0; i < value->n_items; i++) {
                if (i > 0)
                        *vec_push(a, &parts) = STR(",");
                *vec_push(a, &parts) = value->items[i].text;
        }

        return arena_join_n(a, parts.at, parts.n);
}

/* The value behind `v`: a literal or a secret. False if it has no value. */
static bool value_of(struct applying *ap, const struct contract_variable *v, struct piece *ret) {
        const struct config_entry *entry = find_config(ap->app, v->name);

        *ret = (struct piece){ .literal = v->def.text };
        if (!is_in_force(ap, v))
                return false;
        if (!entry)
                return !str_is_absent(v->def.text);

        if (!str_is_absent(entry->value.secret.text))
                *ret = (struct piece){ .secret = entry->value.secret };
        else
                ret->literal = entry->value.is_list ? join_items(ap->w->arena, &entry->value)
                                                    : entry->value.text.text;
        return true;
}

/* A template while it is filled. */
struct filling {
        struct variable variable;
        const struct contract_variable *missing; /* one that has no value */
        const struct config_entry *given;        /* one that the definition gives */
        const struct config_entry *marked;       /* one with {{ instance }} or its like in it */
};

static void add_piece(struct applying *ap, struct variable *var, struct piece piece) {
        struct piece *fresh = arena_array(ap->w->arena, var->pieces.n + 1, struct piece);

        if (var->pieces.n > 0)
                memcpy(fresh, var->pieces.at, var->pieces.n * sizeof(struct piece));
        fresh[var->pieces.n] = piece;
        set_pieces(var, fresh, var->pieces.n + 1);
        var->is_secret = var->is_secret || !str_is_absent(piece.secret.text);
}

/* RFC 3986: all except unreserved bytes. A secret's content is encoded the same way when it is read. */
static struct str url_encode(struct arena *a, struct str text) {
        static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
        struct buf b = buf_in(a);

        for (size_t i = 0; i < text.n; i++) {
                char c = text.p[i];

                if (mark_name(c) || strchr(unreserved, c))
                        buf_put_char(&b, c);
                else
                        buf_put_percent(&b, c);
        }

        return buf_str(&b);
}

static void add_reference(struct applying *ap, struct filling *f, struct str inside) {
        struct contract_reference ref = contract_reference(ap->contract, inside);
        const struct config_entry *entry = find_config(ap->app, ref.variable->name);
        struct piece piece;

        if (entry)
                f->given = entry;
        if (!value_of(ap, ref.variable, &piece)) {
                f->missing = ref.variable;
                return;
        }
        if (entry && mark_name_in(piece.literal))
                f->marked = entry;

        if (ref.is_url_encoded && str_is_absent(piece.secret.text))
                piece.literal = url_encode(ap->w->arena, piece.literal);
        else
                piece.is_url_encoded = ref.is_url_encoded;
        piece.is_secret = ref.variable->secret.yes;
        add_piece(ap, &f->variable, piece);
        f->variable.is_secret = f->variable.is_secret || ref.variable->secret.yes;
}

/* Made of others, it is there when all of them have values. */
static void apply_template(struct applying *ap, const struct contract_variable *v) {
        struct filling f = { .variable = { .name = v->env, .is_secret = v->secret.yes } };
        struct str rest = v->template.text;
        struct placeholder p;
        bool broken;

        while (substitute_next(v->template.text, &rest, &p, &broken)) {
                if (p.before.n > 0)
                        add_piece(ap, &f.variable, (struct piece){ .literal = p.before });
                if (!str_is_absent(p.inside))
                        add_reference(ap, &f, p.inside);
        }

        if (f.variable.is_secret && f.marked)
                refuse_mark(ap, contract_variable(ap->contract, f.marked->key.text), f.marked);
        if (!f.missing)
                *vec_push(ap->w->arena, &ap->variables) = f.variable;
        else if (f.given && !is_required(ap, f.missing) && is_in_force(ap, f.missing))
                (void) diag_add(ap->w->ds, DIAG_CONFIG_MISSING, f.given->key.at,
                                "'%.*s' has an effect only with '%.*s', for %.*s; add that too",
                                STR_ARG(f.given->key.text), STR_ARG(f.missing->name.text),
                                STR_ARG(v->env.text));
}

/* It has neither a value nor a default. */
static void require(struct applying *ap, const struct contract_variable *v, const struct membership *in) {
        if (in->set && in->first && !in->is_optional)
                (void) diag_add(ap->w->ds, DIAG_CONFIG_MISSING, in->first->key.at,
                                "'%.*s' needs '%.*s' too (the set '%.*s' of the contract '%.*s'); add it",
                                STR_ARG(in->first->key.text), STR_ARG(v->name.text),
                                STR_ARG(in->set->name.text), STR_ARG(ap->contract->name.text));
        else if (is_required(ap, v) && (!in->set || in->first))
                (void) diag_add(ap->w->ds, DIAG_CONFIG_MISSING, ap->app->contract.at,
                                "the contract '%.*s' requires '%.*s'; add it to 'config:'%s%.*s%s",
                                STR_ARG(ap->contract->name.text), STR_ARG(v->name.text),
                                v->doc.text.n > 0 ? " (" : "", STR_ARG(v->doc.text),
                                v->doc.text.n > 0 ? ")" : "");
}

/* False if it is better left out. */
static bool check_entry(struct applying *ap, const struct contract_variable *v, const struct membership *in,
                        const struct config_entry *entry) {
        if (!check_value(ap, v, entry))
                return false;

        warn_readable(ap, v, entry);
        if (v->secret.yes)
                refuse_mark(ap, v, entry);
        if (in->set && !in->first)
                (void) diag_add(
                        ap->w->ds, DIAG_CONFIG_MISSING, entry->key.at,
                        "'%.*s' has no effect without '%.*s' (the set '%.*s'); add that too, or remove this",
                        STR_ARG(entry->key.text), STR_ARG(in->set->variables.at[0].text),
                        STR_ARG(in->set->name.text));
        return true;
}

static void apply_variable(struct applying *ap, const struct contract_variable *v) {
        struct membership in = find_set(ap, v);
        const struct config_entry *entry = find_config(ap->app, v->name);
        struct piece *piece;

        if (!is_in_force(ap, v))
                return;
        if (!str_is_absent(v->template.text)) {
                apply_template(ap, v);
                return;
        }
        if (!entry && str_is_absent(v->def.text)) {
                require(ap, v, &in);
                return;
        }
        if (entry && !check_entry(ap, v, &in, entry))
                return;
        /* A variable in a set that is not in use has no default. */
        if (!entry && in.set && !in.first)
                return;

        piece = arena_new(ap->w->arena, struct piece);
        if (!str_is_absent(v->env.text) && value_of(ap, v, piece))
                *vec_push(ap->w->arena, &ap->variables) = (struct variable){
                        .name = v->env,
                        .pieces = { piece, 1 },
                        .is_secret = v->secret.yes || !str_is_absent(piece->secret.text),
                };
}

static void refuse_key(struct applying *ap, const struct config_entry *entry, const struct str *names,
                       size_t n) {
        const struct contract_variable *v = contract_variable(ap->contract, entry->key.text);
        struct str hint =
                diag_hint(ap->w->arena, entry->key.text, names, n, STR("put other variables under 'env:'"));

        if (v)
                (void) diag_add(ap->w->ds, DIAG_CONFIG_UNKNOWN, entry->key.at,
                                "'%.*s' is made from other values by the contract '%.*s'; set those",
                                STR_ARG(entry->key.text), STR_ARG(ap->contract->name.text));
        else
                (void) diag_add(ap->w->ds, DIAG_CONFIG_UNKNOWN, entry->key.at,
                                "'%.*s' is not in the contract '%.*s'; %.*s", STR_ARG(entry->key.text),
                                STR_ARG(ap->contract->name.text), STR_ARG(hint));
}

static void check_keys(struct applying *ap) {
        struct str *names = arena_array(ap->w->arena, ap->contract->variables.n + 1, struct str);
        size_t n = 0;

        LIST_EACH(v, &ap->contract->variables)
                if (str_is_absent(v->template.text))
                        names[n++] = v->name.text;

        LIST_EACH(entry, &ap->app->config) {
                const struct contract_variable *v = contract_variable(ap->contract, entry->key.text);

                if (!v || !str_is_absent(v->template.text))
                        refuse_key(ap, entry, names, n);
        }
}

struct any_text contract_default(struct world *w, struct app *app, const struct contract *c,
                                 const struct contract_variable *v) {
        struct applying ap = { .w = w, .app = app, .contract = c };
        struct membership in = find_set(&ap, v);

        return !find_config(app, v->name) && is_in_force(&ap, v) && (!in.set || in.first)
                       ? v->def
                       : (struct any_text){ 0 };
}

void contract_apply(struct world *w, struct app *app, const struct contract *c, struct variable **ret,
                    size_t *ret_n) {
        struct applying ap = { .w = w, .app = app, .contract = c };

        check_keys(&ap);
        LIST_EACH(v, &c->variables)
                apply_variable(&ap, v);

        *ret = ap.variables.at;
        *ret_n = ap.variables.n;
}

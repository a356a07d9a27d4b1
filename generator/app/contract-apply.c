/* SPDX-License-Identifier: Apache-2.0 */

/* Values of `config:` into the variables that a contract names. */

#include "app/contract.h"
#include "app/substitute.h"

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

static const struct contract_variable *find_variable(const struct contract *c, struct str name) {
        LIST_EACH(v, &c->variables)
                if (str_eq(v->name.text, name))
                        return v;

        return NULL;
}

/* Where a missing value is to be added. */
static struct span config_span(const struct app *app) {
        return app->config.n > 0 ? app->config.at[0].key.at : app->contract.at;
}

static bool is_in_force(const struct applying *ap, const struct contract_variable *v) {
        LIST_EACH(when, &v->when) {
                const struct contract_variable *other = find_variable(ap->contract, when->key.text);
                const struct config_entry *entry = find_config(ap->app, when->key);
                struct str value = entry ? entry->value.text.text : other ? other->def.text : (struct str) { NULL, 0 };

                if (!str_eq(value, when->value.text))
                        return false;
        }

        return true;
}

/* The set in which `v` is not the first; NULL for none. */
static const struct contract_set *find_set(const struct contract *c, const struct contract_variable *v) {
        LIST_EACH(set, &c->sets)
                for (size_t i = 1; i < set->variables.n; i++)
                        if (str_eq(set->variables.at[i].text, v->name.text))
                                return set;

        return NULL;
}

static const char *type_rule(enum contract_type type, const struct value *value) {
        struct str s = value->text.text;

        if (!str_is_absent(value->secret.text))
                return NULL;
        if (value->is_list)
                return type == CONTRACT_LIST ? NULL : "a single value";

        switch (type) {
        case CONTRACT_INTEGER:
                return s.n > 0 && str_is_made_of(s, "0123456789") ? NULL : "a whole number";
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

static bool check_value(struct applying *ap, const struct contract_variable *v, const struct config_entry *entry) {
        const char *rule = type_rule((enum contract_type) v->type.index, &entry->value);
        struct diag *d;

        if (rule) {
                d = diag_add(ap->w->ds, DIAG_CONFIG_TYPE, entry->value.at, "%.*s must be %s", STR_ARG(v->name.text), rule);
                d->is_secret = v->secret.yes;
                return false;
        }
        if (v->choices.n == 0 || !str_is_absent(entry->value.secret.text))
                return true;

        LIST_EACH(choice, &v->choices)
                if (str_eq(choice->text, entry->value.text.text))
                        return true;

        d = diag_add(ap->w->ds, DIAG_CONFIG_CHOICE, entry->value.at, "%.*s is none of the values that the contract allows, such as '%.*s'",
                     STR_ARG(v->name.text), STR_ARG(v->choices.at[0].text));
        d->is_secret = v->secret.yes;
        return false;
}

/* A secret in clear in a file that everybody can read. */
static void warn_readable(struct applying *ap, const struct contract_variable *v, const struct config_entry *entry) {
        if (!v->secret.yes || str_is_absent(entry->value.text.text))
                return;

        VEC_EACH(file, &ap->w->public_files)
                if (*file == entry->value.at.file)
                        diag_add(ap->w->ds, DIAG_READABLE_SECRET, entry->key.at,
                                 "%.*s is a secret and stands in a file that every user can read; use {secret: NAME}, or run 'chmod o-r' on the file",
                                 STR_ARG(v->name.text))->is_secret = true;
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

/* What `v` stands for: a literal or a secret. False where it has no value. */
static bool value_of(struct applying *ap, const struct contract_variable *v, struct piece *ret) {
        const struct config_entry *entry = find_config(ap->app, v->name);

        *ret = (struct piece) { .literal = v->def.text };
        if (!entry)
                return !str_is_absent(v->def.text);

        if (!str_is_absent(entry->value.secret.text))
                *ret = (struct piece) { .secret = entry->value.secret };
        else
                ret->literal = entry->value.is_list ? join_items(ap->w->arena, &entry->value) : entry->value.text.text;
        return true;
}

static void add_piece(struct applying *ap, struct variable *var, struct piece piece) {
        struct piece *fresh = arena_array(ap->w->arena, var->pieces.n + 1, struct piece);

        if (var->pieces.n > 0)
                memcpy(fresh, var->pieces.at, var->pieces.n * sizeof(struct piece));
        fresh[var->pieces.n] = piece;
        set_pieces(var, fresh, var->pieces.n + 1);
        var->is_secret = var->is_secret || !str_is_absent(piece.secret.text);
}

/* {{ name }} or {{ name | urlencode }}. True where there is a value. */
static bool add_reference(struct applying *ap, struct variable *var, const struct contract_variable *v, struct str inside) {
        size_t bar = str_find(inside, '|');
        struct str name = str_trim((struct str) { inside.p, bar });
        struct str filter = bar < inside.n ? str_trim(str_from(inside, bar + 1)) : STR("");
        const struct contract_variable *other = find_variable(ap->contract, name);
        struct piece piece;

        if (!other || (filter.n > 0 && !str_is(filter, "urlencode"))) {
                (void) diag_add(ap->w->ds, DIAG_BAD_CONTRACT, v->template.at, "'{{ %.*s }}' names no variable of this contract; only 'urlencode' may follow a '|'", STR_ARG(inside));
                return false;
        }
        if (!value_of(ap, other, &piece))
                return false;

        piece.is_url_encoded = filter.n > 0;
        add_piece(ap, var, piece);
        var->is_secret = var->is_secret || other->secret.yes;
        return true;
}

static void apply_template(struct applying *ap, const struct contract_variable *v) {
        struct variable var = { .name = v->env, .is_secret = v->secret.yes };
        struct str rest = v->template.text;
        struct placeholder p;
        bool broken, has_value = false;

        while (substitute_next(v->template.text, &rest, &p, &broken)) {
                if (p.before.n > 0)
                        add_piece(ap, &var, (struct piece) { .literal = p.before });
                if (!str_is_absent(p.inside))
                        has_value = add_reference(ap, &var, v, p.inside) || has_value;
        }

        if (has_value)
                *vec_push(ap->w->arena, &ap->variables) = var;
}

static void require(struct applying *ap, const struct contract_variable *v, const struct contract_set *set) {
        const struct config_entry *first = set ? find_config(ap->app, set->variables.at[0]) : NULL;

        if (set && first)
                (void) diag_add(ap->w->ds, DIAG_CONFIG_MISSING, first->key.at, "%.*s needs %.*s too (the set '%.*s' of the contract '%.*s')",
                                STR_ARG(first->key.text), STR_ARG(v->name.text), STR_ARG(set->name.text), STR_ARG(ap->contract->name.text));
        else if (v->required.yes)
                (void) diag_add(ap->w->ds, DIAG_CONFIG_MISSING, config_span(ap->app), "%.*s is required by the contract '%.*s'; add it to 'config:'%s%.*s",
                                STR_ARG(v->name.text), STR_ARG(ap->contract->name.text), v->doc.text.n > 0 ? ": " : "", STR_ARG(v->doc.text));
}

static void apply_variable(struct applying *ap, const struct contract_variable *v) {
        const struct contract_set *set = find_set(ap->contract, v);
        const struct config_entry *entry = find_config(ap->app, v->name);
        struct piece *piece;

        if (!is_in_force(ap, v))
                return;
        if (!str_is_absent(v->template.text)) {
                apply_template(ap, v);
                return;
        }
        if (!entry && str_is_absent(v->def.text)) {
                require(ap, v, set);
                return;
        }
        if (entry && !check_value(ap, v, entry))
                return;
        if (entry)
                warn_readable(ap, v, entry);
        if (entry && set && !find_config(ap->app, set->variables.at[0]))
                (void) diag_add(ap->w->ds, DIAG_CONFIG_MISSING, entry->key.at, "%.*s has no effect without %.*s (the set '%.*s'); give that too, or remove this",
                                STR_ARG(entry->key.text), STR_ARG(set->variables.at[0].text), STR_ARG(set->name.text));

        piece = arena_new(ap->w->arena, struct piece);
        if (str_is_absent(v->env.text) || !value_of(ap, v, piece))
                return;
        /* The default of a variable in a set that is not in use is none. */
        if (!entry && set && !find_config(ap->app, set->variables.at[0]))
                return;

        *vec_push(ap->w->arena, &ap->variables) = (struct variable) {
                .name = v->env, .pieces = { piece, 1 }, .is_secret = v->secret.yes || !str_is_absent(piece->secret.text),
        };
}

static void check_keys(struct applying *ap) {
        struct str *names = arena_array(ap->w->arena, ap->contract->variables.n + 1, struct str), near;
        size_t n = 0;

        LIST_EACH(v, &ap->contract->variables)
                if (str_is_absent(v->template.text))
                        names[n++] = v->name.text;

        LIST_EACH(entry, &ap->app->config) {
                if (find_variable(ap->contract, entry->key.text))
                        continue;

                near = diag_nearest(entry->key.text, names, n);
                if (str_is_absent(near))
                        (void) diag_add(ap->w->ds, DIAG_CONFIG_UNKNOWN, entry->key.at, "'%.*s' is not in the contract '%.*s'; put what it does not know under 'env:'",
                                        STR_ARG(entry->key.text), STR_ARG(ap->contract->name.text));
                else
                        (void) diag_add(ap->w->ds, DIAG_CONFIG_UNKNOWN, entry->key.at, "'%.*s' is not in the contract '%.*s'; did you mean '%.*s'?",
                                        STR_ARG(entry->key.text), STR_ARG(ap->contract->name.text), STR_ARG(near));
        }
}

void contract_apply(struct world *w, struct app *app, const struct contract *c, struct variable **ret, size_t *ret_n) {
        struct applying ap = { .w = w, .app = app, .contract = c };

        check_keys(&ap);
        LIST_EACH(v, &c->variables)
                apply_variable(&ap, v);

        *ret = ap.variables.at;
        *ret_n = ap.variables.n;
}

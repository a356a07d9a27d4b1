/* SPDX-License-Identifier: Apache-2.0 */
#include "load/contract.h"

#include "app/substitute.h"
#include "base/fs.h"
#include "load/load.h"

static const struct field contract_variable_fields[] = {
        FIELD(contract_variable, name, "name",
              "Key under 'config:'. Default: the name of the environment variable."),
        FIELD(contract_variable, env, "env",
              "Environment variable. Without this key, the value is only for "
              "templates."),
        FIELD(contract_variable, type, "type", "Type of the value.",
              .choices = "string|integer|boolean|url|list", .def = "string"),
        FIELD(contract_variable, def, "default", "Value if none is given."),
        FIELD(contract_variable, template, "template",
              "Value made from others: text with {{ name }} or {{ name | urlencode }}."),
        FIELD(contract_variable, doc, "doc", "Purpose of the variable."),
        FIELD(contract_variable, required, "required", "Whether it must be given.", .def = "false"),
        FIELD_MAP(contract_variable, required_when, "required_when",
                  "Variables, and the values with which it must be given."),
        FIELD(contract_variable, secret, "secret", "Whether its value is kept out of units and messages.",
              .def = "false"),
        FIELD_LIST(contract_variable, choices, "choices", "The allowed values."),
        FIELD_MAP(contract_variable, when, "when",
                  "Variables, and the values that they must have for this one to be used."),
};
static SCHEMA(contract_variable, "One variable.");

static const struct field contract_set_fields[] = {
        FIELD(contract_set, name, "name", "Name of the set.", .flags = FIELD_REQUIRED),
        FIELD_LIST(contract_set, variables, "variables",
                   "The variables. If the first is set, all of them are required.", .flags = FIELD_REQUIRED),
        FIELD_LIST(contract_set, optional, "optional", "Additional variables that are not required."),
};
static SCHEMA(contract_set, "Variables that belong together.");

static const struct field contract_fields[] = {
        FIELD(contract, description, "description", "One line for people."),
        FIELD_STRUCTS(contract, variables, "variables", contract_variable_schema, "The variables.",
                      .flags = FIELD_REQUIRED),
        FIELD_STRUCTS(contract, sets, "sets", contract_set_schema, "Optional sets of variables."),
};
SCHEMA(contract, "A contract: the environment that an application expects.", .page = "pyservice-contract(5)");

const struct contract_variable *contract_variable(const struct contract *c, struct str name) {
        LIST_EACH(v, &c->variables)
                if (str_eq(v->name.text, name))
                        return v;

        return NULL;
}

static void name_variables(struct world *w, struct contract *c, const struct node *root) {
        const struct node *list = node_get(root, "variables");

        for (size_t i = 0; i < c->variables.n; i++) {
                struct contract_variable *v = &c->variables.at[i];
                struct span at = { list->items[i]->at.file, list->items[i]->at.off, 1 };

                if (str_is_absent(v->name.text) && str_is_absent(v->env.text))
                        (void) diag_add(w->ds, DIAG_BAD_CONTRACT, at,
                                        "a variable has neither 'name' nor 'env'; give it one of them");
                if (str_is_absent(v->name.text))
                        v->name = v->env;
                if (!str_is_absent(v->template.text) && str_is_absent(v->env.text))
                        (void) diag_add(w->ds, DIAG_BAD_CONTRACT, at,
                                        "a variable with a template needs 'env', the variable that it sets; "
                                        "add it");
                for (size_t k = 0; k < i; k++)
                        if (str_eq(c->variables.at[k].name.text, v->name.text))
                                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, v->name.at,
                                                "duplicate variable '%.*s'; remove one",
                                                STR_ARG(v->name.text));
        }
}

static void check_name(struct world *w, const struct contract *c, struct str name, struct span at) {
        if (!contract_variable(c, name))
                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, at,
                                "unknown variable '%.*s'; add it to 'variables:'", STR_ARG(name));
}

static void check_reference(struct world *w, const struct contract *c, const struct contract_variable *v,
                            struct str inside) {
        struct contract_reference ref = contract_reference(c, inside);

        if (!ref.variable)
                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, v->template.at,
                                "'{{ %.*s }}' names an unknown variable; add it to 'variables:'",
                                STR_ARG(inside));
        else if (!str_is_absent(ref.variable->template.text))
                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, v->template.at,
                                "'{{ %.*s }}' names another template; write its text here", STR_ARG(inside));
        else if (ref.is_wrong)
                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, v->template.at,
                                "invalid expression '{{ %.*s }}'; only '| urlencode' may follow a name",
                                STR_ARG(inside));
}

static void check_template(struct world *w, const struct contract *c, const struct contract_variable *v) {
        struct str rest = v->template.text;
        struct placeholder p;
        bool broken;

        while (substitute_next(v->template.text, &rest, &p, &broken)) {
                if (broken)
                        (void) diag_add(w->ds, DIAG_BAD_CONTRACT, v->template.at,
                                        "a '{{' has no '}}'; close it");
                else if (!str_is_absent(p.inside))
                        check_reference(w, c, v, p.inside);
        }
}

/* Rules for a contract itself, before any definition uses it. */
static void check_contract(struct world *w, struct contract *c, const struct node *root) {
        name_variables(w, c, root);
        LIST_EACH(v, &c->variables) {
                check_template(w, c, v);
                LIST_EACH(when, &v->when)
                        check_name(w, c, when->key.text, when->key.at);
                LIST_EACH(when, &v->required_when)
                        check_name(w, c, when->key.text, when->key.at);
        }
        LIST_EACH(set, &c->sets) {
                LIST_EACH(name, &set->variables)
                        check_name(w, c, name->text, name->at);
                LIST_EACH(name, &set->optional)
                        check_name(w, c, name->text, name->at);
        }
}

struct contract_reference contract_reference(const struct contract *c, struct str inside) {
        size_t bar = str_find(inside, '|');
        struct str filter = bar < inside.n ? str_trim(str_from(inside, bar + 1)) : STR("");

        return (struct contract_reference){
                .variable = contract_variable(c, str_trim((struct str){ inside.p, bar })),
                .is_url_encoded = str_is(filter, "urlencode"),
                .is_wrong = bar < inside.n && !str_is(filter, "urlencode"),
        };
}

/* NULL if there is no such file. */
static struct contract *read_contract(struct world *w, struct str path, struct name name) {
        struct contract *c = arena_new(w->arena, struct contract);
        size_t errors = w->ds->n_errors;
        struct node *root = NULL;
        uint32_t file;

        if (world_read(w, path, &root, &file) < 0)
                return NULL;

        *c = (struct contract){ .name = name, .path = path };
        if (root)
                schema_decode(w->arena, w->ds, &contract_schema, root, c);
        if (root && w->ds->n_errors == errors)
                check_contract(w, c, root);

        schema_apply_defaults(w->arena, &contract_schema, c);
        c->is_broken = !root || w->ds->n_errors > errors;
        return c;
}

static void report_unknown(struct world *w, struct name name) {
        struct str names[64], hint;
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(w->places.contracts); i++) {
                struct fs_names files = { 0 };

                if (str_is_absent(w->places.contracts[i]) ||
                    fs_list(w->arena, w->root, w->places.contracts[i].p + 1, &files) < 0)
                        continue;
                VEC_EACH(file, &files.list)
                        if (str_has_suffix(*file, STR(".yaml")) && n < ARRAY_SIZE(names))
                                names[n++] = (struct str){ file->p, file->n - 5 };
        }

        hint = diag_hint(w->arena, name.text, names, n,
                         arena_join(w->arena, STR("write one to "), w->places.contracts[0], STR("/"),
                                    name.text, STR(".yaml")));
        (void) diag_add(w->ds, DIAG_UNKNOWN_CONTRACT, name.at, "unknown contract '%.*s'; %.*s",
                        STR_ARG(name.text), STR_ARG(hint));
}

static struct contract *find_or_read(struct world *w, struct name name) {
        VEC_EACH(known, &w->contracts)
                if (str_eq((*known)->name.text, name.text))
                        return *known;

        for (size_t i = 0; i < ARRAY_SIZE(w->places.contracts) && !str_is_absent(w->places.contracts[i]);
             i++) {
                struct str path =
                        arena_join(w->arena, w->places.contracts[i], STR("/"), name.text, STR(".yaml"));
                struct contract *c = read_contract(w, path, name);

                if (c) {
                        *vec_push(w->arena, &w->contracts) = c;
                        return c;
                }
        }

        return NULL;
}

struct contract *contract_find(struct world *w, struct name name) {
        struct contract *c = find_or_read(w, name);

        if (!c)
                report_unknown(w, name);
        else if (c->is_broken)
                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, name.at, "the contract '%.*s' has errors; fix %.*s",
                                STR_ARG(name.text), STR_ARG(c->path));

        return c && !c->is_broken ? c : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/contract.h"

#include <errno.h>

#include "base/fs.h"

static const struct field contract_variable_fields[] = {
        FIELD(contract_variable, name, "name", "Key under 'config:'; the environment variable's name where it is not given."),
        FIELD(contract_variable, env, "env", "Environment variable; without, the value is only for templates."),
        FIELD(contract_variable, type, "type", "What a value may be.", .choices = "string|integer|boolean|url|list", .def = "string"),
        FIELD(contract_variable, def, "default", "Value where none is given."),
        FIELD(contract_variable, template, "template", "Value made of others: text with {{ name }} or {{ name | urlencode }}."),
        FIELD(contract_variable, doc, "doc", "What it is for."),
        FIELD(contract_variable, required, "required", "Whether it must be given.", .def = "false"),
        FIELD(contract_variable, secret, "secret", "Whether its value is kept out of units and messages.", .def = "false"),
        FIELD_LIST(contract_variable, choices, "choices", "The values that are allowed."),
        FIELD_MAP(contract_variable, when, "when", "Counts only if that variable has that value."),
};
static SCHEMA(contract_variable, "One variable.");

static const struct field contract_set_fields[] = {
        FIELD(contract_set, name, "name", "Name of the set.", .flags = FIELD_REQUIRED),
        FIELD_LIST(contract_set, variables, "variables", "The first says that the set is in use; then all are required.", .flags = FIELD_REQUIRED),
        FIELD_LIST(contract_set, optional, "optional", "Further ones that are not required."),
};
static SCHEMA(contract_set, "Variables that belong together.");

static const struct field contract_fields[] = {
        FIELD(contract, description, "description", "One line for people."),
        FIELD_STRUCTS(contract, variables, "variables", contract_variable_schema, "The variables.", .flags = FIELD_REQUIRED),
        FIELD_STRUCTS(contract, sets, "sets", contract_set_schema, "Optional sets of variables."),
};
SCHEMA(contract, "A contract: the environment that an application expects.");

static struct contract *read_contract(struct world *w, struct str path, struct name name) {
        struct contract *c = arena_new(w->arena, struct contract);
        size_t errors = w->ds->n_errors;
        struct node *root = NULL;
        uint32_t file;
        int r = world_read(w, path, &root, &file);

        if (r < 0)
                return NULL;

        *c = (struct contract) { .name = name, .path = path };
        if (root) {
                schema_decode(w->arena, w->ds, &contract_schema, root, c);
                schema_apply_defaults(w->arena, &contract_schema, c);
        }

        LIST_EACH(v, &c->variables)
                if (str_is_absent(v->name.text) && str_is_absent(v->env.text) && root)
                        (void) diag_add(w->ds, DIAG_BAD_CONTRACT, root->at, "a variable has neither 'name' nor 'env'; give it one of them");
                else if (str_is_absent(v->name.text))
                        v->name = v->env;

        if (!root || w->ds->n_errors > errors) {
                (void) diag_add(w->ds, DIAG_BAD_CONTRACT, name.at, "the contract '%.*s' has mistakes; mend %.*s", STR_ARG(name.text), STR_ARG(path));
                return NULL;
        }
        return c;
}

static void report_unknown(struct world *w, struct name name) {
        struct str names[64], near;
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(w->places.contracts); i++) {
                struct fs_names files = { 0 };

                if (str_is_absent(w->places.contracts[i]) ||
                    fs_list(w->arena, w->root, w->places.contracts[i].p + 1, &files) < 0)
                        continue;
                VEC_EACH(file, &files.list)
                        if (str_has_suffix(*file, STR(".yaml")) && n < ARRAY_SIZE(names))
                                names[n++] = (struct str) { file->p, file->n - 5 };
        }

        near = diag_nearest(name.text, names, n);
        if (str_is_absent(near))
                (void) diag_add(w->ds, DIAG_UNKNOWN_CONTRACT, name.at, "there is no contract '%.*s'; write one to %.*s/%.*s.yaml", STR_ARG(name.text),
                                STR_ARG(w->places.contracts[0]), STR_ARG(name.text));
        else
                (void) diag_add(w->ds, DIAG_UNKNOWN_CONTRACT, name.at, "there is no contract '%.*s'; did you mean '%.*s'?", STR_ARG(name.text), STR_ARG(near));
}

struct contract *contract_find(struct world *w, struct name name) {
        VEC_EACH(known, &w->contracts)
                if (str_eq((*known)->name.text, name.text))
                        return *known;

        for (size_t i = 0; i < ARRAY_SIZE(w->places.contracts) && !str_is_absent(w->places.contracts[i]); i++) {
                struct str path = arena_join(w->arena, w->places.contracts[i], STR("/"), name.text, STR(".yaml"));
                size_t before = w->sources->list.n;
                struct contract *c = read_contract(w, path, name);

                if (c)
                        *vec_push(w->arena, &w->contracts) = c;
                if (c || w->sources->list.n > before)
                        return c;
        }

        report_unknown(w, name);
        return NULL;
}

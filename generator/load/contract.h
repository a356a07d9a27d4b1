/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Contracts: the environment that an application expects, described once for all its users.
 *
 * A contract is a YAML file NAME.yaml in /etc/pyservice/contracts or /usr/share/pyservice/contracts. A
 * definition names it and gives values under `config:`; the contract defines which are required and which
 * variables they become. */

#include "app/world.h"

enum contract_type { CONTRACT_STRING, CONTRACT_INTEGER, CONTRACT_BOOLEAN, CONTRACT_URL, CONTRACT_LIST };

struct when_entry {
        struct env_name key;
        struct any_text value;
};

struct contract_variable {
        struct env_name name,
                env; /* name: the key in `config:`; env: what the container gets; one at least */
        struct choice type;
        struct any_text def, template, doc;
        struct flag required, secret;
        LIST(struct any_text) choices;
        LIST(struct when_entry) when, required_when;
};

struct contract_set {
        struct name name;
        LIST(struct env_name) variables, optional;
};

struct contract {
        struct name name;
        struct str path;
        struct text description;
        LIST(struct contract_variable) variables;
        LIST(struct contract_set) sets;
        bool is_broken;
};

extern const struct schema contract_schema;

/* The contract `name`, read once per run. Unknown or broken: reported at the name, NULL. */
struct contract *contract_find(struct world *w, struct name name);

/* The variable whose key under `config:` is `name`; NULL if there is none. */
const struct contract_variable *contract_variable(const struct contract *c, struct str name);

/* "name" or "name | urlencode", as it stands between the braces of a template. */
struct contract_reference {
        const struct contract_variable *variable; /* NULL if there is none */
        bool is_url_encoded, is_wrong;            /* wrong: something else follows the name */
};

struct contract_reference contract_reference(const struct contract *c, struct str inside);

/* The value that applies if `config:` has none; absent for none. */
struct any_text contract_default(struct world *w, struct app *app, const struct contract *c,
                                 const struct contract_variable *v);

/* Turns `config:` into variables. Errors are reported at the lines of the definition. */
void contract_apply(struct world *w, struct app *app, const struct contract *c, struct variable **ret,
                    size_t *ret_n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of `import compose` share. The Compose Specification is at compose-spec.io. */

#include "import/import.h"

struct compose {
        struct draft draft;
        const struct node *root; /* of the file */
        bool needs_network;      /* several containers, which find one another by name */
        struct str *names;       /* of the parts, as `services` has them */
        bool *is_mentioned;      /* … and which of the names stand in values that nothing was done with */
};

/* A text with ${VARIABLE} as {{ VARIABLE }}; absent for what is none. */
struct str compose_text(struct compose *c, const struct node *n);
struct str compose_expand(struct compose *c, struct str text, struct span at);

/* A text in which the names of other services are those that their containers have here. `is_host`: it may
 * be nothing but such a name. */
struct str compose_hosts(struct compose *c, struct draft_part *p, struct str text, bool is_host,
                         const struct node *at);

/* What compose_hosts() was not sure of. */
void compose_note_hosts(struct compose *c);

/* Is it nothing but a variable without a default? Gives its name. */
bool compose_is_variable(struct str text, struct str *ret_name);

/* A path of the machine, from `n`; absent, with a note, where it is in somebody's home directory. */
struct str compose_path(struct compose *c, struct draft_part *p, struct str path, const struct node *n);

/* PASSWORD, API_KEY, TOKEN … */
bool compose_is_secretive(struct str name);

/* 512m, 1gb → 512M, 1G. */
struct str compose_size(struct compose *c, struct str text);

/* The name of the part that a service becomes. */
struct str compose_name(const struct compose *c, struct str service);

/* What a service of the file is here. */
enum part_kind compose_kind(const struct compose *c, struct str name);

/* A list, or a map as KEY=VALUE: calls `put` for each key and value; the value is NULL where there is
 * none. */
typedef void (*compose_pair)(struct compose *c, struct draft_part *p, struct str key,
                             const struct node *value);
void compose_pairs(struct compose *c, struct draft_part *p, const struct node *n, compose_pair put);

/* Keys of a service. */
typedef void (*compose_put)(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_environment(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_env_file(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_ports(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_expose(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_volumes(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_networks(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_network_mode(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_secrets(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_configs(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_depends_on(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_healthcheck(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_deploy(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_restart(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_build(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_ulimits(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_limit(struct compose *c, struct draft_part *p, const char *key, const struct node *n);

/* `volumes:` and `networks:` at the top of the file. */
void compose_put_top(struct compose *c);

/* "could not be carried over", with what it says. */
void compose_drop(struct compose *c, struct draft_part *p, const char *key, const struct node *n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of `import compose`. The Compose Specification is at compose-spec.io. */

#include "import/import.h"

/* One that an environment file sets. */
struct compose_variable {
        struct str name, value;
        bool is_secret;  /* it looks like one, or its value is made of one */
        bool is_misread; /* Podman takes another value from the same file */
};

struct compose {
        struct draft draft;
        const struct node *root;               /* of the file */
        bool needs_network;                    /* several containers, which find one another by name */
        struct str *names;                     /* of the parts, as `services` has them */
        const struct pair *service;            /* the one that is carried over */
        const char *placeholder;               /* of a value that no file has; NULL: CHANGE-ME */
        struct str unset, unstarted, files;    /* for one note each, quoted */
        VEC(struct compose_variable) env;      /* the last one of a name counts */
        VEC(struct compose_variable) of_files; /* of `env_file` of the service, in the same way */
        struct str left_out;                   /* services, with their profiles; absent for none */
};

/* The files of --env-file, or else .env in the directory of the file `beside`, if there is one. Returns 0, or
 * an exit status after reporting why. */
int compose_read_env(struct compose *c, struct import *m, const char *beside);

/* A file of variables that apply if no other file sets them. */
int compose_read_defaults(struct compose *c, struct import *m, struct str path);

/* Adds the variables of an `env_file` to c->of_files; none of a file that cannot be read. */
void compose_read_for_podman(struct compose *c, struct str path);

/* NULL if no environment file sets it. */
const struct compose_variable *compose_variable(const struct compose *c, struct str name);

/* A text with the values of its variables, of which those that are not set are empty, as the value of *ret;
 * is_secret is set if one of them is a secret. Returns NULL, or the error. */
const char *compose_value(struct compose *c, struct str text, struct compose_variable *ret);

/* Reads the files of the command line, and all that they include and extend, as one: c->root. Returns 0, or
 * an exit status after reporting why. */
int compose_load(struct compose *c, struct import *m);

/* A text with ${VARIABLE} as {{ VARIABLE }}; absent if the node is not a text. */
struct str compose_text(struct compose *c, const struct node *n);
struct str compose_expand(struct compose *c, struct str text, struct span at);

/* {{ NAME }} for a variable of the environment files, or its value if a definition cannot have that variable.
 * A secret has to be written by hand. */
struct str compose_known(struct compose *c, const struct compose_variable *v, struct span at);

/* Like compose_text(), for a value that is one of a few words: a definition cannot have a variable there. */
struct str compose_choice(struct compose *c, struct draft_part *p, const struct node *n);

/* True for a flag that is set, by a variable too; false for NULL. */
bool compose_is_true(struct compose *c, struct draft_part *p, const struct node *n);

/* Adds a name to a list for a note. */
void compose_enumerate(struct compose *c, struct str *list, struct str name);

/* One of `services:`; NULL for none. */
const struct node *compose_service(const struct compose *c, struct str name);

/* True if the labels of the service have a route for Traefik or Caddy. */
bool compose_has_route(const struct node *service);

/* The labels of the service: routes become `proxy:`. */
void compose_put_labels(struct compose *c, struct draft_part *p, const struct node *n);

/* True if it is only a variable, and no default of the file is used; returns its name. */
bool compose_is_variable(const struct compose *c, struct str text, struct str *ret_name);

/* True for a variable without a value, like ${NAME:-}, and for an empty text. */
bool compose_is_empty(const struct compose *c, struct str text);

/* A path that begins with a variable, with its value if that is relative: Compose takes it from the directory
 * of the file. A '/' that would be there twice is there once. */
struct str compose_unfold(const struct compose *c, struct str path);

/* A path with the value of the variable that it begins with. */
struct str compose_with_value(const struct compose *c, struct str path);

/* A path of the machine, from `n`; absent, with a note, if it is in a home directory. */
struct str compose_path(struct compose *c, struct draft_part *p, struct str path, const struct node *n);

/* 512m, 1gb → 512M, 1G. */
struct str compose_size(struct compose *c, struct str text);

/* The name of the part that a service becomes. */
struct str compose_name(const struct compose *c, struct str service);

/* The part that a service of the file becomes. */
enum part_kind compose_kind(const struct compose *c, struct str name);

/* A list, or a map as KEY=VALUE: calls `put` for each key and value; the value is NULL if there is none. Keys
 * of a list have the values of their variables. */
typedef void (*compose_pair)(struct compose *c, struct draft_part *p, struct str key,
                             const struct node *value);
void compose_pairs(struct compose *c, struct draft_part *p, const struct node *n, compose_pair put);

/* Keys of a service. */
typedef void (*compose_put)(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_environment(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_env_file(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_misread(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_ports(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_expose(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_volumes(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_aliases(struct compose *c, struct draft_part *p);
void compose_put_networks(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_network_mode(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_secrets(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_configs(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_depends_on(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_healthcheck(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_deploy(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_restart(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_build(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_devices(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_hosts(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_sysctls(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_ulimits(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_shm_size(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_gpus(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_logging(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_security(struct compose *c, struct draft_part *p, const struct node *n);
void compose_put_limit(struct compose *c, struct draft_part *p, const char *key, const struct node *n);

/* The value of `key` if it is true, and a text or a list of them. */
void compose_put_flag(struct compose *c, struct draft_part *p, const char *key, const struct node *n);
void compose_put_texts(struct compose *c, struct draft_part *p, const char *key, const struct node *n);

/* A key that becomes a raw key of the part; false if it does not. */
bool compose_put_raw(struct compose *c, struct draft_part *p, struct str key, const struct node *n);

/* `volumes:` and `networks:` at the top of the file. */
void compose_put_top(struct compose *c);

/* Reports an error without the line that it is in; gives CTL_ERROR. */
int compose_fail(const struct compose *c, struct span at, const char *format, ...) PRINTF_LIKE(3, 4);

/* "could not be carried over", with the text of the key. */
void compose_drop(struct compose *c, struct draft_part *p, const char *key, const struct node *n);

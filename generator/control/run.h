/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl run, exec, shell: what is started by hand, and commands in what runs. */

#include "ctl/target.h"
#include "model/facts.h"
#include "systemd/bus-exec.h"

/* The one target of a verb, and what is known of its app. */
struct aim {
        struct targets targets;
        struct facts facts;
        struct target target;
        const struct fact_app *app;
        const struct fact_part *part; /* the target's; else the first service or part; NULL if it has none */
};

/* Opens the target c->argv[0]. Returns 0, or an exit status after reporting why; close it in any case. */
int aim_open(struct ctl *c, const char *word, struct aim *ret);
void aim_close(struct aim *aim);

/* Reports that the verb needs root, if it does. Returns 0 or an exit status. */
int run_check_root(struct ctl *c, const char *verb);

/* "pyservicectl run APP TASK": starts the unit, shows its output, returns its exit status. */
int run_task(struct ctl *c, const struct aim *aim);

struct once_variable {
        struct str name, value;
};

/* A container that is like a part's own, and is not kept. */
struct once {
        struct ctl *c;
        struct str unit;
        struct bus_exec exec; /* how systemd starts it */
        struct str image;
        struct str name;                     /* of the container: APP-run-XXXX */
        struct str runtime;                  /* "/run", or the user's */
        struct str directory;                /* of its secrets */
        VEC(struct once_variable) variables; /* that secrets are part of */
        bool has_terminal;
        const char *const *command; /* n_command words */
        size_t n_command;
};

/* "pyservicectl run APP -- COMMAND". */
int run_once(struct ctl *c, const struct aim *aim);

/* The arguments of podman, NULL at their end; NULL if the unit's own are not understood. */
const char **once_argv(const struct once *o);

/* systemd's property of the part's unit, and a name. Returns 0 or an exit status. */
int once_open(struct ctl *c, const struct aim *aim, struct once *ret);

/* Makes its secrets ready, as the unit's own start does; then it has the variables. Returns 0 or an exit
 * status. */
int once_prepare(struct once *o);

/* Who sees to it that neither the container nor its secrets are left when this program is killed. Negative
 * errno. */
struct guard {
        int end;
        int process;
};

int guard_start(const struct once *o, struct guard *ret);
void guard_end(struct guard *g);

/* True if there is a terminal at both ends. */
bool run_has_terminal(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl: what all verbs share: the command line, and the manager that it means.
 *
 * Exit statuses: 0 good, 1 an error of the user, 2 wrong usage, 3 of status: not as declared, 111 the
 * system failed. */

#include <stdio.h>

#include "app/world.h"
#include "base/buf.h"

enum { CTL_GOOD = 0, CTL_ERROR = 1, CTL_USAGE = 2, CTL_NOT_AS_DECLARED = 3, CTL_LOST = 3 };

struct option_given {
        const char *name, *value;
};

struct ctl {
        struct arena arena;
        VEC(struct option_given) given; /* the options of the command line */
        const char *root;               /* "/" */
        const char *hosts, *parallel;   /* other machines, and on how many at once; or NULL */
        bool is_json, no_pager;
        bool is_user;   /* the user's own applications */
        bool is_sure;   /* no prompts */
        bool no_follow; /* does not wait for the end of a rollout */
        bool is_help, is_version;
        uint64_t settles; /* when the generator takes every file as it is: CLOCK_REALTIME */
        char **command;   /* the whole command line */
        int argc;         /* what follows the verb */
        char **argv;
        int n_tail;              /* how many of these stand after "--"; -1 without it */
        const struct verb *verb; /* that was given */
        const struct verb *verbs;
        size_t n_verbs;
};

/* The purpose of a verb: the help lists verbs by it, in this order. */
enum verb_task {
        VERB_LOOK,
        VERB_WRITE,
        VERB_DEPLOY,
        VERB_RUN,
        VERB_FIX,
        VERB_CONVERT,
        VERB_HELP,
        VERB_INTERNAL, /* called by programs; the help does not list it */
};

/* The applications that a verb works on. */
enum verb_apps {
        VERB_APPS_ALL,
        VERB_APPS_DEFINED, /* those with a definition */
        VERB_APPS_GONE,    /* those without */
};

/* An option of one verb; its value goes to one of the two places, or stays in ctl->given without a place. An
 * empty row is the end of a table. */
struct option_row {
        const char *name;
        const char *argument; /* behind '='; NULL for a flag */
        const char *doc;
        bool *flag;
        const char **text;
        char letter;      /* 0 for none */
        bool is_internal; /* given by programs; the help does not list it */
};

/* An option that is given and neither among `common` (of struct ctl; names between blanks) nor in `own` is
 * refused; --help, --version and --no-pager belong to every verb. */
struct verb {
        enum verb_task task;
        const char *name, *arguments;
        const char *doc;   /* one line */
        const char *about; /* more lines for the help of the verb; NULL for none */
        const char *example, *common;
        const struct option_row *own; /* NULL for none */
        int (*run)(struct ctl *c);    /* gives the exit status */
        enum verb_apps apps;
        int n_words; /* then a command of the user begins, whose options are its own; 0: only behind "--" */
        bool is_interactive;    /* may ask, draw, follow, or read standard input */
        bool takes_definitions; /* files among its words */
};

/* The directories of the selected manager. Returns 0, or an exit status after reporting why. */
int ctl_places(struct ctl *c, struct places *ret);

/* Makes systemd read all units again, if they belong to the running system. Returns 0 or an exit status. */
int ctl_reload(struct ctl *c);

/* The path of this program, for a unit that is to continue with something. */
struct str ctl_self(struct ctl *c);

/* Runs systemctl with these words (NULL at their end) for the manager that is meant. */
int ctl_systemctl(struct ctl *c, const char *const *words);

/* Writes all of it; returns the exit status, after reporting a failure. */
int ctl_write(FILE *out, struct str text);

/* Reports what is wrong with the command line, and names the help of the verb; gives CTL_USAGE. */
PRINTF_LIKE(2, 3) int ctl_usage(const struct ctl *c, const char *format, ...);

/* Reports that the word behind the verb is missing or unknown, and which ones exist; gives CTL_USAGE. */
int ctl_unknown_subcommand(const struct ctl *c, const char *expected);

/* "pyservicectl: CONTEXT: error", for a negative errno; gives EXIT_SYSTEM. */
int ctl_fail(const char *context, int r);

/* Like ctl_fail(), for an answer of systemd that did not come. */
int ctl_fail_systemd(int r);

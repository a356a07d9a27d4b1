/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl: what all verbs share: the command line, and the manager that it means.
 *
 * Exit statuses: 0 good, 1 an error of the user, 2 wrong usage, 3 of status: not as declared, 111 the
 * system failed. */

#include <stdio.h>

#include "app/world.h"
#include "base/buf.h"

enum { CTL_GOOD = 0, CTL_MISTAKE = 1, CTL_USAGE = 2, CTL_NOT_AS_DECLARED = 3 };

struct ctl {
        struct arena arena;
        uint32_t given;   /* a bit for each option that was given */
        const char *root; /* "/" */
        bool is_json, no_pager;
        bool is_user;   /* the user's own applications */
        bool is_sure;   /* asks nothing */
        bool no_follow; /* does not wait for the end of a rollout */
        bool is_help, is_version;
        bool is_local, is_auto;              /* update */
        bool is_man, is_dictionary, is_keys; /* schema */
        bool has_diff;                       /* plan, apply */
        bool is_runtime;                     /* scale, set */
        bool is_lasting, is_now;             /* stop, start */
        bool follows;                        /* logs */
        bool reveals;                        /* env */
        const char *output;                  /* render */
        const char *timeout;                 /* try */
        const char *image;                   /* new */
        const char *since, *lines;           /* logs */
        uint64_t settles; /* when the generator takes every file as it is: CLOCK_REALTIME */
        int argc;         /* what follows the verb */
        char **argv;
        int n_tail; /* how many of these stand after "--"; -1 without it */
        const struct verb *verbs;
        size_t n_verbs;
};

/* One that is given and not among `options` (names between blanks) is refused; --help, --version and
 * --no-pager are everybody's. */
struct verb {
        const char *name, *arguments, *doc, *options;
        int (*run)(struct ctl *c); /* gives the exit status */
};

/* The places of the manager that is meant. Gives 0, or an exit status after having said why. */
int ctl_places(struct ctl *c, struct places *ret);

/* Has systemd read all units anew, where these are the running system's. Gives 0 or an exit status. */
int ctl_reload(struct ctl *c);

/* The path of this program, for a unit that is to go on with something. */
struct str ctl_self(struct ctl *c);

/* Runs systemctl with these words (NULL at their end) for the manager that is meant. */
int ctl_systemctl(struct ctl *c, const char *const *words);

/* Writes all of it; gives the exit status, after having said what went wrong. */
int ctl_write(FILE *out, struct str text);

/* Reports that the word behind `verb` is missing or unknown, and which ones exist; gives CTL_USAGE. */
int ctl_unknown_subcommand(const struct ctl *c, const char *verb, const char *expected);

/* "pyservicectl: CONTEXT: error", for a negative errno; gives EXIT_SYSTEM. */
int ctl_fail(const char *context, int r);

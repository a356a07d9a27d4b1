/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl: what all verbs share. Each verb is one file and one row of the table in programs/pyservicectl.c.
 *
 * Exit statuses: 0 good, 1 the user's mistake, 2 wrong usage, 3 of status: not as declared, 111 the system failed. */

#include <stdio.h>

#include "app/load.h"
#include "base/buf.h"

enum { CTL_GOOD = 0, CTL_MISTAKE = 1, CTL_USAGE = 2, CTL_NOT_AS_DECLARED = 3 };

struct ctl {
        struct arena arena;
        uint32_t given;                 /* a bit for each option that was given */
        const char *root;               /* "/" */
        bool is_json, no_pager;
        bool is_user;                   /* the user's own applications */
        bool is_sure;                   /* asks nothing */
        bool no_follow;                 /* does not wait for the end of a rollout */
        bool is_help, is_version;
        bool is_local, is_auto;         /* update */
        bool is_man, is_dictionary, is_keys;    /* schema */
        bool has_diff;                  /* plan, apply */
        bool is_runtime;                /* scale, set */
        bool is_lasting, is_now;        /* stop, start */
        bool follows;                   /* logs */
        bool reveals;                   /* env */
        const char *output;             /* render */
        const char *timeout;            /* try */
        const char *image;              /* new */
        const char *since, *lines;      /* logs */
        uint64_t settles;               /* when the generator takes every file as it is: CLOCK_REALTIME */
        int argc;                       /* what follows the verb */
        char **argv;
        int n_tail;                     /* how many of these stand after "--"; -1 without it */
        const struct verb *verbs;
        size_t n_verbs;
};

/* One that is given and not among `options` (names between blanks) is refused; --help, --version and --no-pager are everybody's. */
struct verb {
        const char *name, *arguments, *doc, *options;
        int (*run)(struct ctl *c);      /* gives the exit status */
};

int ctl_apply(struct ctl *c);
int ctl_cat(struct ctl *c);
int ctl_check(struct ctl *c);
int ctl_completion(struct ctl *c);
int ctl_doctor(struct ctl *c);
int ctl_edit(struct ctl *c);
int ctl_env(struct ctl *c);
int ctl_exec(struct ctl *c);
int ctl_export(struct ctl *c);
int ctl_get(struct ctl *c);
int ctl_graph(struct ctl *c);
int ctl_import(struct ctl *c);
int ctl_logs(struct ctl *c);
int ctl_new(struct ctl *c);
int ctl_plan(struct ctl *c);
int ctl_ps(struct ctl *c);
int ctl_purge(struct ctl *c);
int ctl_render(struct ctl *c);
int ctl_restart(struct ctl *c);
int ctl_rollout(struct ctl *c);
int ctl_run(struct ctl *c);
int ctl_scale(struct ctl *c);
int ctl_schema(struct ctl *c);
int ctl_secret(struct ctl *c);
int ctl_set(struct ctl *c);
int ctl_shell(struct ctl *c);
int ctl_start(struct ctl *c);
int ctl_status(struct ctl *c);
int ctl_stop(struct ctl *c);
int ctl_top(struct ctl *c);
int ctl_try(struct ctl *c);
int ctl_update(struct ctl *c);

/* The places of the manager that is meant. Gives 0, or an exit status after having said why. */
int ctl_places(struct ctl *c, struct places *ret);

/* Has systemd read all units anew, where these are the running system's. Gives 0 or an exit status. */
int ctl_reload(struct ctl *c);

/* The path of this program, for a unit that is to go on with something. */
struct str ctl_self(struct ctl *c);

/* Runs systemctl with these words (NULL at their end) for the manager that is meant. */
int ctl_systemctl(struct ctl *c, const char *const *words);

/* What a verb about definitions works on. */
struct session {
        struct sources sources;
        struct diags ds;
        struct world world;
};

/* Opens the root and loads: the files of the command line where there are any, else all definitions. Gives 0, or an exit
 * status after having said why. */
int session_open(struct ctl *c, struct session *s);
void session_close(struct session *s);

/* The same for verbs about one application: all definitions, whatever the command line has. One that is not defined, or has mistakes, is
 * the user's mistake. Gives 0 or an exit status; the session is to be closed either way. */
int session_open_app(struct ctl *c, struct session *s, struct str name, struct app **ret);

/* The same for who does not mind mistakes in it. */
int session_open_definition(struct ctl *c, struct session *s, struct str name, struct definition **ret);

/* NULL where there is none. */
struct definition *session_find(const struct session *s, struct str name);

/* The link to /dev/null in its place; absent where there is none. */
struct str session_find_mask(const struct session *s, struct str name);

/* Says that there is none, or that it is masked, and what may have been meant; gives the exit status. */
int session_no_definition(struct ctl *c, const struct session *s, struct str name);

/* The same for all definitions, with some files as they would be. */
int session_open_with(struct ctl *c, const struct proposed *files, size_t n, struct session *s);

/* Adds the mistakes that only show when everything is generated. Gives 0, or an exit status after having said why. */
int session_check(struct ctl *c, struct session *s);

/* Tells the mistakes of one app on standard error. */
void session_tell(struct session *s, struct str app);

/* Prints what was found, as text on standard error or as JSON on standard output; gives the exit status. */
int session_report(struct ctl *c, struct session *s);

/* Writes all of it; gives the exit status, after having said what went wrong. */
int ctl_write(FILE *out, struct str text);

/* Writes `text` to standard output, through a pager where that is a terminal and it is not switched off. */
int ctl_page(struct ctl *c, struct str text);

/* "pyservicectl: CONTEXT: error", for a negative errno; gives EXIT_SYSTEM. */
int ctl_fail(const char *context, int r);

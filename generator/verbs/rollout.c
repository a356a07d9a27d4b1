/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl rollout: which of its verbs. */

#include "verbs/rollout.h"
#include "verbs/verbs.h"

static const struct {
        const char *name;
        int max;                        /* words after it */
        int (*run)(struct ctl *c, struct str app);
} verbs[] = {
        { "status", 1, ctl_rollout_status }, { "history", 1, ctl_rollout_history }, { "undo", 2, ctl_rollout_undo },
        { "retry", 1, ctl_rollout_retry }, { "pause", 1, ctl_rollout_pause }, { "resume", 1, ctl_rollout_resume },
};

int ctl_rollout(struct ctl *c) {
        for (size_t i = 0; c->argc > 0 && i < ARRAY_SIZE(verbs); i++) {
                if (strcmp(c->argv[0], verbs[i].name) != 0)
                        continue;
                if (c->argc < 2 || c->argc > verbs[i].max + 1) {
                        (void) fprintf(stderr, "pyservicectl rollout %s: give the name of one application%s\n", verbs[i].name,
                                       verbs[i].max > 1 ? ", and optionally a revision" : "");
                        return CTL_USAGE;
                }
                if (!type_accepts(KIND_NAME, str_of(c->argv[1]))) {
                        (void) fprintf(stderr, "pyservicectl: invalid application name '%s'; %s\n", c->argv[1], type_of(KIND_NAME)->rule);
                        return CTL_USAGE;
                }
                return verbs[i].run(c, str_of(c->argv[1]));
        }

        (void) fprintf(stderr, "pyservicectl rollout: %s%s%s; expected one of status, history, undo, retry, "
                               "pause and resume, and the name of an application\n",
                       c->argc > 0 ? "unknown subcommand '" : "missing subcommand", c->argc > 0 ? c->argv[0] : "", c->argc > 0 ? "'" : "");
        return CTL_USAGE;
}

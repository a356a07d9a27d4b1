/* SPDX-License-Identifier: Apache-2.0 */
#include "control/run.h"

#include <unistd.h>

void aim_close(struct aim *aim) {
        facts_close(&aim->facts);
}

/* The default part: the one that an administrator means by the name of the app. */
static const struct fact_part *pick_part(const struct fact_app *app, struct str name) {
        VEC_EACH(part, &app->parts)
                if (str_is_absent(name) ? part->kind == RECORD_SERVICE : str_eq(part->name, name))
                        return part;

        return app->parts.n > 0 && str_is_absent(name) ? &app->parts.at[0] : NULL;
}

int aim_open(struct ctl *c, const char *word, struct aim *ret) {
        int r = target_parse(c, word, &ret->target);

        ret->facts = (struct facts){ .c = c, .targets = &ret->targets };
        if (r != 0)
                return r;

        *vec_push(&c->arena, &ret->targets.list) = ret->target;
        r = facts_open(&ret->facts);
        if (r != 0)
                return r;

        ret->app = &ret->facts.apps.at[0];
        ret->part = pick_part(ret->app, ret->target.part);
        return 0;
}

int run_check_root(struct ctl *c, const char *verb) {
        if (c->is_user || geteuid() == 0)
                return 0;

        (void) fprintf(stderr,
                       "pyservicectl %s: this needs root; use --user for the user's own applications\n",
                       verb);
        return CTL_ERROR;
}

bool run_has_terminal(void) {
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

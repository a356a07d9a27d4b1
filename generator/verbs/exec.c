/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl exec, shell: a command in an instance that runs. Podman takes this program's place, so its
 * exit status and what it reads and writes are the command's. */

#include <errno.h>
#include <unistd.h>

#include "control/run.h"
#include "runtime/spawn.h"
#include "verbs/verbs.h"

/* sh is what nearly every image has; bash is nicer to type in. */
#define SHELL "if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh"

/* The more is known to work of it, the better. */
static unsigned rank(const struct fact_unit *u) {
        switch (u->state) {
        case FACT_READY:
                return 3;
        case FACT_UNHEALTHY:
        case FACT_UNREACHED:
                return 2;
        case FACT_FAILING:
        case FACT_STARTING:
        case FACT_STOPPING:
                return 1;
        case FACT_UNKNOWN:
        case FACT_STOPPED:
        case FACT_HELD:
        case FACT_RESTARTING:
        case FACT_FAILED:
        case FACT_DONE:
                return 0;
        }

        return 0;
}

/* The first running instance among the parts that the target names; without a part, services come first. */
static const struct fact_unit *find_running(const struct aim *aim) {
        const struct fact_unit *best = NULL;
        bool is_named = !str_is_absent(aim->target.part);

        VEC_EACH(place, &aim->facts.all)
                if ((is_named || place->part->kind == RECORD_SERVICE) && facts_is_meant(&aim->facts, place) &&
                    (is_named || place->unit->is_instance) && rank(place->unit) > (best ? rank(best) : 0))
                        best = place->unit;

        return best;
}

static int complain(const char *verb, const char *word, const struct aim *aim) {
        struct str app = aim->app->name;

        (void) fprintf(stderr,
                       "pyservicectl %s: no instance of '%s' is running; 'pyservicectl status %.*s' "
                       "shows why, 'pyservicectl run %.*s -- COMMAND' works without one\n",
                       verb, word, STR_ARG(app), STR_ARG(app));
        return CTL_ERROR;
}

/* Returns only on a failure, with an exit status. */
static int take_over(struct ctl *c, struct str container, const char *const *command, size_t n) {
        const char **argv = arena_array(&c->arena, n + 6, const char *);
        size_t k = 0;

        argv[k++] = spawn_find(&c->arena, "podman").p;
        if (!argv[0])
                return ctl_fail("podman", -ENOENT);

        argv[k++] = "exec";
        argv[k++] = "--interactive";
        if (run_has_terminal())
                argv[k++] = "--tty";
        argv[k++] = arena_str(&c->arena, container).p;
        for (size_t i = 0; i < n; i++)
                argv[k++] = command[i];
        (void) execv(argv[0], (char *const *) argv);
        return ctl_fail(argv[0], -errno);
}

static int enter(struct ctl *c, const char *verb, const char *const *command, size_t n) {
        CLEANUP(aim_close) struct aim aim = { 0 };
        const struct fact_unit *unit;
        int r = run_check_root(c, verb);

        if (r == 0)
                r = aim_open(c, c->argv[0], &aim);
        if (r != 0)
                return r;

        unit = find_running(&aim);
        return unit ? take_over(c, unit->container, command, n) : complain(verb, c->argv[0], &aim);
}

int ctl_exec(struct ctl *c) {
        if (c->n_tail < 1 || c->argc - c->n_tail != 1)
                return ctl_usage(c, "give APP, APP@N, APP/SERVICE or APP/SERVICE@N, then a command");

        return enter(c, "exec", (const char *const *) c->argv + 1, (size_t) c->n_tail);
}

int ctl_shell(struct ctl *c) {
        static const char *const command[] = { "sh", "-c", SHELL };

        if (c->argc != 1 || c->n_tail > 0)
                return ctl_usage(c, "give APP, APP@N, APP/SERVICE or APP/SERVICE@N");

        return enter(c, "shell", command, ARRAY_SIZE(command));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/attempt.h"
#include "base/clock.h"
#include "base/log.h"

/* systemd gives up on all generators after 90 s, and then nothing at all is generated: the units of all
 * applications would be gone. Linking what is published takes a second. */
enum { GIVE_UP_SEC = 60, GIVE_UP_ALL_SEC = 80, EXIT_ERROR = 1 };

static uint64_t seconds(void) {
        return clock_usec(CLOCK_MONOTONIC) / 1000000;
}

/* The wait status of one run; -1 if there was none. */
static int run_child(const struct generate *g, uint64_t left) {
        pid_t child = fork();
        int status;

        if (child == 0) {
                (void) alarm((unsigned) (left < GIVE_UP_SEC ? left : GIVE_UP_SEC));
                _exit(generate_run(g));
        }

        return child > 0 && TEMP_FAILURE_RETRY(waitpid(child, &status, 0)) == child ? status : -1;
}

static bool is_done(int status) {
        return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) < EXIT_SYSTEM;
}

int guard_run(struct generate *g) {
        void *shared =
                mmap(NULL, sizeof(struct attempt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t start = seconds(), passed = 0;
        int status;

        g->attempt = shared == MAP_FAILED ? NULL : shared;
        do {
                status = run_child(g, GIVE_UP_ALL_SEC - passed);
                passed = seconds() - start;
        } while (!is_done(status) && passed < GIVE_UP_ALL_SEC && g->attempt && attempt_give_up(g->attempt));

        if (g->attempt)
                (void) munmap(g->attempt, sizeof(struct attempt));
        g->attempt = NULL;
        if (is_done(status))
                return WEXITSTATUS(status);

        if (status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                log_kernel(LOG_LEVEL_ERROR, STR("timed out (is a definition very large?); keeping the "
                                                "previously published units"));
        else
                log_kernel(LOG_LEVEL_ERROR, STR("internal error; keeping the previously published units"));
        return generate_fallback(g) < 0 ? EXIT_SYSTEM : EXIT_ERROR;
}

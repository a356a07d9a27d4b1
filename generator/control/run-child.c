/* SPDX-License-Identifier: Apache-2.0 */

/* Podman in the foreground, and who sees to it that its container ends when this program does. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "control/run.h"
#include "runtime/spawn.h"

/* The time that the container has after the request to end; without an init of its own it may not notice the
 * request. */
enum { GRACE_SECONDS = 10 };

/* In a process of its own: waits until this program reports success, or is gone. */
static void guard(const struct once *o, int end) {
        const char *argv[] = {
                o->exec.start.argv[0], "rm", "--force", "--time=0", "--ignore", o->name.p, NULL
        };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct spawn_result result;
        char word;

        (void) setsid();
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                (void) dup2(null, fd);
        if (TEMP_FAILURE_RETRY(read(end, &word, 1)) == 1)
                _exit(0);

        (void) spawn_run(&o->c->arena, argv, &result);
        (void) fs_remove_tree(AT_FDCWD, o->directory.p);
        _exit(0);
}

static void kill_container(const struct once *o) {
        const char *argv[] = { o->exec.start.argv[0], "kill", o->name.p, NULL };
        struct spawn_result result;

        (void) spawn_run(&o->c->arena, argv, &result);
}

/* A signal to this program is passed to podman, which passes it on. Signals of the terminal reach podman
 * directly. */
static int wait_for(const struct once *o, pid_t child, const sigset_t *signals) {
        const struct timespec grace = { .tv_sec = GRACE_SECONDS };
        unsigned n_asked = 0;
        int status;

        while (TEMP_FAILURE_RETRY(waitpid(child, &status, WNOHANG)) == 0) {
                siginfo_t info;
                int r = n_asked == 1 ? sigtimedwait(signals, &info, &grace) : sigwaitinfo(signals, &info);

                if (r == SIGCHLD || (r < 0 && errno != EAGAIN))
                        continue;
                if (r > 0 && info.si_code != SI_KERNEL)
                        (void) kill(child, r);
                if (++n_asked == 2)
                        kill_container(o);
        }

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start(const char *const *argv, const sigset_t *before) {
        pid_t child = fork();

        if (child != 0)
                return child;

        (void) sigprocmask(SIG_SETMASK, before, NULL);
        (void) execv(argv[0], (char *const *) argv);
        (void) fprintf(stderr, "pyservicectl: %s: %s\n", argv[0], strerror(errno));
        _exit(EXIT_SYSTEM);
}

int once_run(const struct once *o, const char *const *argv) {
        static const int asked[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        sigset_t signals, before;
        pid_t child;
        int status;

        (void) signal(SIGCHLD, SIG_DFL);
        (void) sigemptyset(&signals);
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
                (void) sigaddset(&signals, asked[i]);
        (void) sigprocmask(SIG_BLOCK, &signals, &before);

        child = start(argv, &before);
        status = child < 0 ? ctl_fail("cannot start podman", -errno) : wait_for(o, child, &signals);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return status;
}

int guard_start(const struct once *o, struct guard *ret) {
        int ends[2];
        pid_t child;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;

        child = fork();
        if (child == 0) {
                (void) close(ends[1]);
                guard(o, ends[0]);
        }

        (void) close(ends[0]);
        *ret = (struct guard){ ends[1], child };
        return child < 0 ? -errno : 0;
}

void guard_end(struct guard *g) {
        (void) TEMP_FAILURE_RETRY(write(g->end, "", 1));
        (void) close(g->end);
        (void) TEMP_FAILURE_RETRY(waitpid(g->process, NULL, 0));
}

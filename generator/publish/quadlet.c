/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/quadlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/vec.h"

/* The variables that the program of a user's manager reads; it does not get the rest of the environment. */
static const char *const passed[] = { "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME" };

struct environment {
        char *list[ARRAY_SIZE(passed) + 3];
        size_t n;
};

static int add_variable(struct environment *e, const char *name, struct str value) {
        if (asprintf(&e->list[e->n], "%s=%.*s", name, STR_ARG(value)) < 0) {
                e->list[e->n] = NULL;
                return -ENOMEM;
        }

        e->n++;
        return 0;
}

static void environment_done(struct environment *e) {
        for (size_t i = 0; i < e->n; i++)
                free(e->list[i]);
}

static int environment_fill(struct environment *e, const struct quadlet_job *job) {
        int r = add_variable(e, "PATH", STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));

        if (r >= 0)
                r = add_variable(e, "QUADLET_UNIT_DIRS", job->input);
        for (size_t i = 0; job->is_user && i < ARRAY_SIZE(passed) && r >= 0; i++)
                if (getenv(passed[i]))
                        r = add_variable(e, passed[i], str_of(getenv(passed[i])));

        return r;
}

/* Its own process group, so that all of it can be killed; no signal blocked or ignored. */
static int set_attributes(posix_spawnattr_t *attr) {
        sigset_t all, none;
        int r;

        (void) sigfillset(&all);
        (void) sigemptyset(&none);
        r = posix_spawnattr_setsigdefault(attr, &all);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attr, &none);
        if (r == 0)
                r = posix_spawnattr_setpgroup(attr, 0);
        if (r == 0)
                r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                           POSIX_SPAWN_SETPGROUP);

        return -r;
}

static int set_actions(posix_spawn_file_actions_t *actions, int messages) {
        int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

        if (r == 0)
                r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, messages, STDERR_FILENO);

        return -r;
}

static int spawn(const struct quadlet_job *job, int messages, char **environment, pid_t *ret) {
        const char *output = job->output.p;
        const char *argv[8] = { job->program, "-no-kmsg-log" };
        size_t n = 2;
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attr;
        int r;

        if (job->is_user)
                argv[n++] = "-user";
        for (unsigned i = 0; i < 3; i++)
                argv[n++] = output;

        if (posix_spawnattr_init(&attr) != 0)
                return -ENOMEM;
        if (posix_spawn_file_actions_init(&actions) != 0) {
                (void) posix_spawnattr_destroy(&attr);
                return -ENOMEM;
        }

        r = set_attributes(&attr);
        if (r >= 0)
                r = set_actions(&actions, messages);
        if (r >= 0)
                r = -posix_spawn(ret, job->program, &actions, &attr, (char *const *) argv, environment);

        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attr);
        return r;
}

int quadlet_start(const struct quadlet_job *job, struct quadlet_run *ret) {
        CLEANUP(environment_done) struct environment environment = { 0 };
        CLEANUP(close_fd) int reader = -1, writer = -1;
        int pipe_fds[2], r = environment_fill(&environment, job);
        pid_t pid;

        if (r < 0)
                return r;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;

        reader = pipe_fds[0];
        writer = pipe_fds[1];
        r = spawn(job, writer, environment.list, &pid);
        if (r < 0)
                return r;

        *ret = (struct quadlet_run){ pid, reader,
                                     clock_usec(CLOCK_MONOTONIC) + (uint64_t) job->timeout_msec * 1000 };
        reader = -1;
        return 0;
}

/* Milliseconds until the deadline, for poll(). */
static int remaining(const struct quadlet_run *run) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        return now < run->deadline ? (int) ((run->deadline - now) / 1000) + 1 : 0;
}

/* Reads until every process closed the pipe; -ETIME at the deadline. */
static int read_messages(struct arena *a, const struct quadlet_run *run, struct str *ret) {
        struct pollfd wait = { .fd = run->messages, .events = POLLIN };
        VEC(char) text = { 0 };
        char piece[4096];

        for (;;) {
                ssize_t n;
                int r = poll(&wait, 1, remaining(run));

                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r == 0)
                        return -ETIME;

                n = r > 0 ? read(run->messages, piece, sizeof(piece)) : -1;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                for (ssize_t i = 0; i < n && text.n < QUADLET_MESSAGES_MAX; i++)
                        *vec_push(a, &text) = piece[i];
        }

        *ret = (struct str){ text.at, text.n };
        return 0;
}

/* Quadlet closed its messages, so it is about to end; 0 if it did not until the deadline. */
static pid_t wait_end(const struct quadlet_run *run, int *ret_status) {
        struct timespec pause = { .tv_nsec = 50000 };

        for (;;) {
                pid_t pid = waitpid(run->pid, ret_status, WNOHANG);

                if (pid > 0 || (pid < 0 && errno != EINTR))
                        return pid;
                if (remaining(run) == 0)
                        return 0;

                (void) nanosleep(&pause, NULL);
                if (pause.tv_nsec < 10000000)
                        pause.tv_nsec *= 2;
        }
}

/* With all that it started. */
static int end_by_force(const struct quadlet_run *run, int *ret_status) {
        pid_t pid;

        (void) kill(-run->pid, SIGKILL);
        do
                pid = waitpid(run->pid, ret_status, 0);
        while (pid < 0 && errno == EINTR);

        return pid < 0 ? -errno : 0;
}

int quadlet_finish(struct arena *a, struct quadlet_run *run, struct quadlet_result *ret) {
        struct quadlet_result result = { 0 };
        int r = read_messages(a, run, &result.messages), ended = 0;
        pid_t pid = r < 0 ? 0 : wait_end(run, &result.status);

        if (pid <= 0) {
                ended = end_by_force(run, &result.status);
                result.is_late = true;
        }

        close_fd(&run->messages);
        if (r < 0 && r != -ETIME)
                return r;
        if (ended < 0)
                return ended;

        *ret = result;
        return 0;
}

bool quadlet_is_orderly(const struct quadlet_result *result) {
        return !result->is_late && WIFEXITED(result->status) && WEXITSTATUS(result->status) <= 1;
}

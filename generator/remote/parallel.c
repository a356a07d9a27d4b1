/* SPDX-License-Identifier: Apache-2.0 */

/* Several machines at once: a process for each, whose lines come through pipes. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "remote/remote-parts.h"

enum { LINE_ROOM = 4096 };

/* Standard output or error of one machine. */
struct stream {
        int fd; /* -1: it has ended */
        size_t n;
        char line[LINE_ROOM]; /* as far as it was read; a longer one is cut into several */
};

struct machine {
        struct str host;
        pid_t pid; /* 0: it is not running */
        struct stream streams[2];
};

struct parallel {
        struct remote *remote;
        struct machine *machines;
        struct pollfd *fds;
        size_t n;      /* how many run at once */
        size_t n_used; /* how many hosts have been started */
        int first;     /* the exit status of the first that failed */
};

static void put_line(const struct machine *m, const struct stream *s, size_t n) {
        FILE *out = s == &m->streams[0] ? stdout : stderr;

        (void) fprintf(out, "%.*s: %.*s\n", STR_ARG(m->host), (int) n, s->line);
        (void) fflush(out);
}

/* Prints the lines that are complete, and the rest if there is no room for more, or nothing follows. */
static void put_lines(const struct machine *m, struct stream *s, bool is_end) {
        size_t length = str_find((struct str){ s->line, s->n }, '\n');

        while (length < s->n) {
                put_line(m, s, length);
                s->n -= length + 1;
                memmove(s->line, s->line + length + 1, s->n);
                length = str_find((struct str){ s->line, s->n }, '\n');
        }
        if (s->n == sizeof(s->line) || (is_end && s->n > 0)) {
                put_line(m, s, s->n);
                s->n = 0;
        }
}

static void read_stream(const struct machine *m, struct stream *s) {
        ssize_t n = read(s->fd, s->line + s->n, sizeof(s->line) - s->n);

        if (n < 0 && errno == EINTR)
                return;
        s->n += n > 0 ? (size_t) n : 0;
        put_lines(m, s, n <= 0);
        if (n <= 0) {
                close_fd(&s->fd);
                s->fd = -1;
        }
}

/* In a process of its own. Never returns. */
_Noreturn static void run_machine(struct remote *r, struct str host, const int *pipes) {
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (dup2(pipes[1], STDOUT_FILENO) < 0 || dup2(pipes[3], STDERR_FILENO) < 0)
                _exit(EXIT_SYSTEM);
        _exit(remote_run_one(r, host));
}

static int start(struct parallel *p, struct machine *m) {
        struct str host = p->remote->hosts.at[p->n_used];
        int pipes[4] = { -1, -1, -1, -1 };

        if (pipe2(pipes, O_CLOEXEC) < 0 || pipe2(pipes + 2, O_CLOEXEC) < 0)
                return ctl_fail("cannot start another process", -errno);
        *m = (struct machine){ .host = host, .streams = { { .fd = pipes[0] }, { .fd = pipes[2] } } };
        m->pid = fork();
        if (m->pid == 0)
                run_machine(p->remote, host, pipes);
        close_fd(&pipes[1]);
        close_fd(&pipes[3]);
        if (m->pid < 0)
                return ctl_fail("cannot start another process", -errno);
        p->n_used++;
        return 0;
}

/* After the end of both streams. */
static void end(struct parallel *p, struct machine *m) {
        size_t n_left = p->remote->hosts.n - p->n_used;
        int status = 0;

        (void) TEMP_FAILURE_RETRY(waitpid(m->pid, &status, 0));
        m->pid = 0;
        status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (status == 0)
                return;

        /* The first failure names those that are no longer started. */
        remote_report(p->remote, m->host, status, remote_stops(p->remote) && p->first == 0 ? n_left : 0);
        p->first = p->first == 0 ? status : p->first;
}

static bool has_next(const struct parallel *p) {
        return p->n_used < p->remote->hosts.n && (p->first == 0 || !remote_stops(p->remote));
}

/* Waits for output, and reads it. Returns 0 or an exit status. */
static int turn(struct parallel *p) {
        for (size_t i = 0; i < 2 * p->n; i++)
                p->fds[i] = (struct pollfd){ .fd = p->machines[i / 2].pid > 0
                                                           ? p->machines[i / 2].streams[i % 2].fd
                                                           : -1,
                                             .events = POLLIN };
        if (poll(p->fds, 2 * p->n, -1) < 0 && errno != EINTR)
                return ctl_fail("cannot wait for output", -errno);

        for (size_t i = 0; i < 2 * p->n; i++) {
                struct machine *m = &p->machines[i / 2];

                if (p->fds[i].revents == 0)
                        continue;
                read_stream(m, &m->streams[i % 2]);
                if (m->streams[0].fd < 0 && m->streams[1].fd < 0)
                        end(p, m);
        }
        return 0;
}

static int start_next(struct parallel *p, bool *ret_runs) {
        int r = 0;

        *ret_runs = false;
        for (size_t i = 0; i < p->n && r == 0; i++) {
                if (p->machines[i].pid == 0 && has_next(p))
                        r = start(p, &p->machines[i]);
                *ret_runs |= p->machines[i].pid > 0;
        }
        return r;
}

int remote_run_parallel(struct remote *remote, size_t n) {
        struct arena *a = &remote->ctl->arena;
        struct parallel p = { .remote = remote,
                              .n = n,
                              .machines = arena_array(a, n, struct machine),
                              .fds = arena_array(a, 2 * n, struct pollfd) };
        bool runs;
        int r = start_next(&p, &runs);

        while (r == 0 && runs) {
                r = turn(&p);
                if (r == 0)
                        r = start_next(&p, &runs);
        }
        return r != 0 ? r : p.first;
}

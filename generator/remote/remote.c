/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/remote-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"

enum { LINE_ROOM = 4096, PARALLEL_MAX = 64 };

/* True if the command is to run on no further machine after one where it failed. A command that changes
 * nothing runs on the others, too. */
static bool stops(const struct remote *r) {
        return r->ctl->verb->task != VERB_LOOK;
}

/* Reports which machine failed, and on which the command did not run: the last `n_left`. */
static void report(const struct remote *r, struct str host, int status, size_t n_left) {
        (void) fprintf(stderr, "pyservicectl: %.*s failed with exit status %d", STR_ARG(host), status);
        for (size_t i = r->hosts.n - n_left; i < r->hosts.n; i++)
                (void) fprintf(stderr, "%s%.*s", i == r->hosts.n - n_left ? "; not run on " : ", ",
                               STR_ARG(r->hosts.at[i]));
        (void) fputc('\n', stderr);
}

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
        report(p->remote, m->host, status, stops(p->remote) && p->first == 0 ? n_left : 0);
        p->first = p->first == 0 ? status : p->first;
}

static bool has_next(const struct parallel *p) {
        return p->n_used < p->remote->hosts.n && (p->first == 0 || !stops(p->remote));
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

/* Several machines at once, at most `n`: a process for each, whose lines come through pipes and are printed
 * with the name of the host. */
static int run_parallel(struct remote *remote, size_t n) {
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

/* The definitions that are named as files, and the words of tar(1) for them. */
struct packing {
        struct ctl *ctl;
        VEC(const char *) argv;
        VEC(struct str) names;
};

/* tar gets ./NAME in an absolute directory, so that no name can be an option. */
static int add_file(struct packing *p, const char *path, struct str name) {
        struct arena *a = &p->ctl->arena;
        char here[PATH_MAX] = "";
        struct stat st;

        if (stat(path, &st) < 0 || (path[0] != '/' && !getcwd(here, sizeof(here)))) {
                (void) ctl_fail(path, -errno);
                return CTL_ERROR;
        }
        if (!S_ISREG(st.st_mode)) {
                (void) fprintf(stderr, "pyservicectl: %s is not a regular file\n", path);
                return CTL_ERROR;
        }
        if (VEC_HAS(&p->names, name))
                return ctl_usage(p->ctl, "two files are named '%.*s'", STR_ARG(name));

        *vec_push(a, &p->names) = name;
        *vec_push(a, &p->argv) = "-C";
        *vec_push(a, &p->argv) =
                arena_join(a, str_of(here), STR("/"), (struct str){ path, strlen(path) - name.n }, STR("."))
                        .p;
        *vec_push(a, &p->argv) = arena_join(a, STR("./"), name).p;
        return 0;
}

/* Once, so that all machines get the same files. */
static int pack(struct remote *r) {
        struct packing p = { .ctl = r->ctl };
        struct str name;
        int status = 0;

        *vec_push(&r->ctl->arena, &p.argv) = "tar";
        *vec_push(&r->ctl->arena, &p.argv) = "-chf-";
        for (int i = 0; i < r->ctl->argc && status == 0; i++)
                if (remote_is_file(r->ctl, i, &name))
                        status = add_file(&p, r->ctl->argv[i], name);
        if (status != 0 || p.names.n == 0)
                return status;

        *vec_push(&r->ctl->arena, &p.argv) = NULL;
        r->archive = memfd_create("archive", MFD_CLOEXEC);
        if (r->archive < 0)
                return ctl_fail("cannot copy the files", -errno);
        return remote_spawn(p.argv.at, -1, r->archive) == 0 ? 0 : CTL_ERROR;
}

/* JSON has no headings in it. */
static void put_heading(const struct remote *r, struct str host) {
        (void) fprintf(r->ctl->is_json ? stderr : stdout, "==> %.*s <==\n", STR_ARG(host));
        (void) fflush(stdout);
}

static int run_in_order(struct remote *r) {
        int first = 0;

        for (size_t i = 0; i < r->hosts.n; i++) {
                int status;

                if (r->hosts.n > 1)
                        put_heading(r, r->hosts.at[i]);
                status = remote_run_one(r, r->hosts.at[i]);
                first = first == 0 ? status : first;
                if (status == 0 || r->hosts.n == 1)
                        continue;

                report(r, r->hosts.at[i], status, stops(r) ? r->hosts.n - i - 1 : 0);
                if (stops(r))
                        break;
        }
        return first;
}

static int run(struct remote *r) {
        struct ctl *c = r->ctl;
        bool has_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        uint64_t n = 0;

        r->is_parallel = c->parallel != NULL;
        if (r->is_parallel && (!str_to_u64(str_of(c->parallel), PARALLEL_MAX, &n) || n == 0))
                return ctl_usage(c, "invalid number '%s' for --parallel: expected 1 to %d", c->parallel,
                                 PARALLEL_MAX);
        if (r->is_parallel && c->is_json)
                return ctl_usage(c, "--parallel and --json exclude each other");
        /* Only one machine can read it, except from a terminal. */
        r->has_input =
                c->verb->is_interactive && !r->is_parallel && (r->hosts.n == 1 || isatty(STDIN_FILENO));
        r->has_terminal = r->has_input && has_terminal;
        return r->is_parallel ? run_parallel(r, n) : run_in_order(r);
}

int remote_run(struct ctl *c) {
        struct remote r = { .ctl = c, .archive = -1 };
        int status = c->hosts ? remote_parse_hosts(c, &r) : ctl_usage(c, "--parallel needs --host");

        if (status == 0)
                status = pack(&r);
        if (status == 0)
                status = run(&r);
        close_fd(&r.archive);
        return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "base/vec.h"

extern char **environ;

struct str spawn_find(struct arena *a, const char *program) {
        return spawn_find_below(a, AT_FDCWD, program);
}

struct str spawn_find_below(struct arena *a, int root, const char *program) {
        static const char *const directories[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                   "/usr/bin" };

        for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
                struct str path = arena_join(a, str_of(directories[i]), STR("/"), str_of(program));

                if (faccessat(root, path.p + (root != AT_FDCWD), X_OK, 0) == 0)
                        return path;
        }

        return (struct str){ 0 };
}

/* One stream of the program: the end that we read, and what came out of it. */
struct stream {
        int fd;
        char *p;
        size_t n, room;
        bool is_cut;
};

/* Doubles the room, up to the ceiling. */
static void stream_grow(struct arena *a, struct stream *s) {
        size_t room = s->room == 0 ? 4096 : s->room * 2;
        char *p = arena_alloc(a, room + 1, 1);

        if (s->n > 0)
                memcpy(p, s->p, s->n);
        s->p = p;
        s->room = room;
}

/* Reads once; closes it at its end. */
static int stream_read(struct arena *a, struct stream *s) {
        char dropped[4096];
        bool is_full = s->n >= SPAWN_OUTPUT_MAX;
        ssize_t n;

        if (!is_full && s->n == s->room)
                stream_grow(a, s);

        n = is_full ? read(s->fd, dropped, sizeof(dropped)) : read(s->fd, s->p + s->n, s->room - s->n);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (n == 0) {
                (void) close(s->fd);
                s->fd = -1;
        } else if (is_full)
                s->is_cut = true;
        else
                s->n += (size_t) n;

        return 0;
}

static int read_both(struct arena *a, struct stream *s) {
        while (s[0].fd >= 0 || s[1].fd >= 0) {
                struct pollfd p[] = { { .fd = s[0].fd, .events = POLLIN },
                                      { .fd = s[1].fd, .events = POLLIN } };

                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        return -errno;
                for (size_t i = 0; i < 2; i++) {
                        int r = p[i].revents != 0 ? stream_read(a, &s[i]) : 0;

                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

/* A file in memory with the text, from its start. */
static int open_input(struct str text) {
        int fd = memfd_create("input", MFD_CLOEXEC), r;

        if (fd < 0)
                return -errno;
        while (text.n > 0) {
                ssize_t n = write(fd, text.p, text.n);

                if (n < 0 && errno != EINTR) {
                        r = -errno;
                        (void) close(fd);
                        return r;
                }
                text = str_from(text, n > 0 ? (size_t) n : 0);
        }

        (void) lseek(fd, 0, SEEK_SET);
        return fd;
}

/* `in`: -1 for /dev/null. */
static int start(const char *const *argv, int in, int out, int err, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;

        r = in < 0 ? posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
                   : posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, NULL, (char *const *) argv, environ);

        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int wait_for(pid_t pid, int *ret) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        *ret = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return 0;
}

static struct str stream_text(struct arena *a, const struct stream *s) {
        return s->n > 0 ? arena_str(a, (struct str){ s->p, s->n }) : STR("");
}

/* With all four ends of the pipes open; closes those that it is done with. `others`: what the program gets
 * as its standard output, error and input. */
static int run(struct arena *a, const char *const *argv, struct stream *streams, int *others,
               int *ret_status) {
        pid_t pid;
        int r, failed;

        r = start(argv, others[2], others[0], others[1], &pid);
        for (size_t i = 0; i < 2; i++) {
                close_fd(&others[i]);
                others[i] = -1;
        }
        if (r < 0)
                return r;

        failed = read_both(a, streams);
        r = wait_for(pid, ret_status);
        return failed < 0 ? failed : r;
}

int spawn_run(struct arena *a, const char *const *argv, struct spawn_result *ret) {
        return spawn_run_on(a, argv, (struct str){ 0 }, ret);
}

int spawn_run_on(struct arena *a, const char *const *argv, struct str input, struct spawn_result *ret) {
        struct stream streams[2] = { { .fd = -1 }, { .fd = -1 } };
        int others[3] = { -1, -1, -1 }, status = 0, r = 0;

        if (!str_is_absent(input)) {
                others[2] = open_input(input);
                r = others[2] < 0 ? others[2] : 0;
        }

        for (size_t i = 0; i < 2 && r >= 0; i++) {
                int ends[2];

                if (pipe2(ends, O_CLOEXEC) < 0) {
                        r = -errno;
                        break;
                }
                streams[i].fd = ends[0];
                others[i] = ends[1];
        }
        if (r >= 0)
                r = run(a, argv, streams, others, &status);

        for (size_t i = 0; i < 2; i++)
                close_fd(&streams[i].fd);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                close_fd(&others[i]);
        if (r >= 0 && streams[0].is_cut)
                r = -EFBIG;
        if (r < 0)
                return r;

        *ret = (struct spawn_result){ status, stream_text(a, &streams[0]),
                                      utf8_clean(a, stream_text(a, &streams[1])) };
        return 0;
}

/* Podman takes itself for rootless without CAP_SYS_ADMIN, and keeps in /run what it wrongly found out
 * about overlayfs. */
static bool has_all_rights(void) {
        return geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0;
}

/* systemd resolves variables in the words of a command. */
static const char *escape_word(struct arena *a, const char *word) {
        struct buf out = buf_in(a);

        for (; *word; word++) {
                buf_put_char(&out, *word);
                if (*word == '$')
                        buf_put_char(&out, '$');
        }
        return buf_str(&out).p;
}

int spawn_as_root(struct arena *a, const char *const *argv, struct spawn_result *ret) {
        return spawn_order_as_root(a, argv, &(const struct spawn_order){ 0 }, ret);
}

int spawn_order_as_root(struct arena *a, const char *const *argv, const struct spawn_order *order,
                        struct spawn_result *ret) {
        struct str systemd_run = spawn_find(a, "systemd-run");
        VEC(const char *) words = { 0 };

        if (has_all_rights() || str_is_absent(systemd_run) || access("/run/systemd/system", F_OK) < 0)
                return spawn_run_on(a, argv, order->input, ret);

        /* While systemd reloads it does not answer, and generators may take up to 90 s. */
        if (setenv("SYSTEMD_BUS_TIMEOUT", "120s", false) < 0)
                return -errno;

        *vec_push(a, &words) = systemd_run.p;
        *vec_push(a, &words) = "--quiet";
        *vec_push(a, &words) = "--collect";
        *vec_push(a, &words) = "--pipe";
        *vec_push(a, &words) = "--wait";
        *vec_push(a, &words) =
                "--property=LogLevelMax=notice"; /* its start and end do not belong in the journal */
        if (order->seconds > 0)
                *vec_push(a, &words) =
                        arena_join(a, STR("--property=RuntimeMaxSec="), arena_u64(a, order->seconds)).p;
        *vec_push(a, &words) = "--";
        for (; *argv; argv++)
                *vec_push(a, &words) = escape_word(a, *argv);
        *vec_push(a, &words) = NULL;
        return spawn_run_on(a, words.at, order->input, ret);
}

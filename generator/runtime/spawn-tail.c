/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spawn-tail.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

extern char **environ;

static void add_byte(struct tail *t, char c) {
        size_t i;

        if (c == '\n' || c == '\r') {
                t->is_in_line = false;
                return;
        }
        if (!t->is_in_line) {
                t->is_in_line = true;
                t->lengths[t->n++ % TAIL_LINES] = 0;
        }

        i = (t->n - 1) % TAIL_LINES;
        if (t->lengths[i] < TAIL_BYTES)
                t->lines[i][t->lengths[i]++] = (unsigned char) c < 0x20 || c == 0x7f ? '?' : c;
}

void tail_add(struct tail *t, const char *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                add_byte(t, p[i]);
}

struct str tail_text(struct arena *a, const struct tail *t) {
        struct str text = STR("");

        for (size_t i = t->n > TAIL_LINES ? t->n - TAIL_LINES : 0; i < t->n; i++) {
                struct str line = str_trim((struct str) { t->lines[i % TAIL_LINES], t->lengths[i % TAIL_LINES] });

                if (line.n > 0)
                        text = arena_join(a, text, line, STR("\n"));
        }

        return text;
}

static int start(const char *const *argv, int out, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;

        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, NULL, (char *const *) argv, environ);

        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int follow(int in, struct tail *t) {
        char piece[4096];
        ssize_t n;

        while ((n = read(in, piece, sizeof(piece))) != 0) {
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n < 0)
                        continue;
                tail_add(t, piece, (size_t) n);
                /* Who reads our own output may have gone; the work goes on. */
                (void) !write(STDERR_FILENO, piece, (size_t) n);
        }

        return 0;
}

int tail_run(const char *const *argv, struct tail *ret) {
        CLEANUP(close_fd) int in = -1;
        int ends[2], status = 0, r;
        pid_t pid;

        *ret = (struct tail) { .n = 0 };
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;

        in = ends[0];
        r = start(argv, ends[1], &pid);
        (void) close(ends[1]);
        if (r < 0)
                return r;

        r = follow(in, ret);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return r;
}

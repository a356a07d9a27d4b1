/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spawn-tail.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"

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
        if (t->lengths[i] < TAIL_KEPT)
                t->lines[i][t->lengths[i]++] = c;
}

void tail_add(struct tail *t, const char *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                add_byte(t, p[i]);
}

struct str tail_text(struct arena *a, const struct tail *t) {
        struct str text = STR("");

        for (size_t i = t->n > TAIL_LINES ? t->n - TAIL_LINES : 0; i < t->n; i++) {
                struct str whole = { t->lines[i % TAIL_LINES], t->lengths[i % TAIL_LINES] };
                struct str line = str_trim(utf8_clean_line(a, whole, TAIL_BYTES));

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

/* The work continues if the reader of our own output has gone. A carriage return of a progress bar ends a
 * line. */
static void pass_on(struct str text) {
        struct arena scratch = { 0 };
        char *p = arena_alloc(&scratch, text.n + 1, 1);
        struct str shown;

        for (size_t i = 0; i < text.n; i++)
                p[i] = text.p[i] == '\r' ? '\n' : text.p[i];
        shown = utf8_clean(&scratch, (struct str){ p, text.n });
        (void) !write(STDERR_FILENO, shown.p, shown.n);
        arena_done(&scratch);
}

/* How much of the piece can be passed on: the rest is the beginning of a character. */
static size_t count_whole(struct str piece) {
        for (size_t back = 1; back <= 3 && back <= piece.n; back++) {
                unsigned char c = (unsigned char) piece.p[piece.n - back];

                if (c >= 0xc0)
                        return piece.n - (utf8_length(c) > back ? back : 0);
        }

        return piece.n;
}

static int follow(int in, struct tail *t) {
        char piece[4096];
        size_t n_kept = 0; /* at its front, from the piece before */
        ssize_t n;

        while ((n = read(in, piece + n_kept, sizeof(piece) - n_kept)) != 0) {
                size_t end;

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n < 0)
                        continue;
                tail_add(t, piece + n_kept, (size_t) n);
                n_kept += (size_t) n;
                end = count_whole((struct str){ piece, n_kept });
                pass_on((struct str){ piece, end });
                n_kept -= end;
                memmove(piece, piece + end, n_kept);
        }

        pass_on((struct str){ piece, n_kept });
        return 0;
}

/* *ret_status: its exit status, or 128 + the signal that ended it. */
static int run(const char *const *argv, struct tail *ret, int *ret_status) {
        CLEANUP(close_fd) int in = -1;
        int ends[2], status = 0, r;
        pid_t pid;

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

        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return r;
}

int tail_run(struct arena *a, const char *const *argv, struct str *ret_problem) {
        struct tail *tail = arena_new(a, struct tail);
        int status = 0, r = run(argv, tail, &status);

        if (r < 0 || status == 0)
                return r;

        *ret_problem = tail_text(a, tail);
        if (ret_problem->n == 0)
                *ret_problem = arena_printf(a, "%s ended with status %d\n", argv[0], status);
        return -EIO;
}

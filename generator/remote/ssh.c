/* SPDX-License-Identifier: Apache-2.0 */

/* One machine: a connection that copies the files, and one that runs the command. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "remote/remote-parts.h"

/* Prints the directory. `m` and `o`: the clocks of the two machines differ, and so do their users. */
#define COPY                                                    \
        "umask 077 && d=$(mktemp -d /tmp/pyservice-XXXXXX) && " \
        "{ tar -xomf - -C \"$d\" && echo \"$d\" || { rm -rf \"$d\"; exit 1; }; }"

static void start(const char *const *argv, int in, int out) {
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (in >= 0 && dup2(in, STDIN_FILENO) < 0)
                return;
        if (out >= 0 && dup2(out, STDOUT_FILENO) < 0)
                return;
        (void) execvp(argv[0], (char *const *) argv);
        (void) ctl_fail(argv[0], -errno);
}

int remote_spawn(const char *const *argv, int in, int out) {
        int status = 0;
        pid_t child;

        (void) fflush(NULL);
        child = fork();
        if (child == 0) {
                start(argv, in, out);
                _exit(EXIT_SYSTEM);
        }
        if (child < 0)
                return ctl_fail("cannot start another process", -errno);

        (void) TEMP_FAILURE_RETRY(waitpid(child, &status, 0));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A single word for ssh, which would only put blanks between several. */
static int run_there(const struct remote *r, struct str host, struct str command, const int *descriptors) {
        const char *argv[8] = { "ssh" };
        size_t n = 1;

        if (r->has_terminal && descriptors[0] < 0)
                argv[n++] = "-t";
        /* Several would ask for passwords at the same time. */
        if (r->is_parallel)
                argv[n++] = "-oBatchMode=yes";
        argv[n++] = "--";
        argv[n++] = host.p;
        argv[n] = command.p;
        return remote_spawn(argv, descriptors[0], descriptors[1]);
}

/* The last line, because the other machine's shell may print something first. */
static int read_directory(struct ctl *c, int fd, struct str *ret) {
        char text[PATH_MAX];
        ssize_t n = pread(fd, text, sizeof(text), 0);

        *ret = n > 0 ? arena_str(&c->arena, str_last_line((struct str){ text, (size_t) n })) : STR("");
        return str_has_prefix(*ret, STR("/tmp/pyservice-")) ? 0 : -EPROTO;
}

static int copy(struct remote *r, struct str host, struct str *ret_directory) {
        struct buf command = buf_in(&r->ctl->arena);
        struct str archive = arena_join(&r->ctl->arena, STR("/proc/self/fd/"),
                                        arena_u64(&r->ctl->arena, (uint64_t) r->archive));
        /* Opened again, because each connection reads it from the start. */
        CLEANUP(close_fd) int in = open(archive.p, O_RDONLY | O_CLOEXEC);
        CLEANUP(close_fd) int out = memfd_create("directory", MFD_CLOEXEC);
        int status;

        if (in < 0 || out < 0)
                return ctl_fail("cannot copy the files", -errno);

        buf_put(&command, "sh -c ");
        remote_quote(&command, STR(COPY));
        status = run_there(r, host, buf_str(&command), (const int[]){ in, out });
        if (status != 0)
                return status;
        return read_directory(r->ctl, out, ret_directory) < 0
                       ? ctl_fail("cannot copy the files: unexpected answer", -EPROTO)
                       : 0;
}

int remote_run_one(struct remote *r, struct str host) {
        CLEANUP(close_fd) int in = r->has_input ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
        struct str directory = { 0 };
        int status = r->archive >= 0 ? copy(r, host, &directory) : 0;

        if (status != 0)
                return status;
        return run_there(r, host, remote_command(r->ctl, directory), (const int[]){ in, -1 });
}

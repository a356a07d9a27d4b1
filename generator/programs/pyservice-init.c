/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-init: the first process of a container (podman-run(1), --init-path).
 *
 * The kernel delivers no signal to the first process of a PID namespace that this process does not handle
 * (pid_namespaces(7)), so that a plain `python -m app` ignores SIGTERM, and each stop ends in SIGKILL.
 * This program runs the command as its child, passes signals on to it, and reaps orphans. Podman's own
 * init, catatonit, is a package that a machine may lack; this one is always there. It is static, since the
 * container has a C library of its own or none. */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* Programs that must be the first process, or report an error if they are not. */
static const char *const inits[] = { "init",      "systemd",     "s6-svscan", "tini",      "tini-static",
                                     "dumb-init", "docker-init", "catatonit", "runit-init" };

static int is_init(const char *command) {
        const char *slash = strrchr(command, '/'), *name = slash ? slash + 1 : command;

        for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++)
                if (strcmp(name, inits[i]) == 0)
                        return 1;

        return 0;
}

static void say(const char *text) {
        if (write(STDERR_FILENO, text, strlen(text)) < 0)
                return;
}

/* Returns if the command cannot be run. */
static int run(char *argv[]) {
        int error;

        (void) execvp(argv[0], argv);
        error = errno;
        say("pyservice-init: cannot run ");
        say(argv[0]);
        say(": ");
        say(strerror(error));
        say("\n");
        return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* Waits for all children, including adopted ones. True if `child` was among them. */
static int reap(pid_t child, int *ret_status) {
        int status, is_over = 0;

        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
                if (pid == child) {
                        is_over = 1;
                        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                }

        return is_over;
}

static int wait_for(pid_t child, const sigset_t *signals) {
        int status = 0;

        for (;;) {
                int signal = sigwaitinfo(signals, NULL);

                if (signal == SIGCHLD && reap(child, &status))
                        return status;
                if (signal > 0 && signal != SIGCHLD)
                        (void) kill(child, signal);
        }
}

int main(int argc, char *argv[]) {
        int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
        sigset_t signals, before;
        pid_t child;

        if (argc <= first) {
                say("usage: pyservice-init [--] COMMAND...\n");
                return EXIT_USAGE;
        }
        if (is_init(argv[first]))
                return run(argv + first);

        (void) sigfillset(&signals);
        (void) sigprocmask(SIG_SETMASK, &signals, &before);
        child = fork();
        if (child < 0)
                return EXIT_NOT_EXECUTABLE;
        if (child == 0) {
                (void) sigprocmask(SIG_SETMASK, &before, NULL);
                _exit(run(argv + first));
        }

        return wait_for(child, &signals);
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * enter PID CGROUP ENVIRONMENT… -- COMMAND…: runs a command in the namespaces of a process and in its control group,
 * with its exit status. The command is killed when this program is.
 *
 * The tests run a command about forty times each. As a chain of sh, nsenter, env and setpriv, each a program that the
 * dynamic linker starts, this cost more than most of the commands.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS)

static void check(int result, const char *what) {
        if (result < 0) {
                perror(what);
                exit(125);
        }
}

static void join_cgroup(const char *path) {
        char file[4096];
        int fd;

        snprintf(file, sizeof(file), "%s/cgroup.procs", path);
        fd = open(file, O_WRONLY | O_CLOEXEC);
        check(fd, file);
        check((int) write(fd, "0", 1), file);
        close(fd);
}

static void run(char **environment, char **command) {
        check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        clearenv();
        for (; strcmp(*environment, "--") != 0; environment++)
                putenv(*environment);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
}

int main(int argc, char **argv) {
        int status, fd, command = 3;
        pid_t child;

        while (command < argc && strcmp(argv[command], "--") != 0)
                command++;
        if (command + 1 >= argc)
                return 125;
        join_cgroup(argv[2]);
        fd = (int) syscall(SYS_pidfd_open, (pid_t) strtol(argv[1], NULL, 10), 0);
        check(fd, "pidfd_open");
        check(setns(fd, NAMESPACES), "setns");
        close(fd);

        child = fork();
        check(child, "fork");
        if (child == 0)
                run(argv + 3, argv + command + 1);
        check(waitpid(child, &status, 0), "waitpid");
        if (WIFEXITED(status))
                return WEXITSTATUS(status);
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
        return 128 + WTERMSIG(status);
}

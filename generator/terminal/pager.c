/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "terminal/pager.h"

/* A user who started this with sudo(8) or pkexec(1) may do only what the rule for it allows, and a pager can
 * start other programs. */
static bool is_elevated(void) {
        return getuid() != geteuid() || getenv("SUDO_UID") || getenv("PKEXEC_UID");
}

/* Like systemd's tools: $PYSERVICE_PAGER, $PAGER, then less with these options; when elevated, only less,
 * and less in its secure mode (systemctl(1), $SYSTEMD_PAGERSECURE). */
static void run_pager(int in) {
        const char *pager = getenv("PYSERVICE_PAGER");

        if (!pager)
                pager = getenv("PAGER");
        if (is_elevated()) {
                pager = NULL;
                (void) setenv("LESSSECURE", "1", 1);
        }

        (void) dup2(in, STDIN_FILENO);
        (void) setenv("LESS", "FRSXMK", 0);
        if (pager && pager[0] != '\0')
                (void) execlp("/bin/sh", "sh", "-c", pager, (char *) NULL);
        (void) execlp("less", "less", (char *) NULL);
        (void) execlp("cat", "cat", (char *) NULL);
        _exit(EXIT_SYSTEM);
}

int pager_print(struct ctl *c, struct str text) {
        int ends[2], status;
        FILE *pipe_end;
        pid_t child;

        if (c->no_pager || !isatty(STDOUT_FILENO) || pipe(ends) < 0)
                return ctl_write(stdout, text);

        (void) signal(SIGPIPE, SIG_IGN);
        child = fork();
        if (child == 0) {
                (void) close(ends[1]);
                run_pager(ends[0]);
        }

        (void) close(ends[0]);
        if (child < 0) {
                (void) close(ends[1]);
                return ctl_write(stdout, text);
        }

        /* Who leaves the pager early has seen enough. */
        pipe_end = fdopen(ends[1], "w");
        if (pipe_end) {
                (void) fwrite(text.p, 1, text.n, pipe_end);
                (void) fclose(pipe_end);
        }
        (void) TEMP_FAILURE_RETRY(waitpid(child, &status, 0));
        return pipe_end ? CTL_GOOD : EXIT_SYSTEM;
}

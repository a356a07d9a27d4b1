/* SPDX-License-Identifier: Apache-2.0 */
#include "change/editor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

const char *editor_find(void) {
        static const char *const variables[] = { "SYSTEMD_EDITOR", "EDITOR", "VISUAL" };
        static const char *const programs[] = { "/usr/bin/editor", "/usr/bin/nano", "/usr/bin/vim",
                                                "/usr/bin/vi" };

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                const char *value = getenv(variables[i]);

                if (value && value[0] != '\0')
                        return value;
        }
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                if (access(programs[i], X_OK) == 0)
                        return programs[i];

        return NULL;
}

int editor_run(const char *editor, const char *path) {
        sigset_t stops, before;
        int status = 0;
        pid_t child;

        (void) sigemptyset(&stops);
        (void) sigaddset(&stops, SIGINT);
        (void) sigaddset(&stops, SIGQUIT);
        (void) sigaddset(&stops, SIGTERM);
        (void) sigaddset(&stops, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &stops, &before);

        child = fork();
        if (child == 0) {
                (void) sigprocmask(SIG_SETMASK, &before, NULL);
                (void) execl("/bin/sh", "sh", "-c", "exec $0 \"$1\"", editor, path, (char *) NULL);
                _exit(EXIT_SYSTEM);
        }
        if (child < 0)
                return -errno;

        (void) TEMP_FAILURE_RETRY(waitpid(child, &status, 0));
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

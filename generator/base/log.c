/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"

enum { KERNEL_LINE_MAX = 900 }; /* the kernel cuts a record at 1024 bytes */

bool log_is_person(void) {
        /* systemd.generator(7): set for whatever a manager runs as a generator. */
        return !getenv("SYSTEMD_SCOPE");
}

bool log_is_colored(int fd) {
        const char *no_color = getenv("NO_COLOR");

        return isatty(fd) && !(no_color && no_color[0] != '\0');
}

void log_kernel(enum log_level level, struct str text) {
        CLEANUP(close_fd) int kernel = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line)) {
                char record[KERNEL_LINE_MAX + 64];
                int n;

                if (line.n == 0)
                        continue;
                if (line.n > KERNEL_LINE_MAX)
                        line.n = KERNEL_LINE_MAX;

                n = snprintf(record, sizeof(record), "<%d>pyservice-generator[%d]: %.*s\n", (int) level,
                             (int) getpid(), STR_ARG(line));
                if (n > 0 && write(kernel >= 0 ? kernel : STDERR_FILENO, record, (size_t) n) < 0)
                        return;
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How a program that units run answers --help, --version and a command line that it does not understand. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "config.h"

enum { EXIT_USER = 1, EXIT_USAGE = 2 };

/* Rows of the program's options. */
#define USAGE_OPTIONS                             \
        { "help", no_argument, NULL, 'h' }, {     \
                "version", no_argument, NULL, 'v' \
        }

/* `c`: what getopt_long() returned for an option that is not the program's own; '?' for a wrong command line.
 * Returns the exit status. */
static inline int usage_answer(int c, const char *text) {
        if (c == 'v')
                return puts("pyservice " VERSION) < 0 ? EXIT_SYSTEM : EXIT_SUCCESS;
        if (fputs(text, c == 'h' ? stdout : stderr) < 0)
                return EXIT_SYSTEM;

        return c == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
}

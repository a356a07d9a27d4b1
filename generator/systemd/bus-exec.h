/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How systemd starts a service: its commands and what surrounds them, as it read them from the unit's
 * files. */

#include "systemd/bus.h"

/* A command line, NULL at its end. Its words are as the unit has them: systemd puts in variables when it
 * starts it. */
struct bus_command {
        const char **argv;
        size_t n;
};

struct bus_exec {
        VEC(struct bus_command) before; /* ExecStartPre= */
        struct bus_command start;       /* ExecStart=; without words if there is no such service */
        struct bus_names environment;   /* NAME=VALUE; the last of a name counts */
        struct bus_names files;         /* EnvironmentFile=, without '-' */
        struct bus_names directories;   /* RuntimeDirectory=, below /run or the user's */
};

int bus_get_exec(struct bus *b, struct arena *a, struct str unit, struct bus_exec *ret);

/* A word of a command as systemd passes it on: "$$" is a dollar sign, "${NAME}" the variable. */
struct str bus_expand(struct arena *a, struct str word, const struct bus_names *environment);

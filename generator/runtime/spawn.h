/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runs another program and reads its output. No shell: a program is a path and its arguments. Its standard
 * input is /dev/null, or a text in memory; this program's descriptors are close-on-exec and are not
 * inherited. */

#include "base/arena.h"

/* The number of bytes that are kept of each stream. */
#define SPAWN_OUTPUT_MAX ((size_t) 4 << 20)

struct spawn_result {
        int status;          /* exit status, or 128 + the signal that ended it */
        struct str out, err; /* never absent; `err` is for people, and fit for a terminal: see utf8_clean() */
};

/* The program's path, from the directories where systemd looks for programs (systemd.exec(5)); absent if none
 * has it. */
struct str spawn_find(struct arena *a, const char *program);

/* Like the function above, but finds the program on the system below `root`, as a path on that system. */
struct str spawn_find_below(struct arena *a, int root, const char *program);

/* Runs argv[0], an absolute path, to its end. `argv` ends with NULL. 0, or negative errno if it could not be
 * started; -EFBIG if its output is longer than SPAWN_OUTPUT_MAX, since a part of a list or of a secret must
 * not count as the whole. The excess of `err` is dropped. */
int spawn_run(struct arena *a, const char *const *argv, struct spawn_result *ret);

/* Like spawn_run(), for Podman and nginx, which as root need nearly all rights of root, and whose mounts
 * the whole machine has to see. A unit of ours gives its own programs neither: there systemd runs `argv`,
 * in a transient unit. */
int spawn_as_root(struct arena *a, const char *const *argv, struct spawn_result *ret);

/* Like spawn_as_root(), with `input` on the program's standard input (absent for none). systemd ends a
 * program that takes longer than `seconds` (0 for no limit). */
struct spawn_order {
        struct str input;
        uint64_t seconds;
};

int spawn_order_as_root(struct arena *a, const char *const *argv, const struct spawn_order *order,
                        struct spawn_result *ret);

/* Like spawn_run(), with `input` on the program's standard input. */
int spawn_run_on(struct arena *a, const char *const *argv, struct str input, struct spawn_result *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files in the syntax of systemd's units (systemd.syntax(7)), as people write them for Quadlet. */

#include "import/import.h"

struct unit_line {
        struct str section, key, value; /* value: trimmed, its continuation lines joined */
        struct span at;                 /* of the first line */
};

struct unit_file {
        struct str stem, suffix; /* "web@", "container" */
        struct str prefix;       /* "web" */
        bool is_template;
        struct span at;
        VEC(struct unit_line) lines;
};

/* Returns an exit status; errors go to m->ds. */
int unit_file_read(struct import *m, const char *path, struct unit_file *ret);

/* The last value of a key that has one; absent for none. */
struct str unit_file_value(const struct unit_file *u, const char *section, const char *key);

/* A value as Podman gets it: %-specifiers and $$ replaced ("%i" by {{ instance }}), braces as braces.
 * Specifiers that can't be replaced are noted at `item`. */
struct str unit_expand(struct draft *d, const struct unit_file *u, struct str value,
                       const struct unit_line *at);

/* systemd's words for yes and no, and Podman's. False if the text is not one of them. */
bool unit_boolean(struct str value, bool *ret);

struct unit_words {
        VEC(struct str) list;
        bool is_broken;  /* a quote is not closed */
        bool is_unknown; /* an escape that systemd does not have: Podman then ignores the line */
};

/* Words by systemd's rules: quotes, and escapes as C has them. */
struct unit_words unit_split(struct arena *a, struct str value);

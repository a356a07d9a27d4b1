/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The app's directories and their owner, worked out; and where containers see them. */

#include "app/world.h"

/* Where the app's directories are, or would be: the paths of a home. */
struct home home_paths(struct world *w, const struct app *app);

/* Nothing for an app that has no directories. */
void resolve_home(struct world *w, struct app *app);

/* True if the file is skipped, since its content is null. */
bool file_is_skipped(const struct app_file *f);

/* True if the definition has its content: it is neither a copy nor a secret. */
static inline bool file_is_literal(const struct app_file *f) {
        return str_is_absent(f->source.text) && str_is_absent(f->content.secret.text);
}

/* True for /dev, /proc, /run and /sys, and paths below them, which programs make while the machine runs. */
bool path_is_machines(struct str path);

/* True if the path is below the directory of configuration or that of data, which belong to the app's
 * owner. */
bool home_is_owners(const struct home *h, struct str path);

/* True if the path is one of the app's `files`. */
bool home_has_file(const struct app *app, struct str path);

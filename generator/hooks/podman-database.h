/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Podman keeps the environment of each container, secrets included, in a database, db.sql below its graph root. Podman 5.4 makes
 * both so that every user of the machine can read them. */

#include "base/arena.h"

struct podman_places {
        const char *root;               /* prefix of all paths: "", or a directory; then Podman is never run */
        const char *home;               /* of a user's Podman; NULL for the machine's */
};

/* Takes the database from everybody else, and has Podman make one first where there is none. 0; 1 where it belongs to
 * another or is no file, and is left alone; negative errno. *ret_path is set in any case. */
int podman_database_protect(struct arena *a, const struct podman_places *places, struct str *ret_path);

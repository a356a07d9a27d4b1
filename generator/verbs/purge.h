/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files, volumes and images that other applications use: purge leaves them alone, no matter who created them. A definition that was given another name
 * goes on with what the old one had. */

#include "app/app.h"
#include "base/vec.h"

struct purge_use {
        struct str what, app;           /* an absolute path, a volume or an image; whose */
};

struct purge_uses {
        struct arena *arena;
        int root;
        VEC(struct purge_use) list;
};

/* A path is noted as it is written, and as it is without links. */
void purge_uses_add(struct purge_uses *uses, struct str what, struct str app);

/* Collects what the definition names: directories, files, mounts, images. */
void purge_uses_add_all(struct purge_uses *uses, struct app *app);

/* Finds a use of `what`, or of a path in it or above it; NULL if there is none. */
const struct purge_use *purge_uses_find(const struct purge_uses *uses, struct str what);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What applications use that are not to be purged: purge leaves it alone, whoever made it. A definition that was given another name
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

/* What the definition names: directories, files, what containers mount, images. */
void purge_uses_add_all(struct purge_uses *uses, struct app *app);

/* One that is `what`, or a path in it or above it; NULL where there is none. */
const struct purge_use *purge_uses_find(const struct purge_uses *uses, struct str what);

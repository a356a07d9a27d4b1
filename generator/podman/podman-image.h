/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Removes images that are no longer needed. */

#include "base/arena.h"
#include "base/vec.h"

struct podman_images {
        VEC(struct str) list; /* references: REPOSITORY:TAG, REPOSITORY@DIGEST, sha256:ID */
};

struct podman_removal {
        struct str image;
        struct str problem; /* the reason why Podman did not remove it; absent if it did */
};

struct podman_removals {
        VEC(struct podman_removal) list;
};

/* Removes each image of `unneeded` that no container uses, and that `needed` does not name in another way.
 * If it has tags besides its reference, only the reference goes. It is no error if Podman refuses one: `ret`
 * has those that were removed and those that were refused. -EIO with *ret_problem if Podman does not report
 * which images are in use. */
int podman_remove_images(struct arena *a, const struct podman_images *unneeded,
                         const struct podman_images *needed, struct podman_removals *ret,
                         struct str *ret_problem);

/* The names to remove for `reference`, from the line "ID TAG…" that describes its image. Empty if the image
 * stays: if `taken`, the IDs that are in use, has its ID, or if it has another tag. */
void podman_image_names(struct arena *a, struct str reference, struct str line,
                        const struct podman_images *taken, struct podman_images *ret);

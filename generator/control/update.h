/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The queries of `pyservicectl update` to Podman, and its work for the running revision. */

#include "ctl/ctl.h"
#include "state/state.h"

/* An image that is here. */
struct image_facts {
        struct str id;     /* 64 hexadecimal digits */
        struct str digest; /* "sha256:…", of its manifest; "" if Podman knows none */
        struct str names;  /* REPOSITORY:TAG and REPOSITORY@DIGEST, one a line */
};

struct image_user {
        struct str name, id; /* a container that runs, and the ID of its image */
};

struct image_users {
        VEC(struct image_user) list;
};

/* Podman, and the way to run it. */
struct podman {
        struct arena *arena;
        const char *program;
        int status;         /* of its last run */
        struct str problem; /* its output then; the reason if a function gives -EIO */
};

/* -ENOENT: this machine has no such image. */
int image_inspect(struct podman *p, struct str reference, struct image_facts *ret);

/* With the credentials and the settings of the container. */
int image_pull(struct podman *p, const struct container *c, struct str reference);

/* Gives the image a name of ours, so that `podman image prune`, which Podman's own timer runs, leaves it
 * for a revert and an undo. */
int image_keep(struct podman *p, struct str id);

/* The containers of the app that run. */
int image_find_users(struct podman *p, struct str app, struct image_users *ret);

/* True if it was built here, so that there is no registry to query. `facts`: NULL if the image is not
 * here. */
bool image_is_local(struct arena *a, struct str reference, const struct image_facts *facts);

/* A reference that always names this one image: REPOSITORY@DIGEST, or its ID if no registry has it. */
struct str image_pin(struct arena *a, struct str reference, const struct image_facts *facts);

/* The image that an app with `source` is to run now, after its ref was queried and the image built. Returns
 * 0, or an exit status after reporting why. `runtime`: /run/pyservice, open. */
int update_build(struct ctl *c, int runtime, const struct app *app, struct str *ret_image);

/* A tag that means another image from now on. */
struct image_move {
        struct str reference, pinned;
        struct str old_id; /* what runs by that tag; absent for nothing */
};

struct image_moves {
        VEC(struct image_move) list;
};

/* Makes all stored bundles of the app name an image by its ID instead of the tag. `dir`:
 * /var/lib/pyservice. */
int update_hold(struct arena *a, int dir, struct str app, const struct image_moves *moves);

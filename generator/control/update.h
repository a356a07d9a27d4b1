/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What `pyservicectl update` asks of Podman, and what it does for the revision that runs. */

#include "ctl/ctl.h"
#include "state/state.h"

/* An image that is here. */
struct image_facts {
        struct str id;     /* 64 hexadecimal digits */
        struct str digest; /* "sha256:…", of its manifest; "" where Podman knows none */
        struct str names;  /* REPOSITORY:TAG and REPOSITORY@DIGEST, one a line */
};

struct image_user {
        struct str name, id; /* a container that runs, and the ID of its image */
};

struct image_users {
        VEC(struct image_user) list;
};

/* Podman, as it is asked. */
struct podman {
        struct arena *arena;
        const char *program;
        int status;         /* of its last run */
        struct str problem; /* what it said then; the reason where a function gives -EIO */
};

/* -ENOENT: there is no such image here. */
int image_inspect(struct podman *p, struct str reference, struct image_facts *ret);

/* With the credentials and the settings of the container. */
int image_pull(struct podman *p, const struct container *c, struct str reference);

/* Gives the image a name of ours, so that `podman image prune`, which Podman's own timer runs, leaves it
 * for a revert and an undo. */
int image_keep(struct podman *p, struct str id);

/* The containers of the app that run. */
int image_find_users(struct podman *p, struct str app, struct image_users *ret);

/* Was it built here, so that there is no registry to ask? `facts`: NULL where the image is not here. */
bool image_is_local(struct arena *a, struct str reference, const struct image_facts *facts);

/* What always names this one image: REPOSITORY@DIGEST, or its ID for one that no registry knows. */
struct str image_pin(struct arena *a, struct str reference, const struct image_facts *facts);

/* What an app with `source` is to run now, after its ref was asked for and the image built. Gives 0, or an
 * exit status after having said why. `runtime`: /run/pyservice, open. */
int update_build(struct ctl *c, int runtime, const struct app *app, struct str *ret_image);

/* A tag that means another image from now on. */
struct image_move {
        struct str reference, pinned;
        struct str old_id; /* what runs by that tag; absent for nothing */
};

struct image_moves {
        VEC(struct image_move) list;
};

/* The text of a unit of a stored revision, with the image's ID where there was the tag: a crash, a
 * scale-up, a revert and an undo then start what was accepted, and not what the tag means now. It stays
 * the same revision, for its label does. */
struct str update_hold_text(struct arena *a, struct str text, const struct image_moves *moves);

/* Does it for all stored bundles of the app. `dir`: /var/lib/pyservice. */
int update_hold(struct arena *a, int dir, struct str app, const struct image_moves *moves);

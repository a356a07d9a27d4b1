/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Queries and removes the containers of an app. */

#include "base/value.h"
#include "base/vec.h"

/* Texts are empty for what it does not have. */
struct podman_container {
        struct str name;
        struct str label;           /* io.pyservice.revision */
        struct str status;          /* "Up 3 minutes (healthy)" */
        struct str commit;          /* of its image, org.opencontainers.image.revision */
        struct str state;           /* "running" */
        struct str ports, networks; /* "0.0.0.0:80->8000/tcp, 443/tcp"; "a,b" */
        struct str app, unit;
        bool is_by_hand; /* of `pyservicectl run` */
};

struct podman_containers {
        VEC(struct podman_container) list;
};

/* The containers with the label io.pyservice.app=APP, of all apps if it is absent: those that run, or all.
 * Negative errno; -EIO if podman failed, with its message in *ret_problem. */
int podman_list(struct arena *a, struct str app, bool is_all, struct podman_containers *ret,
                struct str *ret_problem);

/* Runs Podman; argv[0] is NULL, and found here. -EIO if it failed, with its message in *ret_problem;
 * *ret_out is then what it printed before. */
int podman_run(struct arena *a, const char **argv, struct str *ret_out, struct str *ret_problem);

/* The text of storage.conf below the root of a machine; absent if there is none. Only the first of its places
 * counts (containers-storage.conf(5)). */
struct str podman_storage_conf(struct arena *a, int root);

/* Parses what `podman ps` prints for that: the members in their order, a container a line, with quoted
 * labels. */
void podman_parse(struct arena *a, struct str text, struct podman_containers *ret);

/* Removes a container that no longer belongs to a unit. 0 or negative errno. */
int podman_remove(struct arena *a, struct str name, struct str *ret_problem);

/* NULL if it does not run. */
const struct podman_container *podman_find(const struct podman_containers *c, struct str name);

/* True if this machine has the image, for the platform if that is not absent: Podman has one of each name,
 * and shows no variant of it. `podman`: its program. */
bool podman_has_image(struct arena *a, const char *podman, struct str reference, struct platform platform);

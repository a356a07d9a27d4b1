/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One function for each kind of output; render.c calls them in turn. */

#include "render/render.h"

/* Who a container is rendered for: a service's template has instances, all else stands alone. */
struct role {
        struct container *container;
        struct name name;               /* of the part */
        struct text description;
        struct health *health;
        struct unit_ref *requires, *after;
        size_t n_requires, n_after;
        struct choice restart;
        bool is_template;
        bool is_task;
};

/* [Unit], [Container] and [Service] that all containers have. */
void render_container(struct rendering *r, struct unit *u, const struct role *role);

/* Environment, in files and in the unit. */
void render_environment(struct rendering *r, struct unit *u, const struct role *role);

/* Is its value put together when the unit starts, and given to Podman in its environment? Then it is in no unit and no argv. */
bool is_composed(struct rendering *r, const struct variable *v);

/* Secrets: credentials, the program that composes what needs them, and their mounts. */
void render_secrets(struct rendering *r, struct unit *u, const struct role *role);

void render_service(struct rendering *r, struct service *s);
void render_sidecar(struct rendering *r, struct sidecar *s);
void render_task(struct rendering *r, struct task *t);
void render_images(struct rendering *r);
void render_networks(struct rendering *r);
void render_volumes(struct rendering *r);
void render_target(struct rendering *r);
void render_proxy(struct rendering *r, const struct service *s);

/* The directory below which an instance's secrets lie at run time, without the runtime directory's name:
 * "secrets/UNIT@%i". */
struct abs_path secrets_directory(struct rendering *r, const struct role *role);

/* "UNIT@N.service". */
struct unit_name instance_unit(struct rendering *r, struct name unit, uint64_t instance);

/* RUNTIME/apps/APP/SUB. */
struct abs_path bundle_path(struct rendering *r, struct str sub);

/* Ends a container's unit: raw keys, revision label, file. */
void render_finish(struct rendering *r, struct unit *u, const struct role *role);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One function for each kind of output; render.c calls them in turn. */

#include "render/render.h"

/* Who a container is rendered for: a service's template has instances, all else stands alone. */
struct role {
        struct container *container;
        struct name name; /* of the part */
        struct text description;
        struct health *health;
        const struct start_order *order;
        struct choice restart;
        const struct restart_policy *restart_policy;
        struct duration start_timeout; /* absent: what the health settings need */
        struct duration drain;         /* before its stop signal */
        struct number host_port;       /* stands in no container, but moves its ports */
        bool is_template;
        bool runs_to_end; /* a task, or what a timer starts: it is not kept up */
        bool is_task;
};

/* [Unit], [Container] and [Service] that all containers have. */
void render_container(struct rendering *r, struct unit *u, const struct role *role);

/* The definition, and the manual page about it; nothing without pyservice. */
void render_origin(struct rendering *r, struct unit *u);

/* The option of our programs for a user's manager. */
void render_user(struct rendering *r, struct unit *u);

/* Without pyservice: a stop of the app's target stops it. */
void render_part_of(struct rendering *r, struct unit *u);

/* When systemd starts it again: the keys of [Unit], and of [Service]. */
void render_start_limit(struct unit *u, const struct role *role);
void render_restart(struct unit *u, const struct role *role);

/* Its settings, and where its output goes. */
void render_settings(struct unit *u, const struct container *c);
void render_log(struct unit *u, const struct role *role);

/* The addresses that systemd lets through to the part, if the app has such a list. */
void render_trusted(struct rendering *r, struct unit *u, const struct role *role);

/* The rights of a unit that runs our own programs (sandbox.c). */
enum sandbox {
        SANDBOX_WAIT,       /* queries systemd */
        SANDBOX_ROLLOUT,    /* has systemd do all, and keeps records of it */
        SANDBOX_SETUP,      /* makes users, directories and files */
        SANDBOX_DECRYPTION, /* decrypts with AWS KMS for the setup */
        SANDBOX_IMAGE,      /* pulls or builds an image with Podman */
};
void render_sandbox(struct rendering *r, struct unit *u, enum sandbox sandbox);

/* Environment, in files and in the unit. Returns the template of the variables that are composed when the
 * unit starts, and passed to Podman in its environment, so that they are in no unit and no argv; absent if
 * there is none. */
struct abs_path render_environment(struct rendering *r, struct unit *u, const struct role *role);

/* The secret, if the variable is only a secret of Podman's, so that Podman itself can set it; else NULL. */
const struct secret_entry *whole_podman_secret(const struct container *c, const struct variable *v);

/* Secrets: credentials, the program that composes what needs them, and their mounts. */
void render_secrets(struct rendering *r, struct unit *u, const struct role *role, struct abs_path template);

/* The sources of secrets alone: a command of this key writes each secret to a file in the unit's runtime
 * directory. */
void render_secret_files(struct rendering *r, struct unit *u, const struct role *role, enum unit_key key);

/* True if AWS KMS decrypts one of the container's secrets. */
bool has_ciphertext(const struct container *c);

/* The unit that makes the app's user, directories and files; absent if it has none. */
struct unit_name render_setup(struct rendering *r);

/* A start fails if the setup failed. Also sets the user that runs the command: the number of the machine's
 * user, which only that unit knows. Needs render_setup(). */
void render_owner(struct rendering *r, struct unit *u, const struct container *c);

/* True if the container has a user namespace of its own, or a map of ids: the files that only it may read are
 * mounted with `idmap`. */
bool has_other_ids(const struct rendering *r, const struct container *c);

/* The units that it waits for when it starts. */
void render_order(struct rendering *r, struct unit *container, const struct role *role);

void render_service(struct rendering *r, struct service *s);
void render_task(struct rendering *r, struct task *t);
void render_timer(struct rendering *r, struct timer *t);
void render_networks(struct rendering *r);
void render_volumes(struct rendering *r);
void render_target(struct rendering *r);

/* Without pyservice: the target, and the user, directories and files of the app. */
void render_plain_target(struct rendering *r);
void render_plain_setup(struct rendering *r);

void render_rollout(struct rendering *r);

/* The file `record` (bundle/record.h); after all parts. */
void render_record(struct rendering *r);

void render_proxy(struct rendering *r, const struct service *s);
struct tree_file *render_nginx(struct rendering *r, const struct service *s);

/* The unit that pulls or builds the container's image, absent if there is none; parts that use the app's own
 * image share one. Also adds to the container's unit the restart of that unit after the image was removed. */
struct unit_name render_image(struct rendering *r, const struct role *role);
void render_image_check(struct rendering *r, struct unit *u, const struct role *role, struct unit_name unit);

/* True if the part may run on this machine. Else it is not upheld. */
bool is_here(const struct rendering *r, const struct container *c);

/* A drop-in of the container's unit that does not belong to its revision. */
void render_drop_in(struct rendering *r, struct unit *u, const struct role *role, struct str file);

/* Without pyservice: Quadlet's unit that builds the app's image. Absent unless has_plain_build(): Podman
 * fetches only repositories that everybody may read, and builds only with a Containerfile that is in them. */
struct unit_name render_plain_build(struct rendering *r);
bool has_plain_build(const struct app *app);

/* The unit that builds the app's image. Also adds to the container's unit the message with the reason if
 * there is no image. */
struct unit_name render_build(struct rendering *r);
void render_built(struct rendering *r, struct unit *u);

/* The parts' own files. */
enum tree_kind role_kind(const struct role *role);

/* The directory below which an instance's secrets lie at run time, without the runtime directory's name:
 * "secrets/UNIT@%i". */
struct abs_path secrets_directory(struct rendering *r, const struct role *role);

/* The variable with the instance's port of the machine: systemd first resolves %i, then expands
 * PYSERVICE_PORT_3. So one template serves all instances, and a change of scale touches no container. */
void render_port_name(struct unit *u, const struct service *s);

/* HAProxy's backend of a service. */
struct backend_name backend_of(const struct service *s);

/* The file in which HAProxy finds the states of a backend's servers, if there is one, and the backend's
 * number in it. */
bool has_states(const struct rendering *r, const struct service *s);
struct abs_path states_of(struct rendering *r, const struct service *s);
uint64_t backend_id(const struct service *s);

/* True if nginx is its front; and the names of its instances' own files in nginx's upstream, without
 * "@N.nginx". */
bool is_nginx(const struct service *s);
struct abs_path nginx_server_of(struct rendering *r, const struct service *s);

/* The hooks of an instance after its start and before its stop. */
void render_hooks(struct rendering *r, struct unit *u, const struct role *role, const struct service *s);

/* Like render_hooks() for the spare instance, as a drop-in. */
void render_hooks_next(struct rendering *r, const struct role *role, const struct service *s);

/* "UNIT@N.service"; "UNIT.service" of a sidecar. */
struct unit_name instance_unit(struct rendering *r, const struct service *s, uint64_t instance);

/* RUNTIME/apps/APP/SUB. */
struct abs_path bundle_path(struct rendering *r, struct str sub);

/* Ends a container's unit: raw keys, revision label, file. */
void render_finish(struct rendering *r, struct unit *u, const struct role *role);

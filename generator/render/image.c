/* SPDX-License-Identifier: Apache-2.0 */
#include "render/parts.h"

static void put_condition(struct unit *u, const struct container *c) {
        unit_open(u, SERVICE_EXEC_CONDITION);
        unit_word(u);
        unit_const(u, "/bin/sh");
        unit_word(u);
        unit_const(u, "-c");
        unit_word(u);
        unit_const(u, "! podman image exists $$0");
        unit_word(u);
        unit_part(u, c->image);
        unit_close(u);
}

static void render_image(struct rendering *r, const struct container *c) {
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Image of ");
        unit_part(u, c->image_unit);
        unit_close(u);
        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path) { r->app->path, NOWHERE }));
        unit_put_const(u, UNIT_DOCUMENTATION, "man:pyservice.d(5)");
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");

        unit_put(u, IMAGE_IMAGE, c->image);
        unit_put(u, IMAGE_AUTH_FILE, c->auth_file);
        if (!c->tls_verify.yes)
                unit_put_const(u, IMAGE_TLS_VERIFY, "false");

        /* "newer" is what a plain pull does: it loads what has another digest, and where it fails the image that is there is
         * taken, since instances only want this unit. (--policy and Policy= are Podman 5.6's.)
         *
         * With the image there, nothing is asked of the registry: a reboot works without it. */
        if (container_pull(c) == PULL_MISSING)
                put_condition(u, c);

        (void) unit_finish(u, r->tree, arena_join(r->arena, STR("quadlet/"), c->image_unit.text, STR(".image")));
}

/* One for the app's own image, and one for each part that has its own. */
void render_images(struct rendering *r) {
        struct container_list all = app_containers(r->arena, (struct app *) r->app);
        bool is_app_done = false;

        VEC_EACH(ref, &all.list) {
                const struct container *c = ref->container;

                if (container_pull(c) == PULL_NEVER || (!c->owns_image_unit && is_app_done))
                        continue;

                is_app_done = is_app_done || !c->owns_image_unit;
                render_image(r, c);
        }
}

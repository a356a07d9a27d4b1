/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "render/parts.h"

static void put_condition(struct unit *u, struct image_ref image) {
        unit_open(u, SERVICE_EXEC_CONDITION);
        unit_word(u);
        unit_const(u, "/bin/sh");
        unit_word(u);
        unit_const(u, "-c");
        unit_word(u);
        unit_const(u, "! podman image exists $$0");
        unit_word(u);
        unit_part(u, image);
        unit_close(u);
}

/* Its text; the name of the file follows from that, so that the images of two revisions lie side by side. */
static struct unit *make_unit(struct rendering *r, const struct container *c) {
        struct unit *u = unit_new(r->arena);
        struct image_ref image = app_pinned(r->app, c->image);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Image of ");
        unit_part(u, c->image_unit);
        unit_close(u);
        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path) { r->app->path, NOWHERE }));
        unit_put_const(u, UNIT_DOCUMENTATION, "man:pyservice.d(5)");
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");

        unit_put(u, IMAGE_IMAGE, image);
        unit_put(u, IMAGE_AUTH_FILE, c->auth_file);
        if (!c->tls_verify.yes)
                unit_put_const(u, IMAGE_TLS_VERIFY, "false");

        /* "newer" is what a plain pull does: it loads what has another digest, and where it fails the image that is there is
         * taken, since instances only want this unit. (--policy and Policy= are Podman 5.6's.)
         *
         * With the image there, nothing is asked of the registry: a reboot works without it. What is pinned never changes. */
        if (container_pull(c) == PULL_MISSING || !str_eq(image.text, c->image.text))
                put_condition(u, image);
        return u;
}

struct unit_name render_image(struct rendering *r, const struct role *role) {
        const struct container *c = role->container;
        struct hash_state *hash = hash_start(r->arena);
        struct unit_name name = { .at = c->image.at };
        struct str stem;
        struct unit *u;

        if (!c->owns_image_unit && !str_is_absent(r->app_image.text))
                return r->app_image;

        u = make_unit(r, c);
        hash_add(hash, unit_text(u));
        stem = arena_join(r->arena, c->image_unit.text, STR("-"), hash_digits(r->arena, hash, 8));
        name.text = arena_join(r->arena, stem, STR("-image.service"));
        if (!c->owns_image_unit)
                r->app_image = name;

        tree_mark(unit_finish(u, r->tree, arena_join(r->arena, STR("quadlet/"), stem, STR(".image"))),
                  c->owns_image_unit ? role_kind(role) : TREE_REVISION, c->owns_image_unit ? c->unit.text : (struct str) { 0 });
        return name;
}

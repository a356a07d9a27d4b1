/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "config.h"
#include "render/parts.h"

/* sh -c, open for the command. */
#define OPEN_SHELL(u, key, shell)     \
        do {                          \
                unit_open(u, key);    \
                unit_word(u);         \
                unit_const(u, shell); \
                unit_word(u);         \
                unit_const(u, "-c");  \
                unit_word(u);         \
        } while (0)

/* True if the registry is queried although the image is here. A pinned image never changes. */
static bool is_asked_always(const struct container *c, struct image_ref image) {
        return container_pull(c) != PULL_MISSING && str_eq(image.text, c->image.text);
}

/* The command that succeeds if the image $0 is here, for the container's platform. Podman shows no variant
 * of an image. */
static void put_exists(struct unit *u, const struct container *c) {
        struct platform_parts wanted = platform_split(c->settings.platform);

        if (str_is_absent(c->settings.platform.text)) {
                unit_const(u, "podman image exists $$0");
                return;
        }

        unit_const(u, "test \\\"$$(podman image inspect --format {{.Os}}/{{.Architecture}} $$0)\\\" = ");
        unit_part(u, wanted.os);
        unit_const(u, "/");
        unit_part(u, wanted.arch);
}

static void put_pull(struct unit *u, const struct container *c) {
        unit_const(u, "exec podman image pull");
        if (!c->tls_verify.yes)
                unit_const(u, " --tls-verify=false");
        if (!str_is_absent(c->settings.platform.text)) {
                unit_const(u, " --platform=");
                unit_part(u, c->settings.platform);
        }
        unit_const(u, " $$0");
}

/* How it is pulled, in place of the line that Quadlet writes: with the image there, the registry is not
 * queried, so that a reboot works without it. `newer` is what a plain pull does: it loads what has another
 * digest. (Policy= is a key since Podman 5.6 only.) */
static struct tree_file *render_pull(struct rendering *r, const struct container *c, struct str stem) {
        struct unit *u = unit_new(r->arena);
        struct image_ref image = app_pinned(r->app, c->image);
        struct str path = layout_unit(r->arena, stem, STR("-image.service.d/10-pull.conf"));

        if (!str_is_absent(c->auth_file.text)) {
                unit_open(u, SERVICE_ENVIRONMENT);
                unit_word_const(u, "REGISTRY_AUTH_FILE=");
                unit_part(u, c->auth_file);
                unit_close(u);
        }
        unit_put_const(u, SERVICE_EXEC_START, "");
        if (is_asked_always(c, image))
                OPEN_SHELL(u, SERVICE_EXEC_START, "-/bin/sh");
        else {
                OPEN_SHELL(u, SERVICE_EXEC_START, "/bin/sh");
                put_exists(u, c);
                unit_const(u, " || ");
        }
        /* Only with room for it: a full disk makes what runs fail too. */
        if (!r->is_plain)
                unit_const(u, "{ " LIBEXECDIR "/pyservice-build room && ");
        put_pull(u, c);
        if (!r->is_plain)
                unit_const(u, "; }");
        unit_word_part(u, image);
        unit_close(u);
        unit_put_const(u, SERVICE_TIMEOUT_START, IMAGE_PULL_TIMEOUT);
        render_sandbox(r, u, SANDBOX_IMAGE);
        return unit_finish(u, r->tree, path);
}

/* Its text; the name of the file follows from that, so that the images of two revisions lie side by side. */
static struct unit *make_unit(struct rendering *r, const struct container *c) {
        struct unit *u = unit_new(r->arena);
        struct image_ref image = app_pinned(r->app, c->image);
        struct platform_parts platform = platform_split(c->settings.platform);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Image of ");
        unit_part(u, c->image_unit);
        unit_close(u);
        render_origin(r, u);
        if (!r->is_plain)
                unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");

        unit_put(u, IMAGE_IMAGE, image);
        unit_put(u, IMAGE_AUTH_FILE, c->auth_file);
        if (!c->tls_verify.yes)
                unit_put_const(u, IMAGE_TLS_VERIFY, "false");
        unit_put(u, IMAGE_OS, platform.os);
        unit_put(u, IMAGE_ARCH, platform.arch);
        unit_put(u, IMAGE_VARIANT, platform.variant);

        /* Where the registry does not answer, the image that is there is taken. The unit is active then, as
         * it is after a pull: one that each start had to start again would wait for every stop that is under
         * way, of whatever instance comes after it. */
        if (is_asked_always(c, image)) {
                OPEN_SHELL(u, SERVICE_EXEC_START_POST, "/bin/sh");
                if (str_is_absent(c->settings.platform.text))
                        unit_const(u, "exec ");
                put_exists(u, c);
                unit_word_part(u, image);
                unit_close(u);
        }
        return u;
}

static struct unit_name render_pulled(struct rendering *r, const struct role *role) {
        const struct container *c = role->container;
        struct hash_state *hash = hash_start(r->arena);
        struct unit_name name = { .at = c->image.at };
        struct image_ref image;
        struct str stem, owner;
        enum tree_kind kind;
        struct unit *u;

        if (!c->owns_image_unit && !str_is_absent(r->app_image.text))
                return r->app_image;

        u = make_unit(r, c);
        hash_add(hash, unit_text(u));
        stem = r->is_plain
                       ? c->image_unit.text
                       : arena_join(r->arena, c->image_unit.text, STR("-"), hash_digits(r->arena, hash, 8));
        name.text = arena_join(r->arena, stem, STR("-image.service"));
        if (!c->owns_image_unit)
                r->app_image = name;

        kind = c->owns_image_unit ? role_kind(role) : TREE_REVISION;
        owner = c->owns_image_unit ? c->unit.text : (struct str){ 0 };
        tree_mark(unit_finish(u, r->tree, layout_quadlet(r->arena, stem, STR(".image"))), kind, owner);
        image = app_pinned(r->app, c->image);
        *vec_push(r->arena, &r->tree->record->images) =
                (struct record_image){ arena_join(r->arena, stem, STR(".image")), image.text,
                                       is_asked_always(c, image) };
        tree_mark(render_pull(r, c, stem), kind, owner);
        return name;
}

struct unit_name render_image(struct rendering *r, const struct role *role) {
        if (is_built(r->app, role->container))
                return r->is_plain ? render_plain_build(r) : render_build(r);

        return container_pull(role->container) == PULL_NEVER ? (struct unit_name){ 0 }
                                                             : render_pulled(r, role);
}

/* The image's unit is active after the first start. If the image is removed meanwhile, that unit has to start
 * again. */
void render_image_check(struct rendering *r, struct unit *u, const struct role *role, struct unit_name unit) {
        if (str_is_absent(unit.text))
                return;

        unit_open(u, SERVICE_EXEC_STOP_POST);
        unit_word_const(u, "-/bin/sh");
        unit_word_const(u, "-c");
        unit_word_const(u, "test $$SERVICE_RESULT = success || ");
        put_exists(u, role->container);
        if (r->world->places.is_user)
                unit_const(u, " || exec systemctl --user --no-block stop $$1");
        else
                unit_const(u, " || exec systemctl --no-block stop $$1");
        unit_word_part(u, app_pinned(r->app, role->container->image));
        unit_word_part(u, unit);
        unit_close(u);
}

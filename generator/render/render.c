/* SPDX-License-Identifier: Apache-2.0 */
#include "render/render.h"

#include "bundle/layout.h"
#include "bundle/record.h"
#include "render/parts.h"

struct unit_name instance_unit(struct rendering *r, const struct service *s, uint64_t instance) {
        struct name unit = s->container.unit;
        struct str number =
                s->is_sidecar ? STR("") : arena_join(r->arena, STR("@"), arena_u64(r->arena, instance));

        return (struct unit_name){ arena_join(r->arena, unit.text, number, STR(".service")), unit.at };
}

struct abs_path bundle_path(struct rendering *r, struct str sub) {
        return (struct abs_path){
                arena_join(r->arena, r->world->places.runtime, STR("/" LAYOUT_APPS "/"), r->app->name.text,
                           STR("/"), sub),
                NOWHERE,
        };
}

struct abs_path secrets_directory(struct rendering *r, const struct role *role) {
        static const char instance[] = { '@', INSTANCE_MARK };
        struct str suffix = role->is_template ? (struct str){ instance, sizeof(instance) } : STR("");

        return (struct abs_path){
                arena_join(r->arena, STR(LAYOUT_SECRETS "/"), role->container->unit.text, suffix), NOWHERE
        };
}

enum tree_kind role_kind(const struct role *role) {
        return role->is_task ? TREE_TASK : TREE_REVISION;
}

void render_origin(struct rendering *r, struct unit *u) {
        if (r->is_plain)
                return;

        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path){ r->app->path, NOWHERE }));
        unit_put_const(u, UNIT_DOCUMENTATION, "man:pyservice.d(5)");
}

void render_user(struct rendering *r, struct unit *u) {
        if (!r->world->places.is_user)
                return;

        unit_word_const(u, "--user");
}

void render_part_of(struct rendering *r, struct unit *u) {
        unit_open(u, UNIT_PART_OF);
        unit_part(u, r->app->name);
        unit_const(u, ".target");
        unit_close(u);
}

static void render_parts(struct rendering *r) {
        APP_EACH_KEPT(s, r->app) {
                render_service(r, s);
                if (s->proxy && !(r->is_plain && is_nginx(s)))
                        render_proxy(r, s);
        }
        LIST_EACH(t, &r->app->tasks)
                render_task(r, t);
        LIST_EACH(t, &r->app->timers)
                render_timer(r, t);

        render_networks(r);
        render_volumes(r);
}

void render_plain(struct arena *a, const struct world *w, const struct app *app, const struct ports *ports,
                  struct tree *ret) {
        struct rendering r = { a, w, app, ports, ret, .is_plain = true };

        ret->arena = a;
        ret->record = arena_new(a, struct record);
        render_parts(&r);
        render_plain_target(&r);
        render_plain_setup(&r);
        tree_sort(ret);
}

void render_app(struct arena *a, const struct world *w, const struct app *app, const struct ports *ports,
                struct tree *ret) {
        struct rendering r = { a, w, app, ports, ret };
        struct str text;

        ret->arena = a;
        ret->record = arena_new(a, struct record);
        render_parts(&r);
        render_target(&r);
        render_rollout(&r);
        render_record(&r);

        text = ports_text(a, ports, app->name);
        if (text.n > 0)
                tree_mark(tree_add(ret, STR(LAYOUT_PORTS), 0644, text), TREE_SCALE, (struct str){ 0 });

        tree_sort(ret);
}

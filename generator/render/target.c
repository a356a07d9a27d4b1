/* SPDX-License-Identifier: Apache-2.0 */
#include "app/machine.h"
#include "bundle/layout.h"
#include "render/parts.h"

/* A part that must not run on this host is not upheld: systemd would try it 16 times in ten seconds, for
 * ever, and its ConditionHost= would fail each time. */
bool is_here(const struct rendering *r, const struct container *c) {
        return machine_is_among(r->world, c->hosts.at, c->hosts.n);
}

/* An upheld unit is started again with any Restart=. A part that must not be (restart: no, on-failure) is
 * wanted by a target of its own, and the target is upheld: it starts the unit once, and a stop of the target
 * stops the unit too. */
static void render_once(struct rendering *r, const struct container *c, bool is_template) {
        struct unit *u = unit_new(r->arena);
        struct str file =
                layout_unit(r->arena, c->unit.text, is_template ? STR("-once@.target") : STR("-once.target"));

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Start of ");
        unit_part(u, c->unit);
        unit_close(u);
        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path){ r->app->path, NOWHERE }));
        unit_open(u, UNIT_WANTS);
        unit_part(u, c->unit);
        if (is_template)
                unit_const(u, "@%i");
        unit_const(u, ".service");
        unit_close(u);
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, UNIT_DEFAULT_DEPENDENCIES, "no");
        unit_put_const(u, UNIT_CONFLICTS, "shutdown.target");
        unit_put_const(u, UNIT_BEFORE, "shutdown.target");
        tree_mark(unit_finish(u, r->tree, file), TREE_REVISION, c->unit.text);
}

static void put_description(struct rendering *r, struct unit *u) {
        unit_open(u, UNIT_DESCRIPTION);
        if (!str_is_absent(r->app->description.text))
                unit_part(u, r->app->description);
        else
                unit_part(u, r->app->name);
        unit_close(u);
}

/* The target is what systemd keeps up: a daemon-reload starts what it upholds and does not run, and stops
 * what it no longer upholds (StopWhenUnneeded= in the instances). Upholds= must stand in a file: links in
 * TARGET.upholds/ do nothing on systemd 252. Without default dependencies, since a target comes After= all
 * that it upholds, and the boot would wait for it. */
static void render_main(struct rendering *r) {
        struct unit *u = unit_new(r->arena);

        put_description(r, u);
        render_origin(r, u);
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, UNIT_DEFAULT_DEPENDENCIES, "no");
        unit_put_const(u, UNIT_CONFLICTS, "shutdown.target");
        unit_put_const(u, UNIT_BEFORE, "shutdown.target");

        tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, r->app->name.text, STR(".target"))),
                  TREE_SCALE, (struct str){ 0 });
}

/* Wanted by the target it does not stop when all instances happen to fail at once, to start again what
 * they require. */
static void put_requires_target(struct unit *u, struct name unit, const struct start_order *o) {
        if (!has_order_units(o))
                return;

        unit_open(u, UNIT_WANTS);
        unit_part(u, unit);
        unit_const(u, "-requires.target");
        unit_close(u);
}

/* The path as an instance name (systemd.unit(5), "string escaping"), without its first slash. */
static struct name escape_path(struct rendering *r, struct abs_path path) {
        static const char digits[] = "0123456789abcdef";
        struct str out = STR("");

        for (size_t i = 1; i < path.text.n; i++) {
                struct str c = { path.text.p + i, 1 };
                bool is_plain = str_is_made_of(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                  "0123456789:_") ||
                                (c.p[0] == '.' && i > 1);

                if (c.p[0] == '/')
                        c = STR("-");
                else if (!is_plain)
                        c = arena_join(r->arena, STR("\\x"), ((struct str){ digits + (c.p[0] >> 4 & 15), 1 }),
                                       ((struct str){ digits + (c.p[0] & 15), 1 }));
                out = arena_join(r->arena, out, c);
        }

        return (struct name){ out, path.at };
}

/* A renewed certificate is to be served, and one of `tls: auto` is to be ordered. */
static void put_certificates(struct rendering *r, struct unit *u, const struct service *s) {
        struct certificate_paths paths = { 0 };

        if (!s->proxy || r->world->places.is_user)
                return;

        paths = proxy_certificates(r->arena, s->proxy);
        VEC_EACH(path, &paths.list) {
                unit_open(u, UNIT_UPHOLDS);
                unit_const(u, "pyservice-certificate@");
                unit_part(u, escape_path(r, *path));
                unit_const(u, ".path");
                unit_close(u);
        }
        if (!has_auto_tls(s->proxy))
                return;

        LIST_EACH(domain, &s->proxy->domains) {
                unit_open(u, UNIT_UPHOLDS);
                unit_const(u, "pyservice-acme@");
                unit_part(u, *domain);
                unit_const(u, ".timer");
                unit_close(u);
        }
}

/* Further settings of the target for a part that it upholds; the record gives the units that uphold the part
 * itself (publish/compose.h). */
static void render_needed(struct rendering *r, const struct service *s) {
        const struct container *c = &s->container;
        struct unit *u = unit_new(r->arena);

        if (!is_here(r, c))
                return;

        put_requires_target(u, c->unit, &s->order);
        put_certificates(r, u, s);
        if (unit_text(u).n == 0)
                return;

        tree_mark(unit_finish(u, r->tree,
                              layout_unit(r->arena, r->app->name.text, STR(".target.d/60-"), c->unit.text,
                                          STR(".conf"))),
                  TREE_SCALE, c->unit.text);
}

static void render_parts(struct rendering *r) {
        APP_EACH_KEPT(s, r->app) {
                if (s->restart.index != RESTART_ALWAYS)
                        render_once(r, &s->container, !s->is_sidecar);
                if (s->scale.n > 0)
                        render_needed(r, s);
        }
}

/* It wants all parts, so that one command starts and stops them, and a boot starts them. */
void render_plain_target(struct rendering *r) {
        struct unit *u = unit_new(r->arena);

        put_description(r, u);
        APP_EACH_KEPT(s, r->app)
                for (uint64_t i = 0; i < s->scale.n; i++)
                        unit_put(u, UNIT_WANTS, instance_unit(r, s, i));
        LIST_EACH(t, &r->app->timers) {
                struct name unit = t->task.container.unit;

                unit_put(u, UNIT_WANTS,
                         ((struct unit_name){ arena_join(r->arena, unit.text, STR(".timer")), unit.at }));
        }
        if (r->world->places.is_user)
                unit_put_const(u, INSTALL_WANTED_BY, "default.target");
        else
                unit_put_const(u, INSTALL_WANTED_BY, "multi-user.target");
        (void) unit_finish(u, r->tree, layout_unit(r->arena, r->app->name.text, STR(".target")));
}

void render_target(struct rendering *r) {
        render_main(r);
        render_parts(r);
}

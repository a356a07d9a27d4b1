/* SPDX-License-Identifier: Apache-2.0 */
#include "app/machine.h"
#include "render/parts.h"

/* The target is what systemd keeps up: a daemon-reload starts what it upholds and does not run, and stops what it no
 * longer upholds (StopWhenUnneeded= in the instances). Upholds= must stand in a file: links in TARGET.upholds/ do
 * nothing on systemd 252. Without default dependencies, since a target comes After= all that it upholds, and the boot
 * would wait for it. What may not run on this host is left out: systemd would try it 16 times in ten seconds, for ever, only to
 * find that its ConditionHost= is not met. */
static bool is_here(const struct rendering *r, const struct container *c) {
        return machine_is_among(r->world, c->hosts.at, c->hosts.n);
}

void render_target(struct rendering *r) {
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        if (!str_is_absent(r->app->description.text))
                unit_part(u, r->app->description);
        else
                unit_part(u, r->app->name);
        unit_close(u);
        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path) { r->app->path, NOWHERE }));
        unit_put_const(u, UNIT_DOCUMENTATION, "man:pyservice.d(5)");
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_const(u, UNIT_DEFAULT_DEPENDENCIES, "no");
        unit_put_const(u, UNIT_CONFLICTS, "shutdown.target");
        unit_put_const(u, UNIT_BEFORE, "shutdown.target");

        LIST_EACH(s, &r->app->services)
                for (uint64_t i = 0; i < s->scale.n && is_here(r, &s->container); i++)
                        unit_put(u, UNIT_UPHOLDS, instance_unit(r, s->container.unit, i));
        LIST_EACH(s, &r->app->sidecars) {
                if (!is_here(r, &s->container))
                        continue;
                unit_open(u, UNIT_UPHOLDS);
                unit_part(u, s->container.unit);
                unit_const(u, ".service");
                unit_close(u);
        }

        (void) unit_finish(u, r->tree, arena_join(r->arena, STR("units/"), r->app->name.text, STR(".target")));
}

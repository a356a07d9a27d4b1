/* SPDX-License-Identifier: Apache-2.0 */

/* An app's instances that are asked over HTTP, from outside, are asked as long as they run (hooks/watch.h). A timer does it, at the shortest of their
 * intervals; Podman does it for those that are asked inside. */

#include "config.h"
#include "render/parts.h"

#define NONE UINT64_MAX

struct abs_path watch_directory(struct rendering *r) {
        return (struct abs_path) { arena_join(r->arena, r->world->places.runtime, STR("/health/"), r->app->name.text), NOWHERE };
}

static struct duration shortest_interval(const struct rendering *r) {
        struct duration d = { NONE, NOWHERE };

        LIST_EACH(s, &r->app->services)
                if (is_watched(r, s) && s->health->interval.usec < d.usec)
                        d = s->health->interval;

        return d;
}

static void finish(struct rendering *r, struct unit *u, struct str name) {
        tree_mark(unit_finish(u, r->tree, arena_join(r->arena, STR("units/"), r->app->name.text, name)), TREE_SCALE, (struct str) { 0 });
}

static struct unit *start(struct rendering *r) {
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "Health of ");
        unit_part(u, r->app->name);
        unit_close(u);
        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path) { r->app->path, NOWHERE }));
        return u;
}

static void render_rounds(struct rendering *r, struct duration interval) {
        struct unit *u = start(r);

        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        unit_put_duration(u, TIMER_ON_ACTIVE, interval);
        unit_put_duration(u, TIMER_ON_UNIT_INACTIVE, interval);
        unit_put_const(u, TIMER_ACCURACY, "100ms");
        finish(r, u, STR("-health.timer"));
}

static void render_round(struct rendering *r) {
        struct unit *u = start(r);

        unit_put_const(u, UNIT_START_LIMIT_INTERVAL, "0");
        unit_put_const(u, SERVICE_TYPE, "oneshot");
        unit_open(u, SERVICE_EXEC_START);
        unit_word(u);
        unit_const(u, "-" LIBEXECDIR "/pyservice-instance");
        unit_word(u);
        unit_const(u, "watch");
        unit_word(u);
        unit_const(u, "--watch=");
        unit_part(u, watch_directory(r));
        if (r->world->places.is_user) {
                unit_word(u);
                unit_const(u, "--user");
        }
        unit_close(u);
        unit_put_const(u, SERVICE_TIMEOUT_START, "5min");
        /* What it says is a warning; each start and end of it would be told too. */
        unit_put_const(u, SERVICE_SYSLOG_LEVEL, "warning");
        unit_put_const(u, SERVICE_LOG_LEVEL_MAX, "notice");
        finish(r, u, STR("-health.service"));
}

/* Only the timer is upheld; that cannot fail. */
static void render_upheld(struct rendering *r) {
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_UPHOLDS);
        unit_part(u, r->app->name);
        unit_const(u, "-health.timer");
        unit_close(u);
        finish(r, u, STR(".target.d/60-health.conf"));
}

void render_health(struct rendering *r) {
        struct duration interval = shortest_interval(r);

        if (interval.usec == NONE)
                return;

        render_rounds(r, interval);
        render_round(r);
        render_upheld(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/layout.h"
#include "bundle/record.h"
#include "render/parts.h"

static struct record_part *add(struct rendering *r, struct record *record, enum record_kind kind,
                               const struct container *c) {
        struct record_part *part = vec_push(r->arena, &record->parts);

        *part = (struct record_part){
                .kind = kind,
                .unit = c->unit.text,
                .scale = is_here(r, c) && kind != RECORD_TASK,
                .label = r->revisions.at[record->parts.n - 1].text,
                .image = app_pinned(r->app, c->image).text,
        };
        return part;
}

void render_record(struct rendering *r) {
        struct record record = { 0 };

        LIST_EACH(s, &r->app->services) {
                struct record_part *part = add(r, &record, RECORD_SERVICE, &s->container);

                part->scale *= s->scale.n;
                part->runs_once = s->restart.index != RESTART_ALWAYS;
                part->has_spare = has_spare(r->app, s);
        }
        LIST_EACH(s, &r->app->sidecars)
                add(r, &record, RECORD_SIDECAR, &s->container)->runs_once =
                        s->restart.index != RESTART_ALWAYS;
        LIST_EACH(t, &r->app->tasks)
                (void) add(r, &record, RECORD_TASK, &t->container);
        LIST_EACH(t, &r->app->timers)
                (void) add(r, &record, RECORD_TIMER, &t->task.container);

        record_sort(&record);
        tree_mark(tree_add(r->tree, STR(LAYOUT_RECORD), 0644, record_text(r->arena, &record)), TREE_PLAN,
                  (struct str){ 0 });
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/layout.h"
#include "bundle/record.h"
#include "render/parts.h"
#include "schema/syntax.h"

/* Those of the application's own that there is one of for each instance. */
static void add_volumes(struct rendering *r, struct record *record, const struct container *c) {
        for (size_t i = 0; i < c->volumes.n; i++) {
                struct str name = syntax_volume_split(c->mounts.at[i].spec.text).source;

                if (has_instance_mark(name) && name.p[0] != '/' &&
                    !syntax_volume_split(c->volumes.at[i].text).is_foreign)
                        record_add_volume(r->arena, record, instance_mark_replace(r->arena, name, STR("*")));
        }
}

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
        add_volumes(r, record, c);
        return part;
}

static void add_orders(struct rendering *r, struct record *record, const struct service *s) {
        struct acme acme;

        if (!s->proxy || !has_auto_tls(s->proxy))
                return;

        acme = proxy_acme(&r->world->host, s->proxy);
        LIST_EACH(domain, &s->proxy->domains)
                *vec_push(r->arena, &record->acme) = (struct record_acme){
                        .unit = s->container.unit.text,
                        .domain = domain->text,
                        .is_nginx = is_nginx(s),
                        .directory = acme.directory.text,
                        .email = acme.email.text,
                };
}

void render_record(struct rendering *r) {
        struct record *record = r->tree->record;

        APP_EACH_KEPT(s, r->app) {
                struct record_part *part =
                        add(r, record, s->is_sidecar ? RECORD_SIDECAR : RECORD_SERVICE, &s->container);

                part->scale *= s->scale.n;
                part->runs_once = s->restart.index != RESTART_ALWAYS;
                part->has_spare = has_spare(r->app, s);
                add_orders(r, record, s);
        }
        LIST_EACH(t, &r->app->tasks)
                (void) add(r, record, RECORD_TASK, &t->container);
        LIST_EACH(t, &r->app->timers)
                (void) add(r, record, RECORD_TIMER, &t->task.container);

        record_sort(record);
        tree_mark(tree_add(r->tree, STR(LAYOUT_RECORD), 0644, record_text(r->arena, record)), TREE_PLAN,
                  (struct str){ 0 });
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Tasks and timers: a Job that stays suspended until the administrator resumes it, and a CronJob for each
 * time. */

#include <limits.h>
#include <unistd.h>

#include "export/kube-cron.h"
#include "export/kube.h"

/* Behind a CronJob's name come eleven digits. */
enum { CRON_NAME_MAX = 52 };

static void put_job(struct kube *k, struct kube_part *p, const struct task *t, struct yaml_text *spec) {
        kube_number(k, spec, "backoffLimit", 0);
        if (t->timeout.usec > 0 && t->timeout.usec != UINT64_MAX)
                kube_number(k, spec, "activeDeadlineSeconds", kube_seconds(t->timeout));
        kube_pod(k, p, kube_map(k, spec, "template"));
        kube_order(k, p->document, &t->container, &t->order);
}

static bool is_named(const struct name *list, size_t n, struct str task) {
        for (size_t i = 0; i < n; i++)
                if (str_eq(list[i].text, task))
                        return true;

        return false;
}

static struct kube_part part_of(struct task *t) {
        return (struct kube_part){
                .container = &t->container, .name = t->name.text, .replicas = 1, .runs_to_end = true
        };
}

void kube_task(struct kube *k, struct task *t) {
        struct kube_part p = part_of(t);
        struct yaml_text *spec;

        p.object = kube_name(k->arena, t->container.unit.text, 63);
        p.document = kube_document(k, KUBE_WORK, "batch/v1", "Job", p.object);
        p.document->part = p.name;
        kube_labels(k, kube_map(k, p.document->root, "metadata"), p.name);
        KUBE_SAY(k, p.document, STR("It waits (suspend). To run it: kubectl patch job "), p.object,
                 STR(" -p '{\"spec\":{\"suspend\":false}}'"));
        KUBE_SAY(k, p.document,
                 STR("To wait for its end: kubectl wait --for=condition=complete "
                     "--timeout=1h job/"),
                 p.object);
        KUBE_SAY(k, p.document, STR("A Job runs once: kubectl delete job "), p.object,
                 STR(" before it is applied again."));
        if (is_named(k->app->after_update.at, k->app->after_update.n, t->name.text))
                KUBE_MISS(k, p.document,
                          STR("after_update: run it when the rollout of the new image has ended"));
        if (is_named(k->app->on_failure.at, k->app->on_failure.n, t->name.text))
                KUBE_MISS(k, p.document,
                          STR("on_failure: run it when a rollout failed and was undone (kubectl rollout "
                              "undo)"));
        if (is_named(k->app->before_update.at, k->app->before_update.n, t->name.text))
                KUBE_MISS(k, p.document,
                          STR("before_update: apply and run it with the new image, wait for "
                              "its end, and only then apply the rest. An initContainer would "
                              "run it once for each pod, at the same time"));

        spec = kube_map(k, p.document->root, "spec");
        kube_flag(k, spec, "suspend", true);
        put_job(k, &p, t, spec);
}

/* The time zone of the machine, which its calendar uses; absent if it cannot be read. */
static struct str machine_zone(struct kube *k) {
        char path[PATH_MAX];
        ssize_t n = readlinkat(k->world->root, "etc/localtime", path, sizeof(path));
        struct str text = { path, n > 0 ? (size_t) n : 0 }, mark = STR("/zoneinfo/");
        size_t at = str_find_str(text, mark);

        return at < text.n ? arena_str(k->arena, str_from(text, at + mark.n)) : (struct str){ 0 };
}

static void put_schedule(struct kube *k, struct kube_document *d, struct yaml_text *spec,
                         struct str calendar) {
        struct str cron, zone = { 0 };
        bool is_good = cron_from_calendar(k->arena, calendar, &cron, &zone);

        KUBE_SAY(k, d, STR("schedule: "), calendar);
        kube_text(k, spec, "schedule", is_good ? cron : STR("0 0 * * *"));
        if (str_is_absent(zone))
                zone = machine_zone(k);
        if (!str_is_absent(zone))
                kube_text(k, spec, "timeZone", str_is(zone, "UTC") ? STR("Etc/UTC") : zone);
        else
                kube_say(k, d, STR("Without timeZone the clock of the cluster applies."));
        if (is_good)
                return;

        kube_flag(k, spec, "suspend", true);
        KUBE_MISS(k, d, STR("the schedule '"), calendar,
                  STR("', which cron cannot express: write another, and remove 'suspend'"));
}

static void add_cron(struct kube *k, struct timer *t, size_t i) {
        struct kube_part p = part_of(&t->task);
        struct str unit = t->task.container.unit.text;
        struct yaml_text *spec, *template;

        p.object = kube_name(k->arena,
                             i == 0 ? unit : arena_join(k->arena, unit, STR("-"), arena_u64(k->arena, i + 1)),
                             CRON_NAME_MAX);
        p.document = kube_document(k, KUBE_WORK, "batch/v1", "CronJob", p.object);
        p.document->part = p.name;
        kube_labels(k, kube_map(k, p.document->root, "metadata"), p.name);
        spec = kube_map(k, p.document->root, "spec");
        put_schedule(k, p.document, spec, t->schedule.at[i].text);
        kube_text(k, spec, "concurrencyPolicy", STR("Forbid"));
        if (!t->persistent.yes)
                kube_number(k, spec, "startingDeadlineSeconds", 60);
        if (t->random_delay.usec > 0)
                kube_miss(k, p.document, STR("random_delay: all start exactly at their time"));
        if (i > 0)
                kube_miss(k, p.document, STR("several schedules of one timer: their runs may overlap"));
        template = kube_map(k, spec, "jobTemplate");
        kube_labels(k, kube_map(k, template, "metadata"), p.name);
        put_job(k, &p, &t->task, kube_map(k, template, "spec"));
}

void kube_timer(struct kube *k, struct timer *t) {
        for (size_t i = 0; i < t->schedule.n; i++)
                add_cron(k, t, i);
}

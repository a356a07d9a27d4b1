/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl metrics: the facts about applications for Prometheus, as OpenMetrics text 1.0.
 *
 * A fact that is not known has no sample. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "balancer/certificates.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "config.h"
#include "ctl/target.h"
#include "model/facts.h"
#include "verbs/verbs.h"

enum { LABELS_MAX = 4 };

struct label {
        const char *name; /* NULL ends the list */
        struct str value;
};

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO };

/* There is one sample for each of these. */
enum metric_of { OF_APP, OF_KEPT, OF_UNIT, OF_TIMER };

enum metric_scale { SCALE_ONE, SCALE_USEC };

struct subject {
        const struct fact_app *app;
        const struct fact_part *part;
        const struct fact_unit *unit;
        uint64_t now; /* CLOCK_REALTIME, microseconds */
};

/* The text, and the facts that it is made of. */
struct metrics {
        const struct facts *f;
        struct buf out;
        VEC(const struct fact_app *) apps;
};

struct family {
        const char *name, *unit, *help; /* unit: the last word of the name, or NULL */
        enum metric_type type;
        enum metric_of of;
        enum metric_scale scale;
        uint64_t (*value)(const struct subject *s); /* FACT_NOT_KNOWN: there is no sample */
};

/* --- the format --- */

static void put_family(struct buf *out, const struct family *m) {
        static const char *const types[] = { "gauge", "counter", "info" };

        buf_put_str(out, arena_printf(out->arena, "# TYPE pyservice_%s %s\n", m->name, types[m->type]));
        if (m->unit)
                buf_put_str(out, arena_printf(out->arena, "# UNIT pyservice_%s %s\n", m->name, m->unit));
        buf_put_str(out, arena_printf(out->arena, "# HELP pyservice_%s %s\n", m->name, m->help));
}

/* Any text: what is not UTF-8, and control characters except line feeds, become question marks. */
static void put_quoted(struct buf *out, struct str text) {
        text = utf8_clean(out->arena, text);
        buf_put_char(out, '"');
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == '\n')
                        buf_put(out, "\\n");
                else {
                        if (text.p[i] == '"' || text.p[i] == '\\')
                                buf_put_char(out, '\\');
                        buf_put_char(out, text.p[i]);
                }
        buf_put_char(out, '"');
}

static void put_labels(struct buf *out, const struct label *labels) {
        for (size_t i = 0; i < LABELS_MAX && labels[i].name; i++) {
                buf_put_char(out, i == 0 ? '{' : ',');
                buf_put(out, labels[i].name);
                buf_put_char(out, '=');
                put_quoted(out, str_is_absent(labels[i].value) ? STR("") : labels[i].value);
        }
        buf_put(out, "} ");
}

static void put_sample(struct buf *out, const struct family *m, const struct label *labels, uint64_t value) {
        static const char *const suffixes[] = { "", "_total", "_info" };

        if (value == FACT_NOT_KNOWN)
                return;
        buf_put(out, "pyservice_");
        buf_put(out, m->name);
        buf_put(out, suffixes[m->type]);
        put_labels(out, labels);
        if (m->scale == SCALE_USEC)
                buf_put_str(out, arena_printf(out->arena, "%llu.%06u", (unsigned long long) value / 1000000,
                                              (unsigned) (value % 1000000)));
        else
                buf_put_u64(out, value);
        buf_put_char(out, '\n');
}

/* --- families with one sample for each application, part, unit or timer --- */

static uint64_t app_broken(const struct subject *s) {
        const struct definition *d = s->app->definition;

        return d && d->is_hidden ? FACT_NOT_KNOWN : d && d->is_broken;
}

static uint64_t app_as_declared(const struct subject *s) {
        return s->app->standing != FACT_NOT_AS_DECLARED;
}

static uint64_t app_stopped(const struct subject *s) {
        return s->app->view.is_stopped;
}

static uint64_t app_failed(const struct subject *s) {
        return s->app->n_failed;
}

static uint64_t rollout_duration(const struct subject *s) {
        const struct progress *p = &s->app->view.progress;
        uint64_t end = s->app->outcome == VIEW_UNDER_WAY ? s->now : p->since;

        return p->started == 0 || end < p->started ? FACT_NOT_KNOWN : end - p->started;
}

static bool is_counted(const struct fact_unit *u) {
        return !u->is_instance || u->number != PORTS_NEXT;
}

/* An alert compares it with the number of ready ones, so those that the administrator stopped do not
 * count. */
static uint64_t part_wanted(const struct subject *s) {
        uint64_t n = 0;

        VEC_EACH(u, &s->part->units)
                n += is_counted(u) && u->is_declared && u->state != FACT_HELD;
        return n;
}

static uint64_t part_running(const struct subject *s) {
        uint64_t n = 0;

        VEC_EACH(u, &s->part->units)
                n += is_counted(u) && (fact_is_running(u) || u->state == FACT_DONE);
        return n;
}

static uint64_t part_ready(const struct subject *s) {
        uint64_t n = 0;

        VEC_EACH(u, &s->part->units)
                n += is_counted(u) && u->is_declared && (u->state == FACT_READY || u->state == FACT_DONE);
        return n;
}

static uint64_t part_oom_kills(const struct subject *s) {
        return s->part->n_oom_kills;
}

static uint64_t unit_restarts(const struct subject *s) {
        return s->unit->detail.n_restarts;
}

static uint64_t unit_memory(const struct subject *s) {
        return s->unit->memory;
}

static uint64_t unit_cpu(const struct subject *s) {
        return s->unit->cpu;
}

static uint64_t time_of(uint64_t usec) {
        return usec == 0 ? FACT_NOT_KNOWN : usec; /* UINT64_MAX, "never again", is not known either */
}

static uint64_t timer_last(const struct subject *s) {
        return time_of(facts_last_run(s->part));
}

static uint64_t timer_next(const struct subject *s) {
        return s->part->is_timer_active ? time_of(s->part->times.next) : FACT_NOT_KNOWN;
}

static uint64_t timer_failed(const struct subject *s) {
        return s->part->units.at[0].state == FACT_FAILED;
}

static const struct family simple[] = {
        { "app_broken", NULL, "1 if the definition has errors.", METRIC_GAUGE, OF_APP, SCALE_ONE,
          app_broken },
        { "app_as_declared", NULL,
          "1 if the application runs as its definition has it, or is changing to that.", METRIC_GAUGE, OF_APP,
          SCALE_ONE, app_as_declared },
        { "app_stopped", NULL, "1 if the administrator stopped the application.", METRIC_GAUGE, OF_APP,
          SCALE_ONE, app_stopped },
        { "app_failed_units", NULL, "Units of the application that have failed or fail again and again.",
          METRIC_GAUGE, OF_APP, SCALE_ONE, app_failed },
        { "rollout_duration_seconds", "seconds", "How long the last rollout took, or takes until now.",
          METRIC_GAUGE, OF_APP, SCALE_USEC, rollout_duration },
        { "instances_wanted", NULL, "Instances that are to run on this machine, except stopped ones.",
          METRIC_GAUGE, OF_KEPT, SCALE_ONE, part_wanted },
        { "instances_running", NULL, "Instances that run, ready or not.", METRIC_GAUGE, OF_KEPT, SCALE_ONE,
          part_running },
        { "instances_ready", NULL, "Instances that are ready and get requests.", METRIC_GAUGE, OF_KEPT,
          SCALE_ONE, part_ready },
        { "oom_kills", NULL, "Processes that the kernel killed because memory ran out.", METRIC_COUNTER,
          OF_KEPT, SCALE_ONE, part_oom_kills },
        { "restarts", NULL, "Restarts by systemd since the unit was started by something else.",
          METRIC_COUNTER, OF_UNIT, SCALE_ONE, unit_restarts },
        { "memory_bytes", "bytes", "Memory in use, with the page cache.", METRIC_GAUGE, OF_UNIT, SCALE_ONE,
          unit_memory },
        { "cpu_seconds", "seconds", "CPU time since the unit was started.", METRIC_COUNTER, OF_UNIT,
          SCALE_USEC, unit_cpu },
        { "timer_last_run_timestamp_seconds", "seconds", "When the timer's work was started last.",
          METRIC_GAUGE, OF_TIMER, SCALE_USEC, timer_last },
        { "timer_next_run_timestamp_seconds", "seconds", "When the timer starts its work next.", METRIC_GAUGE,
          OF_TIMER, SCALE_USEC, timer_next },
        { "timer_failed", NULL, "1 if the timer's last run failed.", METRIC_GAUGE, OF_TIMER, SCALE_ONE,
          timer_failed },
};

/* Facts of systemd are not known below another root. */
static bool is_of_systemd(const struct family *m) {
        return m->value != app_broken && m->value != app_stopped && m->value != rollout_duration &&
               m->value != part_wanted;
}

static void put_parts(struct buf *out, const struct family *m, struct subject *s) {
        VEC_EACH(part, &s->app->parts) {
                const char *kind = record_kind_name(part->kind);
                struct label labels[LABELS_MAX] = { { "app", s->app->name }, { "part", part->name } };

                s->part = part;
                if (m->of == OF_TIMER && part->kind == RECORD_TIMER)
                        put_sample(out, m, labels, m->value(s));
                if (m->of == OF_TIMER || !fact_is_kept(part))
                        continue;

                labels[2] = (struct label){ "kind", str_of(kind) };
                if (m->of == OF_KEPT) {
                        put_sample(out, m, labels, m->value(s));
                        continue;
                }
                VEC_EACH(u, &part->units) {
                        s->unit = u;
                        labels[2] = (struct label){ "unit", u->name };
                        put_sample(out, m, labels, m->value(s));
                }
        }
}

static void put_simple(struct metrics *all, const struct family *m) {
        struct subject s = { .now = clock_usec(CLOCK_REALTIME) };

        if (!all->f->now.has_units && is_of_systemd(m))
                return;
        put_family(&all->out, m);
        VEC_EACH(app, &all->apps) {
                s.app = *app;
                if (m->of == OF_APP)
                        put_sample(&all->out, m,
                                   (const struct label[LABELS_MAX]){ { "app", s.app->name }, { NULL } },
                                   m->value(&s));
                else
                        put_parts(&all->out, m, &s);
        }
}

/* --- families with labels of their own --- */

static void put_version(struct buf *out) {
        static const struct family m = { "build", NULL, "The version of pyservice.", METRIC_INFO };

        put_family(out, &m);
        put_sample(out, &m, (const struct label[LABELS_MAX]){ { "version", STR(VERSION) }, { NULL } }, 1);
}

static void put_revisions(struct metrics *all) {
        static const struct family m = { "revision", NULL,
                                         "The revision that runs, the one that is wanted, and the image.",
                                         METRIC_INFO };

        put_family(&all->out, &m);
        VEC_EACH(one, &all->apps) {
                const struct fact_app *app = *one;

                if (app->view.is_published)
                        put_sample(&all->out, &m,
                                   (const struct label[LABELS_MAX]){ { "app", app->name },
                                                                     { "revision", app->view.runs },
                                                                     { "wanted", app->view.wanted },
                                                                     { "image", app->image } },
                                   1);
        }
}

static void put_rollouts(struct metrics *all) {
        static const struct family m = { "rollout_state", NULL,
                                         "1 for the state of the last rollout, 0 for the others.",
                                         METRIC_GAUGE };

        put_family(&all->out, &m);
        VEC_EACH(one, &all->apps) {
                const struct fact_app *app = *one;

                for (enum view_outcome o = VIEW_UNDER_WAY; app->view.is_published && o <= VIEW_FAILED; o++)
                        put_sample(&all->out, &m,
                                   (const struct label[LABELS_MAX]){ { "app", app->name },
                                                                     { "state", view_outcome_name(o) },
                                                                     { NULL } },
                                   o == app->outcome);
        }
}

static void put_certificates(struct metrics *all) {
        static const struct family m = { "certificate_expiry_timestamp_seconds", "seconds",
                                         "When the certificate of a file of proxy.tls expires.",
                                         METRIC_GAUGE };
        struct certificate_files files = { 0 };
        struct arena *a = all->out.arena;
        VEC(struct str) seen = { 0 };

        put_family(&all->out, &m);
        VEC_EACH(app, &all->apps)
                if ((*app)->definition && (*app)->definition->app)
                        certificate_find(a, all->f->c->root, (*app)->definition->app, &files);
        VEC_EACH(c, &files.list) {
                struct str path = utf8_clean(a, c->path);
                time_t start, end;
                bool is_known = certificate_read_times(a, c->file, &start, &end);

                /* Two names may be the same text then, and no two samples may have the same labels. */
                if (VEC_HAS(&seen, path))
                        continue;
                *vec_push(a, &seen) = path;
                put_sample(&all->out, &m,
                           (const struct label[LABELS_MAX]){ { "app", c->app }, { "path", path }, { NULL } },
                           is_known ? (uint64_t) end : FACT_NOT_KNOWN);
        }
}

/* The files of a removed application that no longer runs stay until the next boot. */
static void find_apps(struct metrics *all) {
        VEC_EACH(app, &all->f->apps)
                if (app->definition || app->n_running > 0)
                        *vec_push(all->out.arena, &all->apps) = app;
}

static struct str describe(const struct facts *f) {
        struct metrics all = { .f = f, .out = buf_in(&f->c->arena) };

        find_apps(&all);
        put_version(&all.out);
        put_revisions(&all);
        put_rollouts(&all);
        for (size_t i = 0; i < ARRAY_SIZE(simple); i++)
                put_simple(&all, &simple[i]);
        put_certificates(&all);
        buf_put(&all.out, "# EOF\n");
        return buf_str(&all.out);
}

/* --- over HTTP: one request on standard input, which is a connection --- */

enum { REQUEST_MAX = 8192 };

static int respond(const char *status, const char *type, struct str body) {
        (void) printf("HTTP/1.1 %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %zu\r\n"
                      "Connection: close\r\n\r\n",
                      status, type, body.n);
        return ctl_write(stdout, body);
}

static int refuse(const char *status, const char *text) {
        return respond(status, "text/plain", str_of(text));
}

/* Up to the empty line behind the headers; false if there is none. */
static bool read_request(struct arena *a, struct str *ret) {
        char *p = arena_alloc(a, REQUEST_MAX, 1);
        struct str text = { p, 0 };

        while (text.n < REQUEST_MAX) {
                ssize_t n = read(STDIN_FILENO, p + text.n, REQUEST_MAX - text.n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                text.n += (size_t) n;
                if (str_find_str(text, STR("\r\n\r\n")) < text.n) {
                        *ret = text;
                        return true;
                }
        }
        return false;
}

static int serve(struct facts *f) {
        struct str request, method, target, body;

        if (!read_request(&f->c->arena, &request) || !str_split(&request, ' ', &method) ||
            !str_split(&request, ' ', &target) || !str_has_prefix(request, STR("HTTP/1.")))
                return refuse("400 Bad Request", "this is not a request of HTTP 1\n");
        if (!str_is(method, "GET"))
                return refuse("405 Method Not Allowed", "only GET is known\n");
        target.n = str_find(target, '?');
        if (!str_is(target, "/metrics"))
                return refuse("404 Not Found", "there is only /metrics\n");
        if (facts_open(f) != 0)
                return refuse("500 Internal Server Error",
                              "see: journalctl -u 'pyservice-metrics@*' on that machine\n");

        body = describe(f);
        return respond("200 OK", "application/openmetrics-text; version=1.0.0", body);
}

static struct { bool is_http; } options;

const struct option_row metrics_options[] = {
        { "http", NULL, "Answer an HTTP request on standard input", .flag = &options.is_http },
        { 0 },
};

static int read_targets(struct ctl *c, struct targets *ret) {
        int r = c->argc > 0 ? targets_parse(c, ret) : 0;

        VEC_EACH(t, &ret->list)
                if (r == 0 && !(str_is_absent(t->part) && str_is_absent(t->instance)))
                        r = ctl_usage(c, "give the names of applications, or none");
        return r;
}

int ctl_metrics(struct ctl *c) {
        CLEANUP(facts_close)
        struct facts f = { .c = c,
                           .about = FACTS_TIMES | FACTS_EACH | FACTS_USE | FACTS_BALANCER | FACTS_OOM };
        struct targets targets = { 0 };
        int r = read_targets(c, &targets);

        if (r != 0)
                return r;

        f.targets = &targets;
        if (options.is_http)
                return serve(&f);

        r = facts_open(&f);
        if (r == 0)
                r = ctl_write(stdout, describe(&f));
        if (r == 0)
                facts_tell_hidden(&f);
        return r;
}

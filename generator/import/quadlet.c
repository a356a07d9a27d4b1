/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import quadlet: Quadlet's files become one application. A template, what publishes ports,
 * and what is alone is a service; what has a timer is one; what runs to its end is a task; other
 * containers are sidecars. */

#include "import/quadlet.h"

const struct unit_file *quadlet_file(const struct quadlet_import *q, struct str stem, const char *suffix) {
        VEC_EACH(u, &q->files)
                if (str_eq(u->stem, stem) && str_is(u->suffix, suffix))
                        return u;

        return NULL;
}

void quadlet_drop(struct quadlet_import *q, const struct unit_line *line) {
        draft_lost(&q->draft, q->part ? q->part->map : NULL, line->at,
                   "'%.*s=%.*s' could not be carried over", STR_ARG(line->key), STR_ARG(line->value));
}

void quadlet_put_raw(struct quadlet_import *q, const char *section, const struct unit_line *line) {
        size_t n = 0;

        if (line->value.n > 0) {
                draft_raw(&q->draft, q->part,
                          (struct raw_key){ section, line->key, import_literal(q->draft.arena, line->value),
                                            line->at });
                return;
        }

        VEC_EACH(raw, &q->part->raw)
                if (strcmp(raw->section, section) != 0 || !str_eq(raw->key, line->key))
                        q->part->raw.at[n++] = *raw;
        q->part->raw.n = n;
}

void quadlet_put_argument(struct quadlet_import *q, const struct unit_line *line, struct str argument) {
        struct unit_line one = { line->section, STR("PodmanArgs"), argument, line->at };

        quadlet_put_raw(q, "Container", &one);
}

struct str quadlet_text(struct quadlet_import *q, const struct unit_line *line, struct str value) {
        return unit_expand(&q->draft, q->unit, value, line);
}

void quadlet_put_text(struct quadlet_import *q, struct yaml_text *map, const char *key,
                      const struct unit_line *line) {
        (void) yaml_text_put_text(q->draft.arena, map, str_of(key), quadlet_text(q, line, line->value));
}

void quadlet_put_flag(struct quadlet_import *q, struct yaml_text *map, const char *key,
                      const struct unit_line *line) {
        bool value;

        if (unit_boolean(line->value, &value))
                (void) yaml_text_put_plain(q->draft.arena, map, str_of(key),
                                           value ? STR("true") : STR("false"));
        else
                quadlet_drop(q, line);
}

void quadlet_put_number(struct quadlet_import *q, struct yaml_text *map, const char *key,
                        const struct unit_line *line) {
        if (line->value.n > 0 && str_is_made_of(line->value, "0123456789"))
                (void) yaml_text_put_plain(q->draft.arena, map, str_of(key), line->value);
        else
                quadlet_put_text(q, map, key, line);
}

struct yaml_text *quadlet_map(struct quadlet_import *q, const char *key) {
        return yaml_text_put(q->draft.arena, q->part->map, str_of(key), YAML_TEXT_MAP);
}

struct yaml_text *quadlet_list(struct quadlet_import *q, const char *key) {
        return yaml_text_put(q->draft.arena, q->part->map, str_of(key), YAML_TEXT_LIST);
}

struct str quadlet_part_name(const struct quadlet_import *q, const struct unit_file *u) {
        return q->names[u - q->files.at];
}

/* shop-worker.container of the app shop is its part worker, shop.container is not shop-shop. */
static struct str short_name(const struct quadlet_import *q, const struct unit_file *u) {
        struct str name = import_name(q->draft.arena, u->prefix), app = q->draft.name;

        if (name.n > app.n + 1 && str_has_prefix(name, app) && name.p[app.n] == '-')
                return str_from(name, app.n + 1);
        return str_eq(name, app) ? STR("main") : name;
}

const struct unit_file *quadlet_container(const struct quadlet_import *q, struct str unit) {
        struct str stem = { unit.p, str_find(unit, '.') };

        return str_has_suffix(unit, STR(".service")) || str_has_suffix(unit, STR(".container"))
                       ? quadlet_file(q, stem, "container")
                       : NULL;
}

static const struct unit_file *timer_of(const struct quadlet_import *q, const struct unit_file *u) {
        VEC_EACH(timer, &q->files) {
                struct str unit = unit_file_value(timer, "Timer", "Unit");

                if (str_is(timer->suffix, "timer") &&
                    (str_is_absent(unit) ? str_eq(timer->stem, u->stem) : quadlet_container(q, unit) == u))
                        return timer;
        }

        return NULL;
}

enum part_kind quadlet_kind(const struct quadlet_import *q, const struct unit_file *u) {
        const struct unit_file *timer = timer_of(q, u);

        if (timer && !str_is_absent(unit_file_value(timer, "Timer", "OnCalendar")))
                return PART_TIMER;
        if (str_is(unit_file_value(u, "Service", "Type"), "oneshot"))
                return PART_TASK;

        return u->is_template || q->n_containers == 1 ||
                               !str_is_absent(unit_file_value(u, "Container", "PublishPort"))
                       ? PART_SERVICE
                       : PART_SIDECAR;
}

static void put_timer_line(struct quadlet_import *q, const struct unit_line *line) {
        if (!str_is(line->section, "Timer")) {
                if (!str_is(line->section, "Install") && !str_is(line->key, "Description"))
                        quadlet_drop(q, line);
                return;
        }
        if (str_is(line->key, "OnCalendar") && line->value.n == 0)
                quadlet_list(q, "schedule")->items.n = 0;
        else if (str_is(line->key, "OnCalendar"))
                (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, "schedule"), line->value);
        else if (str_is(line->key, "RandomizedDelaySec"))
                quadlet_put_text(q, q->part->map, "random_delay", line);
        else if (!str_is(line->key, "Unit") && !str_is(line->key, "Persistent"))
                quadlet_drop(q, line);
}

static void put_timer(struct quadlet_import *q, const struct unit_file *timer) {
        bool is_persistent = false;

        VEC_EACH(line, &timer->lines)
                put_timer_line(q, line);
        if (q->part->kind != PART_TIMER)
                draft_lost(&q->draft, q->part->map, timer->at,
                           "the timer could not be carried over, because it has no 'OnCalendar='");
        else if (!unit_boolean(unit_file_value(timer, "Timer", "Persistent"), &is_persistent) ||
                 !is_persistent)
                (void) yaml_text_put_plain(q->draft.arena, q->part->map, STR("persistent"), STR("false"));
}

/* True for a volume, network, image, build or pod: a container waits for those that it uses. */
static bool is_object(const struct quadlet_import *q, struct str unit) {
        static const char *const suffixes[] = { "volume", "network", "image", "build", "pod" };

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                size_t n = strlen(suffixes[i]) + 1;

                if (unit.n > n && str_has_suffix(unit, str_of(suffixes[i])) &&
                    quadlet_file(q, (struct str){ unit.p, unit.n - n }, suffixes[i]))
                        return true;
        }
        return false;
}

/* Units of other files here are parts of the app. */
static void put_order(struct quadlet_import *q, const struct unit_line *line, const char *key) {
        struct unit_words words = unit_split(q->draft.arena, line->value);

        VEC_EACH(word, &words.list) {
                const struct unit_file *other = quadlet_container(q, *word);
                enum part_kind kind = other ? quadlet_kind(q, other) : PART_SERVICE;
                bool is_base = str_is(*word, "network-online.target") || str_is(*word, "network.target") ||
                               str_is(*word, "local-fs.target");

                if (is_base || is_object(q, *word))
                        continue; /* our own units are after them */
                if (kind == PART_TASK || kind == PART_TIMER)
                        quadlet_drop(q, line);
                else
                        (void) yaml_text_add_text(q->draft.arena, quadlet_list(q, key),
                                                  other ? quadlet_part_name(q, other) : *word);
        }
}

static void put_unit_line(struct quadlet_import *q, const struct unit_line *line) {
        if (str_is(line->key, "Description"))
                quadlet_put_text(q, q->part->map, "description", line);
        else if (str_is(line->key, "Requires") || str_is(line->key, "Wants"))
                put_order(q, line, "requires");
        else if (str_is(line->key, "BindsTo"))
                put_order(q, line, "bound_to");
        else if (str_is(line->key, "After"))
                put_order(q, line, "after");
        else
                quadlet_put_raw(q, "Unit", line);
}

static void put_cpus(struct quadlet_import *q, const struct unit_line *line) {
        struct str digits = { line->value.p, str_find(line->value, '%') };
        uint64_t percent = 0;

        if (digits.n + 1 == line->value.n && str_to_u64(digits, 1000000, &percent))
                (void) yaml_text_put_text(q->draft.arena, quadlet_map(q, "resources"), STR("cpus"),
                                          arena_printf(q->draft.arena, "%llu.%02llu",
                                                       (unsigned long long) percent / 100,
                                                       (unsigned long long) percent % 100));
        else
                quadlet_drop(q, line);
}

/* 0 is systemd's other word for infinity. */
static bool is_limit(struct str text) {
        uint64_t usec;

        return type_parse_duration(text, &usec) && usec > 0 && usec < UINT64_MAX;
}

static void put_service_line(struct quadlet_import *q, const struct unit_line *line) {
        bool is_lasting = q->part->kind == PART_SERVICE || q->part->kind == PART_SIDECAR;

        if (str_is(line->key, "Restart") &&
            (str_is(line->value, "always") || str_is(line->value, "on-failure") ||
             str_is(line->value, "no"))) {
                if (is_lasting && !str_is(line->value, "always"))
                        quadlet_put_text(q, q->part->map, "restart", line);
        } else if (str_is(line->key, "MemoryMax"))
                quadlet_put_text(q, quadlet_map(q, "resources"), "memory", line);
        else if (str_is(line->key, "CPUQuota"))
                put_cpus(q, line);
        else if (str_is(line->key, "TimeoutStopSec"))
                quadlet_put_text(q, q->part->map, "stop_timeout", line);
        else if (str_is(line->key, "TimeoutStartSec") && !is_lasting)
                quadlet_put_text(q, q->part->map, "timeout", line);
        else if (str_is(line->key, "TimeoutStartSec") && is_limit(line->value))
                quadlet_put_text(q, q->part->map, "start_timeout", line);
        else if (!(str_is(line->key, "Type") && str_is(line->value, "oneshot")) &&
                 !(str_is(line->key, "Restart") && !is_lasting))
                quadlet_put_raw(q, "Service", line);
}

/* Targets of each boot. */
static bool is_usual(struct str targets) {
        struct str rest = targets, one;

        while (str_split(&rest, ' ', &one))
                if (!str_is(one, "multi-user.target") && !str_is(one, "default.target") && one.n > 0)
                        return false;

        return true;
}

static void put_line(struct quadlet_import *q, const struct unit_line *line) {
        if (str_is(line->section, "Unit"))
                put_unit_line(q, line);
        else if (str_is(line->section, "Service"))
                put_service_line(q, line);
        else if (str_is(line->section, "Container")) {
                if (!quadlet_put_container(q, line))
                        quadlet_put_raw(q, "Container", line);
        } else if (str_is(line->section, "Install") && str_is(line->key, "WantedBy") &&
                   !is_usual(line->value))
                draft_note(&q->draft, q->part->map, line->at,
                           "'WantedBy=%.*s' is gone: pyservice.target starts the application",
                           STR_ARG(line->value));
        else if (!str_is(line->section, "Install") ||
                 !(str_is(line->key, "WantedBy") || str_is(line->key, "DefaultInstance")))
                quadlet_drop(q, line);
}

static void put_container(struct quadlet_import *q, const struct unit_file *u) {
        const struct unit_file *timer = timer_of(q, u);

        q->unit = u;
        q->part = draft_part(&q->draft, quadlet_kind(q, u), quadlet_part_name(q, u), u->at);
        VEC_EACH(line, &u->lines)
                put_line(q, line);
        quadlet_put_pod_of(q, u);
        quadlet_put_rest(q);
        if (timer)
                put_timer(q, timer);
        if (u->is_template && q->part->kind == PART_SERVICE) {
                struct yaml_text *scale =
                        yaml_text_put_plain(q->draft.arena, q->part->map, STR("scale"), STR("1"));

                draft_note(&q->draft, scale, u->at, "the file is a template; write the number of instances");
        }
        q->part = NULL;
}

static void note_lone_timers(struct quadlet_import *q) {
        VEC_EACH(timer, &q->files) {
                bool is_used = !str_is(timer->suffix, "timer");

                VEC_EACH(u, &q->files)
                        is_used = is_used || (str_is(u->suffix, "container") && timer_of(q, u) == timer);
                if (!is_used)
                        draft_lost(&q->draft, NULL, timer->at,
                                   "the timer could not be carried over: its unit is not among these files");
        }
}

/* The pod's name, or that of the container that is not named after another. */
static struct str app_name(const struct quadlet_import *q) {
        struct str name = { NULL, 0 };

        VEC_EACH(u, &q->files)
                if (str_is(u->suffix, "pod"))
                        return u->prefix;
        VEC_EACH(u, &q->files)
                if (str_is(u->suffix, "container") &&
                    (str_is_absent(name) || (u->prefix.n < name.n && str_has_prefix(name, u->prefix))))
                        name = u->prefix;

        return name;
}

static void choose_names(struct quadlet_import *q) {
        q->names = arena_array(q->draft.arena, q->files.n, struct str);
        VEC_EACH(u, &q->files)
                if (str_is(u->suffix, "container"))
                        q->names[u - q->files.at] = draft_part_name(&q->draft, short_name(q, u));
}

static int read_files(struct quadlet_import *q, struct import *m) {
        static const char *const suffixes[] = { "container", "volume", "network", "pod",
                                                "timer",     "image",  "build" };
        struct ctl *c = m->ctl;

        for (int i = 0; i < c->argc; i++) {
                struct unit_file *u = vec_push(&c->arena, &q->files);
                bool is_known = false;
                int r = unit_file_read(m, c->argv[i], u);

                if (r != CTL_GOOD)
                        return r;
                for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++)
                        is_known = is_known || str_is(u->suffix, suffixes[k]);
                q->n_containers += str_is(u->suffix, "container");
                if (!is_known) {
                        (void) fprintf(stderr,
                                       "pyservicectl: %s: this is not a Quadlet file that can be "
                                       "imported; supported: .container, .volume, .network, .pod, "
                                       ".image, .build and .timer\n",
                                       c->argv[i]);
                        return CTL_ERROR;
                }
        }
        if (q->n_containers == 0) {
                (void) fputs("pyservicectl: import quadlet: there is no .container among these files\n",
                             stderr);
                return CTL_ERROR;
        }
        (void) draft_can_have(&m->ds, q->n_containers, q->files.at[0].at);
        return import_report(m);
}

int import_quadlet(struct ctl *c) {
        struct quadlet_import q = { 0 };
        struct import m;
        int r;

        import_begin(&m, c);
        r = read_files(&q, &m);
        if (r != CTL_GOOD)
                return r;

        draft_begin(&q.draft, &m, app_name(&q));
        choose_names(&q);
        quadlet_put_objects(&q);
        VEC_EACH(u, &q.files)
                if (str_is(u->suffix, "container"))
                        put_container(&q, u);
        note_lone_timers(&q);
        return draft_print(&q.draft, false);
}

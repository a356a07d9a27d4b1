/* SPDX-License-Identifier: Apache-2.0 */

/* The draft that an import fills, and how it is sorted and printed. */

#include <stdarg.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/path.h"
#include "base/utf8.h"
#include "check/check.h"
#include "import/import.h"

/* The keys of an app and of its parts, as people expect them. */
static const char *const order[] = {
        "name",          "description",  "hosts",         "source",       "module",        "group",
        "ensure_user",   "root",         "app_dir",       "code_dir",     "config_dir",    "data_dir",
        "image",         "pull",         "auth_file",     "tls_verify",   "schedule",      "persistent",
        "random_delay",  "command",      "commands",      "entrypoint",   "auto_update",   "user",
        "workdir",       "network",      "network_of",    "aliases",      "scale",         "port",
        "host_port",     "publish",      "labels",        "vars",         "env",           "env_files",
        "volumes",       "networks",     "resources",     "health",       "proxy",         "restart",
        "init",          "before_start", "after_start",   "before_stop",  "start_timeout", "stop_timeout",
        "stop_signal",   "timeout",      "requires",      "bound_to",     "after",         "hostname",
        "extra_hosts",   "dns",          "hardening",     "userns",       "privileged",    "cap_add",
        "cap_drop",      "security",     "groups",        "devices",      "gpus",          "read_only",
        "tmpfs",         "shm_size",     "sysctls",       "ulimits",      "tty",           "timezone",
        "platform",      "log",          "contract",      "config",       "services",      "sidecars",
        "auth_tracking", "tasks",        "before_update", "after_update", "timers",        "secrets",
        "files",         "quadlet",
};

enum { NAME_BYTES_MAX = 52, COPIED_MAX = 16 << 20, COPY_COST = 64, PARTS_MAX = 256 };

static size_t rank(const struct yaml_text *item) {
        for (size_t i = 0; i < ARRAY_SIZE(order); i++)
                if (str_is(item->key, order[i]))
                        return i;

        return ARRAY_SIZE(order);
}

static void sort_keys(struct yaml_text *map) {
        for (size_t i = 1; i < map->items.n; i++) {
                struct yaml_text *item = map->items.at[i];
                size_t k = i;

                for (; k > 0 && rank(map->items.at[k - 1]) > rank(item); k--)
                        map->items.at[k] = map->items.at[k - 1];
                map->items.at[k] = item;
        }
}

void draft_begin(struct draft *d, struct import *m, struct str name) {
        struct arena *a = &m->ctl->arena;

        *d = (struct draft){ .ctl = m->ctl,
                             .arena = a,
                             .sources = &m->sources,
                             .ds = &m->ds,
                             .name = str_is_absent(m->name) ? import_name(a, name) : m->name,
                             .root = yaml_text_new(a, YAML_TEXT_MAP) };
        yaml_text_remark(a, d->root, arena_join(a, STR("/etc/pyservice.d/"), d->name, STR(".yaml")));
}

bool draft_can_have(struct diags *ds, size_t n_parts, struct span at) {
        if (n_parts > PARTS_MAX)
                (void) diag_add(ds, DIAG_BAD_VALUE, at, "more than %d parts; import some of them at a time",
                                PARTS_MAX);
        return n_parts <= PARTS_MAX;
}

static bool is_taken(const struct draft *d, struct str name) {
        return VEC_HAS(&d->names, name) || is_reserved_name(name);
}

struct str draft_part_name(struct draft *d, struct str text) {
        struct str stem = import_name(d->arena, text), name;

        /* APP-PART is a name too, and a number may follow. */
        stem.n = stem.n + d->name.n > NAME_BYTES_MAX ? NAME_BYTES_MAX - d->name.n : stem.n;
        name = stem = import_name(d->arena, stem);

        for (unsigned i = 2; is_taken(d, name); i++)
                name = arena_printf(d->arena, "%.*s-%u", STR_ARG(stem), i);
        *vec_push(d->arena, &d->names) = name;
        return name;
}

struct draft_part *draft_part(struct draft *d, enum part_kind kind, struct str name, struct span at) {
        struct draft_part *p = arena_new(d->arena, struct draft_part);

        *p = (struct draft_part){
                .kind = kind, .name = name, .at = at, .map = yaml_text_new(d->arena, YAML_TEXT_MAP)
        };
        (void) yaml_text_put_text(d->arena, p->map, STR("name"), name);
        *vec_push(d->arena, &d->parts) = p;
        return p;
}

static struct str show(struct arena *a, struct str text) {
        return utf8_clean_line(a, text, text.n);
}

/* A part of the input that several others are merged with gives each note once for each of them. */
static bool is_repeated_note(const struct draft *d, const struct note *one) {
        VEC_EACH(n, &d->notes)
                if (one->at.file != SPAN_NOWHERE && n->at.file == one->at.file && n->at.off == one->at.off &&
                    str_eq(n->text, one->text))
                        return true;

        return false;
}

static void PRINTF_LIKE(4, 0)
        note(struct draft *d, struct yaml_text *item, struct note one, const char *format, va_list ap) {
        const struct span at = one.at;
        unsigned line = 0, column = 0;
        struct str text, place = { NULL, 0 };

        one.text = text = arena_vprintf(d->arena, format, ap);
        if (is_repeated_note(d, &one))
                return;
        *vec_push(d->arena, &d->notes) = one;

        if (at.file != SPAN_NOWHERE) {
                source_position(&d->sources->list.at[at.file], at.off, &line, &column);
                place = d->sources->list.at[at.file].path;
                (void) fprintf(stderr, "pyservicectl: %s:%u:%u: %s\n", show(d->arena, place).p, line, column,
                               show(d->arena, text).p);
                text = d->sources->list.n > 1 ? arena_printf(d->arena, "%.*s, line %u: %s",
                                                             STR_ARG(path_name(place)), line, text.p)
                                              : arena_printf(d->arena, "Line %u: %s", line, text.p);
        } else
                (void) fprintf(stderr, "pyservicectl: %.*s: %s\n", STR_ARG(d->name), show(d->arena, text).p);

        yaml_text_remark(d->arena, item ? item : d->root, show(d->arena, text));
}

void draft_note(struct draft *d, struct yaml_text *item, struct span at, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        note(d, item, (struct note){ .kind = NOTE_CHECK, .at = at }, format, ap);
        va_end(ap);
}

void draft_lost(struct draft *d, struct yaml_text *item, struct span at, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        note(d, item, (struct note){ .kind = NOTE_LOST, .at = at }, format, ap);
        va_end(ap);
}

void draft_fix(struct draft *d, struct yaml_text *item, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        note(d, item, (struct note){ .kind = NOTE_FIX, .at = NOWHERE }, format, ap);
        va_end(ap);
}

struct str draft_secret(struct draft *d, struct yaml_text *map, struct str name) {
        struct str secret = import_name(d->arena, name);
        struct yaml_text *all = yaml_text_put(d->arena, map, STR("secrets"), YAML_TEXT_MAP), *one;

        if (yaml_text_find(all, secret))
                return secret;

        one = yaml_text_put(d->arena, all, secret, YAML_TEXT_MAP);
        (void) yaml_text_put_text(d->arena, one, STR("credential"),
                                  arena_join(d->arena, d->name, STR("."), secret));
        return secret;
}

void draft_put_secret(struct draft *d, struct yaml_text *map, struct str key, struct str secret) {
        (void) yaml_text_put_text(d->arena, yaml_text_put(d->arena, map, key, YAML_TEXT_MAP), STR("secret"),
                                  secret);
}

struct yaml_text *draft_var(struct draft *d, struct str name, struct str value) {
        struct yaml_text *vars = yaml_text_put(d->arena, d->root, STR("vars"), YAML_TEXT_MAP),
                         *var = yaml_text_find(vars, name);

        return var ? var : yaml_text_put_text(d->arena, vars, name, value);
}

bool draft_has_room(struct draft *d, size_t n) {
        if (n + COPY_COST <= COPIED_MAX - d->n_copied) {
                d->n_copied += n + COPY_COST;
                return true;
        }

        if (d->root && d->n_copied < COPIED_MAX)
                draft_lost(d, NULL, NOWHERE,
                           "the values of variables, each counted as often as it is used, have more than 16 "
                           "MiB, and were not all carried over");
        d->n_copied = COPIED_MAX;
        return false;
}

void draft_raw(struct draft *d, struct draft_part *p, struct raw_key raw) {
        *vec_push(d->arena, &p->raw) = raw;
}

static bool is_repeated(const struct draft_part *p, const struct raw_key *raw) {
        VEC_EACH(other, &p->raw)
                if (other != raw && strcmp(other->section, raw->section) == 0 && str_eq(other->key, raw->key))
                        return true;

        return false;
}

static void place_raw(struct draft *d, struct draft_part *p, const struct raw_key *raw) {
        struct yaml_text *sections = yaml_text_put(d->arena, p->map, STR("quadlet"), YAML_TEXT_MAP),
                         *section = yaml_text_put(d->arena, sections, str_of(raw->section), YAML_TEXT_MAP);

        if (is_repeated(p, raw))
                (void) yaml_text_add_text(
                        d->arena, yaml_text_put(d->arena, section, raw->key, YAML_TEXT_LIST), raw->value);
        else
                (void) yaml_text_put_text(d->arena, section, raw->key, raw->value);
}

/* The keys of the one service stand at the top. */
static void make_short(struct draft *d, const struct draft_part *p) {
        for (size_t i = 1; i < p->map->items.n; i++)
                *vec_push(d->arena, &d->root->items) = p->map->items.at[i];
        if (!str_is_absent(p->map->comment))
                yaml_text_remark(d->arena, d->root, p->map->comment);
}

static void make_lists(struct draft *d) {
        static const char *const keys[] = { [PART_SERVICE] = "services",
                                            [PART_SIDECAR] = "sidecars",
                                            [PART_TASK] = "tasks",
                                            [PART_TIMER] = "timers" };

        VEC_EACH(p, &d->parts) {
                struct yaml_text *list =
                        yaml_text_put(d->arena, d->root, str_of(keys[(*p)->kind]), YAML_TEXT_LIST);

                sort_keys((*p)->map);
                *vec_push(d->arena, &list->items) = (*p)->map;
        }
        /* Without this key the app would have one service of its own. */
        if (d->parts.n > 0 && !yaml_text_find(d->root, STR("services")))
                (void) yaml_text_put(d->arena, d->root, STR("services"), YAML_TEXT_LIST);
}

/* A key both of the app and of its one service would be there twice; and a user at the top of an app with
 * directories is one of the machine. */
static bool is_apart(const struct draft *d, const struct draft_part *p) {
        if (yaml_text_find(p->map, STR("user")) &&
            (yaml_text_find(d->root, STR("source")) || yaml_text_find(d->root, STR("files"))))
                return false;
        for (size_t i = 1; i < p->map->items.n; i++)
                if (yaml_text_find(d->root, p->map->items.at[i]->key))
                        return false;

        return true;
}

/* Lists and maps whose items were taken back. */
static void drop_empty(struct yaml_text *map) {
        size_t n = 0;

        VEC_EACH(item, &map->items)
                if ((*item)->shape == YAML_TEXT_SCALAR || (*item)->items.n > 0)
                        map->items.at[n++] = *item;
        map->items.n = n;
}

static void assemble(struct draft *d) {
        VEC_EACH(p, &d->parts)
                drop_empty((*p)->map);
        VEC_EACH(p, &d->parts)
                VEC_EACH(raw, &(*p)->raw)
                        place_raw(d, *p, raw);

        if (d->parts.n == 1 && d->parts.at[0]->kind == PART_SERVICE && is_apart(d, d->parts.at[0]))
                make_short(d, d->parts.at[0]);
        else
                make_lists(d);
        sort_keys(d->root);
}

struct str draft_text(struct draft *d) {
        struct buf text = buf_in(d->arena);

        yaml_text_write(&text, d->root, true);
        return arena_str(d->arena, buf_str(&text));
}

static void put_note(struct draft *d, struct json_writer *e, const struct note *n) {
        static const char *const kinds[] = {
                [NOTE_LOST] = "lost", [NOTE_CHECK] = "check", [NOTE_FIX] = "fix"
        };

        json_open(e, NULL, '{');
        json_text(e, "kind", str_of(kinds[n->kind]));
        diag_put_place(e, d->sources, n->at);
        json_text(e, "text", n->text);
        json_close(e, '}');
}

static struct str json_of(struct draft *d) {
        struct buf out = buf_in(d->arena);
        struct json_writer e = { .out = &out, .is_one_line = true };

        json_open(&e, NULL, '{');
        json_text(&e, "app", d->name);
        json_text(&e, "definition", draft_text(d));
        json_open(&e, "notes", '[');
        VEC_EACH(n, &d->notes)
                put_note(d, &e, n);
        json_close(&e, ']');
        json_close(&e, '}');
        buf_put_char(&out, '\n');
        return buf_str(&out);
}

int draft_finish(struct draft *d) {
        assemble(d);
        return draft_validate(d);
}

int draft_report_lost(const struct draft *d, int r) {
        size_t n_lost = 0;

        VEC_EACH(n, &d->notes)
                n_lost += n->kind == NOTE_LOST;
        if (n_lost == 0)
                return r;

        (void) fprintf(stderr, "pyservicectl: %zu setting%s of the input could not be carried over\n", n_lost,
                       n_lost == 1 ? "" : "s");
        return r == CTL_GOOD ? CTL_LOST : r;
}

int draft_print(struct draft *d, bool is_next) {
        int r = draft_finish(d);

        if (r != CTL_GOOD && r != CTL_ERROR)
                return r;

        if (ctl_write(stdout, is_next && !d->ctl->is_json ? STR("---\n") : STR("")) != CTL_GOOD ||
            ctl_write(stdout, d->ctl->is_json ? json_of(d) : draft_text(d)) != CTL_GOOD)
                return EXIT_SYSTEM;
        return draft_report_lost(d, r);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl logs: the log entries of all units of applications, sorted by time. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "bundle/layout.h"
#include "ctl/target.h"
#include "model/facts.h"
#include "runtime/spawn.h"
#include "terminal/log-line.h"
#include "verbs/verbs.h"

static struct {
        bool follows;
        const char *since, *lines;
} options;

const struct option_row logs_options[] = {
        { "follow", NULL, "Follow new entries", .flag = &options.follows, .letter = 'f' },
        { "since", "TIME", "Show only newer entries; TIME as for journalctl", .text = &options.since },
        { "lines", "N", "Number of lines to show", .text = &options.lines, .letter = 'n' },
        { 0 },
};

enum { LINES_DEFAULT = 100, LINES_FOLLOW = 10, WIDTH_MAX = 24, NOTICE = 5 };

/* While the journal writes, something may come that is a little older than what is there. */
#define SETTLED_USEC (1000000ULL)

/* A unit, or the instances of a template. */
struct speaker {
        struct str unit;     /* "shop-web@" or "shop-side.service" */
        struct str instance; /* absent for all */
        bool is_extra;       /* it pulls, builds or sets up: only errors are printed */
};

struct logs {
        struct ctl *c;
        struct targets targets;
        struct facts facts;
        VEC(struct speaker) speakers;
        struct log_style style;
        uint64_t since;
        size_t n_lines;
};

static const struct speaker *find_speaker(const struct logs *l, struct str unit) {
        VEC_EACH(s, &l->speakers) {
                struct str rest;

                if (!str_has_prefix(unit, s->unit))
                        continue;
                rest = str_from(unit, s->unit.n);
                if (!str_has_suffix(s->unit, STR("@")) && rest.n > 0)
                        continue;
                if (str_is_absent(s->instance) ||
                    (str_has_prefix(rest, s->instance) && str_is(str_from(rest, s->instance.n), ".service")))
                        return s;
        }

        return NULL;
}

static bool is_meant(const void *data, struct str unit) {
        return str_has_suffix(unit, STR(".service")) && find_speaker(data, unit);
}

static bool is_shown(const void *data, const struct journal_entry *e) {
        return !e->is_systemds || e->priority <= NOTICE || !find_speaker(data, e->unit)->is_extra;
}

/* "shop-web@0" of "shop-web@0.service"; a rollout prints its revision itself. */
static struct str name_of(struct str unit) {
        size_t at = str_find_str(unit, STR("-rollout@"));

        return (struct str){ unit.p, at < unit.n ? at + strlen("-rollout") : unit.n - strlen(".service") };
}

static void add_speaker(struct logs *l, struct speaker s) {
        *vec_push(&l->c->arena, &l->speakers) = s;
}

static void add_part(struct logs *l, const struct fact_part *part, struct str instance) {
        bool is_service = part->kind == RECORD_SERVICE;

        if (is_service || str_is_absent(instance))
                add_speaker(l, (struct speaker){ arena_join(&l->c->arena, part->unit,
                                                            is_service ? STR("@") : STR(".service")),
                                                 instance, false });
}

static void widen(struct logs *l, struct str name) {
        size_t n = name.n < WIDTH_MAX ? name.n : WIDTH_MAX;

        if (n > l->style.width)
                l->style.width = n;
}

/* The other units that the generator made for the app. */
static void add_others(struct logs *l, const struct fact_app *app) {
        struct arena *a = &l->c->arena;
        struct fs_names names = { 0 };
        struct str rollout = arena_join(a, app->name, STR("-rollout@"));

        add_speaker(l, (struct speaker){ .unit = rollout });
        widen(l, (struct str){ rollout.p, rollout.n - 1 });
        if (l->facts.places.runtime < 0 ||
            fs_list(a, l->facts.places.runtime, layout_app_file(a, app->name, STR(LAYOUT_UNITS)).p, &names) <
                    0)
                return;

        VEC_EACH(name, &names.list)
                if (str_has_suffix(*name, STR(".service")) && str_find(*name, '@') == name->n &&
                    !find_speaker(l, *name))
                        add_speaker(l, (struct speaker){ .unit = *name, .is_extra = true });
}

static const struct fact_app *find_app(const struct logs *l, struct str name) {
        VEC_EACH(app, &l->facts.apps)
                if (str_eq(app->name, name))
                        return app;

        return NULL;
}

static void add_target(struct logs *l, const struct target *t) {
        const struct fact_app *app = find_app(l, t->app);

        VEC_EACH(part, &app->parts) {
                if (!str_is_absent(t->part) && !str_eq(part->name, t->part))
                        continue;
                add_part(l, part, t->instance);
                VEC_EACH(unit, &part->units)
                        widen(l, name_of(unit->name));
        }
        if (str_is_absent(t->part) && str_is_absent(t->instance))
                add_others(l, app);
}

/* systemd has no library for this; its own program does. */
static int parse_since(struct logs *l) {
        struct arena *a = &l->c->arena;
        const char *argv[] = { spawn_find(a, "systemd-analyze").p, "timestamp", "--", options.since, NULL };
        struct spawn_result result = { 0 };
        struct str mark = STR("UNIX seconds: @"), fraction, seconds = { 0 };
        uint64_t n, usec = 0;

        if (!argv[0] || spawn_run(a, argv, &result) < 0)
                return ctl_fail("systemd-analyze", -ENOENT);

        n = str_find_str(result.out, mark);
        fraction = n < result.out.n ? str_from(result.out, n + mark.n) : STR("");
        fraction.n = str_find(fraction, '\n');
        (void) str_split(&fraction, '.', &seconds);
        /* ".000250" is six digits; ours have no zero in front. */
        if (!str_is_absent(fraction) &&
            (fraction.n != 6 || !str_to_u64(arena_join(a, STR("1"), fraction), UINT64_MAX, &usec)))
                seconds = STR("");
        if (result.status == 0 && str_to_u64(seconds, UINT64_MAX / 1000000 - 1, &n)) {
                l->since = n * 1000000 + usec % 1000000;
                return 0;
        }

        return ctl_usage(l->c,
                         "invalid time '%s'; write one as for journalctl, such as '1h ago', 'yesterday' or "
                         "'2026-11-20 14:00'",
                         options.since);
}

static int parse_options(struct logs *l) {
        struct ctl *c = l->c;
        uint64_t n;

        l->n_lines = options.since ? SIZE_MAX : options.follows ? LINES_FOLLOW : LINES_DEFAULT;
        if (options.lines && strcmp(options.lines, "all") == 0)
                l->n_lines = SIZE_MAX;
        else if (options.lines && str_to_u64(str_of(options.lines), UINT32_MAX, &n))
                l->n_lines = n;
        else if (options.lines)
                return ctl_usage(c, "invalid number of lines '%s'; write a number, or 'all'", options.lines);

        return options.since ? parse_since(l) : 0;
}

/* All that there is now; gives their number. */
static int print(struct logs *l, struct journal_walk *w) {
        struct journal_entry e;
        int r, n = 0;

        while ((r = journal_next(w, &e)) > 0) {
                struct arena scratch = { 0 };
                struct buf out = buf_in(&scratch);
                struct str text;

                log_put(&out, &l->style, name_of(e.unit), &e);
                text = buf_str(&out);
                if (fwrite(text.p, 1, text.n, stdout) != text.n)
                        r = -errno;
                arena_done(&scratch);
                if (r < 0)
                        return r;
                n++;
        }

        if (r >= 0 && fflush(stdout) != 0)
                r = -errno;
        return r < 0 ? r : n;
}

static int go_on(struct logs *l, struct journal_walk *w, uint64_t from) {
        int r = journal_follow(w, from);

        while (r >= 0) {
                r = print(l, w);
                if (r >= 0)
                        r = journal_wait(w, STDOUT_FILENO);
        }

        return r;
}

static int show(struct logs *l) {
        struct journal_filter filter = { l->c->is_user, is_meant, is_shown, l };
        uint64_t until = options.follows ? clock_usec(CLOCK_REALTIME) - SETTLED_USEC : UINT64_MAX;
        struct journal_walk *w = NULL;
        bool is_blind;
        int r = journal_open(&l->c->arena, &filter, &w);

        if (r >= 0)
                r = journal_seek(w, l->since, until, l->n_lines);
        if (r >= 0)
                r = print(l, w);
        is_blind = r == 0 && geteuid() != 0 && !l->c->is_user;
        if (is_blind)
                (void) fputs("pyservicectl logs: this user may read no entries; root and the group "
                             "systemd-journal may read all\n",
                             stderr);
        if (r >= 0 && options.follows)
                r = go_on(l, w, until);
        journal_close(&w);
        /* Who stops reading has seen enough. */
        if (r < 0 && r != -EPIPE)
                return ctl_fail("the journal", r);
        return is_blind && !options.follows ? CTL_ERROR : CTL_GOOD;
}

static void close_logs(struct logs *l) {
        facts_close(&l->facts);
}

int ctl_logs(struct ctl *c) {
        CLEANUP(close_logs) struct logs l = { .c = c, .facts = { .c = c, .takes_gone = true } };
        int r = targets_parse(c, &l.targets);

        if (r == 0)
                r = parse_options(&l);
        if (r != 0)
                return r;

        l.facts.targets = &l.targets;
        l.style = (struct log_style){ .is_json = c->is_json, .is_colored = log_is_colored(STDOUT_FILENO) };
        r = facts_open(&l.facts);
        if (r != 0)
                return r;

        VEC_EACH(t, &l.targets.list)
                add_target(&l, t);
        (void) signal(SIGPIPE, SIG_IGN);
        return show(&l);
}

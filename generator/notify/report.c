/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/report.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/wanted.h"
#include "rollout/describe.h"
#include "rollout/tell.h"
#include "state/stored.h"

#define SERVICE STR(".service")
#define BUILD STR("-build")

enum { BUILD_DIGITS = 8, TOLD_SECONDS = 3600 };

/* A unit of an application, and the event that its failure is. */
struct subject {
        struct str app, event;
        bool is_kept; /* a service or a sidecar: systemd starts it again */
};

/* "shop-1f2e3d4c-build" (render/build.c). */
static bool find_build(struct str name, struct subject *ret) {
        size_t end = BUILD_DIGITS + 1 + BUILD.n;

        if (name.n <= end || !str_has_suffix(name, BUILD) || name.p[name.n - end] != '-')
                return false;

        *ret = (struct subject){ .app = { name.p, name.n - end }, .event = STR(MESSAGE_BUILD_FAILED) };
        return true;
}

static struct str event_of(const struct record_part *part) {
        switch ((enum record_kind) part->kind) {
        case RECORD_TASK:
                return STR(MESSAGE_TASK_FAILED);
        case RECORD_TIMER:
                return STR(MESSAGE_TIMER_FAILED);
        case RECORD_SERVICE:
        case RECORD_SIDECAR:
                break;
        }
        return STR(MESSAGE_PART_FAILING);
}

/* `base`: without the number of an instance. */
static int find_in(const struct reporting *p, struct str app, struct str base, struct subject *ret) {
        CLEANUP(close_fd) int bundle = fs_open_dir(p->runtime, layout_app(p->arena, app).p);
        struct record record = { 0 };
        int r = bundle < 0 ? bundle : stored_record(p->arena, bundle, &record);
        const struct record_part *part = r < 0 ? NULL : record_find(&record, base);

        if (!part)
                return r < 0 ? r : -ENOENT;

        *ret = (struct subject){ .app = app,
                                 .event = event_of(part),
                                 .is_kept = part->kind == RECORD_SERVICE || part->kind == RECORD_SIDECAR };
        return 0;
}

/* `name`: without ".service". */
static int find_subject(const struct reporting *p, struct str name, struct subject *ret) {
        struct str base = { name.p, str_find(name, '@') };
        struct fs_names apps = { 0 };
        int r;

        if (find_build(name, ret))
                return 0;

        r = fs_list(p->arena, p->runtime, LAYOUT_APPS, &apps);
        VEC_EACH(app, &apps.list)
                if (r >= 0 && str_has_prefix(base, *app) && find_in(p, *app, base, ret) >= 0)
                        return 0;

        return r < 0 ? r : -ENOENT;
}

/* OnFailure= also counts failures after which systemd starts the unit again; their number is known to the
 * hook, which starts this program itself. */
static bool is_event(const struct subject *s, const struct bus_unit *u) {
        return !s->is_kept || !getenv("MONITOR_UNIT") || str_is(u->active, "failed");
}

/* A task runs for the revision that is being rolled out. */
static struct str find_revision(const struct reporting *p, const struct subject *s) {
        struct wanted wanted = { 0 };

        if (wanted_read(p->arena, p->runtime, s->app, &wanted) < 0)
                return (struct str){ 0 };

        return s->is_kept || str_is(s->event, MESSAGE_TIMER_FAILED) ? wanted.runs : wanted.wanted;
}

/* Each start of an instance tries again to build its image, and a timer may run each minute: one message is
 * enough for a while. True if the unit was reported a moment ago; a mark that cannot be written leads to one
 * more message. */
static bool was_told(const struct reporting *p, struct str unit) {
        struct str path = arena_join(p->arena, STR(LAYOUT_TOLD "/"), unit);
        uint64_t now = clock_usec(CLOCK_REALTIME) / 1000000;
        struct stat st;

        if (fstatat(p->runtime, path.p, &st, 0) >= 0 && (uint64_t) st.st_mtime <= now &&
            (uint64_t) st.st_mtime + TOLD_SECONDS > now)
                return true;

        if (fs_make_dirs(p->runtime, path.p, true) >= 0)
                (void) fs_replace(p->runtime, path.p, 0644, STR(""));
        return false;
}

int report_unit(const struct reporting *p, struct str unit) {
        struct describing d = { .arena = p->arena, .bus = p->bus, .unit = unit };
        struct subject subject;
        struct message m = { 0 };
        struct bus_unit u = { 0 };
        int r;

        m.part = (struct str){ unit.p, unit.n - (str_has_suffix(unit, SERVICE) ? SERVICE.n : 0) };
        r = find_subject(p, m.part, &subject);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = bus_get_unit(p->bus, p->arena, unit, &u);
        if (r < 0 || !is_event(&subject, &u) ||
            ((str_is(subject.event, MESSAGE_BUILD_FAILED) || str_is(subject.event, MESSAGE_TIMER_FAILED)) &&
             was_told(p, unit)))
                return r;

        d.since = subject.is_kept ? 0 : u.starting_since;
        m.app = subject.app;
        m.event = subject.event;
        m.revision = find_revision(p, &subject);
        m.reason = describe_failure(&d, (struct str){ 0 });
        tell_add_log(p->arena, &m, describe_log(&d));
        tell_event(p->arena, p->runtime, p->state, &m, u.invocation);
        return 0;
}

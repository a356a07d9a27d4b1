/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl maintenance: HAProxy's generated frontend answers each request to an application itself. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "balancer/proxy-closed.h"
#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "control/close.h"
#include "ctl/target.h"
#include "load/pages.h"
#include "model/view.h"
#include "state/state.h"
#include "verbs/verbs.h"

#define RETRY_DEFAULT "10min"
#define SECOND 1000000ULL

static struct {
        const char *page, *retry;
        bool is_off;
} options;

const struct option_row maintenance_options[] = {
        { "off", NULL, "End it", .flag = &options.is_off },
        { "page", "FILE", "The HTML page to send instead of pyservice's own", .text = &options.page },
        { "retry-after", "TIME", "When clients may try again (" RETRY_DEFAULT ")", .text = &options.retry },
        { 0 },
};

static int complain(struct str app, const char *text) {
        (void) fprintf(stderr, "pyservicectl: %.*s: %s\n", STR_ARG(app), text);
        return CTL_ERROR;
}

static int parse_retry(const struct ctl *c, uint64_t *ret) {
        const char *text = options.retry ? options.retry : RETRY_DEFAULT;
        uint64_t usec;

        if (!type_parse_duration(str_of(text), &usec) || usec < SECOND || usec / SECOND > UINT32_MAX)
                return ctl_usage(c, "invalid time '%s'; write one of at least a second, such as 90s or 10min",
                                 text);

        *ret = usec / SECOND;
        return 0;
}

static int read_page(struct arena *a, struct str *ret) {
        struct str text = STR(""), encoded;
        const char *why;

        if (!options.page)
                return 0;

        why = pages_objection(fs_read(a, AT_FDCWD, options.page, PAGE_MAX, &text), text);
        if (!why)
                why = proxy_closed_page(a, text, &encoded);
        if (why)
                return complain(str_of(options.page), why);

        *ret = text;
        return 0;
}

/* Only the generated frontend knows of it, and it exists only for domains. */
static int check_front(struct arena *a, const struct view_places *places, struct str app) {
        struct str haproxy = layout_app_file(a, app, STR(LAYOUT_HAPROXY)),
                   nginx = layout_app_file(a, app, STR(LAYOUT_NGINX));
        struct proxy_parts parts = { 0 };

        if (proxy_parts_read(a, places->runtime, haproxy.p, &parts) >= 0)
                VEC_EACH(part, &parts.list)
                        if (str_has_prefix(part->name, STR("routes")))
                                return 0;

        if (faccessat(places->runtime, nginx.p, F_OK, 0) == 0)
                return complain(app, "maintenance needs HAProxy, and this application has 'kind: nginx'");
        return complain(app, "maintenance needs 'proxy: {domains: …}', because HAProxy's generated frontend "
                             "answers for the application");
}

/* Under the lock of the application. */
static int change(struct ctl *c, const struct view_places *places, struct str app,
                  const struct maintenance *wanted) {
        CLEANUP(close_fd) int lock = -1;
        struct maintenance m = *wanted, old;
        int r = places->state < 0 ? -ENOENT : state_lock(places->state, app, &lock);

        if (r >= 0 && maintenance_read(&c->arena, places->state, app, &old) >= 0 && m.since > 0 &&
            old.since > 0)
                m.since = old.since;
        if (r >= 0)
                r = maintenance_write(&c->arena, places->state, app, &m);
        return r < 0 ? view_fail(c, places, app, r) : 0;
}

static int apply(struct ctl *c, const struct view_places *places, struct str app) {
        struct maintenance m = { .since = options.is_off ? 0 : clock_usec(CLOCK_REALTIME) };
        int r = 0;

        if (!options.is_off) {
                r = parse_retry(c, &m.retry);
                r = r != 0 ? r : read_page(&c->arena, &m.page);
                r = r != 0 ? r : check_front(&c->arena, places, app);
        }
        r = r != 0 ? r : change(c, places, app, &m);
        if (r != 0)
                return r;

        r = close_apply(c, app);
        if (r < 0)
                return EXIT_SYSTEM;
        if (r == 0 && strcmp(c->root, "/") == 0 && !options.is_off)
                return complain(app, "marked, but no HAProxy with the generated frontend runs; "
                                     "'pyservicectl doctor' shows why");

        if (options.is_off)
                (void) printf("%.*s is no longer in maintenance\n", STR_ARG(app));
        else
                (void) printf("%.*s is in maintenance until 'pyservicectl maintenance --off %.*s'\n",
                              STR_ARG(app), STR_ARG(app));
        return CTL_GOOD;
}

int ctl_maintenance(struct ctl *c) {
        CLEANUP(view_close) struct view_places places = { -1, -1, { 0 } };
        struct targets targets;
        struct view view;
        int r = targets_parse(c, &targets);

        if (r != 0)
                return r;
        if (targets.list.n != 1 || !str_is_absent(targets.list.at[0].part) ||
            !str_is_absent(targets.list.at[0].instance))
                return ctl_usage(c, "expected one application");
        if (options.is_off && (options.page || options.retry))
                return ctl_usage(c, "--off takes no other option");

        r = view_open(c, &places);
        if (r == 0)
                r = view_read(c, &places, targets.list.at[0].app, &view);
        return r != 0 ? r : apply(c, &places, targets.list.at[0].app);
}

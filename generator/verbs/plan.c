/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl plan: what a daemon-reload would do. */

#include <unistd.h>

#include "base/log.h"
#include "change/place.h"
#include "preview/foresee.h"
#include "terminal/pager.h"
#include "verbs/verbs.h"

static struct { bool has_diff; } options;

const struct option_row plan_options[] = {
        { "diff", NULL, "Show how the generated files would change", .flag = &options.has_diff },
        { 0 },
};

/* Names of apps, and files. */
static int take_words(struct ctl *c, struct foreseeing *f, struct str *apps) {
        struct changing placing = { .ctl = c };
        int r = 0;

        for (int i = 0; i < c->argc && r == 0; i++)
                r = place_take_word(&placing, c->argv[i], &apps[i]);
        return r != 0 ? r : foresee_open(c, place_propose(&placing), placing.files.n, f);
}

static int put_json(struct buf *out, const struct foreseeing *f, const struct forecast_shown *shown) {
        struct json_writer w = { .out = out };
        int r;

        json_open(&w, NULL, '{');
        r = forecast_put_json(&w, &f->trial, &f->forecast, shown);
        json_close(&w, '}');
        buf_put_char(out, '\n');
        return r;
}

int ctl_plan(struct ctl *c) {
        CLEANUP(foresee_close) struct foreseeing f = { 0 };
        struct forecast_shown shown = { .has_diff = options.has_diff, .n = (size_t) c->argc };
        struct str *apps = arena_array(&c->arena, shown.n + 1, struct str);
        struct buf out = buf_in(&c->arena);
        int r = take_words(c, &f, apps);

        shown.apps = apps;
        shown.is_colored = log_is_colored(STDOUT_FILENO);
        if (r == 0)
                r = foresee_check_names(&f, &shown);
        if (r != 0)
                return r;

        r = c->is_json ? put_json(&out, &f, &shown) : forecast_show(&out, &f.trial, &f.forecast, &shown);
        if (r < 0)
                return ctl_fail("cannot show the plan", r);

        foresee_close(&f);
        r = c->is_json ? ctl_write(stdout, buf_str(&out)) : pager_print(c, buf_str(&out));
        return r != CTL_GOOD ? r : foresee_has_errors(&f, &shown) ? CTL_ERROR : CTL_GOOD;
}

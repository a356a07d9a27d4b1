/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/foresee.h"

#include <errno.h>

#include "ctl/session.h"
#include "model/check-machine.h"
#include "preview/check-front.h"

void foresee_close(struct foreseeing *f) {
        if (!f->is_open)
                return;

        trial_close(&f->trial);
        session_close(&f->session);
        f->is_open = false;
}

/* Only root can read the accepted revision, and the environment of running parts. */
static int fail(const char *what, int r) {
        if (r != -EACCES && r != -EPERM)
                return ctl_fail(what, r);

        (void) fprintf(stderr, "pyservicectl: %s: %s; this needs root\n", what, strerror(-r));
        return CTL_ERROR;
}

int foresee_open(struct ctl *c, const struct proposed *files, size_t n, struct foreseeing *ret) {
        int r;

        ret->trial = (struct trial){ .publisher = { .runtime = -1, .state = -1, .output = -1 } };
        ret->session.world.root = -1;
        ret->is_open = true;
        r = session_open_with(c, files, n, &ret->session);
        if (r != 0)
                return r;

        r = trial_open(c, &ret->session, &ret->trial);
        if (r < 0)
                return fail("cannot read the published bundles", r);

        check_front(c, &ret->session);
        check_machine(&ret->session);
        r = trial_run(c, &ret->trial);
        if (r == 0)
                r = forecast_make(c, &ret->trial, &ret->forecast);
        diag_sort(&ret->session.ds);
        return r;
}

int foresee_name(const char *word, struct str *ret) {
        *ret = str_of(word);
        if (type_accepts(KIND_NAME, *ret))
                return 0;

        (void) fprintf(stderr, "pyservicectl: invalid application name '%s'; %s\n", word,
                       type_of(KIND_NAME)->rule);
        return CTL_USAGE;
}

int foresee_check_names(const struct foreseeing *f, const struct forecast_shown *shown) {
        struct arena *a = f->session.ds.arena;
        struct str *names = arena_array(a, f->forecast.apps.n + 1, struct str);

        for (size_t i = 0; i < f->forecast.apps.n; i++)
                names[i] = f->forecast.apps.at[i].name;
        for (size_t i = 0; i < shown->n; i++) {
                struct str hint;

                if (forecast_find(&f->forecast, shown->apps[i]))
                        continue;
                hint = diag_hint(a, shown->apps[i], names, f->forecast.apps.n,
                                 STR("write a file with its directory or its suffix .yaml"));
                (void) fprintf(stderr, "pyservicectl: unknown application '%.*s'; %.*s\n",
                               STR_ARG(shown->apps[i]), STR_ARG(hint));
                return CTL_ERROR;
        }

        return 0;
}

bool foresee_has_errors(const struct foreseeing *f, const struct forecast_shown *shown) {
        VEC_EACH(d, &f->session.ds.list)
                if (d->severity == SEVERITY_ERROR && d->owner.n == 0)
                        return true;
        VEC_EACH(app, &f->forecast.apps)
                if (app->has_errors && forecast_is_shown(app, shown))
                        return true;

        return false;
}

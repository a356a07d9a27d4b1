/* SPDX-License-Identifier: Apache-2.0 */

/* doctor --fix: the commands that the findings have. */

#include "base/utf8.h"
#include "doctor/doctor.h"
#include "runtime/spawn.h"
#include "terminal/ask.h"

struct fixes {
        VEC(const struct finding *) list;
};

struct str doctor_fix_text(struct arena *a, const struct finding *f) {
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
        struct str text = STR("");

        for (const char **word = f->fix; *word; word++) {
                struct str quote = str_is_made_of(str_of(*word), plain) ? STR("") : STR("'");

                text = arena_join(a, text, text.n > 0 ? STR(" ") : STR(""), quote,
                                  utf8_clean(a, str_of(*word)), quote);
        }

        return text;
}

/* Several findings may have one command. */
static void collect(struct doctor *d, struct fixes *ret) {
        VEC_EACH(result, &d->results)
                VEC_EACH(f, &result->findings) {
                        bool is_known = !f->fix;

                        VEC_EACH(known, &ret->list)
                                is_known = is_known || str_eq(doctor_fix_text(d->arena, *known),
                                                              doctor_fix_text(d->arena, f));
                        if (!is_known)
                                *vec_push(d->arena, &ret->list) = f;
                }
}

static int run(struct doctor *d, const struct finding *f) {
        struct str message = { 0 }, text = doctor_fix_text(d->arena, f);
        int r;

        (void) fprintf(stderr, "%s\n", text.p);
        r = doctor_ask(d, f->fix, &message);
        if (r == 0)
                return CTL_GOOD;

        (void) fprintf(stderr, "pyservicectl doctor: '%s' failed: %.*s\n", text.p,
                       STR_ARG(r < 0 ? str_of(strerror(-r)) : message));
        return CTL_ERROR;
}

static bool is_bad_without_fix(const struct doctor *d) {
        VEC_EACH(result, &d->results)
                VEC_EACH(f, &result->findings)
                        if (f->level == DOCTOR_BAD && !f->fix)
                                return true;

        return false;
}

int doctor_fix_all(struct doctor *d) {
        struct fixes fixes = { 0 };
        int status = is_bad_without_fix(d) ? CTL_ERROR : CTL_GOOD;

        collect(d, &fixes);
        if (fixes.list.n == 0) {
                (void) fputs("Nothing that --fix can fix.\n", stderr);
                return status;
        }
        if (!d->ctl->is_sure && !ask_is_possible(d->ctl, "doctor", "nothing fixed"))
                return CTL_USAGE;
        if (!d->ctl->is_sure) {
                VEC_EACH(f, &fixes.list)
                        (void) fprintf(stderr, "  %s\n", doctor_fix_text(d->arena, *f).p);
                if (!ask_yes(d->arena, "Run these commands? [y/N] ")) {
                        (void) fputs("Nothing fixed.\n", stderr);
                        return CTL_ERROR;
                }
        }

        VEC_EACH(f, &fixes.list)
                if (run(d, *f) != CTL_GOOD)
                        status = CTL_ERROR;
        return status;
}

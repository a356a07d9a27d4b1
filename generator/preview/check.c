/* SPDX-License-Identifier: Apache-2.0 */

/* Finds all errors at once, including those that only Quadlet or HAProxy see.
 *
 * Everything is generated as by the generator, into a directory of its own that is removed again. */

#include <unistd.h>

#include "app/ports.h"
#include "ctl/session.h"
#include "model/check-machine.h"
#include "podman/podman-object.h"
#include "preview/check-front.h"
#include "preview/check.h"
#include "preview/trial.h"
#include "render/render.h"

static int check_with_quadlet(struct ctl *c, struct session *s) {
        CLEANUP(trial_close) struct trial trial = { 0 };
        int r = trial_open_fresh(c, s, &trial);

        return r < 0 ? ctl_fail("cannot make a directory for the check", r) : trial_run(c, &trial);
}

/* Rendering finds errors too. */
static int check_without_quadlet(struct ctl *c, struct session *s) {
        struct ports ports = { 0 };
        int r = ports_assign(&s->world, -1, &ports);

        if (r < 0)
                return ctl_fail("cannot assign ports", r);

        VEC_EACH(d, &s->world.definitions) {
                struct tree tree = { .arena = &c->arena };

                s->ds.owner = d->name.text;
                if (d->app && !d->is_broken)
                        render_app(&c->arena, &s->world, d->app, &ports, &tree);
        }
        return 0;
}

/* Podman lets what is there as it is. */
static void check_objects(struct ctl *c, struct session *s) {
        struct podman_objects wanted = { 0 };
        struct podman_differences differences = { 0 };

        if (s->world.trusts_all || strcmp(c->root, "/") != 0 || (geteuid() != 0 && !c->is_user))
                return;

        VEC_EACH(d, &s->world.definitions)
                if (d->app)
                        app_add_objects(&c->arena, d->app, &wanted, &wanted);
        podman_compare(&c->arena, &wanted, &differences);
        VEC_EACH(difference, &differences.list) {
                s->ds.owner = difference->object->app;
                (void) diag_add(&s->ds, DIAG_NOT_APPLIED, difference->object->at, "%.*s; %.*s",
                                STR_ARG(difference->text),
                                STR_ARG(podman_difference_advice(&c->arena, difference)));
        }
}

int check_session(struct ctl *c, struct session *s) {
        check_front(c, s);
        check_machine(s);
        check_objects(c, s);
        return access(trial_quadlet(c), X_OK) == 0 ? check_with_quadlet(c, s) : check_without_quadlet(c, s);
}

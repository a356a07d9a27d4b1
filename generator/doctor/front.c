/* SPDX-License-Identifier: Apache-2.0 */

/* The effect of the administrator's own configuration of HAProxy and nginx on the applications. */

#include "doctor/doctor.h"

const struct own_front *doctor_front(struct doctor *d) {
        if (!d->knows_front)
                own_front_read(d->arena, doctor_world(d), d->ctl->root, &d->front);
        d->knows_front = true;
        return &d->front;
}

void doctor_haproxy_front(struct doctor *d) {
        const struct front_listen *by;
        const struct proxy_directory *lacking = own_front_lacking(doctor_front(d), &by);
        struct proxy_listen listen;

        if (lacking)
                doctor_bad(d, (struct str){ 0 }, front_problem(d->arena, by),
                           own_front_advice(d->arena, lacking, by));
        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app) {
                        by = own_front_takes(doctor_front(d), s, &listen);
                        if (by)
                                doctor_bad(d, app->name.text, front_problem_listen(d->arena, by, &listen),
                                           STR(FRONT_ADVICE_LISTEN));
                }
}

void doctor_haproxy_stop(struct doctor *d) {
        const struct own_front *f = doctor_front(d);

        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app)
                        if (own_front_cuts(f, s))
                                doctor_warn(
                                        d, app->name.text,
                                        arena_join(d->arena,
                                                   STR("after a reload HAProxy closes open "
                                                       "connections before the drain of "),
                                                   s->container.unit.text, STR(" ends: '"),
                                                   STR("hard-stop-after "), f->front.config.hard_stop,
                                                   STR("'")),
                                        arena_printf(d->arena,
                                                     "set a longer time in %.*s:%zu, or a shorter 'drain'",
                                                     STR_ARG(f->front.config.hard_stop_file),
                                                     f->front.config.hard_stop_line));
}

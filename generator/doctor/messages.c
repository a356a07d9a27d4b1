/* SPDX-License-Identifier: Apache-2.0 */

/* Messages about events that are not delivered yet. */

#include "base/clock.h"
#include "base/fs.h"
#include "bundle/message.h"
#include "doctor/doctor.h"

enum { YOUNG_SECONDS = 60 };

static const struct str nobody = { 0 };

static void add(struct doctor *d, const struct message *m, struct str problem, struct str advice) {
        struct str name = arena_join(d->arena, m->app, STR(" "), m->event);

        doctor_warn(d, nobody,
                    arena_join(d->arena, STR("a message is not delivered ("), problem, STR("): "), name),
                    advice);
        doctor_alike(d, name, arena_join(d->arena, STR("messages are not delivered ("), problem, STR(")")));
}

static void look_at(struct doctor *d, const struct message *m) {
        bool is_old = m->time + YOUNG_SECONDS * 1000000ULL < clock_usec(CLOCK_REALTIME);

        VEC_EACH(w, &m->ways)
                if (!w->is_done && !str_is_absent(w->problem))
                        add(d, m, arena_join(d->arena, w->name, STR(": "), w->problem),
                            STR("make the recipient reachable, or correct 'notify' in host.yaml; pyservice "
                                "tries again until a message is a day old"));
        if (m->ways.n == 0 && is_old)
                add(d, m, STR("never tried"),
                    STR("see 'systemctl status pyservice-notify.path pyservice-notify.service'"));
}

void doctor_messages(struct doctor *d) {
        const struct world *w = doctor_world(d);
        CLEANUP(close_fd) int state = fs_open_dir(w->root, world_below(w->places.state));
        struct messages all = { 0 }, broken = { 0 };

        if (state < 0 || message_list(d->arena, state, &all, &broken) < 0)
                return;

        VEC_EACH(m, &all.list)
                if (str_is_absent(d->only) || str_eq(d->only, m->app))
                        look_at(d, m);
}

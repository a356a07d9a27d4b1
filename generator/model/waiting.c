/* SPDX-License-Identifier: Apache-2.0 */
#include "model/waiting.h"

enum { FIRST_USEC = 5000000, NEXT_USEC = 2000000 };

/* A reason whose numbers or last line have changed is known. */
static bool is_told(const struct waiting *w, const struct described *reason) {
        VEC_EACH(known, &w->told.list)
                if (str_eq(known->unit, reason->unit) && str_eq(known->text, reason->text))
                        return true;

        return false;
}

static void put_line(struct waiting *w, struct buf *out, struct str app, const struct described *reason) {
        struct arena *a = &w->ctl->arena;

        *vec_push(a, &w->told.list) =
                (struct described){ .unit = arena_str(a, reason->unit), .text = arena_str(a, reason->text) };
        buf_put_str(out, app);
        buf_put(out, ": ");
        buf_put_str(out, reason_line(a, reason));
        buf_put_char(out, '\n');
}

struct str waiting_show(struct waiting *w, struct str app, bool is_changing) {
        struct buf out = buf_in(&w->ctl->arena);
        struct arena scratch = { 0 };
        struct reasons reasons = { 0 };
        struct reasons_query q = { .arena = &scratch,
                                   .bus = w->bus ? w->bus : w->own,
                                   .is_user = w->ctl->is_user,
                                   .runtime = w->places->runtime,
                                   .app = app,
                                   .is_changing = is_changing };

        if (!q.bus && bus_open(&w->ctl->arena, q.is_user, -1, &w->own) >= 0)
                q.bus = w->own;
        if (q.bus && reasons_find(&q, &reasons) >= 0)
                VEC_EACH(reason, &reasons.list)
                        if (!is_told(w, reason))
                                put_line(w, &out, app, reason);
        arena_done(&scratch);
        return buf_str(&out);
}

struct str waiting_look(struct waiting *w, struct str app, bool is_changing) {
        uint64_t now = bus_now();

        if (w->next > now)
                return STR("");
        if (w->next == 0) {
                w->next = now + FIRST_USEC;
                return STR("");
        }

        w->next = now + NEXT_USEC;
        return waiting_show(w, app, is_changing);
}

void waiting_close(struct waiting *w) {
        bus_close(&w->own);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/reasons.h"

#include <errno.h>

#include "base/buf.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "state/stored.h"

static bool is_told(const struct reasons *reasons, struct str unit) {
        VEC_EACH(known, &reasons->list)
                if (str_eq(known->unit, unit))
                        return true;

        return false;
}

/* True if there is one now. */
static bool look_at(const struct reasons_query *q, struct str unit, struct reasons *ret) {
        const struct describing d = { q->arena, q->bus, q->is_user, 0, unit };
        struct described found;

        if (!describe_now(&d, &found))
                return false;

        if (str_has_suffix(found.unit, STR(".service")))
                found.unit.n -= strlen(".service");
        if (!is_told(ret, found.unit))
                *vec_push(q->arena, &ret->list) = found;
        return true;
}

/* Most units are active: one query shows which are not. */
static bool is_active(const struct bus_list *units, struct str unit) {
        VEC_EACH(u, &units->list)
                if (str_eq(u->name, unit))
                        return str_is(u->active, "active");

        return false;
}

static bool is_kept(const struct record_part *part) {
        return part->kind == RECORD_SERVICE || part->kind == RECORD_SIDECAR;
}

int reasons_find(const struct reasons_query *q, struct reasons *ret) {
        struct arena *a = q->arena;
        CLEANUP(close_fd) int bundle = fs_open_dir(q->runtime, layout_app(a, q->app).p);
        const struct record_part *told = NULL;
        struct record record = { 0 };
        struct record_units units;
        struct bus_list own = { 0 };
        const struct bus_list *listed = q->listed ? q->listed : &own;
        int r = bundle < 0 ? bundle : stored_record(a, bundle, &record);

        *ret = (struct reasons){ 0 };
        if (r >= 0 && !q->listed)
                r = bus_list_units(q->bus, a, arena_join(a, q->app, STR("*.service")), &own);
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        record_list(a, &record, &units);
        VEC_EACH(u, &units.list)
                if (u->part != told && is_kept(u->part) && !record_is_stopped(&record, u->upheld) &&
                    !is_active(listed, u->unit) && look_at(q, u->unit, ret))
                        told = u->part;
        VEC_EACH(part, &record.parts)
                if (q->is_changing && part->has_spare)
                        (void) look_at(q, arena_join(a, part->unit, STR("@next.service")), ret);
        return 0;
}

struct str reason_words(struct arena *a, const struct described *reason) {
        struct buf out = buf_in(a);

        buf_put_str(&out, reason->text);
        if (reason->age > 0) {
                buf_put(&out, ", for ");
                buf_put_u64(&out, reason->age);
                buf_put(&out, " s");
        }
        if (reason->n_failed > 1) {
                buf_put(&out, ", failed ");
                buf_put_u64(&out, reason->n_failed);
                buf_put(&out, " times");
        }
        buf_put_str(&out, describe_printed(a, reason->printed));
        return buf_str(&out);
}

struct str reason_line(struct arena *a, const struct described *reason) {
        return arena_join(a, reason->unit, STR(": "), reason_words(a, reason));
}

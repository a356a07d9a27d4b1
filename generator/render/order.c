/* SPDX-License-Identifier: Apache-2.0 */

/* The units that a part waits for when it starts: `requires`, `bound_to`, `after`. Changes take effect
 * immediately, and are not part of a revision.
 *
 * systemd keeps the start of a unit back until every unit that is ordered after it has stopped. A database
 * that crashed would wait until the last of its clients has drained. So two units stand between a part
 * that is kept running and what it requires:
 *
 *     UNIT-requires@N.service  runs at each start of instance N, before it, and waits for the required units
 *                              (see rollout/require.h). It does not remain active, so nothing ever waits for
 *                              it to stop.
 *     UNIT-requires.target     is active as long as an instance is: at a shutdown, or when the application is
 *                              removed, the required units stop after it. It needs no job meanwhile, so it
 *                              delays no start. */

#include "bundle/layout.h"
#include "bundle/record.h"
#include "config.h"
#include "render/parts.h"

static bool is_unit(struct unit_ref ref) {
        return str_find(ref.text, '.') < ref.text.n;
}

/* The meaning of a reference: a unit, a sidecar, every instance of a service. */
static void put_reference(struct rendering *r, struct unit *u, enum unit_key key, struct unit_ref ref) {
        const struct service *s = app_find_kept(r->app, ref.text);

        if (is_unit(ref))
                unit_put(u, key, ref);
        for (uint64_t i = 0; s && i < s->scale.n; i++)
                unit_put(u, key, instance_unit(r, s, i));
}

static void record_require(struct rendering *r, const struct role *role, struct str name) {
        *vec_push(r->arena, &r->tree->record->requires) =
                (struct record_require){ role->container->unit.text, name };
}

/* The units that put_reference() writes, for the record. */
static void record_reference(struct rendering *r, const struct role *role, struct unit_ref ref) {
        const struct service *s = app_find_kept(r->app, ref.text);

        if (is_unit(ref))
                record_require(r, role, ref.text);
        for (uint64_t i = 0; s && i < s->scale.n; i++)
                record_require(r, role, instance_unit(r, s, i).text);
}

#define PUT_REFERENCES(r, u, key, refs) \
        LIST_EACH(ref, (refs))          \
        put_reference((r), (u), (key), *ref)

static void put_required(struct rendering *r, struct unit *u, const struct start_order *o) {
        PUT_REFERENCES(r, u, UNIT_WANTS, &o->requires);
        PUT_REFERENCES(r, u, UNIT_AFTER, &o->requires);
        PUT_REFERENCES(r, u, UNIT_AFTER, &o->after);
}

static struct unit *start_unit(struct rendering *r, const struct role *role) {
        struct unit *u = unit_new(r->arena);

        unit_open(u, UNIT_DESCRIPTION);
        unit_const(u, "What ");
        unit_part(u, role->container->unit);
        unit_const(u, " requires");
        unit_close(u);
        render_origin(r, u);
        return u;
}

/* The program, with every unit of the application that is required. */
static void put_command(struct rendering *r, struct unit *u, const struct start_order *o) {
        bool is_own = false;

        LIST_EACH(ref, &o->requires)
                is_own |= !is_unit(*ref);
        unit_open(u, SERVICE_EXEC_START);
        unit_word(u);
        if (!is_own) {
                unit_const(u, "/bin/true");
                unit_close(u);
                return;
        }
        unit_const(u, LIBEXECDIR "/pyservice-rollout");
        render_user(r, u);
        unit_word_const(u, "require");
        LIST_EACH(ref, &o->requires) {
                const struct service *s = app_find_kept(r->app, ref->text);

                for (uint64_t i = 0; s && i < s->scale.n; i++)
                        unit_word_part(u, instance_unit(r, s, i));
        }
        unit_close(u);
}

static void finish_unit(struct rendering *r, struct unit *u, const struct role *role, struct str end) {
        struct str unit = role->container->unit.text;

        tree_mark(unit_finish(u, r->tree, layout_unit(r->arena, unit, end)), TREE_SCALE, unit);
}

static void render_units(struct rendering *r, const struct role *role) {
        struct unit *u = start_unit(r, role);

        put_required(r, u, role->order);
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        finish_unit(r, u, role, STR("-requires.target"));

        u = start_unit(r, role);
        LIST_EACH(ref, &role->order->requires)
                if (is_unit(*ref))
                        unit_put(u, UNIT_WANTS, *ref);
        PUT_REFERENCES(r, u, UNIT_AFTER, &role->order->requires);
        PUT_REFERENCES(r, u, UNIT_AFTER, &role->order->after);
        unit_put_const(u, UNIT_COLLECT_MODE, "inactive-or-failed");
        unit_put_const(u, SERVICE_TYPE, "oneshot");
        put_command(r, u, role->order);
        render_sandbox(r, u, SANDBOX_WAIT);
        finish_unit(r, u, role, role->is_template ? STR("-requires@.service") : STR("-requires.service"));
}

static void put_own_unit(struct unit *u, enum unit_key key, const struct role *role, bool is_target) {
        unit_open(u, key);
        unit_part(u, role->container->unit);
        if (is_target)
                unit_const(u, "-requires.target");
        else if (role->is_template)
                unit_const(u, "-requires@%i.service");
        else
                unit_const(u, "-requires.service");
        unit_close(u);
}

/* Podman gives a container a new network at each start, and cannot remove it while another container uses its
 * network. PartOf= and After= stop that one first, and restart it too. Requires= would also start what fails
 * again, without its RestartSec=: systemd starts what is upheld again at once. */
static void put_owner(struct rendering *r, struct unit *u, const struct role *role) {
        const struct name *of = &role->container->network_of;
        struct unit_ref owner = { of->text, of->at };

        if (!shares_network(role->container))
                return;

        put_reference(r, u, UNIT_PART_OF, owner);
        if (!role->runs_to_end && !r->is_plain) /* else put_required() has written it */
                put_reference(r, u, UNIT_AFTER, owner);
        record_reference(r, role, owner);
}

void render_order(struct rendering *r, struct unit *container, const struct role *role) {
        const struct start_order *o = role->order;
        struct unit *u = r->is_plain ? container : unit_new(r->arena);

        if (o->requires.n + o->bound_to.n + o->after.n == 0)
                return;

        if (role->runs_to_end || r->is_plain) /* it does not drain */
                put_required(r, u, o);
        else if (has_order_units(o)) {
                render_units(r, role);
                for (int i = 0; i < 2; i++) {
                        put_own_unit(u, UNIT_WANTS, role, i == 0);
                        put_own_unit(u, UNIT_AFTER, role, i == 0);
                }
        }
        PUT_REFERENCES(r, u, UNIT_REQUIRES, &o->bound_to);
        LIST_EACH(ref, &o->bound_to)
                record_reference(r, role, *ref);
        PUT_REFERENCES(r, u, UNIT_AFTER, &o->bound_to);
        put_owner(r, u, role);
        if (!r->is_plain)
                render_drop_in(r, u, role, STR("10-services.conf"));
}

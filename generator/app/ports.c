/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ports-parts.h"

#include "base/hash.h"
#include "bundle/layout.h"

#define LOOPBACK STR("127.0.0.1")

enum { SLOTS_MIN = 4 };

/* An instance that is to have a port. */
struct want {
        struct port port; /* number: 0 until it has one */
        uint64_t old;     /* what its published bundle holds; 0 for none */
        struct definition *definition;
        const struct service *service;
};

struct assignment {
        struct world *w;
        VEC(struct want) wants;
        struct claims claims;
        bool *is_held;  /* by port: a published bundle holds it */
        uint16_t first; /* the pool */
        uint32_t size;
        const struct service *reported; /* one message for each service is enough */
};

static void collect_instance(struct assignment *as, struct definition *d, const struct service *s,
                             struct port port, const struct ports *old) {
        port.app = d->app->name;
        port.unit = s->container.unit;
        port.is_sidecars = s->is_sidecar;
        *vec_push(as->w->arena, &as->wants) = (struct want){
                .port = port,
                .old = ports_find(old, port.app, port.unit, port.instance),
                .definition = d,
                .service = s,
        };
}

static void collect_service(struct assignment *as, struct definition *d, const struct service *s,
                            const struct ports *old) {
        for (uint32_t i = 0; i < s->scale.n && i < INSTANCES_MAX; i++)
                collect_instance(as, d, s, (struct port){ .instance = i, .is_fixed = s->host_port.n > 0 },
                                 old);
        if (has_spare(d->app, s))
                collect_instance(as, d, s, (struct port){ .instance = PORTS_NEXT }, old);
}

static size_t count_instances(const struct world *w) {
        size_t n = 0;

        VEC_EACH(d, &w->definitions) {
                if (!d->app)
                        continue;

                APP_EACH_KEPT(s, d->app)
                        n += has_ports(s) ? s->scale.n + has_spare(d->app, s) : 0;
        }

        return n < INSTANCES_MAX ? n : INSTANCES_MAX;
}

static void collect(struct assignment *as, const struct ports *old) {
        as->wants.room = count_instances(as->w);
        as->wants.at = arena_array(as->w->arena, as->wants.room, struct want);

        VEC_EACH(d, &as->w->definitions) {
                if (!d->app)
                        continue;

                APP_EACH_KEPT(s, d->app)
                        if (has_ports(s))
                                collect_service(as, d, s, old);
        }
}

static void set_pool(struct assignment *as) {
        const struct port_pool *pool = as->w->host.ports;
        uint64_t first = pool && pool->first.n > 0 ? pool->first.n : 20000;
        uint64_t last = pool && pool->last.n > 0 ? pool->last.n : 29999;

        as->first = (uint16_t) first;
        as->size = last <= UINT16_MAX && first <= last ? (uint32_t) (last - first + 1) : 0;
}

static struct diag *report(struct assignment *as, struct definition *d, enum diag_id id, struct span at,
                           const char *text) {
        struct diags *ds = as->w->ds;
        struct str owner = ds->owner;
        struct diag *diag;

        d->is_broken = true;
        ds->owner = d->name.text;
        diag = diag_add(ds, id, at, "%s", text);
        ds->owner = owner;
        return diag;
}

static void report_taken(struct assignment *as, struct definition *d, const struct claim *mine,
                         const struct claim *other, const char *text) {
        struct diag *diag = report(as, d, DIAG_PORT_TAKEN, mine->at, text);

        if (other->at.file != SPAN_NOWHERE)
                diag_note(as->w->ds, diag, other->at, "it is claimed here");
}

static void claim_fixed(struct assignment *as, struct want *want) {
        uint64_t number = want->service->host_port.n + want->port.instance;
        /* Any client can reach a port that is not behind HAProxy. */
        struct claim mine = { .app = want->port.app.text,
                              .at = want->service->host_port.at,
                              .address = want->service->proxy ? LOOPBACK : STR("") };
        struct arena *a = as->w->arena;
        const struct claim *other;

        if (as->reported == want->service)
                return;
        if (number > UINT16_MAX) {
                as->reported = want->service;
                (void) report(as, want->definition, DIAG_OUT_OF_RANGE, mine.at,
                              arena_printf(a, "instance %u would have port %u; the highest is 65535",
                                           (unsigned) want->port.instance, (unsigned) number)
                                      .p);
                return;
        }

        other = claims_add(&as->claims, number, mine);
        if (!other) {
                want->port.number = number;
                return;
        }

        as->reported = want->service;
        report_taken(as, want->definition, &mine, other,
                     arena_printf(a, "port %u, that of instance %u, is taken by '%.*s'; choose another one",
                                  (unsigned) number, (unsigned) want->port.instance, STR_ARG(other->app))
                             .p);
}

/* Ports that are published already come first, so that an error elsewhere cannot take them. */
static void claim_all_fixed(struct assignment *as, bool is_published) {
        as->reported = NULL;
        VEC_EACH(want, &as->wants)
                if (want->port.is_fixed &&
                    is_published == (want->old == want->service->host_port.n + want->port.instance))
                        claim_fixed(as, want);
}

static void claim_spec(struct assignment *as, struct definition *d, const struct service *s,
                       struct publish_spec spec) {
        struct arena *a = as->w->arena;
        const struct claim *other;
        struct claim mine;
        uint16_t first, last;

        if (!claims_parse(spec, &mine, &first, &last))
                return;

        mine.app = d->app->name.text;
        for (uint32_t number = first; number <= last; number++) {
                other = claims_add(&as->claims, number, mine);
                if (!other)
                        continue;
                report_taken(as, d, &mine, other,
                             arena_printf(a, "port %u is taken by '%.*s'; choose another one",
                                          (unsigned) number, STR_ARG(other->app))
                                     .p);
                return;
        }
        if (s->scale.n > 1)
                (void) report(as, d, DIAG_PORT_TAKEN, spec.at,
                              arena_printf(a,
                                           "%u instances cannot all publish port %u; omit the host's port, "
                                           "or set scale to 1",
                                           (unsigned) s->scale.n, (unsigned) first)
                                      .p);
}

static void claim_specs(struct assignment *as, struct definition *d, const struct service *s) {
        if (s->scale.n == 0)
                return;

        LIST_EACH(spec, &s->publish)
                claim_spec(as, d, s, *spec);
}

static void claim_published(struct assignment *as) {
        VEC_EACH(d, &as->w->definitions) {
                if (!d->app)
                        continue;

                APP_EACH_KEPT(s, d->app)
                        claim_specs(as, d, s);
        }
}

/* The key of host.yaml that gives the port to the frontend for requests; NULL if none does. */
static const char *key_of_front(const struct world *w, uint64_t port) {
        const struct host_haproxy *h = w->host.haproxy;

        return !h                        ? NULL
               : port == h->http_port.n  ? "http_port"
               : port == h->https_port.n ? "https_port"
                                         : NULL;
}

static void claim_listen(struct assignment *as, struct definition *d, struct listener listen) {
        struct arena *a = as->w->arena;
        uint64_t number;
        struct claim mine = claims_listen(listen, &number);
        const char *key = key_of_front(as->w, number);
        const struct claim *other;

        mine.app = d->app->name.text;
        if (key) {
                (void) report(as, d, DIAG_PORT_TAKEN, mine.at,
                              arena_printf(a,
                                           "HAProxy's frontend for requests has port %u; choose another one, "
                                           "or set 'haproxy: {%s: …}' in host.yaml",
                                           (unsigned) number, key)
                                      .p);
                return;
        }

        other = claims_add(&as->claims, number, mine);
        if (other)
                report_taken(as, d, &mine, other,
                             arena_printf(a, "port %u is taken by '%.*s'; choose another one",
                                          (unsigned) number, STR_ARG(other->app))
                                     .p);
}

static void claim_listens(struct assignment *as) {
        VEC_EACH(d, &as->w->definitions) {
                if (!d->app)
                        continue;

                APP_EACH_KEPT(s, d->app)
                        if (s->proxy && !str_is_absent(s->proxy->listen.text))
                                claim_listen(as, d, s->proxy->listen);
        }
}

static void take(struct assignment *as, struct want *want, uint64_t number) {
        struct claim mine = { .app = want->port.app.text, .at = want->service->port.at, .address = LOOPBACK };

        (void) claims_add(&as->claims, number, mine);
        want->port.number = number;
}

static void keep_old(struct assignment *as) {
        VEC_EACH(want, &as->wants)
                if (!want->port.is_fixed && want->old > 0 && !claims_has(&as->claims, want->old))
                        take(as, want, want->old);
}

/* Where in the pool the search for an instance's port begins. */
static uint32_t start_of(const struct assignment *as, const struct want *want) {
        uint64_t h = hash_number(want->port.unit.text) + (uint32_t) want->port.instance;

        h *= UINT64_C(0x9e3779b97f4a7c15); /* spreads neighbours */
        return (uint32_t) ((h >> 32) % as->size);
}

/* 0 if the pool has none. */
static uint64_t find_free(const struct assignment *as, const struct want *want, bool may_be_held) {
        uint32_t start = as->size > 0 ? start_of(as, want) : 0;

        for (uint32_t i = 0; i < as->size; i++) {
                uint64_t number = as->first + (start + i) % as->size;

                if (!claims_has(&as->claims, number) && (may_be_held || !as->is_held[number]))
                        return number;
        }

        return 0;
}

static void draw(struct assignment *as) {
        bool may_be_held = false;

        as->reported = NULL;
        VEC_EACH(want, &as->wants) {
                uint64_t number;

                if (want->port.is_fixed || want->port.number > 0 || as->reported == want->service)
                        continue;

                number = find_free(as, want, may_be_held);
                if (number == 0 && !may_be_held) {
                        may_be_held = true;
                        number = find_free(as, want, may_be_held);
                }
                if (number > 0) {
                        take(as, want, number);
                        continue;
                }

                as->reported = want->service;
                (void) report(as, want->definition, DIAG_PORTS_EXHAUSTED, want->service->port.at,
                              arena_printf(as->w->arena,
                                           "all %u ports of the pool are taken; widen 'ports' in host.yaml",
                                           as->size)
                                      .p);
        }
}

static bool has_definition(const struct assignment *as, struct str app) {
        VEC_EACH(d, &as->w->definitions)
                if (d->app && str_eq(d->name.text, app))
                        return true;

        return false;
}

/* Ports of instances that a service no longer has: such an instance may still drain, or start again before
 * its drain has ended. */
static void keep_unwanted(struct assignment *as, const struct ports *old, const struct ports *wanted,
                          struct ports *ports) {
        VEC_EACH(port, &old->list) {
                struct claim mine = { .app = port->app.text, .at = NOWHERE, .address = LOOPBACK };

                if (ports_find(wanted, port->app, port->unit, port->instance) > 0 ||
                    claims_has(&as->claims, port->number) || !has_definition(as, port->app.text))
                        continue;
                (void) claims_add(&as->claims, port->number, mine);
                *vec_push(as->w->arena, &ports->list) = *port;
                ports->list.at[ports->list.n - 1].is_kept = true;
        }
}

bool has_slots(const struct world *w, const struct service *s) {
        return s->proxy && s->proxy->kind.index == PROXY_HAPROXY && s->proxy->via.index == VIA_PORT &&
               !w->places.is_user && str_is_absent(w->host.haproxy->container.text);
}

/* More than there are instances, and seldom another number. */
static uint32_t slots_of(const struct assignment *as, const struct service *s) {
        uint32_t n = SLOTS_MIN;

        if (!has_slots(as->w, s) || s->is_sidecar || s->scale.n >= INSTANCES_MAX / 2)
                return 0;
        while (n <= s->scale.n)
                n *= 2;
        return n;
}

/* Ports that are not kept already; as many as the pool has, since no instance needs them yet. */
static void add_slots(struct assignment *as, struct definition *d, const struct service *s,
                      const struct ports *kept, struct ports *ports) {
        for (uint32_t i = (uint32_t) s->scale.n, n = slots_of(as, s); i < n; i++) {
                struct want want = { .port = { .app = d->app->name,
                                               .unit = s->container.unit,
                                               .instance = i,
                                               .is_kept = true } };
                uint64_t fixed = s->host_port.n + i;
                uint64_t number = s->host_port.n == 0   ? find_free(as, &want, false)
                                  : fixed <= UINT16_MAX ? fixed
                                                        : 0;

                if (ports_find(kept, want.port.app, want.port.unit, i) > 0)
                        continue;
                if (number == 0 || claims_has(&as->claims, number))
                        return;
                (void) claims_add(
                        &as->claims, number,
                        (struct claim){ .app = want.port.app.text, .at = NOWHERE, .address = LOOPBACK });
                want.port.number = number;
                *vec_push(as->w->arena, &ports->list) = want.port;
        }
}

static void add_all_slots(struct assignment *as, struct ports *ports) {
        const struct ports kept = *ports; /* what comes behind them is of no other service's */

        VEC_EACH(d, &as->w->definitions) {
                if (!d->app || d->is_broken)
                        continue;

                APP_EACH_KEPT(s, d->app)
                        if (has_ports(s))
                                add_slots(as, d, s, &kept, ports);
        }
}

/* The ports that were assigned; definitions with errors have no app from here on. */
static void hand_out(struct assignment *as, const struct ports *old, struct ports *ret) {
        struct ports wanted = { .list.room = as->wants.n }, ports;

        wanted.list.at = arena_array(as->w->arena, as->wants.n, struct port);
        VEC_EACH(want, &as->wants)
                if (want->port.number > 0)
                        wanted.list.at[wanted.list.n++] = want->port;
        ports_sort(&wanted);
        ports = (struct ports){ .list = { wanted.list.at, wanted.list.n, wanted.list.n } };
        keep_unwanted(as, old, &wanted, &ports);
        ports_sort(&ports);
        add_all_slots(as, &ports);
        VEC_EACH(d, &as->w->definitions)
                if (d->is_broken)
                        d->app = NULL;

        ports_sort(&ports);
        *ret = ports;
}

/* Without them, instances would move to other ports while they run. */
static void report_unread(struct assignment *as, const struct ports *old) {
        const struct world *w = as->w;

        VEC_EACH(d, &w->definitions)
                if (VEC_HAS(&old->unread, d->name.text))
                        (void) report(as, d, DIAG_BAD_STATE, d->name.at,
                                      arena_join(w->arena, STR("the ports of its instances in '"),
                                                 w->places.runtime, STR("/"),
                                                 layout_app_file(w->arena, d->name.text, STR(LAYOUT_PORTS)),
                                                 STR("' cannot be read: the file is damaged, or another "
                                                     "version of pyservice wrote it. The published revision "
                                                     "stays; remove the file to assign other ports"))
                                              .p);
}

int ports_assign(struct world *w, int runtime, struct ports *ret) {
        struct assignment as = { .w = w };
        struct ports old;
        int r = ports_read(w->arena, runtime, &old);

        if (r < 0)
                return r;

        ports_add_held(w, &old);
        report_unread(&as, &old);
        as.is_held = arena_array(w->arena, UINT16_MAX + 1, bool);
        VEC_EACH(port, &old.list)
                as.is_held[port->number] = true;

        set_pool(&as);
        collect(&as, &old);
        as.claims = claims_in(w->arena, as.wants.n);
        claim_all_fixed(&as, true);
        claim_all_fixed(&as, false);
        claim_published(&as);
        claim_listens(&as);
        keep_old(&as);
        draw(&as);
        hand_out(&as, &old, ret);
        return 0;
}

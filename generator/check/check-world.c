/* SPDX-License-Identifier: Apache-2.0 */

/* Rules between apps: names of units, containers, HAProxy's backends, routes, and how many instances there
 * are. */

#include <stdlib.h>
#include <unistd.h>

#include "app/machine.h"
#include "app/resolve.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "check/check-parts.h"

/* Something that only one may have, or several that agree about it. */
struct claim {
        struct str what, agreed; /* agreed: absent if only one may have it */
        struct definition *definition;
        struct span at;
        size_t order; /* so that sorting is stable */
};

struct claims {
        struct world *w;
        VEC(struct claim) list;
};

struct rule {
        void (*claim_all_of)(struct claims *, struct definition *);
        enum diag_id id;
        const char *kind, *advice;
        const char *in_bundle; /* the bundle's file with the claim; NULL if that is unknown */
};

static void claim(struct claims *c, struct definition *d, struct str what, struct span at) {
        *vec_push(c->w->arena, &c->list) =
                (struct claim){ .what = what, .definition = d, .at = at, .order = c->list.n };
}

static int compare_claims(const void *a, const void *b) {
        const struct claim *x = a, *y = b;
        int r = str_cmp(x->what, y->what);

        return r != 0 ? r : x->order < y->order ? -1 : 1;
}

static struct str bundle_path(const struct world *w, const struct definition *d, struct str below) {
        return arena_join(w->arena, str_from(w->places.runtime, 1), STR("/" LAYOUT_APPS "/"), d->name.text,
                          below);
}

/* A running app keeps its claims, even if another app claims the same. */
static bool has_already(const struct world *w, const struct rule *rule, const struct claim *c) {
        struct str below = rule->in_bundle ? arena_join(w->arena, str_of(rule->in_bundle), c->what) : STR("");

        return faccessat(w->root, bundle_path(w, c->definition, below).p, F_OK, 0) == 0;
}

/* A broken definition wants nothing, but its app continues as it was published. */
static void claim_published(struct claims *c, const struct rule *rule, struct definition *d) {
        struct fs_names names;

        if (!rule->in_bundle || str_is_absent(d->name.text) ||
            fs_list(c->w->arena, c->w->root, bundle_path(c->w, d, str_of(rule->in_bundle)).p, &names) < 0)
                return;

        VEC_EACH(name, &names.list)
                claim(c, d, *name, d->name.at);
}

static void report(struct world *w, const struct rule *rule, const struct claim *first,
                   const struct claim *second) {
        struct diag *d;

        w->ds->owner = second->definition->name.text;
        if (first->definition == second->definition)
                d = diag_add(w->ds, rule->id, second->at,
                             "the %s '%.*s' is taken by another part of this app; %s", rule->kind,
                             STR_ARG(second->what), rule->advice);
        else
                d = diag_add(w->ds, rule->id, second->at, "the %s '%.*s' is taken by the app '%.*s'; %s",
                             rule->kind, STR_ARG(second->what), STR_ARG(first->definition->name.text),
                             rule->advice);
        diag_note(w->ds, d, first->at, "'%.*s' is taken here", STR_ARG(second->what));
        second->definition->is_broken = true;
}

/* Reports every claim that is made twice. */
static void settle(struct claims *c, const struct rule *rule) {
        struct world *w = c->w;

        if (c->list.n == 0)
                return;

        qsort(c->list.at, c->list.n, sizeof(struct claim), compare_claims);
        for (size_t i = 1; i < c->list.n; i++) {
                struct claim *first = &c->list.at[i - 1], *second = &c->list.at[i];

                if (!str_eq(first->what, second->what) ||
                    (!str_is_absent(first->agreed) && str_eq(first->agreed, second->agreed)))
                        continue;
                if (!has_already(w, rule, first) && has_already(w, rule, second)) {
                        struct claim *swap = first;

                        first = second;
                        second = swap;
                }
                if (second->definition->app)
                        report(w, rule, first, second);
        }
}

static void refuse_machine_unit(struct claims *c, struct definition *d, struct str unit, struct span at) {
        if (!machine_has_unit(c->w, unit))
                return;

        c->w->ds->owner = d->name.text;
        (void) diag_add(c->w->ds, DIAG_UNIT_TAKEN, at,
                        "this machine already has a unit '%.*s'; rename the app or its part", STR_ARG(unit));
        d->is_broken = true;
}

static void claim_unit(struct claims *c, struct definition *d, struct str unit, struct span at) {
        refuse_machine_unit(c, d, unit, at);
        claim(c, d, unit, at);
}

static bool is_asked(const struct app *app) {
        APP_EACH_KEPT(s, app)
                if (s->health && !str_is_absent(s->health->http.text))
                        return true;

        return false;
}

static void claim_order(struct claims *c, struct definition *d, struct name unit, struct str end) {
        claim_unit(c, d, arena_join(c->w->arena, unit.text, end), unit.at);
        claim_unit(c, d, arena_join(c->w->arena, unit.text, STR("-requires.target")), unit.at);
}

/* All units that Quadlet and we make for an app, but those that pull images: no part may be named like
 * one. */
static void claim_units(struct claims *c, struct definition *d) {
        struct arena *a = c->w->arena;
        struct app *app = d->app;
        struct container_list all = app_containers(a, app);

        /* First what is named by the app alone: of two in one app the part is the one to rename. */
        claim_unit(c, d, arena_join(a, app->name.text, STR(".target")), app->name.at);
        claim_unit(c, d, arena_join(a, app->name.text, STR("-rollout@.service")), app->name.at);
        if (is_asked(app)) {
                claim_unit(c, d, arena_join(a, app->name.text, STR("-health.service")), app->name.at);
                claim_unit(c, d, arena_join(a, app->name.text, STR("-health.timer")), app->name.at);
        }
        for (size_t i = 0; i < all.list.n; i++) {
                struct container *k = all.list.at[i].container;
                struct str suffix = i < app->services.n ? STR("@.service") : STR(".service");

                claim_unit(c, d, arena_join(a, k->unit.text, suffix), k->unit.at);
        }
        LIST_EACH(t, &app->timers)
                claim_unit(c, d, arena_join(a, t->task.container.unit.text, STR(".timer")),
                           t->task.container.unit.at);
        LIST_EACH(s, &app->services)
                if (has_order_units(&s->order))
                        claim_order(c, d, s->container.unit, STR("-requires@.service"));
        LIST_EACH(s, &app->sidecars)
                if (has_order_units(&s->order))
                        claim_order(c, d, s->container.unit, STR("-requires.service"));
        LIST_EACH(s, &app->sidecars)
                if (s->restart.index != RESTART_ALWAYS)
                        claim_unit(c, d, arena_join(a, s->container.unit.text, STR("-once.target")),
                                   s->container.unit.at);
        LIST_EACH(n, &app->networks)
                claim_unit(c, d,
                           arena_join(a, app->name.text, STR("-"), n->key.text, STR("-network.service")),
                           n->key.at);
        LIST_EACH(v, &app->volumes)
                claim_unit(c, d, arena_join(a, app->name.text, STR("-"), v->key.text, STR("-volume.service")),
                           v->key.at);
}

static void claim_instance(struct claims *c, struct definition *d, const struct service *s,
                           struct str instance) {
        struct name unit = s->container.unit;

        refuse_machine_unit(c, d, arena_join(c->w->arena, unit.text, STR("@"), instance, STR(".service")),
                            unit.at);
        claim(c, d, arena_join(c->w->arena, unit.text, STR("-"), instance), unit.at);
}

/* Podman replaces a container of the same name without confirmation: 'web-0' may be instance 0 of 'web', or a
 * sidecar. */
static void claim_containers(struct claims *c, struct definition *d) {
        struct arena *a = c->w->arena;

        LIST_EACH(s, &d->app->services) {
                for (uint64_t i = 0; i < s->scale.n; i++)
                        claim_instance(c, d, s, arena_u64(a, i));
                if (has_spare(d->app, s))
                        claim_instance(c, d, s, STR("next"));
        }
        LIST_EACH(s, &d->app->sidecars)
                claim(c, d, s->container.unit.text, s->container.unit.at);
        LIST_EACH(t, &d->app->tasks)
                claim(c, d, t->container.unit.text, t->container.unit.at);
        LIST_EACH(t, &d->app->timers)
                claim(c, d, t->task.container.unit.text, t->task.container.unit.at);
}

static struct span proxy_span(const struct service *s) {
        return s->proxy->backend.at.len > 0 ? s->proxy->backend.at : s->name.at;
}

static void claim_backends(struct claims *c, struct definition *d) {
        APP_EACH_KEPT(s, d->app)
                if (s->proxy)
                        claim(c, d,
                              str_is_absent(s->proxy->backend.text) ? s->container.unit.text
                                                                    : s->proxy->backend.text,
                              proxy_span(s));
}

static void claim_routes(struct claims *c, struct definition *d) {
        APP_EACH_KEPT(s, d->app) {
                struct str path;

                if (!s->proxy)
                        continue;
                /* "/api" and "/api/" lead to the same. */
                path = s->proxy->path.text;
                while (path.n > 1 && path.p[path.n - 1] == '/')
                        path.n--;
                LIST_EACH(domain, &s->proxy->domains)
                        claim(c, d, arena_join(c->w->arena, domain->text, path), domain->at);
        }
}

/* A site of nginx's is one service's. */
static void claim_sites(struct claims *c, struct definition *d) {
        APP_EACH_KEPT(s, d->app)
                if (s->proxy && s->proxy->kind.index == PROXY_NGINX)
                        LIST_EACH(domain, &s->proxy->domains)
                                claim(c, d, domain->text, domain->at);
}

/* Services with the same domain share its certificate. */
static void claim_orders(struct claims *c, struct definition *d) {
        APP_EACH_KEPT(s, d->app) {
                struct acme acme;

                if (!s->proxy || !has_auto_tls(s->proxy))
                        continue;
                acme = proxy_acme(&c->w->host, s->proxy);
                LIST_EACH(domain, &s->proxy->domains) {
                        claim(c, d, domain->text, domain->at);
                        c->list.at[c->list.n - 1].agreed =
                                arena_join(c->w->arena, acme.directory.text, STR(" "), acme.email.text);
                }
        }
}

static void claim_all(struct world *w, const struct rule *rule) {
        struct claims c = { .w = w };

        VEC_EACH(d, &w->definitions)
                if (d->app && !d->is_broken)
                        rule->claim_all_of(&c, d);
                else
                        claim_published(&c, rule, d);

        settle(&c, rule);
}

/* The service with which an app goes past `room`; NULL if all of it fits. */
static const struct service *find_excess(const struct app *app, uint64_t room, uint64_t *ret_n) {
        *ret_n = 0;
        LIST_EACH(s, &app->services) {
                *ret_n += s->scale.n;
                if (*ret_n > room)
                        return s;
        }

        return NULL;
}

static void count_instances(struct world *w) {
        uint64_t room = INSTANCES_MAX, n;

        VEC_EACH(d, &w->definitions) {
                const struct service *s = d->app ? find_excess(d->app, room, &n) : NULL;

                if (!s) {
                        room -= d->app ? n : 0;
                        continue;
                }

                w->ds->owner = d->name.text;
                (void) diag_add(w->ds, DIAG_TOO_MANY_INSTANCES,
                                s->scale.at.len > 0 ? s->scale.at : s->name.at,
                                "with this application the machine has more than %u instances; lower a "
                                "'scale'",
                                (unsigned) INSTANCES_MAX);
                d->is_broken = true;
                d->app = NULL;
        }
}

void check_world(struct world *w) {
        static const struct rule rules[] = {
                { claim_units, DIAG_UNIT_TAKEN, "unit", "rename one", "/" LAYOUT_UNITS "/" },
                { claim_containers, DIAG_UNIT_TAKEN, "container", "rename one", NULL },
                { claim_backends, DIAG_BACKEND_TAKEN, "backend", "give one another name with 'backend:'",
                  NULL },
                { claim_routes, DIAG_ROUTE_TAKEN, "route", "give one another domain or path", NULL },
                { claim_orders, DIAG_ROUTE_TAKEN, "certificate of",
                  "both share it, so write the same authority in 'tls:' there and here", NULL },
                { claim_sites, DIAG_ROUTE_TAKEN, "site of nginx's", "give one another domain", NULL },
        };

        count_instances(w);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                claim_all(w, &rules[i]);
        check_opened(w);

        VEC_EACH(d, &w->definitions)
                if (d->is_broken)
                        d->app = NULL;
}

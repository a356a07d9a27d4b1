/* SPDX-License-Identifier: Apache-2.0 */

/* `network_of`: keys that belong to the part whose network it is. */

#include "app/place.h"
#include "app/resolve.h"
#include "check/check-parts.h"

/* A key of a part that has no network of its own; `at` has no length if the part does not have the key. */
static void refuse(struct world *w, const struct container *c, const char *key, struct span at) {
        if (at.len > 0 && at.file != SPAN_NOWHERE)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, at,
                                "'%s:' belongs to '%.*s', whose network this part shares; move it there", key,
                                STR_ARG(c->network_of.text));
}

#define REFUSE_LIST(w, c, key, list) refuse((w), (c), (key), (list).n > 0 ? (list).at[0].at : NOWHERE)

static void check_container(struct world *w, const struct container *c) {
        const struct settings *s = &c->settings;

        refuse(w, c, c->networks.n > 0 ? "networks" : "network", c->network.at);
        REFUSE_LIST(w, c, "aliases", c->aliases);
        REFUSE_LIST(w, c, "dns", s->dns);
        REFUSE_LIST(w, c, "extra_hosts", s->extra_hosts);
}

static void check_sharer(struct world *w, const struct app *app, const struct service *s) {
        const struct container *c = &s->container;

        REFUSE_LIST(w, c, "publish", s->publish);
        refuse(w, c, "host_port", s->host_port.at);
        if (s->proxy)
                refuse(w, c, "proxy", place_in_kept(app, s, "proxy"));
}

/* A part does not say in which instance's network it is. */
static void check_owner(struct world *w, const struct app *app, const struct container *c) {
        const struct service *owner = app_find_kept(app, c->network_of.text);

        if (!owner || owner->is_sidecar || owner->scale.n == 1)
                return;

        (void) diag_add(
                w->ds, DIAG_BAD_VALUE, c->network_of.at,
                "'%.*s' has %llu instances, and 'network_of:' needs a service with one; write 'scale: 1' "
                "there",
                STR_ARG(owner->name.text), (unsigned long long) owner->scale.n);
}

void check_shared_networks(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list) {
                if (!shares_network(ref->container))
                        continue;
                check_container(w, ref->container);
                check_owner(w, app, ref->container);
        }
        APP_EACH_KEPT(s, app)
                if (shares_network(&s->container))
                        check_sharer(w, app, s);
}

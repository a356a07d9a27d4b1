/* SPDX-License-Identifier: Apache-2.0 */

/* Whom systemd is to let through must be known: also the container's own network, from which the probes
 * and HAProxy come. */

#include "app/place.h"
#include "check/check-parts.h"

static void report(struct world *w, const struct app *app, struct network_ref network) {
        (void) diag_add(w->ds, DIAG_TRUSTED_NEEDS_SUBNET,
                        network.at.len > 0 ? network.at : place_of_key(app, "trusted"),
                        "'trusted:' must know the addresses of the network '%.*s'; give it a subnet, in "
                        "'networks:' or in a file NAME.network",
                        STR_ARG(network.text));
}

static void check_networks(struct world *w, const struct app *app, const struct container *c) {
        struct str network = c->network.text;

        if (c->networks.n == 0 && (str_is(network, "host") || str_is(network, "none")))
                return;

        for (size_t i = 0; i < c->attached.n; i++)
                if (!c->attached.at[i].has_known_subnet)
                        report(w, app, i > 0 ? c->networks.at[i].name : c->network);
}

void check_trusted(struct world *w, struct app *app) {
        if (app->trusted.n == 0)
                return;

        if (w->places.is_user)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_of_key(app, "trusted"),
                                "a user's service manager cannot filter addresses, only the system's can; "
                                "remove 'trusted:', or run this as an application of the system");
        APP_EACH_KEPT(s, app)
                check_networks(w, app, &s->container);
}

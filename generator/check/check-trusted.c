/* SPDX-License-Identifier: Apache-2.0 */

/* Whom systemd is to let through must be known: also the container's own network, from which the probes
 * and HAProxy come. */

#include "app/place.h"
#include "check/check-parts.h"

static void check_network(struct world *w, const struct app *app, const struct container *c) {
        struct str network = c->network.text;
        struct span at = c->network.at.len > 0 ? c->network.at : place_of_key(app, "trusted");

        if (c->network_subnets.n > 0 || str_is(network, "host") || str_is(network, "none"))
                return;

        (void) diag_add(w->ds, DIAG_TRUSTED_NEEDS_SUBNET, at,
                        "'trusted:' must know the addresses of the network '%.*s'; give it a subnet, in "
                        "'networks:' or in a file NAME.network",
                        STR_ARG(network));
}

void check_trusted(struct world *w, struct app *app) {
        if (app->trusted.n == 0)
                return;

        if (w->places.is_user)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_of_key(app, "trusted"),
                                "a user's service manager cannot filter addresses, only the system's can; "
                                "remove 'trusted:', or run this as an application of the system");
        LIST_EACH(s, &app->services)
                check_network(w, app, &s->container);
        LIST_EACH(s, &app->sidecars)
                check_network(w, app, &s->container);
}

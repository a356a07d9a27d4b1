/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The checks of one app, by what they are about; check_app() calls them in turn. */

#include "check/check.h"

void check_proxies(struct world *w, struct app *app); /* ports, networks and the settings for HAProxy */
void check_nginx(struct world *w, const struct app *app, const struct service *s); /* what nginx can't */
void check_references(struct world *w, struct app *app); /* names that one part uses of another */
void check_containers(struct world *w, struct app *app); /* secrets, labels, {{ instance }} */
void check_health(struct world *w, struct app *app);
void check_processes(struct world *w, struct app *app); /* programs and how they stop */
void check_source(struct world *w, struct app *app);    /* source: */
void check_timers(struct world *w, struct app *app);    /* when they run */
void check_trusted(struct world *w, struct app *app);   /* trusted: */
void check_objects(struct world *w, struct app *app);   /* networks and volumes */
void check_home(struct world *w, struct app *app);      /* user, directories and files */
void check_settings(struct world *w, struct app *app);  /* settings of containers */
void check_shared_networks(struct world *w, struct app *app); /* network_of: */
void check_raw_keys(struct world *w, struct app *app);  /* quadlet: */

/* The paths of all apps that an app can write. */
void check_opened(struct world *w);

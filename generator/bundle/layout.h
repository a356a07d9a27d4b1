/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The layout of /run/pyservice and /var/lib/pyservice. Every path there is built from these names, so that
 * the writer and the reader of a file use the same path; tests/lint/lint.py refuses the literals elsewhere.
 * The content of each file is described at its writer: publish/bundle.h, state/state.h, state/stored.h,
 * rollout/rollout.h. */

#include "base/arena.h"

/* The directories of the system's manager; a user's are elsewhere (struct places). */
#define LAYOUT_RUNTIME "/run/pyservice"
#define LAYOUT_STATE "/var/lib/pyservice"
#define LAYOUT_CACHE "/var/cache/pyservice"

/* Names below the runtime directory. */
#define LAYOUT_ALIVE "alive.conf"
#define LAYOUT_APPS "apps"
#define LAYOUT_BUILDS "builds"
#define LAYOUT_COUNTERS "haproxy.counters"
#define LAYOUT_DEFINITIONS_LOCK "definitions.lock"
#define LAYOUT_ERRORS "errors"
#define LAYOUT_ERRORS_UNSEEN "errors-unseen"
#define LAYOUT_HEALTH "health"
#define LAYOUT_KEEPING "keeping"
#define LAYOUT_LIST_HAPROXY "proxy"
#define LAYOUT_LIST_NGINX "nginx"
#define LAYOUT_NOTIFY "notify"
#define LAYOUT_NOTIFY_DROP_IN "notify.conf"
#define LAYOUT_PROXY_LOCK "proxy.lock"
#define LAYOUT_ROLLOUTS "rollouts"
#define LAYOUT_SECRETS "secrets"
#define LAYOUT_SERVERS "servers"
#define LAYOUT_SETUP_DONE "setup"
#define LAYOUT_STAGING ".staging"
#define LAYOUT_STOPPED "stopped"
#define LAYOUT_TOLD "told"
#define LAYOUT_UNKEPT "unkept"
#define LAYOUT_WITHOUT_STATE "without-state"

/* Behind the name of an application in ROLLOUTS: its lock, and the environment of its on_failure tasks. */
#define LAYOUT_ROLLOUT_LOCK ".lock"
#define LAYOUT_ROLLOUT_FAILURE ".failure"

/* Names in a bundle: in apps/APP of the runtime directory, and in APP/bundles/REVISION of the state
 * directory. */
#define LAYOUT_ENV "env"
#define LAYOUT_HAPROXY "haproxy"
#define LAYOUT_MANIFEST "manifest"
#define LAYOUT_NGINX "nginx"
#define LAYOUT_PLAN "rollout"
#define LAYOUT_PORTS "ports"
#define LAYOUT_QUADLET "quadlet"
#define LAYOUT_RECORD "record"
#define LAYOUT_RETIRED "retired"
#define LAYOUT_REVISION "revision"
#define LAYOUT_SETUP "setup"
#define LAYOUT_SETUP_PLACES LAYOUT_SETUP "/places"
#define LAYOUT_STAMP "stamp"
#define LAYOUT_UNITS "units"
#define LAYOUT_WANTED "wanted"
#define LAYOUT_WHOLE "whole"

/* Names in APP of the state directory; and those beside the applications'. The lock is also that of
 * SERVERS and SETUP_DONE above. */
#define LAYOUT_BUNDLES "bundles"
#define LAYOUT_HISTORY "history"
#define LAYOUT_LASTING "stopped"
#define LAYOUT_LOCK ".lock"
#define LAYOUT_MAINTENANCE "maintenance"
#define LAYOUT_STATE_FILE "state"
#define LAYOUT_ACME ".acme"
#define LAYOUT_EXPIRING ".expiring"
#define LAYOUT_MESSAGES ".messages"
#define LAYOUT_NGINX_CONFIG ".nginx"
#define LAYOUT_PROXY_MEMORY ".proxy"

/* Names in ACME of the state directory: the PEM file of each domain that HAProxy reads, what is known of its
 * last order, the files of the client, and what the key of its account adds to the answer to a challenge. */
#define LAYOUT_ACME_CERTIFICATES "certificates"
#define LAYOUT_ACME_ORDERS "orders"
#define LAYOUT_ACME_CLIENT "uacme"
#define LAYOUT_ACME_THUMBPRINT "thumbprint"
#define LAYOUT_ACME_CHALLENGE "challenge.conf" /* what nginx includes to answer challenges */

/* The absolute path of the PEM file of a domain; and the domain of such a path, absent for other paths. */
struct str layout_acme_certificate(struct arena *a, struct str domain);
struct str layout_acme_domain(struct str path);

/* apps/APP, and FILE in it. */
struct str layout_app(struct arena *a, struct str app);
struct str layout_app_file(struct arena *a, struct str app, struct str file);

/* APP/bundles, REVISION in it, and FILE in that one. */
struct str layout_bundles(struct arena *a, struct str app);
struct str layout_bundle(struct arena *a, struct str app, struct str revision);
struct str layout_bundle_file(struct arena *a, struct str app, struct str revision, struct str file);

/* In a bundle: units/NAME, quadlet/NAME, env/NAME; the name may be given in several parts. */
#define layout_unit(a, ...) arena_join((a), STR(LAYOUT_UNITS "/"), __VA_ARGS__)
#define layout_quadlet(a, ...) arena_join((a), STR(LAYOUT_QUADLET "/"), __VA_ARGS__)
#define layout_env(a, ...) arena_join((a), STR(LAYOUT_ENV "/"), __VA_ARGS__)

/* The drop-in with which APP.target upholds the part; with an empty `unit`, the common start of all their
 * names. */
struct str layout_upholding(struct arena *a, struct str app, struct str unit);

/* The path of the Quadlet file of a part: a template if the part has instances. */
struct str layout_container(struct arena *a, struct str unit, bool is_template);

/* The name in a path DIRECTORY/NAME; absent for other paths. */
bool layout_is_in(struct str path, struct str directory, struct str *ret_name);
#define layout_is_unit(path, ret_name) layout_is_in((path), STR(LAYOUT_UNITS), (ret_name))
#define layout_is_quadlet(path, ret_name) layout_is_in((path), STR(LAYOUT_QUADLET), (ret_name))

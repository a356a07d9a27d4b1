/* SPDX-License-Identifier: Apache-2.0 */

/* Settings of a container that exclude each other, and what Podman refuses only when it starts one. */

#include "app/machine.h"
#include "app/resolve.h"
#include "check/check-parts.h"
#include "schema/syntax.h"

/* sethostname(2) */
enum { HOSTNAME_LENGTH_MAX = 64 };

static void refuse_with_strict(struct world *w, struct span at, const char *setting, const char *reason) {
        (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, at,
                        "'%s' contradicts 'hardening: strict', %s; remove one of them", setting, reason);
}

static void check_strict(struct world *w, const struct container *c) {
        const struct settings *s = &c->settings;
        struct user_namespace mode = settings_mode(s);

        if (c->hardening.index != HARDENING_STRICT)
                return;

        if (s->privileged.yes)
                refuse_with_strict(w, s->privileged.at, "privileged: true",
                                   "which takes all privileges away");
        if (s->read_only.at.len > 0 && !s->read_only.yes)
                refuse_with_strict(w, s->read_only.at, "read_only: false",
                                   "which makes the container read-only");
        if (!str_is_absent(mode.text) && !str_is(mode.text, "host"))
                refuse_with_strict(w, mode.at, "userns", "which has a user namespace of its own");
        if (s->security && s->security->no_new_privileges.at.len > 0 && !s->security->no_new_privileges.yes)
                refuse_with_strict(w, s->security->no_new_privileges.at, "no_new_privileges: false",
                                   "which prevents new privileges");
}

static bool overlaps(uint64_t a, uint64_t n, uint64_t b, uint64_t m) {
        return a < b + m && b < a + n;
}

/* The kernel takes an id once on each side (user_namespaces(7)). A map with flags replaces a part of those
 * before it, or is for users or groups only. */
static void check_overlap(struct world *w, const struct id_map *maps, size_t k) {
        struct id_range range, other;

        if (!syntax_id_range(maps[k].text, &range) || range.flags.n > 0)
                return;

        for (size_t i = 0; i < k; i++)
                if (syntax_id_range(maps[i].text, &other) && other.flags.n == 0 &&
                    (overlaps(range.inside, range.n, other.inside, other.n) ||
                     overlaps(range.outside, range.n, other.outside, other.n))) {
                        (void) diag_add(
                                w->ds, DIAG_SETTINGS_CONFLICT, maps[k].at,
                                "'%.*s' and '%.*s' have an id in common; write each id once on each "
                                "side, or put '+' before the second map to replace a part of the first",
                                STR_ARG(maps[i].text), STR_ARG(maps[k].text));
                        return;
                }
}

static void check_maps(struct world *w, const char *key, const struct id_map *maps, size_t n) {
        struct id_range range;
        bool has_root = n == 0 || w->places.is_user;

        for (size_t i = 0; i < n; i++) {
                check_overlap(w, maps, i);
                has_root = has_root || (syntax_id_range(maps[i].text, &range) && range.inside == 0);
        }
        if (!has_root)
                (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, maps[0].at,
                                "'%s' has no map of the container's id 0, without which Podman cannot mount "
                                "its image; add one",
                                key);
}

/* podman-run(1): --userns, --uidmap and --subuidname. */
static void check_userns(struct world *w, const struct container *c) {
        const struct userns *ns = c->settings.userns;

        if (!ns)
                return;

        if (!str_is_absent(ns->mode.text) && settings_has_map(&c->settings))
                (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, ns->mode.at,
                                "'mode' decides all ids, and here is a map of them too; remove one of them");
        if (!str_is_absent(ns->subids.text) && ns->uid_map.n + ns->gid_map.n > 0)
                (void) diag_add(
                        w->ds, DIAG_SETTINGS_CONFLICT, ns->subids.at,
                        "'subids' decides all ids, and here is a map of them too; remove one of them");
        check_maps(w, "uid_map", ns->uid_map.at, ns->uid_map.n);
        check_maps(w, "gid_map", ns->gid_map.at, ns->gid_map.n);
}

static void check_limits(struct world *w, const struct container *c) {
        LIST_EACH(entry, &c->settings.ulimits)
                if (str_is(entry->key.text, "nofile") && c->resources && c->resources->nofile.n > 0)
                        (void) diag_add(
                                w->ds, DIAG_SETTINGS_CONFLICT, entry->key.at,
                                "'ulimits: nofile' and 'resources: nofile' set the same limit; remove "
                                "one of them");
}

static void check_terminal(struct world *w, const struct container *c) {
        const struct log *log = c->settings.log;

        if (c->settings.tty.yes && log && log->driver.at.len > 0 && log->driver.index == LOG_PASSTHROUGH)
                (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, log->driver.at,
                                "the driver 'passthrough' loses the output of a terminal ('tty: true'); "
                                "choose another one");
}

/* podman-run(1), --sysctl and --dns */
static void check_namespace(struct world *w, const struct container *c) {
        const struct settings *s = &c->settings;
        bool is_host = str_is(c->network.text, "host"), is_none = str_is(c->network.text, "none");

        LIST_EACH(entry, &s->sysctls)
                if (is_host && str_has_prefix(entry->key.text, STR("net.")))
                        (void) diag_add(
                                w->ds, DIAG_SETTINGS_CONFLICT, entry->key.at,
                                "'%.*s' would change the whole machine, because 'network: host' has no "
                                "network of its own; set it in sysctl.d(5), or choose another network",
                                STR_ARG(entry->key.text));
        if (is_none && s->dns.n > 0)
                (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, s->dns.at[0].at,
                                "'network: none' reaches no name server; remove 'dns:', or choose another "
                                "network");
}

/* Podman has one platform of each tag: the pull for one part would take the image from the other. */
static void check_platform(struct world *w, const struct app *app, const struct container_list *all,
                           size_t i) {
        const struct container *c = all->list.at[i].container;
        struct platform own = c->settings.platform;

        if (str_is_absent(own.text))
                return;

        if (is_built(app, c)) {
                (void) diag_add(
                        w->ds, DIAG_SETTINGS_CONFLICT, own.at,
                        "an image that is built from 'source' has the platform of this machine; remove "
                        "'platform'");
                return;
        }
        for (size_t k = 0; k < all->list.n; k++) {
                const struct container *other = all->list.at[k].container;
                struct str theirs = other->settings.platform.text;
                bool is_reported = !str_is_absent(theirs) && k < i;

                if (!str_eq(other->image.text, c->image.text) || str_eq(theirs, own.text) || is_reported)
                        continue;

                (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, own.at,
                                "'%.*s' runs '%.*s' for another platform, and Podman has one of each name; "
                                "write the same 'platform' there, or name each image by its own digest",
                                STR_ARG(all->list.at[k].name.text), STR_ARG(c->image.text));
                return;
        }
}

static void check_address(struct world *w, const struct app *app, const struct attachment *a) {
        const struct network_entry *own = app_find_network(app, a->name.text);
        struct ip_address address = a->address;
        struct ip_prefix subnet = own ? own->value.subnet : (struct ip_prefix){ 0 };

        if (!own)
                return;

        if (str_is_absent(subnet.text))
                (void) diag_add(w->ds, DIAG_MISSING_KEY, address.at,
                                "'address:' needs 'subnet:' of the network '%.*s'; add it there",
                                STR_ARG(own->key.text));
        else if (!syntax_is_within(address.text, subnet.text))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, address.at,
                                "'%.*s' is not an address of the subnet %.*s; write one that is",
                                STR_ARG(address.text), STR_ARG(subnet.text));
}

static void check_networks(struct world *w, const struct app *app, const struct container *c) {
        for (size_t i = 0; i < c->networks.n && !shares_network(c); i++) {
                const struct attachment *a = &c->networks.at[i];

                if (network_is_mode(a->name.text))
                        (void) diag_add(w->ds, DIAG_BAD_VALUE, a->name.at,
                                        "'%.*s' cannot be one of several networks; write 'network: %.*s', or "
                                        "remove it",
                                        STR_ARG(a->name.text), STR_ARG(a->name.text));
                if (a->aliases.n > 0 && c->attached.at[i].names.n == 0)
                        (void) diag_add(
                                w->ds, DIAG_ALIAS_NEEDS_NETWORK, a->aliases.at[0].at,
                                "'aliases:' has no effect on this network, which has no names; remove "
                                "it");
                if (!str_is_absent(a->address.text))
                        check_address(w, app, a);
                for (size_t k = 0; k < i; k++)
                        if (str_eq(c->attached.at[k].network.text, c->attached.at[i].network.text))
                                (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, a->name.at,
                                                "the network '%.*s' is listed twice; remove one of them",
                                                STR_ARG(a->name.text));
        }
}

/* Two instances cannot have one address: those of a scale, or one and its spare. */
static void check_single(struct world *w, const struct app *app, const struct service *s) {
        LIST_EACH(a, &s->container.networks)
                if (!str_is_absent(a->address.text) && (s->scale.n > 1 || has_spare(app, s)))
                        (void) diag_add(w->ds, DIAG_SETTINGS_CONFLICT, a->address.at,
                                        "two instances cannot have this address; remove it, or write 'scale: "
                                        "1' and 'rollout: {spare: false}'");
}

static void check_texts(struct world *w, const struct settings *s) {
        if (s->hostname.text.n > HOSTNAME_LENGTH_MAX)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, s->hostname.at,
                                "a host name has at most %d characters; write a shorter one",
                                HOSTNAME_LENGTH_MAX);
        if (!str_is_absent(s->timezone.text) && !str_is(s->timezone.text, "local") &&
            !machine_has_zone(w, s->timezone.text))
                (void) diag_add(w->ds, DIAG_UNKNOWN_ZONE, s->timezone.at,
                                "unknown time zone '%.*s'; write one that 'timedatectl list-timezones' "
                                "prints",
                                STR_ARG(s->timezone.text));
}

void check_settings(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        for (size_t i = 0; i < all.list.n; i++)
                check_platform(w, app, &all, i);
        VEC_EACH(ref, &all.list) {
                check_strict(w, ref->container);
                check_userns(w, ref->container);
                check_limits(w, ref->container);
                check_terminal(w, ref->container);
                check_namespace(w, ref->container);
                check_networks(w, app, ref->container);
                check_texts(w, &ref->container->settings);
        }
        LIST_EACH(s, &app->services)
                check_single(w, app, s);
}

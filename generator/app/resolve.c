/* SPDX-License-Identifier: Apache-2.0 */
#include "app/resolve.h"

#include "app/machine.h"
#include "schema/syntax.h"

/* APP-NAME-12345 is also a host name, which Linux ends at 64 bytes. */
enum { UNIT_MAX = 56 };

struct container_list app_containers(struct arena *a, struct app *app) {
        struct container_list all = { 0 };

        APP_EACH_KEPT(s, app)
                *vec_push(a, &all.list) =
                        (struct container_ref){ &s->container, s->name, s->description, s->health };
        LIST_EACH(t, &app->tasks)
                *vec_push(a, &all.list) =
                        (struct container_ref){ &t->container, t->name, t->description, NULL };
        LIST_EACH(t, &app->timers)
                *vec_push(a, &all.list) = (struct container_ref){
                        &t->task.container,
                        t->task.name,
                        t->task.description,
                        NULL,
                };

        return all;
}

static void resolve_unit(struct world *w, const struct app *app, struct container_ref *ref,
                         bool is_short_form) {
        struct container *c = ref->container;
        struct str unit = is_short_form ? app->name.text
                                        : arena_join(w->arena, app->name.text, STR("-"), ref->name.text);

        if (unit.n > UNIT_MAX)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, ref->name.at,
                                "the name '%.*s' is longer than %u characters; shorten the app's or this one",
                                STR_ARG(unit), (unsigned) UNIT_MAX);

        c->unit = (struct name){ unit, ref->name.at };
        c->image_unit = c->owns_image_unit ? c->unit : app->name;
        if (str_is_absent(c->image.text) && is_short_form)
                (void) diag_add(w->ds, DIAG_NO_IMAGE, (struct span){ app->at.file, app->at.off, 1 },
                                "the app has no image; add 'image:' or 'source:'");
        else if (str_is_absent(c->image.text))
                (void) diag_add(w->ds, DIAG_NO_IMAGE, ref->name.at,
                                "'%.*s' has no image; add 'image:' to it or to the app",
                                STR_ARG(ref->name.text));
}

static struct unit_name object_unit(struct world *w, const struct app *app, struct str name,
                                    struct str suffix, struct span at) {
        return (struct unit_name){ arena_join(w->arena, app->name.text, STR("-"), name, suffix), at };
}

static void report_no_network(struct world *w, const struct app *app, struct network_ref network) {
        struct str names[64], hint;
        size_t n = 0;

        LIST_EACH(own, &app->networks)
                if (n < ARRAY_SIZE(names))
                        names[n++] = arena_join(w->arena, own->key.text, STR(".network"));
        VEC_EACH(object, &w->quadlets)
                if (n < ARRAY_SIZE(names) && str_has_suffix(object->file, STR(".network")))
                        names[n++] = object->file;

        hint = diag_hint(w->arena, network.text, names, n,
                         STR("write one, or name a Podman network without '.network'"));
        (void) diag_add(w->ds, DIAG_UNKNOWN_NETWORK, network.at,
                        "unknown network '%.*s': neither in 'networks:' nor in %.*s; %.*s",
                        STR_ARG(network.text), STR_ARG(w->places.quadlets[0]), STR_ARG(hint));
}

/* Podman's default network, unless containers.conf names another. */
static const struct ip_prefix default_subnet = { STR_INIT("10.88.0.0/16"), { SPAN_NOWHERE, 0, 0 } };

/* A network of a definition, as Podman knows it. */
struct resolved {
        struct network_ref name;
        struct unit_name unit; /* absent for a network without a unit */
        const struct ip_prefix *subnets;
        size_t n_subnets;
        bool is_own, has_names;
};

struct host_names {
        VEC(struct host_name) list;
};

static void add_subnets(struct world *w, struct container *c, const struct resolved *network) {
        struct ip_prefix *subnets =
                arena_array(w->arena, c->network_subnets.n + network->n_subnets + 1, struct ip_prefix);
        size_t n = 0;

        LIST_EACH(subnet, &c->network_subnets)
                subnets[n++] = *subnet;
        for (size_t i = 0; i < network->n_subnets; i++)
                subnets[n++] = network->subnets[i];
        c->network_subnets.at = subnets;
        c->network_subnets.n = n;
}

/* Podman knows a container by its own name, which an instance's number ends. Short names are the
 * application's affair: on a network that others share, two applications may have a part of one name. */
static void add_names(struct world *w, const struct container_ref *ref, const struct resolved *network,
                      bool is_service, struct host_names *ret) {
        const struct container *c = ref->container;

        if (is_service)
                *vec_push(w->arena, &ret->list) = (struct host_name){ c->unit.text, c->unit.at };
        if (network->is_own && !str_eq(ref->name.text, c->unit.text))
                *vec_push(w->arena, &ret->list) = (struct host_name){ ref->name.text, ref->name.at };
        LIST_EACH(alias, &c->aliases)
                *vec_push(w->arena, &ret->list) = *alias;
}

bool network_is_mode(struct str network) {
        static const char *const modes[] = { "bridge", "host",    "none",       "pasta",
                                             "podman", "private", "slirp4netns" };

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                if (str_is(network, modes[i]))
                        return true;

        return str_is_absent(network);
}

/* NAME of "NAME" and of "NAME.network". */
static struct str network_stem(struct str network) {
        bool has_suffix = str_has_suffix(network, STR(".network"));

        return (struct str){ network.p, network.n - (has_suffix ? strlen(".network") : 0) };
}

const struct network_entry *app_find_network(const struct app *app, struct str network) {
        struct str stem = network_stem(network);

        LIST_EACH(own, &app->networks)
                if (str_eq(own->key.text, stem))
                        return own;

        return NULL;
}

/* Quadlet would write Requires= for NAME.network, and then a restart of the network's unit stops every
 * instance. So the network is given by its own name, and its unit is only wanted. */
static struct resolved find_network(struct world *w, const struct app *app, struct network_ref network) {
        struct str stem = network_stem(network.text);
        bool has_suffix = stem.n < network.text.n;
        struct resolved found = { .name = network, .has_names = !network_is_mode(network.text) };
        const struct network_entry *own = app_find_network(app, network.text);
        const struct quadlet_object *object;

        if (own) {
                found.name.text = arena_join(w->arena, app->name.text, STR("-"), stem);
                found.unit = object_unit(w, app, stem, STR("-network.service"), network.at);
                found.subnets = &own->value.subnet;
                found.n_subnets = !str_is_absent(own->value.subnet.text);
                found.is_own = true;
                found.has_names = !own->value.disable_dns.yes;
                return found;
        }
        if (str_is_absent(stem) || str_is(network.text, "podman") || str_is(network.text, "bridge")) {
                found.subnets = &default_subnet;
                found.n_subnets = 1;
        }
        if (!has_suffix)
                return found;

        object = machine_quadlet(w, network.text);
        if (!object) {
                report_no_network(w, app, network);
                return found;
        }
        found.name.text = object->name.text;
        found.unit = object->unit;
        found.unit.at = network.at;
        found.subnets = object->subnets.at;
        found.n_subnets = object->subnets.n;
        return found;
}

static void attach(struct world *w, const struct app *app, struct container_ref *ref, bool is_service,
                   const struct attachment *item) {
        struct container *c = ref->container;
        struct resolved network = find_network(w, app, item->name);
        struct attached *a = &c->attached.at[c->attached.n++];
        struct host_names names = { 0 };

        if (network.has_names) {
                add_names(w, ref, &network, is_service, &names);
                LIST_EACH(alias, &item->aliases)
                        *vec_push(w->arena, &names.list) = *alias;
        }
        *a = (struct attached){ .network = network.name,
                                .unit = network.unit,
                                .address = item->address,
                                .has_known_subnet = network.n_subnets > 0 };
        a->names.at = names.list.at;
        a->names.n = names.list.n;
        add_subnets(w, c, &network);
}

static void resolve_networks(struct world *w, const struct app *app, struct container_ref *ref,
                             bool is_service) {
        struct container *c = ref->container;
        const struct attachment alone = { .name = c->network };

        c->attached.at = arena_array(w->arena, c->networks.n + 1, struct attached);
        if (c->networks.n == 0)
                attach(w, app, ref, is_service, &alone);
        LIST_EACH(item, &c->networks)
                attach(w, app, ref, is_service, item);
}

static void report_no_owner(struct world *w, const struct app *app, struct name wanted) {
        struct str *names = arena_array(w->arena, app->services.n + app->sidecars.n + 1, struct str);
        size_t n = 0;
        struct str hint;

        APP_EACH_KEPT(s, app)
                names[n++] = s->name.text;
        hint = diag_hint(w->arena, wanted.text, names, n, STR("name one of this application"));
        (void) diag_add(w->ds, DIAG_UNKNOWN_SERVICE, wanted.at, "unknown service or sidecar '%.*s'; %.*s",
                        STR_ARG(wanted.text), STR_ARG(hint));
}

/* Instance N of a service has the container UNIT-N. */
static void share_network(struct world *w, const struct app *app, struct container *c) {
        struct service *owner = app_find_kept(app, c->network_of.text);

        if (!owner) {
                report_no_owner(w, app, c->network_of);
                return;
        }

        if (shares_network(&owner->container)) {
                (void) diag_add(w->ds, DIAG_BAD_VALUE, c->network_of.at,
                                "'%.*s' has no network of its own; name a part that has one",
                                STR_ARG(owner->name.text));
                return;
        }

        c->network_owner.text = owner->is_sidecar
                                        ? owner->container.unit.text
                                        : arena_join(w->arena, owner->container.unit.text, STR("-0"));
        c->network_owner.at = c->network_of.at;
        c->is_network_shared = owner->container.is_network_shared = true;
        c->attached.at = owner->container.attached.at;
        c->attached.n = owner->container.attached.n;
        c->network_subnets.at = owner->container.network_subnets.at;
        c->network_subnets.n = owner->container.network_subnets.n;
}

/* "NAME" or "NAME.volume" of a mount's source. */
static struct str volume_stem(struct str source) {
        bool has_suffix = str_has_suffix(source, STR(".volume"));

        return (struct str){ source.p, source.n - (has_suffix ? strlen(".volume") : 0) };
}

/* Takes our own option out of the others, which are Podman's. */
static bool take_create(struct arena *a, struct volume_spec *spec) {
        struct syntax_volume v = syntax_volume_split(spec->text);
        struct str rest = v.options, option, kept = STR("");
        bool found = false;

        while (str_split(&rest, ',', &option)) {
                if (str_is(option, "create"))
                        found = true;
                else
                        kept = arena_join(a, kept, kept.n > 0 ? STR(",") : STR(":"), option);
        }

        if (found)
                spec->text = arena_join(a, (struct str){ spec->text.p, v.is_foreign }, v.source, STR(":"),
                                        v.target, kept);
        return found;
}

static struct mount resolve_volume(struct world *w, const struct app *app, struct volume_spec *given) {
        bool is_made = take_create(w->arena, given);
        struct volume_spec spec = *given;
        struct syntax_volume v = syntax_volume_split(spec.text);
        struct str source = v.source, rest = str_from(spec.text, source.n + v.is_foreign),
                   stem = volume_stem(source);
        const struct quadlet_object *object;

        if (is_made && (v.is_foreign || source.p[0] != '/'))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, spec.at,
                                "'create' creates a directory of the machine, but '%.*s' is a volume, which "
                                "Podman creates; remove it",
                                STR_ARG(source));
        if (v.is_foreign)
                return (struct mount){ .spec = { str_from(spec.text, 1), spec.at } };
        LIST_EACH(own, &app->volumes)
                if (str_eq(own->key.text, stem)) {
                        given->text = arena_join(w->arena, stem, rest);
                        return (struct mount){
                                { arena_join(w->arena, app->name.text, STR("-"), given->text), spec.at },
                                object_unit(w, app, stem, STR("-volume.service"), spec.at),
                        };
                }

        if (source.p[0] != '/' && stem.n == source.n) /* one for each instance */
                return (struct mount){ .spec = { arena_join(w->arena, app->name.text, STR("-"), spec.text),
                                                 spec.at } };
        if (stem.n == source.n)
                return (struct mount){ .spec = spec, .is_made = is_made };

        object = machine_quadlet(w, source);
        if (object)
                return (struct mount){ { arena_join(w->arena, object->name.text, rest), spec.at },
                                       { object->unit.text, spec.at } };

        (void) diag_add(w->ds, DIAG_UNKNOWN_VOLUME, spec.at,
                        "'%.*s' does not exist in %.*s; create it, or write '%.*s%.*s' for a volume of the "
                        "application",
                        STR_ARG(source), STR_ARG(w->places.quadlets[0]), STR_ARG(stem), STR_ARG(rest));
        return (struct mount){ .spec = spec };
}

static void resolve_volumes(struct world *w, const struct app *app, struct container *c) {
        c->mounts.at = arena_array(w->arena, c->volumes.n + 1, struct mount);
        LIST_EACH(spec, &c->volumes)
                c->mounts.at[c->mounts.n++] = resolve_volume(w, app, spec);
}

void resolve_names(struct world *w, struct app *app) {
        bool is_short_form = app->services.n == 1 && !node_get(app->node, "services");
        struct container_list all = app_containers(w->arena, app);

        for (size_t i = 0; i < all.list.n; i++) {
                struct container_ref *ref = &all.list.at[i];

                resolve_unit(w, app, ref, is_short_form && i == 0);
                if (!shares_network(ref->container))
                        resolve_networks(w, app, ref, i < app->services.n);
                resolve_volumes(w, app, ref->container);
        }
        VEC_EACH(ref, &all.list)
                if (shares_network(ref->container))
                        share_network(w, app, ref->container);
}

void app_add_objects(struct arena *a, const struct app *app, struct podman_objects *volumes,
                     struct podman_objects *networks) {
        struct str before = arena_join(a, app->name.text, STR("-"));

        LIST_EACH(v, &app->volumes)
                *vec_push(a, &volumes->list) = (struct podman_object){
                        .app = app->name.text,
                        .name = arena_join(a, before, v->key.text),
                        .driver = v->value.driver.text,
                        .device = v->value.device.text,
                        .type = v->value.type.text,
                        .options = v->value.options.text,
                        .at = v->key.at,
                };
        LIST_EACH(n, &app->networks)
                *vec_push(a, &networks->list) = (struct podman_object){
                        .is_network = true,
                        .app = app->name.text,
                        .name = arena_join(a, before, n->key.text),
                        .driver = n->value.driver.text,
                        .subnet = n->value.subnet.text,
                        .gateway = n->value.gateway.text,
                        .options = n->value.options.text,
                        .is_internal = n->value.internal.yes,
                        .has_ipv6 = n->value.ipv6.yes,
                        .has_no_dns = n->value.disable_dns.yes,
                        .at = n->key.at,
                };
}

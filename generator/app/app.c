/* SPDX-License-Identifier: Apache-2.0 */
#include "app/home.h"
#include "app/ports-parts.h"
#include "bundle/layout.h"
#include "schema/syntax.h"

/* That of the row, for a proxy without `timeouts:`. */
#define DRAIN_DEFAULT (30 * 1000000ULL)

struct service *app_next_kept(const struct app *app, const struct service *s) {
        const size_t n = app->services.n, i = !s              ? 0
                                              : s->is_sidecar ? n + (size_t) (s - app->sidecars.at) + 1
                                                              : (size_t) (s - app->services.at) + 1;

        if (i < n)
                return &app->services.at[i];
        return i - n < app->sidecars.n ? &app->sidecars.at[i - n] : NULL;
}

/* Two instances cannot both have a port of the machine that is written down. */
static const struct publish_spec *find_fixed_port(const struct service *s) {
        struct claim claim;
        uint16_t first, last;

        LIST_EACH(spec, &s->publish)
                if (claims_parse(*spec, &claim, &first, &last))
                        return spec;

        return NULL;
}

/* /var/run is a link to /run. */
static bool is_machines(struct str path) {
        return path_is_machines(str_has_prefix(path, STR("/var/run")) ? str_from(path, strlen("/var"))
                                                                      : path);
}

/* Where the definition mounts them nowhere, the application's directories are mounted into all that is its
 * own, and it may well use none of them. */
static bool is_homes(const struct app *app, struct str path) {
        return app->home && (str_eq(path, app->home->config.text) || str_eq(path, app->home->data.text));
}

static bool mounts(const struct container *c, struct str source) {
        LIST_EACH(m, &c->mounts)
                if (str_eq(syntax_volume_split(m->spec.text).source, source))
                        return true;

        return false;
}

/* True if another part mounts it. */
static bool is_shared(const struct app *app, const struct container *one, struct str source) {
        APP_EACH_KEPT(s, app)
                if (&s->container != one && mounts(&s->container, source))
                        return true;
        LIST_EACH(t, &app->tasks)
                if (mounts(&t->container, source))
                        return true;
        LIST_EACH(t, &app->timers)
                if (mounts(&t->task.container, source))
                        return true;

        return false;
}

/* The directories that only this service mounts, writable; NULL if there are none. */
static const struct mount *find_private(const struct app *app, const struct container *c) {
        LIST_EACH(m, &c->mounts) {
                struct syntax_volume v = syntax_volume_split(m->spec.text);

                if (!str_list_has(v.options, STR("ro")) && !str_list_has(v.options, STR("O")) &&
                    !has_instance_mark(v.source) && !is_machines(v.source) && !is_homes(app, v.source) &&
                    !is_shared(app, c, v.source))
                        return m;
        }

        return NULL;
}

struct service *app_find_kept(const struct app *app, struct str name) {
        APP_EACH_KEPT(s, app)
                if (str_eq(s->name.text, name))
                        return s;

        return NULL;
}

/* A part that is kept running in the network of this service; NULL if there is none. */
static const struct service *find_sharer(const struct app *app, const struct service *owner) {
        APP_EACH_KEPT(s, app)
                if (shares_network(&s->container) && str_eq(s->container.network_of.text, owner->name.text))
                        return s;

        return NULL;
}

enum spare service_spare(const struct app *app, const struct service *s, struct span *ret_at) {
        const struct rollout *o = app->rollout;
        const struct publish_spec *port = find_fixed_port(s);
        const struct service *sharer = find_sharer(app, s);
        const struct mount *mount;

        if (!s->proxy || s->is_sidecar || o->strategy.index != STRATEGY_ROLLING ||
            container_is_single(&s->container) || (o->spare.at.len > 0 && !o->spare.yes))
                return SPARE_UNWANTED;
        if (port) {
                *ret_at = port->at;
                return SPARE_HAS_NO_PORT;
        }
        if (sharer) {
                *ret_at = sharer->container.network_of.at;
                return SPARE_IS_ALONE;
        }

        /* With several instances two write at the same time anyway. */
        mount = o->spare.at.len == 0 && s->scale.n == 1 ? find_private(app, &s->container) : NULL;
        if (!mount)
                return SPARE_RUNS;

        *ret_at = mount->spec.at;
        return SPARE_WOULD_WRITE;
}

bool has_ports(const struct service *s) {
        if (s->port.n == 0)
                return false;

        return s->proxy ? s->proxy->via.index == VIA_PORT : s->host_port.n > 0;
}

/* Podman refuses an init in a PID namespace that is not the container's own. */
static bool has_raw_namespace(const struct quadlet *q) {
        if (!q)
                return false;

        LIST_EACH(entry, &q->container)
                if (str_is(entry->key.text, "PodmanArgs") &&
                    str_find_str(entry->value.text, STR("--pid")) < entry->value.text.n)
                        return true;

        return false;
}

struct duration service_drain(const struct service *s) {
        if (!s->proxy)
                return (struct duration){ 0 };

        return s->proxy->timeouts ? s->proxy->timeouts->drain : (struct duration){ DRAIN_DEFAULT, NOWHERE };
}

/* One for each domain and not one for all, because a certificate authority issues none at all if a single
 * domain of an order does not lead here. Services with the same domain share its certificate. */
struct certificate_paths proxy_certificates(struct arena *a, const struct proxy *p) {
        struct certificate_paths paths = { 0 };

        if (has_auto_tls(p))
                LIST_EACH(domain, &p->domains)
                        *vec_push(a, &paths.list) = (struct abs_path){
                                layout_acme_certificate(a, domain->text),
                                domain->at,
                        };
        else if (p->tls)
                *vec_push(a, &paths.list) = p->tls->certificate;

        return paths;
}

struct header_text proxy_hsts(struct arena *a, const struct proxy *p) {
        const struct hsts *map = p->tls ? p->tls->hsts : NULL;
        struct duration age = map ? map->max_age : p->tls ? p->tls->hsts_age : (struct duration){ 0 };

        if (age.at.len == 0)
                return (struct header_text){ 0 };

        return (struct header_text){
                arena_join(a, STR("max-age="), arena_u64(a, age.usec / 1000000),
                           map && map->include_subdomains.yes ? STR("; includeSubDomains") : STR(""),
                           map && map->preload.yes ? STR("; preload") : STR("")),
                age.at,
        };
}

struct acme proxy_acme(const struct host *host, const struct proxy *p) {
        struct acme acme = { host->acme->directory, host->acme->email };

        if (p->tls && p->tls->acme && p->tls->acme->directory.at.len > 0)
                acme.directory = p->tls->acme->directory;
        if (p->tls && p->tls->acme && p->tls->acme->email.at.len > 0)
                acme.email = p->tls->acme->email;
        return acme;
}

bool has_init(const struct app *app, const struct container *c) {
        if (c->init.at.len > 0)
                return c->init.yes;

        return (is_built(app, c) || c->command.n > 0 || c->entrypoint.n > 0) &&
               !has_raw_namespace(c->quadlet);
}

const struct variable *container_find_variable(const struct container *c, struct str name) {
        LIST_EACH(v, &c->environment)
                if (str_eq(v->name.text, name))
                        return v;

        return NULL;
}

bool has_own_users(const struct container *c) {
        struct str chosen = settings_mode(&c->settings).text;

        return str_is_absent(chosen)
                       ? c->hardening.index == HARDENING_STRICT && !settings_has_map(&c->settings)
                       : str_has_prefix(chosen, STR("auto"));
}

bool has_low_ports(const struct container *c) {
        LIST_EACH(entry, &c->settings.sysctls)
                if (str_is(entry->key.text, LOW_PORTS_SYSCTL))
                        return false;

        return c->hardening.index == HARDENING_STRICT && !str_is(c->attached.at[0].network.text, "host");
}

struct image_ref app_pinned(const struct app *app, struct image_ref image) {
        LIST_EACH(pin, &app->pins)
                if (str_eq(pin->reference, image.text) && type_accepts(KIND_IMAGE_REF, pin->pinned))
                        return (struct image_ref){ pin->pinned, image.at };

        return image;
}

bool has_order_units(const struct start_order *o) {
        return o->requires.n + o->after.n > 0;
}

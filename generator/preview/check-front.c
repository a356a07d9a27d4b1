/* SPDX-License-Identifier: Apache-2.0 */
#include "preview/check-front.h"

#include "balancer/proxy-frontend.h"
#include "ctl/session.h"
#include "render/parts.h"

static bool is_balanced(const struct service *s) {
        return s->proxy && s->proxy->kind.index == PROXY_HAPROXY;
}

static void add_service(struct arena *a, const struct world *w, const struct service *s,
                        struct proxy_set *set) {
        struct str path = str_is_absent(s->proxy->config_dir.text) ? w->host.haproxy->directory.text
                                                                   : s->proxy->config_dir.text;
        struct proxy_directory *d = proxy_set_directory(a, set, path);
        struct certificate_paths paths = proxy_certificates(a, s->proxy);

        LIST_EACH(domain, &s->proxy->domains)
                *vec_push(a, &d->routes) =
                        (struct proxy_route){ .domain = domain->text, .backend = backend_of(s).text };
        VEC_EACH(certificate, &paths.list)
                *vec_push(a, &d->certificates) = (struct proxy_certificate){ .path = certificate->text };
}

void own_front_read(struct arena *a, const struct world *w, const char *root, struct own_front *ret) {
        *ret = (struct own_front){ .program = { .arena = a,
                                                .settings = w->host.haproxy,
                                                .root = strcmp(root, "/") == 0 ? "" : root } };
        if (w->places.is_user || !w->host.haproxy)
                return;

        VEC_EACH(d, &w->definitions) {
                if (!d->app)
                        continue;
                APP_EACH_KEPT(s, d->app)
                        if (is_balanced(s))
                                add_service(a, w, s, &ret->set);
        }
        ret->is_found = ret->set.list.n > 0 && haproxy_find(&ret->program) >= 0;
        if (!ret->is_found)
                return;

        front_read(&ret->program, &ret->set, &w->host, &ret->front);
}

const struct proxy_directory *own_front_lacking(const struct own_front *f,
                                                const struct front_listen **ret_by) {
        VEC_EACH(d, &f->set.list) {
                *ret_by = front_taken(&f->front, d);
                if (*ret_by && !front_leads_to(&f->front, d))
                        return d;
        }

        return NULL;
}

struct str own_front_advice(struct arena *a, const struct proxy_directory *d, const struct front_listen *by) {
        return front_advice(a, by, arena_join(a, d->path, STR("/" PROXY_ROUTES)));
}

const struct front_listen *own_front_takes(const struct own_front *f, const struct service *s,
                                           struct proxy_listen *ret_listen) {
        if (!is_balanced(s) || str_is_absent(s->proxy->listen.text))
                return NULL;

        *ret_listen = (struct proxy_listen){ .on = s->proxy->listen, .backend = backend_of(s) };
        return front_taken_listen(&f->front, ret_listen);
}

bool own_front_cuts(const struct own_front *f, const struct service *s) {
        uint64_t ms = f->front.config.hard_stop_ms;

        return ms > 0 && is_balanced(s) && service_drain(s).usec / 1000 >= ms;
}

static void check_drain(struct session *s, const struct own_front *f, const struct definition *d,
                        const struct service *service) {
        const struct front_config *config = &f->front.config;
        struct duration drain = service_drain(service);

        if (!own_front_cuts(f, service))
                return;

        s->ds.owner = d->name.text;
        (void) diag_add(&s->ds, DIAG_HARD_STOP, drain.at.len > 0 ? drain.at : service->name.at,
                        "after a reload HAProxy closes open connections before the drain of '%.*s' ends: "
                        "%.*s:%zu has 'hard-stop-after %.*s'; set a longer time there, or a shorter 'drain'",
                        STR_ARG(service->container.unit.text), STR_ARG(config->hard_stop_file),
                        config->hard_stop_line, STR_ARG(config->hard_stop));
}

/* As a role or an earlier set-up left it: HAProxy refuses two backends of one name. */
static void check_backend(struct session *s, const struct own_front *f, const struct definition *d,
                          const struct service *service) {
        const struct front_backend *other;
        struct span at;
        struct str name;

        if (!is_balanced(service))
                return;

        name = backend_of(service).text;
        other = front_config_backend(&f->front.config, name);
        if (!other)
                return;

        s->ds.owner = d->name.text;
        at = str_is_absent(service->proxy->backend.text) ? service->name.at : service->proxy->backend.at;
        (void) diag_add(&s->ds, DIAG_BACKEND_TAKEN, at,
                        "%.*s:%zu has a backend '%.*s' too, and HAProxy accepts only one of that name; "
                        "remove that section, or rename this backend with 'backend:'",
                        STR_ARG(other->file), other->line, STR_ARG(name));
}

static void check_listen(struct session *s, const struct own_front *f, const struct definition *d,
                         const struct service *service) {
        struct proxy_listen listen;
        const struct front_listen *by = own_front_takes(f, service, &listen);

        if (!by)
                return;

        s->ds.owner = d->name.text;
        (void) diag_add(&s->ds, DIAG_FRONT_TAKEN, listen.on.at, "%.*s; " FRONT_ADVICE_LISTEN,
                        STR_ARG(front_problem_listen(s->ds.arena, by, &listen)));
}

/* Without 'listen' there is no generated frontend. The name is computed in the lines to add, because HAProxy
 * does not start if a frontend names a backend that is gone. */
static void check_frontend(struct session *s, const struct own_front *f, const struct definition *d,
                           const struct service *service) {
        struct str name;

        if (!is_balanced(service) || service->proxy->mode.index != MODE_TCP || !f->front.config.is_known ||
            !str_is_absent(service->proxy->listen.text))
                return;

        name = backend_of(service).text;
        if (front_config_may_lead_to(&f->front.config, name))
                return;

        s->ds.owner = d->name.text;
        (void) diag_add(
                &s->ds, DIAG_NO_FRONTEND, service->proxy->mode.at,
                "no frontend of HAProxy leads to '%.*s', so no client can connect to it; add 'listen: "
                "%llu', or add to %.*s the lines 'frontend %.*s', 'mode tcp', 'bind :%llu' and "
                "'use_backend %%[str(%.*s)]'",
                STR_ARG(name), (unsigned long long) service->port.n,
                STR_ARG(s->world.host.haproxy->config.text), STR_ARG(name),
                (unsigned long long) service->port.n, STR_ARG(name));
}

void check_front(struct ctl *c, struct session *s) {
        struct own_front f;
        const struct front_listen *by;
        const struct proxy_directory *lacking;

        own_front_read(&c->arena, &s->world, c->root, &f);
        lacking = own_front_lacking(&f, &by);
        VEC_EACH(d, &s->world.definitions) {
                if (!d->app)
                        continue;
                APP_EACH_KEPT(service, d->app) {
                        check_drain(s, &f, d, service);
                        check_backend(s, &f, d, service);
                        check_frontend(s, &f, d, service);
                        check_listen(s, &f, d, service);
                }
        }

        s->ds.owner = (struct str){ 0 };
        if (lacking)
                (void) diag_add(&s->ds, DIAG_FRONT_TAKEN, NOWHERE, "%.*s; %.*s",
                                STR_ARG(front_problem(&c->arena, by)),
                                STR_ARG(own_front_advice(&c->arena, lacking, by)));
}

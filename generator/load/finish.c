/* SPDX-License-Identifier: Apache-2.0 */
#include "load/finish.h"

#include "app/attempt.h"
#include "app/home.h"
#include "app/inherit.h"
#include "app/place.h"
#include "app/resolve.h"
#include "app/rows.h"
#include "app/source.h"
#include "app/substitute.h"
#include "check/check.h"
#include "load/environment.h"
#include "load/pages.h"
#include "schema/syntax.h"

/* A reference without its condition. False if the condition is invalid. */
static bool take_condition(struct world *w, struct unit_ref *ref, bool *ret_is_done) {
        struct str rest = ref->text, condition;

        *ret_is_done = false;
        if (ref->text.n == 0 || ref->text.p[0] != CONDITION_MARK)
                return true;

        rest = str_from(rest, 1);
        (void) str_split(&rest, CONDITION_MARK, &condition);
        ref->text = rest;
        *ret_is_done = str_is(condition, "done");
        if (*ret_is_done || str_is(condition, "ready"))
                return true;

        if (str_is(condition, "started"))
                (void) diag_add(
                        w->ds, DIAG_BAD_VALUE, ref->at,
                        "systemd cannot wait only until '%.*s' has started: After= waits until a unit "
                        "is ready, and without it the unit would stop first; write ready",
                        STR_ARG(ref->text));
        else
                (void) diag_add(w->ds, DIAG_BAD_VALUE, ref->at,
                                "'%.*s' is not a condition; write ready or done", STR_ARG(condition));
        return false;
}

static void split_requires(struct world *w, struct start_order *o) {
        struct unit_ref *done = arena_array(w->arena, o->requires.n + 1, struct unit_ref);
        size_t n = 0, n_done = 0;

        LIST_EACH(ref, &o->requires) {
                struct unit_ref *place;
                bool is_done;

                if (!take_condition(w, ref, &is_done))
                        continue;
                place = is_done ? &done[n_done++] : &o->requires.at[n++];
                *place = *ref;
        }
        o->requires.n = n;
        o->done.at = done;
        o->done.n = n_done;
}

struct updates {
        struct world *w;
        struct app *app;
        bool *is_listed; /* of each task */
        VEC(struct name) list;
};

static void list_task(struct updates *u, struct name name);

/* check_references() reports names without a task. */
static void list_done(struct updates *u, const struct start_order *o) {
        LIST_EACH(ref, &o->done)
                for (size_t i = 0; i < u->app->tasks.n; i++)
                        if (str_eq(u->app->tasks.at[i].name.text, ref->text))
                                list_task(u, (struct name){ ref->text, ref->at });
}

static void list_task(struct updates *u, struct name name) {
        for (size_t i = 0; i < u->app->tasks.n; i++) {
                if (!str_eq(u->app->tasks.at[i].name.text, name.text))
                        continue;
                if (u->is_listed[i])
                        return;

                u->is_listed[i] = true;
                list_done(u, &u->app->tasks.at[i].order);
        }
        *vec_push(u->w->arena, &u->list) = name;
}

/* It starts after the part whose network it shares, and render/order.c binds it to that one. */
static void require_owner(struct world *w, const struct container *c, struct start_order *o) {
        struct unit_ref *refs;

        if (!shares_network(c))
                return;
        LIST_EACH(ref, &o->requires)
                if (str_eq(ref->text, c->network_of.text))
                        return;

        refs = arena_array(w->arena, o->requires.n + 1, struct unit_ref);
        if (o->requires.n > 0)
                memcpy(refs, o->requires.at, o->requires.n * sizeof(*refs));
        refs[o->requires.n] = (struct unit_ref){ c->network_of.text, c->network_of.at };
        o->requires.at = refs;
        o->requires.n++;
}

static void finish_order_of(struct world *w, const struct container *c, struct start_order *o) {
        split_requires(w, o);
        require_owner(w, c, o);
}

/* Moves the tasks that must be done from `requires` to `done`, and adds them to `before_update`, each after
 * the tasks that it requires. Invalid conditions are reported. */
static void finish_order(struct world *w, struct app *app) {
        struct updates u = { .w = w, .app = app, .is_listed = arena_array(w->arena, app->tasks.n + 1, bool) };

        APP_EACH_KEPT(s, app)
                finish_order_of(w, &s->container, &s->order);
        LIST_EACH(t, &app->tasks)
                finish_order_of(w, &t->container, &t->order);
        LIST_EACH(t, &app->timers)
                finish_order_of(w, &t->task.container, &t->task.order);

        LIST_EACH(name, &app->before_update)
                list_task(&u, *name);
        APP_EACH_KEPT(s, app)
                list_done(&u, &s->order);
        LIST_EACH(t, &app->tasks)
                list_done(&u, &t->order);
        LIST_EACH(t, &app->timers)
                list_done(&u, &t->task.order);
        app->before_update.at = u.list.at;
        app->before_update.n = u.list.n;
}

#define OWN_NETWORK "default"
#define UPDATE_TIMEOUT (3600 * 1000000ULL)

/* Keys that the top of a definition may have only if it is the one service itself. */
static const char *const service_only[] = {
        "command",  "scale",        "port",        "host_port",   "publish",    "health",       "restart",
        "requires", "bound_to",     "after",       "proxy",       "run_mode",   "worker_count", "aliases",
        "hostname", "before_start", "after_start", "before_stop", "network_of",
};

static void report_misplaced(struct world *w, const struct node *root) {
        for (size_t i = 0; i < root->n; i++)
                for (size_t k = 0; k < ARRAY_SIZE(service_only); k++)
                        if (str_is(root->pairs[i].key->text, service_only[k]))
                                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, root->pairs[i].key->at,
                                                "with 'services:', '%s' belongs to a service; move it there",
                                                service_only[k]);
}

/* The short form: what stands at the top is the one service, named like the app. */
static void make_one_service(struct world *w, struct app *app) {
        struct service *one = arena_new(w->arena, struct service);

        *one = app->base;
        one->name = app->name;
        one->description = app->description;
        app->services.at = one;
        app->services.n = 1;
}

/* "--name", "30": words of the sidecar's command. */
static void add_option(struct world *w, struct word *words, size_t *n, struct str name, struct number value) {
        words[(*n)++] = (struct word){ name, value.at };
        words[(*n)++] =
                (struct word){ arena_printf(w->arena, "%llu", (unsigned long long) value.n), value.at };
}

/* `auth_tracking:` is a sidecar like others: the app's image without its entry point, which would migrate the
 * database and wait for it. */
static void add_auth_tracking(struct world *w, struct app *app) {
        struct auth_tracking *t = app->auth_tracking;
        struct service *sidecars, *s;
        struct word *words;
        size_t n;

        schema_apply_defaults(w->arena, &auth_tracking_schema, t);
        if (!t->enabled.yes)
                return;

        sidecars = arena_array(w->arena, app->sidecars.n + 1, struct service);
        if (app->sidecars.n > 0)
                memcpy(sidecars, app->sidecars.at, app->sidecars.n * sizeof(struct service));
        s = &sidecars[app->sidecars.n];
        app->sidecars.at = sidecars;
        app->sidecars.n++;

        n = t->command.n;
        words = arena_array(w->arena, n + 4, struct word);
        memcpy(words, t->command.at, n * sizeof(struct word));
        add_option(w, words, &n, STR("--interval"), t->interval);
        add_option(w, words, &n, STR("--threshold"), t->threshold);

        s->name = (struct name){ STR("auth-tracking"), place_of_key(app, "auth_tracking") };
        s->description = (struct text){ arena_join(w->arena, app->name.text, STR(" authentication tracking")),
                                        app->at };
        s->container.command.at = words;
        s->container.command.n = n;
        s->container.entrypoint.at = arena_new(w->arena, struct word); /* there, and empty: cleared */
        s->container.owns_image_unit = true; /* it continues while the app's own image is pulled */
        if (!str_is_absent(t->host.text)) {
                s->container.hosts.at = &t->host;
                s->container.hosts.n = 1;
        }
}

/* The parts of one text. */
struct parts {
        VEC(struct str) list;
};

/* 'a word', with its quotes. */
static void quote_for_shell(struct arena *a, struct parts *line, struct str word) {
        struct str rest = word, part;
        bool is_first = true;

        *vec_push(a, &line->list) = STR("'");
        for (; str_split(&rest, '\'', &part); is_first = false) {
                if (!is_first)
                        *vec_push(a, &line->list) = STR("'\\''");
                *vec_push(a, &line->list) = part;
        }
        *vec_push(a, &line->list) = STR("'");
}

/* Several commands in one container: the image's shell runs them, and stops at the first that fails. */
static void join_commands(struct world *w, struct task *t) {
        struct parts line = { 0 };
        struct word *words;

        if (t->commands.n == 0 || t->container.command.at)
                return;

        LIST_EACH(command, &t->commands) {
                if (line.list.n > 0)
                        *vec_push(w->arena, &line.list) = STR(" &&");
                LIST_EACH(word, &command->words) {
                        if (line.list.n > 0)
                                *vec_push(w->arena, &line.list) = STR(" ");
                        quote_for_shell(w->arena, &line, word->text);
                }
        }

        words = arena_array(w->arena, 3, struct word);
        words[0] = (struct word){ STR("/bin/sh"), t->commands.at[0].at };
        words[1] = (struct word){ STR("-c"), t->commands.at[0].at };
        words[2] = (struct word){ arena_join_n(w->arena, line.list.at, line.list.n), t->commands.at[0].at };
        t->container.command.at = words;
        t->container.command.n = 3;
}

/* Inherits from the app. If the part itself sets the image or the pull policy, its image has a unit of its
 * own. Hosts of the part replace those of the app, since they are written to run it on fewer machines. */
static void inherit_container(struct world *w, const struct app *app, struct container *c) {
        struct container offer = inherit_offer(w->arena, app, c);
        struct host_glob *hosts = c->hosts.at;
        size_t n_hosts = c->hosts.n;

        if (!str_is_absent(c->network.text) || shares_network(c))
                offer.networks.n = 0;
        if (shares_network(c)) {
                offer.network = (struct network_ref){ .at = NOWHERE };
                offer.settings.dns.n = offer.settings.extra_hosts.n = 0;
        }
        c->owns_image_unit = c->owns_image_unit || !str_is_absent(c->image.text) ||
                             !str_is_absent(c->auth_file.text) || c->pull.at.len > 0 ||
                             c->tls_verify.at.len > 0;
        schema_inherit(w->arena, &container_schema, &offer, c);
        if (n_hosts > 0) {
                c->hosts.at = hosts;
                c->hosts.n = n_hosts;
        }
}

/* Parts that name no network. */
static size_t count_without_network(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);
        size_t n = 0;

        VEC_EACH(ref, &all.list)
                n += str_is_absent(ref->container->network.text) && !shares_network(ref->container);

        return n;
}

/* Podman's default network has no name server, so several parts get a network on which they find each
 * other. Its addresses are Podman's choice: where only some addresses may come in (`trusted`), systemd
 * could not let the probes through. */
static void give_network(struct world *w, struct app *app) {
        struct network_entry *networks;

        if (!str_is_absent(app->base.container.network.text) || app->trusted.n > 0 ||
            count_without_network(w, app) < 2)
                return;

        app->base.container.network = (struct network_ref){ STR(OWN_NETWORK ".network"), NOWHERE };
        LIST_EACH(n, &app->networks)
                if (str_is(n->key.text, OWN_NETWORK))
                        return;

        networks = arena_array(w->arena, app->networks.n + 1, struct network_entry);
        if (app->networks.n > 0)
                memcpy(networks, app->networks.at, app->networks.n * sizeof(*networks));
        networks[app->networks.n] = (struct network_entry){ .key = { STR(OWN_NETWORK), app->name.at } };
        app->networks.at = networks;
        app->networks.n++;
}

static bool is_declared(const struct app *app, struct str name) {
        LIST_EACH(volume, &app->volumes)
                if (str_eq(volume->key.text, name))
                        return true;

        return false;
}

static void declare_volume(struct world *w, struct app *app, const struct volume_spec *spec) {
        struct syntax_volume v = syntax_volume_split(spec->text);
        struct volume_entry *volumes;

        if (!syntax_volume_is_own(v) || is_declared(app, v.source))
                return;
        if (!type_accepts(KIND_VOLUME_NAME, v.source)) {
                (void) diag_add(w->ds, DIAG_BAD_VALUE, spec->at, "'%.*s' is not a valid %s; %s",
                                STR_ARG(v.source), type_of(KIND_VOLUME_NAME)->name,
                                type_of(KIND_VOLUME_NAME)->rule);
                return;
        }
        if (has_instance_mark(v.source))
                return; /* one for each instance: Podman makes them */

        volumes = arena_array(w->arena, app->volumes.n + 1, struct volume_entry);
        if (app->volumes.n > 0)
                memcpy(volumes, app->volumes.at, app->volumes.n * sizeof(*volumes));
        volumes[app->volumes.n] = (struct volume_entry){ .key = { v.source, spec->at } };
        app->volumes.at = volumes;
        app->volumes.n++;
}

/* A volume that is mounted is the application's own, whether or not the map 'volumes' has it. */
static void declare_volumes(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list)
                LIST_EACH(spec, &ref->container->volumes)
                        declare_volume(w, app, spec);
}

/* The first of several networks is the one that all else uses. */
static void take_first_network(struct world *w, struct container *c) {
        if (c->networks.n == 0)
                return;

        if (!str_is_absent(c->network.text))
                (void) diag_add(
                        w->ds, DIAG_MISPLACED_KEY, c->network.at,
                        "'network:' and 'networks:' exclude each other; add this network to the list");
        c->network = c->networks.at[0].name;
}

static void take_first_networks(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        take_first_network(w, &app->base.container);
        VEC_EACH(ref, &all.list)
                take_first_network(w, ref->container);
}

static void inherit(struct world *w, struct app *app) {
        struct container *base = &app->base.container;
        bool is_short_form = !node_get(app->node, "services");

        take_first_networks(w, app);
        inherit_decide(w->arena, app);
        if (str_is_absent(base->network.text))
                base->network = w->host.network;
        give_network(w, app);
        if (str_is_absent(base->auth_file.text))
                base->auth_file = w->host.auth_file;

        /* The one service of the short form is the base itself; only the host's settings are new to it. */
        if (is_short_form) {
                if (!shares_network(base))
                        app->services.at->container.network = base->network;
                app->services.at->container.auth_file = base->auth_file;
        } else
                LIST_EACH(s, &app->services)
                        inherit_container(w, app, &s->container);
        LIST_EACH(s, &app->sidecars)
                inherit_container(w, app, &s->container);
        LIST_EACH(t, &app->tasks)
                inherit_container(w, app, &t->container);
        LIST_EACH(t, &app->timers)
                inherit_container(w, app, &t->task.container);
}

static void limit_tasks(struct app *app, const struct name *list, size_t n) {
        LIST_EACH(t, &app->tasks)
                for (size_t i = 0; i < n; i++)
                        if (str_eq(list[i].text, t->name.text) && t->timeout.at.len == 0)
                                t->timeout.usec = UPDATE_TIMEOUT;
}

/* A task that hangs in an update may stay unnoticed. */
static void limit_updates(struct app *app) {
        limit_tasks(app, app->before_update.at, app->before_update.n);
        limit_tasks(app, app->after_update.at, app->after_update.n);
        limit_tasks(app, app->on_failure.at, app->on_failure.n);
}

/* From either form of `restart`. */
static void finish_restart(struct world *w, struct choice *restart, struct restart_policy **policy) {
        if (*policy)
                *restart = (*policy)->policy;
        else
                *policy = arena_new(w->arena, struct restart_policy);

        schema_apply_defaults(w->arena, &restart_policy_schema, *policy);
        if (restart->index == RESTART_ALWAYS && (*policy)->max_starts.n > 0)
                restart->index = RESTART_LIMITED;
}

/* From either form of each hook. */
static void finish_hooks(struct hooks *h) {
        if (h->before_start_map)
                h->before_start = *h->before_start_map;
        if (h->after_start_map)
                h->after_start = *h->after_start_map;
        if (h->before_stop_map)
                h->before_stop = *h->before_stop_map;
}

/* The names that are redirected need routes and certificates as all others do. */
static void finish_domains(struct world *w, struct proxy *p) {
        size_t n = p->domains.n;
        struct domain *all = p->redirect_from.n > 0
                                     ? arena_array(w->arena, n + p->redirect_from.n, struct domain)
                                     : p->domains.at;

        for (size_t i = 0; i < n && all != p->domains.at; i++)
                all[i] = p->domains.at[i];
        LIST_EACH(domain, &p->redirect_from)
                all[n++] = *domain;
        p->domains.at = all;
        p->domains.n = n;
}

static struct app *decode(struct world *w, const struct definition *d) {
        struct app *app = arena_new(w->arena, struct app);
        struct node *root = substitute_definition(w->arena, w->ds, d->name.text, d->root);

        app->name = d->name;
        app->at = d->root->at;
        app->path = d->path;
        app->node = root;
        schema_decode(w->arena, w->ds, &app_schema, root, app);
        if (root->kind != NODE_MAP)
                return app;

        source_finish(w, app);
        if (node_get(root, "services"))
                report_misplaced(w, root);
        else
                make_one_service(w, app);
        if (app->auth_tracking)
                add_auth_tracking(w, app);
        if (!app->rollout)
                app->rollout = arena_new(w->arena, struct rollout);

        LIST_EACH(s, &app->sidecars) {
                s->is_sidecar = true;
                s->scale.n = 1;
        }
        finish_order(w, app);
        LIST_EACH(t, &app->tasks)
                join_commands(w, t);
        LIST_EACH(t, &app->timers)
                join_commands(w, &t->task);

        inherit(w, app);
        declare_volumes(w, app);
        schema_apply_defaults(w->arena, &app_schema, app);
        limit_updates(app);
        APP_EACH_KEPT(s, app) {
                finish_restart(w, &s->restart, &s->restart_policy);
                finish_hooks(&s->hooks);
                if (s->proxy)
                        finish_domains(w, s->proxy);
        }
        return app;
}

static void finish(struct world *w, struct definition *d) {
        size_t errors = w->ds->n_errors;
        struct app *app;

        attempt_begin(w, d->path);
        w->ds->owner = d->name.text;
        app = decode(w, d);

        /* A value that could not be decoded would only be reported a second time. */
        if (w->ds->n_errors == errors)
                check_mounts(w, app);
        if (w->ds->n_errors == errors)
                resolve_home(w, app);
        if (w->ds->n_errors == errors)
                resolve_names(w, app);
        if (w->ds->n_errors == errors)
                resolve_environment(w, app);
        APP_EACH_KEPT(s, app)
                if (w->ds->n_errors == errors && s->proxy)
                        pages_read(w, s->proxy->errors);
        if (w->ds->n_errors == errors)
                check_app(w, app);

        d->is_broken = d->is_broken || w->ds->n_errors > errors;
        if (!d->is_broken)
                d->app = app;
}

void world_finish(struct world *w) {
        VEC_EACH(d, &w->definitions)
                if (!str_is_absent(d->name.text) && d->root)
                        finish(w, d);

        attempt_end(w);
        check_world(w);
        w->ds->owner = (struct str){ NULL, 0 };
}

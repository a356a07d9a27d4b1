/* SPDX-License-Identifier: Apache-2.0 */
#include "app/check.h"

#include "app/resolve.h"

/* A port is needed for what is balanced. */
static void check_ports(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services) {
                if (s->proxy && s->port.n == 0)
                        (void) diag_add(w->ds, DIAG_PORT_MISSING, s->name.at, "'%.*s' has 'proxy:' but no 'port:'; say on which port it listens", STR_ARG(s->name.text));
                if (s->host_port.n > 0 && s->port.n == 0)
                        (void) diag_add(w->ds, DIAG_PORT_MISSING, s->host_port.at, "'host_port:' needs 'port:', the port in the container");
                if (s->host_port.n > 0 && s->host_port.n + s->scale.n > 65536)
                        (void) diag_add(w->ds, DIAG_OUT_OF_RANGE, s->host_port.at, "host_port %llu and a scale of %llu go past port 65535; choose a lower one",
                                        (unsigned long long) s->host_port.n, (unsigned long long) s->scale.n);
        }
}

/* HAProxy finds containers by name only on a network of their own with DNS. */
static void check_dns(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services)
                if (s->proxy && s->proxy->via.index == VIA_DNS && str_is_absent(s->container.network.text))
                        (void) diag_add(w->ds, DIAG_PROXY_NEEDS_NETWORK, s->proxy->via.at, "'via: dns' needs 'network:', the one that HAProxy is on too");
}

static void check_paths(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services)
                if (s->proxy && s->proxy->strip.yes && str_is(s->proxy->path.text, "/"))
                        (void) diag_add(w->ds, DIAG_STRIP_NEEDS_PATH, s->proxy->strip.at, "'strip: true' needs 'path:', which is what it takes off");
}

/* Two schedulers would do everything twice. */
static void check_beat(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services)
                if (s->container.run_mode.at.len > 0 && s->container.run_mode.index == RUN_MODE_BEAT && s->scale.n > 1)
                        (void) diag_add(w->ds, DIAG_BEAT_SCALE, s->scale.at, "a service with 'run_mode: BEAT' runs once; set 'scale: 1', or leave it out");
}

static void check_secret_sources(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list)
                LIST_EACH(secret, &ref->container->secrets) {
                        bool has_credential = !str_is_absent(secret->value.credential.text), has_file = !str_is_absent(secret->value.file.text);

                        if (has_credential == has_file)
                                (void) diag_add(w->ds, DIAG_SECRET_SOURCE, secret->key.at, "secret '%.*s' needs one source: {credential: NAME} or {file: PATH}",
                                                STR_ARG(secret->key.text));
                }
}

/* Units that rollouts will have. */
static bool is_reserved(struct str name) {
        return str_is(name, "next") || str_is(name, "rollout");
}

static void check_names(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        for (size_t i = 0; i < all.list.n; i++) {
                struct name name = all.list.at[i].name;

                if (is_reserved(name.text))
                        (void) diag_add(w->ds, DIAG_RESERVED_NAME, name.at, "'%.*s' is a name of pyservice's own; choose another", STR_ARG(name.text));

                for (size_t k = 0; k < i; k++)
                        if (str_eq(all.list.at[k].name.text, name.text)) {
                                struct diag *d = diag_add(w->ds, DIAG_DUPLICATE_NAME, name.at, "'%.*s' is the name of two parts; rename one", STR_ARG(name.text));

                                diag_note(w->ds, d, all.list.at[k].name.at, "'%.*s' is first defined here", STR_ARG(name.text));
                        }
        }
}

static void check_before_update(struct world *w, struct app *app) {
        struct str *names = arena_array(w->arena, app->tasks.n + 1, struct str);

        for (size_t i = 0; i < app->tasks.n; i++)
                names[i] = app->tasks.at[i].name.text;

        LIST_EACH(name, &app->before_update) {
                bool found = false;
                struct str near;

                for (size_t i = 0; i < app->tasks.n; i++)
                        found = found || str_eq(names[i], name->text);
                if (found)
                        continue;

                near = diag_nearest(name->text, names, app->tasks.n);
                if (str_is_absent(near))
                        (void) diag_add(w->ds, DIAG_UNKNOWN_TASK, name->at, "there is no task '%.*s'; add it to 'tasks:'", STR_ARG(name->text));
                else
                        (void) diag_add(w->ds, DIAG_UNKNOWN_TASK, name->at, "there is no task '%.*s'; did you mean '%.*s'?", STR_ARG(name->text), STR_ARG(near));
        }
}

static void check_reference(struct world *w, struct app *app, const struct unit_ref *ref) {
        if (str_find(ref->text, '.') < ref->text.n)
                return;

        LIST_EACH(s, &app->services)
                if (str_eq(s->name.text, ref->text))
                        return;
        LIST_EACH(s, &app->sidecars)
                if (str_eq(s->name.text, ref->text))
                        return;

        (void) diag_add(w->ds, DIAG_UNKNOWN_SERVICE, ref->at, "there is no service or sidecar '%.*s'; for a unit write its suffix too, such as '%.*s.service'",
                        STR_ARG(ref->text), STR_ARG(ref->text));
}

static void check_references(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services) {
                LIST_EACH(ref, &s->requires)
                        check_reference(w, app, ref);
                LIST_EACH(ref, &s->after)
                        check_reference(w, app, ref);
        }
        LIST_EACH(s, &app->sidecars) {
                LIST_EACH(ref, &s->requires)
                        check_reference(w, app, ref);
                LIST_EACH(ref, &s->after)
                        check_reference(w, app, ref);
        }
}

/* A task's work is its command, its commands, or what the image does by itself. */
static void check_commands(struct world *w, struct app *app) {
        LIST_EACH(t, &app->tasks)
                if (t->commands.n > 0 && t->container.command.at)
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, t->commands.at[0].at, "a task has either 'command:' or 'commands:'; remove one");
}

void check_app(struct world *w, struct app *app) {
        static void (*const checks[])(struct world *, struct app *) = {
                check_names, check_ports, check_dns, check_paths, check_beat, check_secret_sources, check_before_update, check_references, check_commands,
        };

        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
                checks[i](w, app);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "bundle/layout.h"
#include "config.h"
#include "render/parts.h"
#include "schema/syntax.h"

/* The time that the reference role waits for a start; longer if the health settings need it. */
#define START_TIMEOUT_MIN (300 * 1000000ULL)
/* For Podman itself, besides what the process inside may take. */
#define STOP_TIMEOUT_EXTRA (30 * 1000000ULL)

static void put_name(struct unit *u, enum unit_key key, const struct role *role) {
        unit_open(u, key);
        unit_part(u, role->container->unit);
        if (role->is_template)
                unit_const(u, "-%i");
        unit_close(u);
}

static void put_description(struct rendering *r, struct unit *u, const struct role *role) {
        unit_open(u, UNIT_DESCRIPTION);
        if (!str_is_absent(role->description.text))
                unit_part(u, role->description);
        else if (!str_is_absent(r->app->description.text)) {
                unit_part(u, r->app->description);
                if (!str_eq(role->container->unit.text, r->app->name.text)) {
                        unit_const(u, ": ");
                        unit_part(u, role->name);
                }
        } else
                unit_part(u, role->container->unit);
        if (role->is_template)
                unit_const(u, " (instance %i)");
        unit_close(u);
}

/* With more than one, any of them: systemd.unit(5), "triggering conditions". */
static void put_hosts(struct unit *u, const struct container *c) {
        LIST_EACH(host, &c->hosts) {
                unit_open(u, UNIT_CONDITION_HOST);
                if (c->hosts.n > 1)
                        unit_const(u, "|");
                unit_part(u, *host);
                unit_close(u);
        }
}

void render_drop_in(struct rendering *r, struct unit *u, const struct role *role, struct str file) {
        struct str unit = role->container->unit.text;

        tree_mark(unit_finish(u, r->tree,
                              layout_unit(r->arena, unit, role->is_template ? STR("@") : STR(""),
                                          STR(".service.d/"), file)),
                  TREE_SCALE, unit);
}

/* A change of the hosts is no reason to restart it. (A task has nothing that continues.) */
static void render_hosts(struct rendering *r, const struct role *role) {
        struct unit *u = unit_new(r->arena);

        if (role->is_task || r->is_plain || role->container->hosts.n == 0)
                return;

        put_hosts(u, role->container);
        render_drop_in(r, u, role, STR("10-hosts.conf"));
}

static void put_wanted(struct unit *u, struct unit_name unit) {
        unit_put(u, UNIT_WANTS, unit);
        unit_put(u, UNIT_AFTER, unit);
}

static void put_dependencies(struct rendering *r, struct unit *u, const struct role *role,
                             struct unit_name image) {
        const struct container *c = role->container;

        put_wanted(u, image);

        /* Wants=, never Requires=: a restart of the network's unit must not stop every instance. */
        LIST_EACH(a, &c->attached)
                if (!shares_network(c))
                        put_wanted(u, a->unit);

        /* A volume is another matter: without its unit Podman would make an empty one of that name, in
         * silence. */
        LIST_EACH(m, &c->mounts) {
                unit_put(u, UNIT_REQUIRES, m->unit);
                unit_put(u, UNIT_AFTER, m->unit);
        }
}

static void put_unit_section(struct rendering *r, struct unit *u, const struct role *role,
                             struct unit_name image) {
        put_description(r, u, role);
        render_origin(r, u);
        if (!role->runs_to_end && r->is_plain)
                render_part_of(r, u);
        else if (!role->runs_to_end)
                unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
        if (!role->is_task)
                render_start_limit(u, role);
        /* A unit that fails just when its file is removed is not shown as failed for ever: nothing refers to
         * it any longer. */
        if (!role->is_task && !r->is_plain)
                unit_put_const(u, UNIT_COLLECT_MODE, "inactive-or-failed");
        put_dependencies(r, u, role, image);
        if (role->is_task || r->is_plain)
                put_hosts(u, role->container);
}

static void put_label(struct unit *u, struct label_name name, struct label_text text) {
        unit_open(u, CONTAINER_LABEL);
        unit_word_part(u, name);
        unit_const(u, "=");
        unit_part(u, text);
        unit_close(u);
}

static void put_labels(struct rendering *r, struct unit *u, const struct role *role) {
        if (!r->is_plain) {
                unit_open(u, CONTAINER_LABEL);
                unit_word_const(u, "io.pyservice.app=");
                unit_part(u, r->app->name);
                unit_word_const(u, "io.pyservice.service=");
                unit_part(u, role->name);
                unit_close(u);
        }

        LIST_EACH(label, &role->container->labels)
                put_label(u, label->key, label->value);
}

static void put_user(struct rendering *r, struct unit *u, struct user_name user) {
        size_t colon = str_find(user.text, ':');

        if (str_is_absent(user.text))
                return;

        unit_put(u, CONTAINER_USER, ((struct user_name){ { user.text.p, colon }, user.at }));
        if (colon < user.text.n)
                unit_put(
                        u, CONTAINER_GROUP,
                        ((struct user_name){ arena_str(r->arena, str_from(user.text, colon + 1)), user.at }));
}

static void put_command(struct unit *u, const struct container *c) {
        if (c->entrypoint.at && c->entrypoint.n == 0) {
                /* Quadlet passes over an empty Entrypoint=. */
                unit_open(u, CONTAINER_PODMAN_ARGS);
                unit_word_const(u, "--entrypoint=");
                unit_close(u);
        }
        if (c->entrypoint.n > 0) {
                unit_open(u, CONTAINER_ENTRYPOINT);
                LIST_EACH(word, &c->entrypoint)
                        unit_word_part(u, *word);
                unit_close(u);
        }
        if (c->command.n > 0) {
                unit_open(u, CONTAINER_EXEC);
                LIST_EACH(word, &c->command)
                        unit_word_part(u, *word);
                unit_close(u);
        }
}

static void put_init(struct rendering *r, struct unit *u, const struct container *c) {
        if (r->is_plain ? !has_plain_init(c) : !has_init(r->app, c))
                return;

        unit_put_const(u, CONTAINER_RUN_INIT, "yes");
        if (!r->is_plain)
                unit_put_const(u, CONTAINER_PODMAN_ARGS, "--init-path=" LIBEXECDIR "/pyservice-init");
}

bool has_other_ids(const struct rendering *r, const struct container *c) {
        return (has_own_users(c) || settings_has_map(&c->settings)) && !r->world->places.is_user;
}

/* True if the container has a user namespace of its own (a user's containers all are in that user's). Then
 * each mount needs the option `idmap`, so that its files belong to the same numbers inside and outside. */
static bool has_user_namespace(const struct rendering *r, const struct container *c) {
        return has_own_users(c) && !r->world->places.is_user;
}

/* ReadOnly= brings Podman's ReadOnlyTmpfs: /dev/shm, /run, /tmp and /var/tmp in memory. The size is that
 * of all numbers an image may use; without it Podman guesses from the image's /etc/passwd, and a file of
 * another user could not be read. */
static void put_hardening(struct rendering *r, struct unit *u, const struct container *c) {
        if (c->hardening.index != HARDENING_STRICT)
                return;

        unit_put_const(u, CONTAINER_DROP_CAPABILITY, "all");
        unit_put_const(u, CONTAINER_NO_NEW_PRIVILEGES, "true");
        unit_put_const(u, CONTAINER_READ_ONLY, "true");
        if (has_user_namespace(r, c))
                unit_put_const(u, CONTAINER_USER_NS, "auto:size=65536");
        if (has_low_ports(c))
                unit_put_const(u, CONTAINER_SYSCTL, LOW_PORTS_SYSCTL "=0");
}

/* Podman refuses the option twice. */
static bool has_map(struct volume_spec spec) {
        struct str options = syntax_volume_split(spec.text).options, option;

        while (str_split(&options, ',', &option))
                if (str_is(option, "idmap") || str_has_prefix(option, STR("idmap=")))
                        return true;

        return false;
}

static void put_mounts(struct rendering *r, struct unit *u, const struct container *c) {
        LIST_EACH(m, &c->mounts) {
                unit_open(u, CONTAINER_VOLUME);
                unit_part(u, m->spec);
                if (has_user_namespace(r, c) && str_is_absent(syntax_volume_split(m->spec.text).options))
                        unit_const(u, ":idmap");
                else if (has_user_namespace(r, c) && !has_map(m->spec))
                        unit_const(u, ",idmap");
                unit_close(u);
        }
}

static void put_limits(struct unit *u, const struct container *c) {
        const struct resources *limits = c->resources;

        unit_put_duration(u, CONTAINER_STOP_TIMEOUT, c->stop_timeout);
        if (!str_is_absent(c->stop_signal.text)) {
                /* StopSignal= is a key since Podman 5.2 only. */
                unit_open(u, CONTAINER_PODMAN_ARGS);
                unit_word_const(u, "--stop-signal=");
                unit_part(u, c->stop_signal);
                unit_close(u);
        }
        if (!limits)
                return;

        if (limits->pids.n > 0)
                unit_put_number(u, CONTAINER_PIDS_LIMIT, limits->pids);
        if (limits->nofile.n > 0) {
                unit_open(u, CONTAINER_ULIMIT);
                unit_const(u, "nofile=");
                unit_part_u64(u, limits->nofile.n);
                unit_close(u);
        }
        if (limits->memory.bytes > 0)
                unit_put_bytes(u, SERVICE_MEMORY_MAX, limits->memory);
        if (limits->cpus.milli > 0) {
                unit_open(u, SERVICE_CPU_QUOTA);
                unit_part_u64(u, limits->cpus.milli / 10 > 0 ? limits->cpus.milli / 10 : 1);
                unit_const(u, "%");
                unit_close(u);
        }
}

static void put_health_command(struct unit *u, const struct health *h) {
        unit_put(u, CONTAINER_HEALTH_CMD, h->command);
        if (h->words.n == 0)
                return;

        unit_open(u, CONTAINER_HEALTH_CMD);
        LIST_EACH(word, &h->words)
                unit_word_part(u, *word);
        unit_close(u);
}

/* The hook after the start waits until the container is healthy. With Notify=healthy Podman would do that,
 * in a phase of the start in which a stop reaches conmon alone, and no one would know what the check
 * answered. One that becomes unhealthy is killed, and so restarted. */
static void put_health(struct rendering *r, struct unit *u, const struct health *h) {
        if (!has_health_command(h))
                return;

        if (r->is_plain)
                unit_put_const(u, CONTAINER_NOTIFY, "healthy");
        put_health_command(u, h);
        unit_put_duration(u, CONTAINER_HEALTH_INTERVAL, h->interval);
        unit_put_duration(u, CONTAINER_HEALTH_TIMEOUT, h->timeout);
        unit_put_number(u, CONTAINER_HEALTH_RETRIES, h->retries);
        unit_put_duration(u, CONTAINER_HEALTH_START, h->start_period);
        if (h->on_failure.index == HEALTH_RESTART)
                unit_put_const(u, CONTAINER_HEALTH_ON_FAILURE, "kill");
}

/* NetworkAlias= is a key since Podman 5.2 only. */
static void put_names(struct unit *u, const struct attached *a) {
        LIST_EACH(name, &a->names) {
                unit_open(u, CONTAINER_PODMAN_ARGS);
                unit_word_const(u, "--network-alias=");
                unit_part(u, *name);
                unit_close(u);
        }
}

/* NAME:alias=…,ip=… of podman-run(1), --network. */
static void put_attached(struct unit *u, const struct attached *a) {
        bool has_options = false;

        unit_open(u, CONTAINER_NETWORK);
        unit_part(u, a->network);
        LIST_EACH(name, &a->names) {
                if (has_options)
                        unit_const(u, ",alias=");
                else
                        unit_const(u, ":alias=");
                unit_part(u, *name);
                has_options = true;
        }
        if (!str_is_absent(a->address.text)) {
                if (has_options)
                        unit_const(u, ",");
                else
                        unit_const(u, ":");
                if (str_find(a->address.text, ':') < a->address.text.n)
                        unit_const(u, "ip6=");
                else
                        unit_const(u, "ip=");
                unit_part(u, a->address);
        }
        unit_close(u);
}

static void put_networks(struct unit *u, const struct container *c) {
        if (shares_network(c)) {
                unit_open(u, CONTAINER_NETWORK);
                unit_const(u, "container:");
                unit_part(u, c->network_owner);
                unit_close(u);
                return;
        }
        if (c->networks.n == 0) {
                unit_put(u, CONTAINER_NETWORK, c->attached.at[0].network);
                put_names(u, &c->attached.at[0]);
                return;
        }

        LIST_EACH(a, &c->attached)
                put_attached(u, a);
}

/* For Podman's own timer. */
static const char *const updates[] = { "registry", "local" };

static void put_container_section(struct rendering *r, struct unit *u, const struct role *role) {
        const struct container *c = role->container;
        struct image_ref image = app_pinned(r->app, c->image);

        put_name(u, CONTAINER_NAME, role);
        if (str_is_absent(c->settings.hostname.text))
                put_name(u, CONTAINER_HOST_NAME, role);
        else
                unit_put(u, CONTAINER_HOST_NAME, c->settings.hostname);
        unit_put(u, CONTAINER_IMAGE, image);
        /* The image's unit pulls, with the registry's credentials; a start never does. */
        unit_put_const(u, CONTAINER_PULL, "never");
        put_command(u, c);
        put_init(r, u, c);
        put_hardening(r, u, c);
        render_secrets(r, u, role, render_environment(r, u, role));
        put_labels(r, u, role);
        put_networks(u, c);
        put_mounts(r, u, c);
        if (r->app->home)
                render_owner(r, u, c);
        if (!c->runs_as_owner)
                put_user(r, u, c->user);
        unit_put(u, CONTAINER_WORKDIR, c->workdir);
        put_health(r, u, role->health);
        put_limits(u, c);
        render_settings(u, c);
        if (!role->runs_to_end)
                render_log(u, role);
        if (r->is_plain && has_auto_update(r->app) && !role->runs_to_end)
                unit_put(u, CONTAINER_AUTO_UPDATE,
                         ((struct name){ str_of(updates[r->app->auto_update.index]), NOWHERE }));
}

static struct duration start_timeout(const struct role *role) {
        struct duration d = { START_TIMEOUT_MIN, NOWHERE };
        const struct health *h = role->health;
        uint64_t needed;

        if (role->start_timeout.usec > 0)
                return role->start_timeout;
        if (!h || h->start_period.usec == UINT64_MAX)
                return d;

        needed = h->start_period.usec + h->retries.n * (h->interval.usec + h->timeout.usec) +
                 STOP_TIMEOUT_EXTRA;
        if (needed > d.usec)
                d.usec = needed;
        return d;
}

/* A line of a file that the generator wrote, and the file. */
static void put_condition(struct unit *u, struct abs_path file, struct name unit) {
        unit_open(u, SERVICE_EXEC_CONDITION);
        unit_word_const(u, "/bin/grep");
        unit_word_const(u, "-qsxF");
        unit_word_const(u, "Upholds=");
        unit_part(u, unit);
        unit_word_part(u, file);
        unit_close(u);
}

/* systemd stops an unneeded unit only while it is active: a unit that is being started, or waits for its
 * restart, would be restarted for ever after its file was removed or its scale lowered. So each start first
 * checks if it is still wanted. For the same reason it is not a part of the app's target: a start under way
 * would keep that from stopping. */
static void put_conditions(struct rendering *r, struct unit *u, const struct role *role) {
        static const char instance[] = { '@', INSTANCE_MARK };
        struct str once = role->restart.index == RESTART_ALWAYS ? STR("") : STR("-once");
        struct str suffix = role->restart.index == RESTART_ALWAYS ? STR(".service") : STR(".target");
        struct str number = role->is_template ? (struct str){ instance, sizeof(instance) } : STR("");
        struct name target = { arena_join(r->arena, r->app->name.text, STR(".target")), NOWHERE };
        struct str drop_in = layout_upholding(r->arena, r->app->name.text, role->container->unit.text);
        struct name own = { arena_join(r->arena, role->container->unit.text, once, number, suffix), NOWHERE };

        put_condition(
                u,
                (struct abs_path){ arena_join(r->arena, r->world->places.runtime, STR("/" LAYOUT_ALIVE)),
                                   NOWHERE },
                target);
        put_condition(u, bundle_path(r, drop_in), own);
}

/* The directories that its mounts need. */
static void put_directories(struct unit *u, const struct container *c) {
        LIST_EACH(m, &c->mounts) {
                struct abs_path path = { syntax_volume_split(m->spec.text).source, m->spec.at };

                if (!m->is_made)
                        continue;

                unit_open(u, SERVICE_EXEC_START_PRE);
                unit_word_const(u, "/bin/mkdir");
                unit_word_const(u, "-p");
                unit_word_part(u, path);
                unit_close(u);
        }
}

static void put_service_section(struct rendering *r, struct unit *u, const struct role *role,
                                struct unit_name image) {
        struct duration stop = role->container->stop_timeout;

        if (__builtin_add_overflow(stop.usec, STOP_TIMEOUT_EXTRA, &stop.usec) ||
            __builtin_add_overflow(stop.usec, role->drain.usec, &stop.usec))
                stop.usec = UINT64_MAX;
        unit_put_duration(u, SERVICE_TIMEOUT_STOP, stop);
        if (is_built(r->app, role->container) && !r->is_plain)
                render_built(r, u);
        put_directories(u, role->container);
        if (role->runs_to_end)
                return;

        if (!r->is_plain) {
                put_conditions(r, u, role);
                render_image_check(r, u, role, image);
        }
        unit_put_duration(u, SERVICE_TIMEOUT_START, start_timeout(role));
        render_restart(u, role);
        render_trusted(r, u, role);
}

void render_container(struct rendering *r, struct unit *u, const struct role *role) {
        struct unit_name image = render_image(r, role);

        put_unit_section(r, u, role, image);
        put_container_section(r, u, role);
        put_service_section(r, u, role, image);
        render_order(r, u, role);
        render_hosts(r, role);
}

static void put_raw(struct unit *u, enum unit_section section, const struct quadlet_entry *entries,
                    size_t n) {
        for (size_t i = 0; i < n; i++)
                unit_put_raw(u, section, entries[i].key, entries[i].value);
}

static void put_identity_part(struct unit *u, const struct container *c, const char *name, struct str value) {
        if (container_find_variable(c, str_of(name)))
                return;

        unit_word_part(u, ((struct env_name){ str_of(name), NOWHERE }));
        unit_const(u, "=");
        unit_part(u, ((struct env_text){ value, NOWHERE }));
}

/* Which container this is, for the program in it. As these lines are not part of the revision, a new name of
 * the machine restarts nothing. A variable of the definition counts more. */
static void put_identity(struct rendering *r, struct unit *u, const struct role *role, struct str revision) {
        const struct container *c = role->container;

        unit_open(u, CONTAINER_ENVIRONMENT);
        put_identity_part(u, c, "PYSERVICE_APP", r->app->name.text);
        put_identity_part(u, c, "PYSERVICE_SERVICE", role->name.text);
        if (!r->is_plain)
                put_identity_part(u, c, "PYSERVICE_REVISION", revision);
        put_identity_part(u, c, "PYSERVICE_IMAGE", app_pinned(r->app, c->image).text);
        if (role->is_template && !container_find_variable(c, STR("PYSERVICE_INSTANCE")))
                unit_word_const(u, "PYSERVICE_INSTANCE=%i");
        if (!container_find_variable(c, STR("PYSERVICE_HOST")))
                unit_word_const(u, "PYSERVICE_HOST=%H");
        unit_close(u);
}

/* The values of {{ revision }} and {{ image }}, which systemd puts in, so that a revision's own name is not a
 * part of it. The hooks read the revision too. */
static void put_expanded(struct rendering *r, struct unit *u, const struct role *role, struct name revision) {
        bool is_hooked = !role->runs_to_end && !r->is_plain;
        bool has_revision = is_hooked || unit_expands(u, "PYSERVICE_REVISION");
        bool has_image = unit_expands(u, "PYSERVICE_IMAGE");

        if (!has_revision && !has_image)
                return;

        unit_open(u, SERVICE_ENVIRONMENT);
        if (has_revision) {
                unit_word_const(u, "PYSERVICE_REVISION=");
                unit_part(u, revision);
        }
        if (has_image) {
                unit_word_const(u, "PYSERVICE_IMAGE=");
                unit_part(u, app_pinned(r->app, role->container->image));
        }
        unit_close(u);
}

static bool is_on_failure(const struct rendering *r, const struct role *role) {
        LIST_EACH(name, &r->app->on_failure)
                if (role->is_task && str_eq(name->text, role->name.text))
                        return true;

        return false;
}

/* Podman passes them on if the rollout has written them for systemd. A task that is started by hand has
 * none. */
static void put_failure(struct rendering *r, struct unit *u, const struct role *role) {
        static const char *const names[] = { "PYSERVICE_FAILED_REVISION", "PYSERVICE_REASON" };

        if (r->is_plain || !is_on_failure(r, role))
                return;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (container_find_variable(role->container, str_of(names[i])))
                        continue;
                unit_open(u, CONTAINER_PODMAN_ARGS);
                unit_word_const(u, "--env=");
                unit_part(u, ((struct env_name){ str_of(names[i]), NOWHERE }));
                unit_close(u);
        }
        unit_open(u, SERVICE_ENVIRONMENT_FILE);
        unit_const(u, "-");
        unit_part(u, ((struct abs_path){ r->world->places.runtime, NOWHERE }));
        unit_const(u, "/" LAYOUT_ROLLOUTS "/");
        unit_part(u, r->app->name);
        unit_const(u, LAYOUT_ROLLOUT_FAILURE);
        unit_close(u);
}

void render_finish(struct rendering *r, struct unit *u, const struct role *role) {
        const struct quadlet *q = role->container->quadlet;
        struct str unit = role->container->unit.text, env = layout_env(r->arena, unit, STR("."));
        struct str file = layout_container(r->arena, unit, role->is_template);
        struct hash_state *hash = hash_start(r->arena);
        struct name revision = { .at = NOWHERE };

        if (q) {
                put_raw(u, SECTION_UNIT, q->unit.at, q->unit.n);
                put_raw(u, SECTION_CONTAINER, q->container.at, q->container.n);
                put_raw(u, SECTION_SERVICE, q->service.at, q->service.n);
        }

        if (unit_exec_bytes(u) > UNIT_EXEC_MAX)
                (void) diag_add(r->world->ds, DIAG_UNIT_TOO_LONG, r->app->name.at,
                                "the command line of '%.*s' is longer than systemd's limit of 1 MiB; put "
                                "large values into files",
                                STR_ARG(str_from(file, strlen(LAYOUT_QUADLET "/"))));
        hash_add(hash, unit_text(u));
        hash_add(hash, arena_u64(r->arena, role->host_port.n));
        VEC_EACH(f, &r->tree->files) /* env/UNIT.HASH.env, env/UNIT.HASH.template, env/UNIT.SECRET.HASH.kms */
                if (str_has_prefix(f->path, env))
                        hash_add(hash, f->text);
        revision.text = hash_digits(r->arena, hash, 12);
        if (!r->is_plain)
                put_label(u, (struct label_name){ STR("io.pyservice.revision"), NOWHERE },
                          (struct label_text){ revision.text, NOWHERE });
        put_identity(r, u, role, revision.text);
        put_expanded(r, u, role, revision);
        put_failure(r, u, role);
        *vec_push(r->arena, &r->revisions) = revision;
        tree_mark(unit_finish(u, r->tree, file), role_kind(role), unit);
}

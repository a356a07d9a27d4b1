/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "systemd/bus-parts.h"

/* While systemd reloads it does not answer, and generators may take up to 90 s. */
#define ANSWER_MAX (120 * 1000000ULL)
#define RELOAD_MAX (600 * 1000000ULL)

/* The private socket is that of systemctl itself; it exists if no message bus is installed. */
static int open_private(bool is_user, sd_bus **ret) {
        const char *runtime = is_user ? getenv("XDG_RUNTIME_DIR") : "/run";
        char address[512];
        sd_bus *bus = NULL;
        int r, n;

        n = snprintf(address, sizeof(address), "unix:path=%s/systemd/private", runtime ? runtime : "");
        if (!runtime || n < 0 || (size_t) n >= sizeof(address))
                return -ENOENT;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0) {
                (void) sd_bus_unref(bus);
                return r;
        }

        *ret = bus;
        return 0;
}

static int take_job_end(sd_bus_message *m, void *data, sd_bus_error *error) {
        struct bus *b = data;
        const char *path, *unit, *result;
        uint32_t id;
        int r = sd_bus_message_read(m, "uoss", &id, &path, &unit, &result);

        if (r < 0)
                return r;

        VEC_EACH(job, &b->jobs)
                if (str_is_absent((*job)->result) && strcmp((*job)->path, path) == 0)
                        (*job)->result = arena_str(b->arena, str_of(result));

        return 0;
}

/* systemd sends job signals only to clients that subscribe. */
static int subscribe(struct bus *b) {
        int r = sd_bus_match_signal(b->connection, NULL, b->has_daemon ? SYSTEMD : NULL, MANAGER_PATH,
                                    MANAGER, "JobRemoved", take_job_end, b);

        if (r < 0)
                return r;

        return sd_bus_call_method(b->connection, SYSTEMD, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL,
                                  NULL);
}

/* Frees the connection if it is of no use. */
static int set_up(struct bus *b, struct bus **ret) {
        int r = sd_bus_set_method_call_timeout(b->connection, ANSWER_MAX);

        if (r >= 0)
                r = subscribe(b);
        if (r < 0) {
                bus_close(&b);
                return r;
        }

        *ret = b;
        return 0;
}

int bus_open(struct arena *a, bool is_user, int stop, struct bus **ret) {
        struct bus *b = arena_new(a, struct bus);
        int r = is_user ? sd_bus_open_user(&b->connection) : sd_bus_open_system(&b->connection);

        *b = (struct bus){ .arena = a, .connection = b->connection, .stop = stop, .has_daemon = r >= 0 };
        if (r < 0)
                r = open_private(is_user, &b->connection);
        return r < 0 ? r : set_up(b, ret);
}

int bus_open_private(struct arena *a, bool is_user, struct bus **ret) {
        struct bus *b = arena_new(a, struct bus);

        *b = (struct bus){ .arena = a, .stop = -1 };
        return open_private(is_user, &b->connection) < 0 ? bus_open(a, is_user, -1, ret) : set_up(b, ret);
}

void bus_close(struct bus **b) {
        if (!*b)
                return;

        (void) sd_bus_flush_close_unref((*b)->connection);
        *b = NULL;
}

uint64_t bus_now(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

int bus_read_texts(sd_bus_message *m, struct arena *a, struct bus_names *ret) {
        const char *text;
        int r = sd_bus_message_enter_container(m, 'a', "s");

        while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0)
                *vec_push(a, &ret->list) = arena_str(a, str_of(text));

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int bus_read_value(sd_bus_message *m, struct arena *a, char type, void *place) {
        const char contents[] = { type, '\0' }, *text = "";
        uint64_t wide = 0;
        uint32_t narrow = 0;
        int yes = 0, r = sd_bus_message_read(m, "v", contents,
                                             type == 's'   ? (void *) &text
                                             : type == 'b' ? (void *) &yes
                                             : type == 't' ? (void *) &wide
                                                           : &narrow);

        if (r < 0)
                return r;

        if (type == 's')
                *(struct str *) place = utf8_clean(a, arena_str(a, str_of(text)));
        else if (type == 'b')
                *(bool *) place = yes;
        else
                *(uint64_t *) place = type == 't' ? wide : narrow;
        return 0;
}

/* The unit's job: 0 if it has none. */
static int get_job(struct bus *b, const char *unit_path, uint32_t *ret, char **ret_path) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        const char *path;
        int r = sd_bus_get_property(b->connection, SYSTEMD, unit_path, UNIT, "Job", NULL, &m, "(uo)");

        if (r >= 0)
                r = sd_bus_message_read(m, "(uo)", ret, &path);
        if (r < 0)
                return r;

        *ret_path = strdup(path);
        return *ret_path ? 0 : -ENOMEM;
}

int bus_get_dependencies(struct bus *b, struct arena *a, struct str unit, const char *kind,
                         struct bus_names *ret) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        CLEANUP(bus_free_text) char *path = NULL;
        struct bus_names names = { 0 };
        int r = bus_unit_path(a, unit, &path);

        if (r >= 0)
                r = sd_bus_get_property(b->connection, SYSTEMD, path, UNIT, kind, NULL, &m, "as");
        if (r >= 0)
                r = bus_read_texts(m, a, &names);
        if (r < 0)
                return r;

        *ret = names;
        return 0;
}

int bus_list_units(struct bus *b, struct arena *a, struct str pattern, struct bus_list *ret) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        const char *name, *active, *sub, *job;
        struct bus_list units = { 0 };
        int r = sd_bus_call_method(b->connection, SYSTEMD, MANAGER_PATH, MANAGER, "ListUnitsByPatterns", NULL,
                                   &m, "asas", 0, 1, arena_str(a, pattern).p);

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ssssssouso)", &name, NULL, NULL, &active, &sub, NULL,
                                                  NULL, NULL, &job, NULL)) > 0)
                *vec_push(a, &units.list) =
                        (struct bus_listed){ arena_str(a, str_of(name)), arena_str(a, str_of(active)),
                                             arena_str(a, str_of(sub)), arena_str(a, str_of(job)) };
        if (r < 0)
                return r;

        *ret = units;
        return 0;
}

int bus_get_version(struct bus *b, struct arena *a, struct str *ret) {
        CLEANUP(bus_free_text) char *version = NULL;
        int r = sd_bus_get_property_string(b->connection, SYSTEMD, MANAGER_PATH, MANAGER, "Version", NULL,
                                           &version);

        if (r < 0)
                return r;

        *ret = arena_str(a, str_of(version));
        return 0;
}

int bus_get_load_time(struct bus *b, uint64_t *ret) {
        return sd_bus_get_property_trivial(b->connection, SYSTEMD, MANAGER_PATH, MANAGER,
                                           "UnitsLoadTimestampMonotonic", NULL, 't', ret);
}

int bus_is_stopping(struct bus *b, struct str unit, bool *ret) {
        CLEANUP(bus_free_text) char *path = NULL;
        CLEANUP(bus_free_text) char *job = NULL;
        CLEANUP(bus_free_text) char *type = NULL;
        struct arena scratch = { 0 };
        uint32_t id = 0;
        int r = bus_unit_path(&scratch, unit, &path);

        arena_done(&scratch);
        if (r >= 0)
                r = get_job(b, path, &id, &job);
        if (r < 0)
                return r;

        *ret = false;
        /* It may have ended since; then there is no job. */
        if (id != 0 &&
            sd_bus_get_property_string(b->connection, SYSTEMD, job, JOB, "JobType", NULL, &type) >= 0)
                *ret = strcmp(type, "start") != 0;
        return 0;
}

int bus_is_booting(struct bus *b, bool *ret) {
        CLEANUP(bus_free_text) char *state = NULL;
        int r = sd_bus_get_property_string(b->connection, SYSTEMD, MANAGER_PATH, MANAGER, "SystemState", NULL,
                                           &state);

        if (r < 0)
                return r;

        *ret = strcmp(state, "initializing") == 0 || strcmp(state, "starting") == 0;
        return 0;
}

int bus_start_job(struct bus *b, enum bus_verb verb, struct str unit, struct bus_job **ret) {
        static const char *const methods[] = { "StartUnit", "StopUnit", "RestartUnit", "ReloadUnit",
                                               "ReloadUnit" };
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        struct bus_job *job = arena_new(b->arena, struct bus_job);
        const char *path = "";
        int r;

        job->unit = arena_str(b->arena, unit);
        r = sd_bus_call_method(b->connection, SYSTEMD, MANAGER_PATH, MANAGER, methods[verb], &error, &m, "ss",
                               job->unit.p, verb == BUS_RELOAD_NOW ? "ignore-dependencies" : "replace");
        if (r < 0 && sd_bus_error_is_set(&error) && str_has_prefix(str_of(error.name), STR(SYSTEMD "."))) {
                job->result = arena_str(b->arena, str_from(str_of(error.name), strlen(SYSTEMD ".")));
                r = 0;
        } else if (r >= 0)
                r = sd_bus_message_read(m, "o", &path);
        sd_bus_error_free(&error);
        if (r < 0)
                return r;

        (void) snprintf(job->path, sizeof(job->path), "%s", path);
        *vec_push(b->arena, &b->jobs) = job;
        *ret = job;
        return 0;
}

/* Reads all messages that have arrived. 1 if there were any. */
static int take_all(struct bus *b) {
        int r, any = 0;

        while ((r = sd_bus_process(b->connection, NULL)) > 0)
                any = 1;

        return r < 0 ? r : any;
}

int bus_look_at_job(struct bus *b, struct bus_job *job) {
        CLEANUP(bus_free_text) char *state = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        bool is_gone;
        int r;

        if (!str_is_absent(job->result))
                return 0;

        r = sd_bus_get_property_string(b->connection, SYSTEMD, job->path, JOB, "State", &error, &state);
        is_gone = sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT);
        sd_bus_error_free(&error);
        if (r < 0 && !is_gone)
                return r;

        /* The signal of its end came before this answer, if it came at all. */
        r = take_all(b);
        if (is_gone && str_is_absent(job->result))
                job->result = STR("lost");
        return r < 0 ? r : 0;
}

int bus_wait(struct bus *b, uint64_t ms) {
        struct pollfd p[] = { { .fd = b->stop, .events = POLLIN },
                              { .fd = sd_bus_get_fd(b->connection), .events = POLLIN } };
        int r = take_all(b);

        if (r < 0)
                return r;

        if (poll(p, ARRAY_SIZE(p), r > 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int) ms) < 0 && errno != EINTR)
                return -errno;
        if (p[0].revents != 0)
                return -ECANCELED;

        r = take_all(b);
        return r < 0 ? r : 0;
}

int bus_reload(struct bus *b) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(b->connection, &m, SYSTEMD, MANAGER_PATH, MANAGER, "Reload");

        return r < 0 ? r : sd_bus_call(b->connection, m, RELOAD_MAX, NULL, NULL);
}

int bus_reset_failed(struct bus *b, struct str unit) {
        struct arena scratch = { 0 };
        int r = sd_bus_call_method(b->connection, SYSTEMD, MANAGER_PATH, MANAGER, "ResetFailedUnit", NULL,
                                   NULL, "s", arena_str(&scratch, unit).p);

        arena_done(&scratch);
        return r;
}

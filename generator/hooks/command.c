/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "hooks/container-options.h"
#include "runtime/spawn.h"
#include "systemd/bus.h"
#include "systemd/readiness.h"

enum {
        LAST_LINE_MAX = 300,
        TIMED_OUT = 124, /* timeout(1) */
};

struct words {
        struct arena *arena;
        VEC(const char *) list;
};

static void put(struct words *w, struct str word) {
        *vec_push(w->arena, &w->list) = word.p;
}

static void put_command(struct words *w, const struct instance *i) {
        for (const char *const *word = i->command; *word; word++)
                put(w, str_of(*word));
        *vec_push(w->arena, &w->list) = NULL;
}

static void print(struct str text) {
        if (text.n > 0)
                (void) fprintf(stderr, "%.*s%s", STR_ARG(text), str_has_suffix(text, STR("\n")) ? "" : "\n");
}

/* Absent if it ended well, else how it ended. */
static struct str run(struct instance *i, const struct words *w) {
        struct spawn_result result;
        int r = w->list.at[0] ? spawn_run(i->arena, w->list.at, &result) : -ENOPKG;
        struct str last;

        if (r < 0)
                return arena_join(i->arena, STR("could not run: "), str_of(strerror(-r)));

        print(utf8_clean(i->arena, result.out));
        print(result.err);
        if (result.status == 0)
                return (struct str){ 0 };
        if (i->limit > 0 && result.status == TIMED_OUT)
                return arena_join(i->arena, STR("did not end within "), arena_u64(i->arena, i->limit / 1000),
                                  STR(" s"));

        last = str_last_line(result.err);
        if (last.n == 0)
                last = str_last_line(result.out);
        return arena_join(i->arena, STR("exited with status "), arena_u64(i->arena, (uint64_t) result.status),
                          last.n > 0 ? STR(": ") : STR(""), utf8_clean_line(i->arena, last, LAST_LINE_MAX));
}

/* 1 if there is a reason. */
static int judge(struct instance *i, struct str name, struct str reason) {
        if (str_is_absent(reason))
                return 0;

        instance_note(i, arena_join(i->arena, STR(READINESS_NOT_READY ": "), name, STR(" "), reason));
        return 1;
}

/* Podman takes the last of several. */
static void put_user(struct words *w, const struct instance *i) {
        if (!str_is_absent(i->as))
                put(w, arena_join(i->arena, STR("--user="), i->as));
}

static void put_exec(struct words *w, const struct instance *i) {
        put(w, spawn_find(i->arena, "podman"));
        put(w, STR("exec"));
        put_user(w, i);
        put(w, i->name);
        put_command(w, i);
}

int command_after_start(struct instance *i) {
        struct words w = { .arena = i->arena };

        put_exec(&w, i);
        return judge(i, STR("after_start"), run(i, &w));
}

void command_before_stop(struct instance *i) {
        struct words w = { .arena = i->arena };
        struct str reason;

        put(&w, spawn_find(i->arena, "timeout"));
        put(&w, arena_printf(i->arena, "%llu.%03llu", (unsigned long long) i->limit / 1000,
                             (unsigned long long) i->limit % 1000));
        put_exec(&w, i);
        reason = run(i, &w);
        if (!str_is_absent(reason))
                instance_note(i, arena_join(i->arena, STR("before_stop "), reason));
}

static int read_unit(struct instance *i, struct bus_exec *ret) {
        struct bus *bus = NULL;
        int r = bus_open(i->arena, i->is_user, -1, &bus);

        if (r >= 0)
                r = bus_get_exec(bus, i->arena, i->unit, ret);
        bus_close(&bus);
        /* systemd has put the unit's variables into this program's own environment, those of files too. */
        for (char **entry = environ; r >= 0 && *entry; entry++)
                *vec_push(i->arena, &ret->environment.list) = str_of(*entry);
        return r;
}

/* With the unit's name in the environment Podman would take this for the unit's container, and through
 * the socket it would report that the unit is ready. */
static int leave_unit(void) {
        return unsetenv("PODMAN_SYSTEMD_UNIT") < 0 || unsetenv("NOTIFY_SOCKET") < 0 ? -errno : 0;
}

int command_before_start(struct instance *i) {
        struct words w = { .arena = i->arena };
        struct container_words options = { 0 };
        struct bus_exec exec = { 0 };
        struct str own = { i->name.p, i->name.n - strlen(COMMAND_BEFORE_START_SUFFIX) };
        int r = read_unit(i, &exec);

        if (r >= 0)
                r = leave_unit();
        if (r < 0)
                return r;
        if (!container_options(i->arena, &exec, i->image, &options))
                return judge(i, STR("before_start"), STR("could not run: the unit's command has no image"));

        put(&w, str_of(exec.start.argv[0]));
        VEC_EACH(word, &options.list)
                put(&w, *word);
        put(&w, arena_join(i->arena, STR("--name="), i->name));
        put(&w, arena_join(i->arena, STR("--hostname="), own));
        put(&w, STR("--replace"));
        put(&w, STR("--rm"));
        put(&w, STR("--no-healthcheck"));
        put(&w, STR("--log-driver=none"));
        put(&w, STR("--label=io.pyservice.run=yes"));
        put_user(&w, i);
        put(&w, STR("--entrypoint="));
        put(&w, i->image);
        put_command(&w, i);
        return judge(i, STR("before_start"), run(i, &w));
}

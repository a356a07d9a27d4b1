/* SPDX-License-Identifier: Apache-2.0 */
#include "systemd/bus-exec.h"

#include "base/buf.h"
#include "systemd/bus-parts.h"

static int get_texts(struct bus *b, struct arena *a, const char *const where[2], struct bus_names *ret) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        int r = sd_bus_get_property(b->connection, SYSTEMD, where[0], SERVICE, where[1], NULL, &m, "as");

        return r < 0 ? r : bus_read_texts(m, a, ret);
}

/* One element of ExecStart and its like: path, argv, and how it went the last time. */
static int read_command(sd_bus_message *m, struct arena *a, struct bus_command *ret) {
        struct bus_names words = { 0 };
        int r = sd_bus_message_skip(m, "s");

        if (r >= 0)
                r = bus_read_texts(m, a, &words);
        if (r >= 0)
                r = sd_bus_message_skip(m, "bttttuii");
        if (r < 0)
                return r;

        *ret = (struct bus_command){ arena_array(a, words.list.n + 1, const char *), words.list.n };
        for (size_t i = 0; i < words.list.n; i++)
                ret->argv[i] = words.list.at[i].p;
        return 0;
}

struct commands {
        VEC(struct bus_command) list;
};

static int get_commands(struct bus *b, struct arena *a, const char *const where[2], struct commands *ret) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        int r = sd_bus_get_property(b->connection, SYSTEMD, where[0], SERVICE, where[1], NULL, &m,
                                    "a(sasbttttuii)");

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
                r = read_command(m, a, vec_push(a, &ret->list));
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }

        return r < 0 ? r : 0;
}

static int get_files(struct bus *b, struct arena *a, const char *path, struct bus_names *ret) {
        CLEANUP(bus_unref_message) sd_bus_message *m = NULL;
        const char *file;
        int r = sd_bus_get_property(b->connection, SYSTEMD, path, SERVICE, "EnvironmentFiles", NULL, &m,
                                    "a(sb)");

        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sb)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(sb)", &file, NULL)) > 0)
                *vec_push(a, &ret->list) = arena_str(a, str_of(file));
        return r < 0 ? r : 0;
}

int bus_get_exec(struct bus *b, struct arena *a, struct str unit, struct bus_exec *ret) {
        CLEANUP(bus_free_text) char *path = NULL;
        struct commands before = { 0 }, start = { 0 };
        struct bus_exec exec = { 0 };
        int r = bus_unit_path(a, unit, &path);

        if (r >= 0)
                r = get_commands(b, a, (const char *[]){ path, "ExecStartPre" }, &before);
        if (r >= 0)
                r = get_commands(b, a, (const char *[]){ path, "ExecStart" }, &start);
        if (r >= 0)
                r = get_texts(b, a, (const char *[]){ path, "Environment" }, &exec.environment);
        if (r >= 0)
                r = get_texts(b, a, (const char *[]){ path, "RuntimeDirectory" }, &exec.directories);
        if (r >= 0)
                r = get_files(b, a, path, &exec.files);
        if (r < 0)
                return r;

        VEC_EACH(command, &before.list)
                *vec_push(a, &exec.before) = *command;
        if (start.list.n > 0)
                exec.start = start.list.at[0];
        *ret = exec;
        return 0;
}

static struct str find_variable(const struct bus_names *environment, struct str name) {
        struct str found = STR("");

        VEC_EACH(entry, &environment->list)
                if (str_find(*entry, '=') == name.n && str_has_prefix(*entry, name))
                        found = str_from(*entry, name.n + 1);
        return found;
}

struct str bus_expand(struct arena *a, struct str word, const struct bus_names *environment) {
        struct buf out = buf_in(a);

        for (size_t i = 0; i < word.n; i++) {
                struct str rest = str_from(word, i);
                size_t end = str_find(rest, '}');

                if (str_has_prefix(rest, STR("$$"))) {
                        buf_put_char(&out, '$');
                        i++;
                } else if (str_has_prefix(rest, STR("${")) && end < rest.n) {
                        buf_put_str(&out, find_variable(environment, (struct str){ rest.p + 2, end - 2 }));
                        i += end;
                } else
                        buf_put_char(&out, word.p[i]);
        }

        return buf_str(&out);
}

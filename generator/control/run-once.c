/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl run APP -- COMMAND: secrets, then podman. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "control/run.h"
#include "hooks/environment.h"
#include "output/env.h"
#include "runtime/spawn.h"

enum { ENV_FILE_MAX = 1 << 20 };

/* Podman takes a proxy and much else from its environment: it is to find what it finds as a service, not
 * what this shell has. */
static int clear_environment(struct ctl *c) {
        static const char *const names[] = { "PATH",
                                             "HOME",
                                             "USER",
                                             "LOGNAME",
                                             "LANG",
                                             "TERM",
                                             "XDG_RUNTIME_DIR",
                                             "DBUS_SESSION_BUS_ADDRESS" };
        struct str values[ARRAY_SIZE(names)];
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                values[i] =
                        getenv(names[i]) ? arena_str(&c->arena, str_of(getenv(names[i]))) : (struct str){ 0 };
        (void) clearenv();
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
                if (!str_is_absent(values[i]))
                        r = setenv(names[i], values[i].p, 1);
        return r;
}

/* The environment of a unit's commands, without the variables that name the container's owner: this container
 * belongs to no unit. */
static int set_environment(struct once *o) {
        struct str credentials = arena_join(&o->c->arena, o->runtime, STR("/credentials/"), o->unit);
        int r = clear_environment(o->c);

        if (r == 0)
                r = setenv("RUNTIME_DIRECTORY", o->directory.p, 1);

        VEC_EACH(entry, &o->exec.environment.list) {
                size_t equals = str_find(*entry, '=');

                if (r == 0 && equals < entry->n && !str_has_prefix(*entry, STR("PODMAN_SYSTEMD_UNIT=")))
                        r = setenv(arena_str(&o->c->arena, (struct str){ entry->p, equals }).p,
                                   arena_str(&o->c->arena, str_from(*entry, equals + 1)).p, 1);
        }
        /* A user's credentials only the user's manager can decrypt: those of the instance that runs, if
         * one does. */
        if (r == 0 && o->c->is_user && access(credentials.p, R_OK) == 0)
                r = setenv("CREDENTIALS_DIRECTORY", credentials.p, 1);
        return r < 0 ? -errno : 0;
}

/* The result of the setup: the user that runs the container. The unit's variables with secrets are in a
 * directory of its own and are not used here. */
static void read_files(struct once *o) {
        VEC_EACH(file, &o->exec.files.list) {
                struct str text, line;

                if (str_has_suffix(*file, STR("/" ENVIRONMENT_FILE)) ||
                    fs_read(&o->c->arena, AT_FDCWD, file->p, ENV_FILE_MAX, &text) < 0)
                        continue;
                while (str_split(&text, '\n', &line))
                        if (line.n > 0 && line.p[0] != '#' && str_find(line, '=') < line.n)
                                *vec_push(&o->c->arena, &o->exec.environment.list) = line;
        }
}

static int run_before(struct once *o, const struct bus_command *command) {
        const char **argv = arena_array(&o->c->arena, command->n + 1, const char *);
        struct spawn_result result;
        int r;

        for (size_t i = 0; i < command->n; i++)
                argv[i] = bus_expand(&o->c->arena, str_of(command->argv[i]), &o->exec.environment).p;

        /* A command of a unit may be a name without a path (systemd.service(5)). */
        if (!strchr(argv[0], '/') && !str_is_absent(spawn_find(&o->c->arena, argv[0])))
                argv[0] = spawn_find(&o->c->arena, argv[0]).p;

        r = spawn_run(&o->c->arena, argv, &result);
        if (r < 0)
                return ctl_fail(argv[0], r);
        if (result.status == 0)
                return 0;

        (void) fprintf(stderr, "%.*s\npyservicectl: a command before the start failed: %s\n",
                       STR_ARG(str_trim(result.err)), argv[0]);
        return CTL_ERROR;
}

static int read_variables(struct once *o) {
        struct str path = arena_join(&o->c->arena, o->directory, STR("/" ENVIRONMENT_FILE)), text;
        struct once_variable v;
        int r = fs_read(&o->c->arena, AT_FDCWD, path.p, BUF_MAX, &text);

        if (r == -ENOENT)
                return 0;

        while (r >= 0 && (r = env_unit_take(&o->c->arena, &text, &v.name, &v.value)) > 0)
                *vec_push(&o->c->arena, &o->variables) = v;
        return r;
}

int once_prepare(struct once *o) {
        int r = set_environment(o);

        if (r < 0)
                return ctl_fail("cannot prepare the secrets", r);

        VEC_EACH(command, &o->exec.before) {
                r = run_before(o, command);
                if (r != 0)
                        return r;
        }

        r = read_variables(o);
        return r < 0 ? ctl_fail("cannot read the variables with secrets", r) : 0;
}

static int make_directory(const struct once *o) {
        int r = fs_make_dirs(AT_FDCWD, o->directory.p, true);

        return r >= 0 && mkdir(o->directory.p, 0700) < 0 ? -errno : r;
}

/* APP-run-XXXX, and the directory of its secrets. The directory is unique, so no two runs have the same
 * name. */
static int make_name(struct once *o, struct str app) {
        static const char digits[] = "0123456789abcdef";
        unsigned char bytes[4];
        char text[sizeof(bytes)];
        int r;

        do {
                if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                        return -EIO;

                for (size_t i = 0; i < sizeof(bytes); i++)
                        text[i] = digits[bytes[i] & 15];
                o->name = arena_join(&o->c->arena, app, STR("-run-"), (struct str){ text, sizeof(text) });
                o->directory =
                        arena_join(&o->c->arena, o->runtime, STR("/pyservice/" LAYOUT_SECRETS "/"), o->name);
                r = make_directory(o);
        } while (r == -EEXIST);

        return r;
}

static struct str unit_of(struct ctl *c, const struct aim *aim) {
        struct str number = str_is_absent(aim->target.instance) ? STR("0") : aim->target.instance,
                   unit = aim->part->unit;

        return aim->part->kind == RECORD_SERVICE
                       ? arena_join(&c->arena, unit, STR("@"), number, STR(".service"))
                       : arena_join(&c->arena, unit, STR(".service"));
}

static int refuse(const struct aim *aim, const char *why) {
        (void) fprintf(stderr, "pyservicectl: %.*s: %s\n", STR_ARG(aim->app->name), why);
        return CTL_ERROR;
}

static int ask_systemd(struct once *o) {
        struct bus *b = NULL;
        int r = bus_open(&o->c->arena, o->c->is_user, -1, &b);

        if (r >= 0)
                r = bus_get_exec(b, &o->c->arena, o->unit, &o->exec);
        bus_close(&b);
        return r;
}

int once_open(struct ctl *c, const struct aim *aim, struct once *ret) {
        struct once o = { .c = c, .runtime = c->is_user ? str_of(getenv("XDG_RUNTIME_DIR")) : STR("/run") };
        int r;

        if (!aim->part)
                return refuse(aim, "it has no services");

        o.image = aim->part->image;
        o.unit = unit_of(c, aim);
        r = ask_systemd(&o);
        if (r < 0)
                return ctl_fail_systemd(r);
        if (o.exec.start.n == 0)
                return refuse(aim, "systemd does not know its units; 'systemctl daemon-reload' publishes new "
                                   "ones, 'pyservicectl status' shows what is wrong");

        read_files(&o);
        /* A core dump would be a copy of the secrets on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        r = make_name(&o, aim->app->name);
        if (r < 0)
                return ctl_fail("cannot make a directory for its secrets", r);

        *ret = o;
        return 0;
}

/* Podman passes them on by name. */
static int set_variables(const struct once *o) {
        VEC_EACH(v, &o->variables)
                if (setenv(v->name.p, arena_str(&o->c->arena, v->value).p, 1) < 0)
                        return ctl_fail("setenv", -errno);

        return 0;
}

static int start(struct once *o, const struct aim *aim) {
        const char **argv = once_argv(o);
        int r = argv ? once_prepare(o) : refuse(aim, "cannot parse the command of its unit; it has no image");

        if (r == 0)
                r = set_variables(o);
        return r == 0 ? once_run(o, argv) : r;
}

int run_once(struct ctl *c, const struct aim *aim) {
        struct once o;
        struct guard guard;
        int r = once_open(c, aim, &o);

        if (r != 0)
                return r;

        o.has_terminal = run_has_terminal();
        o.command = (const char *const *) c->argv + (c->argc - c->n_tail);
        o.n_command = (size_t) c->n_tail;
        r = guard_start(&o, &guard);
        if (r < 0) {
                (void) fs_remove_tree(AT_FDCWD, o.directory.p);
                return ctl_fail("cannot start another process", r);
        }

        r = start(&o, aim);
        (void) fs_remove_tree(AT_FDCWD, o.directory.p);
        guard_end(&guard);
        return r;
}

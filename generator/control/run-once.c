/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl run APP -- COMMAND: secrets, then podman. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "control/run.h"
#include "hooks/container-options.h"
#include "hooks/environment.h"
#include "output/env.h"
#include "runtime/spawn.h"

/* The time that the container has after the request to end; without an init of its own it may not notice the
 * request. */
enum { GRACE_SECONDS = 10 };

/* In a process of its own: waits until this program reports success, or is gone. */
static void guard(const struct once *o, int end) {
        const char *argv[] = {
                o->exec.start.argv[0], "rm", "--force", "--time=0", "--ignore", o->name.p, NULL
        };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct spawn_result result;
        char word;

        (void) setsid();
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                (void) dup2(null, fd);
        if (TEMP_FAILURE_RETRY(read(end, &word, 1)) == 1)
                _exit(0);

        (void) spawn_run(&o->c->arena, argv, &result);
        (void) fs_remove_tree(AT_FDCWD, o->directory.p);
        _exit(0);
}

static void kill_container(const struct once *o) {
        const char *argv[] = { o->exec.start.argv[0], "kill", o->name.p, NULL };
        struct spawn_result result;

        (void) spawn_run(&o->c->arena, argv, &result);
}

/* A signal to this program is passed to podman, which passes it on. Signals of the terminal reach podman
 * directly. */
static int wait_for(const struct once *o, pid_t child, const sigset_t *signals) {
        const struct timespec grace = { .tv_sec = GRACE_SECONDS };
        unsigned n_asked = 0;
        int status;

        while (TEMP_FAILURE_RETRY(waitpid(child, &status, WNOHANG)) == 0) {
                siginfo_t info;
                int r = n_asked == 1 ? sigtimedwait(signals, &info, &grace) : sigwaitinfo(signals, &info);

                if (r == SIGCHLD || (r < 0 && errno != EAGAIN))
                        continue;
                if (r > 0 && info.si_code != SI_KERNEL)
                        (void) kill(child, r);
                if (++n_asked == 2)
                        kill_container(o);
        }

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start_podman(const char *const *argv, const sigset_t *before) {
        pid_t child = fork();

        if (child != 0)
                return child;

        (void) sigprocmask(SIG_SETMASK, before, NULL);
        (void) execv(argv[0], (char *const *) argv);
        (void) fprintf(stderr, "pyservicectl: %s: %s\n", argv[0], strerror(errno));
        _exit(EXIT_SYSTEM);
}

/* Runs podman in the foreground to its end; gives its exit status. */
static int run_podman(const struct once *o, const char *const *argv) {
        static const int asked[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        sigset_t signals, before;
        pid_t child;
        int status;

        (void) signal(SIGCHLD, SIG_DFL);
        (void) sigemptyset(&signals);
        for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
                (void) sigaddset(&signals, asked[i]);
        (void) sigprocmask(SIG_BLOCK, &signals, &before);

        child = start_podman(argv, &before);
        status = child < 0 ? ctl_fail("cannot start podman", -errno) : wait_for(o, child, &signals);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return status;
}

int guard_start(const struct once *o, struct guard *ret) {
        int ends[2];
        pid_t child;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;

        child = fork();
        if (child == 0) {
                (void) close(ends[1]);
                guard(o, ends[0]);
        }

        (void) close(ends[0]);
        *ret = (struct guard){ ends[1], child };
        return child < 0 ? -errno : 0;
}

void guard_end(struct guard *g) {
        (void) TEMP_FAILURE_RETRY(write(g->end, "", 1));
        (void) close(g->end);
        (void) TEMP_FAILURE_RETRY(waitpid(g->process, NULL, 0));
}

struct words {
        struct arena *arena;
        VEC(const char *) list;
};

static void put(struct words *w, struct str word) {
        *vec_push(w->arena, &w->list) = arena_str(w->arena, word).p;
}

/* The unit's own directory of secrets becomes this container's. */
static struct str move_secrets(const struct once *o, struct str word) {
        VEC_EACH(directory, &o->exec.directories.list) {
                struct str path = arena_join(&o->c->arena, o->runtime, STR("/"), *directory, STR("/"));
                size_t at = str_find_str(word, path);

                if (at < word.n)
                        return arena_join(&o->c->arena, (struct str){ word.p, at }, o->directory, STR("/"),
                                          str_from(word, at + path.n));
        }

        return word;
}

const char **once_argv(const struct once *o) {
        struct words w = { .arena = &o->c->arena };
        struct container_words options = { 0 };

        if (!container_options(w.arena, &o->exec, o->image, &options))
                return NULL;

        put(&w, str_of(o->exec.start.argv[0]));
        VEC_EACH(word, &options.list)
                put(&w, move_secrets(o, *word));

        put(&w, STR("--name"));
        put(&w, o->name);
        put(&w, STR("--hostname"));
        put(&w, o->name);
        put(&w, STR("--rm"));
        put(&w, STR("--interactive"));
        if (o->has_terminal)
                put(&w, STR("--tty"));
        put(&w, STR("--no-healthcheck"));
        /* The output is the user's; the session at a terminal does not belong in the journal. */
        put(&w, STR("--log-driver=none"));
        put(&w, STR("--label=io.pyservice.run=yes"));
        put(&w, STR("--entrypoint="));
        put(&w, o->image);
        for (size_t i = 0; i < o->n_command; i++)
                put(&w, str_of(o->command[i]));
        *vec_push(w.arena, &w.list) = NULL;
        return w.list.at;
}

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
        return r == 0 ? run_podman(o, argv) : r;
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

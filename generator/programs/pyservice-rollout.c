/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-rollout: brings an application's instances to the revision that is wanted. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/world.h"
#include "base/fs.h"
#include "programs/usage.h"
#include "rollout/require.h"
#include "rollout/rollout.h"
#include "systemd/notify.h"

enum {
        PAUSE_MS = 5000, /* systemd starts it again at once */
};

static const char usage_text[] =
        "usage: pyservice-rollout [--user] run APP REVISION\n       pyservice-rollout [--user] keep\n       "
        "pyservice-rollout [--user] require UNIT...\nBrings the instances of an application to a revision, "
        "keeps what a rollback needs, and waits until the units that an\ninstance requires are ready. Units "
        "that the generator writes run it; administrators use 'pyservicectl rollout'.\n";

struct program {
        struct arena arena;
        struct places places;
        struct rollout_run rollout;
        int stop;
};

static int fail(struct str what, int r) {
        (void) fprintf(stderr, "pyservice-rollout: %.*s: %s\n", STR_ARG(what), strerror(-r));
        return EXIT_SYSTEM;
}

static int find_places(struct program *p) {
        const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");

        if (!p->rollout.is_user) {
                places_system(&p->places);
                return 0;
        }
        if (!home || !runtime)
                return -ENOENT;

        places_user(&p->arena, str_of(home), str_of(runtime), &p->places);
        return 0;
}

static int open_places(struct program *p) {
        struct rollout_run *ro = &p->rollout;
        int r = find_places(p);

        if (r < 0)
                return fail(STR("HOME and XDG_RUNTIME_DIR"), r);

        ro->runtime = fs_open_dir(AT_FDCWD, p->places.runtime.p);
        if (ro->runtime < 0)
                return fail(p->places.runtime, ro->runtime);
        ro->state_path = p->places.state;
        r = fs_make_dirs(AT_FDCWD, p->places.state.p, false);
        if (r >= 0)
                r = ro->state = fs_open_dir(AT_FDCWD, p->places.state.p);
        return r < 0 ? fail(p->places.state, r) : EXIT_SUCCESS;
}

/* SIGTERM is read at safe points only, and never interrupts a step. */
static int open_stop(int *ret) {
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;

        *ret = signalfd(-1, &signals, SFD_CLOEXEC);
        return *ret < 0 ? -errno : 0;
}

/* An error that lasts (a full disk, a bus that is gone) will still be there in a moment. True if systemd
 * stops us meanwhile: at a shutdown the bus goes first. */
static bool hold_back(const struct program *p) {
        struct pollfd stop = { .fd = p->stop, .events = POLLIN };

        return poll(&stop, 1, PAUSE_MS) > 0;
}

static int run(struct program *p, struct str app, struct str revision) {
        struct rollout_run *ro = &p->rollout;
        int r = open_places(p);

        if (r != EXIT_SUCCESS)
                return r;

        ro->app = app;
        ro->revision = revision;
        ro->started = bus_now();
        r = open_stop(&p->stop);
        if (r < 0)
                return fail(STR("signals"), r);

        /* At once: what is started after this unit, and systemd itself, shall not wait for a rollout. */
        notify_manager(&p->arena, STR("READY=1"));
        r = bus_open(&p->arena, ro->is_user, p->stop, &ro->bus);
        if (r >= 0)
                r = rollout_run(ro);
        bus_close(&ro->bus);
        if (r >= 0)
                return r;
        if (hold_back(p))
                return EXIT_SUCCESS;

        return fail(
                arena_join(&p->arena, app, STR(": "),
                           str_is_absent(ro->progress.message) ? STR("systemd's bus") : ro->progress.message),
                r);
}

static int keep(struct program *p) {
        int r = open_places(p);

        if (r != EXIT_SUCCESS)
                return r;

        r = bus_open(&p->arena, p->rollout.is_user, -1, &p->rollout.bus);
        if (r >= 0)
                r = keep_run(&p->arena, p->rollout.runtime, p->rollout.state, p->rollout.bus);
        bus_close(&p->rollout.bus);
        return r < 0 ? fail(STR("keeping the accepted revisions"), r) : EXIT_SUCCESS;
}

static int require(struct program *p, char *const units[], size_t n) {
        int r = bus_open(&p->arena, p->rollout.is_user, -1, &p->rollout.bus);

        if (r >= 0)
                r = require_run(p->rollout.bus, units, n);
        bus_close(&p->rollout.bus);
        return r < 0 ? fail(STR("waiting for required units"), r) : EXIT_SUCCESS;
}

/* Both become parts of paths and unit names. */
static bool is_name(const char *text) {
        struct str s = str_of(text);

        return s.n > 0 && s.n < 200 && text[0] != '-' &&
               str_is_made_of(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "user", no_argument, NULL, 'u' },
                USAGE_OPTIONS,
                { 0 },
        };
        struct program program = { .stop = -1 };

        (void) umask(0022);
        program.rollout = (struct rollout_run){ .arena = &program.arena, .runtime = -1, .state = -1 };
        for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;)
                switch (c) {
                case 'u':
                        program.rollout.is_user = true;
                        break;
                default:
                        return usage_answer(c, usage_text);
                }

        argc -= optind;
        argv += optind;
        if (argc == 3 && strcmp(argv[0], "run") == 0 && is_name(argv[1]) && is_name(argv[2]))
                return run(&program, str_of(argv[1]), str_of(argv[2]));
        if (argc == 1 && strcmp(argv[0], "keep") == 0)
                return keep(&program);
        if (argc > 1 && strcmp(argv[0], "require") == 0)
                return require(&program, argv + 1, (size_t) argc - 1);

        return usage_answer('?', usage_text);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-setup: makes an app's user, directories and files before it starts. */

#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "hooks/setup.h"
#include "programs/usage.h"

static const char usage_text[] =
        "usage: pyservice-setup --app=NAME --marks=DIR --ready=NAME --tmpfiles=FILE [--sysusers=FILE]\n"
        "           [--owner=USER:GROUP] [--secrets=DIR] [--path=PATH...] [--mount=PATH...] NAME=PATH...\n"
        "       pyservice-setup --app=NAME --marks=DIR --ready=NAME --check\n"
        "Runs systemd-sysusers and systemd-tmpfiles to create what an application needs, unless it exists "
        "already.\n";

static int usage(const char *what) {
        (void) fprintf(stderr, "pyservice-setup: %s\n%s", what, usage_text);
        return EXIT_USAGE;
}

static int run(struct setup *s) {
        int r = s->tmpfiles ? setup_run(s) : setup_check(s);

        VEC_EACH(p, &s->problems)
                (void) fprintf(stderr, "pyservice-setup: %s\n", utf8_clean(s->arena, *p).p);
        if (r >= 0)
                return r > 0 ? EXIT_USER : EXIT_SUCCESS;

        (void) fprintf(stderr, "pyservice-setup: setting up '%s': %s\n", s->app.p, strerror(-r));
        return EXIT_SYSTEM;
}

/* False if it is not an option. */
static bool take_option(struct setup *s, int option, const char *value) {
        switch (option) {
        case 'a':
                s->app = str_of(value);
                return true;
        case 'm':
                s->marks = value;
                return true;
        case 't':
                s->tmpfiles = value;
                return true;
        case 's':
                s->sysusers = value;
                return true;
        case 'o':
                s->owner = str_of(value);
                return true;
        case 'p':
                *vec_push(s->arena, &s->paths) = value;
                return true;
        case 'd':
                *vec_push(s->arena, &s->mounts) = value;
                return true;
        case 'k':
                s->directory = value;
                return true;
        case 'f':
                s->ready = str_of(value);
                return true;
        default:
                return false;
        }
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "app", required_argument, NULL, 'a' },
                { "marks", required_argument, NULL, 'm' },
                { "tmpfiles", required_argument, NULL, 't' },
                { "sysusers", required_argument, NULL, 's' },
                { "owner", required_argument, NULL, 'o' },
                { "ready", required_argument, NULL, 'f' },
                { "check", no_argument, NULL, 'c' },
                { "path", required_argument, NULL, 'p' },
                { "mount", required_argument, NULL, 'd' },
                { "secrets", required_argument, NULL, 'k' },
                USAGE_OPTIONS,
                { 0 },
        };
        struct arena arena = { 0 };
        struct setup s = { .arena = &arena, .directory = getenv("RUNTIME_DIRECTORY") };
        bool is_check = false;

        /* It reads secrets: a core dump would be a copy of them on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) umask(0022);

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
                if (c == 'h' || c == 'v')
                        return usage_answer(c, usage_text);
                if (c == 'c')
                        is_check = true;
                else if (!take_option(&s, c, optarg))
                        return usage("unknown option");
        }
        for (int i = optind; i < argc; i++)
                if (!setup_wish(&s, str_of(argv[i])))
                        return usage("an argument is not NAME=PATH");
        if (str_is_absent(s.app) || !s.marks || str_is_absent(s.ready) || !s.tmpfiles != is_check)
                return usage("an option is missing");

        return run(&s);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-generator(8): run by systemd at boot and at every daemon-reload. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "publish/guard.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
        "pyservice-generator [--root=DIR] NORMAL-DIR [EARLY-DIR LATE-DIR]\n\nTurns the definitions in "
        "/etc/pyservice.d into units in NORMAL-DIR. systemd runs it.\n\n  --root=DIR   work on the system "
        "below DIR\n  -h, --help   show this help\n  --version    show the version\n\nSee "
        "pyservice-generator(8).\n";

static int parse_options(int argc, char **argv, struct generate *g) {
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' },
                { 0 },
        };

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
                switch (c) {
                case 'r':
                        g->root = optarg;
                        break;
                case 'h':
                        (void) fputs(usage, stdout);
                        exit(EXIT_SUCCESS);
                case 'v':
                        (void) puts("pyservice " VERSION);
                        exit(EXIT_SUCCESS);
                default:
                        return EXIT_USAGE;
                }

        if (argc - optind != 1 && argc - optind != 3) {
                (void) fputs(usage, stderr);
                return EXIT_USAGE;
        }

        g->output = argv[optind];
        return 0;
}

int main(int argc, char **argv) {
        const char *initrd = getenv("SYSTEMD_IN_INITRD"), *scope = getenv("SYSTEMD_SCOPE");
        struct generate g = { .root = "/" };
        int r = parse_options(argc, argv, &g);

        if (r != 0)
                return r;

        /* The files of the initrd are not those of the machine. */
        if (initrd && strcmp(initrd, "1") == 0)
                return EXIT_SUCCESS;

        if (scope && strcmp(scope, "user") == 0) {
                g.home = getenv("HOME");
                g.user_runtime = getenv("XDG_RUNTIME_DIR");
                if (!g.home || g.home[0] != '/' || !g.user_runtime || g.user_runtime[0] != '/')
                        return EXIT_SUCCESS;
        }

        g.may_wait = !g.home && strcmp(g.root, "/") == 0;
        (void) umask(0022);
        return guard_run(&g);
}

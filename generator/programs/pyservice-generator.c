/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-generator(8): run by systemd at boot and at every daemon-reload. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "config.h"
#include "publish/generate.h"

/* systemd gives up on all generators after 90 s, and then nothing at all is generated: the units of all applications would be gone.
 * Linking what is published takes a second. */
enum { EXIT_USER = 1, EXIT_USAGE = 2, GIVE_UP_SEC = 60 };

static const char usage[] =
        "pyservice-generator [--root=DIR] NORMAL-DIR [EARLY-DIR LATE-DIR]\n"
        "\n"
        "Turns the definitions in /etc/pyservice.d into units in NORMAL-DIR. systemd runs it.\n"
        "\n"
        "  --root=DIR   work on the system below DIR\n"
        "  -h, --help   show this\n"
        "  --version    show the version\n"
        "\n"
        "See pyservice-generator(8).\n";

static int parse_options(int argc, char **argv, struct generate *g) {
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { 0 },
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

/* The work is done in a child: should it crash on something that nobody thought of, or not come to an end, what is published is
 * linked all the same, and nothing that runs loses its unit. */
static int run_guarded(struct generate *g) {
        pid_t child = fork();
        bool is_ended;
        int status;

        if (child == 0) {
                (void) alarm(GIVE_UP_SEC);
                _exit(generate_run(g));
        }
        is_ended = child > 0 && TEMP_FAILURE_RETRY(waitpid(child, &status, 0)) == child;
        if (is_ended && WIFEXITED(status) && WEXITSTATUS(status) < EXIT_SYSTEM)
                return WEXITSTATUS(status);

        if (is_ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                log_kernel(LOG_LEVEL_ERROR, STR("it took too long (is there a huge definition?); everything stays as it was published before"));
        else
                log_kernel(LOG_LEVEL_ERROR, STR("internal error; everything stays as it was published before"));
        return generate_fallback(g) < 0 ? EXIT_SYSTEM : EXIT_USER;
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
        return run_guarded(&g);
}

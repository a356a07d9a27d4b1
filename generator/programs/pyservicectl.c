/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl(1): parses the command line, calls the verb. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "config.h"
#include "ctl/ctl.h"

static const struct verb verbs[] = {
        { "check",  "[FILE…]",                  "Show all mistakes in all definitions, or in these files", ctl_check },
        { "purge", "[--yes] APP",               "Remove what an application without a definition left behind", ctl_purge },
        { "render", "--output=DIR [FILE…]",     "Write what would be generated into DIR",                  ctl_render },
        { "rollout", "status|history|undo|retry|pause|resume APP [REVISION]", "Look at the rollout of an application, and steer it", ctl_rollout },
        { "schema", "[app|host|contract] [--man|--fuzz-dict|--keys]", "Show the format as JSON Schema",    ctl_schema },
        { "secret", "list|set|rm|edit APP [SECRET]", "Look at the secrets of an application, and change its credentials", ctl_secret },
        { "update", "APP…|--auto",              "Look for new images behind the same tags, and roll them out", ctl_update },
};

static void print_help(FILE *out) {
        (void) fputs("pyservicectl [OPTIONS…] VERB …\n\nLooks at the definitions in /etc/pyservice.d, and at what becomes of them.\n\nVerbs:\n", out);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                (void) fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].arguments, verbs[i].doc);
        (void) fputs("\nOptions:\n"
                     "  --root=DIR    Work on the system below DIR\n"
                     "  --user        Work on the user's own applications\n"
                     "  --output=DIR  Where render writes\n"
                     "  --json        Answer in JSON\n"
                     "  --no-follow   rollout status: only look, do not wait for the end\n"
                     "  --local       update: ask no registry, look at the images of this machine\n"
                     "  --auto        update: all applications that have auto_update\n"
                     "  --yes         purge: do not ask\n"
                     "  --no-pager    Do not use a pager\n"
                     "  -h, --help    Show this\n"
                     "  --version     Show the version\n"
                     "\nSee pyservicectl(1) and pyservice.d(5).\n", out);
}

/* An option without an argument; false where it is none. */
static bool take_switch(struct ctl *c, int option) {
        switch (option) {
        case 'j':
                return c->is_json = true;
        case 'p':
                c->has_pager = false;
                return true;
        case 'f':
                c->follows = false;
                return true;
        case 'l':
                return c->is_local = true;
        case 'a':
                return c->is_auto = true;
        case 'u':
                return c->is_user = true;
        case 'y':
                return c->is_sure = true;
        default:
                return false;
        }
}

static int parse_options(int argc, char **argv, struct ctl *c) {
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' }, { "output", required_argument, NULL, 'o' }, { "json", no_argument, NULL, 'j' },
                { "no-pager", no_argument, NULL, 'p' }, { "no-follow", no_argument, NULL, 'f' }, { "user", no_argument, NULL, 'u' },
                { "local", no_argument, NULL, 'l' }, { "auto", no_argument, NULL, 'a' }, { "yes", no_argument, NULL, 'y' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' },
                { "man", no_argument, NULL, 'm' }, { "fuzz-dict", no_argument, NULL, 'm' }, { "keys", no_argument, NULL, 'm' }, { 0 },
        };
        int index = 0;

        for (int o; (o = getopt_long(argc, argv, "hj", options, &index)) >= 0;)
                switch (o) {
                case 'r':
                        c->root = optarg;
                        break;
                case 'o':
                        c->output = optarg;
                        break;
                case 'm':
                        c->form = options[index].name;
                        break;
                case 'h':
                        print_help(stdout);
                        exit(EXIT_SUCCESS);
                case 'v':
                        (void) puts("pyservice " VERSION);
                        exit(EXIT_SUCCESS);
                default:
                        if (take_switch(c, o))
                                break;
                        (void) fputs("Try 'pyservicectl --help'.\n", stderr);
                        return CTL_USAGE;
                }

        return CTL_GOOD;
}

static const struct verb *find_verb(const char *name) {
        struct str names[ARRAY_SIZE(verbs)], near;

        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                if (strcmp(name, verbs[i].name) == 0)
                        return &verbs[i];
                names[i] = str_of(verbs[i].name);
        }

        near = diag_nearest(str_of(name), names, ARRAY_SIZE(names));
        if (str_is_absent(near))
                (void) fprintf(stderr, "pyservicectl: '%s' is no verb; try 'pyservicectl --help'\n", name);
        else
                (void) fprintf(stderr, "pyservicectl: '%s' is no verb; did you mean '%.*s'?\n", name, STR_ARG(near));
        return NULL;
}

int main(int argc, char **argv) {
        struct ctl c = { .root = "/", .has_pager = true, .follows = true };
        const struct verb *verb;
        int r = parse_options(argc, argv, &c);

        (void) umask(0022);
        if (r != CTL_GOOD)
                return r;
        if (optind >= argc) {
                print_help(stderr);
                return CTL_USAGE;
        }

        verb = find_verb(argv[optind]);
        if (!verb)
                return CTL_USAGE;

        c.argc = argc - optind - 1;
        c.argv = argv + optind + 1;
        r = verb->run(&c);
        arena_done(&c.arena);
        return r;
}

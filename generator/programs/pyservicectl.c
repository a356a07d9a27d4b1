/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl(1): parses the command line, calls the verb. */

#include <stdio.h>
#include <sys/stat.h>

#include "config.h"
#include "ctl/options.h"

static const struct verb verbs[] = {
        { "check",  "[FILE…]",                  "Show all mistakes in all definitions, or in these files", "root user json", ctl_check },
        { "purge", "APP",                       "Remove what an application without a definition left behind", "root user yes", ctl_purge },
        { "render", "--output=DIR [FILE…]",     "Write what would be generated into DIR", "root user json output", ctl_render },
        { "rollout", "status|history|undo|retry|pause|resume APP [REVISION]", "Look at the rollout of an application, and steer it",
          "root user json no-follow", ctl_rollout },
        { "schema", "[app|host|contract]",      "Show the format as JSON Schema, or in another form", "man fuzz-dict keys no-pager", ctl_schema },
        { "secret", "list|set|rm|edit APP [SECRET]", "Look at the secrets of an application, and change its credentials", "root user json", ctl_secret },
        { "update", "APP…|--auto",              "Look for new images behind the same tags, and roll them out", "root user local auto", ctl_update },
};

static void print_help(FILE *out) {
        (void) fputs("pyservicectl [OPTIONS…] VERB …\n\nLooks at the definitions in /etc/pyservice.d, and at what becomes of them.\n\nVerbs:\n", out);
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                (void) fprintf(out, "  %s %s\n        %s\n", verbs[i].name, verbs[i].arguments, verbs[i].doc);
        (void) fputs("\nOptions:\n", out);
        options_print(out);
        (void) fputs("\nSee pyservicectl(1) and pyservice.d(5).\n", out);
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
        struct ctl c = { .root = "/" };
        const struct verb *verb;
        int r = options_parse(&c, argc, argv);

        (void) umask(0022);
        if (r == CTL_GOOD && (c.is_help || c.is_version)) {
                if (c.is_help)
                        print_help(stdout);
                else
                        (void) puts("pyservice " VERSION);
                return CTL_GOOD;
        }
        if (r == CTL_GOOD && c.argc == 0) {
                print_help(stderr);
                return CTL_USAGE;
        }

        verb = r == CTL_GOOD ? find_verb(c.argv[0]) : NULL;
        if (!verb || options_check(&c, verb) != CTL_GOOD)
                return CTL_USAGE;

        c.argc--;
        c.argv++;
        r = verb->run(&c);
        arena_done(&c.arena);
        return r;
}

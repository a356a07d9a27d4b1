/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl(1): parses the command line, calls the verb. */

#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#include "config.h"
#include "doctor/doctor.h"
#include "export/kube.h"
#include "import/import.h"
#include "verbs/options.h"
#include "verbs/verbs.h"

static const struct verb verbs[] = {
        { "apply", "[APP…]", "Show the plan, ask, reload systemd, and follow the rollouts",
          "user json yes diff no-follow", ctl_apply },
        { "cat", "APP", "Show the files of a definition, and the resulting values", "root user json no-pager",
          ctl_cat },
        { "check", "[FILE…]", "Report every error in every definition, or in these files", "root user json",
          ctl_check },
        { "completion", "-- WORD…", "Print the completions of the last of these words", "", ctl_completion },
        { "doctor", "[APP]", "Check the machine and its applications, and suggest fixes", "root user json",
          ctl_doctor },
        { "edit", "APP", "Edit a definition, check it, and apply it", "root user yes no-follow", ctl_edit },
        { "env", "APP[/SERVICE][@N]",
          "Show the content of the environment of a container, and "
          "where that comes from",
          "root user json reveal", ctl_env },
        { "exec", "APP[/SERVICE][@N] -- COMMAND…", "Run a command in a running instance", "user", ctl_exec },
        { "export", "kubernetes APP", "Print an application as manifests for Kubernetes", "root user json",
          ctl_export },
        { "get", "APP [KEY]",
          "Show a value of a definition, or all of them, with "
          "drop-ins and defaults applied",
          "root user json", ctl_get },
        { "graph", "[APP]",
          "Draw units, routes and dependencies, as SVG if Graphviz is "
          "installed",
          "root user", ctl_graph },
        { "import", "ansible-pyservice|compose|dci-api|quadlet FILE…",
          "Convert another tool's configuration to a definition, and print it", "root user", ctl_import },
        { "logs", "[-f] APP[/SERVICE][@N]…", "Show the logs of all parts of applications, merged by time",
          "user json follow since lines", ctl_logs },
        { "new", "APP", "Write a new definition, from a few questions or from --image", "root user image",
          ctl_new },
        { "plan", "[APP|FILE…]", "Show what a reload would change", "root user json diff no-pager",
          ctl_plan },
        { "ps", "[APP[/SERVICE][@N]…]", "Show instances, one per line", "root user json", ctl_ps },
        { "purge", "APP", "Remove the data of an application that has no definition", "root user yes",
          ctl_purge },
        { "render", "--output=DIR [FILE…]", "Write the generated files to DIR", "root user json output",
          ctl_render },
        { "restart", "APP[/SERVICE][@N]…", "Restart instances one after another, or only the named one",
          "user no-follow", ctl_restart },
        { "rollout", "status|history|undo|retry|pause|resume APP [REVISION]",
          "Show and control the rollout of an application", "root user json no-follow follow", ctl_rollout },
        { "run", "APP[/SERVICE][@N] [TASK|-- COMMAND…]",
          "Run a task, or a command in a new container of a service", "root user json", ctl_run },
        { "scale", "APP[/SERVICE]=N…", "Change the number of instances, in a drop-in",
          "root user json runtime", ctl_scale },
        { "schema", "[app|host|contract]",
          "Show the format of definitions, as JSON Schema or in "
          "another form",
          "man fuzz-dict keys no-pager", ctl_schema },
        { "secret", "list|set|rm|edit APP [SECRET]",
          "Show the secrets of an application, and change its credentials", "root user json", ctl_secret },
        { "set", "APP KEY VALUE", "Change a value of a definition, in a drop-in; null resets it",
          "root user json runtime", ctl_set },
        { "shell", "APP[/SERVICE][@N]", "Open a shell in a running instance", "user", ctl_shell },
        { "start", "APP[/SERVICE][@N]…", "Start applications or parts that were stopped",
          "root user no-follow", ctl_start },
        { "status", "[APP]", "Show all applications, or one with all its parts", "root user json",
          ctl_status },
        { "stop", "[--lasting [--now]] APP[/SERVICE][@N]…",
          "Stop applications or parts until they are started again, or until the next boot",
          "root user no-follow lasting now", ctl_stop },
        { "top", "[APP[/SERVICE][@N]…]",
          "Show the resource usage of instances, refreshed every "
          "second",
          "user json", ctl_top },
        { "try", "[APP…]", "Like apply, and roll back unless it is confirmed in time", "user timeout diff",
          ctl_try },
        { "update", "APP…|--auto", "Check for new images of the same tags, and roll them out",
          "root user local auto", ctl_update },
};

static void print_help(FILE *out) {
        (void) fputs("pyservicectl [OPTIONS…] COMMAND …\n\nInspects and controls the applications that are "
                     "defined in /etc/pyservice.d.\n\nCommands:\n",
                     out);
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
                (void) fprintf(stderr, "pyservicectl: unknown command '%s'; try 'pyservicectl --help'\n",
                               name);
        else
                (void) fprintf(stderr, "pyservicectl: unknown command '%s'; did you mean '%.*s'?\n", name,
                               STR_ARG(near));
        return NULL;
}

int main(int argc, char **argv) {
        struct ctl c = { .root = "/", .verbs = verbs, .n_verbs = ARRAY_SIZE(verbs) };
        const struct verb *verb;
        int r = options_parse(&c, argc, argv);

        (void) umask(0022);
        /* How wide characters are, and which can be drawn; messages stay as they are. */
        (void) setlocale(LC_CTYPE, "");
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

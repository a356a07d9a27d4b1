/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl(1): parses the command line, calls the verb. */

#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#include "change/new.h"
#include "commandline/commandline.h"
#include "commandline/find.h"
#include "commandline/help.h"
#include "commandline/options.h"
#include "config.h"
#include "ctl/convert.h"
#include "doctor/doctor.h"
#include "remote/remote.h"
#include "verbs/verbs.h"

static const struct verb verbs[] = {
        { VERB_LOOK, "status", "[APP]", "Show all applications, or one with all its parts",
          "The exit status is 3 if an application does not match its definition.\n", "status shop",
          "root user json", NULL, ctl_status },
        { VERB_LOOK, "ps", "[APP[/SERVICE][@N]…]", "Show instances, one per line", NULL, "ps shop/web",
          "root user json", NULL, ctl_ps },
        { VERB_LOOK, "top", "[APP[/SERVICE][@N]…]",
          "Show the resource usage of instances, refreshed every second",
          "The keys c, m, s, r and n sort, q ends it.\n", "top shop", "user json", NULL, ctl_top,
          .is_interactive = true },
        { VERB_LOOK, "logs", "[-f] APP[/SERVICE][@N]…",
          "Show the logs of all parts of applications, merged by time", NULL, "logs -f shop/web", "user json",
          logs_options, ctl_logs, .is_interactive = true },
        { VERB_LOOK, "env", "APP[/SERVICE][@N]", "Show the variables of a container, and where each is set",
          "It shows no values without --reveal.\n", "env shop/web", "root user json", env_options, ctl_env,
          VERB_APPS_DEFINED },
        { VERB_LOOK, "metrics", "[APP…]", "Print facts about applications for Prometheus, as OpenMetrics",
          NULL, "metrics shop", "root user", metrics_options, ctl_metrics },
        { VERB_LOOK, "graph", "[APP]", "Draw units, routes and dependencies, for Graphviz",
          "On a terminal it prints DOT. Into a file or a pipe it writes SVG if Graphviz\n"
          "is installed.\n",
          "graph shop > shop.svg", "root user", NULL, ctl_graph, VERB_APPS_DEFINED },
        { VERB_WRITE, "new", "APP", "Write a new definition, from a few questions, --image or --from",
          "--from recognizes a Compose file, a Procfile, a directory with one of them, and\n"
          "the URL of a Git repository.\n",
          "new --from=compose.yaml shop", "root user", new_options, ctl_new, .is_interactive = true },
        { VERB_WRITE, "edit", "APP", "Edit a definition, check it, and apply it", NULL, "edit shop",
          "root user yes no-follow", NULL, ctl_edit, VERB_APPS_DEFINED, .is_interactive = true },
        { VERB_WRITE, "cat", "APP", "Show the files of a definition, and the resulting values", NULL,
          "cat shop", "root user json no-pager", NULL, ctl_cat, VERB_APPS_DEFINED },
        { VERB_WRITE, "get", "APP [KEY]", "Show a value of a definition, with drop-ins and defaults applied",
          "KEY is the path of the key, with dots. Without KEY it shows all values.\n",
          "get shop services.web.scale", "root user json", NULL, ctl_get, VERB_APPS_DEFINED },
        { VERB_WRITE, "set", "APP KEY VALUE", "Change a value of a definition, in a drop-in",
          "VALUE is YAML. null resets what was set before.\n", "set shop env.LEVEL debug",
          "root user json no-follow", set_options, ctl_set, VERB_APPS_DEFINED, .is_interactive = true },
        { VERB_WRITE, "scale", "APP[/SERVICE]=N…", "Change the number of instances, in a drop-in", NULL,
          "scale --runtime shop/web=4", "root user json no-follow", scale_options, ctl_scale,
          VERB_APPS_DEFINED, .is_interactive = true },
        { VERB_WRITE, "secret", "list|set|rm|edit APP [SECRET]",
          "Show the secrets of an application, and change its credentials",
          "  list  show the secrets, their sources, and which units use them\n"
          "  set   encrypt the value from standard input as a credential\n"
          "  rm    remove the credential\n"
          "  edit  change the value in an editor\n",
          "secret set shop database-password", "root user json", NULL, ctl_secret, VERB_APPS_DEFINED,
          .is_interactive = true },
        { VERB_WRITE, "check", "[FILE…]", "Report every error in every definition, or in these files", NULL,
          "check ./shop.yaml", "root user json", NULL, ctl_check, .takes_definitions = true },
        { VERB_DEPLOY, "plan", "[APP|FILE…]", "Show what a reload would change", NULL, "plan --diff shop",
          "root user json no-pager", plan_options, ctl_plan, .takes_definitions = true },
        { VERB_DEPLOY, "apply", "[APP|FILE…]", "Show the plan, ask, reload systemd, and follow the rollouts",
          "It puts a FILE into /etc/pyservice.d first, if the plan has no errors.\n", "apply shop",
          "user json yes no-follow", apply_options, ctl_apply, .is_interactive = true,
          .takes_definitions = true },
        { VERB_DEPLOY, "try", "[APP…]", "Like apply, and roll back unless it is confirmed in time", NULL,
          "try --timeout=5min shop", "user", try_options, ctl_try, .is_interactive = true },
        { VERB_DEPLOY, "update", "APP…|--auto", "Check for new images of the same tags, and roll them out",
          "For an application with a source, it builds the newest commit.\n", "update shop",
          "root user no-follow", update_options, ctl_update, VERB_APPS_DEFINED, .is_interactive = true },
        { VERB_DEPLOY, "rollout", "status|history|undo|retry|pause|resume APP [REVISION]",
          "Show and control the rollout of an application",
          "  status   show its progress, and follow it to its end\n"
          "  history  list the revisions that ran or failed\n"
          "  undo     return to REVISION, or to the one before, and pin it\n"
          "  retry    try the failed revision of its file again\n"
          "  pause    start no further rollout\n"
          "  resume   end a pause and a pin\n",
          "rollout undo shop", "root user json no-follow", rollout_options, ctl_rollout,
          .is_interactive = true },
        { VERB_RUN, "start", "APP[/SERVICE][@N]…", "Start applications or parts that were stopped", NULL,
          "start shop", "root user no-follow", NULL, ctl_start, .is_interactive = true },
        { VERB_RUN, "stop", "[--lasting [--now]] APP[/SERVICE][@N]…",
          "Stop applications or parts, until a start or the next boot", NULL, "stop shop/worker",
          "root user no-follow", stop_options, ctl_stop, .is_interactive = true },
        { VERB_RUN, "maintenance", "[--page=FILE] [--retry-after=TIME] APP|--off APP",
          "Have HAProxy answer for an application with a maintenance page",
          "It lasts until --off, also after a boot. Instances keep running.\n",
          "maintenance --retry-after=30min shop", "root", maintenance_options, ctl_maintenance },
        { VERB_RUN, "restart", "APP[/SERVICE][@N]…",
          "Restart instances one after another, or only the named one", NULL, "restart shop/web@1",
          "user no-follow", NULL, ctl_restart, .is_interactive = true },
        { VERB_RUN, "run", "APP[/SERVICE][@N] [TASK|-- COMMAND…]",
          "Run a task, or a command in a new container of a service", "Without TASK it lists the tasks.\n",
          "run shop migrate", "root user json", NULL, ctl_run, .is_interactive = true },
        { VERB_RUN, "exec", "APP[/SERVICE][@N] COMMAND…", "Run a command in a running instance", NULL,
          "exec shop/web@1 ls -l /srv", "user", NULL, ctl_exec, VERB_APPS_ALL, 1, .is_interactive = true },
        { VERB_RUN, "shell", "APP[/SERVICE][@N]", "Open a shell in a running instance", NULL,
          "shell shop/web", "user", NULL, ctl_shell, .is_interactive = true },
        { VERB_FIX, "doctor", "[APP]", "Check the machine and its applications, and suggest fixes", NULL,
          "doctor shop", "root user json yes", doctor_options, ctl_doctor, .is_interactive = true },
        { VERB_FIX, "drill", "APP[/SERVICE] [SCENE…]",
          "Count failed requests while instances are restarted, die or hang",
          "  restart  restart the instances one after another\n"
          "  kill     kill the first instance with SIGKILL\n"
          "  freeze   pause the first instance\n"
          "  reload   reload HAProxy or nginx 20 times\n"
          "Without SCENE it runs all of them. The exit status is 3 if requests failed.\n",
          "drill shop/web kill", "json yes", drill_options, ctl_drill, VERB_APPS_DEFINED,
          .is_interactive = true },
        { VERB_FIX, "purge", "APP", "Remove the data of an application that has no definition", NULL,
          "purge shop", "root user yes", NULL, ctl_purge, VERB_APPS_GONE, .is_interactive = true },
        { VERB_CONVERT, "import", "ansible-pyservice|compose|dci-api|kamal|procfile|quadlet FILE…",
          "Convert another tool's configuration to a definition, and print it", NULL,
          "import compose compose.yaml", "root user json", import_options, ctl_convert },
        { VERB_CONVERT, "export", "kubernetes APP|quadlet APP…",
          "Convert applications for Kubernetes, or to plain Quadlet files",
          "'kubernetes' prints manifests. 'quadlet' prints files with which applications\n"
          "run without pyservice, or writes them to a directory.\n",
          "export quadlet --output=out shop", "root user json", export_options, ctl_convert,
          VERB_APPS_DEFINED },
        { VERB_CONVERT, "render", "--output=DIR [FILE…]", "Write the generated files to a directory", NULL,
          "render --output=new ./shop.yaml", "root user json", render_options, ctl_render,
          .takes_definitions = true },
        { VERB_CONVERT, "schema", "[app|host|contract]",
          "Show the format of definitions, as JSON Schema or as a list of keys", NULL, "schema --keys host",
          "no-pager", schema_options, ctl_schema },
        { VERB_HELP, "help", "[COMMAND]", "Show all commands, or how one is used", NULL, "help rollout", "",
          NULL, ctl_help },
        { VERB_INTERNAL, "completion", "-- WORD…", "Print the completions of the last of these words", NULL,
          "completion -- roll", "", NULL, ctl_completion },
};

static int run(struct ctl *c) {
        if (c->is_version) {
                (void) puts("pyservice " VERSION);
                return CTL_GOOD;
        }
        if (c->argc == 0 && c->is_help)
                return help_print(c);
        if (c->argc == 0) {
                (void) fputs("pyservicectl: missing command; 'pyservicectl help' shows all commands\n",
                             stderr);
                return CTL_USAGE;
        }

        c->verb = verb_find(c, str_of(c->argv[0]));
        if (!c->verb)
                return verb_unknown(c, c->argv[0]);
        if (c->is_help)
                return help_print_verb(c, c->verb);
        if (options_check(c) != CTL_GOOD)
                return CTL_USAGE;
        if (c->hosts || c->parallel)
                return remote_run(c);

        c->argc--;
        c->argv++;
        return c->verb->run(c);
}

int main(int argc, char **argv) {
        struct ctl c = { .root = "/", .verbs = verbs, .n_verbs = ARRAY_SIZE(verbs) };
        int r = options_parse(&c, argc, argv);

        (void) umask(0022);
        /* How wide characters are, and which can be drawn; messages stay as they are. */
        (void) setlocale(LC_CTYPE, "");
        if (r == CTL_GOOD)
                r = run(&c);
        arena_done(&c.arena);
        return r;
}

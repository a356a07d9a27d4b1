/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-convert: the verbs of pyservicectl that convert from and to the files of other programs.
 * pyservicectl shows their help, checks the command line, and executes this program with it. */

#include <locale.h>

#include "commandline/find.h"
#include "commandline/options.h"
#include "ctl/convert.h"
#include "export/export.h"
#include "import/import.h"

static const struct verb verbs[] = {
        { .name = "export", .common = "root user json", .own = export_options, .run = ctl_export },
        { .name = "import", .common = "root user json", .own = import_options, .run = ctl_import },
        { .name = "new", .common = "root user", .own = new_options, .run = ctl_new_from },
};

static int run(struct ctl *c) {
        c->verb = c->argc > 0 && !c->is_help ? verb_find(c, str_of(c->argv[0])) : NULL;
        if (!c->verb) {
                (void) fputs("usage: pyservicectl import|export|new --from=…; it runs pyservice-convert\n",
                             stderr);
                return CTL_USAGE;
        }
        if (options_check(c) != CTL_GOOD)
                return CTL_USAGE;

        c->argc--;
        c->argv++;
        return c->verb->run(c);
}

int main(int argc, char **argv) {
        struct ctl c = { .root = "/", .verbs = verbs, .n_verbs = ARRAY_SIZE(verbs) };
        int r = options_parse(&c, argc, argv);

        (void) setlocale(LC_CTYPE, "");
        if (r == CTL_GOOD)
                r = run(&c);
        arena_done(&c.arena);
        return r;
}

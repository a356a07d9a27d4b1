/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl schema: the format, for editors, people and tests. */

#include <stdio.h>

#include "ctl/ctl.h"
#include "load/contract.h"
#include "schema/export.h"
#include "terminal/pager.h"
#include "verbs/verbs.h"

static const struct document {
        const char *word;
        struct export export;
} documents[] = {
        { "app", { &app_schema, "pyservice definition", true } },
        { "host", { &host_schema, "pyservice host.yaml", false } },
        { "contract", { &contract_schema, "pyservice contract", false } },
};

static const struct export *find_export(const char *word) {
        for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
                if (strcmp(documents[i].word, word) == 0)
                        return &documents[i].export;

        return NULL;
}

int ctl_schema(struct ctl *c) {
        const struct export *what = find_export(c->argc > 0 ? c->argv[0] : "app");
        struct buf text = buf_in(&c->arena);

        if (!what || c->argc > 1) {
                (void) fprintf(stderr,
                               "pyservicectl schema: unknown schema '%s'; expected one of app, host "
                               "and contract, or nothing for app\n",
                               c->argv[what ? 1 : 0]);
                return CTL_USAGE;
        }

        if (c->is_man)
                export_man(&text, what);
        else if (c->is_dictionary)
                export_fuzz_dict(&text, what);
        else if (c->is_keys)
                export_keys(&text, what);
        else
                export_json(&text, what);

        return pager_print(c, buf_str(&text));
}

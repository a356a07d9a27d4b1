/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl schema: the format, for editors, people and tests. */

#include <stdio.h>

#include "commandline/commandline.h"
#include "ctl/ctl.h"
#include "load/contract.h"
#include "schema/export.h"
#include "terminal/pager.h"

static struct { bool is_man, is_dictionary, is_keys; } options;

const struct option_row schema_options[] = {
        { "man", NULL, "Print mdoc source", .flag = &options.is_man, .is_internal = true },
        { "fuzz-dict", NULL, "Print a dictionary for a fuzzer", .flag = &options.is_dictionary,
          .is_internal = true },
        { "keys", NULL, "Print only the keys", .flag = &options.is_keys },
        { 0 },
};

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
                return ctl_usage(
                        c, "unknown schema '%s'; expected one of app, host and contract, or nothing for app",
                        c->argv[what ? 1 : 0]);
        }

        if (options.is_man)
                export_man(&text, what);
        else if (options.is_dictionary)
                export_fuzz_dict(&text, what);
        else if (options.is_keys)
                export_keys(&text, what);
        else
                export_json(&text, what);

        return pager_print(c, buf_str(&text));
}

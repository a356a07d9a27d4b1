/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl schema: the format, for editors, people and tests. */

#include <stdio.h>

#include "app/contract.h"
#include "ctl/ctl.h"
#include "schema/export.h"

static const struct document {
        const char *word;
        struct export export;
} documents[] = {
        { "app", { &app_schema, "pyservice definition", true } },
        { "host", { &host_schema, "pyservice host.yaml", false } },
        { "contract", { &contract_schema, "pyservice contract", false } },
};

static const struct {
        const char *name;
        void (*put)(struct buf *out, const struct export *e);
} forms[] = {
        { "man", export_man }, { "fuzz-dict", export_fuzz_dict }, { "keys", export_keys },
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
        bool is_put = false;

        if (!what || c->argc > 1) {
                (void) fprintf(stderr, "pyservicectl schema: there is no '%s'; give one of app, host and contract, or nothing for app\n",
                               c->argv[what ? 1 : 0]);
                return CTL_USAGE;
        }

        for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
                if (c->form && strcmp(forms[i].name, c->form) == 0) {
                        forms[i].put(&text, what);
                        is_put = true;
                }
        if (!is_put)
                export_json(&text, what);

        return ctl_page(c, buf_str(&text));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "load/foreign.h"

/* A file of another tool has a line that begins so. */
struct format {
        const char *name, *importer; /* importer: NULL if there is none */
        const char *line, *other;    /* other: a second such line; NULL if one is enough */
        bool is_map; /* below the line a map begins, and the file has no key of a definition */
};

static const struct format formats[] = {
        { "a Compose file", "compose", "services:", NULL, true },
        { "a Kubernetes manifest", NULL, "apiVersion:", "kind:", false },
        { "a Kamal file", "kamal", "servers:", "service:", false },
        { "a Nomad job", NULL, "job \"", NULL, false },
        { "a Quadlet file", "quadlet", "[Container]", NULL, false },
        { "a Quadlet file", "quadlet", "[Pod]", NULL, false },
        { "a Quadlet file", "quadlet", "[Volume]", NULL, false },
        { "a Quadlet file", "quadlet", "[Network]", NULL, false },
};

/* The lines of a format in a file. */
struct finding {
        struct str line;
        bool has_other, is_ours;
};

static bool is_empty(struct str line) {
        struct str text = str_trim(line);

        return text.n == 0 || text.p[0] == '#';
}

/* Does a map begin below the key? Below a definition's `services:` it is a list. */
static bool has_map(struct str line, struct str rest) {
        if (!is_empty(str_from(line, str_find(line, ':') + 1)))
                return false;
        while (str_split(&rest, '\n', &line))
                if (!is_empty(line))
                        return line.p[0] == ' ' && str_trim(line).p[0] != '-';

        return false;
}

/* A file with one of these keys is a definition, with a map where a list belongs. */
static bool is_ours(struct str line) {
        return str_has_prefix(line, STR("image:")) || str_has_prefix(line, STR("source:"));
}

static void look_at(struct finding findings[], struct str line, struct str rest) {
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                const struct format *format = &formats[i];
                struct finding *f = &findings[i];

                f->has_other |= !format->other || str_has_prefix(line, str_of(format->other));
                f->is_ours |= format->is_map && is_ours(line);
                if (str_is_absent(f->line) && str_has_prefix(line, str_of(format->line)) &&
                    (!format->is_map || has_map(line, rest)))
                        f->line = line;
        }
}

static const struct format *find(struct str text, struct str *ret_line) {
        struct finding findings[ARRAY_SIZE(formats)] = { 0 };
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line))
                if (line.n > 0 && !strchr(" #-", line.p[0]))
                        look_at(findings, line, rest);

        for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
                if (!str_is_absent(findings[i].line) && findings[i].has_other && !findings[i].is_ours) {
                        *ret_line = findings[i].line;
                        return &formats[i];
                }

        return NULL;
}

bool foreign_report(struct diags *ds, uint32_t file) {
        const struct source *source = &ds->sources->list.at[file];
        struct str line = STR("");
        const struct format *format = find(source->text, &line);
        struct span at;

        if (!format)
                return false;

        at = (struct span){ file, (uint32_t) (line.p - source->text.p), (uint32_t) line.n };
        if (format->importer)
                (void) diag_add(ds, DIAG_FOREIGN_FILE, at,
                                "this is %s, not a definition; move it away, and run 'pyservicectl import %s "
                                "FILE' to convert it",
                                format->name, format->importer);
        else
                (void) diag_add(ds, DIAG_FOREIGN_FILE, at,
                                "this is %s, not a definition; move it away, and write a definition as "
                                "pyservice.d(5) describes it",
                                format->name);
        return true;
}

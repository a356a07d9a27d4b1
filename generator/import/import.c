/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import, and new --from: which kind of input, and reading it. */

#include "import/import.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "change/new.h"
#include "ctl/convert.h"

/* The input of new --from may be by somebody else, and name files that only the calling user can read: the
 * definition has their values. */
enum { FROM_MODE = 0600 };

struct import_kind {
        const char *name, *input;
        int (*run)(struct ctl *c);
};

static const struct import_kind kinds[] = {
        { "ansible-pyservice", "VARS.yml…", import_ansible },
        { "compose", "COMPOSE.yaml…", import_compose },
        { "docker-compose", "COMPOSE.yaml…", import_compose },
        { "dci-api", "VARS.yml…", import_dci_api },
        { "kamal", "deploy.yml", import_kamal },
        { "procfile", "PROCFILE", import_procfile },
        { "quadlet", "FILE…", import_quadlet },
};

const char *const import_compose_names[COMPOSE_NAMES] = { "compose.yaml", "compose.yml",
                                                          "docker-compose.yaml", "docker-compose.yml" };

void import_begin(struct import *m, struct ctl *c) {
        *m = (struct import){ .ctl = c, .files = (const char *const *) c->argv, .n_files = c->argc };
        m->ds = (struct diags){ .arena = &c->arena, .sources = &m->sources };
}

int import_with(struct ctl *c, import_fill fill) {
        struct draft *draft;
        struct import m;
        int r;

        import_begin(&m, c);
        r = fill(&m, &draft);
        return r == CTL_GOOD ? draft_print(draft, false) : r;
}

static int read_standard_input(struct arena *a, struct str *ret) {
        char *text = arena_array(a, SOURCE_MAX + 1, char);
        size_t n = fread(text, 1, SOURCE_MAX + 1, stdin);

        if (ferror(stdin))
                return -EIO;

        *ret = (struct str){ text, n };
        return n > SOURCE_MAX ? -EFBIG : 0;
}

int import_read(struct import *m, const char *path, uint32_t *ret_file) {
        struct arena *a = &m->ctl->arena;
        struct str text;
        int r = strcmp(path, "-") == 0 ? read_standard_input(a, &text)
                                       : fs_read(a, AT_FDCWD, path, SOURCE_MAX, &text);

        if (r < 0) {
                (void) ctl_fail(path, r);
                return CTL_ERROR;
        }

        *ret_file = source_add(a, &m->sources, str_of(path), text);
        return CTL_GOOD;
}

int import_report(struct import *m) {
        struct buf text = buf_in(&m->ctl->arena);

        diag_sort(&m->ds);
        diag_print(&text, &m->ds, (struct str){ NULL, 0 }, log_is_colored(STDERR_FILENO) ? DIAG_COLOR : 0);
        if (ctl_write(stderr, buf_str(&text)) != CTL_GOOD)
                return EXIT_SYSTEM;

        return m->ds.n_errors > 0 ? CTL_ERROR : CTL_GOOD;
}

int import_read_yaml(struct import *m, const char *path, struct node **ret) {
        uint32_t file = 0;
        int r = import_read(m, path, &file);

        if (r != CTL_GOOD)
                return r;

        yaml_parse_foreign(&m->ctl->arena, &m->ds, file, ret);
        if (!*ret && m->ds.n_errors == 0)
                (void) diag_add(&m->ds, DIAG_EMPTY_DEFINITION, (struct span){ file, 0, 0 },
                                "the file is empty");
        return import_report(m);
}

static const struct import_kind *find_kind(struct str name) {
        struct str names[ARRAY_SIZE(kinds)], near;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                names[i] = str_of(kinds[i].name);
                if (str_eq(names[i], name))
                        return &kinds[i];
        }

        near = diag_nearest(name, names, ARRAY_SIZE(names));
        if (str_is_absent(near))
                (void) fprintf(stderr,
                               "pyservicectl: import: cannot import from '%.*s'; supported: "
                               "ansible-pyservice, compose, dci-api, kamal, procfile and quadlet\n",
                               STR_ARG(name));
        else
                (void) fprintf(stderr,
                               "pyservicectl: import: cannot import from '%.*s'; did you mean '%.*s'?\n",
                               STR_ARG(name), STR_ARG(near));
        return NULL;
}

int ctl_import(struct ctl *c) {
        const struct import_kind *kind;

        if (c->argc == 0) {
                return ctl_usage(
                        c, "missing format; expected one of ansible-pyservice, compose, dci-api, kamal, "
                           "procfile and quadlet");
        }
        kind = find_kind(str_of(c->argv[0]));
        if (!kind)
                return CTL_USAGE;

        c->argc--;
        c->argv++;
        if (c->argc == 0)
                return ctl_usage(c, "%s: write %s", kind->name, kind->input);
        for (const struct option_row *row = import_options; row->name; row++)
                if (ctl_given(c, row->name) && kind->run != import_compose)
                        return ctl_usage(c, "%s: --%s is an option of compose", kind->name, row->name);
        return kind->run(c);
}

/* NULL for a file of another kind. */
static import_fill kind_of(struct str path) {
        if (str_has_prefix(path_name(path), STR("Procfile")))
                return procfile_fill;

        return str_has_suffix(path, STR(".yaml")) || str_has_suffix(path, STR(".yml")) ? compose_fill : NULL;
}

/* The file that a directory has; `path` itself if that is a file; NULL for none. A Compose file describes
 * more than a Procfile. */
static const char *find_file(struct arena *a, const char *path) {
        struct str below = arena_join(a, str_of(path), STR("/"));
        const char *file;

        if (access(below.p, F_OK) < 0)
                return path;
        for (size_t i = 0; i < COMPOSE_NAMES; i++) {
                file = arena_join(a, below, str_of(import_compose_names[i])).p;
                if (access(file, F_OK) == 0)
                        return file;
        }

        file = arena_join(a, below, STR("Procfile")).p;
        return access(file, F_OK) == 0 ? file : NULL;
}

static int choose(struct import *m, const char *from, const char **ret_file, import_fill *ret) {
        *ret_file = from;
        *ret = repository_fill;
        if (access(from, F_OK) == 0) {
                *ret_file = find_file(&m->ctl->arena, from);
                *ret = *ret_file ? kind_of(str_of(*ret_file)) : NULL;
        } else if (from[0] == '/' || !type_accepts(KIND_GIT_URL, str_of(from))) {
                (void) ctl_fail(from, -ENOENT);
                return CTL_ERROR;
        }
        if (*ret)
                return CTL_GOOD;

        (void) fprintf(stderr, "pyservicectl: %s: %s; a Git repository is given by its URL\n", from,
                       *ret_file ? "neither a Compose file (.yaml) nor a Procfile"
                                 : "the directory has neither a Compose file nor a Procfile");
        return CTL_ERROR;
}

/* A new_make(). */
static int make_new(struct ctl *c, struct str app, struct str *ret) {
        const char *from = ctl_given(c, "from");
        struct draft *draft = NULL;
        const char *file;
        import_fill fill;
        struct import m;
        int r;

        import_begin(&m, c);
        m.name = app;
        m.files = &file;
        m.n_files = 1;
        r = choose(&m, from, &file, &fill);
        if (r == CTL_GOOD)
                r = fill(&m, &draft);
        if (r != CTL_GOOD)
                return r;
        r = draft_finish(draft);
        if (r == CTL_ERROR)
                (void) fprintf(stderr,
                               "pyservicectl: nothing is written: change that in the input, or write the "
                               "definition with what 'pyservicectl import' prints\n");
        if (r != CTL_GOOD)
                return r;

        *ret = draft_text(draft);
        return draft_report_lost(draft, r);
}

int ctl_new_from(struct ctl *c) {
        return ctl_given(c, "from") ? new_write(c, make_new, FROM_MODE) : ctl_usage(c, "give --from=…");
}

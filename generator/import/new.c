/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl new --from: which kind of input it is. */

#include <errno.h>
#include <unistd.h>

#include "base/path.h"
#include "import/import.h"

typedef int (*fill_draft)(struct import *m, struct draft **ret);

const char *const import_compose_names[COMPOSE_NAMES] = { "compose.yaml", "compose.yml",
                                                          "docker-compose.yaml", "docker-compose.yml" };

/* NULL for a file of another kind. */
static fill_draft kind_of(struct str path) {
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

static int choose(struct import *m, const char *from, const char **ret_file, fill_draft *ret) {
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

int import_new(struct ctl *c, struct str app, const char *from, struct str *ret) {
        struct draft *draft = NULL;
        const char *file;
        fill_draft fill;
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

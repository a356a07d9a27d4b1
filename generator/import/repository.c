/* SPDX-License-Identifier: Apache-2.0 */

/* A Git repository becomes `source:`. Its files are by others than the user: git shows single ones of a clone
 * that nothing is checked out of, so that no link in it leads to a file of this machine. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "git/git.h"
#include "import/import.h"

struct clone {
        struct draft *draft;
        struct git_clone git;
        struct str files;   /* at the top, with a line feed behind each */
        struct str problem; /* of git */
};

/* `r`: of git. Returns an exit status, after reporting what could not be done. */
static int report(const struct clone *g, int r, struct str what) {
        if (r >= 0)
                return CTL_GOOD;
        if (r != -EIO)
                return ctl_fail("git", r);

        (void) fprintf(stderr, "pyservicectl: cannot %.*s%.*s", STR_ARG(what), STR_ARG(g->problem));
        return CTL_ERROR;
}

static int report_read(const struct clone *g, int r) {
        return report(g, r, STR("read the repository: "));
}

static int make_clone(struct clone *g) {
        return report(g, git_clone_tip(&g->git, &g->problem),
                      arena_join(g->git.arena, STR("clone "), g->git.repository,
                                 STR(", as this user and without a prompt:\n")));
}

static bool has(const struct clone *g, const char *name) {
        struct str rest = g->files, file;

        while (str_split(&rest, '\n', &file))
                if (str_is(file, name))
                        return true;

        return false;
}

static const char *first_of(const struct clone *g, const char *const *names, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (has(g, names[i]))
                        return names[i];

        return NULL;
}

/* How an image is built from it. */
static void put_source(struct clone *g, struct str url, struct str branch) {
        static const char *const containerfiles[] = { "Containerfile", "Dockerfile" };
        static const char *const projects[] = { "uv.lock",          "pinned-requirements.txt",
                                                "requirements.txt", "pyproject.toml",
                                                "setup.py",         "setup.cfg" };
        struct draft *d = g->draft;
        struct yaml_text *source = yaml_text_put(d->arena, d->root, STR("source"), YAML_TEXT_MAP);
        const char *containerfile = first_of(g, containerfiles, ARRAY_SIZE(containerfiles));
        const char *project = first_of(g, projects, ARRAY_SIZE(projects));

        (void) yaml_text_put_text(d->arena, source, STR("repo"), url);
        (void) yaml_text_put_text(d->arena, source, STR("ref"), branch);
        draft_note(
                d, source, NOWHERE,
                "'%.*s' is the repository's branch: 'pyservicectl update %.*s' rolls out its newest commit; "
                "or write a tag",
                STR_ARG(branch), STR_ARG(d->name));
        if (containerfile)
                (void) yaml_text_put_text(d->arena, source, STR("containerfile"), str_of(containerfile));
        else if (!project)
                draft_note(
                        d, source, NOWHERE,
                        "the repository has neither a Containerfile nor a Python project, so that its image "
                        "cannot be built: add a Containerfile, and name it as 'containerfile:'");
        else if (strcmp(project, "uv.lock") == 0)
                (void) yaml_text_put_text(d->arena, source, STR("manager"), STR("uv"));
}

/* Its processes. */
static int put_parts(struct clone *g) {
        const char *file = first_of(g, import_compose_names, COMPOSE_NAMES);
        struct draft *d = g->draft;
        struct str text;
        int r;

        if (has(g, "Procfile")) {
                r = report_read(g, git_read(&g->git, "Procfile", &text, &g->problem));
                if (r != CTL_GOOD)
                        return r;
                procfile_put(d, source_add(d->arena, d->sources, STR("Procfile"), text));
        } else
                draft_note(
                        d, NULL, NOWHERE,
                        "the repository has no Procfile: write 'command:' unless its image has one, and the "
                        "'port:' on which it listens");
        if (file)
                draft_note(d, NULL, NOWHERE,
                           "the repository has a %s: 'pyservicectl import compose %s' in a clone prints what "
                           "it describes",
                           file, file);
        return CTL_GOOD;
}

static int fill(struct clone *g, struct import *m) {
        struct str branch;
        int r = make_clone(g);

        if (r == CTL_GOOD)
                r = report_read(g, git_get_branch(&g->git, &branch, &g->problem));
        if (r == CTL_GOOD)
                r = report_read(g, git_list(&g->git, &g->files, &g->problem));
        if (r != CTL_GOOD)
                return r;

        put_source(g, g->git.repository, branch);
        r = put_parts(g);
        return r == CTL_GOOD ? import_report(m) : r;
}

int repository_fill(struct import *m, struct draft **ret) {
        struct arena *a = &m->ctl->arena;
        char directory[] = "/tmp/pyservice-new-XXXXXX";
        struct clone g = { .draft = arena_new(a, struct draft),
                           .git = { .arena = a, .repository = str_of(m->files[0]) } };
        int r;

        if (!git_find(&g.git))
                return ctl_fail("git", -ENOENT);
        if (!mkdtemp(directory))
                return ctl_fail("cannot make a directory for the clone", -errno);

        g.git.path = str_of(directory);
        draft_begin(g.draft, m, STR(""));
        r = fill(&g, m);
        (void) fs_remove_tree(AT_FDCWD, directory);
        *ret = g.draft;
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A Git repository becomes `source:`. Its files are by others than the user: git shows single ones of a clone
 * that nothing is checked out of, so that no link in it leads to a file of this machine. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "import/import.h"
#include "runtime/spawn.h"

struct clone {
        struct draft *draft;
        const char *git, *path;
        struct str files; /* at the top, with a line feed behind each */
};

/* The output of git in the clone. Returns 0, or an exit status after reporting why. */
static int ask_git(struct clone *g, const char *verb, const char *option, const char *what, struct str *ret) {
        struct spawn_result result;
        int r = spawn_run(g->draft->arena,
                          (const char *const[]){ g->git, "-C", g->path, verb, option, what, NULL }, &result);

        if (r < 0)
                return ctl_fail("git", r);
        if (result.status != 0) {
                (void) fprintf(stderr, "pyservicectl: cannot read the repository: %.*s", STR_ARG(result.err));
                return CTL_ERROR;
        }

        *ret = result.out;
        return CTL_GOOD;
}

static int make_clone(struct clone *g, const char *url) {
        struct spawn_result result;
        int r = setenv("GIT_TERMINAL_PROMPT", "0", 1) < 0 ||
                                setenv("GIT_SSH_COMMAND", "ssh -oBatchMode=yes", 0) < 0
                        ? -errno
                        : spawn_run(g->draft->arena,
                                    (const char *const[]){ g->git, "clone", "--quiet", "--depth=1",
                                                           "--no-checkout", "--", url, g->path, NULL },
                                    &result);

        if (r < 0)
                return ctl_fail("git", r);
        if (result.status == 0)
                return CTL_GOOD;

        (void) fprintf(stderr, "pyservicectl: cannot clone %s, as this user and without a prompt:\n%.*s", url,
                       STR_ARG(result.err));
        return CTL_ERROR;
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
                r = ask_git(g, "cat-file", "blob", "HEAD:Procfile", &text);
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
        struct str branch, url = str_of(m->files[0]);
        int r = make_clone(g, m->files[0]);

        if (r == CTL_GOOD)
                r = ask_git(g, "symbolic-ref", "--short", "HEAD", &branch);
        if (r == CTL_GOOD)
                r = ask_git(g, "ls-tree", "--name-only", "HEAD", &g->files);
        if (r != CTL_GOOD)
                return r;

        put_source(g, url, str_last_line(branch));
        r = put_parts(g);
        return r == CTL_GOOD ? import_report(m) : r;
}

int repository_fill(struct import *m, struct draft **ret) {
        struct arena *a = &m->ctl->arena;
        char directory[] = "/tmp/pyservice-new-XXXXXX";
        struct clone g = { .draft = arena_new(a, struct draft), .git = spawn_find(a, "git").p };
        int r;

        if (!g.git)
                return ctl_fail("git", -ENOENT);
        if (!mkdtemp(directory))
                return ctl_fail("cannot make a directory for the clone", -errno);

        g.path = directory;
        draft_begin(g.draft, m, STR(""));
        r = fill(&g, m);
        (void) fs_remove_tree(AT_FDCWD, directory);
        *ret = g.draft;
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* A look at the newest commit of a repository. */

#include <errno.h>
#include <stdlib.h>

#include "git/git.h"
#include "runtime/spawn.h"

static int run(struct git_clone *g, const char *const *argv, struct str *ret, struct str *ret_problem) {
        struct spawn_result result;
        int r = spawn_run(g->arena, argv, &result);

        if (r < 0)
                return r;

        *ret = result.out;
        *ret_problem = result.err;
        return result.status == 0 ? 0 : -EIO;
}

int git_clone_tip(struct git_clone *g, struct str *ret_problem) {
        struct str out;

        if (setenv("GIT_TERMINAL_PROMPT", "0", 1) < 0 ||
            setenv("GIT_SSH_COMMAND", "ssh -oBatchMode=yes", 0) < 0)
                return -errno;

        return run(g,
                   (const char *const[]){ g->program, "clone", "--quiet", "--depth=1", "--no-checkout", "--",
                                          g->repository.p, g->path.p, NULL },
                   &out, ret_problem);
}

static int ask(struct git_clone *g, const char *const words[3], struct str *ret, struct str *ret_problem) {
        return run(g,
                   (const char *const[]){ g->program, "-C", g->path.p, words[0], words[1], words[2], NULL },
                   ret, ret_problem);
}

int git_get_branch(struct git_clone *g, struct str *ret, struct str *ret_problem) {
        int r = ask(g, (const char *const[]){ "symbolic-ref", "--short", "HEAD" }, ret, ret_problem);

        if (r >= 0)
                *ret = str_last_line(*ret);
        return r;
}

int git_list(struct git_clone *g, struct str *ret, struct str *ret_problem) {
        return ask(g, (const char *const[]){ "ls-tree", "--name-only", "HEAD" }, ret, ret_problem);
}

int git_read(struct git_clone *g, const char *file, struct str *ret, struct str *ret_problem) {
        struct str object = arena_join(g->arena, STR("HEAD:"), str_of(file));

        return ask(g, (const char *const[]){ "cat-file", "blob", object.p }, ret, ret_problem);
}

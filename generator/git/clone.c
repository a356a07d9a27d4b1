/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "git/helper.h"
#include "runtime/spawn-tail.h"
#include "runtime/spawn.h"

/* Runs git in the clone, with at most ten words behind "-C PATH". */
#define RUN(g, ret_problem, ...)                                                                          \
        tail_run((g)->arena, (const char *const[]){ (g)->program, "-C", (g)->path.p, __VA_ARGS__, NULL }, \
                 (ret_problem))

bool git_find(struct git_clone *g) {
        g->program = spawn_find(g->arena, "git").p;
        return g->program;
}

bool git_is_commit(struct str s) {
        return (s.n == 40 || s.n == 64) && str_is_made_of(s, "0123456789abcdef");
}

/* The commit that `name` stands for; absent if it stands for none. */
static int find_commit(struct git_clone *g, struct str name, struct str *ret) {
        struct str wish = arena_join(g->arena, name, STR("^{commit}"));
        struct spawn_result result;
        int r = spawn_run(g->arena,
                          (const char *const[]){ g->program, "-C", g->path.p, "rev-parse", "--quiet",
                                                 "--verify", "--end-of-options", wish.p, NULL },
                          &result);

        if (r < 0)
                return r;

        *ret = (struct str){ 0 };
        if (result.status == 0)
                *ret = arena_str(g->arena, (struct str){ result.out.p, str_find(result.out, '\n') });
        return 0;
}

/* In git's own order: a tag before a branch; and a commit at last. */
static int resolve(struct git_clone *g) {
        struct str ref = arena_str(g->arena, g->ref);
        const struct str names[] = {
                arena_join(g->arena, STR("refs/tags/"), ref),
                arena_join(g->arena, STR("refs/remotes/origin/"), ref),
                ref,
        };
        bool may_be_commit = ref.n >= 7 && str_is_made_of(ref, "0123456789abcdef");
        int r = 0;

        g->commit = (struct str){ 0 };
        if (!str_is_absent(g->pinned))
                return find_commit(g, g->pinned, &g->commit);

        for (size_t i = 0; i < (may_be_commit ? 3 : 2) && r >= 0 && str_is_absent(g->commit); i++)
                r = find_commit(g, names[i], &g->commit);
        return r;
}

static int fetch_refs(struct git_clone *g, const char *first, const char *second, struct str *ret_problem) {
        struct str reader = arena_join(g->arena, STR("--upload-pack="), helper_upload_pack(g));
        int r = helper_allow(g, true) < 0 ? -ENOMEM : 0;

        if (r >= 0)
                r = RUN(g, ret_problem, "fetch", reader.p, "--quiet", "--force", "--prune", "--no-tags",
                        "--no-recurse-submodules", "origin", first, second);
        return helper_allow(g, false) < 0 ? -ENOMEM : r;
}

static int fetch(struct git_clone *g, struct str *ret_problem) {
        return fetch_refs(g, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", ret_problem);
}

/* A commit that no branch or tag leads to; not every server gives one. */
static int fetch_commit(struct git_clone *g, struct str *ret_problem) {
        struct str commit = arena_str(g->arena, str_is_absent(g->pinned) ? g->ref : g->pinned);

        return fetch_refs(g, commit.p, NULL, ret_problem);
}

/* Files that a killed run left behind would stop git. */
static void drop_locks(struct git_clone *g) {
        static const char *const locks[] = { "/.git/index.lock", "/.git/shallow.lock", "/.git/config.lock",
                                             "/.git/packed-refs.lock", "/.git/HEAD.lock" };

        for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
                (void) unlink(arena_join(g->arena, g->path, str_of(locks[i])).p);
}

static int open_clone(struct git_clone *g, struct str *ret_problem) {
        struct str url = arena_str(g->arena, g->repository);
        int r = tail_run(g->arena, (const char *const[]){ g->program, "init", "--quiet", g->path.p, NULL },
                         ret_problem);

        drop_locks(g);
        return r < 0 ? r : RUN(g, ret_problem, "config", "remote.origin.url", url.p);
}

int git_fetch(struct git_clone *g, struct str *ret_problem) {
        bool is_commit = git_is_commit(g->ref) || !str_is_absent(g->pinned);
        int r = open_clone(g, ret_problem);

        /* A commit never changes: if it is here, no server is contacted. */
        if (r >= 0)
                r = is_commit ? resolve(g) : 0;
        if (r < 0 || !str_is_absent(g->commit))
                return r;

        r = fetch(g, ret_problem);
        if (r >= 0)
                r = resolve(g);
        if (r >= 0 && str_is_absent(g->commit) && is_commit) {
                r = fetch_commit(g, ret_problem);
                if (r >= 0)
                        r = resolve(g);
        }
        if (r < 0 || !str_is_absent(g->commit))
                return r;

        *ret_problem = arena_join(g->arena, STR("the repository has no tag, branch or commit '"), g->ref,
                                  STR("'\n"));
        return -EIO;
}

int git_check_out(struct git_clone *g, struct str *ret_problem) {
        struct str modules = arena_join(g->arena, g->path, STR("/.gitmodules"));
        int r = RUN(g, ret_problem, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--force",
                    "--detach", g->commit.p);

        if (r >= 0)
                r = RUN(g, ret_problem, "clean", "--quiet", "-ffdx");
        if (r < 0 || access(modules.p, F_OK) < 0)
                return r;

        r = RUN(g, ret_problem, "submodule", "--quiet", "sync", "--recursive");
        if (r >= 0)
                r = RUN(g, ret_problem, "submodule", "--quiet", "update", "--init", "--recursive", "--force");
        return r;
}

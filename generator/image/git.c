/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "image/build.h"
#include "runtime/spawn.h"

/* The commit that `name` stands for; absent if it stands for none. */
static int find_commit(struct build *b, struct str name, struct str *ret) {
        struct str wish = arena_join(b->arena, name, STR("^{commit}"));
        struct spawn_result result;
        int r = spawn_run(b->arena,
                          (const char *const[]){ b->git, "-C", b->clone.p, "rev-parse", "--quiet", "--verify",
                                                 "--end-of-options", wish.p, NULL },
                          &result);

        if (r < 0)
                return r;

        *ret = (struct str){ 0 };
        if (result.status == 0)
                *ret = arena_str(b->arena, (struct str){ result.out.p, str_find(result.out, '\n') });
        return 0;
}

/* In git's own order: a tag before a branch; and a commit at last. */
static int resolve(struct build *b) {
        struct str pinned = build_pinned_commit(b), ref = arena_str(b->arena, b->ref);
        const struct str names[] = {
                arena_join(b->arena, STR("refs/tags/"), ref),
                arena_join(b->arena, STR("refs/remotes/origin/"), ref),
                ref,
        };
        bool may_be_commit = ref.n >= 7 && str_is_made_of(ref, "0123456789abcdef");
        int r = 0;

        b->commit = (struct str){ 0 };
        if (!str_is_absent(pinned))
                return find_commit(b, pinned, &b->commit);

        for (size_t i = 0; i < (may_be_commit ? 3 : 2) && r >= 0 && str_is_absent(b->commit); i++)
                r = find_commit(b, names[i], &b->commit);
        return r;
}

static int fetch_refs(struct build *b, const char *first, const char *second) {
        struct str program = helper_is_local(b) ? str_of(helper_upload_pack_command) : STR("git-upload-pack");
        struct str reader = arena_join(b->arena, STR("--upload-pack="), program);
        int r = helper_allow(b, true) < 0 ? -ENOMEM : 0;

        if (r >= 0)
                r = build_run(b, (const char *const[]){ b->git, "-C", b->clone.p, "fetch", reader.p,
                                                        "--quiet", "--force", "--prune", "--no-tags",
                                                        "--no-recurse-submodules", "origin", first, second,
                                                        NULL });
        return helper_allow(b, false) < 0 ? -ENOMEM : r;
}

static int fetch(struct build *b) {
        return fetch_refs(b, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*");
}

/* A commit that no branch or tag leads to; not every server gives one. */
static int fetch_commit(struct build *b) {
        struct str pinned = build_pinned_commit(b),
                   commit = arena_str(b->arena, str_is_absent(pinned) ? b->ref : pinned);

        return fetch_refs(b, commit.p, NULL);
}

static bool is_whole_commit(struct str ref) {
        return (ref.n == 40 || ref.n == 64) && str_is_made_of(ref, "0123456789abcdef");
}

/* Files that a killed run left behind would stop git. */
static void drop_locks(struct build *b) {
        static const char *const locks[] = { "/.git/index.lock", "/.git/shallow.lock", "/.git/config.lock",
                                             "/.git/packed-refs.lock", "/.git/HEAD.lock" };

        for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
                (void) unlink(arena_join(b->arena, b->clone, str_of(locks[i])).p);
}

static int open_clone(struct build *b) {
        struct str url = arena_str(b->arena, b->repo);
        int r = build_run(b, (const char *const[]){ b->git, "init", "--quiet", b->clone.p, NULL });

        drop_locks(b);
        if (r >= 0)
                r = build_run(b, (const char *const[]){ b->git, "-C", b->clone.p, "config",
                                                        "remote.origin.url", url.p, NULL });
        return r;
}

int git_fetch(struct build *b) {
        bool is_commit = is_whole_commit(b->ref) || !str_is_absent(build_pinned_commit(b));
        int r = open_clone(b);

        /* A commit never changes: if it is here, no server is contacted. */
        if (r >= 0)
                r = is_commit ? resolve(b) : 0;
        if (r < 0 || !str_is_absent(b->commit))
                return r;

        r = fetch(b);
        if (r >= 0)
                r = resolve(b);
        if (r >= 0 && str_is_absent(b->commit) && is_commit) {
                r = fetch_commit(b);
                if (r >= 0)
                        r = resolve(b);
        }
        if (r < 0 || !str_is_absent(b->commit))
                return r;

        b->problem = arena_join(b->arena, STR("the repository has no tag, branch or commit '"), b->ref,
                                STR("'\n"));
        return -EIO;
}

int git_check_out(struct build *b) {
        struct str modules = arena_join(b->arena, b->clone, STR("/.gitmodules"));
        int r = build_run(b, (const char *const[]){ b->git, "-C", b->clone.p, "-c",
                                                    "advice.detachedHead=false", "checkout", "--quiet",
                                                    "--force", "--detach", b->commit.p, NULL });

        if (r >= 0)
                r = build_run(b, (const char *const[]){ b->git, "-C", b->clone.p, "clean", "--quiet", "-ffdx",
                                                        NULL });
        if (r < 0 || access(modules.p, F_OK) < 0)
                return r;

        r = build_run(b, (const char *const[]){ b->git, "-C", b->clone.p, "submodule", "--quiet", "sync",
                                                "--recursive", NULL });
        if (r >= 0)
                r = build_run(b, (const char *const[]){ b->git, "-C", b->clone.p, "submodule", "--quiet",
                                                        "update", "--init", "--recursive", "--force", NULL });
        return r;
}

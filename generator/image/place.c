/* SPDX-License-Identifier: Apache-2.0 */

/* The code as people find it: a copy of the clone, owned by root, at {{ app_code_dir }}. Others may write the
 * directory that it is in: so it is made in the nearest one above that only root may write, and takes its
 * place by one rename that follows no link. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/walk.h"
#include "image/build.h"
#include "runtime/spawn.h"

static int copy(struct build *b, struct str target) {
        struct str cp = spawn_find(b->arena, "cp");
        struct spawn_result result;
        int r = str_is_absent(cp) ? -ENOENT
                                  : spawn_run(b->arena,
                                              (const char *const[]){ cp.p, "--archive", "--reflink=auto",
                                                                     "--no-target-directory", b->clone.path.p,
                                                                     target.p, NULL },
                                              &result);

        return r < 0 ? r : result.status != 0 ? -EIO : 0;
}

static int place(struct build *b, struct walk *w) {
        struct str new = arena_join(b->arena, STR(".pyservice-"), b->app, STR("-code"));
        int r = walk_to(w, b->arena, AT_FDCWD, b->code.p, WALK_MAKE);

        if (r >= 0)
                r = w->kept < 0 ? -EPERM : fs_remove_tree(w->kept, new.p);
        if (r < 0)
                return r;

        r = copy(b, arena_join(b->arena, w->kept_at, STR("/"), new));
        if (r >= 0)
                r = fs_swap(w->kept, new.p, w->dir, w->name.p);
        (void) fs_remove_tree(w->kept, new.p);
        return r;
}

void place_code(struct build *b) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        int r = place(b, &w);

        if (r < 0)
                (void) fprintf(stderr, "the image is built, but its code could not be copied to %.*s: %s\n",
                               STR_ARG(b->code), str_is_absent(w.problem) ? strerror(-r) : w.problem.p);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-build: builds the image of an application from its Git repository. */

#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "image/build.h"
#include "podman/room.h"
#include "programs/usage.h"
#include "runtime/spawn.h"

static const char usage_text[] =
        "usage: pyservice-build build|look APP IMAGE --runtime=DIR --repo=REPOSITORY --ref=REF --code=DIR "
        "[OPTIONS…]\n       pyservice-build check APP IMAGE --runtime=DIR\n       pyservice-build "
        "room\nBuilds the image of an "
        "application from its repository ('look': if the ref has moved), or reports why that fails.\n'room' "
        "checks that a pull has room. The "
        "clone is kept in $CACHE_DIRECTORY.\n";

static int fail(struct build *b, int r, bool is_look) {
        if (r != -EIO && r != -ENOENT)
                b->problem = arena_join(b->arena, str_of(strerror(-r)), STR("\n"));
        else if (str_is_absent(b->problem))
                b->problem = STR("one of its programs could not be run\n");

        build_note_failure(b, is_look);
        /* The lines themselves were passed on as they came. A rollout prints this one. */
        (void) fprintf(stderr, "Error: %.*s\n", STR_ARG(build_reason(b->problem)));
        return EXIT_USER;
}

static int build(struct build *b) {
        int r = build_image(b);

        if (r < 0)
                return fail(b, r, false);

        build_clear_failure(b);
        return EXIT_SUCCESS;
}

/* In a unit that is to run the image: its own journal must have the reason why it can't, because a rollout
 * reads it there. */
static int check(struct build *b) {
        struct str why = build_failure(b);

        if (str_is_absent(why))
                return EXIT_SUCCESS;

        (void) fprintf(stderr, "%.*s could not be built:\n%.*s", STR_ARG(b->image), STR_ARG(why));
        return EXIT_USER;
}

/* In the unit that pulls an image. */
static int check_room(struct arena *a) {
        struct str problem;

        if (room_check(a, spawn_find(a, "podman").p, &problem) == 0)
                return EXIT_SUCCESS;

        (void) fprintf(stderr, "Error: %.*s\n", STR_ARG(problem));
        return EXIT_USER;
}

int main(int argc, char **argv) {
        struct arena arena = { 0 };
        struct build b = { .arena = &arena };

        (void) umask(0022);
        if (git_is_helper()) {
                (void) prctl(PR_SET_DUMPABLE, 0);
                return git_help(&arena, argc, argv);
        }

        if (argc == 2 && strcmp(argv[1], "room") == 0)
                return check_room(&arena);
        if (argc < 2 || !build_read_arguments(&b, argc - 1, argv + 1))
                return usage_answer('?', usage_text);
        if (strcmp(argv[1], "check") == 0)
                return check(&b);

        b.cache = str_of(getenv("CACHE_DIRECTORY"));
        if (str_is_absent(b.cache) || b.cache.p[0] != '/' || str_is_absent(b.clone.repository) ||
            str_is_absent(b.clone.ref) || str_is_absent(b.code) ||
            (str_is_absent(b.containerfile) && str_is_absent(b.base)) || git_prepare(&b.clone) != 0)
                return usage_answer('?', usage_text);

        if (strcmp(argv[1], "build") == 0)
                return build(&b);
        if (strcmp(argv[1], "look") == 0) {
                int r = build_look(&b);

                return r < 0 ? fail(&b, r, true) : EXIT_SUCCESS;
        }

        return usage_answer('?', usage_text);
}

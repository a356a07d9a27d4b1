/* SPDX-License-Identifier: Apache-2.0 */
#include "image/build.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "podman/room.h"
#include "runtime/spawn-tail.h"
#include "runtime/spawn.h"

#define REVISION_LABEL "org.opencontainers.image.revision"

struct str build_reason(struct str problem) {
        static const char *const marks[] = { "ERROR: ", "fatal: ", "Error: ", "error: " };
        struct str rest = problem, line, reason = STR(""), last = STR("");

        while (str_split(&rest, '\n', &line)) {
                /* The last message of ssh is the reason; the lines after it are advice. */
                if (last.n > 0 && str_has_prefix(line, STR("fatal: Could not read from remote repository")))
                        return last;

                last = line.n > 0 ? line : last;
                for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
                        if (str_has_prefix(line, str_of(marks[i])) &&
                            !str_has_prefix(line, STR("Error: building at ")))
                                reason = str_from(line, strlen(marks[i]));
        }

        return reason.n > 0 ? reason : last;
}

static int has_image(struct build *b, struct str image, bool *ret) {
        struct spawn_result result;
        int r = spawn_run(
                b->arena,
                (const char *const[]){ b->podman, "image", "exists", arena_str(b->arena, image).p, NULL },
                &result);

        if (r < 0)
                return r;
        if (result.status > 1) {
                b->problem = result.err;
                return -EIO;
        }

        *ret = result.status == 0;
        return 0;
}

/* The commit that an image was built from; absent if the image has no such label. */
static int read_label(struct build *b, struct str image, struct str *ret) {
        struct spawn_result result;
        int r = spawn_run(b->arena,
                          (const char *const[]){ b->podman, "image", "inspect", "--format",
                                                 "{{index .Labels \"" REVISION_LABEL "\"}}",
                                                 arena_str(b->arena, image).p, NULL },
                          &result);

        if (r < 0)
                return r;

        *ret = result.status == 0 ? (struct str){ result.out.p, str_find(result.out, '\n') }
                                  : (struct str){ 0 };
        return 0;
}

static int write_containerfile(struct build *b) {
        CLEANUP(close_fd) int dir = fs_open_dir(AT_FDCWD, b->cache.p);
        struct str text;
        int r = dir < 0 ? dir : containerfile_make(b, &text);

        return r < 0 ? r : fs_replace(dir, "Containerfile", 0600, text);
}

/* The directory that is the repository for podman, and its Containerfile. */
static int run_podman(struct build *b, struct str image) {
        struct arena *a = b->arena;
        bool is_own = !str_is_absent(b->containerfile);
        struct str context = is_own && !str_is_absent(b->subdir)
                                     ? arena_join(a, b->clone.path, STR("/"), b->subdir)
                                     : b->clone.path;
        struct str file = is_own ? arena_join(a, context, STR("/"), b->containerfile)
                                 : arena_join(a, b->cache, STR("/Containerfile"));
        const char *argv[20] = { b->podman, "build", "--layers" };
        size_t n = 3;

        argv[n++] = "--tag";
        argv[n++] = arena_str(a, image).p;
        argv[n++] = "--label";
        argv[n++] = arena_join(a, STR(REVISION_LABEL "="), b->clone.commit).p;
        argv[n++] = arena_join(a, STR("--pull="), str_is_absent(b->pull) ? STR("missing") : b->pull).p;
        if (!str_is_absent(b->auth_file))
                argv[n++] = arena_join(a, STR("--authfile="), b->auth_file).p;
        if (b->skips_tls)
                argv[n++] = "--tls-verify=false";
        /* The repository's own .dockerignore is about its own Containerfile. */
        if (!is_own)
                argv[n++] = "--ignorefile=/dev/null";
        argv[n++] = "--file";
        argv[n++] = file.p;
        argv[n] = context.p;
        return tail_run(a, argv, &b->problem);
}

int build_find(const struct build *b, const char *name) {
        CLEANUP(close_fd) int clone = fs_open_dir(AT_FDCWD, b->clone.path.p), fd = -1;

        fd = clone < 0 ? clone : fs_open_resolved(clone, name, O_PATH, RESOLVE_BENEATH);
        return fd < 0 ? fd : 0;
}

/* Podman reads the Containerfile, the lists of what is ignored and the directory as root, through any link: a
 * link of the repository must not lead to other files of this machine. Podman itself keeps below that
 * directory what it copies. */
static int check_inside(struct build *b, struct str path, bool is_needed) {
        const char *name = arena_str(b->arena, path).p;
        int r = build_find(b, name);

        if (r >= 0 || (r == -ENOENT && !is_needed))
                return 0;

        b->problem = r == -EXDEV
                             ? arena_printf(b->arena,
                                            "'%s' of the repository is a link out of the repository\n", name)
                             : arena_printf(b->arena, "the repository has no '%s'\n", name);
        return -ENOENT;
}

int build_check_places(struct build *b) {
        const struct str ends[] = { STR(".containerignore"), STR(".dockerignore") };
        struct str below = str_is_absent(b->subdir) ? STR("") : arena_join(b->arena, b->subdir, STR("/"));
        struct str file = arena_join(b->arena, below, b->containerfile);
        int r = below.n > 0 ? check_inside(b, b->subdir, true) : 0;

        if (r < 0 || str_is_absent(b->containerfile))
                return r;

        r = check_inside(b, file, true);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ends); i++) {
                r = check_inside(b, arena_join(b->arena, below, ends[i]), false);
                if (r >= 0)
                        r = check_inside(b, arena_join(b->arena, file, ends[i]), false);
        }

        return r;
}

/* From the commit to the image. */
static int make_image(struct build *b, struct str image) {
        int r = git_check_out(&b->clone, &b->problem);

        if (r >= 0)
                r = build_check_places(b);
        if (r >= 0 && str_is_absent(b->containerfile))
                r = write_containerfile(b);
        if (r >= 0 && room_check(b->arena, b->podman, &b->problem) < 0) {
                b->problem = arena_join(b->arena, b->problem, STR("\n"));
                return -EIO;
        }
        if (r >= 0)
                r = run_podman(b, image);
        if (r >= 0)
                place_code(b);
        return r;
}

static int find_programs(struct build *b) {
        bool has_git;

        b->clone.arena = b->arena;
        has_git = git_find(&b->clone);
        b->podman = spawn_find(b->arena, "podman").p;
        if (has_git && b->podman)
                return 0;

        b->problem = arena_join(b->arena, str_of(b->podman ? "git" : "podman"), STR(" is not installed\n"));
        return -EIO;
}

static int open_cache(struct build *b) {
        b->clone.path = arena_join(b->arena, b->cache, STR("/code"));
        return find_programs(b);
}

/* Units of two revisions, and `look`, share one clone. Held until the program ends. */
static int lock_cache(struct build *b) {
        int fd = fs_lock(AT_FDCWD, arena_join(b->arena, b->cache, STR("/.lock")).p);

        return fd < 0 ? fd : 0;
}

int build_image(struct build *b) {
        bool is_there = false;
        int r = open_cache(b);

        b->clone.pinned = build_pinned_commit(b);
        if (r >= 0)
                r = has_image(b, b->image, &is_there);
        if (r < 0 || is_there)
                return r;

        r = lock_cache(b);
        if (r >= 0)
                r = has_image(b, b->image, &is_there);
        if (r >= 0 && !is_there)
                r = git_fetch(&b->clone, &b->problem);
        if (r < 0 || is_there)
                return r;

        (void) fprintf(stderr, "building %.*s from commit %.*s\n", STR_ARG(b->image),
                       STR_ARG(b->clone.commit));
        return make_image(b, b->image);
}

/* RUNTIME/builds, created if it is missing. */
static int open_builds(struct build *b) {
        CLEANUP(close_fd) int runtime = fs_open_dir(AT_FDCWD, arena_str(b->arena, b->runtime).p);
        int r = runtime < 0 ? runtime : fs_make_dirs(runtime, LAYOUT_BUILDS, false);

        return r < 0 ? r : fs_open_dir(runtime, LAYOUT_BUILDS);
}

/* Readable by root alone, like the journal: the last lines of a build may quote secrets of its repository. */
static int write_note(struct build *b, struct str suffix, struct str text) {
        CLEANUP(close_fd) int dir = open_builds(b);

        return dir < 0 ? dir : fs_replace(dir, arena_join(b->arena, b->app, suffix).p, 0600, text);
}

int build_look(struct build *b) {
        struct str reference = build_reference(b), image, old = { 0 };
        bool is_there = false;
        int r = open_cache(b);

        if (r >= 0)
                r = lock_cache(b);
        if (r >= 0)
                r = read_label(b, b->image, &old);
        if (r >= 0)
                r = git_fetch(&b->clone, &b->problem);
        if (r < 0)
                return r;

        if (!str_is_absent(old) && str_eq(old, b->clone.commit))
                return write_note(b, STR(".found"), arena_join(b->arena, b->image, STR("\n")));

        image = arena_join(b->arena, reference, STR("-"), b->clone.commit);
        r = has_image(b, image, &is_there);
        if (r >= 0 && !is_there)
                r = make_image(b, image);
        return r < 0 ? r : write_note(b, STR(".found"), arena_join(b->arena, image, STR("\n")));
}

void build_note_failure(struct build *b, bool is_look) {
        (void) write_note(b, is_look ? STR(".found") : STR(".failed"),
                          arena_join(b->arena, is_look ? STR("-") : b->image, STR("\n"), b->problem));
}

void build_clear_failure(struct build *b) {
        CLEANUP(close_fd) int dir = open_builds(b);

        (void) unlinkat(dir, arena_join(b->arena, b->app, STR(".failed")).p, 0);
}

struct str build_failure(struct build *b) {
        struct str path = arena_join(b->arena, b->runtime, STR("/" LAYOUT_BUILDS "/"), b->app,
                                     STR(".failed")),
                   text, image;
        bool is_there = false;

        if (fs_read(b->arena, AT_FDCWD, path.p, BUF_MAX, &text) < 0 || !str_split(&text, '\n', &image) ||
            !str_eq(image, b->image))
                return (struct str){ 0 };
        /* It may have been brought by hand since. */
        if (find_programs(b) == 0 && has_image(b, b->image, &is_there) == 0 && is_there)
                return (struct str){ 0 };

        return str_is_absent(text) ? STR("") : text;
}

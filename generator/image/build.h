/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Building an app's image from its Git repository: pyservice-build, which APP-HASH-build.service runs.
 *
 *     $CACHE_DIRECTORY/code           the clone, of root alone; git works only here, because a repository
 *                                     that others may write would let them run commands as root
 *     $CACHE_DIRECTORY/Containerfile  as it was generated last
 *     RUNTIME/builds/APP.failed       the tag of the image that could not be built, a line feed, and the
 *                                     reason
 *     RUNTIME/builds/APP.found        the result of `look`: the reference of the image for the current commit
 *                                     of the ref; or "-", a line feed, and the reason
 *     --code=DIR                      the code for people to read: a copy, of root
 *
 * The image that is built from a commit that `look` found is REFERENCE-COMMIT. Functions give 0, or a
 * negative errno; -EIO if a program failed; b->problem is then its last message. */

#include "base/arena.h"
#include "base/vec.h"
#include "git/git.h"

struct build_command {
        VEC(struct str) words;
};

enum build_manager { BUILD_PIP, BUILD_UV, BUILD_CONDA };

struct build {
        struct arena *arena;

        /* From the command line. */
        struct str app, image, runtime;
        struct str code, pull, auth_file;
        struct str subdir, containerfile, base, requirements, conda, python;
        enum build_manager manager;
        bool skips_tls;
        VEC(struct str) packages;
        VEC(struct build_command) before, after;

        struct git_clone clone; /* its repository and what belongs to that: from the command line, too */

        const char *podman; /* the program */
        struct str cache;   /* the directory */
        struct str problem; /* why it failed: lines, each with a line feed */
};

/* Reads what follows the verb: APP IMAGE OPTIONS…. False if they are not valid. */
bool build_read_arguments(struct build *b, int argc, char **argv);

/* The image without the commit in its tag, and that commit; absent if its tag has none. */
struct str build_reference(const struct build *b);
struct str build_pinned_commit(const struct build *b);

/* Builds b->image unless it is there. */
int build_image(struct build *b);

/* Finds the current commit of the ref, builds it if b->image was built from another one, and writes
 * RUNTIME/builds/APP.found. */
int build_look(struct build *b);

/* The line among these that has the reason: podman's own last line only names the command that failed. */
struct str build_reason(struct str problem);

/* Keeps b->problem: for build_failure(), or for the caller of `look`. */
void build_note_failure(struct build *b, bool is_look);
void build_clear_failure(struct build *b);

/* The reason why b->image could not be built; absent if no failure is known. */
struct str build_failure(struct build *b);

/* The generated Containerfile for the clone as it is checked out. -ENOENT if the repository lacks a file:
 * then b->problem names it. */
int containerfile_make(struct build *b, struct str *ret);

/* Copies the clone for people to read (--code). A failure of this is only reported. */
void place_code(struct build *b);

/* That what Podman reads of the repository is in it: the directory, the Containerfile and the lists of what
 * is ignored. 0, or a negative errno with a problem. */
int build_check_places(struct build *b);

/* Checks that `name` is in the repository, and is no link out of it. 0; -EXDEV for such a link, or another
 * negative errno. */
int build_find(const struct build *b, const char *name);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* git: clones, and the helper that it calls.
 *
 * Functions return 0 or a negative errno; -EIO if git failed, with its message in *ret_problem, lines with a
 * line feed each. */

#include "base/arena.h"

struct git_clone {
        struct arena *arena;
        const char *program;   /* git's path, of git_find() */
        struct str path;       /* its directory */
        struct str repository; /* a URL, USER@HOST:PATH, or a path of this machine */

        /* For git_fetch(). */
        struct str ref;                 /* a tag, branch or commit */
        struct str pinned;              /* the commit to have; absent: the current commit of the ref */
        struct str ssh_key, credential; /* absent for none */
        struct str commit;              /* once it is known */
};

/* Finds the program. False if it is not installed. */
bool git_find(struct git_clone *g);

/* Sets the environment of git, in which it calls the helper. 0; -1 without memory. */
int git_prepare(const struct git_clone *g);

/* Clones or fetches, and finds the commit. */
int git_fetch(struct git_clone *g, struct str *ret_problem);

/* Puts the commit's files, and those of its submodules, into the directory. */
int git_check_out(struct git_clone *g, struct str *ret_problem);

/* Clones the newest commit of the repository's own branch, as this user and without a prompt. Nothing is
 * checked out: no link of the repository can lead to a file of this machine. */
int git_clone_tip(struct git_clone *g, struct str *ret_problem);

/* The name of its branch; the files at the top of its commit, with a line feed behind each; the content of a
 * file. */
int git_get_branch(struct git_clone *g, struct str *ret, struct str *ret_problem);
int git_list(struct git_clone *g, struct str *ret, struct str *ret_problem);
int git_read(struct git_clone *g, const char *file, struct str *ret, struct str *ret_problem);

/* True for a whole hash of a commit. */
bool git_is_commit(struct str s);

/* True if git calls this program as its helper, in the environment of git_prepare(). */
bool git_is_helper(void);

/* As the helper: answers git's question for a user name or password (argv[1]), becomes ssh, or becomes the
 * process that reads a local repository. Gives the exit status. */
int git_help(struct arena *a, int argc, char **argv);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Lines of tmpfiles.d(5): directories and files that systemd-tmpfiles makes, with their owners and modes.
 *
 * A line is split and unquoted like a shell's (with escapes of C), then % starts a specifier in the path.
 * So each path is written as "…", with every byte but letters, digits and a few as \xNN. A content is
 * base64 ('~'), so that no byte of it means anything, or comes from the credential of a name ('^'); both
 * are written over what is there ('+').
 *
 * Names of users and groups are put as they stand, as is a mode; bytes that their types do not allow are a
 * bug. */

#include "output/tree.h"

struct tmpfiles;

/* The columns that are equal for every line. */
struct tmpfiles_access {
        struct file_mode mode;
        struct account user, group;
};

struct tmpfiles *tmpfiles_new(struct arena *a);

void tmpfiles_directory(struct tmpfiles *t, struct abs_path path, const struct tmpfiles_access *access);
void tmpfiles_file(struct tmpfiles *t, struct abs_path path, const struct tmpfiles_access *access,
                   struct any_text content);
void tmpfiles_credential(struct tmpfiles *t, struct abs_path path, const struct tmpfiles_access *access,
                         struct name credential);

/* The text so far, for hashing. */
struct str tmpfiles_text(struct tmpfiles *t);

/* Adds the file, 0600 since it holds contents. */
struct tree_file *tmpfiles_finish(struct tmpfiles *t, struct tree *tree, struct str path);

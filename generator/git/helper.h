/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside git/: how git reaches a repository. */

#include "git/git.h"

/* The command with which git reads the repository. */
struct str helper_upload_pack(const struct git_clone *g);

/* Sets which protocols git may use: those for the repository itself, or those for its submodules. */
int helper_allow(const struct git_clone *g, bool is_repository);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of the user that become definitions, from any directory. Each is written to the first directory of
 * definitions, under its own name. */

#include "change/change-parts.h"

/* True if a word of the command line is a file, and not the name of an application. */
bool place_is_file(const char *word);

/* Takes a word of the command line: the name of an application, or a file, which is read, and added to
 * ch->files. Returns 0, or an exit status after reporting why it is neither. */
int place_take_word(struct changing *ch, const char *word, struct str *ret_app);

/* Reads what is in their places now: its owner, group and mode stay. If that is a link, the file that it
 * leads to is the place. Returns 0 or an exit status. */
int place_look(struct changing *ch);

/* ch->files as foresee_open() takes them. */
struct proposed *place_propose(struct changing *ch);

/* True if a file is not in its place yet. */
bool place_differs(const struct changing *ch);

/* Puts them in their places, if these are as place_look() found them. Returns 0, or an exit status after
 * reporting why not. */
int place_put(struct changing *ch);

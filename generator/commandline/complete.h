/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The completions of a word for a shell: `pyservicectl completion -- WORD…`, of which the last is the one
 * that is being written. The scripts in contrib/completions call it; what there is to know stands here,
 * and in the tables of verbs and options.
 *
 * Each line of the answer is a word, a tab, and what it is. The line ":files" or ":directories" stands for
 * the shell's own. */

#include "commandline/options.h"
#include "ctl/target.h"

struct complete {
        struct ctl *ctl;
        const struct verb *verb;
        struct str word; /* that is being written */
        struct str app,
                sub; /* the words before it: application, and first word of the verb ("undo"); or absent */
        bool is_elsewhere; /* the command runs on other machines, whose applications are unknown here */
        struct buf out;
};

/* Offers `text` if it begins with the incomplete word. `doc` may be "". */
void complete_offer(struct complete *k, struct str text, struct str doc);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of this folder: the machines, and the words of ssh. */

#include "base/buf.h"
#include "remote/remote.h"

struct remote {
        struct ctl *ctl;
        VEC(struct str) hosts;
        int archive; /* tar(1) of the files of the command line; -1 for none */
        bool is_parallel;
        bool has_input;    /* the command gets standard input */
        bool has_terminal; /* and a terminal */
};

/* Splits "HOST,USER@HOST" and refuses what ssh could take for an option. Returns 0 or an exit status. */
int remote_parse_hosts(struct ctl *c, struct remote *r);

/* Puts the word so that every shell (sh, csh and fish, too) takes it for one word with these bytes. */
void remote_quote(struct buf *out, struct str word);

/* True if the word is a definition that has to be copied; *ret_name: its name there. */
bool remote_is_file(const struct ctl *c, int word, struct str *ret_name);

/* The command line for the other machine; its files are in `directory` there, which the command then removes.
 * Absent: there is none. */
struct str remote_command(struct ctl *c, struct str directory);

/* Runs the program, with these descriptors as its standard input and output (-1: its own ones), and waits for
 * its end. Returns its exit status, 128 + the signal that ended it, or 111 after reporting why it did not
 * start. */
int remote_spawn(const char *const *argv, int in, int out);

/* Runs the command line on one machine. Returns its exit status. */
int remote_run_one(struct remote *r, struct str host);

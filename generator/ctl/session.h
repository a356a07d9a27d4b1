/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Definitions as they are now, loaded and decoded. */

#include "ctl/ctl.h"

/* What a verb about definitions works on. */
struct session {
        struct sources sources;
        struct diags ds;
        struct world world;
};

/* Opens the root and loads: the files of the command line where there are any, else all definitions. Gives
 * 0, or an exit status after having said why. */
int session_open(struct ctl *c, struct session *s);
void session_close(struct session *s);

/* The same for verbs about one application: all definitions, whatever the command line has. One that is
 * not defined, or has mistakes, is the user's mistake. Gives 0 or an exit status; the session is to be
 * closed either way. */
int session_open_app(struct ctl *c, struct session *s, struct str name, struct app **ret);

/* The same for who does not mind mistakes in it. */
int session_open_definition(struct ctl *c, struct session *s, struct str name, struct definition **ret);

/* NULL where there is none. */
struct definition *session_find(const struct session *s, struct str name);

/* The link to /dev/null in its place; absent where there is none. */
struct str session_find_mask(const struct session *s, struct str name);

/* Says that there is none, or that it is masked, and what may have been meant; gives the exit status. */
int session_no_definition(struct ctl *c, const struct session *s, struct str name);

/* The same for all definitions, with some files as they would be. */
int session_open_with(struct ctl *c, const struct proposed *files, size_t n, struct session *s);

/* Tells the mistakes of one app on standard error. */
void session_tell(struct session *s, struct str app);

/* Prints what was found, as text on standard error or as JSON on standard output; gives the exit status. */
int session_report(struct ctl *c, struct session *s);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Definitions as they are now, loaded and decoded. */

#include "ctl/ctl.h"

/* The data of a verb about definitions. */
struct session {
        struct sources sources;
        struct diags ds;
        struct world world;
};

/* Opens the root and loads all definitions. Returns 0, or an exit status after reporting why. */
int session_open(struct ctl *c, struct session *s);
void session_close(struct session *s);

/* Like session_open(), but loads only these files; all definitions if `n` is 0. */
int session_open_files(struct ctl *c, const char *const *files, int n, struct session *s);

/* Like session_open() for verbs about one application. It is an error if the application is not defined or
 * has errors. Returns 0 or an exit status; the session is to be closed either way. */
int session_open_app(struct ctl *c, struct session *s, struct str name, struct app **ret);

/* Like session_open_app(), in a session that is open. */
int session_find_app(struct ctl *c, struct session *s, struct str name, struct app **ret);

/* Like session_open_app(), but accepts errors in the definition. */
int session_open_definition(struct ctl *c, struct session *s, struct str name, struct definition **ret);

/* NULL if there is none. */
struct definition *session_find(const struct session *s, struct str name);

/* The link to /dev/null in its place; absent if there is none. */
struct str session_find_mask(const struct session *s, struct str name);

/* Reports that there is no such application, or that it is masked, with a suggestion; returns the exit
 * status. */
int session_no_definition(struct ctl *c, const struct session *s, struct str name);

/* Like session_open(), with some files replaced. */
int session_open_with(struct ctl *c, const struct proposed *files, size_t n, struct session *s);

/* Prints the errors of one app on standard error. */
void session_tell(struct session *s, struct str app);

/* Prints what was found, as text on standard error or as JSON on standard output; gives the exit status. */
int session_report(struct ctl *c, struct session *s);

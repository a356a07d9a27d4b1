/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A message as its recipients get it. The texts of an application (its log, the reason) stay one JSON
 * string, and lines of a mail's body: no text of it becomes a member or a header. The bytes are the same
 * for each try. */

#include "bundle/message.h"

/* One object on one line; contrib/man/pyservice-host.5 describes it. */
struct str body_json(struct arena *a, const struct message *m);

/* A whole mail, with its headers. */
struct str body_mail(struct arena *a, const struct notify *n, const struct message *m);

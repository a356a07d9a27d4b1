/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One text out of a JSON answer (RFC 8259). Strict: the whole text must be one object, at most 16 deep. */

#include "base/arena.h"

/* The member `name` of the object, a string, with its escapes undone. 0; -ENOENT where there is none;
 * -EBADMSG where the text is no such object, or the member is there twice or no string. */
int json_get(struct arena *a, struct str text, const char *name, struct str *ret);

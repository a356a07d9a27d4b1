/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One text out of a JSON answer of the network, by json-c in its strict mode: the whole text must be one
 * object in UTF-8, at most 16 deep. */

#include "base/arena.h"

/* The member `name` of the object, a string, with its escapes undone; the last one counts. 0; -ENOENT if
 * there is none; -EBADMSG if the text is not such an object, or the member is not a string. */
int json_get(struct arena *a, struct str text, const char *name, struct str *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Strings of JSON that may be printed to a terminal, even if they come from a container: control characters
 * are escapes, and each byte that is not UTF-8 is U+FFFD. */

#include "base/buf.h"

/* With the quotes. */
void json_put_text(struct buf *out, struct str s);

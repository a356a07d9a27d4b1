/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Base64 of RFC 4648, section 4. */

#include "base/arena.h"

/* Strict: no blanks, no line ends, padding to the full length, no bits that are lost. False where it is
 * something else. The empty text is empty. */
bool base64_decode(struct arena *a, struct str text, struct str *ret);

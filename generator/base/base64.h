/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Base64 of RFC 4648, section 4. */

#include "base/arena.h"

/* Strict: no blanks, no line ends, padding to the full length, no bits that are lost. False if the text is
 * anything else. The empty text decodes to the empty text. */
bool base64_decode(struct arena *a, struct str text, struct str *ret);

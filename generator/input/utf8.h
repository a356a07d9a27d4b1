/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* UTF-8, strictly as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF. */

#include "base/str.h"

/* The character that starts at byte `at` (less than s.n). Gives its length in bytes, or 0 where the bytes are
 * no UTF-8. */
unsigned utf8_decode(struct str s, size_t at, uint32_t *ret_character);

/* Is it one that a definition may hold neither as it is nor as an escape: control characters but \n and \t, the
 * line breaks NEL, LS and PS, the byte order mark, U+FFFE and U+FFFF? */
bool utf8_is_control(uint32_t character);

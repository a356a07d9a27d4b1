/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* UTF-8, strictly as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF. */

#include "base/arena.h"

/* The number of bytes of a character that begins with this byte; 0 if none does. */
unsigned utf8_length(uint8_t lead);

/* The character that starts at byte `at` (less than s.n). Gives its length in bytes, or 0 if the bytes are
 * not UTF-8. */
unsigned utf8_decode(struct str s, size_t at, uint32_t *ret_character);

/* True for characters that a definition may contain neither directly nor as an escape: control characters
 * except \n and \t, the line breaks NEL, LS and PS, the byte order mark, U+FFFE and U+FFFF. */
bool utf8_is_control(uint32_t character);

/* Makes a text safe for a terminal: each byte of a control character, and each byte that is not UTF-8,
 * becomes a question mark. Line feeds and tabs stay. */
struct str utf8_clean(struct arena *a, struct str text);

/* Like utf8_clean(), but one line of at most `max` bytes, cut between characters: line feeds and tabs are
 * blanks. */
struct str utf8_clean_line(struct arena *a, struct str text, size_t max);

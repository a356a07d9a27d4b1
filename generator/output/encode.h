/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the bytes of a value are spelt in a unit file; only unit.c uses it.
 *
 * A value passes up to three readers. Quadlet splits and unquotes it, and writes it into ExecStart=.
 * systemd unquotes it again, then expands % and then $. Each spelling below is the set of rules that its
 * readers undo together; the round trip is fuzzed (tests/fuzz/fuzz-unit-roundtrip.c).
 *
 * The types refuse bytes that no spelling can carry, so these are a bug here: NUL; text that is not UTF-8 in
 * systemd's sense, which excludes U+FDD0…U+FDEF and U+..FFFE/F (one such character and systemd refuses the
 * whole unit); U+0080, which Quadlet writes as the byte 80. A bug ends the process with abort(). */

#include "base/buf.h"

enum escape {
        ESCAPE_NOTHING,  /* control bytes, blanks at the ends and a '\' at the end are bugs */
        ESCAPE_TO_BLANK, /* control bytes become blanks, the ends are trimmed */
        ESCAPE_C,        /* \" \\ \n \t \xNN, inside "…" */
        ESCAPE_JSON,     /* \" \\ \u00NN, inside "…" */
        ESCAPE_HEX,      /* \xNN for all except letters, digits and a few */
};

struct spelling {
        enum escape escape;
        bool doubles_percent, doubles_dollar;
        bool is_plain; /* only [A-Za-z0-9@_./:,=+-], '[', ']' and '\' before the end */
};

/* Adds `text`, with INSTANCE_MARK as %i, CREDENTIALS_MARK as %d, HOSTNAME_MARK as %H, and REVISION_MARK and
 * IMAGE_MARK as variables of the unit, which systemd expands in command lines. */
void encode_put(struct buf *b, const struct spelling *how, struct str text);

/* A whole value that its readers take unquoted, as one line: without blanks (Unicode's too: Go trims them)
 * and backslashes at its ends for ESCAPE_TO_BLANK; otherwise these are a bug. */
struct str encode_line_ends(const struct spelling *how, struct str value);

/* True if `s` is UTF-8 as systemd reads it, and without NUL. */
bool encode_is_utf8(struct str s);

/* One message with the text, its odd bytes as '?', then abort(). */
_Noreturn void encode_bug(const char *what, struct str text);

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "input/yaml-parts.h"

/* One message for each kind: a file with Windows line ends has as many of them as it has lines. */
enum kind {
        KIND_NOT_UTF8,
        KIND_CARRIAGE_RETURN,
        KIND_LINE_SEPARATOR,
        KIND_MARK,
        KIND_CONTROL,
        KIND_COUNT,
};

static enum kind kind_of(uint32_t c) {
        if (c == '\r')
                return KIND_CARRIAGE_RETURN;
        if (c == 0x85 || c == 0x2028 || c == 0x2029)
                return KIND_LINE_SEPARATOR;

        return c == 0xfeff ? KIND_MARK : KIND_CONTROL;
}

static void report_carriage_return(struct diags *ds, struct span at, struct str text) {
        bool is_crlf = at.off + 1 < text.n && text.p[at.off + 1] == '\n';

        (void) diag_add(
                ds, DIAG_LINE_BREAK, at,
                is_crlf ? "lines end with CR LF, as on Windows; convert them with: sed -i 's/\\r$//' FILE"
                        : "a carriage return does not end a line; end lines with a line feed");
}

static void report(struct diags *ds, enum kind kind, struct span at, uint32_t c) {
        struct str text = ds->sources->list.at[at.file].text;

        if (kind == KIND_CARRIAGE_RETURN)
                report_carriage_return(ds, at, text);
        if (kind == KIND_NOT_UTF8)
                (void) diag_add(ds, DIAG_NOT_UTF8, at, "byte 0x%02X is not UTF-8; save the file as UTF-8",
                                (unsigned) (uint8_t) text.p[at.off]);
        if (kind == KIND_LINE_SEPARATOR)
                (void) diag_add(ds, DIAG_LINE_BREAK, at,
                                "U+%04X is a line break to YAML, but not to editors; remove it", c);
        if (kind == KIND_MARK)
                (void) diag_add(ds, DIAG_CONTROL_CHARACTER, at,
                                "a byte order mark (U+FEFF) may only be at the start; remove it");
        if (kind == KIND_CONTROL)
                (void) diag_add(ds, DIAG_CONTROL_CHARACTER, at, "control character U+%04X; remove it", c);
}

static bool is_utf16(struct str text) {
        return text.n >= 2 && (memcmp(text.p, "\xff\xfe", 2) == 0 || memcmp(text.p, "\xfe\xff", 2) == 0);
}

bool yaml_check_bytes(struct diags *ds, uint32_t file, bool *ret_is_ascii) {
        struct str text = ds->sources->list.at[file].text;
        bool seen[KIND_COUNT] = { false }, is_ascii = true, is_good = true;
        unsigned n;

        if (is_utf16(text)) {
                (void) diag_add(ds, DIAG_NOT_UTF8, (struct span){ file, 0, 2 },
                                "the file is UTF-16; save it as UTF-8");
                return false;
        }

        for (size_t at = 0; at<text.n; at += n> 0 ? n : 1) {
                uint8_t byte = (uint8_t) text.p[at];
                enum kind kind = KIND_NOT_UTF8;
                uint32_t c = byte;

                n = 1;
                if ((byte >= ' ' && byte < 0x7f) || byte == '\n')
                        continue;

                is_ascii = is_ascii && byte < 0x80;
                n = utf8_decode(text, at, &c);
                if (n > 0 && (!utf8_is_control(c) || (c == 0xfeff && at == 0)))
                        continue;

                if (n > 0)
                        kind = kind_of(c);
                if (!seen[kind])
                        report(ds, kind, (struct span){ file, (uint32_t) at, n > 0 ? n : 1 }, c);
                seen[kind] = true;
                is_good = false;
        }

        *ret_is_ascii = is_ascii;
        return is_good;
}

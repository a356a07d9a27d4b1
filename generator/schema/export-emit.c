/* SPDX-License-Identifier: Apache-2.0 */

/* Text that is safe for its reader: JSON and roff. */

#include "base/json-text.h"
#include "base/utf8.h"
#include "schema/export-parts.h"

static void put_line_start(struct emitter *e) {
        if (e->is_one_line) {
                buf_put(e->out, e->is_open ? "" : " ");
                return;
        }

        buf_put_char(e->out, '\n');
        for (unsigned i = 0; i < e->depth; i++)
                buf_put(e->out, "  ");
}

/* Everything in front of a value. */
static void begin(struct emitter *e, const char *key) {
        if (e->depth > 0) {
                if (!e->is_open)
                        buf_put_char(e->out, ',');
                put_line_start(e);
        }
        e->is_open = false;

        if (key) {
                json_put_text(e->out, str_of(key));
                buf_put(e->out, ": ");
        }
}

void emit_open(struct emitter *e, const char *key, char bracket) {
        begin(e, key);
        buf_put_char(e->out, bracket);
        e->depth++;
        e->is_open = true;
}

void emit_close(struct emitter *e, char bracket) {
        e->depth--;
        if (!e->is_open && !e->is_one_line)
                put_line_start(e);
        buf_put_char(e->out, bracket);
        e->is_open = false;
}

void emit_text(struct emitter *e, const char *key, struct str value) {
        begin(e, key);
        json_put_text(e->out, value);
}

void emit_known(struct emitter *e, const char *key, struct str value) {
        if (!str_is_absent(value))
                emit_text(e, key, value);
}

void emit_number(struct emitter *e, const char *key, uint64_t value) {
        begin(e, key);
        buf_put_u64(e->out, value);
}

void emit_bool(struct emitter *e, const char *key, bool value) {
        begin(e, key);
        buf_put(e->out, value ? "true" : "false");
}

struct str export_sentence(struct arena *a, const char *rule) {
        bool is_small = rule[0] >= 'a' && rule[0] <= 'z';
        char first = is_small ? (char) (rule[0] - 'a' + 'A') : rule[0];

        return arena_join(a, (struct str){ &first, 1 }, str_of(rule + 1), STR("."));
}

/* Characters that roff would interpret, or groff would replace by one that can't be copied from a terminal.
 * NULL for any other. */
static const char *roff_escape(uint32_t c) {
        switch (c) {
        case '\\':
                return "\\e";
        case '-':
                return "\\-";
        case '\'':
                return "\\(aq";
        case '`':
                return "\\(ga";
        case '^':
                return "\\(ha";
        case '~':
                return "\\(ti";
        case '"':
                return "\\(dq";
        case '\n':
                return "\\en";
        case '\t':
                return "\\et";
        default:
                return NULL;
        }
}

static bool is_sentence_end(struct str text, size_t at) {
        return text.p[at] == '.' && at + 2 < text.n && text.p[at + 1] == ' ' && text.p[at + 2] >= 'A' &&
               text.p[at + 2] <= 'Z';
}

static void put_unicode(struct buf *out, uint32_t c) {
        buf_put(out, "\\[u");
        for (int shift = c > 0xfffff ? 20 : c > 0xffff ? 16 : 12; shift >= 0; shift -= 4)
                buf_put_char(out, "0123456789ABCDEF"[(c >> shift) & 15]);
        buf_put_char(out, ']');
}

void emit_roff(struct buf *out, struct str text, bool starts_line) {
        if (starts_line && text.n > 0 && text.p[0] == '.')
                buf_put(out, "\\&");

        for (size_t at = 0; at < text.n;) {
                uint32_t c = '?';
                unsigned n = utf8_decode(text, at, &c);
                const char *escape = roff_escape(c);

                if (escape)
                        buf_put(out, escape);
                else if (c >= 0x7f)
                        put_unicode(out, c);
                else
                        buf_put_char(out, (char) c);

                if (starts_line && is_sentence_end(text, at)) {
                        buf_put_char(out, '\n');
                        n++;
                }
                at += n > 0 ? n : 1;
        }
}

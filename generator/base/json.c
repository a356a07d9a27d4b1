/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/utf8.h"

static void put_escape(struct buf *out, uint32_t c) {
        buf_put(out, "\\u");
        for (int shift = 12; shift >= 0; shift -= 4)
                buf_put_char(out, "0123456789abcdef"[(c >> shift) & 15]);
}

/* With the quotes. */
static void put_text(struct buf *out, struct str s) {
        unsigned n;

        buf_put_char(out, '"');
        for (size_t at = 0; at < s.n; at += n) {
                uint32_t c = 0xfffd;

                n = utf8_decode(s, at, &c);
                if (n == 0 || c < ' ' || utf8_is_control(c))
                        put_escape(out, c);
                else {
                        if (c == '"' || c == '\\')
                                buf_put_char(out, '\\');
                        buf_put_str(out, (struct str){ s.p + at, n });
                }
                n = n > 0 ? n : 1;
        }
        buf_put_char(out, '"');
}

static void put_line_start(struct json_writer *w) {
        if (w->is_one_line) {
                buf_put(w->out, w->is_open ? "" : " ");
                return;
        }

        buf_put_char(w->out, '\n');
        for (unsigned i = 0; i < w->depth; i++)
                buf_put(w->out, "  ");
}

/* Everything in front of a value. */
static void begin(struct json_writer *w, const char *key) {
        if (w->depth > 0) {
                if (!w->is_open)
                        buf_put_char(w->out, ',');
                put_line_start(w);
        }
        w->is_open = false;

        if (key) {
                put_text(w->out, str_of(key));
                buf_put(w->out, ": ");
        }
}

void json_open(struct json_writer *w, const char *key, char bracket) {
        begin(w, key);
        buf_put_char(w->out, bracket);
        w->depth++;
        w->is_open = true;
}

void json_close(struct json_writer *w, char bracket) {
        w->depth--;
        if (!w->is_open && !w->is_one_line)
                put_line_start(w);
        buf_put_char(w->out, bracket);
        w->is_open = false;
}

void json_text(struct json_writer *w, const char *key, struct str value) {
        if (str_is_absent(value)) {
                json_null(w, key);
                return;
        }

        begin(w, key);
        put_text(w->out, value);
}

void json_number(struct json_writer *w, const char *key, uint64_t value) {
        begin(w, key);
        buf_put_u64(w->out, value);
}

void json_bool(struct json_writer *w, const char *key, bool value) {
        begin(w, key);
        buf_put(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *key) {
        begin(w, key);
        buf_put(w->out, "null");
}

void json_plain(struct json_writer *w, const char *key, struct str value) {
        begin(w, key);
        buf_put_str(w->out, str_is_absent(value) ? STR("null") : value);
}

void json_count(struct json_writer *w, const char *key, uint64_t value) {
        if (value == UINT64_MAX)
                json_null(w, key);
        else
                json_number(w, key, value);
}

void json_maybe(struct json_writer *w, const char *key, bool is_known, bool value) {
        if (is_known)
                json_bool(w, key, value);
        else
                json_null(w, key);
}

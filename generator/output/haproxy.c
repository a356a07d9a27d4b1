/* SPDX-License-Identifier: Apache-2.0 */
#include "output/haproxy.h"

#include "output/encode.h"

/* HAProxy's times are below 2^31 milliseconds. */
enum { HAPROXY_TIME_MAX = 2147483647 };

struct haproxy {
        struct buf text;
        bool is_in_line, is_in_arg, is_after_comment;
};

struct haproxy *haproxy_new(struct arena *a) {
        struct haproxy *h = arena_new(a, struct haproxy);

        h->text = buf_in(a);
        return h;
}

static void put_const(struct haproxy *h, struct str literal) {
        if (h->is_in_arg || str_find(literal, '\n') < literal.n)
                encode_bug("a literal inside an argument, or of several lines", literal);

        buf_put_str(&h->text, literal);
}

/* An empty line parts sections, and what a comment is about from what is above it. */
static void put_gap(struct haproxy *h) {
        if (h->text.n > 0 && !h->is_after_comment)
                buf_put_char(&h->text, '\n');
}

static void end_line(struct haproxy *h) {
        if (h->is_in_arg)
                encode_bug("a line ends inside an argument", STR(""));
        if (h->is_in_line)
                buf_put_char(&h->text, '\n');
        h->is_in_line = false;
}

void haproxy_comment_bytes(struct haproxy *h, struct str literal) {
        end_line(h);
        put_gap(h);
        put_const(h, STR("# "));
        put_const(h, literal);
        buf_put_char(&h->text, '\n');
        h->is_after_comment = true;
}

void haproxy_comment_app(struct haproxy *h, struct name app) {
        if (!str_is_made_of(app.text, "abcdefghijklmnopqrstuvwxyz0123456789-"))
                encode_bug("an odd name of an app", app.text);

        haproxy_comment_bytes(h, app.text);
}

void haproxy_section_bytes(struct haproxy *h, struct str literal) {
        end_line(h);
        put_gap(h);
        put_const(h, literal);
        h->is_in_line = true;
        h->is_after_comment = false;
}

void haproxy_line_bytes(struct haproxy *h, struct str literal) {
        end_line(h);
        put_const(h, STR("        "));
        put_const(h, literal);
        h->is_in_line = true;
        h->is_after_comment = false;
}

/* The blank before an argument or keyword. */
static void put_blank(struct haproxy *h) {
        if (!h->is_in_line || h->is_in_arg)
                encode_bug("an argument outside a line, or inside another", STR(""));

        buf_put_char(&h->text, ' ');
}

void haproxy_word_bytes(struct haproxy *h, struct str literal) {
        put_blank(h);
        put_const(h, literal);
}

/* Between quotes: whatever could mean something is written as its number. */
static void put_escaped(struct buf *b, struct str text) {
        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = (unsigned char) text.p[i];

                if (c == 0)
                        encode_bug("a NUL in an argument of HAProxy", text);
                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("_./:-", c)) {
                        buf_put_char(b, (char) c);
                        continue;
                }
                buf_put(b, "\\x");
                buf_put_char(b, "0123456789abcdef"[c >> 4]);
                buf_put_char(b, "0123456789abcdef"[c & 15]);
        }
}

void haproxy_quote(struct buf *b, struct str text) {
        buf_put_char(b, '"');
        put_escaped(b, text);
        buf_put_char(b, '"');
}

void haproxy_arg_begin(struct haproxy *h) {
        put_blank(h);
        buf_put_char(&h->text, '"');
        h->is_in_arg = true;
}

void haproxy_part_text(struct haproxy *h, struct str text) {
        if (!h->is_in_arg)
                encode_bug("a part outside an argument", text);

        put_escaped(&h->text, text);
}

void haproxy_part_number(struct haproxy *h, uint64_t n) {
        if (!h->is_in_arg)
                encode_bug("a number outside an argument", STR(""));

        buf_put_u64(&h->text, n);
}

void haproxy_arg_end(struct haproxy *h) {
        if (!h->is_in_arg)
                encode_bug("an argument ends that was not begun", STR(""));

        buf_put_char(&h->text, '"');
        h->is_in_arg = false;
}

void haproxy_arg_text(struct haproxy *h, struct str text) {
        haproxy_arg_begin(h);
        haproxy_part_text(h, text);
        haproxy_arg_end(h);
}

void haproxy_number(struct haproxy *h, uint64_t n) {
        put_blank(h);
        buf_put_u64(&h->text, n);
}

void haproxy_duration(struct haproxy *h, struct duration d) {
        uint64_t ms = d.usec / 1000 + (d.usec % 1000 > 0);

        haproxy_number(h, ms < HAPROXY_TIME_MAX ? ms : HAPROXY_TIME_MAX);
        buf_put(&h->text, "ms");
}

void haproxy_page(struct haproxy *h, struct abs_path file, struct env_text text) {
        if (str_has_suffix(file.text, STR(".json")))
                haproxy_word(h, "content-type application/json");
        else if (str_has_suffix(file.text, STR(".txt")))
                haproxy_word(h, "content-type \"text/plain; charset=utf-8\"");
        else
                haproxy_word(h, "content-type \"text/html; charset=utf-8\"");
        haproxy_word(h, "string");
        haproxy_arg(h, text);
}

void haproxy_error(struct haproxy *h, uint64_t status, struct abs_path file, struct env_text text) {
        haproxy_line(h, "http-error status");
        haproxy_number(h, status);
        if (status == 503)
                haproxy_word(h, HAPROXY_RETRY);
        haproxy_page(h, file, text);
}

struct str haproxy_text(struct haproxy *h) {
        end_line(h);
        return buf_str(&h->text);
}

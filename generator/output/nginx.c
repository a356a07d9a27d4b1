/* SPDX-License-Identifier: Apache-2.0 */
#include "output/nginx.h"

#include "output/encode.h"

/* nginx's times are below 2^31 milliseconds. */
enum { NGINX_TIME_MAX = 2147483647 };

struct nginx {
        struct buf text;
        bool is_in_line, is_in_arg;
        unsigned depth;
};

struct nginx *nginx_new(struct arena *a) {
        struct nginx *n = arena_new(a, struct nginx);

        n->text = buf_in(a);
        return n;
}

bool nginx_can_write(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char) text.p[i] < ' ' || text.p[i] == 127 || text.p[i] == '$')
                        return false;

        return true;
}

static void put_const(struct nginx *n, struct str literal) {
        if (n->is_in_arg || str_find(literal, '\n') < literal.n)
                encode_bug("a literal inside an argument, or of several lines", literal);

        buf_put_str(&n->text, literal);
}

static void put_indent(struct nginx *n) {
        for (unsigned i = 0; i < n->depth; i++)
                buf_put(&n->text, "        ");
}

static void end_line(struct nginx *n) {
        if (n->is_in_arg)
                encode_bug("a line ends inside an argument", STR(""));
        if (n->is_in_line)
                buf_put(&n->text, ";\n");
        n->is_in_line = false;
}

void nginx_comment_bytes(struct nginx *n, struct str literal) {
        end_line(n);
        put_indent(n);
        put_const(n, STR("# "));
        put_const(n, literal);
        buf_put_char(&n->text, '\n');
}

void nginx_line_bytes(struct nginx *n, struct str literal) {
        end_line(n);
        put_indent(n);
        put_const(n, literal);
        n->is_in_line = true;
}

void nginx_block(struct nginx *n) {
        if (!n->is_in_line || n->is_in_arg)
                encode_bug("a block without a name", STR(""));

        buf_put(&n->text, " {\n");
        n->is_in_line = false;
        n->depth++;
}

void nginx_close(struct nginx *n) {
        end_line(n);
        if (n->depth == 0)
                encode_bug("a block ends that was not begun", STR(""));

        n->depth--;
        put_indent(n);
        buf_put(&n->text, "}\n");
}

/* The blank before an argument or word. */
static void put_blank(struct nginx *n) {
        if (!n->is_in_line || n->is_in_arg)
                encode_bug("an argument outside a line, or inside another", STR(""));

        buf_put_char(&n->text, ' ');
}

void nginx_word_bytes(struct nginx *n, struct str literal) {
        put_blank(n);
        put_const(n, literal);
}

void nginx_arg_begin(struct nginx *n) {
        put_blank(n);
        buf_put_char(&n->text, '"');
        n->is_in_arg = true;
}

void nginx_part_bytes(struct nginx *n, struct str literal) {
        if (!n->is_in_arg)
                encode_bug("a part outside an argument", literal);

        buf_put_str(&n->text, literal);
}

void nginx_part_text(struct nginx *n, struct str text) {
        if (!n->is_in_arg)
                encode_bug("a part outside an argument", text);
        if (!nginx_can_write(text))
                encode_bug("a byte that nginx can't be told", text);

        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] == '"' || text.p[i] == '\\')
                        buf_put_char(&n->text, '\\');
                buf_put_char(&n->text, text.p[i]);
        }
}

void nginx_arg_end(struct nginx *n) {
        if (!n->is_in_arg)
                encode_bug("an argument ends that was not begun", STR(""));

        buf_put_char(&n->text, '"');
        n->is_in_arg = false;
}

void nginx_arg_text(struct nginx *n, struct str text) {
        nginx_arg_begin(n);
        nginx_part_text(n, text);
        nginx_arg_end(n);
}

void nginx_number(struct nginx *n, uint64_t number) {
        put_blank(n);
        buf_put_u64(&n->text, number);
}

void nginx_duration(struct nginx *n, struct duration d) {
        uint64_t ms = d.usec / 1000 + (d.usec % 1000 > 0);

        nginx_number(n, ms < NGINX_TIME_MAX ? ms : NGINX_TIME_MAX);
        buf_put(&n->text, "ms");
}

struct str nginx_text(struct nginx *n) {
        end_line(n);
        if (n->depth > 0)
                encode_bug("a block that was not ended", STR(""));

        return buf_str(&n->text);
}

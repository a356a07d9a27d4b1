/* SPDX-License-Identifier: Apache-2.0 */
#include "input/source.h"

uint32_t source_add(struct arena *a, struct sources *s, struct str path, struct str text) {
        uint32_t index = (uint32_t) s->list.n;

        *vec_push(a, &s->list) = (struct source){ .path = path, .text = text };
        return index;
}

static size_t within(const struct source *s, uint32_t off) {
        return off < s->text.n ? off : s->text.n;
}

/* The first byte of the line that holds byte `at`. */
static size_t line_start(const struct source *s, size_t at) {
        const char *end = at > 0 ? memrchr(s->text.p, '\n', at) : NULL;

        return end ? (size_t) (end - s->text.p) + 1 : 0;
}

void source_position(const struct source *s, uint32_t off, unsigned *ret_line, unsigned *ret_column) {
        size_t at = within(s, off), start = line_start(s, at);
        unsigned line = 1, column = 1;

        for (size_t i = 0; i < start; i++)
                line += s->text.p[i] == '\n';
        for (size_t i = start; i < at; i++)
                column += (s->text.p[i] & 0xc0) != 0x80; /* all except continuation bytes */

        *ret_line = line;
        *ret_column = column;
}

struct str source_line(const struct source *s, uint32_t off, uint32_t *ret_start) {
        size_t start = line_start(s, within(s, off));
        struct str rest = { s->text.p, 0 };

        if (s->text.n > 0)
                rest = str_from(s->text, start);

        *ret_start = (uint32_t) start;
        return (struct str){ rest.p, str_find(rest, '\n') };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/rows.h"

#include <errno.h>

#include "base/vec.h"

static const char *const flags[] = { "no", "yes", NULL };

/* Any VEC. */
struct list {
        char *at;
        size_t n, room;
};

static void put_text(struct buf *out, struct str text) {
        bool is_dash = str_is(text, "-");
        size_t from = 0;

        if (text.n == 0)
                buf_put_char(out, str_is_absent(text) ? '-' : '%');
        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = (unsigned char) text.p[i];

                if (c > ' ' && c != '%' && c != 0x7f && !is_dash)
                        continue;
                buf_put_str(out, (struct str){ text.p + from, i - from });
                buf_put_percent(out, text.p[i]);
                from = i + 1;
        }
        if (from < text.n)
                buf_put_str(out, str_from(text, from));
}

static const char *const *words_of(const struct row_field *field) {
        return field->choices ? field->choices : flags;
}

static void put_field(struct buf *out, const struct row_field *field, const void *value) {
        switch (field->type) {
        case ROW_TEXT:
        case ROW_NAME:
                put_text(out, *(const struct str *) value);
                break;
        case ROW_NUMBER:
        case ROW_COUNT:
                if (field->choices && *(const uint64_t *) value == UINT64_MAX)
                        buf_put(out, field->choices[0]);
                else
                        buf_put_u64(out, *(const uint64_t *) value);
                break;
        case ROW_FLAG:
                buf_put(out, words_of(field)[*(const bool *) value]);
                break;
        case ROW_CHOICE:
                buf_put(out, field->choices[*(const unsigned *) value]);
                break;
        }
}

static void put_row(struct buf *out, const struct row_kind *kind, const char *row) {
        buf_put(out, kind->word);
        for (size_t i = 0; i < kind->n; i++) {
                buf_put_char(out, ' ');
                put_field(out, &kind->fields[i], row + kind->fields[i].offset);
        }
        buf_put_char(out, '\n');
}

static bool is_zero(const struct row_field *field, const void *value) {
        switch (field->type) {
        case ROW_TEXT:
        case ROW_NAME:
                return str_is_absent(*(const struct str *) value);
        case ROW_NUMBER:
        case ROW_COUNT:
                return *(const uint64_t *) value == 0;
        case ROW_FLAG:
                return !*(const bool *) value;
        case ROW_CHOICE:
                break;
        }

        return *(const unsigned *) value == 0;
}

static bool has_row(const struct row_kind *kind, const char *from) {
        if (kind->n == 0)
                return *(const bool *) (const void *) (from + kind->at);
        for (size_t i = 0; i < kind->n; i++)
                if (!is_zero(&kind->fields[i], from + kind->fields[i].offset))
                        return true;

        return false;
}

static struct list list_of(const struct row_kind *kind, const char *from) {
        struct list list;

        memcpy(&list, from + kind->at, sizeof(list));
        return list;
}

struct str rows_text(struct arena *a, const struct row_file *file, const void *from) {
        struct buf out = buf_in(a);

        buf_put(&out, file->name);
        buf_put_char(&out, ' ');
        buf_put_u64(&out, file->version);
        buf_put_char(&out, '\n');
        for (size_t k = 0; k < file->n; k++) {
                const struct row_kind *kind = &file->kinds[k];
                struct list list = kind->size > 0 ? list_of(kind, from) : (struct list){ 0 };

                for (size_t i = 0; i < list.n; i++)
                        put_row(&out, kind, list.at + i * kind->size);
                if (kind->size == 0 && has_row(kind, from))
                        put_row(&out, kind, from);
        }

        return buf_str(&out);
}

static bool take_digit(char c, unsigned *value) {
        static const char digits[] = "0123456789ABCDEF";
        const char *at = c == '\0' ? NULL : strchr(digits, c);

        if (!at)
                return false;

        *value = *value << 4 | (unsigned) (at - digits);
        return true;
}

struct parsing {
        struct arena *arena;
        const struct row_file *file;
        char *text;    /* a copy, where the texts of the rows stay */
        bool is_bare;  /* nothing is escaped */
        uint64_t seen; /* the kinds of which there can be one row only, a bit each */
};

/* The separator behind the text becomes its end. "%" alone is the empty text. */
static bool take_text(const struct parsing *p, struct str word, struct str *ret) {
        char *from = p->text + (word.p - p->text), *to = from;

        if (p->is_bare || str_find(word, '%') == word.n)
                to += word.n;
        else if (word.n > 1)
                for (size_t i = 0; i < word.n; i++) {
                        unsigned value = 0;

                        if (word.p[i] != '%') {
                                *to++ = word.p[i];
                                continue;
                        }
                        if (word.n - i < 3 || !take_digit(word.p[i + 1], &value) ||
                            !take_digit(word.p[i + 2], &value))
                                return false;
                        *to++ = (char) value;
                        i += 2;
                }

        *to = '\0';
        *ret = (struct str){ from, (size_t) (to - from) };
        return true;
}

static bool take_choice(struct str word, const char *const *choices, unsigned *ret) {
        for (unsigned i = 0; choices[i]; i++)
                if (str_is(word, choices[i])) {
                        *ret = i;
                        return true;
                }

        return false;
}

static bool take_field(const struct parsing *p, struct str word, const struct row_field *field, void *ret) {
        unsigned flag = 0;

        if (word.n == 0 || word.p[0] == ' ')
                return false;

        switch (field->type) {
        case ROW_NAME:
        case ROW_TEXT:
                *(struct str *) ret = (struct str){ 0 };
                if (str_is(word, "-"))
                        return field->type == ROW_TEXT;
                return take_text(p, word, ret);
        case ROW_NUMBER:
                *(uint64_t *) ret = UINT64_MAX;
                return (field->choices && str_is(word, field->choices[0])) ||
                       str_to_u64(word, UINT64_MAX, ret);
        case ROW_COUNT:
                return str_to_u64(word, UINT64_MAX, ret) && *(uint64_t *) ret > 0;
        case ROW_FLAG:
                if (!take_choice(word, words_of(field), &flag) || flag > 1)
                        return false;
                *(bool *) ret = flag;
                return true;
        case ROW_CHOICE:
                return take_choice(word, field->choices, ret);
        }

        return false;
}

static bool take_fields(const struct parsing *p, struct str line, const struct row_kind *kind, char *ret) {
        for (size_t i = 0; i < kind->n; i++) {
                const struct row_field *field = &kind->fields[i];
                bool is_rest = p->is_bare && i + 1 == kind->n && field->type <= ROW_NAME;
                struct str word = line;

                if (is_rest)
                        line = (struct str){ 0 };
                else if (!str_split(&line, ' ', &word))
                        return false;
                if (!take_field(p, word, field, ret + field->offset))
                        return false;
        }

        return str_is_absent(line);
}

static bool take_once(struct parsing *p, struct str line, size_t k, char *ret) {
        const struct row_kind *kind = &p->file->kinds[k];
        bool is_first = !(p->seen >> k & 1);

        p->seen |= UINT64_C(1) << k;
        if (kind->n == 0)
                *(bool *) (void *) (ret + kind->at) = true;
        return is_first && take_fields(p, line, kind, ret);
}

static bool take_element(struct parsing *p, struct str line, const struct row_kind *kind, char *ret) {
        struct list list = list_of(kind, ret);
        char *row;

        if (list.n == list.room)
                list.at = vec_grow(p->arena, list.at, list.n, &list.room, kind->size);
        row = list.at + list.n++ * kind->size;
        memset(row, 0, kind->size);
        memcpy(ret + kind->at, &list, sizeof(list));
        return take_fields(p, line, kind, row);
}

static bool take_line(struct parsing *p, struct str line, char *ret) {
        struct str word = str_of(p->file->bare_word);

        if (!p->is_bare || !p->file->bare_word)
                (void) str_split(&line, ' ', &word);
        for (size_t k = 0; k < p->file->n; k++)
                if (str_is(word, p->file->kinds[k].word))
                        return p->file->kinds[k].size > 0 ? take_element(p, line, &p->file->kinds[k], ret)
                                                          : take_once(p, line, k, ret);

        return false;
}

/* Takes the first line off the text. */
static int take_version(const struct row_file *file, struct str *text) {
        struct str rest = *text, line = STR(""), word;
        uint64_t version;

        (void) str_split(&rest, '\n', &line);
        (void) str_split(&line, ' ', &word);
        if (!str_is(word, file->name))
                return file->oldest == 0 ? 0 : -EBADMSG;
        if (!str_to_u64(line, INT32_MAX, &version))
                return -EBADMSG;

        *text = rest;
        return version > 0 && version >= file->oldest && version <= file->version ? (int) version
                                                                                  : -EPROTONOSUPPORT;
}

const char *rows_problem(int error) {
        return error == -EBADMSG           ? "it is damaged"
               : error == -EPROTONOSUPPORT ? "another version of pyservice wrote it"
                                           : strerror(-error);
}

int rows_add(struct arena *a, const struct row_file *file, struct str text, void *to) {
        struct parsing p = { .arena = a, .file = file };
        int version = take_version(file, &text);
        struct str line = STR("");

        if (version < 0)
                return version;

        p.is_bare = version == 0;
        p.text = arena_alloc(a, text.n + 1, 1);
        if (text.n > 0)
                memcpy(p.text, text.p, text.n);
        text.p = p.text;
        while (str_split(&text, '\n', &line) && !str_is_absent(text))
                if (!take_line(&p, line, to))
                        return -EBADMSG;

        return line.n == 0 ? 0 : -EBADMSG; /* the last line has its end */
}

int rows_parse(struct arena *a, const struct row_file *file, struct str text, void *ret) {
        char *made = arena_alloc(a, file->size, _Alignof(max_align_t));
        int r = rows_add(a, file, text, made);

        if (r >= 0)
                memcpy(ret, made, file->size);
        return r;
}

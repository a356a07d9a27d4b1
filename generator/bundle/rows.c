/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/rows.h"

#include <errno.h>

static const char digits[] = "0123456789ABCDEF";
static const char *const flags[] = { "no", "yes", NULL };

void rows_begin(struct buf *out, const char *name, uint64_t version) {
        buf_put(out, name);
        buf_put_char(out, ' ');
        buf_put_u64(out, version);
        buf_put_char(out, '\n');
}

static void put_text(struct buf *out, struct str text) {
        if (str_is_absent(text)) {
                buf_put_char(out, '-');
                return;
        }

        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = (unsigned char) text.p[i];

                if (c > ' ' && c != '%' && c != 0x7f && !(c == '-' && text.n == 1)) {
                        buf_put_char(out, (char) c);
                        continue;
                }
                buf_put_char(out, '%');
                buf_put_char(out, digits[c >> 4]);
                buf_put_char(out, digits[c & 15]);
        }
}

void rows_put(struct buf *out, const struct row_spec *spec, const void *row) {
        buf_put(out, spec->word);
        for (size_t i = 0; i < spec->n; i++) {
                const struct row_field *field = &spec->fields[i];
                const void *value = (const char *) row + field->offset;

                buf_put_char(out, ' ');
                switch (field->type) {
                case ROW_TEXT:
                        put_text(out, *(const struct str *) value);
                        break;
                case ROW_NUMBER:
                        buf_put_u64(out, *(const uint64_t *) value);
                        break;
                case ROW_FLAG:
                        buf_put(out, flags[*(const bool *) value]);
                        break;
                case ROW_CHOICE:
                        buf_put(out, field->choices[*(const unsigned *) value]);
                        break;
                }
        }
        buf_put_char(out, '\n');
}

int rows_open(struct str *rest, const char *name, uint64_t version) {
        struct str line, word;
        uint64_t found;

        if (!str_split(rest, '\n', &line) || !str_split(&line, ' ', &word) || !str_is(word, name) ||
            !str_to_u64(line, UINT32_MAX, &found))
                return -EBADMSG;

        return found == version ? 0 : -EPROTONOSUPPORT;
}

static bool take_digit(char c, unsigned *value) {
        const char *at = c == '\0' ? NULL : strchr(digits, c);

        if (!at)
                return false;

        *value = *value << 4 | (unsigned) (at - digits);
        return true;
}

static bool take_text(struct arena *a, struct str word, struct str *ret) {
        struct buf out = buf_in(a);

        *ret = (struct str){ 0 };
        if (str_is(word, "-"))
                return true;

        for (size_t i = 0; i < word.n; i++) {
                unsigned value = 0;

                if (word.p[i] != '%') {
                        buf_put_char(&out, word.p[i]);
                        continue;
                }
                if (word.n - i < 3 || !take_digit(word.p[i + 1], &value) ||
                    !take_digit(word.p[i + 2], &value))
                        return false;
                buf_put_char(&out, (char) value);
                i += 2;
        }

        *ret = buf_str(&out);
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

static bool take_field(struct arena *a, struct str word, const struct row_field *field, void *ret) {
        unsigned flag = 0;

        switch (field->type) {
        case ROW_TEXT:
                return take_text(a, word, ret);
        case ROW_NUMBER:
                return str_to_u64(word, UINT64_MAX, ret);
        case ROW_FLAG:
                if (!take_choice(word, flags, &flag))
                        return false;
                *(bool *) ret = flag;
                return true;
        case ROW_CHOICE:
                return take_choice(word, field->choices, ret);
        }

        return false;
}

bool rows_take(struct arena *a, struct str line, const struct row_spec *spec, void *ret) {
        struct str word;

        if (!str_split(&line, ' ', &word) || !str_is(word, spec->word))
                return false;
        for (size_t i = 0; i < spec->n; i++)
                if (!str_split(&line, ' ', &word) || word.n == 0 ||
                    !take_field(a, word, &spec->fields[i], (char *) ret + spec->fields[i].offset))
                        return false;

        return str_is_absent(line);
}

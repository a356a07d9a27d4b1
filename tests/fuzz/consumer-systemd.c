/* SPDX-License-Identifier: Apache-2.0 */
/* systemd: systemd.syntax(7), systemd.service(5) "Command lines", systemd.exec(5), systemd.unit(5) "Specifiers". */

#include <errno.h>

#include "base/buf.h"
#include "base/vec.h"
#include "consumer.h"

/* A line longer than that makes the unit fail. */
enum { LINE_MAX_BYTES = 1 << 20 };

/* Valid, and no noncharacter; systemd gives up the whole unit otherwise. */
static bool is_utf8(struct str s) {
        for (size_t i = 0; i < s.n;) {
                unsigned char first = (unsigned char) s.p[i];
                size_t more = first < 0x80 ? 0 : first < 0xc2 ? 9 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 9;
                uint32_t c = more == 0 ? first : first & (0x3fU >> more);

                if (more > 3 || more > s.n - i - 1)
                        return false;
                for (size_t k = 1; k <= more; k++) {
                        if (((unsigned char) s.p[i + k] & 0xc0) != 0x80)
                                return false;
                        c = c * 64 + ((unsigned char) s.p[i + k] & 0x3f);
                }
                if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c < 0xe000))
                        return false;
                if ((c >= 0xfdd0 && c < 0xfdf0) || (c & 0xffff) >= 0xfffe)
                        return false;
                i += more + 1;
        }

        return true;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str strip(struct str s) {
        while (s.n > 0 && is_blank(s.p[0]))
                s = str_from(s, 1);
        while (s.n > 0 && is_blank(s.p[s.n - 1]))
                s.n--;

        return s;
}

/* Line feed, carriage return and NUL each end a line. */
static bool next_line(struct str *rest, struct str *ret) {
        size_t n = 0;

        if (rest->n == 0)
                return false;
        while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r' && rest->p[n] != '\0')
                n++;

        *ret = (struct str) { rest->p, n };
        *rest = str_from(*rest, n < rest->n ? n + 1 : n);
        return true;
}

/* Does the line end in a backslash that no other one escapes? */
static bool is_continued(struct str line) {
        bool is_escaped = false;

        for (size_t i = 0; i < line.n; i++)
                is_escaped = !is_escaped && line.p[i] == '\\';

        return is_escaped;
}

static int parse_line(struct arena *a, struct str line, struct str *section, struct settings *ret) {
        size_t equals;

        line = strip(line);
        if (line.n == 0)
                return 0;
        if (!is_utf8(line) || line.n > LINE_MAX_BYTES)
                return -EBADMSG;
        if (line.p[0] == '[') {
                if (line.p[line.n - 1] != ']')
                        return -EBADMSG;
                *section = arena_str(a, (struct str) { line.p + 1, line.n - 2 });
                return 0;
        }

        equals = str_find(line, '=');
        if (equals == 0 || equals == line.n || section->n == 0)
                return -EBADMSG;
        *vec_push(a, ret) = (struct setting) {
                .section = *section,
                .key = strip((struct str) { line.p, equals }),
                .value = strip(str_from(line, equals + 1)),
        };
        return 0;
}

int systemd_parse(struct arena *a, struct str text, struct settings *ret) {
        struct str line, rest = text, section = STR(""), joined = STR("");

        while (next_line(&rest, &line)) {
                struct str start = strip(line);
                int r;

                if (start.n > 0 && (start.p[0] == '#' || start.p[0] == ';'))
                        continue;
                line = arena_join(a, joined, line);
                joined = STR("");
                if (is_continued(line) && rest.n > 0) {
                        joined = arena_join(a, (struct str) { line.p, line.n - 1 }, STR(" "));
                        continue;
                }
                r = parse_line(a, line, &section, ret);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int digit_of(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
                return (c | 32) - 'a' + 10;

        return -1;
}

/* After a backslash; gives the bytes read, 0 for what systemd or these tests don't know. \xNN is a byte here. */
static size_t unescape(struct buf *b, struct str s) {
        static const char from[] = "abfnrtv\\\"'s", to[] = "\a\b\f\n\r\t\v\\\"' ";
        const char *at = s.n > 0 && s.p[0] ? strchr(from, s.p[0]) : NULL;
        int high, low;

        if (at) {
                buf_put_char(b, to[at - from]);
                return 1;
        }
        if (s.n < 3 || s.p[0] != 'x')
                return 0;

        high = digit_of(s.p[1]);
        low = digit_of(s.p[2]);
        if (high < 0 || low < 0 || high + low == 0)
                return 0;
        buf_put_char(b, (char) (high * 16 + low));
        return 3;
}

/* extract_first_word(UNQUOTE), with CUNESCAPE where has_escapes: 1, or 0 at the end. */
static int extract_word(struct arena *a, struct str *rest, bool has_escapes, struct str *ret) {
        struct buf b = buf_in(a);
        char quote = 0;
        size_t i = 0;

        while (rest->n > 0 && is_blank(rest->p[0]))
                *rest = str_from(*rest, 1);
        if (rest->n == 0)
                return 0;

        for (; i < rest->n; i++) {
                char c = rest->p[i];

                if (c == '\\') {
                        size_t n = has_escapes ? unescape(&b, str_from(*rest, i + 1)) : i + 1 < rest->n;

                        if (n == 0)
                                return -EBADMSG;
                        if (!has_escapes)
                                buf_put_char(&b, rest->p[i + 1]);
                        i += n;
                } else if (quote ? c == quote : c == '"' || c == '\'') {
                        quote = quote ? 0 : c;
                } else if (!quote && is_blank(c)) {
                        break;
                } else {
                        buf_put_char(&b, c);
                }
        }
        if (quote)
                return -EBADMSG;

        *rest = str_from(*rest, i);
        *ret = buf_str(&b);
        return 1;
}

int systemd_words(struct arena *a, struct str value, bool has_escapes, struct words *ret) {
        struct str rest = value, word;
        int r;

        while ((r = extract_word(a, &rest, has_escapes, &word)) > 0)
                *vec_push(a, ret) = word;

        return r;
}

int systemd_specifiers(struct arena *a, struct str text, struct str instance, struct str *ret) {
        struct buf b = buf_in(a);

        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] != '%') {
                        buf_put_char(&b, text.p[i]);
                        continue;
                }
                i++;
                if (i < text.n && text.p[i] == '%')
                        buf_put_char(&b, '%');
                else if (i < text.n && text.p[i] == 'i')
                        buf_put_str(&b, instance);
                else if (i < text.n && text.p[i] == 'H')
                        buf_put(&b, "machine");
                else if (i < text.n && text.p[i] == 'd')
                        buf_put(&b, "/run/credentials/UNIT");
                else
                        return -EBADMSG;        /* systemd might know it, but nobody meant it */
        }

        *ret = buf_str(&b);
        return 0;
}

/* The value that the unit's Environment= gives a variable; empty, with a complaint of systemd's, where there is none. */
static int variable(struct arena *a, const struct settings *unit, struct str name, struct str *ret) {
        VEC_EACH(s, unit) {
                struct words words = { 0 };

                if (!str_is(s->section, "Service") || !str_is(s->key, "Environment"))
                        continue;
                if (systemd_words(a, s->value, true, &words) < 0)
                        return -EBADMSG;
                VEC_EACH(word, &words)
                        if (str_has_prefix(*word, arena_join(a, name, STR("=")))) {
                                *ret = str_from(*word, name.n + 1);
                                return 0;
                        }
        }

        return -EBADMSG;
}

/* $$ and ${NAME} in one argument. */
static int expand(struct arena *a, struct str word, const struct settings *unit, struct str *ret) {
        struct buf b = buf_in(a);
        struct str value;

        if (word.n > 0 && word.p[0] == '$' && !(word.n > 1 && (word.p[1] == '$' || word.p[1] == '{')))
                return -EBADMSG;        /* a whole word $NAME is split: nobody meant it */

        for (size_t i = 0; i < word.n; i++) {
                bool is_dollar = word.p[i] == '$' && i + 1 < word.n;
                size_t end;

                if (is_dollar && word.p[i + 1] == '{') {
                        end = i + str_find(str_from(word, i), '}');
                        if (end == word.n || variable(a, unit, (struct str) { word.p + i + 2, end - i - 2 }, &value) < 0)
                                return -EBADMSG;
                        buf_put_str(&b, value);
                        i = end;
                        continue;
                }
                i += is_dollar && word.p[i + 1] == '$';
                buf_put_char(&b, word.p[i]);
        }

        *ret = buf_str(&b);
        return 0;
}

int systemd_exec(struct arena *a, struct str value, const struct settings *unit, struct str instance, struct words *ret) {
        struct str rest = strip(value), word;
        int r;

        while (rest.n > 0) {
                bool is_separator = rest.p[0] == ';' && (rest.n == 1 || is_blank(rest.p[1]));
                bool is_semicolon = rest.n > 1 && rest.p[0] == '\\' && rest.p[1] == ';' && (rest.n == 2 || is_blank(rest.p[2]));

                if (is_separator)
                        return -EBADMSG;        /* a second command begins: nobody meant it */
                if (is_semicolon) {
                        *vec_push(a, ret) = STR(";");
                        rest = strip(str_from(rest, 2));
                        continue;
                }
                r = extract_word(a, &rest, true, &word);
                if (r < 0)
                        return r;
                r = systemd_specifiers(a, word, instance, &word);
                if (r < 0)
                        return r;
                r = expand(a, word, unit, &word);
                if (r < 0)
                        return r;
                *vec_push(a, ret) = word;
                rest = strip(rest);
        }

        return ret->n > 0 ? 0 : -EBADMSG;
}

int systemd_credential(struct arena *a, struct str value, struct str *ret_id, struct str *ret_content) {
        struct buf b = buf_in(a);
        size_t colon = str_find(value, ':');

        if (colon == value.n || str_find(value, '\\') < colon)
                return -EBADMSG;

        for (size_t i = colon + 1; i < value.n; i++) {
                size_t n = value.p[i] == '\\' ? unescape(&b, str_from(value, i + 1)) : 0;

                if (value.p[i] == '\\' && n == 0)
                        return -EBADMSG;
                if (value.p[i] != '\\')
                        buf_put_char(&b, value.p[i]);
                i += n;
        }

        *ret_content = buf_str(&b);
        return systemd_specifiers(a, (struct str) { value.p, colon }, STR(""), ret_id);
}

/* What EnvironmentFile= does inside "…"; other spellings are not written. */
static int double_quoted(struct arena *a, struct str *rest, struct str *ret) {
        struct buf b = buf_in(a);
        size_t i = 0;

        for (; i < rest->n && rest->p[i] != '"'; i++) {
                if (rest->p[i] == '\\' && i + 1 < rest->n) {
                        i++;
                        if (rest->p[i] == '\n')
                                continue;
                        if (!rest->p[i] || !strchr("\"\\`$", rest->p[i]))
                                buf_put_char(&b, '\\');
                }
                buf_put_char(&b, rest->p[i]);
        }
        if (i == rest->n)
                return -EBADMSG;

        *rest = str_from(*rest, i + 1);
        *ret = buf_str(&b);
        return is_utf8(*ret) && str_find(*ret, '\0') == ret->n ? 0 : -EBADMSG;
}

int systemd_env_file(struct arena *a, struct str text, struct words *ret) {
        struct str rest = strip(text), value;

        while (rest.n > 0) {
                size_t equals = str_find(rest, '=');
                struct str name = { rest.p, equals };

                if (rest.p[0] == '#' || rest.p[0] == ';' || equals + 1 >= rest.n || rest.p[equals + 1] != '"')
                        return -EBADMSG;
                rest = str_from(rest, equals + 2);
                if (double_quoted(a, &rest, &value) < 0)
                        return -EBADMSG;
                if (rest.n > 0 && rest.p[0] != '\n' && rest.p[0] != '\r')
                        return -EBADMSG;
                *vec_push(a, ret) = name;
                *vec_push(a, ret) = value;
                rest = strip(rest);
        }

        return 0;
}

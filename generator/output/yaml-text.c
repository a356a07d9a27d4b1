/* SPDX-License-Identifier: Apache-2.0 */
#include "output/yaml-text.h"

#include "output/encode.h"

enum { WIDTH = 79 }; /* of comments */

struct yaml_text *yaml_text_new(struct arena *a, enum yaml_shape shape) {
        struct yaml_text *item = arena_new(a, struct yaml_text);

        item->shape = shape;
        return item;
}

struct yaml_text *yaml_text_find(const struct yaml_text *map, struct str key) {
        VEC_EACH(item, &map->items)
                if (str_eq((*item)->key, key))
                        return *item;

        return NULL;
}

struct yaml_text *yaml_text_put(struct arena *a, struct yaml_text *map, struct str key,
                                enum yaml_shape shape) {
        struct yaml_text *item = yaml_text_find(map, key);

        if (!item) {
                item = yaml_text_add(a, map, shape);
                item->key = arena_str(a, key);
        }
        item->shape = shape;
        return item;
}

struct yaml_text *yaml_text_put_text(struct arena *a, struct yaml_text *map, struct str key,
                                     struct str text) {
        struct yaml_text *item = yaml_text_put(a, map, key, YAML_TEXT_SCALAR);

        item->text = text;
        item->is_plain = false;
        return item;
}

struct yaml_text *yaml_text_put_plain(struct arena *a, struct yaml_text *map, struct str key,
                                      struct str text) {
        struct yaml_text *item = yaml_text_put_text(a, map, key, text);

        item->is_plain = true;
        return item;
}

struct yaml_text *yaml_text_add(struct arena *a, struct yaml_text *list, enum yaml_shape shape) {
        struct yaml_text *item = yaml_text_new(a, shape);

        *vec_push(a, &list->items) = item;
        return item;
}

struct yaml_text *yaml_text_add_text(struct arena *a, struct yaml_text *list, struct str text) {
        struct yaml_text *item = yaml_text_add(a, list, YAML_TEXT_SCALAR);

        item->text = text;
        return item;
}

void yaml_text_remark(struct arena *a, struct yaml_text *item, struct str paragraph) {
        item->comment =
                str_is_absent(item->comment) ? paragraph : arena_join(a, item->comment, STR("\n"), paragraph);
}

static void put_blanks(struct buf *out, unsigned n) {
        while (n-- > 0)
                buf_put_char(out, ' ');
}

/* The number of bytes at `at` that make one character which all readers of YAML accept and none takes for a
 * line break. 0 for others: U+0080…U+009F, U+2028, U+2029, U+FEFF and control characters. */
static size_t good_bytes(struct str s, size_t at) {
        const unsigned char *p = (const unsigned char *) s.p + at;
        size_t left = s.n - at;

        if (p[0] < 0x80)
                return p[0] >= ' ' && p[0] != 0x7f;
        if (left >= 2 && p[0] == 0xc2 && p[1] < 0xa0)
                return 0;
        if (left >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
                return 0;
        if (left >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
                return 0;

        return p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
}

static bool is_good(struct str s) {
        for (size_t at = 0, n; at < s.n; at += n) {
                n = good_bytes(s, at);
                if (n == 0)
                        return false;
        }

        return encode_is_utf8(s);
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* 5s, 512M: texts to every reader. */
static bool is_quantity(struct str s) {
        return s.n > 1 && strchr("smhdwKMGT", s.p[s.n - 1]) &&
               str_is_made_of((struct str){ s.p, s.n - 1 }, "0123456789");
}

static bool is_word_of_yaml(struct str s) {
        static const char *const words[] = { "y",    "n",     "yes",  "no",  "on", "off",
                                             "true", "false", "null", "nan", "inf" };
        char lower[6];

        if (s.n >= sizeof(lower))
                return false;
        for (size_t i = 0; i < s.n; i++)
                lower[i] = (char) (s.p[i] | 0x20);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_eq((struct str){ lower, s.n }, str_of(words[i])))
                        return true;

        return false;
}

/* Letters, paths and options. */
static bool is_first(struct str s) {
        size_t n = str_has_prefix(s, STR("--")) ? 2 : str_has_prefix(s, STR("-")) ? 1 : 0;

        return n < s.n && (is_letter(s.p[n]) ||
                           (n == 0 && (s.p[0] == '/' || s.p[0] == '_' || str_has_prefix(s, STR("./")))));
}

/* True if it is the same text to every reader without quotes. */
static bool is_plain(struct str s) {
        if (is_quantity(s))
                return true;
        if (!is_first(s) || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == ':')
                return false;
        if (str_find_str(s, STR(": ")) < s.n || str_find_str(s, STR(" #")) < s.n || is_word_of_yaml(s))
                return false;

        return is_good(s);
}

/* The number of a character of at most three bytes. */
static unsigned number_of(struct str s, size_t at) {
        const unsigned char *p = (const unsigned char *) s.p + at;

        if (p[0] < 0x80)
                return p[0];
        if (p[0] < 0xe0)
                return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);

        return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

static void put_quoted(struct buf *out, struct str s) {
        bool is_utf8 = encode_is_utf8(s);

        buf_put_char(out, '"');
        for (size_t at = 0, n; at < s.n; at += n) {
                char c = s.p[at];

                n = (unsigned char) c < 0x80 || !is_utf8 ? 1
                    : (unsigned char) c < 0xe0           ? 2
                    : (unsigned char) c < 0xf0           ? 3
                                                         : 4;
                if (c == '"' || c == '\\')
                        buf_put_char(out, '\\');
                if (n == 1 && (unsigned char) c >= 0x80)
                        buf_put_char(out, '?');
                else if (c == '\n' || c == '\t')
                        buf_put(out, c == '\n' ? "\\n" : "\\t");
                else if (good_bytes(s, at) > 0)
                        buf_put_str(out, (struct str){ s.p + at, n });
                else
                        buf_put_str(out, arena_printf(out->arena, "\\u%04X", number_of(s, at)));
        }
        buf_put_char(out, '"');
}

/* True if it can be a block scalar: its last line may or may not end, nothing in it needs an escape, and its
 * first line shows the indentation. */
static bool is_block(struct str s) {
        struct str rest = s, line;

        if (str_find(s, '\n') == s.n || s.p[0] == ' ' || s.p[0] == '\n' || str_has_suffix(s, STR("\n\n")))
                return false;
        while (str_split(&rest, '\n', &line))
                if (!is_good(line))
                        return false;

        return true;
}

static void put_block(struct buf *out, struct str s, unsigned indent) {
        bool is_ended = s.p[s.n - 1] == '\n';
        struct str rest = { s.p, s.n - is_ended }, line;

        buf_put(out, is_ended ? "|" : "|-");
        while (str_split(&rest, '\n', &line)) {
                buf_put_char(out, '\n');
                if (line.n > 0)
                        put_blanks(out, indent + 2);
                buf_put_str(out, line);
        }
}

/* `indent`: of the key that it is the value of, or of the "- " before it. */
static void put_scalar(struct buf *out, struct str text, unsigned indent) {
        if (is_plain(text))
                buf_put_str(out, text);
        else if (is_block(text))
                put_block(out, text, indent);
        else
                put_quoted(out, text);
}

static void put_comment_word(struct buf *out, struct str word) {
        bool is_utf8 = encode_is_utf8(word);

        for (size_t at = 0, n; at < word.n; at += n) {
                n = good_bytes(word, at);
                if (n == 0 || (n > 1 && !is_utf8)) {
                        buf_put_char(out, '?');
                        n = 1;
                        while (at + n < word.n && ((unsigned char) word.p[at + n] & 0xc0) == 0x80)
                                n++;
                } else
                        buf_put_str(out, (struct str){ word.p + at, n });
        }
}

/* One paragraph, its lines no wider than WIDTH where its words allow it. */
static void put_paragraph(struct buf *out, struct str text, unsigned indent) {
        struct str rest = text, word;
        size_t column = 0;

        while (str_split(&rest, ' ', &word)) {
                if (column > 0 && column + 1 + word.n > WIDTH) {
                        buf_put_char(out, '\n');
                        column = 0;
                }
                if (column == 0) {
                        put_blanks(out, indent);
                        buf_put_char(out, '#');
                        column = indent + 1;
                }
                if (word.n > 0)
                        buf_put_char(out, ' ');
                put_comment_word(out, word);
                column += 1 + word.n;
        }
        buf_put_char(out, '\n');
}

static void put_comment(struct buf *out, struct str comment, unsigned indent) {
        struct str rest = comment, paragraph;

        if (str_is_absent(comment))
                return;
        while (str_split(&rest, '\n', &paragraph))
                put_paragraph(out, paragraph, indent);
}

static void put_items(struct buf *out, const struct yaml_text *of, unsigned indent);

/* A value behind a key or a "- ". */
static void put_value(struct buf *out, const struct yaml_text *item, unsigned indent) {
        if (item->shape == YAML_TEXT_SCALAR) {
                buf_put_char(out, ' ');
                if (item->is_plain)
                        buf_put_str(out, item->text);
                else
                        put_scalar(out, item->text, indent);
                buf_put_char(out, '\n');
        } else if (item->items.n == 0)
                buf_put(out, item->shape == YAML_TEXT_MAP ? " {}\n" : " []\n");
        else {
                buf_put_char(out, '\n');
                put_items(out, item, indent + 2);
        }
}

static void put_key(struct buf *out, struct str key) {
        if (is_plain(key))
                buf_put_str(out, key);
        else
                put_quoted(out, key);
        buf_put_char(out, ':');
}

/* A map in a list: its first key stands behind the "- ". */
static void put_map_item(struct buf *out, const struct yaml_text *map, unsigned indent) {
        for (size_t i = 0; i < map->items.n; i++) {
                const struct yaml_text *item = map->items.at[i];

                put_comment(out, item->comment, i == 0 ? indent : indent + 2);
                put_blanks(out, i == 0 ? indent : indent + 2);
                buf_put(out, i == 0 ? "- " : "");
                put_key(out, item->key);
                put_value(out, item, indent + 2);
        }
}

static void put_list_item(struct buf *out, const struct yaml_text *item, unsigned indent) {
        put_comment(out, item->comment, indent);
        if (item->shape == YAML_TEXT_MAP && item->items.n > 0) {
                put_map_item(out, item, indent);
                return;
        }
        put_blanks(out, indent);
        buf_put_char(out, '-');
        put_value(out, item, indent);
}

static void put_items(struct buf *out, const struct yaml_text *of, unsigned indent) {
        for (size_t i = 0; i < of->items.n; i++) {
                const struct yaml_text *item = of->items.at[i], *last = i > 0 ? of->items.at[i - 1] : NULL;

                if (of->shape == YAML_TEXT_LIST) {
                        put_list_item(out, item, indent);
                        continue;
                }
                if (indent == 0 && last &&
                    (last->shape != YAML_TEXT_SCALAR || item->shape != YAML_TEXT_SCALAR))
                        buf_put_char(out, '\n');
                put_comment(out, item->comment, indent);
                put_blanks(out, indent);
                put_key(out, item->key);
                put_value(out, item, indent);
        }
}

static void put_whole_lines(struct buf *out, struct str comment) {
        struct str line;

        while (str_split(&comment, '\n', &line)) {
                buf_put(out, line.n > 0 ? "# " : "#");
                put_comment_word(out, line);
                buf_put_char(out, '\n');
        }
}

void yaml_text_write(struct buf *out, const struct yaml_text *root, bool is_wrapped) {
        if (is_wrapped)
                put_comment(out, root->comment, 0);
        else
                put_whole_lines(out, root->comment);
        if (root->items.n == 0 && root->shape != YAML_TEXT_SCALAR)
                buf_put(out, root->shape == YAML_TEXT_MAP ? "{}\n" : "[]\n");
        put_items(out, root, 0);
}

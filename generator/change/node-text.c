/* SPDX-License-Identifier: Apache-2.0 */
#include "change/node-text.h"

#include "base/json.h"

enum { NOTE_COLUMN = 40, SHORT_LIST = 56 };

/* --- single values --- */

/* As it is written: marks stand for {{ instance }} and its like once a definition is decoded. */
static void put_text(struct buf *out, struct str text) {
        buf_put_str(out, marks_show(out->arena, text));
}

static bool is_word_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               strchr("_./+", c);
}

/* True if the text has the same meaning without quotes at every place. More texts have, but quotes do no
 * harm. */
static bool is_safe_plain(struct str s) {
        for (size_t i = 0; i < s.n; i++) {
                bool is_inside = i > 0 && i + 1 < s.n && s.p[i - 1] != ' ' && s.p[i + 1] != ' ';

                if (s.p[i] == '\0' || (!is_word_char(s.p[i]) && !(is_inside && strchr(" :@%=", s.p[i])) &&
                                       !(s.p[i] == '-' && i + 1 < s.n && s.p[i + 1] != ' ')))
                        return false;
        }

        return true;
}

static void put_quoted(struct buf *out, struct str s) {
        buf_put_char(out, '"');
        for (size_t i = 0; i < s.n; i++) {
                char c = s.p[i];

                if (mark_name(c))
                        put_text(out, (struct str){ &c, 1 });
                else if (c == '\n' || c == '\t')
                        buf_put(out, c == '\n' ? "\\n" : "\\t");
                else {
                        if (c == '"' || c == '\\')
                                buf_put_char(out, '\\');
                        buf_put_char(out, c);
                }
        }
        buf_put_char(out, '"');
}

static void put_scalar(struct buf *out, const struct node *node) {
        if (node->plain && is_safe_plain(node->text))
                buf_put_str(out, node->text);
        else
                put_quoted(out, node->text);
}

void node_put_inline(struct buf *out, const struct node *node) {
        if (node->kind == NODE_SCALAR) {
                put_scalar(out, node);
                return;
        }

        buf_put_char(out, node->kind == NODE_LIST ? '[' : '{');
        for (size_t i = 0; i < node->n; i++) {
                if (i > 0)
                        buf_put(out, ", ");
                if (node->kind == NODE_MAP) {
                        put_scalar(out, node->pairs[i].key);
                        buf_put(out, ": ");
                }
                node_put_inline(out, node->kind == NODE_LIST ? node->items[i] : node->pairs[i].value);
        }
        buf_put_char(out, node->kind == NODE_LIST ? ']' : '}');
}

void node_put_bare(struct buf *out, const struct node *node) {
        if (node->kind != NODE_SCALAR) {
                node_put_lines(out, node, 0, NULL);
                return;
        }
        put_text(out, node->text);
        buf_put_char(out, '\n');
}

/* --- lines --- */

struct writer {
        struct buf *out;
        const struct node_notes *notes;
        size_t line; /* where the line begins */
};

static void put_blanks(struct writer *w, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                buf_put_char(w->out, ' ');
}

static void end_line(struct writer *w, const struct node *node) {
        struct str note = w->notes ? w->notes->of(w->notes->from, node) : (struct str){ NULL, 0 };
        size_t n = w->out->n - w->line;

        if (!str_is_absent(note)) {
                put_blanks(w, n + 2 < NOTE_COLUMN ? NOTE_COLUMN - (unsigned) n : 2);
                buf_put(w->out, "# ");
                buf_put_str(w->out, note);
        }
        buf_put_char(w->out, '\n');
        w->line = w->out->n;
}

/* Texts of several lines read best as such. */
static bool is_block(const struct node *node) {
        struct str s = node->text;
        size_t n = 0;

        if (node->plain || s.n == 0 || s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\t' || mark_name_in(s))
                return false;
        for (size_t i = 0; i < s.n; i++)
                n += s.p[i] == '\n';
        return n > 1 || (n == 1 && s.p[s.n - 1] != '\n');
}

static void put_block(struct writer *w, const struct node *node, unsigned indent) {
        struct str rest = node->text, line;
        bool has_end = str_has_suffix(rest, STR("\n"));

        buf_put(w->out, !has_end ? "|-" : str_has_suffix(rest, STR("\n\n")) ? "|+" : "|");
        end_line(w, node);
        if (has_end)
                rest.n--;
        while (str_split(&rest, '\n', &line)) {
                if (line.n > 0)
                        put_blanks(w, indent + 2);
                buf_put_str(w->out, line);
                buf_put_char(w->out, '\n');
        }
        w->line = w->out->n;
}

static bool is_within(struct span inner, struct span outer) {
        return inner.file == outer.file && inner.off >= outer.off &&
               inner.off + inner.len <= outer.off + outer.len;
}

/* One line is enough for it, and one note. */
static bool is_on_line(const struct node *node) {
        size_t n = 0;

        if (node->kind == NODE_SCALAR || node->n == 0)
                return true;
        if (node->kind == NODE_MAP)
                return false;
        for (size_t i = 0; i < node->n; i++) {
                const struct node *item = node->items[i];

                if (item->kind != NODE_SCALAR || !is_within(item->at, node->at))
                        return false;
                n += item->text.n + 2;
        }
        return n <= SHORT_LIST;
}

static void put_below(struct writer *w, const struct node *node, unsigned indent);

/* Behind "KEY:" or "-", on that line. */
static void put_value(struct writer *w, const struct node *node, unsigned indent) {
        if (node->kind == NODE_SCALAR && is_block(node)) {
                buf_put_char(w->out, ' ');
                put_block(w, node, indent);
        } else if (is_on_line(node)) {
                if (node->kind != NODE_SCALAR || !node->plain || node->text.n > 0)
                        buf_put_char(w->out, ' ');
                node_put_inline(w->out, node);
                end_line(w, node);
        } else {
                buf_put_char(w->out, '\n');
                w->line = w->out->n;
                put_below(w, node, indent + 2);
        }
}

static void put_pairs(struct writer *w, const struct node *node, unsigned indent, bool is_begun) {
        for (size_t i = 0; i < node->n; i++) {
                if (i > 0 || !is_begun)
                        put_blanks(w, indent);
                put_scalar(w->out, node->pairs[i].key);
                buf_put_char(w->out, ':');
                put_value(w, node->pairs[i].value, indent);
        }
}

static void put_below(struct writer *w, const struct node *node, unsigned indent) {
        if (node->kind == NODE_MAP) {
                put_pairs(w, node, indent, false);
                return;
        }

        for (size_t i = 0; i < node->n; i++) {
                put_blanks(w, indent);
                buf_put_char(w->out, '-');
                if (node->items[i]->kind != NODE_MAP || node->items[i]->n == 0) {
                        put_value(w, node->items[i], indent);
                        continue;
                }
                buf_put_char(w->out, ' ');
                put_pairs(w, node->items[i], indent + 2, true);
        }
}

void node_put_lines(struct buf *out, const struct node *node, unsigned indent,
                    const struct node_notes *notes) {
        struct writer w = { .out = out, .notes = notes, .line = out->n };

        if (node->kind != NODE_SCALAR && node->n > 0) {
                put_below(&w, node, indent);
                return;
        }
        put_blanks(&w, indent);
        node_put_inline(out, node);
        end_line(&w, node);
}

/* --- JSON --- */

static void put_json_scalar(struct json_writer *e, const char *key, const struct node *node) {
        struct buf text = buf_in(e->out->arena);
        uint64_t number;

        if (node->plain && (str_is(node->text, "true") || str_is(node->text, "false")))
                json_bool(e, key, str_is(node->text, "true"));
        else if (node->plain && str_to_u64(node->text, UINT32_MAX, &number))
                json_number(e, key, number);
        else {
                put_text(&text, node->text);
                json_text(e, key, buf_str(&text));
        }
}

void node_put_json(struct json_writer *e, const char *key, const struct node *node) {
        bool is_map = node->kind == NODE_MAP;

        if (node->kind == NODE_SCALAR) {
                put_json_scalar(e, key, node);
                return;
        }

        json_open(e, key, is_map ? '{' : '[');
        for (size_t i = 0; i < node->n; i++)
                node_put_json(e, is_map ? node->pairs[i].key->text.p : NULL,
                              is_map ? node->pairs[i].value : node->items[i]);
        json_close(e, is_map ? '}' : ']');
}

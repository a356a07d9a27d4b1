/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/utf8.h"
#include "input/diag.h"

/* The current position of a walk through a file that does not parse. There is no tree: only the indentation
 * shows which keys are below a key. */
struct walk {
        bool is_open, was_open; /* within values that may be secret; anywhere above */
        bool is_endless;        /* within brackets, where indentation has no meaning */
        bool is_text;           /* and not even their keys are keys: the content of a file */
        size_t column;          /* of the key that they belong to */
};

/* A line's first text, and what follows its dashes; `colon` is where its key ends, the line's length if it
 * has none. */
struct shape {
        size_t dash, text, colon;
};

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static bool is_of_key(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("_.-'\"", c));
}

static bool is_blank_at(struct str line, size_t at) {
        return at >= line.n || is_blank(line.p[at]);
}

static struct shape shape_of(struct str line) {
        struct shape s = { 0 };

        while (s.dash < line.n && is_blank(line.p[s.dash]))
                s.dash++;
        for (s.text = s.dash; s.text < line.n; s.text++)
                if (!is_blank(line.p[s.text]) && !(line.p[s.text] == '-' && is_blank_at(line, s.text + 1)))
                        break;
        for (s.colon = s.text; s.colon < line.n && is_of_key(line.p[s.colon]); s.colon++)
                ;
        if (s.colon == s.text || s.colon == line.n || line.p[s.colon] != ':' ||
            !is_blank_at(line, s.colon + 1))
                s.colon = line.n;

        return s;
}

/* The position of the small letters of `word` in `s`, in any case; the length of `s` if it has none. */
static size_t find_word(struct str s, size_t from, struct str word) {
        for (size_t i = from; i + word.n <= s.n; i++)
                if (strncasecmp(s.p + i, word.p, word.n) == 0)
                        return i;

        return s.n;
}

/* True if a key at the line's beginning or within brackets contains `word`. */
static bool has_key(struct str line, struct str word) {
        for (size_t i = find_word(line, 0, word); i < line.n; i = find_word(line, i + 1, word)) {
                size_t end = i;

                while (end < line.n && is_of_key(line.p[end]))
                        end++;
                while (end < line.n && is_blank(line.p[end]))
                        end++;
                if (end < line.n && line.p[end] == ':')
                        return true;
        }

        return false;
}

static bool opens_values(struct str line) {
        static const char *const words[] = { "env", "config", "secret", "content", "kms" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (has_key(line, str_of(words[i])))
                        return true;

        return false;
}

static bool has_open_bracket(struct str line) {
        int depth = 0;

        for (size_t i = 0; i < line.n; i++)
                depth += (line.p[i] == '{' || line.p[i] == '[') - (line.p[i] == '}' || line.p[i] == ']');

        return depth > 0;
}

static void walk_line(struct walk *w, struct str line) {
        struct shape s = shape_of(line);

        if (s.text == line.n || line.p[s.text] == '#')
                return;
        if (!w->is_endless &&
            ((s.colon < line.n && s.text <= w->column) || (s.dash < s.text && s.dash < w->column)))
                w->is_open = false;
        if (w->is_open || !opens_values(line))
                return;

        *w = (struct walk){
                .is_open = true, .was_open = true, .is_endless = has_open_bracket(line), .column = s.text
        };
        w->is_text = has_key(line, STR("content"));
}

/* A line with any of these is not shown at all. */
static bool may_hold_secret(struct str line) {
        static const char *const words[] = { "pass",       "secret", "token", "key",
                                             "credential", "auth",   "dsn",   "://" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (find_word(line, 0, str_of(words[i])) < line.n)
                        return true;

        return false;
}

static void cover(struct arena *a, struct str *line, size_t from, size_t to) {
        char *copy = memcpy(arena_alloc(a, line->n + 1, 1), line->p, line->n);

        memset(copy + from, '*', to - from);
        *line = (struct str){ copy, line->n };
}

/* In a file that does not parse, it is unknown which bytes are values: below keys that have secret ones only
 * keys are shown, and a line without a key may be the rest of such a value, whatever its indentation. */
static bool cover_unparsed(const struct diags *ds, const struct source *source, uint32_t start,
                           struct str *line) {
        struct str rest = { source->text.p, start }, above;
        struct shape s = shape_of(*line);
        struct walk w = { 0 };
        bool is_below;

        if (may_hold_secret(*line))
                return false;

        while (str_split(&rest, '\n', &above))
                walk_line(&w, above);
        is_below = w.is_open;
        walk_line(&w, *line);
        if (!w.was_open || (!w.is_open && (s.colon < line->n || s.dash < s.text)))
                return true;
        if (s.colon == line->n || (w.is_text && is_below))
                return false;

        if (s.colon + 2 < line->n)
                cover(ds->arena, line, s.colon + 2, line->n);
        return true;
}

/* Puts stars over what an excerpt of *line, which begins at byte `start` of d's file, must not show: byte by
 * byte, so that all else keeps its place. False if the line must not be shown at all. Messages reach the
 * journal, which more people read than the definitions. */
static bool cover_line(const struct diags *ds, const struct diag *d, uint32_t start, struct str *line) {
        if (d->id >= DIAG_YAML_SYNTAX && d->id <= DIAG_NOT_UTF8 &&
            !cover_unparsed(ds, &ds->sources->list.at[d->at.file], start, line))
                return false;

        VEC_EACH(hidden, &ds->hidden) {
                size_t from = hidden->off > start ? hidden->off - start : 0;
                size_t end = (size_t) hidden->off + hidden->len, to = end > start ? end - start : 0;

                if (hidden->file == d->at.file && from < line->n && to > from)
                        cover(ds->arena, line, from, to < line->n ? to : line->n);
        }

        return true;
}

/* If a line is longer, only the part around the error is shown. */
enum { COLUMNS_MAX = 160 };

/* Colours as GCC has them. */
#define BOLD "\033[01m"
#define RED "\033[01;31m"
#define MAGENTA "\033[01;35m"
#define CYAN "\033[01;36m"
#define GREEN "\033[01;32m"
#define PLAIN "\033[m"

/* Some bytes of the user's that are shown together: a character, or one that is escaped. */
struct cell {
        unsigned bytes, columns;
        bool is_escaped;
};

struct excerpt {
        struct str line;
        size_t from, to; /* what is underlined, as bytes of `line` */
};

struct columns {
        unsigned first, last;
};

struct underline {
        unsigned pad, width;
};

/* Direction marks could make a line look like another one. */
static bool is_direction(uint32_t c) {
        return c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static struct cell cell_at(struct str s, size_t at) {
        uint32_t c;
        unsigned n = utf8_decode(s, at, &c);

        if (n == 0)
                return (struct cell){ 1, 4, true };
        if (c == '\n' || utf8_is_control(c) || is_direction(c))
                return (struct cell){ n, 4 * n, true };

        return (struct cell){ n, 1, false };
}

static void put_cell(struct buf *out, struct str s, size_t at, struct cell cell) {
        static const char digits[] = "0123456789ABCDEF";

        if (!cell.is_escaped && s.p[at] == '\t') {
                buf_put_char(out, ' '); /* one column, whatever the terminal's tab stops are */
                return;
        }
        if (!cell.is_escaped) {
                buf_put_str(out, (struct str){ s.p + at, cell.bytes });
                return;
        }
        for (unsigned i = 0; i < cell.bytes; i++) {
                uint8_t byte = (uint8_t) s.p[at + i];

                buf_put(out, "\\x");
                buf_put_char(out, digits[byte >> 4]);
                buf_put_char(out, digits[byte & 15]);
        }
}

static void put_escaped(struct buf *out, struct str s) {
        struct cell cell;

        for (size_t at = 0; at < s.n; at += cell.bytes) {
                cell = cell_at(s, at);
                put_cell(out, s, at, cell);
        }
}

static void put_times(struct buf *out, char c, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                buf_put_char(out, c);
}

static void put_colored(struct buf *out, unsigned flags, const char *color, const char *text) {
        if (flags & DIAG_COLOR)
                buf_put(out, color);
        buf_put(out, text);
        if (flags & DIAG_COLOR)
                buf_put(out, PLAIN);
}

/* The columns of the line to show: all, or COLUMNS_MAX of them with the error in the middle. */
static struct columns choose_columns(const struct excerpt *e) {
        unsigned total = 0, caret = 0, first = 0;
        struct cell cell;

        for (size_t at = 0; at < e->line.n; at += cell.bytes) {
                cell = cell_at(e->line, at);
                total += cell.columns;
                if (at < e->from)
                        caret += cell.columns;
        }
        if (total <= COLUMNS_MAX)
                return (struct columns){ 0, total };

        if (caret > COLUMNS_MAX / 2)
                first = caret - COLUMNS_MAX / 2;
        if (first > total - COLUMNS_MAX)
                first = total - COLUMNS_MAX;
        return (struct columns){ first, first + COLUMNS_MAX };
}

static struct underline put_line(struct buf *out, const struct excerpt *e) {
        struct columns shown = choose_columns(e);
        struct underline u = { shown.first > 0, 0 };
        unsigned column = 0;
        struct cell cell;

        if (shown.first > 0)
                buf_put(out, "…");
        for (size_t at = 0; at < e->line.n; at += cell.bytes, column += cell.columns) {
                cell = cell_at(e->line, at);
                if (column + cell.columns > shown.last) {
                        buf_put(out, "…");
                        break;
                }
                if (column < shown.first)
                        continue;

                put_cell(out, e->line, at, cell);
                if (at < e->from)
                        u.pad += cell.columns;
                else if (at < e->to)
                        u.width += cell.columns;
        }

        return u;
}

static void put_excerpt(struct buf *out, const struct diags *ds, const struct diag *d, unsigned flags) {
        const struct source *s = &ds->sources->list.at[d->at.file];
        struct span at = d->at;
        unsigned number, column;
        uint32_t start;
        struct excerpt e = { .line = source_line(s, at.off, &start) };
        struct underline u;

        if (!cover_line(ds, d, start, &e.line))
                return;

        e.from = at.off - start;
        e.to = e.from + at.len;
        source_position(s, at.off, &number, &column);
        for (unsigned places = 10000; places > 1 && number < places; places /= 10)
                buf_put_char(out, ' ');
        buf_put_u64(out, number);
        buf_put(out, e.line.n > 0 ? " | " : " |");
        u = put_line(out, &e);

        buf_put(out, "\n      | ");
        put_times(out, ' ', u.pad);
        if (flags & DIAG_COLOR)
                buf_put(out, GREEN);
        buf_put_char(out, '^');
        put_times(out, '~', u.width > 1 ? u.width - 1 : 0);
        if (flags & DIAG_COLOR)
                buf_put(out, PLAIN);
        buf_put_char(out, '\n');
}

/* "file:line:column: ". A file without text, such as one that can't be read, has no lines. */
static void put_place(struct buf *out, const struct source *s, struct span at, unsigned flags) {
        unsigned line, column;

        if (flags & DIAG_COLOR)
                buf_put(out, BOLD);
        put_escaped(out, s->path);
        if (s->text.n > 0 && !diag_is_about_file(at)) {
                source_position(s, at.off, &line, &column);
                buf_put_char(out, ':');
                buf_put_u64(out, line);
                buf_put_char(out, ':');
                buf_put_u64(out, column);
        }
        buf_put_char(out, ':');
        if (flags & DIAG_COLOR)
                buf_put(out, PLAIN);
        buf_put_char(out, ' ');
}

static const struct source *source_of(const struct diags *ds, struct span at) {
        return ds->sources && at.file < ds->sources->list.n ? &ds->sources->list.at[at.file] : NULL;
}

static void put_note(struct buf *out, const struct diags *ds, const struct diag *d, unsigned flags) {
        const struct source *s = source_of(ds, d->related);

        if (s)
                put_place(out, s, d->related, flags);
        put_colored(out, flags, CYAN, "note: ");
        put_escaped(out, d->related_text);
}

static void put_diag(struct buf *out, const struct diags *ds, const struct diag *d, unsigned flags) {
        const struct source *s = source_of(ds, d->at);
        bool is_error = d->severity == SEVERITY_ERROR;

        if (s)
                put_place(out, s, d->at, flags);
        put_colored(out, flags, is_error ? RED : MAGENTA, is_error ? "error: " : "warning: ");
        put_escaped(out, d->text);
        buf_put(out, " [");
        buf_put(out, diag_name(d->id));
        buf_put_char(out, ']');

        if (!(flags & DIAG_BRIEF)) {
                buf_put_char(out, '\n');
                if (s && s->text.n > 0 && !d->is_secret && !diag_is_about_file(d->at))
                        put_excerpt(out, ds, d, flags);
        }
        if (d->related_text.n > 0) {
                buf_put(out, flags & DIAG_BRIEF ? "; " : "");
                put_note(out, ds, d, flags);
                buf_put(out, flags & DIAG_BRIEF ? "" : "\n");
        }
        if (flags & DIAG_BRIEF)
                buf_put_char(out, '\n');
}

/* Two apps may use one bad contract: their messages differ in nothing that is shown. */
static bool is_shown_already(const struct diag *last, const struct diag *d) {
        return last && last->id == d->id && last->at.file == d->at.file && last->at.off == d->at.off &&
               last->at.len == d->at.len && str_eq(last->text, d->text);
}

void diag_print(struct buf *out, const struct diags *ds, struct str owner, unsigned flags) {
        const struct diag *last = NULL;
        size_t n_shown = 0, n_more = 0;

        VEC_EACH(d, &ds->list) {
                if (!str_is_absent(owner) && !str_eq(d->owner, owner))
                        continue;

                n_more += d->n_left_out;
                if (is_shown_already(last, d))
                        continue;
                if (n_shown == DIAG_SHOWN_MAX) {
                        n_more++;
                        continue;
                }
                put_diag(out, ds, d, flags);
                last = d;
                n_shown++;
        }
        if (n_more == 0)
                return;

        put_colored(out, flags, CYAN, "note: ");
        buf_put_u64(out, n_more);
        buf_put(out, n_more == 1 ? " more is not shown\n" : " more are not shown\n");
}

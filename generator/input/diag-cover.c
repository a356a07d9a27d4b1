/* SPDX-License-Identifier: Apache-2.0 */

/* The bytes of a line that an excerpt may show: messages reach the journal, which more people read than the
 * definitions. */

#include <strings.h>

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

bool diag_cover(const struct diags *ds, const struct diag *d, uint32_t start, struct str *line) {
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

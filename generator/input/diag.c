/* SPDX-License-Identifier: Apache-2.0 */
#include "input/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

/* A message may quote the user's text, which may be as long as his file. */
enum { TEXT_MAX = 1000 };

static const struct {
        const char *name;
        enum severity severity;
} ids[] = {
#define X(symbol, text, level) [DIAG_##symbol] = { (text), SEVERITY_##level },
        DIAG_IDS(X)
#undef X
};

const char *diag_name(enum diag_id id) {
        return ids[id].name;
}

static struct str PRINTF_LIKE(2, 0) format_text(struct arena *a, const char *format, va_list ap) {
        char text[TEXT_MAX + 2];
        int n = vsnprintf(text, sizeof(text), format, ap);
        size_t end = TEXT_MAX;

        if (n < 0)
                return STR("");
        if (n <= TEXT_MAX)
                return arena_str(a, (struct str){ text, (size_t) n });

        while (end > 0 && (text[end] & 0xc0) == 0x80) /* not within a character */
                end--;
        return arena_join(a, (struct str){ text, end }, STR("…"));
}

/* True if the last DIAG_SHOWN_MAX have been about this file. One more is of no use to the reader, and a bad
 * file can cause 100,000. An error is never left out for a warning, so that an app with an error is always
 * known by one. */
static bool is_too_much(const struct diags *ds, enum diag_id id, struct span at) {
        const struct diag *earlier;

        if (ds->list.n < DIAG_SHOWN_MAX)
                return false;

        earlier = &ds->list.at[ds->list.n - DIAG_SHOWN_MAX];
        return earlier->at.file == at.file && str_eq(earlier->owner, ds->owner) &&
               earlier->severity <= ids[id].severity;
}

struct diag *diag_add(struct diags *ds, enum diag_id id, struct span at, const char *format, ...) {
        struct diag *d;
        va_list ap;

        if (ids[id].severity == SEVERITY_ERROR)
                ds->n_errors++;

        if (is_too_much(ds, id, at)) {
                ds->list.at[ds->list.n - 1].n_left_out++;
                d = arena_new(ds->arena, struct diag);
        } else
                d = vec_push(ds->arena, &ds->list);

        *d = (struct diag){
                .id = id, .severity = ids[id].severity, .at = at, .related = NOWHERE, .owner = ds->owner
        };
        va_start(ap, format);
        d->text = format_text(ds->arena, format, ap);
        va_end(ap);
        return d;
}

void diag_note(struct diags *ds, struct diag *d, struct span related, const char *format, ...) {
        va_list ap;

        d->related = related;
        va_start(ap, format);
        d->related_text = format_text(ds->arena, format, ap);
        va_end(ap);
}

static int compare_u32(uint32_t a, uint32_t b) {
        return a < b ? -1 : a > b;
}

/* Elements of one array: their addresses are their order. */
static int compare_places(const void *left, const void *right) {
        const struct diag *a = *(const struct diag *const *) left, *b = *(const struct diag *const *) right;
        int r = compare_u32(a->at.file, b->at.file);

        if (r == 0)
                r = compare_u32(a->at.off, b->at.off);
        if (r == 0)
                r = a < b ? -1 : a > b;

        return r;
}

/* True if the list, of which the first `n` are sorted, ends with one that has the same text and place. */
static bool is_repeated(const struct diag *list, size_t n, const struct diag *d) {
        for (size_t i = n; i > 0 && list[i - 1].at.file == d->at.file && list[i - 1].at.off == d->at.off;
             i--) {
                const struct diag *earlier = &list[i - 1];

                if (earlier->id == d->id && earlier->at.len == d->at.len && str_eq(earlier->text, d->text) &&
                    str_eq(earlier->owner, d->owner))
                        return true;
        }

        return false;
}

static bool is_within(struct span inner, struct span outer) {
        return inner.file == outer.file && inner.off >= outer.off &&
               inner.off + inner.len <= outer.off + outer.len;
}

void diag_alias(struct diags *ds, struct span use, struct span value) {
        *vec_push(ds->arena, &ds->aliases) = (struct diag_alias){ use, value };
}

/* An alias stands after its value, so that this ends. */
void diag_hide(struct diags *ds, struct span value) {
        *vec_push(ds->arena, &ds->hidden) = value;
        VEC_EACH(alias, &ds->aliases)
                if (is_within(alias->use, value))
                        diag_hide(ds, alias->value);
}

static void note_alias(struct diags *ds, struct diag *d) {
        VEC_EACH(alias, &ds->aliases) {
                if (d->related.file != SPAN_NOWHERE)
                        return;
                if (is_within(d->at, alias->use))
                        diag_note(ds, d, alias->value, "the alias stands for this");
                else if (is_within(d->at, alias->value))
                        diag_note(ds, d, alias->use, "this alias uses it");
        }
}

void diag_sort(struct diags *ds) {
        const struct diag **order = arena_array(ds->arena, ds->list.n, const struct diag *);
        struct diag *sorted = arena_array(ds->arena, ds->list.n, struct diag);
        size_t n = 0;

        for (size_t i = 0; i < ds->list.n; i++) {
                note_alias(ds, &ds->list.at[i]);
                order[i] = &ds->list.at[i];
        }
        if (ds->list.n > 1)
                qsort(order, ds->list.n, sizeof(*order), compare_places);

        for (size_t i = 0; i < ds->list.n; i++) {
                if (!is_repeated(sorted, n, order[i]))
                        sorted[n++] = *order[i];
                else if (order[i]->severity == SEVERITY_ERROR)
                        ds->n_errors--;
        }

        ds->list.at = sorted;
        ds->list.room = ds->list.n;
        ds->list.n = n;
}

struct str diag_nearest(struct str word, const struct str *names, size_t n) {
        unsigned limit = word.n >= 6 ? (unsigned) (word.n / 3) : 1, nearest = limit + 1;
        struct str best = { NULL, 0 };

        for (size_t i = 0; i < n; i++) {
                unsigned distance = str_distance(word, names[i], limit);

                /* Every other word of one letter is one edit away from a word of one letter: that is not
                 * near. */
                if (distance >= nearest || distance >= word.n)
                        continue;

                nearest = distance;
                best = names[i];
        }

        return best;
}

struct str diag_hint(struct arena *a, struct str word, const struct str *names, size_t n,
                     struct str otherwise) {
        struct str near = diag_nearest(word, names, n);

        return str_is_absent(near) ? otherwise : arena_join(a, STR("did you mean '"), near, STR("'?"));
}

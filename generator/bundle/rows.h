/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files that this program writes and reads again: a line "NAME VERSION", then one row a line, "WORD FIELD
 * FIELD …" with one blank between two. A table lists the rows and the members of a struct that they hold, and
 * both rows_text() and rows_parse() follow it.
 *
 * Fields are never empty: "-" stands for a text that is absent, and "%" for one that is empty; in texts
 * blanks, "%", control characters and a "-" that stands alone are written as %XX.
 *
 * Before there were versions, some of these files had the same rows without the first line, and nothing in
 * them was escaped: the last field then continued to the end of the line. Such a file counts as version 0. */

#include "base/buf.h"

enum row_type {
        ROW_TEXT,   /* struct str */
        ROW_NAME,   /* struct str, never absent */
        ROW_NUMBER, /* uint64_t; UINT64_MAX may have a word */
        ROW_COUNT,  /* uint64_t, at least 1 */
        ROW_FLAG,   /* bool: "no" or "yes", or two other words */
        ROW_CHOICE, /* unsigned: an index of `choices` */
};

struct row_field {
        enum row_type type;
        size_t offset;              /* in the element of the list, or in the struct of the file */
        const char *const *choices; /* the words; NULL behind the last */
};

struct row_kind {
        const char *word;
        size_t at;   /* in the struct of the file: a VEC; or a bool, if there are no fields */
        size_t size; /* of the VEC's elements; 0 for a row that is there once at most */
        const struct row_field *fields;
        size_t n;
};

#define ROW_FIELD(kind, type, member) \
        { (kind), offsetof(type, member), NULL }
#define ROW_WORD(kind, type, member, words) \
        { (kind), offsetof(type, member), (words) }
/* The element itself: a VEC(struct str). */
#define ROW_WHOLE(kind) \
        { (kind), 0, NULL }
#define ROW_FIELDS(...)                              \
        ((const struct row_field[]){ __VA_ARGS__ }), \
                sizeof((const struct row_field[]){ __VA_ARGS__ }) / sizeof(struct row_field)

/* A row for each element of the member; fields follow. */
#define ROW_LIST(word, type, member, ...) \
        { (word), offsetof(type, member), sizeof(*((type *) 0)->member.at), ROW_FIELDS(__VA_ARGS__) }
/* A row with members of the struct itself; not written if they all are absent, 0 or false. */
#define ROW_ONCE(word, ...) \
        { (word), 0, 0, ROW_FIELDS(__VA_ARGS__) }
/* A row of one word, which is there if the member is true. */
#define ROW_MARK(word, type, member) \
        { (word), offsetof(type, member), 0, NULL, 0 }

struct row_file {
        const char *name;
        uint64_t version, oldest; /* what is written; from `oldest` on it can be read */
        const char *bare_word;    /* of every row of version 0, which had none; NULL if it had one */
        size_t size;              /* of the struct */
        const struct row_kind *kinds;
        size_t n;
};

/* Initializes a row_file of that struct with an array of row_kind; its other members follow. */
#define ROW_FILE(type, table, ...) \
        { .size = sizeof(type), .kinds = (table), .n = ARRAY_SIZE(table), __VA_ARGS__ }

struct str rows_text(struct arena *a, const struct row_file *file, const void *from);

/* Texts are copied to the arena. -EBADMSG for what is not such a file, or not whole; -EPROTONOSUPPORT where
 * an older or a newer pyservice wrote it, so that its rows may mean something else. */
int rows_parse(struct arena *a, const struct row_file *file, struct str text, void *ret);

/* Like rows_parse(), but adds to the lists of `to`; after an error it has the rows before that one, too. */
int rows_add(struct arena *a, const struct row_file *file, struct str text, void *to);

/* Why a file of rows cannot be read: "it is damaged", … */
const char *rows_problem(int error);

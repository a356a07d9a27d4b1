/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HAProxy configuration (HAProxy Configuration Manual, section 2.2 "Quoting and escaping").
 *
 * Keywords are literals of the program; arguments are refined values, always written as "…" with every
 * byte outside [A-Za-z0-9_./:-] as \xNN (which the manual's strong quoting leaves alone, so it is weak
 * quoting that is used), so that no blank, quote, '#', '$' or backslash of a user's means anything. User
 * text never enters a log format or a sample expression: that language is read after unquoting, so types
 * forbid it instead.
 *
 * A line is: haproxy_line(h), then keywords and arguments; the next line or section ends it. */

#include "base/buf.h"
#include "base/value.h"
#include "output/tree.h"

struct haproxy;

/* In ten seconds an instance starts, and a queue becomes short. */
#define HAPROXY_RETRY "hdr Retry-After 10 hdr Cache-Control no-store"

struct haproxy *haproxy_new(struct arena *a);

/* "# text" on a line of its own. */
#define haproxy_comment(h, literal) haproxy_comment_bytes((h), STR("" literal ""))
/* A comment that names an app. */
void haproxy_comment_app(struct haproxy *h, struct name app);

/* "backend NAME", at the line's start; what follows is indented. */
#define haproxy_section(h, literal) haproxy_section_bytes((h), STR("" literal ""))

/* Starts an indented line with keywords of the program ("option httpchk"). */
#define haproxy_line(h, literal) haproxy_line_bytes((h), STR("" literal ""))
/* Further keywords, after a blank. */
#define haproxy_word(h, literal) haproxy_word_bytes((h), STR("" literal ""))

/* An argument, after a blank. */
#define haproxy_arg(h, value) haproxy_arg_text((h), REFINED_TEXT(value))
void haproxy_arg_text(struct haproxy *h, struct str text);
void haproxy_number(struct haproxy *h, uint64_t n);
/* In milliseconds ("1500ms"), rounded up. */
void haproxy_duration(struct haproxy *h, struct duration d);
/* One argument of several parts: begin, parts, end. */
void haproxy_arg_begin(struct haproxy *h);
#define haproxy_part(h, value) haproxy_part_text((h), REFINED_TEXT(value))
void haproxy_part_text(struct haproxy *h, struct str text);
#define haproxy_part_const(h, literal) haproxy_part_text((h), STR("" literal ""))
void haproxy_part_number(struct haproxy *h, uint64_t n);
void haproxy_arg_end(struct haproxy *h);

/* The body of an answer, from a file whose name has its type; its status is before it. */
void haproxy_page(struct haproxy *h, struct abs_path file, struct env_text text);

/* A line for the page of that status, which HAProxy sends by itself. */
void haproxy_error(struct haproxy *h, uint64_t status, struct abs_path file, struct env_text text);

struct str haproxy_text(struct haproxy *h);

/* One argument as it would be written; for tests. */
void haproxy_quote(struct buf *b, struct str text);

/* Not for direct use: behind the macros. */
void haproxy_comment_bytes(struct haproxy *h, struct str literal);
void haproxy_section_bytes(struct haproxy *h, struct str literal);
void haproxy_line_bytes(struct haproxy *h, struct str literal);
void haproxy_word_bytes(struct haproxy *h, struct str literal);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* nginx's configuration (nginx.org/en/docs/beginners_guide.html#conf_structure; ngx_conf_read_token()).
 *
 * Names of directives and parameters are literals of the program; arguments are refined values, always
 * written as "…" with '"' and '\' behind a backslash, so that no blank, brace, ';' or '#' of a user's
 * means anything. nginx has no way to write a '$' in what it expands, nor a control byte that all its
 * readers take: the checks refuse both for it (check/check-nginx.c), and here they are a bug.
 *
 * A directive is: nginx_line(n), then parameters and arguments; the next line, block or end of a block
 * ends it with ';', and nginx_block() with '{'. */

#include "base/buf.h"
#include "base/value.h"

struct nginx;

struct nginx *nginx_new(struct arena *a);

/* True if nginx's configuration may contain the value. */
bool nginx_can_write(struct str text);

/* "# text" on a line of its own. */
#define nginx_comment(n, literal) nginx_comment_bytes((n), STR("" literal ""))

/* Starts a directive with text of the program ("proxy_set_header Host $host"). */
#define nginx_line(n, literal) nginx_line_bytes((n), STR("" literal ""))
/* Further words, after a blank. */
#define nginx_word(n, literal) nginx_word_bytes((n), STR("" literal ""))

/* An argument, after a blank. */
#define nginx_arg(n, value) nginx_arg_text((n), REFINED_TEXT(value))
void nginx_number(struct nginx *n, uint64_t number);
/* In milliseconds ("1500ms"), rounded up. */
void nginx_duration(struct nginx *n, struct duration d);
/* One argument of several parts: begin, parts, end. */
void nginx_arg_begin(struct nginx *n);
#define nginx_part(n, value) nginx_part_text((n), REFINED_TEXT(value))
/* Text of the program, so it may name variables. */
#define nginx_part_const(n, literal) nginx_part_bytes((n), STR("" literal ""))
void nginx_arg_end(struct nginx *n);

/* The line begins a block; a block ends. */
void nginx_block(struct nginx *n);
void nginx_close(struct nginx *n);

/* All blocks are closed. */
struct str nginx_text(struct nginx *n);

/* Not for direct use: behind the macros. */
void nginx_comment_bytes(struct nginx *n, struct str literal);
void nginx_line_bytes(struct nginx *n, struct str literal);
void nginx_word_bytes(struct nginx *n, struct str literal);
void nginx_arg_text(struct nginx *n, struct str text);
void nginx_part_text(struct nginx *n, struct str text);
void nginx_part_bytes(struct nginx *n, struct str literal);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Exports of the format: to editors as a JSON Schema, to people as a manual page, to a fuzzer as a
 * dictionary, to a shell as a list of keys. All of it is made of the rows that the decoder itself walks, so
 * it can't disagree.
 *
 * Equal rows give equal bytes. contrib/ holds the results; a test compares them with fresh ones. */

#include "schema/schema.h"

struct export {
        const struct schema *schema; /* of the whole document */
        const char *title;
        bool has_substitution; /* {{ name }} may stand in its texts */
};

/* JSON Schema, draft 2020-12. It refuses nothing that the decoder takes (texts that are substituted aside,
 * which it can't know); rules between keys and some of the finer syntax it can't express. */
void export_json(struct buf *out, const struct export *e);

/* The body of a manual page in mdoc(7): a subsection for each schema, and one for the kinds of values. */
void export_man(struct buf *out, const struct export *e);

/* A dictionary for libFuzzer: keys and choices, each once, in byte order. */
void export_fuzz_dict(struct buf *out, const struct export *e);

/* A key's path a line: "proxy.check.path", "services[].name"; '*' stands for names that the user chooses. */
void export_keys(struct buf *out, const struct export *e);

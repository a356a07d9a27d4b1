/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* XXH3, for revisions and for "is it the same?": fast and well spread, not meant against an adversary, who
 * would have to be root already to profit. */

#include "base/arena.h"

struct hash_state;

/* A running hash, in the arena. */
struct hash_state *hash_start(struct arena *a);

/* Adds one field: its length and its bytes, so that ("ab", "c") and ("a", "bc") differ. */
void hash_add(struct hash_state *h, struct str field);

/* 16 lower-case hexadecimal digits, in the arena; the state may be added to further. */
struct str hash_text(struct arena *a, struct hash_state *h);

/* The first `n` digits of it: short names, where a mix-up does no harm or a longer hash is beside it. */
struct str hash_digits(struct arena *a, struct hash_state *h, size_t n);

/* A number for hash tables and for spreading ports. */
uint64_t hash_number(struct str s);

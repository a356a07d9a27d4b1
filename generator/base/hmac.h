/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HMAC-SHA256 (RFC 2104, FIPS 180-4): the signature with which a receiver recognizes who sent a message.
 * No library that the programs link has it as a function. */

#include "base/arena.h"

/* 64 lower-case hexadecimal digits, in the arena. */
struct str hmac_sha256(struct arena *a, struct str key, struct str text);

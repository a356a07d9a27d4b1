/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* openssl(1): keys, hashes, and what a certificate says. */

#include <time.h>

#include "runtime/spawn.h"

/* Runs it with `words`, which end with NULL, at most 14 of them, and with `input` on its standard input
 * (absent for none). Like spawn_run(); -ENOENT if it is not installed. */
int openssl_run(struct arena *a, const char *const *words, struct str input, struct spawn_result *ret);

/* When the certificate in the file begins and ends to be valid. False if openssl cannot read that. */
bool openssl_read_times(struct arena *a, struct str file, time_t *ret_start, time_t *ret_end);

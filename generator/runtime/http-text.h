/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The texts of a request and of its answer; without libcurl. */

#include "runtime/http.h"

enum { HTTP_REASON_MAX = 64 };

/* The URL for libcurl: with the requested name, but at the address (http_connect_to()), so that TLS uses that
 * name. */
struct str http_url(struct arena *a, const struct http_request *q);
struct str http_connect_to(struct arena *a, const struct http_request *q);

/* The status of a status line, and the reason behind it in `reason`, printable. 0 if the line is not valid,
 * or another follows (1xx). */
unsigned http_parse_status(struct str line, char reason[static HTTP_REASON_MAX], size_t *ret_n);

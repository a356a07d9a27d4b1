/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of `proxy.tls`, and when their certificates expire. */

#include <time.h>

#include "app/app.h"

/* Seconds before its end in which a certificate expires soon: certbot renews 30 days before the end, so what
 * runs it has failed for some days then. */
enum { CERTIFICATE_SOON = 21 * 86400 };

struct certificate_file {
        struct str app, path, domain; /* domain: the first; absent for none */
        struct str file;              /* as seen from here, below the root */
        bool is_nginx;
        int error; /* of a path that does not exist; negative errno, or 0 */
};

struct certificate_files {
        VEC(struct certificate_file) list;
};

/* True for a regular file. openssl would wait for who writes into a pipe; HAProxy leaves it out of a
 * directory. */
bool certificate_is_file(struct str file);

/* Adds those of the application, each once: of a directory all that HAProxy reads of it. `root`: its path,
 * "/" for this system. */
void certificate_find(struct arena *a, const char *root, const struct app *app,
                      struct certificate_files *ret);

/* When the certificate of the file begins and ends to be valid, in seconds since 1970. False if openssl
 * cannot read that. */
bool certificate_read_times(struct arena *a, struct str file, time_t *ret_start, time_t *ret_end);

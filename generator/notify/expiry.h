/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The program of pyservice-expiry.service, which a timer starts each day: leaves a message about each
 * certificate of proxy.tls that expires soon, and one when it has expired.
 *
 * STATE/.expiring has those that were reported, so that there is one message for each, also after a boot:
 *
 *     pyservice-expiring 1
 *     certificate PATH SECONDS soon|expired       SECONDS: its end, since 1970
 *
 * A row stays for a while after that end: an error in the definition hides its files until it is
 * corrected. */

#include "base/arena.h"
#include "base/vec.h"

struct expiring_certificate {
        struct str path;
        uint64_t end;
        bool has_expired;
};

struct expiring {
        VEC(struct expiring_certificate) list;
};

struct expiry {
        struct arena *arena;
        int runtime, state; /* /run/pyservice and /var/lib/pyservice, open */
        const char *root;   /* "" for this system */
};

/* 0; negative errno. */
int expiry_report(const struct expiry *e);

struct str expiring_text(struct arena *a, const struct expiring *e);

/* Like rows_parse(). */
int expiring_parse(struct arena *a, struct str text, struct expiring *ret);

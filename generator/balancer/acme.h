/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Certificates of `tls: auto`, from a certificate authority by ACME (RFC 8555). Their files are below
 * /var/lib/pyservice/.acme (bundle/layout.h).
 *
 * pyservice-proxy prepares what HAProxy and nginx have to read: the key of the account, and for each new
 * domain a self-signed certificate. pyservice-acme@DOMAIN.service orders the real one with uacme(1), and
 * writes it over the other; pyservice-certificate@….path then has it served.
 *
 * The authority verifies a domain by a request for /.well-known/acme-challenge/TOKEN; the answer is
 * TOKEN.THUMBPRINT, and the thumbprint depends only on the account's key (section 8.3). So the frontend
 * answers by itself, and a challenge changes nothing in HAProxy or nginx. */

#include "balancer/proxy-state.h"
#include "balancer/proxy.h"
#include "bundle/record.h"

#define ACME_CHALLENGE "/.well-known/acme-challenge/"

/* Makes the files that are missing for the certificates of `s`; reports what fails, and HAProxy then refuses
 * the application's files. */
void acme_prepare(struct proxy_run *p, const struct proxy_state *s);

/* Like acme_prepare(), for the files of an application that nginx reads. proxy_apply() must have opened
 * p->runtime. */
void acme_prepare_nginx(struct proxy_run *p, struct str app);

/* Absent if there is no account yet. */
struct str acme_thumbprint(struct arena *a, const char *root);

/* The row of the domain in the record of a published application; those with the same domain agree about it.
 * Its directory and e-mail address end with a NUL. False if there is none. */
bool acme_find(const struct proxy_run *p, struct str domain, struct record_acme *ret);

/* The state of a domain's certificate. */
struct acme_record {
        struct str directory; /* of the authority that issued the current one; absent if none was issued */
        uint64_t failed;      /* when the last order failed, in seconds; 0 if it did not */
        bool is_refused;      /* by the authority, which counts such orders */
        struct str reason;    /* of the failure */
};

/* An empty record if there is none, or a damaged one. 0; negative errno. */
int acme_record_read(struct arena *a, const char *root, struct str domain, struct acme_record *ret);

/* Cuts the reason to a line of 1000 bytes. */
int acme_record_write(struct arena *a, const char *root, struct str domain, const struct acme_record *record);

/* Orders the certificate of `domain` if it is due. `triggered`: when the timer elapsed, in seconds; 0 for a
 * start by hand, which orders also while orders are suspended because the authority refused one. 0 if the
 * domain has a current certificate; 1 if not, with a problem; negative errno. */
int acme_order(struct proxy_run *p, struct str domain, uint64_t triggered);

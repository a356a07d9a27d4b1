/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests to a web service, by libcurl. No redirect is followed. */

#include "base/arena.h"

/* An answer may not be larger. */
#define FETCH_ANSWER_MAX ((size_t) 256 << 10)

/* AWS's signature, version 4. */
struct fetch_signer {
        struct str region, service, key_id, key;
};

struct fetch_request {
        struct str method, url;
        struct str body;                   /* absent for none */
        const char *const *headers;        /* "Name: value", NULL-ended */
        const struct fetch_signer *signer; /* NULL: not signed */
        bool has_proxy;                    /* through the environment's proxy, if it has one */
        uint64_t timeout_ms;
};

struct fetch_answer {
        unsigned status;    /* 0: it did not answer */
        struct str body;    /* never absent */
        struct str problem; /* if there was no answer: the reason, for people */
};

/* 0; -ENOMEM. */
int fetch(struct arena *a, const struct fetch_request *request, struct fetch_answer *ret);

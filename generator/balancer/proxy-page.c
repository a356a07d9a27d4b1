/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-page.h"

/* An argument in double quotes, so without " $ and \, and with % only where HAProxy is to evaluate it. */
#define PAGE(title, text)                                                                             \
        "\"<!DOCTYPE html>\\n<html lang='en'><head><meta charset='utf-8'>"                            \
        "<meta name='viewport' content='width=device-width'><title>" title "</title><style>"          \
        "body{max-width:34em;margin:4em auto;padding:0 1em;font:1.1em/1.5 sans-serif}</style></head>" \
        "\\n<body><h1>" title "</h1>\\n<p>" text "</p></body></html>\\n\""

/* A backend without a usable server, or a request that no server could take in time (`timeouts: {queue: …}`).
 * The texts that `iif` takes contain no comma and no bracket. */
#define UNAVAILABLE                                                  \
        PAGE("Service unavailable",                                  \
             "%[var(txn.pyservice_backend),nbsrv,bool,iif("          \
             "All instances of the application are busy right now.," \
             "No instance of the application is ready right now.)] Please try again in a moment.")
#define NOT_FOUND PAGE("Not found", "No application is configured for this host.")

/* In ten seconds an instance starts, and a queue becomes short. */
static const char *const lines[] = {
        "http-error status 503 content-type \"text/html; charset=utf-8\" hdr Retry-After 10 "
        "hdr Cache-Control no-store lf-string " UNAVAILABLE,
        "http-request return status 404 content-type \"text/html; charset=utf-8\" string " NOT_FOUND
        " unless { var(txn.pyservice_backend) -m found }",
};

void proxy_page_put(struct buf *b) {
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                buf_put_char(b, '\t');
                buf_put(b, lines[i]);
                buf_put_char(b, '\n');
        }
}

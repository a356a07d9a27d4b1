/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/proxy-page.h"

#include "output/haproxy.h"

/* An argument in double quotes, so without " $ and \, and with % only where HAProxy is to evaluate it. */
#define PAGE(title, text)                                                                             \
        "\"<!DOCTYPE html>\\n<html lang='en'><head><meta charset='utf-8'>"                            \
        "<meta name='viewport' content='width=device-width'><title>" title "</title><style>"          \
        "body{max-width:34em;margin:4em auto;padding:0 1em;font:1.1em/1.5 sans-serif}</style></head>" \
        "\\n<body><h1>" title "</h1>\\n<p>" text "</p></body></html>\\n\""

/* A backend without a usable server, and why if that is known; or a request that no server could take in time
 * (`timeouts: {queue: …}`). The texts that `iif` takes contain no comma and no bracket. */
#define UNAVAILABLE                                                                            \
        PAGE("Service unavailable",                                                            \
             "%[var(txn.pyservice_backend),nbsrv,bool,iif("                                    \
             "All instances of the application are busy right now.,"                           \
             "No instance of the application is ready right now.)] %[var(txn.pyservice_why)] " \
             "Please try again later.")
#define NOT_FOUND PAGE("Not found", "No application is configured for this host.")

#define MAINTENANCE PAGE("Maintenance", "The application is in maintenance. Please try again later.")

#define HTML "content-type \"text/html; charset=utf-8\" "

static void put_own(struct haproxy *h, uint64_t status) {
        if (status == 503)
                haproxy_line(h, "http-error status 503 " HAPROXY_RETRY " " HTML "lf-string " UNAVAILABLE);
        if (status == 404)
                haproxy_line(h, "http-request return status 404 " HTML "string " NOT_FOUND);
}

void proxy_page_put(struct arena *a, struct buf *b, const struct error_pages *pages) {
        struct haproxy *h = haproxy_new(a);

        for (size_t i = 0; i < ERROR_PAGES; i++) {
                uint64_t status = error_statuses[i];

                if (!pages || str_is_absent(pages->files[i].text))
                        put_own(h, status);
                else if (status == 404) {
                        haproxy_line(h, "http-request return status 404");
                        haproxy_page(h, pages->files[i], pages->texts[i]);
                } else
                        haproxy_error(h, status, pages->files[i], pages->texts[i]);
                if (status == 404)
                        haproxy_word(h, "unless { var(txn.pyservice_backend) -m found }");
        }
        buf_put_str(b, haproxy_text(h));
}

#define CLOSED                                                                                   \
        "http-request return status 503 hdr Retry-After %[var(txn.pyservice_closed),word(2,:)] " \
        "hdr Cache-Control no-store " HTML

void proxy_page_put_maintenance(struct arena *a, struct buf *b) {
        struct haproxy *h = haproxy_new(a);

        haproxy_line(h, CLOSED "lf-string %[var(txn.pyservice_closed),word(3,:),url_dec] "
                               "if { var(txn.pyservice_closed) -m beg page: }");
        haproxy_line(h, CLOSED "string " MAINTENANCE " if { var(txn.pyservice_closed) -m beg maintenance: }");
        buf_put_str(b, haproxy_text(h));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The values that 'health:' needs, and those that it cannot have. */

#include <strings.h>

#include "app/health.h"
#include "app/place.h"
#include "check/check-parts.h"

static bool has_http(const struct health *h) {
        return !str_is_absent(h->http.text);
}

/* A key that has no meaning at its place. */
static void misplace(struct world *w, struct span at, const char *advice) {
        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, at, "%s", advice);
}

static void check_headers(struct world *w, const struct health *h) {
        size_t bytes = 0;

        LIST_EACH(header, &h->headers) {
                struct str name = header->key.text;

                bytes += name.n + header->value.text.n;
                if (name.n == strlen("Host") && strncasecmp(name.p, "Host", name.n) == 0)
                        misplace(w, header->key.at,
                                 "'Host' cannot be set in 'headers:'; write 'host:' beside 'headers:'");
                else if (health_is_reserved(name))
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, header->key.at,
                                        "the health check sets '%.*s' itself; remove it", STR_ARG(name));
        }
        if (h->headers.n > HEALTH_HEADERS_MAX)
                (void) diag_add(w->ds, DIAG_OUT_OF_RANGE, h->headers.at[HEALTH_HEADERS_MAX].key.at,
                                "a health check sends at most %d headers; remove some", HEALTH_HEADERS_MAX);
        else if (bytes > HEALTH_HEADERS_BYTES)
                (void) diag_add(w->ds, DIAG_OUT_OF_RANGE, h->headers.at[0].key.at,
                                "the headers have %zu bytes; a health check sends at most %d", bytes,
                                HEALTH_HEADERS_BYTES);
}

/* Podman takes a list of one word for a shell's, and these words for its own: makeHealthCheckFromCli(). */
static void check_command(struct world *w, const struct health *h) {
        static const char *const podmans[] = { "CMD", "CMD-SHELL", "NONE" };
        struct word first = h->words.n > 0 ? h->words.at[0] : (struct word){ 0 };

        if (h->words.n == 1)
                (void) diag_add(w->ds, DIAG_BAD_COMMAND, first.at,
                                "Podman would run a list of one word in a shell; add an argument, or write "
                                "a text");
        for (size_t i = 0; h->words.n > 1 && i < ARRAY_SIZE(podmans); i++)
                if (first.text.n == strlen(podmans[i]) &&
                    strncasecmp(first.text.p, podmans[i], first.text.n) == 0)
                        (void) diag_add(w->ds, DIAG_BAD_COMMAND, first.at,
                                        "'%s' is not a program; begin with the program, or write a text for "
                                        "a shell",
                                        podmans[i]);
}

/* Keys for probes over HTTP: of a health check, or of the proxy's. */
static void refuse_request(struct world *w, const struct health *h, const char *advice) {
        const struct {
                const char *key;
                struct span at;
        } keys[] = {
                { "host", h->host.at },
                { "headers", h->headers.n > 0 ? h->headers.at[0].key.at : (struct span){ 0 } },
                { "port", h->port.at },
                { "scheme", h->scheme.at },
        };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i].at.len > 0)
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, keys[i].at,
                                        "'%s:' has no effect without 'http:'; %s", keys[i].key, advice);
}

static void check_drain(struct world *w, const struct health *h, const struct proxy *p) {
        struct span at = h->on_failure.at;

        if (h->on_failure.index != HEALTH_DRAIN)
                return;
        if (!p)
                misplace(w, at,
                         "'drain' needs 'proxy:', which sends the requests; write 'restart' or 'none'");
        else if (p->kind.index == PROXY_NGINX)
                misplace(w, at,
                         "'drain' needs HAProxy, because nginx performs no health checks; write 'restart' "
                         "or 'none'");
        else if (!has_http(h))
                misplace(w, at,
                         "'drain' needs 'http:', because HAProxy cannot run a command; write 'restart' or "
                         "'none'");
}

/* Otherwise systemd would end the start before the first failed check counts. */
static void check_start(struct world *w, const struct health *h, struct duration start_timeout) {
        if (start_timeout.usec > 0 && start_timeout.usec < h->start_period.usec)
                (void) diag_add(
                        w->ds, DIAG_OUT_OF_RANGE, start_timeout.at,
                        "start_timeout is shorter than the %llus of 'health: start_period', so a start "
                        "would be ended before failed checks count; write a longer one, or a shorter "
                        "'start_period'",
                        (unsigned long long) h->start_period.usec / 1000000);
}

static void check_kept(struct world *w, const struct app *app, const struct service *s) {
        const struct health *h = s->health;
        struct span at = place_in_kept(app, s, "health");

        if (!has_http(h) && !has_health_command(h))
                (void) diag_add(w->ds, DIAG_MISSING_KEY, at,
                                "'health:' needs 'http:' or 'command:'; add one");
        else if (!has_http(h) && !(s->proxy && s->proxy->check))
                refuse_request(w, h, "add it");
        if (h->host.text.n > 0 && h->host.text.p[0] == '*')
                (void) diag_add(w->ds, DIAG_BAD_VALUE, h->host.at,
                                "'%.*s' matches many hosts; write one host name", STR_ARG(h->host.text));
        if (h->port.n > 0 && h->port.n != s->port.n && w->places.is_user)
                misplace(w, h->port.at,
                         "a user's containers are reached only at the service's 'port', which is published; "
                         "remove this one");
        else if (has_http(h) && w->places.is_user && !has_ports(s) &&
                 !str_is(container_network(&s->container), "host"))
                misplace(w, h->http.at,
                         "a user's containers are reached only at ports that are published; add "
                         "'host_port:', or write 'command:'");
        check_headers(w, h);
        check_command(w, h);
        check_drain(w, h, s->proxy);
        check_start(w, h, s->start_timeout);
}

void check_health(struct world *w, struct app *app) {
        APP_EACH_KEPT(s, app)
                if (s->health)
                        check_kept(w, app, s);
}

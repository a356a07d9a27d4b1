/* SPDX-License-Identifier: Apache-2.0 */
#include "app/health.h"

#include <strings.h>

static bool is_same_name(struct str a, struct str b) {
        return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* They are about the connection and the body, or have a key of their own. */
bool health_is_reserved(struct str name) {
        static const char *const names[] = {
                "Host",   "Connection", "Content-Length", "Transfer-Encoding", "Upgrade",
                "Expect", "TE",         "Trailer",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (is_same_name(name, str_of(names[i])))
                        return true;

        return false;
}

static struct header_text host_of(const struct service *s) {
        const struct domain *domains = s->proxy ? s->proxy->domains.at : NULL;
        const size_t n_domains = s->proxy ? s->proxy->domains.n : 0;

        if (s->health && !str_is_absent(s->health->host.text))
                return (struct header_text){ s->health->host.text, s->health->host.at };
        for (size_t i = 0; i < n_domains; i++)
                if (domains[i].text.p[0] != '*')
                        return (struct header_text){ domains[i].text, domains[i].at };

        return (struct header_text){ s->name.text, s->name.at };
}

/* As the front sets it for users: those of a site with TLS come with it, or are redirected to it. */
static struct str protocol_of(const struct service *s, bool is_tls) {
        if (s->proxy)
                is_tls = has_tls(s->proxy) || s->proxy->redirect_to_https.yes;
        return is_tls ? STR("https") : STR("http");
}

static bool has_header(const struct health *h, struct str name) {
        LIST_EACH(header, &h->headers)
                if (is_same_name(header->key.text, name))
                        return true;

        return false;
}

struct health_request health_request(struct arena *a, const struct service *s) {
        const struct health *h = s->health;
        bool is_tls = h && h->scheme.index == SCHEME_HTTPS;
        const struct header_entry ours[] = {
                { { STR("Host"), NOWHERE }, host_of(s) },
                { { STR("X-Forwarded-Proto"), NOWHERE }, { protocol_of(s, is_tls), NOWHERE } },
                { { STR("User-Agent"), NOWHERE }, { STR("pyservice"), NOWHERE } },
        };
        struct health_request q = { .port = s->port, .is_tls = is_tls };

        q.headers.at = arena_array(a, ARRAY_SIZE(ours) + (h ? h->headers.n : 0), struct header_entry);
        for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
                if (!h || !has_header(h, ours[i].key.text))
                        q.headers.at[q.headers.n++] = ours[i];
        for (size_t k = 0; h && k < h->headers.n; k++)
                q.headers.at[q.headers.n++] = h->headers.at[k];

        if (h && h->port.n > 0 && h->port.n != s->port.n) {
                q.port = h->port;
                q.has_own_port = true;
        }
        return q;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Settings that HAProxy can do and nginx can't, and values that nginx's configuration can't express. */

#include "app/place.h"
#include "check/check-parts.h"

/* A value is written as it is, or taken for a variable of nginx's: nginx has no way to tell these apart. */
static void check_text(struct world *w, struct str text, struct span at) {
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char) text.p[i] < ' ' || text.p[i] == 127 || text.p[i] == '$') {
                        (void) diag_add(w->ds, DIAG_BAD_VALUE, at,
                                        "nginx's configuration cannot contain a '$' or a control character; "
                                        "remove it, or 'kind: nginx'");
                        return;
                }
}

static void check_keys(struct world *w, const struct app *app, const struct service *s) {
        static const char *const keys[] = { "backend", "order",         "sticky",   "maxconn",
                                            "check",   "config_dir",    "protocol", "allow",
                                            "deny",    "redirect_from", "errors" };
        const struct node *part = place_of_kept(app, s);
        const struct node *proxy = part ? node_get(part, "proxy") : NULL;

        for (size_t i = 0; proxy && i < proxy->n; i++)
                for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
                        if (str_is(proxy->pairs[i].key->text, keys[k]))
                                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, proxy->pairs[i].key->at,
                                                "'%s:' has no effect with 'kind: nginx'; remove one of them",
                                                keys[k]);
}

void check_nginx(struct world *w, const struct app *app, const struct service *s) {
        const struct proxy *p = s->proxy;

        if (p->kind.index != PROXY_NGINX)
                return;

        if (w->places.is_user)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, p->kind.at,
                                "a user's applications cannot use the machine's nginx; remove 'kind: nginx'");
        if (w->host.front)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, p->kind.at,
                                "'kind: nginx' does not support 'front:' of host.yaml; remove one of them");
        check_keys(w, app, s);
        if (p->mode.index == MODE_TCP)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, p->mode.at,
                                "'kind: nginx' does not support 'mode: tcp'; remove one of them");
        if (p->via.index == VIA_DNS)
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, p->via.at,
                                "'kind: nginx' does not support 'via: dns', because it reaches instances "
                                "through ports; remove one of them");
        if (p->balance.index == BALANCE_FIRST)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, p->balance.at,
                                "nginx does not support 'first'; write leastconn, roundrobin, source or "
                                "random");
        if (p->timeouts && p->timeouts->tunnel.at.len > 0)
                (void) diag_add(
                        w->ds, DIAG_MISPLACED_KEY, p->timeouts->tunnel.at,
                        "'tunnel:' has no effect with 'kind: nginx', whose WebSockets may be idle for "
                        "'server:'; set that");
        check_text(w, p->path.text, p->path.at);
        if (str_find(p->path.text, '%') < p->path.text.n)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, p->path.at,
                                "nginx compares decoded paths; write the character itself instead of '%%', "
                                "or a shorter path");
        if (p->tls)
                check_text(w, p->tls->certificate.text, p->tls->certificate.at);
        LIST_EACH(header, &p->headers) {
                check_text(w, header->key.text, header->key.at);
                check_text(w, header->value.text, header->value.at);
        }
}

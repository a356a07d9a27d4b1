/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ports-parts.h"

#include "schema/syntax.h"

enum { PORT_COUNT = UINT16_MAX + 1 };

struct claims claims_in(struct arena *a, size_t n) {
        struct claims t = { .arena = a, .first = arena_array(a, PORT_COUNT, uint32_t), .list.room = n };

        t.list.at = arena_array(a, n, struct claim);
        return t;
}

static bool is_ipv6(struct str address) {
        return address.n > 0 && address.p[0] == '[';
}

static bool is_any(struct str address) {
        return str_is(address, "0.0.0.0") || str_is(address, "[::]");
}

/* Podman listens on [::] for IPv6 alone. */
static bool is_conflict(const struct claim *a, const struct claim *b) {
        if (a->is_udp != b->is_udp)
                return false;
        if (a->address.n == 0 || b->address.n == 0)
                return true;

        return is_ipv6(a->address) == is_ipv6(b->address) &&
               (is_any(a->address) || is_any(b->address) || str_eq(a->address, b->address));
}

const struct claim *claims_add(struct claims *t, uint64_t port, struct claim c) {
        for (uint32_t i = t->first[port]; i > 0; i = t->list.at[i - 1].next)
                if (is_conflict(&t->list.at[i - 1], &c))
                        return &t->list.at[i - 1];

        c.next = t->first[port];
        *vec_push(t->arena, &t->list) = c;
        t->first[port] = (uint32_t) t->list.n;
        return NULL;
}

/* Position of the last `c` in `s`, or s.n. */
static size_t find_last(struct str s, char c) {
        const char *p = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;

        return p ? (size_t) (p - s.p) : s.n;
}

/* [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]; an address of IPv6 is in brackets. */
bool claims_parse(struct publish_spec spec, struct claim *ret, uint16_t *ret_first, uint16_t *ret_last) {
        struct str s = spec.text, port;
        size_t slash = str_find(s, '/'), colon;
        struct claim c = { .at = spec.at };

        c.is_udp = slash < s.n && str_is(str_from(s, slash), "/udp");
        s.n = slash;
        colon = find_last(s, ':');
        if (colon == s.n)
                return false;

        s.n = colon;
        colon = find_last(s, ':');
        port = colon < s.n ? str_from(s, colon + 1) : s;
        if (!syntax_port_range(port, ret_first, ret_last))
                return false;
        if (colon < s.n)
                c.address = (struct str){ s.p, colon };

        *ret = c;
        return true;
}

struct claim claims_listen(struct listener l, uint64_t *ret_port) {
        struct syntax_listen parts = syntax_listen_split(l.text);

        *ret_port = parts.port;
        return (struct claim){ .at = l.at, .address = parts.address };
}

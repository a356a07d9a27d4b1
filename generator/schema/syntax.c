/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/syntax.h"

#include <arpa/inet.h>

#include "base/macro.h"
#include "base/utf8.h"
#include "base/value.h"

bool syntax_is_name(struct str s) {
        return s.p[s.n - 1] != '-';
}

static bool is_hex(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_word_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "sha256:" and 64 hexadecimal digits. */
static bool is_digest(struct str s) {
        if (!str_has_prefix(s, STR("sha256:")) || s.n != 7 + 64)
                return false;

        for (size_t i = 7; i < s.n; i++)
                if (!is_hex(s.p[i]))
                        return false;

        return true;
}

static bool is_port(struct str s) {
        uint64_t port;

        return str_to_u64(s, 65535, &port) && port > 0;
}

bool syntax_port_range(struct str s, uint16_t *ret_first, uint16_t *ret_last) {
        struct str first = { s.p, str_find(s, '-') };
        struct str last = first.n < s.n ? str_from(s, first.n + 1) : first;
        uint64_t a, b;

        if (!str_to_u64(first, UINT16_MAX, &a) || !str_to_u64(last, UINT16_MAX, &b) || a == 0 || b < a)
                return false;

        *ret_first = (uint16_t) a;
        *ret_last = (uint16_t) b;
        return true;
}

/* The parts between slashes: begin and end with a letter or digit; all except the first are in small letters
 * and hold no ':', which in the first one begins a port. */
static bool is_image_path(struct str s) {
        struct str rest = s, part;

        for (bool is_first = true; str_split(&rest, '/', &part); is_first = false) {
                bool may_be_host = is_first && !str_is_absent(rest);
                size_t colon = str_find(part, ':');

                if (colon < part.n &&
                    (colon == 0 || !is_word_char(part.p[colon - 1]) || !is_port(str_from(part, colon + 1))))
                        return false;
                if (part.n == 0 || !is_word_char(part.p[0]) || !is_word_char(part.p[part.n - 1]))
                        return false;

                for (size_t i = 0; i < part.n; i++) {
                        char c = part.p[i];

                        if (c == '@' || c == '+' || (c == ':' && !may_be_host) ||
                            (c >= 'A' && c <= 'Z' && !may_be_host))
                                return false;
                }
        }

        return true;
}

bool syntax_is_image(struct str s) {
        size_t at = str_find(s, '@'), slash = 0, colon;
        struct str tail;

        if (at < s.n && !is_digest(str_from(s, at + 1)))
                return false;
        s.n = at;

        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] == '/')
                        slash = i;

        tail = str_from(s, slash);
        colon = slash + str_find(tail, ':');
        if (colon < s.n) {
                struct str tag = str_from(s, colon + 1);

                if (tag.n == 0 || tag.n > 128 || str_find(tag, ':') < tag.n || str_find(tag, '+') < tag.n ||
                    !(is_word_char(tag.p[0]) || tag.p[0] == '_'))
                        return false;
                s.n = colon;
        }

        return is_image_path(s);
}

bool syntax_is_path(struct str s) {
        struct str rest, part;

        if (s.n == 0 || s.p[0] != '/')
                return false;
        if (s.n == 1)
                return true;

        rest = str_from(s, 1);
        while (str_split(&rest, '/', &part))
                if (part.n == 0 || str_is(part, ".") || str_is(part, ".."))
                        return false;

        return true;
}

bool syntax_is_env_file(struct str s) {
        return syntax_is_path(s.p[0] == '-' ? str_from(s, 1) : s);
}

bool syntax_is_unit(struct str s) {
        static const char *const suffixes[] = {
                ".service", ".socket", ".target", ".timer", ".mount", ".automount",
                ".path",    ".device", ".swap",   ".slice", ".scope",
        };

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
                if (str_has_suffix(s, str_of(suffixes[i])))
                        return s.n > strlen(suffixes[i]) && s.p[0] != '@';

        return false;
}

bool syntax_is_unit_ref(struct str s) {
        if (str_find(s, '.') < s.n)
                return syntax_is_unit(s);

        return s.n <= 63 && s.p[0] != '-' && s.p[s.n - 1] != '-' &&
               str_is_made_of(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

static bool is_status_code(struct str s) {
        return s.n == 3 && s.p[0] >= '1' && s.p[0] <= '5' && str_is_made_of(s, "0123456789");
}

bool syntax_is_status(struct str s) {
        struct str range, first;

        while (str_split(&s, ',', &range)) {
                (void) str_split(&range, '-', &first);
                if (!is_status_code(first) ||
                    (!str_is_absent(range) && (!is_status_code(range) || str_cmp(range, first) < 0)))
                        return false;
        }

        return true;
}

bool syntax_is_user(struct str s) {
        size_t colon = str_find(s, ':');

        if (colon == s.n)
                return true;

        s = str_from(s, colon + 1);
        return s.n > 0 && str_find(s, ':') == s.n;
}

bool syntax_is_volume(struct str s) {
        struct str rest = s, source, target, options;

        (void) str_split(&rest, ':', &source);
        if (source.n == 0 ||
            (source.p[0] == '/' ? !syntax_is_path(source) : str_find(source, '/') < source.n))
                return false;
        if (!str_split(&rest, ':', &target) || !syntax_is_path(target))
                return false;
        if (!str_split(&rest, ':', &options))
                return true;

        return options.n > 0 && str_is_absent(rest) &&
               str_is_made_of(options, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=,_-");
}

/* Names that Quadlet would take for a file of its own are refused. */
bool syntax_is_volume_name(struct str s) {
        return !str_has_suffix(s, STR(".volume"));
}

struct syntax_volume syntax_volume_split(struct str s) {
        struct syntax_volume v = { .is_foreign = s.n > 0 && s.p[0] == FOREIGN_MARK };

        if (v.is_foreign)
                s = str_from(s, 1);
        (void) str_split(&s, ':', &v.source);
        (void) str_split(&s, ':', &v.target);
        (void) str_split(&s, ':', &v.options);
        return v;
}

bool syntax_volume_is_own(struct syntax_volume v) {
        return !v.is_foreign && v.source.n > 0 && v.source.p[0] != '/' && syntax_is_volume_name(v.source);
}

static bool read_address(struct str s, int family, unsigned char ret[static sizeof(struct in6_addr)]) {
        char text[INET6_ADDRSTRLEN];

        if (s.n == 0 || s.n >= sizeof(text))
                return false;

        memcpy(text, s.p, s.n);
        text[s.n] = '\0';
        return inet_pton(family, text, ret) == 1;
}

static bool is_address(struct str s, int family) {
        unsigned char bytes[sizeof(struct in6_addr)];

        return read_address(s, family, bytes);
}

/* Takes "[v6]:" or, where two more colons follow, "v4:" off the front. Behind an address both ports are
 * needed. */
static bool take_address(struct str *s) {
        size_t end = str_find(*s, ']'), colon = str_find(*s, ':');
        struct str address;

        if (s->p[0] == '[') {
                if (end + 1 >= s->n || s->p[end + 1] != ':')
                        return false;
                address = (struct str){ s->p + 1, end - 1 };
                *s = str_from(*s, end + 2);
                return is_address(address, AF_INET6) && str_find(*s, ':') < s->n;
        }

        if (colon == s->n || str_find(str_from(*s, colon + 1), ':') == s->n - colon - 1)
                return true;

        address = (struct str){ s->p, colon };
        *s = str_from(*s, colon + 1);
        return is_address(address, AF_INET);
}

bool syntax_is_publish(struct str s) {
        size_t slash = str_find(s, '/'), colon;
        uint16_t first, last, host_first, host_last;

        if (slash < s.n && !str_is(str_from(s, slash), "/tcp") && !str_is(str_from(s, slash), "/udp"))
                return false;
        s.n = slash;

        if (s.n == 0 || !take_address(&s))
                return false;

        colon = str_find(s, ':');
        if (!syntax_port_range(colon < s.n ? str_from(s, colon + 1) : s, &first, &last))
                return false;

        /* An empty host port lets Podman choose one. */
        return colon == s.n || colon == 0 ||
               (syntax_port_range((struct str){ s.p, colon }, &host_first, &host_last) &&
                host_last - host_first == last - first);
}

bool syntax_is_signal(struct str s) {
        static const char *const names[] = {
                "SIGHUP",  "SIGINT",   "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2",
                "SIGTERM", "SIGWINCH", "SIGABRT", "SIGCONT", "SIGALRM",
        };

        uint64_t more;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_is(s, names[i]))
                        return true;

        return str_has_prefix(s, STR("SIGRTMIN+")) && str_to_u64(str_from(s, strlen("SIGRTMIN+")), 30, &more);
}

bool syntax_is_domain(struct str s) {
        struct str rest = str_has_prefix(s, STR("*.")) ? str_from(s, 2) : s, label;

        while (str_split(&rest, '.', &label)) {
                if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
                        return false;
                if (str_find(label, '*') < label.n)
                        return false;
        }

        return true;
}

/* Position of the last colon, or s.n. */
static size_t find_last_colon(struct str s) {
        size_t colon = s.n;

        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] == ':')
                        colon = i;

        return colon;
}

static bool is_in_brackets(struct str s) {
        return s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
}

struct syntax_listen syntax_listen_split(struct str s) {
        size_t colon = find_last_colon(s);
        struct syntax_listen l = { 0 };

        if (colon < s.n)
                l.address = (struct str){ s.p, colon };
        (void) str_to_u64(colon < s.n ? str_from(s, colon + 1) : s, UINT16_MAX, &l.port);
        return l;
}

bool syntax_is_listen(struct str s) {
        struct syntax_listen l = syntax_listen_split(s);

        if (l.port == 0)
                return false;
        if (is_in_brackets(l.address))
                return is_address((struct str){ l.address.p + 1, l.address.n - 2 }, AF_INET6);

        return str_is_absent(l.address) || is_address(l.address, AF_INET);
}

bool syntax_is_server(struct str s) {
        size_t colon = find_last_colon(s);
        struct str host;

        if (colon == s.n || colon == 0 || !is_port(str_from(s, colon + 1)))
                return false;

        host = (struct str){ s.p, colon };
        if (host.p[0] == '[')
                return host.n > 2 && host.p[host.n - 1] == ']' &&
                       is_address((struct str){ host.p + 1, host.n - 2 }, AF_INET6);

        if (str_find(host, ':') < host.n || str_find(host, '[') < host.n || str_find(host, ']') < host.n)
                return false;

        return syntax_is_domain(str_has_suffix(host, STR(".")) ? (struct str){ host.p, host.n - 1 } : host);
}

bool syntax_is_prefix(struct str s) {
        size_t slash = str_find(s, '/');
        bool is_v6 = str_find(s, ':') < s.n;
        uint64_t bits;

        if (slash < s.n && !str_to_u64(str_from(s, slash + 1), is_v6 ? 128 : 32, &bits))
                return false;

        return is_address((struct str){ s.p, slash }, is_v6 ? AF_INET6 : AF_INET);
}

bool syntax_is_address_set(struct str s) {
        return syntax_is_prefix(s) || (s.n > 1 && syntax_is_path(s));
}

bool syntax_is_within(struct str s, struct str prefix) {
        size_t slash = str_find(prefix, '/');
        int family = str_find(s, ':') < s.n ? AF_INET6 : AF_INET;
        unsigned char one[sizeof(struct in6_addr)], other[sizeof(struct in6_addr)];
        uint64_t bits;

        if (!read_address(s, family, one) || !read_address((struct str){ prefix.p, slash }, family, other) ||
            slash == prefix.n ||
            !str_to_u64(str_from(prefix, slash + 1), family == AF_INET6 ? 128 : 32, &bits))
                return false;

        for (size_t i = 0; i < bits; i++)
                if (((one[i / 8] ^ other[i / 8]) << (i % 8)) & 0x80)
                        return false;

        return true;
}

bool syntax_is_url(struct str s) {
        size_t at = str_find_str(s, STR("://"));

        for (size_t i = 0; i < at; i++)
                if (!is_word_char(s.p[i]) && s.p[i] != '+' && s.p[i] != '.' && s.p[i] != '-')
                        return false;

        return at > 0 && at + 3 < s.n;
}

/* Unicode's blanks too: Quadlet, a Go program, takes them away. */
static bool is_blank(uint32_t c) {
        return c == ' ' || c == '\t' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
               c == 0x202f || c == 0x205f || c == 0x3000;
}

bool syntax_is_unit_line(struct str s) {
        uint32_t c = ' ';

        if (s.p[s.n - 1] == '\\' || utf8_decode(s, 0, &c) == 0 || is_blank(c))
                return false;

        for (size_t n = 1; n <= 3 && n <= s.n; n++)
                if (utf8_decode(s, s.n - n, &c) == n && is_blank(c))
                        return false;

        return true;
}

bool syntax_is_mode(struct str s) {
        return s.n >= 3;
}

bool syntax_is_module(struct str s) {
        return str_find_str(s, STR("..")) == s.n && s.p[s.n - 1] != '.';
}

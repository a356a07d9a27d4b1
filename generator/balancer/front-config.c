/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/front-config.h"

#include "base/buf.h"

enum { MS_A_DAY = 86400000 };

struct words {
        VEC(struct str) list;
};

/* A file that is being read. */
struct reading {
        struct arena *arena;
        struct front_config *config;
        struct str file, section;
        size_t line;
};

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* HAProxy's quoting (Configuration Manual, 2.2): '…' as it stands; \ for one byte, also in "…"; # begins a
 * comment. */
static struct str take_word(struct arena *a, struct str *rest) {
        char *text = arena_alloc(a, rest->n + 1, 1), quote = '\0';
        size_t n = 0, i = 0;

        for (; i < rest->n; i++) {
                char c = rest->p[i];

                if (quote == '\0' && (is_blank(c) || c == '#'))
                        break;
                if (c == quote)
                        quote = '\0';
                else if (quote == '\0' && (c == '"' || c == '\''))
                        quote = c;
                else if (c == '\\' && quote != '\'' && i + 1 < rest->n)
                        text[n++] = rest->p[++i];
                else
                        text[n++] = c;
        }

        text[n] = '\0';
        *rest = str_from(*rest, i);
        return (struct str){ text, n };
}

static void split_words(struct arena *a, struct str line, struct words *ret) {
        for (;;) {
                while (line.n > 0 && is_blank(line.p[0]))
                        line = str_from(line, 1);
                if (line.n == 0 || line.p[0] == '#')
                        return;
                *vec_push(a, &ret->list) = take_word(a, &line);
        }
}

static bool has_word(const struct words *words, const char *word) {
        VEC_EACH(w, &words->list)
                if (str_is(*w, word))
                        return true;

        return false;
}

/* "80", "8000-8010"; false for other texts, such as a variable. */
static bool read_range(struct str text, struct front_listen *l) {
        size_t dash = str_find(text, '-');

        if (!str_to_u64((struct str){ text.p, dash }, UINT16_MAX, &l->first) || l->first == 0)
                return false;

        l->last = l->first;
        return dash == text.n ||
               (str_to_u64(str_from(text, dash + 1), UINT16_MAX, &l->last) && l->last >= l->first);
}

/* Position behind the last ':', or 0 if there is none. */
static size_t after_colon(struct str text) {
        for (size_t i = text.n; i > 0; i--)
                if (text.p[i - 1] == ':')
                        return i;

        return 0;
}

static bool is_bracketed(struct str s) {
        return s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']';
}

static struct str without_brackets(struct str s) {
        return is_bracketed(s) ? (struct str){ s.p + 1, s.n - 2 } : s;
}

static bool is_every(struct str address) {
        return address.n == 0 || str_is(address, "*") || str_is(address, "0.0.0.0") || str_is(address, "::");
}

static void add_listen(struct reading *r, struct front_listen l) {
        l.file = r->file;
        l.line = r->line;
        l.section = r->section;
        if (is_every(l.address))
                l.address = STR("");
        *vec_push(r->arena, &r->config->listens) = l;
}

/* One of "ipv4@10.0.0.1:80,:8000-8010"; `words` are the options behind it. "::" is IPv6's, and IPv4's too
 * unless `v6only` is there. */
static void add_bind(struct reading *r, struct str text, const struct words *words) {
        struct front_listen l = { .text = text };
        struct str rest = text;
        size_t at = str_find(text, '@'), port;
        bool is_six;

        if (at < text.n) {
                struct str kind = { text.p, at };

                if (!str_is(kind, "ipv4") && !str_is(kind, "ipv6") && !str_is(kind, "tcp") &&
                    !str_is(kind, "tcp4") && !str_is(kind, "tcp6"))
                        return;
                rest = str_from(text, at + 1);
                l.is_ipv6 = kind.p[kind.n - 1] == '6';
        }
        port = after_colon(rest);
        if (port == 0 || rest.p[0] == '/' || !read_range(str_from(rest, port), &l))
                return;

        l.address = without_brackets((struct str){ rest.p, port - 1 });
        is_six = l.is_ipv6 || str_find(l.address, ':') < l.address.n;
        l.is_ipv6 = is_six;
        l.is_ipv4 = !is_six || (is_every(l.address) && !has_word(words, "v6only"));
        add_listen(r, l);
}

static void add_binds(struct reading *r, const struct words *words) {
        struct str rest = words->list.at[1], one;

        if (has_word(words, "namespace"))
                return;
        while (str_split(&rest, ',', &one))
                add_bind(r, one, words);
}

/* "5m"; without a unit milliseconds. 0 if it is not a time. */
static uint64_t read_time(struct str text) {
        static const struct {
                const char *name;
                uint64_t ms;
        } units[] = { { "", 1 },      { "us", 0 },      { "ms", 1 },      { "s", 1000 },
                      { "m", 60000 }, { "h", 3600000 }, { "d", MS_A_DAY } };
        size_t n = 0;
        uint64_t number;

        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
                n++;
        if (!str_to_u64((struct str){ text.p, n }, UINT32_MAX, &number))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (str_is(str_from(text, n), units[i].name))
                        return number * units[i].ms;

        return 0;
}

static bool is_section(struct str word) {
        static const char *const names[] = {
                "global",   "defaults",  "frontend", "backend", "listen",      "peers",       "resolvers",
                "userlist", "mailers",   "program",  "ring",    "cache",       "http-errors", "log-forward",
                "fcgi-app", "crt-store", "traces",   "acme",    "log-profile",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_is(word, names[i]))
                        return true;

        return false;
}

static void read_haproxy_line(struct reading *r, const struct words *words) {
        const struct str *w = words->list.at;
        size_t n = words->list.n;

        if (n == 0)
                return;
        if (is_section(w[0]))
                r->section = n > 1 ? arena_join(r->arena, w[0], STR(" "), w[1]) : w[0];
        if (str_is(w[0], "noreuseport"))
                r->config->keeps_ports = true;
        if (n < 2)
                return;

        if (str_is(w[0], "backend") || str_is(w[0], "listen"))
                *vec_push(r->arena, &r->config->own_backends) =
                        (struct front_backend){ r->file, w[1], r->line };
        if (str_is(w[0], "bind"))
                add_binds(r, words);
        if (str_is(w[0], "use_backend") || str_is(w[0], "default_backend"))
                *vec_push(r->arena, &r->config->backends) = w[1];
        if (str_is(w[0], "hard-stop-after")) {
                r->config->hard_stop_ms = read_time(w[1]);
                r->config->hard_stop = w[1];
                r->config->hard_stop_file = r->file;
                r->config->hard_stop_line = r->line;
        }
}

void front_config_add_haproxy(struct arena *a, struct str file, struct str text, struct str routes,
                              struct front_config *c) {
        struct reading r = { .arena = a, .config = c, .file = file, .section = STR("global") };
        struct str line;

        c->is_known = true;
        while (str_split(&text, '\n', &line)) {
                struct words words = { 0 };

                r.line++;
                split_words(a, line, &words);
                read_haproxy_line(&r, &words);
                VEC_EACH(word, &words.list)
                        c->names_routes = c->names_routes || str_find_str(*word, routes) < word->n;
        }
}

/* "80", "[::]:443 ssl", "127.0.0.1:8080", "localhost:80", "192.0.2.1"; a path is not a port. */
static void add_nginx_listen(struct reading *r, struct str text) {
        struct front_listen l = { .text = text, .first = 80, .last = 80 };
        size_t port = after_colon(text);
        struct str address = text;

        if (str_has_prefix(text, STR("unix:")))
                return;
        if (read_range(text, &l))
                address = STR("");
        else if (port > 0 && !is_bracketed(text)) {
                if (!read_range(str_from(text, port), &l))
                        return;
                address.n = port - 1;
        }

        l.is_ipv6 = is_bracketed(address);
        l.is_ipv4 = !l.is_ipv6;
        l.address = without_brackets(address);
        add_listen(r, l);
}

/* "listen 80 default_server;", also with a block before it on the line. HTTP/3 listens by UDP. */
static void read_nginx_line(struct reading *r, struct str line) {
        struct str statement;

        while (str_split(&line, ';', &statement)) {
                struct words words = { 0 };
                struct str tail;

                for (size_t i = str_find(statement, '{'); i < statement.n; i = str_find(statement, '{'))
                        statement = str_from(statement, i + 1);
                tail = str_trim(statement);
                split_words(r->arena, tail, &words);
                if (words.list.n >= 2 && str_is(words.list.at[0], "listen") && !has_word(&words, "quic") &&
                    !has_word(&words, "udp"))
                        add_nginx_listen(r, words.list.at[1]);
        }
}

void front_config_add_nginx(struct arena *a, struct str dump, struct front_config *c) {
        static const struct str heading = STR_INIT("# configuration file ");
        struct reading r = { .arena = a, .config = c, .file = STR("nginx"), .section = STR("server") };
        struct str line;

        while (str_split(&dump, '\n', &line)) {
                r.line++;
                if (str_has_prefix(line, heading) && line.p[line.n - 1] == ':') {
                        r.file = arena_str(a, (struct str){ line.p + heading.n, line.n - heading.n - 1 });
                        r.line = 0;
                        continue;
                }
                read_nginx_line(&r, line);
        }
}

static bool is_loopback(struct str address) {
        return str_has_prefix(address, STR("127.")) || str_is(address, "::1") || str_is(address, "localhost");
}

const struct front_listen *front_config_find(const struct front_config *c, uint64_t port, bool has_ipv6) {
        VEC_EACH(l, &c->listens)
                if (l->first <= port && port <= l->last && !is_loopback(l->address) &&
                    (l->is_ipv4 || (has_ipv6 && l->is_ipv6)))
                        return l;

        return NULL;
}

const struct front_listen *front_config_find_on(const struct front_config *c, uint64_t port,
                                                struct str address, bool has_ipv6) {
        struct str plain = without_brackets(address);
        bool is_six = is_bracketed(address);

        if (str_is_absent(address))
                return front_config_find(c, port, has_ipv6);

        VEC_EACH(l, &c->listens) {
                if (port < l->first || port > l->last || !(is_six ? l->is_ipv6 : l->is_ipv4))
                        continue;
                if (is_every(l->address) || is_every(plain) ? !is_loopback(l->address)
                                                            : str_eq(l->address, plain))
                        return l;
        }

        return NULL;
}

bool front_config_names(const struct front_config *c, struct str backend) {
        return VEC_HAS(&c->backends, backend);
}

bool front_config_may_lead_to(const struct front_config *c, struct str backend) {
        VEC_EACH(name, &c->backends)
                if (str_find(*name, '%') < name->n)
                        return true;

        return front_config_names(c, backend);
}

const struct front_backend *front_config_backend(const struct front_config *c, struct str name) {
        VEC_EACH(backend, &c->own_backends)
                if (str_eq(backend->name, name))
                        return backend;

        return NULL;
}

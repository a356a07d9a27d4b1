/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/haproxy-socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"

enum {
        ANSWER_MAX = 16 << 20, /* "show stat" of a backend of 10,000 servers takes 5 MiB */
        ANSWER_MS = 5000,      /* a worker that does not answer for this long is stuck */
        CHUNK = 16 << 10,
        SERVERS_A_LINE = 32, /* HAProxy takes at most 16 KiB */
        RELOAD_TRIES = 100,  /* five seconds */
        RELOAD_PAUSE_MS = 50,
};

struct haproxy_client haproxy_client_of(struct arena *a, const struct host_haproxy *settings) {
        return (struct haproxy_client){ .arena = a,
                                        .socket = arena_str(a, settings->socket.text).p,
                                        .master = arena_str(a, settings->master_socket.text).p };
}

static int open_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        CLEANUP(close_fd) int fd = -1;
        size_t n = strlen(path);
        int r;

        if (n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, n);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        /* A full backlog is EAGAIN: HAProxy is there and too busy, or stuck. */
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;

        r = fd;
        fd = -1;
        return r;
}

static int wait_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int n = poll(&p, 1, ANSWER_MS);

        if (n < 0)
                return errno == EINTR ? 0 : -errno;

        return n == 0 ? -ETIMEDOUT : 0;
}

/* To the end, which HAProxy makes after one line of commands. */
static int read_answer(struct arena *a, int fd, struct str *ret) {
        VEC(char) text = { 0 };
        char chunk[CHUNK];

        for (;;) {
                ssize_t n;
                int r = wait_readable(fd);

                if (r < 0)
                        return r;
                n = recv(fd, chunk, sizeof(chunk), 0);
                if (n == 0)
                        break;
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                if (n > 0 && text.n + (size_t) n > ANSWER_MAX)
                        return -EMSGSIZE;
                for (ssize_t i = 0; i < n; i++)
                        *vec_push(a, &text) = chunk[i];
        }

        *ret = (struct str){ text.n > 0 ? text.at : "", text.n };
        return 0;
}

static int ask(struct arena *a, const char *path, struct str command, struct str *ret) {
        CLEANUP(close_fd) int fd = open_socket(path);
        struct str line = arena_join(a, command, STR("\n"));

        if (fd < 0)
                return fd;
        if (send(fd, line.p, line.n, MSG_NOSIGNAL) != (ssize_t) line.n)
                return -EPIPE;
        /* Only the client closes the master's socket. */
        if (shutdown(fd, SHUT_WR) < 0)
                return -errno;

        return read_answer(a, fd, ret);
}

/* Nothing listens: HAProxy is not installed, or has just ended, or is not ours (a user's manager). */
static bool is_away(int r) {
        return r == -ENOENT || r == -EACCES || r == -ECONNREFUSED || r == -ENOTDIR || r == -EPIPE ||
               r == -ECONNRESET || r == -ENOTCONN;
}

void haproxy_parse_workers(struct arena *a, struct str answer, struct haproxy_workers *ret) {
        struct str line, word, kind;
        uint64_t pid;

        while (str_split(&answer, '\n', &line)) {
                struct str rest = line;

                (void) str_split(&rest, ' ', &word);
                if (str_is_absent(rest) || !str_to_u64(word, INT32_MAX, &pid))
                        continue;
                rest = str_trim(rest);
                (void) str_split(&rest, ' ', &kind);
                if (str_is(kind, "worker"))
                        *vec_push(a, &ret->prefixes) = arena_join(a, STR("@!"), word, STR(" "));
        }
}

/* The field of that name in the heading "# pxname,svname,…". */
static size_t find_column(struct str heading, const char *name) {
        struct str rest = heading, field;

        for (size_t i = 0; str_split(&rest, ',', &field); i++)
                if (str_is(field, name))
                        return i;

        return SIZE_MAX;
}

static struct str get_field(struct str line, size_t column) {
        struct str rest = line, field;

        for (size_t i = 0; str_split(&rest, ',', &field); i++)
                if (i == column)
                        return field;

        return (struct str){ 0 };
}

bool haproxy_parse_sessions(struct str answer, struct str server, uint64_t *ret) {
        struct str heading, line;
        size_t name, current, waiting;

        if (!str_split(&answer, '\n', &heading))
                return false;
        name = find_column(heading, "svname");
        current = find_column(heading, "scur");
        waiting = find_column(heading, "qcur");
        if (name == SIZE_MAX || current == SIZE_MAX)
                return false;

        while (str_split(&answer, '\n', &line)) {
                uint64_t n, queued = 0;

                if (!str_eq(get_field(line, name), server) ||
                    !str_to_u64(get_field(line, current), UINT32_MAX, &n))
                        continue;
                (void) str_to_u64(get_field(line, waiting), UINT32_MAX, &queued);
                *ret = n + queued;
                return true;
        }

        return false;
}

/* Also the master's "Can't connect to the target CLI!", of a worker that just ended. */
bool haproxy_is_unknown(struct str answer) {
        return str_has_prefix(answer, STR("No such ")) || str_has_prefix(answer, STR("Can't "));
}

struct telling {
        const struct haproxy_client *client;
        VEC(struct str) commands;
        VEC(struct str) answers; /* of the workers, as far as they answered */
};

static void add(struct telling *t, struct str command) {
        *vec_push(t->client->arena, &t->commands) = command;
}

/* All in one line. The master passes on each command by itself, so each needs the prefix. */
static struct str line_of(const struct telling *t, struct str prefix) {
        struct str line = STR("");

        VEC_EACH(command, &t->commands)
                line = arena_join(t->client->arena, line, line.n > 0 ? STR("; ") : STR(""), prefix, *command);

        return line;
}

/* Sends all commands at once. -EAGAIN if an answer was cut off, or there is no worker (yet). */
static int tell_workers_once(struct telling *t) {
        const struct haproxy_client *c = t->client;
        struct haproxy_workers workers = { 0 };
        struct str answer;
        int r = ask(c->arena, c->master, STR("show proc"), &answer);

        if (r < 0)
                return r;

        t->answers.n = 0;
        haproxy_parse_workers(c->arena, answer, &workers);
        VEC_EACH(prefix, &workers.prefixes) {
                r = ask(c->arena, c->master, line_of(t, *prefix), &answer);
                if (r < 0)
                        return r;
                if (answer.n == 0)
                        return -EAGAIN;
                *vec_push(c->arena, &t->answers) = answer;
        }
        return workers.prefixes.n > 0 ? 0 : -EAGAIN;
}

/* True if a worker listens. */
static bool has_worker(const struct haproxy_client *c) {
        CLEANUP(close_fd) int fd = c->socket ? open_socket(c->socket) : -1;

        return fd >= 0;
}

static bool is_cut(int r) {
        return r == -EAGAIN || r == -ECONNREFUSED || r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN;
}

/* While it reloads, the master executes itself again: it cuts its connections, then refuses new ones, and
 * there may be a new worker when it is back. So the command is sent until all have answered, as long as
 * HAProxy runs at all. */
static int tell_workers(struct telling *t) {
        const struct haproxy_client *c = t->client;
        int r = c->master ? tell_workers_once(t) : -ENOENT;

        for (unsigned i = 1; i < RELOAD_TRIES && is_cut(r) && has_worker(c); i++) {
                clock_pause(RELOAD_PAUSE_MS);
                r = tell_workers_once(t);
        }

        return r;
}

/* The master first; without one that answers, the socket of the worker. */
static int tell(struct telling *t) {
        const struct haproxy_client *c = t->client;
        struct str answer;
        int r = tell_workers(t);

        if (r == -EAGAIN)
                r = -ENOENT;
        if (r >= 0 || !c->socket)
                return r >= 0 || is_away(r) ? 0 : r;

        t->answers.n = 0;
        r = ask(c->arena, c->socket, line_of(t, STR("")), &answer);
        if (r < 0)
                return is_away(r) ? 0 : r;

        *vec_push(c->arena, &t->answers) = answer;
        return 0;
}

static struct str server_command(const struct haproxy_client *c, struct str what) {
        return arena_join(c->arena, STR("set server "), c->backend, STR("/"), c->server, what);
}

static int count_known(const struct telling *t) {
        VEC_EACH(answer, &t->answers)
                if (!haproxy_is_unknown(*answer))
                        return 1;

        return 0;
}

int haproxy_set_state(const struct haproxy_client *c, struct str state) {
        struct telling t = { .client = c };
        int r;

        add(&t, server_command(c, arena_join(c->arena, STR(" state "), state)));
        r = tell(&t);
        return r < 0 ? r : count_known(&t);
}

int haproxy_set_up(const struct haproxy_client *c, struct str address) {
        struct telling t = { .client = c };
        int r;

        if (!str_is_absent(address))
                add(&t, arena_join(c->arena, server_command(c, STR(" addr ")), address));
        add(&t, server_command(c, STR(" health up")));
        r = tell(&t);
        return r < 0 ? r : count_known(&t);
}

int haproxy_set_port(const struct haproxy_client *c, uint64_t port) {
        struct telling t = { .client = c };
        int r;

        add(&t,
            server_command(c, arena_join(c->arena, STR(" addr 127.0.0.1 port "), arena_u64(c->arena, port))));
        r = tell(&t);
        return r < 0 ? r : count_known(&t);
}

int haproxy_set_ready(const struct haproxy_client *c, const struct str *names, size_t n) {
        bool is_known = false;

        for (size_t i = 0; i < n;) {
                struct telling t = { .client = c };
                struct haproxy_client one = *c;
                int r;

                for (size_t k = 0; k < SERVERS_A_LINE && i < n; k++, i++) {
                        one.server = names[i];
                        add(&t, server_command(&one, STR(" state ready")));
                }
                r = tell(&t);
                if (r < 0)
                        return r;
                is_known = is_known || count_known(&t) > 0;
        }

        return is_known;
}

int haproxy_set_map(const struct haproxy_client *c, struct str path, struct str key, struct str value) {
        struct telling t = { .client = c };
        int r;

        add(&t, arena_join(c->arena, STR("del map "), path, STR(" "), key));
        if (!str_is_absent(value))
                add(&t, arena_join(c->arena, STR("add map "), path, STR(" "), key, STR(" "), value));
        r = tell(&t);
        if (r < 0)
                return r;

        VEC_EACH(answer, &t.answers)
                if (str_find_str(*answer, STR("nknown map")) == answer->n)
                        return 1;

        return 0;
}

int haproxy_count(const struct haproxy_client *c, struct haproxy_answer *ret) {
        struct telling t = { .client = c };
        int r;

        add(&t, arena_join(c->arena, STR("show stat "), c->backend, STR(" 4 -1")));
        r = tell(&t);
        if (r < 0)
                return r;

        *ret = (struct haproxy_answer){ 0 };
        VEC_EACH(answer, &t.answers) {
                uint64_t n = 0;

                if (haproxy_parse_sessions(*answer, c->server, &n))
                        ret->is_known = true;
                ret->n_sessions += n;
        }
        return 0;
}

int haproxy_ask_worker(const struct haproxy_client *c, struct str command, struct str *ret) {
        int r = c->socket   ? ask(c->arena, c->socket, command, ret)
                : c->master ? ask(c->arena, c->master, arena_join(c->arena, STR("@1 "), command), ret)
                            : -ENOENT;

        return r >= 0 && ret->n == 0 ? -ENODATA : r;
}

/* A ';' or a line feed would begin another command, and doctor prints a command with it for a shell. */
static bool is_one_word(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char) text.p[i] < 0x80 &&
                    !str_is_made_of((struct str){ text.p + i, 1 },
                                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "._/@:+,=~*%-"))
                        return false;

        return text.n > 0;
}

int haproxy_show_certificate(const struct haproxy_client *c, struct str path, struct str *ret) {
        return is_one_word(path)
                       ? haproxy_ask_worker(c, arena_join(c->arena, STR("show ssl cert "), path), ret)
                       : -EINVAL;
}

/* HAProxy takes all lines up to the first empty one. */
static struct str without_empty_lines(struct arena *a, struct str text) {
        struct buf b = buf_in(a);
        struct str line;

        while (str_split(&text, '\n', &line)) {
                if (str_trim(line).n == 0 || str_is(line, "\r"))
                        continue;
                buf_put_str(&b, line);
                buf_put_char(&b, '\n');
        }

        return buf_str(&b);
}

int haproxy_set_certificate(const struct haproxy_client *c, struct str path, struct str pem,
                            struct str *ret_message) {
        struct arena *a = c->arena;
        struct str set = arena_join(a, STR("set ssl cert "), path, STR(" <<\n"), without_empty_lines(a, pem));
        struct str answer, ignored;
        int r = haproxy_ask_worker(c, set, &answer);

        if (r < 0)
                return r;
        if (str_find_str(answer, STR("ransaction ")) < answer.n && !str_has_prefix(answer, STR("Can't"))) {
                r = haproxy_ask_worker(c, arena_join(a, STR("commit ssl cert "), path), &answer);
                if (r < 0)
                        return r;
                if (str_find_str(answer, STR("Success!")) < answer.n)
                        return 0;
                (void) haproxy_ask_worker(c, arena_join(a, STR("abort ssl cert "), path), &ignored);
        }

        *ret_message = str_trim((struct str){ answer.p, str_find(answer, '\n') });
        return 1;
}

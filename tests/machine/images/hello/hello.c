/* SPDX-License-Identifier: Apache-2.0 */
/* A small web server that answers with what it is, for tests. It is in C because it starts hundreds of times.
 *
 *    /            host name, version, pid and instance, and the request's headers
 *    /env         command words and environment, exactly as the kernel has them (bytes as Latin-1)
 *    /file?path=  contents (Latin-1), mode, owner and group of a file in the container
 *    /slow?s=1.5  the same as /, after a while
 *    /stream      a line every tenth of a second, until the client or the server ends
 *    /header?n=9  the same as /, with a header of n bytes
 *    /health      200, or the status in HELLO_HEALTH, or that of a POST to /health?status=500
 *    /status/503  that status
 *    /count       how many POST requests to /count this process has seen; HELLO_COUNT has the ID of each
 *                 /count?id=ID
 *
 * HELLO_EXIT=3 makes it exit at once with that status, HELLO_START_DELAY=5 makes it listen late,
 * HELLO_DIE_AFTER=3 makes it exit that many seconds after. HELLO_COUNT is a file that all instances append a
 * line to for each id. HELLO_QUIET=1: no log. SIGTERM: no new connections, requests in progress are answered,
 * idle connections are closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX (128 * 1024)
#define DRAIN_WAIT_S 1 /* for the first request of a connection that was accepted as the server ends */

struct connection {
        struct connection *next;
        int fd;
        bool is_busy;
        char client[INET_ADDRSTRLEN];
        char in[REQUEST_MAX + 1];
        size_t n_in;
};

struct request {
        char *method, *target, *path, *query, *version;
        char *headers; /* lines that end with \r\n */
        size_t content_length;
        size_t n_extra; /* of the answer: bytes of X-Extra */
        bool wants_close;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_closed = PTHREAD_COND_INITIALIZER;
static struct connection *connections;
static volatile bool is_draining;
static int health = 200, n_counted, noted = -1, waker = -1;

static void write_all(int fd, const char *data, size_t n) {
        while (n > 0) {
                ssize_t done = send(fd, data, n, MSG_NOSIGNAL);
                if (done < 0 && errno == EINTR)
                        continue;
                if (done <= 0)
                        return;
                data += done;
                n -= (size_t) done;
        }
}

static int to_int(const char *text) {
        return (int) strtol(text, NULL, 10);
}

static void sleep_for(double seconds) {
        struct timespec left = { .tv_sec = (time_t) seconds,
                                 .tv_nsec = (long) ((seconds - (double) (time_t) seconds) * 1e9) };
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                ;
}

/* --- JSON --- */

static void put_text(FILE *f, const char *text, size_t n) {
        fputc('"', f);
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) text[i];
                if (c == '"' || c == '\\')
                        fprintf(f, "\\%c", c);
                else if (c < ' ' || c > '~')
                        fprintf(f, "\\u%04x", c);
                else
                        fputc(c, f);
        }
        fputc('"', f);
}

static void put_string(FILE *f, const char *text) {
        text ? put_text(f, text, strlen(text)) : (void) fputs("null", f);
}

static char *read_file(const char *path, size_t *n) {
        FILE *in = fopen(path, "re");
        if (!in)
                return NULL;
        char *data = NULL;
        FILE *out = open_memstream(&data, n);
        for (int c; (c = fgetc(in)) != EOF;)
                fputc(c, out);
        fclose(in);
        fclose(out);
        return data;
}

static void put_environment(FILE *f) {
        size_t n;
        char *words = read_file("/proc/self/cmdline", &n), *end = words + n;
        fputs("{\"argv\": [", f);
        for (char *word = words + strlen(words) + 1; word < end; word += strlen(word) + 1) {
                put_string(f, word);
                fputs(word + strlen(word) + 1 < end ? ", " : "", f);
        }
        free(words);
        fputs("], \"environ\": {", f);
        words = read_file("/proc/self/environ", &n);
        const char *separator = "";
        for (char *word = words; word < words + n; word += strlen(word) + 1) {
                char *value = strchr(word, '=');
                if (!value)
                        continue;
                fputs(separator, f);
                put_text(f, word, (size_t) (value - word));
                fputs(": ", f);
                put_string(f, value + 1);
                separator = ", ";
        }
        free(words);
        fputs("}}", f);
}

/* Returns the status. */
static int put_file(FILE *f, const char *path) {
        struct stat about;
        size_t n;
        char *data = stat(path, &about) < 0 ? NULL : read_file(path, &n);
        if (!data) {
                char text[1000];
                snprintf(text, sizeof(text), "[Errno %d] %s: '%s'", errno, strerror(errno), path);
                fputs("{\"error\": ", f);
                put_string(f, text);
                fputc('}', f);
                return 404;
        }
        fputs("{\"content\": ", f);
        put_text(f, data, n);
        fprintf(f, ", \"mode\": \"%04o\", \"uid\": %u, \"gid\": %u}", about.st_mode & 07777, about.st_uid,
                about.st_gid);
        free(data);
        return 200;
}

static void put_about(FILE *f, const struct connection *c, const struct request *r) {
        char name[256];
        gethostname(name, sizeof(name));
        fputs("{\"hostname\": ", f);
        put_string(f, name);
        fputs(", \"version\": ", f);
        put_string(f, getenv("HELLO_VERSION"));
        fprintf(f, ", \"pid\": %d, \"instance\": ", getpid());
        put_string(f, getenv("INSTANCE"));
        fputs(", \"path\": ", f);
        put_string(f, r->target);
        fputs(", \"client\": ", f);
        put_string(f, c->client);
        fputs(", \"headers\": {", f);
        const char *separator = "";
        for (const char *line = r->headers, *end; (end = strstr(line, "\r\n")); line = end + 2) {
                const char *colon = memchr(line, ':', (size_t) (end - line));
                if (!colon)
                        continue;
                const char *value = colon + 1 + strspn(colon + 1, " \t");
                fputs(separator, f);
                put_text(f, line, (size_t) (colon - line));
                fputs(": ", f);
                put_text(f, value, (size_t) (end - value));
                separator = ", ";
        }
        fputs("}}", f);
}

/* --- requests --- */

/* The value of a key of the query with %XX decoded, in a buffer of the caller's; or else what is given. */
static const char *find_value(const struct request *r, const char *key, char *buffer, size_t size,
                              const char *otherwise) {
        for (const char *part = r->query; part && *part; part += strcspn(part, "&"), part += *part == '&') {
                size_t n = strlen(key), n_done = 0;
                if (strncmp(part, key, n) != 0 || part[n] != '=')
                        continue;
                for (const char *p = part + n + 1; *p && *p != '&' && n_done + 1 < size; p++) {
                        unsigned byte;
                        bool is_coded = *p == '%' && sscanf(p + 1, "%2x", &byte) == 1;
                        buffer[n_done++] = is_coded ? (char) byte : *p == '+' ? ' ' : *p;
                        p += is_coded ? 2 : 0;
                }
                buffer[n_done] = '\0';
                return buffer;
        }
        return otherwise;
}

static const char *reason_of(int status) {
        static const struct {
                int status;
                const char *text;
        } reasons[] = {
                { 200, "OK" },
                { 204, "No Content" },
                { 301, "Moved Permanently" },
                { 302, "Found" },
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 429, "Too Many Requests" },
                { 500, "Internal Server Error" },
                { 502, "Bad Gateway" },
                { 503, "Service Unavailable" },
                { 504, "Gateway Timeout" },
        };
        for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
                if (reasons[i].status == status)
                        return reasons[i].text;
        return "Other";
}

static void reply(const struct connection *c, struct request *r, int status, const char *body,
                  size_t n_body) {
        char *data = NULL;
        size_t n;
        FILE *f = open_memstream(&data, &n);
        fprintf(f,
                "HTTP/1.1 %d %s\r\nServer: hello\r\nContent-Type: application/json\r\nContent-Length: "
                "%zu\r\n",
                status, reason_of(status), n_body + 1);
        if (r->n_extra > 0) {
                fputs("X-Extra: ", f);
                for (size_t i = 0; i < r->n_extra; i++)
                        fputc('x', f);
                fputs("\r\n", f);
        }
        r->wants_close = r->wants_close || is_draining;
        fputs(r->wants_close ? "Connection: close\r\n\r\n" : "\r\n", f);
        if (strcmp(r->method, "HEAD") != 0) {
                fwrite(body, 1, n_body, f);
                fputc('\n', f);
        }
        fclose(f);
        write_all(c->fd, data, n);
        free(data);
        if (strcmp(r->target, "/health") != 0 && !getenv("HELLO_QUIET"))
                fprintf(stderr, "%s - - \"%s %s %s\" %d -\n", c->client, r->method, r->target, r->version,
                        status);
}

static void stream(const struct connection *c, struct request *r) {
        static const char head[] =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
        static const char line[] = "data: more\n\n";
        write_all(c->fd, head, sizeof(head) - 1);
        while (!is_draining && send(c->fd, line, sizeof(line) - 1, MSG_NOSIGNAL) >= 0)
                sleep_for(0.1);
        r->wants_close = true;
}

static int count(const struct request *r, FILE *f) {
        pthread_mutex_lock(&lock);
        if (strcmp(r->method, "POST") == 0) {
                const char *id = r->query ? strstr(r->query, "id=") : NULL;
                n_counted++;
                if (noted >= 0)
                        dprintf(noted, "%s\n", id ? id + 3 : "");
        }
        fprintf(f, "{\"count\": %d}", n_counted);
        pthread_mutex_unlock(&lock);
        return 200;
}

static int put_body(FILE *f, const struct connection *c, struct request *r) {
        char buffer[4096];
        if (strcmp(r->path, "/env") == 0)
                return put_environment(f), 200;
        if (strcmp(r->path, "/file") == 0)
                return put_file(f, find_value(r, "path", buffer, sizeof(buffer), ""));
        if (strcmp(r->path, "/count") == 0)
                return count(r, f);
        int status = 200;
        if (strcmp(r->path, "/slow") == 0)
                sleep_for(strtod(find_value(r, "s", buffer, sizeof(buffer), "1"), NULL));
        else if (strcmp(r->path, "/header") == 0)
                r->n_extra = strtoul(find_value(r, "n", buffer, sizeof(buffer), "1"), NULL, 10);
        else if (strncmp(r->path, "/status/", 8) == 0)
                status = to_int(r->path + 8);
        else if (strcmp(r->path, "/health") == 0) {
                const char *wanted = strcmp(r->method, "POST") == 0
                                             ? find_value(r, "status", buffer, sizeof(buffer), NULL)
                                             : NULL;
                status = health = wanted ? to_int(wanted) : health;
        }
        put_about(f, c, r);
        return status;
}

static void answer(const struct connection *c, struct request *r) {
        if (strcmp(r->path, "/stream") == 0)
                return stream(c, r);
        char *body = NULL;
        size_t n_body;
        FILE *f = open_memstream(&body, &n_body);
        int status = put_body(f, c, r);
        fclose(f);
        reply(c, r, status, body, n_body);
        free(body);
}

static const char *find_header(const struct request *r, const char *name) {
        size_t n = strlen(name);
        for (const char *line = r->headers, *end; (end = strstr(line, "\r\n")); line = end + 2)
                if (strncasecmp(line, name, n) == 0 && line[n] == ':')
                        return line + n + 1 + strspn(line + n + 1, " ");
        return NULL;
}

/* Cuts the request up in place; false if it is none. */
static bool parse(char *head, struct request *r) {
        char *line_end = strstr(head, "\r\n"), *rest = NULL;
        *line_end = '\0';
        *r = (struct request){ .headers = line_end + 2 };
        r->method = strtok_r(head, " ", &rest);
        r->target = strtok_r(NULL, " ", &rest);
        r->version = strtok_r(NULL, " ", &rest);
        if (!r->version || strncmp(r->version, "HTTP/1.", 7) != 0)
                return false;
        r->path = strdup(r->target);
        r->query = strchr(r->path, '?');
        if (r->query)
                *r->query++ = '\0';
        const char *length = find_header(r, "Content-Length"), *connection = find_header(r, "Connection");
        r->content_length = length ? strtoul(length, NULL, 10) : 0;
        r->wants_close =
                connection ? strncasecmp(connection, "close", 5) == 0 : strcmp(r->version, "HTTP/1.0") == 0;
        return true;
}

static bool receive(struct connection *c) {
        ssize_t n;
        do
                n = recv(c->fd, c->in + c->n_in, REQUEST_MAX - c->n_in, 0);
        while (n < 0 && errno == EINTR);
        c->n_in += n > 0 ? (size_t) n : 0;
        c->in[c->n_in] = '\0';
        return n > 0;
}

static void set_busy(struct connection *c, bool is_busy) {
        pthread_mutex_lock(&lock);
        c->is_busy = is_busy;
        pthread_mutex_unlock(&lock);
}

/* Reads the body, which nobody wants; what follows it stays. */
static bool skip_body(struct connection *c, size_t n_head, size_t n_body) {
        size_t n_have = c->n_in - n_head;
        while (n_have < n_body) {
                n_body -= n_have;
                c->n_in = n_head = 0;
                if (!receive(c))
                        return false;
                n_have = c->n_in;
        }
        c->n_in -= n_head + n_body;
        memmove(c->in, c->in + n_head + n_body, c->n_in + 1);
        return true;
}

/* False when the connection is to be closed. */
static bool serve_one(struct connection *c) {
        char *end;
        while (!(end = strstr(c->in, "\r\n\r\n")))
                if (c->n_in == REQUEST_MAX || !receive(c))
                        return false;
        set_busy(c, true);
        size_t n_head = (size_t) (end - c->in) + 4;
        char *head = strndup(c->in, n_head - 2);
        struct request r;
        bool goes_on = parse(head, &r);
        if (goes_on && find_header(&r, "Expect"))
                write_all(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        if (goes_on && (goes_on = skip_body(c, n_head, r.content_length))) {
                answer(c, &r);
                goes_on = !r.wants_close;
        }
        free(r.path);
        free(head);
        set_busy(c, false);
        return goes_on && !is_draining;
}

static void *serve(void *data) {
        struct connection *c = data;
        while (serve_one(c))
                ;
        pthread_mutex_lock(&lock);
        for (struct connection **p = &connections; *p; p = &(*p)->next)
                if (*p == c) {
                        *p = c->next;
                        break;
                }
        close(c->fd);
        free(c);
        pthread_cond_signal(&is_closed);
        pthread_mutex_unlock(&lock);
        return NULL;
}

/* --- the server --- */

static void start(int fd, const struct sockaddr_in *client, const pthread_attr_t *attributes) {
        struct connection *c = calloc(1, sizeof(*c));
        c->fd = fd;
        inet_ntop(AF_INET, &client->sin_addr, c->client, sizeof(c->client));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        pthread_mutex_lock(&lock);
        c->next = connections;
        connections = c;
        pthread_mutex_unlock(&lock);
        pthread_t thread;
        if (pthread_create(&thread, attributes, serve, c) != 0)
                abort();
}

/* Requests in progress are answered; a connection that waits for a request is closed. */
static void drain(void) {
        pthread_mutex_lock(&lock);
        is_draining = true;
        for (struct connection *c = connections; c; c = c->next)
                if (!c->is_busy) {
                        struct pollfd has_request = { .fd = c->fd, .events = POLLIN };
                        if (poll(&has_request, 1, 0) == 0)
                                shutdown(c->fd, SHUT_RDWR);
                        else
                                setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO,
                                           &(struct timeval){ .tv_sec = DRAIN_WAIT_S },
                                           sizeof(struct timeval));
                }
        while (connections)
                pthread_cond_wait(&is_closed, &lock);
        pthread_mutex_unlock(&lock);
}

static int listen_at(uint16_t port) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 128) < 0) {
                perror("hello: listen");
                exit(1);
        }
        return fd;
}

/* systemd and conmon may both send the signal. */
static void end_when_told(int number) {
        (void) number;
        if (waker < 0)
                _exit(0);
        ssize_t n = write(waker, ".", 1);
        (void) n;
}

static void *die_later(void *data) {
        sleep_for(strtod(data, NULL));
        _exit(7);
}

int main(void) {
        const char *value;
        sigaction(SIGTERM, &(struct sigaction){ .sa_handler = end_when_told }, NULL);
        setlinebuf(stdout);
        if ((value = getenv("HELLO_EXIT")))
                return to_int(value);
        if ((value = getenv("HELLO_START_DELAY")))
                sleep_for(strtod(value, NULL));
        if ((value = getenv("HELLO_HEALTH")))
                health = to_int(value);
        if ((value = getenv("HELLO_COUNT")))
                noted = open(value, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        uint16_t port = (value = getenv("PORT")) ? (uint16_t) to_int(value) : 8000;
        int fd = listen_at(port), wake[2];
        if (pipe2(wake, O_CLOEXEC) < 0)
                return 1;
        waker = wake[1];

        pthread_attr_t detached;
        pthread_attr_init(&detached);
        pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
        pthread_t thread;
        if ((value = getenv("HELLO_DIE_AFTER")) &&
            pthread_create(&thread, &detached, die_later, (void *) value) != 0)
                return 1;
        printf("listening on port %u\n", port);
        struct pollfd events[] = { { .fd = fd, .events = POLLIN }, { .fd = wake[0], .events = POLLIN } };
        while (!events[1].revents) {
                if (poll(events, 2, -1) < 0 || !events[0].revents)
                        continue;
                struct sockaddr_in client;
                int accepted = accept4(fd, (struct sockaddr *) &client, &(socklen_t){ sizeof(client) },
                                       SOCK_CLOEXEC);
                if (accepted >= 0)
                        start(accepted, &client, &detached);
        }
        close(fd);
        drain();
        printf("drained\n");
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balancer/nginx.h"
#include "balancer/proxy-frontend.h"
#include "base/fs.h"
#include "runtime/proc.h"
#include "schema/syntax.h"

enum { CONFIG_MAX = 16 << 20 };

/* The files that were read already: several paths may lead to one file. */
struct reading {
        const struct haproxy_program *haproxy;
        struct front *front;
        bool with_generated;
        VEC(struct str) seen;
};

static bool is_new(struct reading *r, struct str path) {
        char real[PATH_MAX];
        struct str name = realpath(path.p, real) ? arena_str(r->haproxy->arena, str_of(real)) : path;

        if (VEC_HAS(&r->seen, name))
                return false;

        *vec_push(r->haproxy->arena, &r->seen) = name;
        return true;
}

/* `path` below the root; the name without it is what messages show. */
static void read_file(struct reading *r, struct str path) {
        struct arena *a = r->haproxy->arena;
        struct str text;

        if (!is_new(r, path) || fs_read(a, AT_FDCWD, path.p, CONFIG_MAX, &text) < 0)
                return;
        if (r->with_generated || !str_has_prefix(text, STR(PROXY_MARK)))
                front_config_add_haproxy(a, str_from(path, strlen(r->haproxy->root)), text, STR(PROXY_ROUTES),
                                         &r->front->config);
}

/* A file, or the files of a directory that HAProxy reads (Management Guide, 3: those that end in .cfg and do
 * not begin with a dot). */
static void read_path(struct reading *r, struct str path) {
        struct fs_names names = { 0 };

        if (fs_list(r->haproxy->arena, AT_FDCWD, path.p, &names) < 0) {
                read_file(r, path);
                return;
        }

        VEC_EACH(name, &names.list)
                if (name->p[0] != '.' && str_has_suffix(*name, STR(".cfg")))
                        read_file(r, arena_join(r->haproxy->arena, path, STR("/"), *name));
}

/* The paths after each "-f", up to the next option. */
static void read_command(struct reading *r) {
        const struct haproxy_program *b = r->haproxy;
        struct str command, word;
        bool is_path = false;

        if (proc_read(b->arena, arena_join(b->arena, STR("/proc/"), b->master, STR("/cmdline")).p, &command) <
            0)
                return;

        while (str_split(&command, '\0', &word)) {
                if (str_has_prefix(word, STR("-")))
                        is_path = str_is(word, "-f") || str_is(word, "--");
                else if (is_path && str_has_prefix(word, STR("/")))
                        read_path(r, arena_str(b->arena, word));
        }
}

static void read_haproxy(struct reading *r, const struct proxy_set *directories) {
        const struct haproxy_program *b = r->haproxy;
        struct str root = str_of(b->root);

        r->front->http_port = b->settings->http_port.n;
        r->front->https_port = b->settings->https_port.n;
        r->front->has_ipv6 = access("/proc/self/net/if_inet6", F_OK) == 0;
        read_path(r, arena_join(b->arena, root, b->settings->config.text));
        VEC_EACH(d, &directories->list)
                read_path(r, arena_join(b->arena, root, d->path));
        if (b->is_active && str_is_absent(b->settings->container.text))
                read_command(r);
}

void front_read_haproxy(const struct haproxy_program *b, const struct proxy_set *directories,
                        struct front *ret) {
        read_haproxy(&(struct reading){ .haproxy = b, .front = ret, .with_generated = true }, directories);
}

void front_read(const struct haproxy_program *b, const struct proxy_set *directories, const struct host *host,
                struct front *ret) {
        struct str dump;

        read_haproxy(&(struct reading){ .haproxy = b, .front = ret }, directories);
        ret->can_bind = b->root[0] == '\0' && str_is_absent(b->settings->container.text) && geteuid() == 0 &&
                        !ret->config.keeps_ports;
        if (b->root[0] == '\0' && nginx_dump(b->arena, host->nginx->unit.text, &dump) > 0)
                front_config_add_nginx(b->arena, dump, &ret->config);
}

const struct front_listen *front_taken(const struct front *f, const struct proxy_directory *d) {
        const struct front_listen *l = NULL;

        if (d->routes.n > 0)
                l = front_config_find(&f->config, f->http_port, f->has_ipv6);
        if (!l && d->routes.n > 0 && d->certificates.n > 0)
                l = front_config_find(&f->config, f->https_port, f->has_ipv6);
        return l;
}

/* With the options of HAProxy's sockets, which root makes too: sockets of one user share a port with
 * SO_REUSEPORT, so those that HAProxy has do not count. A socket that does not listen gets no connection. */
static bool is_bindable(int family, const void *address, size_t n) {
        CLEANUP(close_fd) int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0 ||
            (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0))
                return true;

        return bind(fd, address, (socklen_t) n) >= 0 || (errno != EADDRINUSE && errno != EADDRNOTAVAIL);
}

static bool is_free(const struct front *f, struct syntax_listen on) {
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t) on.port) };
        struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) on.port) };
        bool is_every = str_is_absent(on.address), is_six = str_has_prefix(on.address, STR("["));
        char text[INET6_ADDRSTRLEN + 1] = "";
        struct str bare = is_six ? (struct str){ on.address.p + 1, on.address.n - 2 } : on.address;

        if (!is_every && bare.n < sizeof(text)) {
                memcpy(text, bare.p, bare.n);
                (void) inet_pton(is_six ? AF_INET6 : AF_INET, text,
                                 is_six ? (void *) &six.sin6_addr : (void *) &four.sin_addr);
        }
        return (is_six || is_bindable(AF_INET, &four, sizeof(four))) &&
               (!(is_six || (is_every && f->has_ipv6)) || is_bindable(AF_INET6, &six, sizeof(six)));
}

const struct front_listen *front_taken_listen(const struct front *f, const struct proxy_listen *l) {
        static const struct front_listen another_program = { 0 };
        struct syntax_listen on = syntax_listen_split(l->on.text);
        const struct front_listen *by = front_config_find_on(&f->config, on.port, on.address, f->has_ipv6);

        return by || !f->can_bind || is_free(f, on) ? by : &another_program;
}

bool front_leads_to(const struct front *f, const struct proxy_directory *d) {
        if (f->config.names_routes)
                return true;

        VEC_EACH(route, &d->routes)
                if (!front_config_names(&f->config, route->backend))
                        return false;

        return true;
}

static bool is_nginx(const struct front_listen *l) {
        return str_is(l->section, "server");
}

static struct str taken_by(struct arena *a, const struct front_listen *l) {
        return arena_join(a, STR("is left out, because its port is taken by "),
                          is_nginx(l) ? STR("nginx") : arena_join(a, STR("'"), l->section, STR("'")),
                          STR(": "), l->file, STR(":"), arena_u64(a, l->line),
                          is_nginx(l) ? STR(": listen ") : STR(": bind "), l->text);
}

struct str front_problem(struct arena *a, const struct front_listen *l) {
        return arena_join(a, STR("the frontend for applications with 'domains' "), taken_by(a, l));
}

struct str front_problem_listen(struct arena *a, const struct front_listen *by,
                                const struct proxy_listen *l) {
        return arena_join(a, STR("the frontend for connections to '"), l->backend.text, STR("' "),
                          by->line > 0
                                  ? taken_by(a, by)
                                  : arena_join(a, STR("is left out, because HAProxy could not listen on '"),
                                               l->on.text,
                                               STR("': another program has the port, or this machine "
                                                   "does not have the address")));
}

/* "example.com/api/" is in the map. Domains with "*" are not found like this. */
static struct str use_backend(struct arena *a, struct str routes) {
        struct str lookup = arena_join(a, STR("base,concat(/),map_beg("), routes, STR(")"));

        return arena_join(a, STR("use_backend %["), lookup, STR("] if { "), lookup, STR(" -m found }"));
}

struct str front_advice(struct arena *a, const struct front_listen *l, struct str routes) {
        struct str ports = STR("set other ports for the generated frontend in /etc/pyservice/host.yaml "
                               "('haproxy: {http_port: 8080, https_port: 8443}')");

        if (is_nginx(l))
                return arena_join(a, ports, STR(", or let nginx listen on other ports"));

        return arena_join(a, ports, STR(", or paste this line into '"), l->section, STR("': "),
                          use_backend(a, routes));
}

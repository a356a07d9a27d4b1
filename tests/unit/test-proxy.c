/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balancer/acme.h"
#include "balancer/proxy-choose.h"
#include "balancer/proxy.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "rows.h"
#include "runtime/spawn.h"

#define DIRECTORY "/run/pyservice/haproxy"
#define BACKEND(name, more) PROXY_MARK "backend " name "\n\tmode http\n" more "\tserver " name "-0 127.0.0.1:7001\n"

#define TCP_BACKEND(name) PROXY_MARK "backend " name "\n\tmode tcp\n\tserver " name "-0 127.0.0.1:7001\n"

/* --- putting together --- */

struct bring {
        const char *app, *file, *text;
};

struct whole {
        const char *name;
        struct bring pieces[6];
        const char *routes;             /* the map without its mark; NULL where it can't be put together */
        const char *certificates, *problem;
        const char *acme;               /* the domains whose challenges are answered; NULL for none */
};

#define ACME LAYOUT_STATE "/" LAYOUT_ACME "/" LAYOUT_ACME_CERTIFICATES "/"

static const struct whole wholes[] = {
        { "set: nothing", { { 0 } }, "", "", NULL },
        { "set: a backend alone", { { "a", "10_backend_a.cfg", "x" } }, "", "", NULL },
        { "set: a route", { { "a", "routes", "a.example.com / a plain\n" } }, "a.example.com/ a\n", "", NULL },
        { "set: without a line end", { { "a", "routes.a", "a.example.com / a plain" } }, "a.example.com/ a\n", "", NULL },
        { "set: a path", { { "a", "routes", "a.example.com /api a plain\n" } }, "a.example.com/api/ a\n", "", NULL },
        { "set: a path that ends in /", { { "a", "routes", "a.example.com /api/ a https\n" } }, "a.example.com/api/ a\n", "", NULL },
        { "set: a path with a query", { { "a", "routes", "a.example.com /api?x=/y a plain\n" } }, "a.example.com/api/ a\n", "", NULL },
        { "set: longer ones first", { { "a", "routes", "x.org / a plain\nx.org /b c plain\n" }, { "b", "routes.web", "x.org /b/c b plain\n" } },
          "x.org/b/c/ b\nx.org/b/ c\nx.org/ a\n", "", NULL },
        { "set: a wildcard", { { "a", "routes", "*.example.com / a plain\n" } }, "*.example.com/ a\n", "", NULL },
        { "set: certificates, each once", { { "a", "routes", "x.org / a https\n" }, { "a", "certificates", "/z.pem\n/a.pem\n" }, { "b", "certificates.b", "/z.pem\n" } },
          "x.org/ a\n", "/a.pem\n/z.pem\n", NULL },
        { "set: certificates that are ordered", { { "a", "routes", "x.org / a https\n" }, { "a", "certificates", "/z.pem\n" ACME "x.org.pem\n" ACME "b-c.org.pem\n" } },
          "x.org/ a\n", ACME "b-c.org.pem\n" ACME "x.org.pem\n/z.pem\n", NULL, "b-c.org\nx.org\n" },
        { "set: certificates without a route", { { "a", "certificates", "/z.pem\n" } }, "", "", NULL },
        { "set: comments", { { "a", "routes", "# x\n\nx.org / a plain\n" } }, "x.org/ a\n", "", NULL },
        { "set: one route twice", { { "a", "routes", "x.org /b a plain\n" }, { "b", "routes", "x.org /b/ b plain\n" } }, NULL, NULL,
          "applications 'a' and 'b' both use 'x.org/b/'" },
        { "set: one file twice", { { "a", "10_backend_x.cfg", "1" }, { "b", "10_backend_x.cfg", "1" } }, NULL, NULL,
          "applications 'a' and 'b' both have a file '" DIRECTORY "/10_backend_x.cfg'" },
        { "set: a short route", { { "a", "routes", "x.org / a\n" } }, NULL, NULL, "application 'a' has a malformed route 'x.org / a'" },
        { "set: an unknown kind", { { "a", "routes", "x.org / a http\n" } }, NULL, NULL, "malformed route" },
        { "set: a relative path", { { "a", "routes", "x.org b a plain\n" } }, NULL, NULL, "malformed route" },
        { "set: a listener twice", { { "a", "listens.a", "5432 a\n" }, { "b", "listens.b", "5432 b\n" } }, NULL, NULL,
          "applications 'a' and 'b' both listen on '5432'" },
        { "set: a listener with more words", { { "a", "listens", "5432 a ssl\n" } }, NULL, NULL, "application 'a' has a malformed listener '5432 a ssl'" },
        { "set: a listener without a backend", { { "a", "listens", "5432\n" } }, NULL, NULL, "malformed listener" },
        { "set: a relative certificate", { { "a", "certificates", "x.pem\n" } }, NULL, NULL, "malformed certificate 'x.pem'" },
};

static struct proxy_parts *parts_of(struct arena *a, const struct bring *piece) {
        struct proxy_parts *parts = arena_new(a, struct proxy_parts);

        *vec_push(a, &parts->list) = (struct proxy_part) { STR(DIRECTORY), str_of(piece->file), str_of(piece->text) };
        return parts;
}

static const char *text_of(struct arena *a, const struct proxy_directory *d, const char *name) {
        VEC_EACH(file, &d->files)
                if (str_is(file->name, name)) {
                        assert_true(str_has_prefix(file->text, STR(PROXY_MARK)));
                        return arena_str(a, str_from(file->text, strlen(PROXY_MARK))).p;
                }

        return "";
}

static struct proxy_directory complete(struct arena *a, struct proxy_set *set) {
        struct proxy_directory *d = proxy_set_directory(a, set, STR(DIRECTORY)), to = { .path = d->path };
        struct proxy_frontend f = { .mark = STR(PROXY_MARK),
                                    .directory = d->path,
                                    .thumbprint = STR("THUMB-print"),
                                    .http_port = 80,
                                    .https_port = 8443,
                                    .has_ipv6 = true };
        struct str *certificates = arena_array(a, d->certificates.n, struct str);

        for (size_t i = 0; i < d->certificates.n; i++)
                certificates[i] = d->certificates.at[i].path;
        proxy_frontend_add(a, &f, d, certificates, &to);
        return to;
}

static void test_set(void **state) {
        const struct whole *row = *state;
        struct proxy_app apps[ARRAY_SIZE(row->pieces)];
        struct proxy_set set = { 0 };
        struct proxy_directory all;
        struct arena a = { 0 };
        struct str problem;
        bool is_good;
        size_t n = 0;

        for (; n < ARRAY_SIZE(row->pieces) && row->pieces[n].app; n++)
                apps[n] = (struct proxy_app) { str_of(row->pieces[n].app), parts_of(&a, &row->pieces[n]) };

        is_good = proxy_set_build(&a, apps, n, &set, &problem);
        assert_int_equal(is_good, row->routes != NULL);
        if (is_good) {
                all = complete(&a, &set);
                assert_string_equal(text_of(&a, &all, PROXY_ROUTES), row->routes);
                assert_string_equal(text_of(&a, &all, PROXY_CERTIFICATES), row->certificates);
                assert_string_equal(text_of(&a, &all, PROXY_ACME), row->acme ? row->acme : "");
                assert_int_equal(strstr(text_of(&a, &all, PROXY_FRONTEND), "THUMB-print") != NULL, row->acme != NULL);
        } else
                assert_non_null(strstr(problem.p, row->problem));
        arena_done(&a);
}

/* Both maps have all keys, so that the same one is found in both. */
static void test_redirects(void **state) {
        struct bring piece = { "a", "routes", "x.org / a https\nx.org /.well-known a plain\n" };
        struct proxy_set set = { 0 };
        struct proxy_directory all;
        struct arena a = { 0 };
        struct proxy_app app = { STR("a"), parts_of(&a, &piece) };
        struct str problem;
        const char *text;

        (void) state;
        assert_true(proxy_set_build(&a, &app, 1, &set, &problem));
        all = complete(&a, &set);
        assert_string_equal(text_of(&a, &all, PROXY_REDIRECTS), "x.org/.well-known/ no\nx.org/ yes\n");

        text = text_of(&a, &all, PROXY_FRONTEND);
        assert_non_null(strstr(text, "\tbind :80\n\tbind :::80 v6only\n"));
        assert_null(strstr(text, " ssl "));
        assert_non_null(strstr(text, "location https://%[var(txn.pyservice_host)]:8443%[pathq] if"));
        arena_done(&a);
}

/* Each byte that could mean something is written as its number. */
static void test_listens(void **state) {
        struct bring piece = { "a", "listens", "[2001:db8::1]:53 c\n5432 a\n192.0.2.1:5432 b\n" };
        struct proxy_set set = { 0 };
        struct proxy_directory all;
        struct arena a = { 0 };
        struct proxy_app app = { STR("a"), parts_of(&a, &piece) };
        struct str problem;

        (void) state;
        assert_true(proxy_set_build(&a, &app, 1, &set, &problem));
        all = complete(&a, &set);
        assert_string_equal(text_of(&a, &all, PROXY_LISTENS),
                            "frontend \"pyservice-b\"\n        mode tcp\n        option tcplog\n        bind \"192.0.2.1:5432\"\n"
                            "        default_backend \"b\"\n"
                            "\nfrontend \"pyservice-a\"\n        mode tcp\n        option tcplog\n        bind \":5432\"\n"
                            "        bind \":::5432\" v6only\n        default_backend \"a\"\n"
                            "\nfrontend \"pyservice-c\"\n        mode tcp\n        option tcplog\n"
                            "        bind \"\\x5b2001:db8::1\\x5d:53\" v6only\n        default_backend \"c\"\n");
        assert_string_equal(text_of(&a, &all, PROXY_FRONTEND), "");
        arena_done(&a);
}

struct plain {
        const char *name, *path;
        bool is_good;
};

static const struct plain plains[] = {
        { "directory: the usual one", DIRECTORY, true },
        { "directory: odd but plain", "/a-b_c.d+e@f:g=h~", true },
        { "directory: relative", "run", false },
        { "directory: a comma ends an argument", "/a,b", false },
        { "directory: a bracket", "/a)", false },
        { "directory: a blank", "/a b", false },
        { "directory: empty", "", false },
};

static void test_directory(void **state) {
        const struct plain *row = *state;

        assert_int_equal(proxy_frontend_is_directory(str_of(row->path)), row->is_good);
}

/* --- HAProxy's words --- */

struct speech {
        const char *name, *text, *alerts;
};

static const struct speech speeches[] = {
        { "alerts: nothing", "", "" },
        { "alerts: good", "[NOTICE]   (1) : haproxy version is 2.6\nConfiguration file is valid\n", "" },
        { "alerts: 2.6", "[NOTICE]   (9) : path to executable is x\n[ALERT]    (9) : config : parsing [/a.cfg:6] : unknown keyword 'x'\n"
                         "[ALERT]    (9) : config : Error(s) found in configuration file : /a.cfg\n[ALERT]    (9) : config : Fatal errors found in configuration.\n",
          "parsing [/a.cfg:6] : unknown keyword 'x'" },
        { "alerts: two", "[ALERT]    (9) : Binding [a] : in use\n[WARNING]  (9) : x\n[ALERT]    (9) : b\n", "Binding [a] : in use\nb" },
};

static void test_alerts(void **state) {
        const struct speech *row = *state;
        struct arena a = { 0 };

        assert_string_equal(haproxy_alerts(&a, str_of(row->text)).p, row->alerts);
        arena_done(&a);
}

/* A socket that listens on some port of 127.0.0.1; the listener of that port. */
static int listen_with(struct arena *a, bool shares_port, struct proxy_listen *ret) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ shares_port }, sizeof(int)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, n), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &n), 0);
        *ret = (struct proxy_listen){ .on.text = arena_join(a, STR("127.0.0.1:"), arena_u64(a, ntohs(address.sin_port))), .backend.text = STR("db") };
        return fd;
}

/* A socket with SO_REUSEPORT is like one of HAProxy's own. */
static void test_ports_of_other_programs(void **state) {
        const struct front front = { .can_bind = true }, below_a_root = { 0 };
        struct arena a = { 0 };
        struct proxy_listen taken, own;
        int one = listen_with(&a, false, &taken), other = listen_with(&a, true, &own);
        const struct front_listen *by = front_taken_listen(&front, &taken);
        struct str problem;

        (void) state;
        assert_non_null(by);
        problem = front_problem_listen(&a, by, &taken);
        assert_true(str_find_str(problem, STR("another program has the port")) < problem.n);
        assert_null(front_taken_listen(&front, &own));
        assert_null(front_taken_listen(&below_a_root, &taken));
        taken.on.text = str_from(taken.on.text, strlen("127.0.0.1:"));
        assert_non_null(front_taken_listen(&front, &taken));
        assert_int_equal(close(one), 0);
        assert_int_equal(close(other), 0);
        arena_done(&a);
}

struct sight {
        const char *name, *path, *seen;
};

/* /etc/haproxy is mounted to /usr/local/etc, /etc/haproxy/tls to /tls. */
static const struct sight sights[] = {
        { "sees: a directory", "/etc/haproxy/conf.d", "/usr/local/etc/conf.d" },
        { "sees: the mount itself", "/etc/haproxy", "/usr/local/etc" },
        { "sees: the nearest mount", "/etc/haproxy/tls/a.pem", "/tls/a.pem" },
        { "sees: a name that only begins alike", "/etc/haproxy2", NULL },
        { "sees: what is not mounted", "/etc/ssl/a.pem", NULL },
};

static void test_sees(void **state) {
        const struct host_haproxy settings = { .container.text = STR("haproxy") };
        const struct sight *row = *state;
        struct arena a = { 0 };
        struct haproxy_program b = { .arena = &a, .settings = &settings, .root = "" };
        struct str seen = { 0 };

        haproxy_remember(&b, STR("/etc/haproxy\t/usr/local/etc\n/etc/haproxy/tls\t/tls\n\n"));
        assert_int_equal(haproxy_sees(&b, str_of(row->path), &seen), row->seen != NULL);
        assert_true(str_eq(seen, str_of(row->seen)));
        arena_done(&a);
}

/* --- whole runs, below a root directory of their own --- */

struct scene {
        const char *name;
        struct bring before[3];         /* in place and remembered from an earlier run */
        struct bring now[3];
        const char *foreign;            /* a file of the administrator's, "name=text" */
        const char *listing;            /* of the directory afterwards */
        const char *problem;            /* part of the only one; NULL for none */
        bool needs_haproxy;
};

#define FRONTEND " " PROXY_FRONTEND " " PROXY_CLOSED " " PROXY_REDIRECTS " " PROXY_ROUTES

static const struct scene scenes[] = {
        { "run: the first application", { { 0 } }, { { "a", "10_backend_a.cfg", BACKEND("a", "") } }, NULL, "10_backend_a.cfg", NULL, false },
        { "run: another file name", { { "a", "10_backend_a.cfg", BACKEND("a", "") } }, { { "a", "20_backend_a.cfg", BACKEND("a", "") } }, NULL,
          "20_backend_a.cfg", NULL, false },
        { "run: a route", { { 0 } }, { { "a", "10_backend_a.cfg", BACKEND("a", "") }, { "b", "routes", "x.org / a plain\n" } }, NULL,
          "10_backend_a.cfg" FRONTEND, NULL, false },
        { "run: a listener", { { 0 } },
          { { "a", "10_backend_a.cfg", TCP_BACKEND("a") }, { "b", "listens", "5432 a\n" } }, NULL, "10_backend_a.cfg " PROXY_LISTENS, NULL, true },
        { "run: a listener goes", { { "a", "10_backend_a.cfg", TCP_BACKEND("a") }, { "b", "listens", "[::1]:5432 a\n" } },
          { { "a", "10_backend_a.cfg", TCP_BACKEND("a") } }, NULL, "10_backend_a.cfg", NULL, true },
        { "run: the administrator has the listener's port", { { 0 } },
          { { "a", "10_backend_a.cfg", TCP_BACKEND("a") }, { "b", "listens", "5432 a\n" } },
          "99_mine.cfg=frontend mine\n\tmode tcp\n\tbind 192.0.2.1:5000-6000\n\ttcp-request connection reject\n", "10_backend_a.cfg 99_mine.cfg",
          "the frontend for connections to 'a' is left out, because its port is taken by 'frontend mine': " DIRECTORY
          "/99_mine.cfg:3: bind 192.0.2.1:5000-6000\nset another port with 'listen', or free this one", true },
        { "run: the administrator has the port of another address", { { 0 } },
          { { "a", "10_backend_a.cfg", TCP_BACKEND("a") }, { "b", "listens", "127.0.0.1:5432 a\n" } },
          "99_mine.cfg=frontend mine\n\tmode tcp\n\tbind 192.0.2.1:5432\n\ttcp-request connection reject\n",
          "10_backend_a.cfg " PROXY_LISTENS " 99_mine.cfg", NULL, true },
        { "run: the last one goes", { { "a", "10_backend_a.cfg", BACKEND("a", "") }, { "b", "routes", "x.org / a plain\n" } }, { { 0 } }, NULL, "", NULL, false },
        { "run: the administrator's files stay", { { "a", "10_backend_a.cfg", BACKEND("a", "") } }, { { 0 } }, "99_mine.cfg=# mine\n", "99_mine.cfg", NULL, false },
        { "run: the administrator's file of our name", { { 0 } }, { { "a", "10_backend_a.cfg", BACKEND("a", "") } }, "10_backend_a.cfg=# mine\n", "10_backend_a.cfg",
          "application 'a': HAProxy rejects its configuration; it is left out:\n'" DIRECTORY "/10_backend_a.cfg' exists and was not written by pyservice",
          false },
        { "run: two want one file", { { "b", "10_backend_x.cfg", BACKEND("x", "") } },
          { { "a", "10_backend_x.cfg", BACKEND("x", "") }, { "b", "10_backend_x.cfg", BACKEND("x", "") } }, NULL, "10_backend_x.cfg",
          "application 'a': HAProxy rejects its configuration; it is left out:\napplications 'a' and 'b' both have", false },
        { "run: HAProxy refuses a new one", { { 0 } }, { { "a", "10_backend_a.cfg", BACKEND("a", "") }, { "b", "10_backend_b.cfg", BACKEND("b", "\tnonsense\n") } }, NULL,
          "10_backend_a.cfg", "application 'b': HAProxy rejects its configuration; it is left out:\nparsing [" DIRECTORY "/10_backend_b.cfg:4] : unknown keyword 'nonsense'", true },
        { "run: HAProxy refuses a change", { { "b", "10_backend_b.cfg", BACKEND("b", "") } },
          { { "a", "10_backend_a.cfg", BACKEND("a", "") }, { "b", "11_backend_b.cfg", BACKEND("b", "\tnonsense\n") } }, NULL,
          "10_backend_a.cfg 10_backend_b.cfg", "application 'b': HAProxy rejects its new configuration; the previous one stays:\n", true },
        { "run: HAProxy needs what went", { { "a", "10_backend_a.cfg", BACKEND("a", "") } }, { { 0 } },
          "99_mine.cfg=frontend mine\n\tmode http\n\tbind 127.0.0.1:7999\n\tdefault_backend a\n", "10_backend_a.cfg 99_mine.cfg",
          "application 'a': it was removed, but other parts of HAProxy's configuration need its files, which stay:\n", true },
        { "run: the administrator's part is broken", { { 0 } }, { { "a", "10_backend_a.cfg", BACKEND("a", "") } }, "99_mine.cfg=nonsense\n", "99_mine.cfg",
          "HAProxy rejects the administrator's configuration, so nothing changed:\n", true },
        { "run: a certificate is missing", { { 0 } }, { { "a", "10_backend_a.cfg", BACKEND("a", "") }, { "b", "routes", "x.org / a https\n" }, { "c", "certificates", "/no/such.pem\n" } },
          NULL, "10_backend_a.cfg" FRONTEND, "application 'c': HAProxy rejects its configuration; it is left out:\n", true },
};

struct machine {
        char path[32];
        int root;
        struct arena arena;
};

static void machine_open(struct machine *m) {
        *m = (struct machine) { .path = "/tmp/pyservice-test-XXXXXX" };
        assert_non_null(mkdtemp(m->path));
        m->root = fs_open_dir(AT_FDCWD, m->path);
        assert_true(m->root >= 0);
}

static void machine_close(struct machine *m) {
        close_fd(&m->root);
        assert_int_equal(fs_remove_tree(AT_FDCWD, m->path), 0);
        arena_done(&m->arena);
}

static void put(struct machine *m, struct str path, struct str text) {
        assert_int_equal(fs_make_dirs(m->root, path.p, true), 0);
        assert_int_equal(fs_replace(m->root, path.p, 0644, text), 0);
}

/* As the generator leaves it. */
static void publish(struct machine *m, const struct bring *pieces, size_t n) {
        struct str list = STR("");

        assert_int_equal(fs_remove_tree(m->root, "run/pyservice/apps"), 0);
        for (size_t i = 0; i < n && pieces[i].app; i++) {
                put(m, arena_join(&m->arena, STR("run/pyservice/apps/"), str_of(pieces[i].app), STR("/haproxy" DIRECTORY "/"), str_of(pieces[i].file)),
                    str_of(pieces[i].text));
                list = arena_join(&m->arena, list, str_of(pieces[i].app), STR("\n"));
        }
        put(m, STR("run/pyservice/proxy"), list);
}

/* Gives the problems' number; the first one in *ret. */
static size_t apply(struct machine *m, struct str *ret) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = &m->arena, .sources = &sources };
        struct world world = { .arena = &m->arena, .ds = &ds, .sources = &sources, .root = m->root, .trusts_all = true };
        struct proxy_run run = { .arena = &m->arena, .world = &world, .root = m->path };

        places_system(&world.places);
        assert_int_equal(proxy_apply(&run), 0);
        if (run.problems.n > 0)
                *ret = run.problems.at[0];
        return run.problems.n;
}

static struct str listing(struct machine *m) {
        struct str all = STR("");
        struct fs_names names;

        if (fs_list(&m->arena, m->root, "run/pyservice/haproxy", &names) < 0)
                return all;
        VEC_EACH(name, &names.list)
                all = arena_join(&m->arena, all, all.n > 0 ? STR(" ") : STR(""), *name);
        return all;
}

static bool has_haproxy(struct machine *m) {
        return !str_is_absent(spawn_find(&m->arena, "haproxy"));
}

static void test_run(void **state) {
        const struct scene *scene = *state;
        struct str problem = STR(""), foreign = str_of(scene->foreign);
        size_t equals = str_find(foreign, '='), n;
        struct machine m;

        machine_open(&m);
        /* Where there is no HAProxy, that it is missing is the one problem. */
        n = has_haproxy(&m) ? 0 : 1;
        if (scene->needs_haproxy && n > 0) {
                machine_close(&m);
                skip();
        }
        if (scene->before[0].app) {
                publish(&m, scene->before, ARRAY_SIZE(scene->before));
                assert_int_equal(apply(&m, &problem), n);
        }
        if (scene->foreign)
                put(&m, arena_join(&m.arena, STR("run/pyservice/haproxy/"), (struct str) { foreign.p, equals }), str_from(foreign, equals + 1));

        publish(&m, scene->now, ARRAY_SIZE(scene->now));
        problem = STR("");
        assert_int_equal(apply(&m, &problem), n > 0 || scene->problem ? 1 : 0);
        if (n == 0 && !strstr(problem.p, scene->problem ? scene->problem : ""))
                assert_string_equal(problem.p, scene->problem);
        assert_string_equal(listing(&m).p, scene->listing);

        /* Once more: the same. */
        (void) apply(&m, &problem);
        assert_string_equal(listing(&m).p, scene->listing);
        machine_close(&m);
}

static void test_no_list(void **state) {
        struct machine m;
        struct str problem;

        (void) state;
        machine_open(&m);
        assert_int_equal(apply(&m, &problem), 0);
        assert_int_equal(fs_make_dirs(m.root, "run/pyservice", false), 0);
        assert_int_equal(apply(&m, &problem), 0);
        machine_close(&m);
}

static void test_bad_host_file(void **state) {
        const struct bring piece[] = { { "a", "10_backend_a.cfg", BACKEND("a", "") } };
        struct machine m;
        struct str problem = STR("");

        (void) state;
        machine_open(&m);
        publish(&m, piece, 1);
        put(&m, STR("etc/pyservice/host.yaml"), STR("haproxy: {http_port: 70000}\n"));
        assert_int_equal(apply(&m, &problem), 1);
        assert_non_null(strstr(problem.p, "HAProxy's files stay as they are, because of errors in host.yaml:\n/etc/pyservice/host.yaml:1:"));
        assert_string_equal(listing(&m).p, "");
        machine_close(&m);
}

/* --- running programs --- */

struct program {
        const char *name;
        const char *argv[4];
        int result, status;
        const char *out, *err;
};

static const struct program programs[] = {
        { "spawn: output", { "/bin/sh", "-c", "echo a; echo b >&2" }, 0, 0, "a\n", "b\n" },
        { "spawn: status", { "/bin/sh", "-c", "exit 7" }, 0, 7, "", "" },
        { "spawn: signal", { "/bin/sh", "-c", "kill -9 $$" }, 0, 137, "", "" },
        { "spawn: no input", { "/bin/sh", "-c", "cat" }, 0, 0, "", "" },
        { "spawn: no program", { "/no/such/program" }, -ENOENT, 0, NULL, NULL },
};

static void test_spawn(void **state) {
        const struct program *row = *state;
        struct spawn_result result = { 0 };
        struct arena a = { 0 };

        /* Below valgrind, posix_spawn() does not tell of an exec that fails: its vfork() is a fork(). */
        if (row->result < 0 && getenv("UNDER_VALGRIND"))
                skip();

        assert_int_equal(spawn_run(&a, row->argv, &result), row->result);
        if (row->result == 0) {
                assert_int_equal(result.status, row->status);
                assert_string_equal(result.out.p, row->out);
                assert_string_equal(result.err.p, row->err);
        }
        arena_done(&a);
}

/* On both streams at once: a part of the output is no result, a part of the messages is. */
static void test_spawn_much(void **state) {
        const char *argv[] = { "/bin/sh", "-c", "head -c 5000000 /dev/zero >&2; head -c \"$1\" /dev/zero; echo end", "sh", "4194300", NULL };
        struct spawn_result result;
        struct arena a = { 0 };

        (void) state;
        assert_int_equal(spawn_run(&a, argv, &result), 0);
        assert_int_equal(result.out.n, SPAWN_OUTPUT_MAX);
        assert_int_equal(result.err.n, SPAWN_OUTPUT_MAX);
        argv[4] = "4194301";
        assert_int_equal(spawn_run(&a, argv, &result), -EFBIG);
        arena_done(&a);
}

/* What an authority answers has any length, and must not make a record that cannot be read again. */
static void test_a_long_reason_of_an_authority(void **state) {
        struct arena a = { 0 };
        char path[] = "/tmp/test-proxy-XXXXXX", *bytes = arena_alloc(&a, 1 << 20, 1);
        struct acme_record record = { .directory = STR("https://ca.example.com/"), .failed = 7, .reason = { bytes, 1 << 20 } };

        (void) state;
        memset(bytes, 'x', 1 << 20);
        bytes[5] = '\n';
        assert_non_null(mkdtemp(path));
        assert_int_equal(acme_record_write(&a, path, STR("shop.example.com"), &record), 0);
        assert_int_equal(acme_record_read(&a, path, STR("shop.example.com"), &record), 0);
        assert_true(record.failed == 7 && record.reason.n == 1000 && record.reason.p[5] == ' ');
        assert_int_equal(fs_remove_tree(AT_FDCWD, path), 0);
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_set, wholes);
        rows_add_one(&rows, test_redirects);
        rows_add_one(&rows, test_listens);
        rows_add(&rows, test_directory, plains);
        rows_add(&rows, test_alerts, speeches);
        rows_add(&rows, test_sees, sights);
        rows_add_one(&rows, test_ports_of_other_programs);
        rows_add(&rows, test_run, scenes);
        rows_add_one(&rows, test_no_list);
        rows_add_one(&rows, test_bad_host_file);
        rows_add(&rows, test_spawn, programs);
        rows_add_one(&rows, test_spawn_much);
        rows_add_one(&rows, test_a_long_reason_of_an_authority);
        return rows_run(&rows, "proxy");
}

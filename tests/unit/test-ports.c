/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/ports-parts.h"
#include "base/fs.h"
#include "rows.h"

/* An app with one service, in a table. */
struct entry {
        const char *app;
        unsigned scale, host_port;
        const char *publish;            /* NULL for none */
        const char *published;          /* the text of apps/APP/ports; NULL for no bundle */
        bool is_gone;                   /* has no definition */
        bool has_spare;
};

struct machine {
        struct arena arena;
        struct sources sources;
        struct diags ds;
        struct world world;
        struct port_pool pool;
        struct host_haproxy haproxy;
        char path[64];
        int runtime;
};

static struct str span_text(const struct machine *m, struct span at) {
        return (struct str) { m->sources.list.at[at.file].text.p + at.off, at.len };
}

static void machine_open(struct machine *m, unsigned first, unsigned last) {
        *m = (struct machine) { .path = "/tmp/pyservice-test-XXXXXX" };
        assert_non_null(mkdtemp(m->path));
        m->runtime = fs_open_dir(AT_FDCWD, m->path);
        assert_true(m->runtime >= 0);
        m->ds = (struct diags) { .arena = &m->arena, .sources = &m->sources };
        m->world = (struct world) { .arena = &m->arena, .ds = &m->ds, .sources = &m->sources, .root = -1 };
        m->pool = (struct port_pool) { .first.n = first, .last.n = last };
        m->world.host.ports = &m->pool;
        m->haproxy.container.text = STR("haproxy");     /* no slots */
        m->world.host.haproxy = &m->haproxy;
}

static void machine_close(struct machine *m) {
        close_fd(&m->runtime);
        assert_int_equal(fs_remove_tree(AT_FDCWD, m->path), 0);
        arena_done(&m->arena);
}

static void publish(struct machine *m, const char *app, const char *text) {
        struct str dir = arena_join(&m->arena, STR("apps/"), str_of(app));

        assert_int_equal(fs_make_dirs(m->runtime, dir.p, false), 0);
        assert_int_equal(fs_replace(m->runtime, arena_join(&m->arena, dir, STR("/ports")).p, 0644, str_of(text)), 0);
}

static void add_app(struct machine *m, const struct entry *e) {
        struct app *app = arena_new(&m->arena, struct app);
        struct service *s = arena_new(&m->arena, struct service);
        struct definition *d = vec_push(&m->arena, &m->world.definitions);
        struct str text = arena_printf(&m->arena, "host_port publish");
        uint32_t file = source_add(&m->arena, &m->sources, str_of(e->app), text);

        app->name = (struct name) { str_of(e->app), { file, 0, 0 } };
        app->rollout = arena_new(&m->arena, struct rollout);
        app->rollout->spare = (struct flag) { e->has_spare, { 0, 0, 1 } };
        app->services.at = s;
        app->services.n = 1;
        s->name = s->container.unit = app->name;
        s->scale.n = e->scale;
        s->port = (struct number) { 8000, { file, 0, 0 } };
        s->host_port = (struct number) { e->host_port, { file, 0, 9 } };
        s->proxy = arena_new(&m->arena, struct proxy);
        if (e->publish) {
                s->publish.at = arena_new(&m->arena, struct publish_spec);
                s->publish.n = 1;
                *s->publish.at = (struct publish_spec) { str_of(e->publish), { file, 10, 7 } };
        }
        *d = (struct definition) { .name = app->name, .app = app };
}

static void assign(struct machine *m, const struct entry *entries, size_t n, struct ports *ret) {
        for (size_t i = 0; i < n && entries[i].app; i++) {
                if (entries[i].published)
                        publish(m, entries[i].app, entries[i].published);
                if (!entries[i].is_gone)
                        add_app(m, &entries[i]);
        }
        assert_int_equal(ports_assign(&m->world, m->runtime, ret), 0);
}

static uint64_t find(const struct ports *p, const char *app, uint64_t instance) {
        struct name name = { str_of(app), NOWHERE };

        return ports_find(p, name, name, instance);
}

enum { ENTRIES_MAX = 4 };

/* What is said, and of whom: "id owner 'text' note-owner". */
struct refusal {
        const char *name;
        struct entry entries[ENTRIES_MAX];
        const char *said;               /* NULL for nothing */
};

static const struct refusal diags[] = {
        { "fixed: apart", { { .app = "a", .scale = 2, .host_port = 8000 }, { .app = "b", .scale = 2, .host_port = 8002 } }, NULL },
        { "fixed: overlap", { { .app = "a", .scale = 3, .host_port = 8000 }, { .app = "b", .scale = 2, .host_port = 8002 } },
          "port-taken b host_port a: port 8002, that of instance 0, is taken by 'a'; choose another one" },
        { "fixed: the published one stays", { { .app = "a", .scale = 1, .host_port = 8000 }, { .app = "b", .scale = 1, .host_port = 8000, .published = "b 0 8000\n" } },
          "port-taken a host_port b: port 8000, that of instance 0, is taken by 'b'; choose another one" },
        { "fixed: too high", { { .app = "a", .scale = 3, .host_port = 65534 } },
          "out-of-range a host_port -: instance 2 would have port 65536; the highest is 65535" },
        { "fixed: no instance, no claim", { { .app = "a", .scale = 0, .host_port = 8000 }, { .app = "b", .scale = 1, .host_port = 8000 } }, NULL },
        { "publish: another app's", { { .app = "a", .scale = 1, .publish = "80:80" }, { .app = "b", .scale = 1, .publish = "80:8080" } },
          "port-taken b publish a: port 80 is taken by 'a'; choose another one" },
        { "publish: other addresses", { { .app = "a", .scale = 1, .publish = "10.0.0.1:80:80" }, { .app = "b", .scale = 1, .publish = "10.0.0.2:80:80" } }, NULL },
        { "publish: any address and one", { { .app = "a", .scale = 1, .publish = "0.0.0.0:80:80" }, { .app = "b", .scale = 1, .publish = "10.0.0.2:80:80" } },
          "port-taken b publish a: port 80 is taken by 'a'; choose another one" },
        { "publish: other protocols", { { .app = "a", .scale = 1, .publish = "80:80/udp" }, { .app = "b", .scale = 1, .publish = "80:80" } }, NULL },
        { "publish: port left to Podman", { { .app = "a", .scale = 5, .publish = "80" }, { .app = "b", .scale = 2, .publish = "127.0.0.1::80" } }, NULL },
        { "publish: IPv6", { { .app = "a", .scale = 1, .publish = "[::1]:80:80" }, { .app = "b", .scale = 1, .publish = "[::]:80:80" } },
          "port-taken b publish a: port 80 is taken by 'a'; choose another one" },
        { "publish: a fixed port", { { .app = "a", .scale = 2, .host_port = 8000 }, { .app = "b", .scale = 1, .publish = "8001:80" } },
          "port-taken b publish a: port 8001 is taken by 'a'; choose another one" },
        { "publish: by each instance", { { .app = "a", .scale = 3, .publish = "80:80" } },
          "port-taken a publish -: 3 instances cannot all publish port 80; omit the host's port, or set scale to 1" },
        { "pool: just enough", { { .app = "a", .scale = 4 }, { .app = "b", .scale = 6 } }, NULL },
        { "pool: too small", { { .app = "a", .scale = 4 }, { .app = "b", .scale = 7 } },
          "ports-exhausted b  -: all 10 ports of the pool are taken; widen 'ports' in host.yaml" },
        { "pool: ports of who is gone are better than none", { { .app = "a", .scale = 6 }, { .app = "b", .scale = 0, .is_gone = true, .published = "b 0 20001\nb 1 20002\nb 2 20003\nb 3 20004\nb 4 20005\n" } }, NULL },
};

static void test_diag(void **state) {
        const struct refusal *m = *state;
        struct machine machine;
        struct ports ports;
        const struct diag *d;
        struct str said;

        machine_open(&machine, 20000, 20009);
        assign(&machine, m->entries, ENTRIES_MAX, &ports);
        assert_int_equal(machine.ds.list.n, m->said != NULL);
        if (m->said) {
                d = &machine.ds.list.at[0];
                said = arena_printf(&machine.arena, "%s %.*s %.*s %s: %.*s", diag_name(d->id), STR_ARG(d->owner),
                                    STR_ARG(span_text(&machine, d->at)),
                                    d->related.file == SPAN_NOWHERE ? "-" : machine.sources.list.at[d->related.file].path.p,
                                    STR_ARG(d->text));
                assert_string_equal(said.p, m->said);
                VEC_EACH(definition, &machine.world.definitions) {
                        assert_int_equal(definition->is_broken, str_eq(definition->name.text, d->owner));
                        assert_int_equal(!definition->app, definition->is_broken);
                }
        }
        machine_close(&machine);
}

/* All different, all of the pool, and the same on another machine. */
static void test_fresh(void **state) {
        static const struct entry entries[] = { { .app = "a", .scale = 30 }, { .app = "b", .scale = 30 }, { .app = "c", .scale = 30 } };
        struct machine machines[2];
        struct ports ports[2];
        bool seen[100] = { false };

        (void) state;
        for (size_t i = 0; i < 2; i++) {
                machine_open(&machines[i], 20000, 20099);
                assign(&machines[i], entries, 3, &ports[i]);
        }
        assert_int_equal(ports[0].list.n, 90);
        for (size_t i = 0; i < 90; i++) {
                uint64_t number = ports[0].list.at[i].number;

                assert_in_range(number, 20000, 20099);
                assert_false(seen[number - 20000]);
                seen[number - 20000] = true;
                assert_int_equal(number, ports[1].list.at[i].number);
        }
        machine_close(&machines[0]);
        machine_close(&machines[1]);
}

/* No other app's edit moves a port, and a larger scale none of its own. */
static void test_kept(void **state) {
        static const struct entry before[] = { { .app = "m", .scale = 20 } };
        static const struct entry after[] = { { .app = "a", .scale = 30 }, { .app = "m", .scale = 30 }, { .app = "z", .scale = 30 } };
        struct machine one, two;
        struct ports old, now;

        (void) state;
        machine_open(&one, 20000, 20099);
        machine_open(&two, 20000, 20099);
        assign(&one, before, 1, &old);
        publish(&two, "m", ports_text(&one.arena, &old, (struct name) { STR("m"), NOWHERE }).p);
        assign(&two, after, 3, &now);
        assert_int_equal(now.list.n, 90);
        for (uint32_t i = 0; i < 20; i++)
                assert_int_equal(find(&now, "m", i), find(&old, "m", i));
        machine_close(&one);
        machine_close(&two);
}

/* Somebody may listen there still. */
static void test_held(void **state) {
        static const struct entry entries[] = {
                { .app = "a", .scale = 7 },
                { .app = "gone", .is_gone = true, .published = "gone 0 20003\ngone 1 20007\n" },
                { .app = "shrunk", .scale = 0, .published = "shrunk 5 20005\n" },
        };
        struct machine m;
        struct ports ports;

        (void) state;
        machine_open(&m, 20000, 20009);
        assign(&m, entries, 3, &ports);
        assert_int_equal(ports.list.n, 8);
        VEC_EACH(port, &ports.list)
                assert_true(port->number != 20003 && port->number != 20007 && (port->number == 20005) == port->is_kept);
        assert_int_equal(find(&ports, "shrunk", 5), 20005);
        machine_close(&m);
}

struct slots {
        const char *name;
        struct entry entry;
        unsigned n;                     /* ports in all */
};

static const struct slots slots[] = {
        { "slots: one", { .app = "a", .scale = 1 }, 4 },
        { "slots: none yet", { .app = "a", .scale = 0 }, 4 },
        { "slots: and a spare", { .app = "a", .scale = 3, .has_spare = true }, 5 },
        { "slots: room for one more", { .app = "a", .scale = 4 }, 8 },
        { "slots: fixed ports", { .app = "a", .scale = 2, .host_port = 8000 }, 4 },
        { "slots: up to the last port", { .app = "a", .scale = 1, .host_port = 65534 }, 2 },
        { "slots: as far as the pool goes", { .app = "a", .scale = 6 }, 7 },
        { "slots: of a service that shrank", { .app = "a", .scale = 1, .published = "a 0 20006\na 5 20001\n" }, 5 },
};

static void test_slots(void **state) {
        const struct slots *row = *state;
        struct machine m;
        struct ports one, two;

        machine_open(&m, 20000, row->n == 7 ? 20006 : 20009);
        m.haproxy.container.text = (struct str) { 0 };
        assign(&m, &row->entry, 1, &one);
        assert_int_equal(one.list.n, row->n);
        for (size_t i = 0; i < one.list.n; i++)
                for (size_t k = 0; k < i; k++)
                        assert_int_not_equal(one.list.at[i].number, one.list.at[k].number);

        /* Another scale within them moves none. */
        publish(&m, "a", ports_text(&m.arena, &one, (struct name) { STR("a"), NOWHERE }).p);
        m.world.definitions.at[0].app->services.at[0].scale.n = row->entry.scale + 1 < row->n ? row->entry.scale + 1 : row->entry.scale;
        assert_int_equal(ports_assign(&m.world, m.runtime, &two), 0);
        VEC_EACH(port, &one.list)
                assert_int_equal(ports_find(&two, port->app, port->unit, port->instance), port->number);
        machine_close(&m);
}

/* Who writes down a port has it, even if it was drawn for somebody. */
static void test_fixed_before_drawn(void **state) {
        static const struct entry entries[] = { { .app = "a", .scale = 1, .published = "a 0 20005\n" }, { .app = "b", .scale = 1, .host_port = 20005 } };
        struct machine m;
        struct ports ports;

        (void) state;
        machine_open(&m, 20000, 20009);
        assign(&m, entries, 2, &ports);
        assert_int_equal(find(&ports, "b", 0), 20005);
        assert_int_not_equal(find(&ports, "a", 0), 20005);
        assert_int_not_equal(find(&ports, "a", 0), 0);
        machine_close(&m);
}

static void test_text(void **state) {
        static const struct entry entries[] = { { .app = "a", .scale = 11, .host_port = 8000 }, { .app = "b", .scale = 1, .host_port = 9000 } };
        struct machine m;
        struct ports ports, read;

        (void) state;
        machine_open(&m, 20000, 20009);
        assign(&m, entries, 2, &ports);
        assert_string_equal(ports_text(&m.arena, &ports, (struct name) { STR("b"), NOWHERE }).p, "pyservice-ports 1\nport b 0 9000\n");
        assert_string_equal(ports_text(&m.arena, &ports, (struct name) { STR("c"), NOWHERE }).p, "");
        publish(&m, "a", ports_text(&m.arena, &ports, (struct name) { STR("a"), NOWHERE }).p);
        assert_int_equal(ports_read(&m.arena, m.runtime, &read), 0);
        assert_int_equal(read.list.n, 11);
        for (uint32_t i = 0; i < 11; i++)
                assert_int_equal(find(&read, "a", i), 8000 + i);
        assert_int_equal(find(&read, "a", 11), 0);
        machine_close(&m);
}

/* A port of the pool, also beside fixed ones, and it stays. */
static void test_spare(void **state) {
        static const struct entry entries[] = {
                { .app = "a", .scale = 2, .host_port = 20000, .has_spare = true },
                { .app = "b", .scale = 0, .has_spare = true, .published = "b next 20007\n" },
                { .app = "c", .scale = 1 },
        };
        struct machine m;
        struct ports ports;

        (void) state;
        machine_open(&m, 20000, 20009);
        assign(&m, entries, 3, &ports);
        assert_int_equal(ports.list.n, 5);
        assert_in_range(find(&ports, "a", PORTS_NEXT), 20002, 20009);
        assert_int_equal(find(&ports, "b", PORTS_NEXT), 20007);
        assert_int_equal(find(&ports, "c", PORTS_NEXT), 0);
        assert_string_equal(ports_text(&m.arena, &ports, (struct name) { STR("b"), NOWHERE }).p, "pyservice-ports 1\nport b next 20007\n");
        machine_close(&m);
}

struct odd_row {
        const char *name, *text;
};

static const struct odd_row odd_rows[] = {
        { "file: no number", "a 0\n" }, { "file: no port", "a 0 0\n" }, { "file: another word", "a x 5\n" }, { "file: too high", "a 0 70000\n" },
        { "file: an empty line", "a 0 80\n\n" }, { "file: a field more", "a 1 80 90\n" }, { "file: too many instances", "a 10001 80\n" },
        { "file: nearly next", "a nex 80\n" }, { "file: cut off", "a 0 80\na 1 8" },
        { "file: of a later version", "pyservice-ports 2\nport a 0 80 more\n" },
};

/* The published revision stays: its instances must not move to other ports while they run. */
static void test_odd_file(void **state) {
        static const struct entry entries[] = { { .app = "a", .scale = 1 }, { .app = "b", .scale = 1, .published = "b 0 20005\n" } };
        const struct odd_row *row = *state;
        struct machine m;
        struct ports ports;

        machine_open(&m, 20000, 20009);
        publish(&m, "a", row->text);
        assign(&m, entries, 2, &ports);
        assert_int_equal(m.ds.list.n, 1);
        assert_int_equal(m.ds.list.at[0].id, DIAG_BAD_STATE);
        assert_true(str_is(m.ds.list.at[0].owner, "a"));
        assert_true(m.world.definitions.at[0].is_broken && !m.world.definitions.at[1].is_broken);
        assert_int_equal(find(&ports, "b", 0), 20005);
        machine_close(&m);
}

static void test_odd_files(void **state) {
        struct machine m;
        struct ports read;

        (void) state;
        machine_open(&m, 20000, 20009);
        publish(&m, "a", "pyservice-ports 1\nport a 7 443\n");
        assert_int_equal(fs_make_dirs(m.runtime, "apps/empty", false), 0);
        assert_int_equal(fs_write(m.runtime, "apps/file", 0644, STR("")), 0);
        assert_int_equal(ports_read(&m.arena, m.runtime, &read), 0);
        assert_int_equal(read.list.n, 1);
        assert_int_equal(find(&read, "a", 7), 443);
        machine_close(&m);
}

static void test_no_runtime(void **state) {
        static const struct entry entry = { .app = "a", .scale = 2 };
        struct machine m;
        struct ports ports;

        (void) state;
        machine_open(&m, 20000, 20009);
        add_app(&m, &entry);
        assert_int_equal(ports_assign(&m.world, -1, &ports), 0);
        assert_int_equal(ports.list.n, 2);
        machine_close(&m);
}

/* The whole pool takes about as long as making the applications. */
static void test_many(void **state) {
        struct machine m;
        struct ports ports;
        clock_t start = clock(), reference;

        (void) state;
        machine_open(&m, 20000, 29999);
        for (unsigned i = 0; i < 1000; i++)
                add_app(&m, &(struct entry) { .app = arena_printf(&m.arena, "app-%04u", i).p, .scale = 10 });
        reference = clock() - start;
        start = clock();
        assert_int_equal(ports_assign(&m.world, m.runtime, &ports), 0);
        assert_int_equal(m.ds.list.n, 0);
        assert_int_equal(ports.list.n, 10000);
        assert_true(clock() - start < 50 * (reference + 1));
        machine_close(&m);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_diag, diags);
        rows_add_one(&rows, test_fresh);
        rows_add_one(&rows, test_kept);
        rows_add_one(&rows, test_held);
        rows_add(&rows, test_slots, slots);
        rows_add_one(&rows, test_fixed_before_drawn);
        rows_add_one(&rows, test_text);
        rows_add_one(&rows, test_spare);
        rows_add(&rows, test_odd_file, odd_rows);
        rows_add_one(&rows, test_odd_files);
        rows_add_one(&rows, test_no_runtime);
        rows_add_one(&rows, test_many);
        return rows_run(&rows, "ports");
}

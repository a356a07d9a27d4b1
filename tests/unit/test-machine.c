/* SPDX-License-Identifier: Apache-2.0 */

/* What is on the machine besides: its name, units whose names are taken, and the administrator's networks and volumes. */

#include "app/machine.h"
#include "worlds.h"

struct object_row {
        const char *name, *file, *text;
        const char *object, *unit;      /* NULL: it is passed over */
};

static const struct object_row object_rows[] = {
        { "network: nothing said", "a.network", "[Network]\n", "systemd-a", "a-network.service" },
        { "network: empty", "a.network", "", "systemd-a", "a-network.service" },
        { "network: a name", "a.network", "[Network]\nNetworkName=back\n", "back", "a-network.service" },
        { "network: blanks", "a.network", "[Network]\n  NetworkName = back\t\n", "back", "a-network.service" },
        { "network: no line end", "a.network", "[Network]\nNetworkName=back", "back", "a-network.service" },
        { "network: the last one", "a.network", "[Network]\nNetworkName=one\nNetworkName=two\n", "two", "a-network.service" },
        { "network: taken back", "a.network", "[Network]\nNetworkName=one\nNetworkName=\n", "systemd-a", "a-network.service" },
        { "network: in a comment", "a.network", "[Network]\n#NetworkName=one\n; NetworkName=two\n", "systemd-a", "a-network.service" },
        { "network: a longer key", "a.network", "[Network]\nNetworkNames=one\n", "systemd-a", "a-network.service" },
        { "network: its unit", "a.network", "[Network]\nServiceName=mine\n", "systemd-a", "mine.service" },
        { "network: a bad name", "a.network", "[Network]\nNetworkName=one two\n", NULL, NULL },
        { "network: a bad unit", "a.network", "[Network]\nServiceName=one/two\n", NULL, NULL },
        { "network: a bad file name", "a b.network", "[Network]\n", NULL, NULL },
        { "volume: nothing said", "a.volume", "[Volume]\n", "systemd-a", "a-volume.service" },
        { "volume: a name", "a.volume", "[Volume]\nVolumeName=data\n", "data", "a-volume.service" },
        { "volume: not a network's key", "a.volume", "[Volume]\nNetworkName=data\n", "systemd-a", "a-volume.service" },
        { "other: a pod", "a.pod", "[Pod]\nPodName=x\n", NULL, NULL },
};

static void test_object(void **state) {
        const struct object_row *row = *state;
        const struct quadlet_object *object;
        struct site s;

        site_open(&s);
        site_write(&s, arena_printf(&s.arena, "/etc/containers/systemd/%s", row->file).p, row->text);
        assert_int_equal(machine_read(&s.world), 0);
        object = machine_quadlet(&s.world, str_of(row->file));
        assert_int_equal(object != NULL, row->object != NULL);
        if (object) {
                assert_string_equal(arena_str(&s.arena, object->name.text).p, row->object);
                assert_string_equal(arena_str(&s.arena, object->unit.text).p, row->unit);
        }
        site_close(&s);
}

static void test_directories(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/usr/share/containers/systemd/a.network", "[Network]\nNetworkName=share\n");
        site_write(&s, "/etc/containers/systemd/a.network", "[Network]\nNetworkName=etc\n");
        site_write(&s, "/etc/containers/systemd/shop/back/b.network", "[Network]\nNetworkName=below\n");
        site_write(&s, "/etc/containers/systemd/1/2/3/4/5/deep.network", "[Network]\n");
        assert_int_equal(machine_read(&s.world), 0);
        assert_string_equal(arena_str(&s.arena, machine_quadlet(&s.world, STR("a.network"))->name.text).p, "etc");
        assert_string_equal(arena_str(&s.arena, machine_quadlet(&s.world, STR("b.network"))->name.text).p, "below");
        assert_null(machine_quadlet(&s.world, STR("deep.network")));
        assert_null(machine_quadlet(&s.world, STR("none.network")));
        site_close(&s);
}

static void test_subnets(void **state) {
        const struct quadlet_object *object;
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/containers/systemd/a.network", "[Network]\nSubnet=10.1.0.0/24\n Subnet = fd00:1::/64 \nSubnetPool=10.2.0.0/24\n#Subnet=10.3.0.0/24\nSubnet=any\nSubnet=\n");
        site_write(&s, "/etc/containers/systemd/b.network", "[Network]\n");
        assert_int_equal(machine_read(&s.world), 0);
        object = machine_quadlet(&s.world, STR("a.network"));
        assert_int_equal(object->subnets.n, 2);
        assert_string_equal(object->subnets.at[0].text.p, "10.1.0.0/24");
        assert_string_equal(object->subnets.at[1].text.p, "fd00:1::/64");
        assert_int_equal(machine_quadlet(&s.world, STR("b.network"))->subnets.n, 0);
        site_close(&s);
}

/* A link in a circle, and one that leads nowhere, hold nothing up. */
static void test_links(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_link(&s, "/etc/containers/systemd/again", ".");
        site_link(&s, "/etc/containers/systemd/gone.network", "nowhere");
        site_write(&s, "/etc/containers/systemd/a.network", "[Network]\n");
        assert_int_equal(machine_read(&s.world), 0);
        assert_non_null(machine_quadlet(&s.world, STR("a.network")));
        assert_null(machine_quadlet(&s.world, STR("gone.network")));
        site_close(&s);
}

struct unit_row {
        const char *name, *unit;
        bool is_there;
};

static const struct unit_row unit_rows[] = {
        { "unit: of the system", "ssh@.service", true },
        { "unit: an instance is another", "ssh@0.service", false },
        { "unit: the administrator's", "local.service", true },
        { "unit: of this boot", "volatile.service", true },
        { "unit: masked by the administrator", "masked.service", false },
        { "unit: masked until the next boot", "masked-now.service", false },
        { "unit: a link to another", "alias.service", true },
        { "unit: only a drop-in", "dropped.service", false },
        { "unit: another suffix", "local.target", false },
        { "unit: none", "none.service", false },
        { "unit: of a container", "box.service", true },
        { "unit: of a template", "boxes@.service", true },
        { "unit: of Kubernetes' YAML", "play.service", true },
        { "unit: of a pod", "pod-pod.service", true },
        { "unit: of an image", "base-image.service", true },
        { "unit: of a build", "made-build.service", true },
        { "unit: of a network", "net-network.service", true },
        { "unit: of a volume", "vol-volume.service", true },
};

static void test_unit(void **state) {
        static const char *const files[] = {
                "/usr/lib/systemd/system/ssh@.service", "/usr/lib/systemd/system/masked.service", "/usr/lib/systemd/system/masked-now.service",
                "/etc/systemd/system/local.service", "/run/systemd/system/volatile.service", "/etc/systemd/system/dropped.service.d/10.conf",
                "/etc/containers/systemd/box.container", "/etc/containers/systemd/below/boxes@.container", "/etc/containers/systemd/play.kube",
                "/etc/containers/systemd/pod.pod", "/etc/containers/systemd/base.image", "/etc/containers/systemd/made.build",
                "/etc/containers/systemd/net.network", "/etc/containers/systemd/vol.volume",
        };
        const struct unit_row *row = *state;
        struct site s;

        site_open(&s);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                site_write(&s, files[i], "");
        site_link(&s, "/etc/systemd/system/masked.service", "/dev/null");
        site_link(&s, "/run/systemd/system/masked-now.service", "/dev/null");
        site_link(&s, "/etc/systemd/system/alias.service", "local.service");
        assert_int_equal(machine_read(&s.world), 0);
        assert_int_equal(machine_has_unit(&s.world, str_of(row->unit)), row->is_there);
        site_close(&s);
}

struct host_row {
        const char *name, *kernel, *etc;        /* NULL: the file does not exist */
        const char *hosts;                      /* blank-separated */
        bool is_here;
        const char *id;
        bool is_default;
};

#define ID "0123456789abcdef0123456789abcdef"

static const struct host_row host_rows[] = {
        { "host: nothing asked", "api1\n", "api1\n", "", true },
        { "host: its name", "api1.example.com\n", "api1.example.com\n", "api1.example.com", true },
        { "host: another", "api2.example.com\n", "api2.example.com\n", "api1.example.com", false },
        { "host: one of two", "api2\n", "api2\n", "api1 api2", true },
        { "host: none of two", "api3\n", "api3\n", "api1 api2", false },
        { "host: a glob", "worker7.example.com\n", "w\n", "worker*.example.com", true },
        { "host: part of a name", "api12\n", "api12\n", "api1", false },
        { "host: capitals", "API1\n", "API1\n", "api1", true },
        { "host: the kernel's counts", "api1\n", "api2\n", "api1", true },
        { "host: no line end", "api1", "api1", "api1", true },
        { "host: a machine's ID that is not known", "api1\n", "api1\n", ID, true },
        { "host: its ID", "api1\n", "api1\n", ID, true, ID "\n" },
        { "host: its ID with dashes and capitals", "api1\n", "api1\n", "01234567-89AB-cdef-0123-456789abcdef", true, ID "\n" },
        { "host: the ID of another", "api1\n", "api1\n", "0123456789abcdef0123456789abcdee", false, ID "\n" },
        { "host: an ID beside another name", "api1\n", "api1\n", "api2 " ID, true, ID "\n" },
        { "host: no ID before the first boot", "api1\n", "api1\n", ID, true, "uninitialized\n" },
        { "host: only like an ID", "api1\n", "api1\n", "0123456789abcdef0123456789abcde", false },
        { "host: not settled", "localhost\n", NULL, "api1", true },
        { "host: a default name", "fedora\n", NULL, "api1", true, NULL, true },
        { "host: a name of the network", "api2\n", NULL, "api1", false },
        { "host: below another root", NULL, "api2\n", "api1", true },
        { "host: empty", "\n", "api2\n", "api1", true },
};

static void test_host(void **state) {
        const struct host_row *row = *state;
        struct host_glob hosts[4];
        struct str rest = str_of(row->hosts), host;
        struct site s;
        size_t n = 0;

        site_open(&s);
        if (row->kernel)
                site_write(&s, "/proc/sys/kernel/hostname", row->kernel);
        if (row->etc)
                site_write(&s, "/etc/hostname", row->etc);
        if (row->id)
                site_write(&s, "/etc/machine-id", row->id);
        if (row->is_default)
                site_write(&s, "/run/systemd/default-hostname", "");
        assert_int_equal(machine_read(&s.world), 0);
        while (str_split(&rest, ' ', &host))
                if (host.n > 0)
                        hosts[n++] = (struct host_glob) { host, NOWHERE };
        assert_int_equal(machine_is_among(&s.world, hosts, n), row->is_here);
        site_close(&s);
}

static void test_empty_machine(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        assert_int_equal(machine_read(&s.world), 0);
        assert_false(machine_has_unit(&s.world, STR("ssh.service")));
        assert_null(machine_quadlet(&s.world, STR("a.network")));
        site_close(&s);
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_object, object_rows);
        rows_add_one(&all, test_directories);
        rows_add_one(&all, test_subnets);
        rows_add_one(&all, test_links);
        rows_add(&all, test_unit, unit_rows);
        rows_add(&all, test_host, host_rows);
        rows_add_one(&all, test_empty_machine);
        return rows_run(&all, "machine");
}

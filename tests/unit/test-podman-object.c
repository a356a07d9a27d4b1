/* SPDX-License-Identifier: Apache-2.0 */

/* Volumes and networks as a definition wants them, beside what Podman printed of them; its containers; and its
 * errors. */

#include "app/resolve.h"
#include "podman/podman-advice.h"
#include "podman/podman-image.h"
#include "podman/podman-object.h"
#include "podman/podman.h"
#include "podman/room.h"
#include "worlds.h"

struct object_row {
        const char *name, *yaml, *printed, *found;
};

#define V(options) "image: x\nvolumes: {data: {" options "}}\nservices: [{name: web, volumes: ['data:/data']}]\n"
#define N(options) "image: x\nnetworks: {net: {" options "}}\nnetwork: net\n"

static const struct object_row volume_rows[] = {
        { "plain", V(""), "shop-data\tlocal\t\t\t\n", "" },
        { "in the short form", "image: x\nvolumes: ['data:/data']\n", "shop-data\tlocal\t\t/srv\t\n", "device '/srv' (desired: none)" },
        { "of somebody else", V("driver: rclone"), "data\tlocal\t\t\t\nother-data\tlocal\t\t\t\n", "" },
        { "as it is wanted", V("type: nfs, device: 'h:/d', options: 'rw,hard'"), "shop-data\tlocal\tnfs\th:/d\trw,hard\n", "" },
        { "another driver", V("driver: rclone"), "shop-data\tlocal\t\t\t\n", "driver 'local' (desired: 'rclone')" },
        { "a device that came later", V("type: none, device: /srv/late, options: bind"), "shop-data\tlocal\t\t\t\n",
          "no type (desired: 'none'), no device (desired: '/srv/late'), no options (desired: 'bind')" },
        { "another option", V("type: nfs, device: 'h:/d', options: ro"), "shop-data\tlocal\tnfs\th:/d\trw\n", "options 'rw' (desired: 'ro')" },
        { "what Podman does not print", V("driver: rclone"), "shop-data\n\nshop-data\tlocal\n", "" },
};

static const struct object_row network_rows[] = {
        { "plain", N(""), "shop-net\tbridge\t10.89.0.0/24 10.89.0.1,\tfalse\tfalse\ttrue\t\n", "" },
        { "as it is wanted", N("subnet: 10.1.0.0/24, gateway: 10.1.0.1, internal: true, ipv6: true, disable_dns: true, options: 'mtu=1400'"),
          "shop-net\tbridge\tfd00::/64 fd00::1,10.1.0.0/24 10.1.0.1,\ttrue\ttrue\tfalse\tisolate=true,mtu=1400,\n", "" },
        { "one subnet, written in two ways", N("subnet: 10.1.0.7/24, gateway: 10.1.0.1"), "shop-net\tbridge\t10.1.0.0/24 10.1.0.1,\tfalse\tfalse\ttrue\t\n", "" },
        { "another subnet", N("subnet: 10.1.0.0/24"), "shop-net\tbridge\t10.2.0.0/24 10.2.0.1,\tfalse\tfalse\ttrue\t\n", "subnet '10.2.0.0/24' (desired: '10.1.0.0/24')" },
        { "a larger subnet", N("subnet: 10.1.0.0/16"), "shop-net\tbridge\t10.1.0.0/24 10.1.0.1,\tfalse\tfalse\ttrue\t\n", "subnet '10.1.0.0/24' (desired: '10.1.0.0/16')" },
        { "another gateway", N("subnet: 10.1.0.0/24, gateway: 10.1.0.9"), "shop-net\tbridge\t10.1.0.0/24 10.1.0.1,\tfalse\tfalse\ttrue\t\n",
          "gateway '10.1.0.1' (desired: '10.1.0.9')" },
        { "no longer internal", N(""), "shop-net\tbridge\t10.1.0.0/24 10.1.0.1,\ttrue\tfalse\ttrue\t\n", "internal 'true' (desired: 'false')" },
        { "IPv6 and no names", N("ipv6: true, disable_dns: true"), "shop-net\tbridge\t10.1.0.0/24 10.1.0.1,\tfalse\tfalse\ttrue\t\n",
          "ipv6 'false' (desired: 'true'), disable_dns 'false' (desired: 'true')" },
        { "an IPv6 subnet", N("subnet: 'fd00::/64'"), "shop-net\tbridge\tfd00::/64 fd00::1,\tfalse\ttrue\ttrue\t\n", "" },
        { "a driver without names", N("driver: macvlan"), "shop-net\tmacvlan\t\tfalse\tfalse\tfalse\t\n", "" },
        { "another option", N("options: 'mtu=1400,isolate=true'"), "shop-net\tbridge\t\tfalse\tfalse\ttrue\tmtu=1400,\n",
          "options 'mtu=1400' (desired: 'mtu=1400,isolate=true')" },
        { "a driver", N("driver: macvlan"), "shop-net\tbridge\t10.1.0.0/24 10.1.0.1,\tfalse\tfalse\ttrue\t\n", "driver 'bridge' (desired: 'macvlan')" },
};

static void compare(const struct object_row *row, bool is_network) {
        const char *kind = is_network ? "network" : "volume", *name = is_network ? "shop-net" : "shop-data";
        struct podman_objects wanted = { 0 };
        struct podman_differences found = { 0 };
        char text[512];
        struct site s;

        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", row->yaml);
        site_load(&s);
        assert_site(&s, "", NULL);
        app_add_objects(&s.arena, site_app(&s, "shop"), &wanted, &wanted);
        podman_compare_text(&s.arena, &wanted, is_network, str_of(row->printed), &found);
        assert_int_equal(found.list.n, row->found[0] != '\0');
        if (found.list.n > 0) {
                (void) snprintf(text, sizeof(text), "the %s %s exists, and keeps %s", kind, name, row->found);
                assert_string_equal(arena_str(&s.arena, found.list.at[0].text).p, text);
                (void) snprintf(text, sizeof(text), "pyservicectl stop shop && podman %s rm %s && pyservicectl start shop", kind, name);
                assert_string_equal(arena_str(&s.arena, found.list.at[0].advice).p, text);
        }
        site_close(&s);
}

static void test_volume(void **state) {
        compare(*state, false);
}

static void test_network(void **state) {
        compare(*state, true);
}

/* A container that an image's label would add has another app's name, and would be removed. */
static const struct container_row {
        const char *name, *printed, *found;
} container_rows[] = {
        { "one", "shop-0\t\"0123456789ab\"\tUp 3 minutes (healthy)\t\"abc\"\n", "shop-0 0123456789ab abc, " },
        { "one without labels", "shop-0\t\"\"\tUp 1 second\t\"\"\nshop-1\t\"\"\tUp\t\"\"\n", "shop-0  , shop-1  , " },
        { "a label that is quoted", "shop-0\t\"a\"\tUp\t\"abc\\nother-next\\tb\\tUp\\t\"\n", "shop-0 a abc\\nother-next\\tb\\tUp\\t, " },
        { "a label that is not", "shop-0\ta\tUp\tabc\n", "shop-0  , " },
        { "a quote alone", "shop-0\t\"\tUp\t\"abc\n", "shop-0  , " },
        { "what Podman does not print", "\nshop-0\nshop-1\t\"a\"\n", "shop-1 a , " },
};

static void test_containers(void **state) {
        const struct container_row *row = *state;
        struct podman_containers containers = { 0 };
        struct arena arena = { 0 };
        struct str found = STR("");

        podman_parse(&arena, str_of(row->printed), &containers);
        VEC_EACH(c, &containers.list)
                found = arena_join(&arena, found, c->name, STR(" "), c->label, STR(" "), c->commit, STR(", "));
        assert_string_equal(arena_str(&arena, found).p, row->found);
        arena_done(&arena);
}

struct image_row {
        const char *name, *reference, *line, *removed;
};

/* Containers use the image 5. */
static const struct image_row image_rows[] = {
        { "a tag", "q.io/a:1", "7 q.io/a:1\n", "q.io/a:1 " },
        { "a tag of an image with another one", "q.io/a:1", "7 q.io/a:2 q.io/a:1\n", "q.io/a:1 " },
        { "a short name", "redis:7", "7 docker.io/library/redis:7\n", "docker.io/library/redis:7 " },
        { "a short name without a tag", "redis", "7 docker.io/library/redis:latest\n", "docker.io/library/redis:latest " },
        { "a short name of an image that was built here", "hello:1", "7 localhost/hello:1\n", "" },
        { "an image that is used", "q.io/a:1", "5 q.io/a:1 q.io/a:2\n", "" },
        { "an image that pyservice built", "localhost/pyservice-shop:1", "7 localhost/pyservice-shop:1\n", "localhost/pyservice-shop:1 " },
        { "a digest", "q.io/a@sha256:1", "7\n", "q.io/a@sha256:1 " },
        { "a digest, and the tag that keeps it", "q.io/a@sha256:1", "7 localhost/pyservice-kept:7\n", "localhost/pyservice-kept:7 q.io/a@sha256:1 " },
        { "a digest of an image with a tag", "q.io/a@sha256:1", "7 q.io/a:latest localhost/pyservice-kept:7\n", "localhost/pyservice-kept:7 " },
        { "an ID", "sha256:7", "7 localhost/pyservice-kept:7\n", "localhost/pyservice-kept:7 " },
        { "an ID with a tag", "sha256:7", "7 localhost/mine:1\n", "" },
        { "a tag that moved to an image with none", "q.io/a:1", "7\n", "" },
        { "nothing", "q.io/a:1", "\n", "" },
};

static void test_images(void **state) {
        const struct image_row *row = *state;
        struct podman_images taken = { 0 }, names = { 0 };
        struct arena arena = { 0 };
        struct str found = STR("");

        *vec_push(&arena, &taken.list) = STR("5");
        podman_image_names(&arena, str_of(row->reference), str_of(row->line), &taken, &names);
        VEC_EACH(name, &names.list)
                found = arena_join(&arena, found, *name, STR(" "));
        assert_string_equal(arena_str(&arena, found).p, row->removed);
        arena_done(&arena);
}

struct room_row {
        const char *name;
        struct room room;
        bool is_short;
        const char *text;
};

static const struct room_row room_rows[] = {
        { "room: enough", { 50, 50, 10ULL << 30, 1000000 }, false, "/x: 50 % of the file system is free, 10240 MiB" },
        { "room: little of a small disk", { 2, 50, 180ULL << 20, 1000000 }, true, "/x: 2 % of the file system is free, 180 MiB" },
        { "room: little of a large disk", { 2, 50, 40ULL << 30, 1000000 }, false, "/x: 2 % of the file system is free, 40960 MiB" },
        { "room: a small disk", { 60, 50, 600ULL << 20, 1000 }, false, "/x: 50 % of the file system's inodes are free" },
        { "room: few inodes", { 60, 1, 10ULL << 30, 900 }, true, "/x: 1 % of the file system's inodes are free" },
};

static void test_room(void **state) {
        const struct room_row *row = *state;
        struct arena arena = { 0 };

        assert_int_equal(room_is_short(&row->room), row->is_short);
        assert_string_equal(room_text(&arena, STR("/x"), &row->room).p, row->text);
        arena_done(&arena);
}

/* As Podman 5.4 prints them. */
static const struct advice_row {
        const char *name, *error, *advice;
} advice_rows[] = {
        { "an image on an overlay",
          "Error: mounting storage for container 81ab: create mapped mount for \"/usr/lib/containers/storage/overlay\" on \"/var/lib/x/mapped/0\": "
          "mount_setattr /usr/lib/containers/storage/overlay: invalid argument",
          "'userns: host'" },
        { "no ids", "Error: creating container storage: not enough unused IDs in user namespace", "'containers:" },
        { "no such name", "Error: no subuid ranges found for user \"joe\" in /etc/subuid", "/etc/subuid" },
        { "no such device", "Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all", "/etc/cdi" },
        { "one that says enough", "Error: statfs /srv/data: no such file or directory", NULL },
        { "none", "", NULL },
};

static void test_advice(void **state) {
        const struct advice_row *row = *state;
        const char *advice = podman_advice(str_of(row->error));

        assert_int_equal(advice != NULL, row->advice != NULL);
        if (row->advice)
                assert_non_null(strstr(advice, row->advice));
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_volume, volume_rows);
        rows_add(&all, test_network, network_rows);
        rows_add(&all, test_containers, container_rows);
        rows_add(&all, test_images, image_rows);
        rows_add(&all, test_room, room_rows);
        rows_add(&all, test_advice, advice_rows);
        return rows_run(&all, "podman-object");
}

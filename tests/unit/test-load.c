/* SPDX-License-Identifier: Apache-2.0 */

/* Which files count, what lies over them, and whom they belong to. Each file says where it lies in the label "from". */

#include "load/load.h"
#include "worlds.h"

#define APP(from) "image: x\nlabels: {from: " from "}\n"

static const char *from(struct site *s, const char *name) {
        struct app *app = site_app(s, name);

        assert_non_null(app);
        LIST_EACH(label, &app->services.at[0].container.labels)
                if (str_is(label->key.text, "from"))
                        return arena_str(&s->arena, label->value.text).p;

        return "";
}

static void test_nothing(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_load(&s);
        assert_site(&s, "", NULL);
        assert_int_equal(s.world.definitions.n, 0);
        assert_string_equal(s.world.host.haproxy->unit.text.p, "haproxy.service");
        assert_int_equal(s.world.host.ports->first.n, 20000);
        site_close(&s);
}

static void test_precedence(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/usr/lib/pyservice.d/a.yaml", APP("usr"));
        site_write(&s, "/usr/lib/pyservice.d/b.yaml", APP("usr"));
        site_write(&s, "/usr/lib/pyservice.d/c.yaml", APP("usr"));
        site_write(&s, "/run/pyservice.d/a.yaml", APP("run"));
        site_write(&s, "/run/pyservice.d/b.yaml", APP("run"));
        site_write(&s, "/etc/pyservice.d/a.yaml", APP("etc"));
        site_write(&s, "/etc/pyservice.d/d.yaml", APP("etc"));
        site_load(&s);

        assert_site(&s, "", NULL);
        assert_int_equal(s.world.definitions.n, 4);
        assert_string_equal(from(&s, "a"), "etc");
        assert_string_equal(from(&s, "b"), "run");
        assert_string_equal(from(&s, "c"), "usr");
        assert_string_equal(from(&s, "d"), "etc");
        assert_true(str_is(site_definition(&s, "b")->path, "/run/pyservice.d/b.yaml"));
        site_close(&s);
}

static void test_masks(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/usr/lib/pyservice.d/etc.yaml", APP("usr"));
        site_write(&s, "/run/pyservice.d/etc.yaml", APP("run"));
        site_link(&s, "/etc/pyservice.d/etc.yaml", "/dev/null");
        site_write(&s, "/etc/pyservice.d/under.yaml", APP("etc"));
        site_link(&s, "/usr/lib/pyservice.d/under.yaml", "/dev/null");
        site_load(&s);

        assert_site(&s, "", NULL);
        assert_int_equal(s.world.definitions.n, 1);
        assert_string_equal(from(&s, "under"), "etc");
        site_close(&s);
}

/* By name, wherever they lie; of one name the first directory's; a mask hides those below it. */
static void test_drop_ins(void **state) {
        struct site s;
        struct app *app;

        (void) state;
        site_open(&s);
        site_write(&s, "/usr/lib/pyservice.d/shop.yaml", APP("main") "env: {A: main, B: main}\nhosts: [main]\nscale: 1\n");
        site_write(&s, "/usr/lib/pyservice.d/shop.yaml.d/50-last.yaml", "labels: {from: last}\nhosts: [one, two]\n");
        site_write(&s, "/etc/pyservice.d/shop.yaml.d/10-first.yaml", "labels: {from: first}\nenv: {B: first, C: first}\nscale: 2\n");
        site_write(&s, "/run/pyservice.d/shop.yaml.d/20-both.yaml", "scale: 3\n");
        site_write(&s, "/usr/lib/pyservice.d/shop.yaml.d/20-both.yaml", "scale: 4\n");
        site_write(&s, "/usr/lib/pyservice.d/shop.yaml.d/90-masked.yaml", "scale: 5\n");
        site_link(&s, "/etc/pyservice.d/shop.yaml.d/90-masked.yaml", "/dev/null");
        site_write(&s, "/etc/pyservice.d/shop.yaml.d/notes.txt", "scale: 6\n");
        site_load(&s);

        assert_site(&s, "", NULL);
        app = site_app(&s, "shop");
        assert_non_null(app);
        assert_string_equal(from(&s, "shop"), "last");
        assert_int_equal(app->services.at[0].scale.n, 3);
        assert_string_equal(site_environment(&s, &app->services.at[0].container), "A=main, B=first, C=first");
        assert_int_equal(app->services.at[0].container.hosts.n, 2);
        site_close(&s);
}

static void test_error_in_drop_in(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", APP("main"));
        site_write(&s, "/etc/pyservice.d/shop.yaml.d/10.yaml", "scale: many\n");
        site_write(&s, "/etc/pyservice.d/cart.yaml", APP("main"));
        site_write(&s, "/etc/pyservice.d/cart.yaml.d/10.yaml", "scale: [2\n");
        site_write(&s, "/etc/pyservice.d/good.yaml", APP("main"));
        site_load(&s);

        assert_int_equal(s.diags.list.n, 2);
        assert_null(site_app(&s, "shop"));
        assert_null(site_app(&s, "cart"));
        assert_non_null(site_app(&s, "good"));
        VEC_EACH(d, &s.diags.list)
                assert_true(str_is(d->owner, "cart") || str_is(d->owner, "shop"));
        site_close(&s);
}

/* What the definition must have, null cannot take away. */
static void test_null_in_drop_in(void **state) {
        static const char two[] = "image: x\nservices: [{name: web, port: 80}, {name: job}]\n";
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", two);
        site_write(&s, "/etc/pyservice.d/shop.yaml.d/10.yaml", "services: {web: {name: null}}\n");
        site_write(&s, "/etc/pyservice.d/cart.yaml", "image: x\nport: 80\n");
        site_write(&s, "/etc/pyservice.d/cart.yaml.d/10.yaml", "image: null\n");
        site_write(&s, "/etc/pyservice.d/good.yaml", two);
        site_write(&s, "/etc/pyservice.d/good.yaml.d/10.yaml", "services: {web: {port: null}, job: null}\n");
        site_load(&s);

        assert_site(&s, "no-image‹i› missing-key‹{›", NULL);
        assert_int_equal(site_app(&s, "good")->services.n, 1);
        assert_int_equal(site_app(&s, "good")->services.at[0].port.n, 0);
        site_close(&s);
}

struct file_row {
        const char *name, *file, *text, *diags, *hint;
};

static const struct file_row file_rows[] = {
        { "names: hidden", ".shop.yaml", APP("x"), "", NULL },
        { "names: not YAML's", "shop.yaml~", APP("x"), "", NULL },
        { "names: no suffix", "shop", APP("x"), "", NULL },
        { "names: the other suffix", "shop.yml", APP("x"), "bad-file-name‹/etc/pyservice.d/shop.yml›", "rename 'shop.yml' to 'shop.yaml'" },
        { "names: capitals", "Shop.yaml", APP("x"), "bad-file-name‹/etc/pyservice.d/Shop.yaml›", "lowercase letters" },
        { "names: dots", "shop.staging.yaml", APP("x"), "bad-file-name‹/etc/pyservice.d/shop.staging.yaml›", NULL },
        { "names: digits", "2.yaml", APP("x"), "", NULL },
        { "text: empty", "shop.yaml", "", "empty-definition‹/etc/pyservice.d/shop.yaml›", NULL },
        { "text: comments", "shop.yaml", "# image: x\n", "empty-definition‹/etc/pyservice.d/shop.yaml›", NULL },
        { "text: a list", "shop.yaml", "- image: x\n", "wrong-kind‹- image: x›", NULL },
        { "text: a word", "shop.yaml", "shop\n", "wrong-kind‹shop›", NULL },
};

static void test_file(void **state) {
        const struct file_row *row = *state;
        struct site s;

        site_open(&s);
        site_write(&s, arena_printf(&s.arena, "/etc/pyservice.d/%s", row->file).p, row->text);
        site_load(&s);
        assert_site(&s, row->diags, row->hint);
        VEC_EACH(d, &s.world.definitions)
                assert_int_equal(d->is_broken, s.diags.n_errors > 0);
        site_close(&s);
}

/* What can't be read may be there again soon: the app stays, broken, so that what runs is left alone. */
static void test_unreadable(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_chmod(&s, "/etc/pyservice.d/directory.yaml", 0755);
        site_link(&s, "/etc/pyservice.d/link.yaml", "nowhere");
        assert_int_equal(mkfifoat(s.world.root, "etc/pyservice.d/pipe.yaml", 0644), 0);
        site_load(&s);

        assert_site(&s, "file-unreadable‹/etc/pyservice.d/directory.yaml› file-unreadable‹/etc/pyservice.d/link.yaml› "
                    "file-unreadable‹/etc/pyservice.d/pipe.yaml›", "this is a directory");
        assert_int_equal(s.world.definitions.n, 3);
        assert_true(site_definition(&s, "link")->is_broken);
        site_close(&s);
}

struct mode_row {
        const char *name, *path;
        mode_t mode;
        const char *broken;             /* which apps it breaks, of shop and cart */
};

/* /etc has shop, /usr/lib has cart; both have a drop-in. */
static const struct mode_row mode_rows[] = {
        { "modes: as usual", "/etc/pyservice.d/shop.yaml", 0644, "" },
        { "modes: private", "/etc/pyservice.d/shop.yaml", 0600, "" },
        { "modes: the group may write", "/etc/pyservice.d/shop.yaml", 0664, "shop " },
        { "modes: others may write", "/usr/lib/pyservice.d/cart.yaml", 0646, "cart " },
        { "modes: a drop-in", "/etc/pyservice.d/shop.yaml.d/10.yaml", 0666, "shop " },
        { "modes: a directory of drop-ins", "/usr/lib/pyservice.d/shop.yaml.d", 0777, "shop " },
        { "modes: a directory", "/etc/pyservice.d", 0775, "shop " },
        { "modes: another directory", "/usr/lib/pyservice.d", 0777, "cart " },
        { "modes: the host's settings", "/etc/pyservice/host.yaml", 0666, "" },
};

static void write_two_apps(struct site *s) {
        site_write(s, "/etc/pyservice/host.yaml", "network: podman\n");
        site_write(s, "/etc/pyservice.d/shop.yaml", APP("etc"));
        site_write(s, "/etc/pyservice.d/shop.yaml.d/10.yaml", "scale: 2\n");
        site_write(s, "/usr/lib/pyservice.d/cart.yaml", APP("usr"));
        site_write(s, "/usr/lib/pyservice.d/shop.yaml.d/20.yaml", "scale: 2\n");
}

static const char *broken_apps(struct site *s) {
        struct buf out = buf_in(&s->arena);

        VEC_EACH(d, &s->world.definitions) {
                assert_int_equal(d->is_broken, d->app == NULL);
                if (!d->is_broken)
                        continue;
                buf_put_str(&out, d->name.text);
                buf_put(&out, " ");
        }
        return buf_str(&out).n > 0 ? buf_str(&out).p : "";
}

static void test_mode(void **state) {
        const struct mode_row *row = *state;
        bool is_good = (row->mode & 022) == 0;
        struct site s;

        if (geteuid() != 0 && geteuid() == getegid())           /* test_own_group() */
                skip();

        site_open(&s);
        write_two_apps(&s);
        site_chmod(&s, row->path, row->mode);
        site_load(&s);

        assert_site(&s, is_good ? "" : arena_printf(&s.arena, "unsafe-permissions‹%s›", row->path).p, is_good ? NULL : "chmod go-w");
        assert_string_equal(broken_apps(&s), row->broken);
        site_close(&s);
}

static void test_two_unsafe_directories(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        write_two_apps(&s);
        site_chmod(&s, "/etc/pyservice.d", 0777);
        site_chmod(&s, "/usr/lib/pyservice.d", 0777);
        site_load(&s);
        assert_string_equal(broken_apps(&s), "cart shop ");
        site_close(&s);
}

static void test_owner(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        write_two_apps(&s);
        if (fchownat(s.world.root, "etc/pyservice.d/shop.yaml", 1234, 0, 0) < 0) {
                site_close(&s);
                skip();         /* needs root, and other users */
        }
        site_load(&s);
        assert_site(&s, "unsafe-permissions‹/etc/pyservice.d/shop.yaml›", "is not root's but belongs to user 1234");
        assert_string_equal(broken_apps(&s), "shop ");
        site_close(&s);
}

/* A user's own group is nobody else; another's is. */
static void test_own_group(void **state) {
        static const struct {
                gid_t group;
                mode_t mode;
                const char *broken;
        } rows[] = { { 1234, 0664, "" }, { 1234, 0666, "shop " }, { 100, 0664, "shop " } };
        struct site s;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                site_open(&s);
                s.world.places.is_user = true;
                site_write(&s, "/etc/pyservice.d/shop.yaml", APP("etc"));
                if (fchown(s.world.root, 1234, 1234) < 0) {
                        site_close(&s);
                        skip();         /* needs root, and other users */
                }
                assert_int_equal(fchownat(s.world.root, "etc/pyservice.d/shop.yaml", 1234, rows[i].group, 0), 0);
                assert_int_equal(fchmodat(s.world.root, "etc/pyservice.d/shop.yaml", rows[i].mode, 0), 0);
                assert_int_equal(seteuid(1234), 0);
                site_load(&s);
                assert_int_equal(seteuid(0), 0);
                assert_string_equal(broken_apps(&s), rows[i].broken);
                site_close(&s);
        }
}

static void test_host(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice/host.yaml", "ports: {first: 30000}\nhaproxy: {unit: balancer.service}\nnetwork: back\nauth_file: /etc/auth.json\n");
        site_write(&s, "/etc/pyservice.d/a.yaml", "image: x\n");
        site_write(&s, "/etc/pyservice.d/b.yaml", "image: x\nnetwork: own\nservices: [{name: web, network: other}, {name: job}]\n");
        site_load(&s);

        assert_true(s.world.is_host_broken);
        /* The pool's end is its default, below that beginning. */
        assert_site(&s, "out-of-range‹30000›", "ends at 29999");
        assert_string_equal(s.world.host.haproxy->unit.text.p, "balancer.service");
        assert_string_equal(s.world.host.haproxy->config.text.p, "/etc/haproxy/haproxy.cfg");
        assert_string_equal(site_app(&s, "a")->services.at[0].container.network.text.p, "back");
        assert_string_equal(site_app(&s, "a")->services.at[0].container.auth_file.text.p, "/etc/auth.json");
        assert_string_equal(site_app(&s, "b")->services.at[0].container.network.text.p, "other");
        assert_string_equal(site_app(&s, "b")->services.at[1].container.network.text.p, "own");
        site_close(&s);
}

/* By the name of the app, whatever its file is called; one that is called wrongly is known all the same. */
static void test_order(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice.d/a-b.yaml", APP("etc"));
        site_write(&s, "/etc/pyservice.d/a.yaml", APP("etc"));
        site_write(&s, "/etc/pyservice.d/a.yml", APP("etc"));
        site_write(&s, "/etc/pyservice.d/c.yml", APP("etc"));
        site_load(&s);
        assert_site(&s, "bad-file-name‹/etc/pyservice.d/a.yml› bad-file-name‹/etc/pyservice.d/c.yml›", NULL);
        assert_int_equal(s.world.definitions.n, 4);
        assert_true(str_is(s.world.definitions.at[0].name.text, "a") && !s.world.definitions.at[0].is_broken);
        assert_true(str_is_absent(s.world.definitions.at[1].name.text));
        assert_true(str_is(s.world.definitions.at[2].name.text, "a-b"));
        assert_true(str_is(s.world.definitions.at[3].name.text, "c") && s.world.definitions.at[3].is_broken);
        site_close(&s);
}

/* Directories that can't be listed: of the machine, and of one app. */
static void test_circles(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_link(&s, "/etc/containers/systemd/circle", "circle");
        site_link(&s, "/usr/local/lib/systemd/system", "system");
        site_link(&s, "/etc/pyservice.d/a.yaml.d", "a.yaml.d");
        site_write(&s, "/etc/pyservice.d/a.yaml", APP("etc"));
        site_write(&s, "/etc/pyservice.d/b.yaml", APP("etc"));
        site_load(&s);
        assert_site(&s, "file-unreadable‹/etc/pyservice.d/a.yaml›", "'a.yaml.d'");
        assert_string_equal(broken_apps(&s), "a ");
        assert_string_equal(from(&s, "b"), "etc");
        site_close(&s);
}

/* Files of the command line: they lie outside the root, any mode will do, and nothing lies over them. */
static void test_files(void **state) {
        const char *paths[2];
        struct site s;

        (void) state;
        site_open(&s);
        paths[0] = arena_printf(&s.arena, "%s/home/me/shop.yaml", s.path).p;
        paths[1] = arena_printf(&s.arena, "%s/home/me/cart.yaml", s.path).p;
        site_write(&s, "/etc/pyservice.d/shop.yaml", APP("etc"));
        site_write(&s, "/etc/pyservice.d/other.yaml", APP("etc"));
        site_write(&s, "/home/me/shop.yaml", APP("home"));
        site_write(&s, "/home/me/shop.yaml.d/10.yaml", "labels: {from: drop-in}\n");
        site_write(&s, "/home/me/cart.yaml", "image: x\nscael: 2\n");
        site_chmod(&s, "/home/me/shop.yaml", 0666);
        s.world.trusts_all = true;
        assert_int_equal(world_load_files(&s.world, paths, 2), 0);

        assert_site(&s, "unknown-key‹scael›", NULL);
        assert_int_equal(s.world.definitions.n, 2);
        assert_string_equal(from(&s, "shop"), "home");
        assert_null(site_app(&s, "cart"));
        site_close(&s);
}

static void test_missing_file(void **state) {
        struct site s;
        const char *path;

        (void) state;
        site_open(&s);
        path = arena_printf(&s.arena, "%s/shop.yaml", s.path).p;
        assert_int_equal(world_load_files(&s.world, &path, 1), -ENOENT);
        site_close(&s);
}

static void test_user(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        places_user(&s.arena, STR("/home/me"), STR("/run/user/1000"), &s.world.places);
        site_write(&s, "/etc/pyservice.d/system.yaml", APP("etc"));
        site_write(&s, "/home/me/.config/pyservice.d/shop.yaml", APP("home"));
        site_write(&s, "/run/user/1000/pyservice.d/shop.yaml", APP("run"));
        site_write(&s, "/run/user/1000/pyservice.d/cart.yaml", APP("run"));
        site_write(&s, "/home/me/.config/pyservice/host.yaml", "network: mine\n");
        site_load(&s);

        assert_site(&s, "", NULL);
        assert_int_equal(s.world.definitions.n, 2);
        assert_string_equal(from(&s, "shop"), "home");
        assert_string_equal(site_app(&s, "cart")->services.at[0].container.network.text.p, "mine");
        site_close(&s);
}

int main(void) {
        static struct rows all;

        rows_add_one(&all, test_nothing);
        rows_add_one(&all, test_precedence);
        rows_add_one(&all, test_masks);
        rows_add_one(&all, test_drop_ins);
        rows_add_one(&all, test_error_in_drop_in);
        rows_add_one(&all, test_null_in_drop_in);
        rows_add(&all, test_file, file_rows);
        rows_add_one(&all, test_unreadable);
        rows_add(&all, test_mode, mode_rows);
        rows_add_one(&all, test_two_unsafe_directories);
        rows_add_one(&all, test_owner);
        rows_add_one(&all, test_own_group);
        rows_add_one(&all, test_host);
        rows_add_one(&all, test_order);
        rows_add_one(&all, test_circles);
        rows_add_one(&all, test_files);
        rows_add_one(&all, test_missing_file);
        rows_add_one(&all, test_user);
        return rows_run(&all, "load");
}

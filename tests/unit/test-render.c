/* SPDX-License-Identifier: Apache-2.0 */

/* What a bundle's files are for a rollout, and what changes of a definition change. Their bytes are in tests/golden. */

#include "render/render.h"
#include "worlds.h"

static const char *const kinds[] = { "revision", "task", "scale", "plan" };

static struct tree render(struct site *s, const char *yaml) {
        struct tree tree = { 0 };
        struct ports ports;

        site_open(s);
        site_write(s, "/etc/pyservice.d/shop.yaml", yaml);
        site_load(s);
        assert_site(s, "", NULL);
        assert_int_equal(ports_assign(&s->world, -1, &ports), 0);
        assert_non_null(site_app(s, "shop"));
        render_app(&s->arena, &s->world, site_app(s, "shop"), &ports, &tree);
        return tree;
}

/* "KIND OWNER PATH" lines, with a hash in a path as '#'. */
static const char *listing(struct site *s, const struct tree *t) {
        struct buf out = buf_in(&s->arena);

        VEC_EACH(f, &t->files) {
                struct str rest = f->path, word;

                buf_put(&out, kinds[f->kind]);
                buf_put(&out, " ");
                buf_put_str(&out, str_is_absent(f->owner) ? STR("-") : f->owner);
                buf_put(&out, " ");
                while (rest.n > 0) {
                        size_t n = strcspn(rest.p, "-.");
                        bool is_hash;

                        word = (struct str) { rest.p, n < rest.n ? n : rest.n };
                        is_hash = word.n == 8 && str_is_made_of(word, "0123456789abcdef");
                        buf_put_str(&out, is_hash ? STR("#") : word);
                        rest = str_from(rest, word.n);
                        if (rest.n > 0) {
                                buf_put_char(&out, rest.p[0]);
                                rest = str_from(rest, 1);
                        }
                }
                buf_put(&out, "\n");
        }

        return buf_str(&out).p;
}

#define WHOLE \
        "image: x\nenv: {A: b}\nsecrets: {s: {file: /s}}\n" \
        "services:\n- {name: web, scale: 2, port: 80, proxy: {domains: a.b}, env: {S: {secret: s}}, hosts: '*'}\n- {name: job, requires: web, restart: on-failure}\n" \
        "sidecars:\n- {name: side, image: b, inherit: true, volumes: ['v:/v']}\n" \
        "tasks:\n- {name: move, image: z, inherit: true}\n- {name: other}\nbefore_update: [other, move]\n" \
        "timers:\n- {name: tick, image: t, inherit: true, schedule: daily, hosts: '*'}\n" \
        "networks: {net: {}}\nvolumes: {v: {}}\n"

static void test_kinds(void **state) {
        struct site s;
        struct tree t = render(&s, WHOLE);

        (void) state;
        assert_string_equal(listing(&s, &t), "revision shop-job env/shop-job.#.env\n"
                            "task shop-move env/shop-move.#.env\n"
                            "task shop-other env/shop-other.#.env\n"
                            "revision shop-side env/shop-side.#.env\n"
                            "revision shop-tick env/shop-tick.#.env\n"
                            "revision shop-web env/shop-web.#.template\n"
                            "revision shop-web env/shop-web.#.env\n"
                            "scale shop-web haproxy/run/pyservice/haproxy/10_backend_shop-web.cfg\n"
                            "scale shop-web haproxy/run/pyservice/haproxy/routes.shop-web\n"
                            "scale - ports\n"
                            "revision - quadlet/shop-#.image\n"
                            "revision - quadlet/shop-default.network\n"
                            "revision shop-job quadlet/shop-job@.container\n"
                            "task shop-move quadlet/shop-move-#.image\n"
                            "task shop-move quadlet/shop-move.container\n"
                            "revision - quadlet/shop-net.network\n"
                            "task shop-other quadlet/shop-other.container\n"
                            "revision shop-side quadlet/shop-side-#.image\n"
                            "revision shop-side quadlet/shop-side.container\n"
                            "revision shop-tick quadlet/shop-tick-#.image\n"
                            "revision shop-tick quadlet/shop-tick.container\n"
                            "revision - quadlet/shop-v.volume\n"
                            "revision shop-web quadlet/shop-web@.container\n"
                            "plan - record\nplan - rollout\n"
                            "revision - units/shop-#-image.service.d/10-pull.conf\n"
                            "revision shop-job units/shop-job-once@.target\n"
                            "scale shop-job units/shop-job-requires.target\n"
                            "scale shop-job units/shop-job-requires@.service\n"
                            "scale shop-job units/shop-job@.service.d/10-services.conf\n"
                            "task shop-move units/shop-move-#-image.service.d/10-pull.conf\n"
                            "scale - units/shop-rollout@.service\n"
                            "revision shop-side units/shop-side-#-image.service.d/10-pull.conf\n"
                            "revision shop-tick units/shop-tick-#-image.service.d/10-pull.conf\n"
                            "scale shop-tick units/shop-tick.service.d/10-hosts.conf\n"
                            "scale shop-tick units/shop-tick.timer\n"
                            "scale shop-web units/shop-web@.service.d/10-hosts.conf\n"
                            "scale shop-web units/shop-web@.service.d/10-ports.conf\n"
                            "scale shop-web units/shop-web@next.service.d/50-next.conf\n"
                            "scale - units/shop.target\n"
                            "scale shop-job units/shop.target.d/60-shop-job.conf\n");
        site_close(&s);
}

/* The plan of a definition; what pulls images and reads environments has names that follow from the text. */
static void test_plan(void **state) {
        struct site s;
        struct tree t = render(&s, WHOLE "rollout: {strategy: rolling, max_unavailable: 2, pause: 1500ms, ready_timeout: 1min, on_failure: stop}\n");
        struct str text = tree_find(&t, STR("rollout"))->text, line;
        static const char *const lines[] = {
                "pyservice-plan 1", "max-unavailable 2", "pause 1500", "ready-timeout 60000", "min-ready 5000", "keep-images 10", "on-failure stop",
                "early shop-side", "task shop-other.service", "task shop-move.service",
        };
        static const char *const parts[] = { "service shop-web ", "service shop-job ", "sidecar shop-side " };

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                assert_true(str_split(&text, '\n', &line));
                assert_true(str_is(line, lines[i]));
        }
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                struct str name = str_of(parts[i]), label, container;

                assert_true(str_split(&text, '\n', &line));
                assert_true(str_has_prefix(line, name));
                line = str_from(line, name.n);
                assert_true(str_split(&line, ' ', &label));
                assert_int_equal(label.n, 12);
                assert_true(i == 2 ? str_is_absent(line) : str_is(line, i == 0 ? "spare" : "plain"));

                container = arena_join(&s.arena, STR("quadlet/"), str_from((struct str) { name.p, name.n - 1 }, strlen("service ")), i == 2 ? STR(".container") : STR("@.container"));
                container = tree_find(&t, container)->text;
                assert_true(str_find_str(container, arena_join(&s.arena, STR("Label=\"io.pyservice.revision="), label, STR("\"\n"))) < container.n);
        }
        site_close(&s);
}

/* A user's rollout is told so. */
static void test_unit(void **state) {
        struct tree tree = { 0 };
        struct site s;

        (void) state;
        (void) render(&s, "image: x\n");
        s.world.places.is_user = true;
        render_app(&s.arena, &s.world, site_app(&s, "shop"), &(struct ports) { 0 }, &tree);
        assert_true(str_has_suffix(tree_find(&tree, STR("units/shop-rollout@.service"))->text,
                                   STR("/pyservice-rollout\" \"--user\" \"run\" \"shop\" \"%i\"\n")));
        site_close(&s);
}

struct change_row {
        const char *name, *one, *two;
        const char *kinds;              /* of the files that are not the same */
};

#define BOTH(a, b) "image: x\nport: 80\nhealth: {http: /}\nproxy: {" a "}\n" b

static const struct change_row change_rows[] = {
        { "nothing", WHOLE, WHOLE, "" },
        { "scale", BOTH("", "scale: 1\n"), BOTH("", "scale: 4\n"), "scale plan" },
        { "scale: from none", BOTH("", "scale: 0\n"), BOTH("", "scale: 4\n"), "scale plan" },
        { "scale: of what another requires", "image: x\nservices: [{name: a, requires: b}, {name: b, scale: 0}]\n", "image: x\nservices: [{name: a, requires: b}, {name: b, scale: 3}]\n",
          "scale plan" },
        { "hosts", BOTH("", "hosts: a\n"), BOTH("", "hosts: [b, d]\n"), "scale" },
        { "hosts: everywhere", BOTH("", "hosts: '*'\n"), BOTH("", ""), "scale" },
        { "hosts: of a sidecar", "image: x\nsidecars: [{name: a, hosts: b}]\n", "image: x\nsidecars: [{name: a}]\n", "scale" },
        { "hosts: of a task", "image: x\ntasks: [{name: a, hosts: b}]\n", "image: x\ntasks: [{name: a}]\n", "task plan" },
        { "proxy", BOTH("balance: first", ""), BOTH("balance: source", ""), "scale plan" },
        { "rollout", BOTH("", "rollout: {pause: 1s}\n"), BOTH("", "rollout: {pause: 2s}\n"), "plan" },
        { "a spare", BOTH("", ""), BOTH("", "rollout: {spare: false}\n"), "scale plan" },
        { "tasks before it", "image: x\ntasks: [{name: a}]\n", "image: x\ntasks: [{name: a}]\nbefore_update: a\n", "task plan" },
        { "a task", "image: x\ntasks: [{name: a, command: b}]\n", "image: x\ntasks: [{name: a, command: d}]\n", "task plan" },
        { "a task's environment", "image: x\ntasks: [{name: a, env: {A: b}}]\n", "image: x\ntasks: [{name: a, env: {A: d}}]\n", "task plan" },
        { "an image", BOTH("", ""), BOTH("", "pull: always\n"), "revision plan" },
        { "a command", "image: x\n", "image: x\ncommand: a\n", "revision plan" },
        { "an environment", "image: x\nenv: {A: b}\n", "image: x\nenv: {A: d}\n", "revision plan" },
        { "a network", "image: x\nnetworks: {a: {}}\n", "image: x\nnetworks: {a: {internal: true}}\n", "revision plan" },
        { "fixed ports", BOTH("", "host_port: 8000\n"), BOTH("", "host_port: 9000\n"), "revision scale plan" },
};

static bool is_in(const struct tree *t, const struct tree_file *f) {
        const struct tree_file *other = tree_find(t, f->path);

        return other && str_eq(other->text, f->text) && other->kind == f->kind && str_eq(other->owner, f->owner);
}

static void test_change(void **state) {
        const struct change_row *row = *state;
        struct site one, two;
        struct tree a = render(&one, row->one), b = render(&two, row->two);
        bool is_changed[ARRAY_SIZE(kinds)] = { false };
        struct buf changed = buf_in(&one.arena);

        VEC_EACH(f, &a.files)
                is_changed[f->kind] = is_changed[f->kind] || !is_in(&b, f);
        VEC_EACH(f, &b.files)
                is_changed[f->kind] = is_changed[f->kind] || !is_in(&a, f);
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (is_changed[i]) {
                        buf_put(&changed, changed.n > 0 ? " " : "");
                        buf_put(&changed, kinds[i]);
                }

        assert_string_equal(buf_str(&changed).p, row->kinds);
        site_close(&one);
        site_close(&two);
}

struct spare_row {
        const char *name, *yaml;
        bool has_spare;
};

static const struct spare_row spare_rows[] = {
        { "spare: proxied", BOTH("", ""), true },
        { "spare: not proxied", "image: x\nport: 80\nrollout: {spare: true}\n", false },
        { "spare: switched off", BOTH("", "rollout: {spare: false}\n"), false },
        { "spare: nothing else runs then", BOTH("", "rollout: {strategy: recreate}\n"), false },
        { "spare: ports that Podman chooses", BOTH("", "publish: ['9000', '[::]::90']\n"), true },
        { "spare: two schedulers", BOTH("", "run_mode: BEAT\n"), false },
        { "spare: by name", "image: x\nport: 80\nnetwork: net\nproxy: {via: dns}\n", true },
};

static void test_spare(void **state) {
        const struct spare_row *row = *state;
        struct site s;
        struct tree t = render(&s, row->yaml);
        struct str plan = tree_find(&t, STR("rollout"))->text;

        assert_int_equal(has_spare(site_app(&s, "shop"), site_app(&s, "shop")->services.at), row->has_spare);
        assert_true(str_has_suffix(plan, row->has_spare ? STR(" spare\n") : STR(" plain\n")));
        site_close(&s);
}

struct pin_row {
        const char *name, *reference, *pinned;
        const char *image;              /* what then is in the container and in what pulls */
};

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct pin_row pin_rows[] = {
        { "pin: a digest", "quay.io/a/b:1", "quay.io/a/b@sha256:" DIGEST, "quay.io/a/b@sha256:" DIGEST },
        { "pin: an image's ID", "quay.io/a/b:1", DIGEST, DIGEST },
        { "pin: of another image", "quay.io/a/b:2", "quay.io/a/b@sha256:" DIGEST, "quay.io/a/b:1" },
        { "pin: none that a unit may hold", "quay.io/a/b:1", "quay.io/a/b:1\nExec=x", "quay.io/a/b:1" },
};

static void test_pin(void **state) {
        const struct pin_row *row = *state;
        struct image_pin pin = { str_of(row->reference), str_of(row->pinned) };
        struct site s;
        struct tree t = render(&s, "image: quay.io/a/b:1\n"), pinned = { 0 };
        struct str line = arena_join(&s.arena, STR("\nImage="), str_of(row->image), STR("\n"));
        size_t n = 0;

        site_app(&s, "shop")->pins.at = &pin;
        site_app(&s, "shop")->pins.n = 1;
        render_app(&s.arena, &s.world, site_app(&s, "shop"), &(struct ports) { 0 }, &pinned);
        VEC_EACH(f, &pinned.files)
                if (str_has_prefix(f->path, STR("quadlet/"))) {
                        assert_true(str_find_str(f->text, line) < f->text.n);
                        n++;
                }
        assert_int_equal(n, 2);
        assert_int_equal(is_in(&t, tree_find(&pinned, STR("quadlet/shop@.container"))), strcmp(row->image, "quay.io/a/b:1") == 0);
        site_close(&s);
}

int main(void) {
        static struct rows all;

        rows_add_one(&all, test_kinds);
        rows_add_one(&all, test_plan);
        rows_add_one(&all, test_unit);
        rows_add(&all, test_change, change_rows);
        rows_add(&all, test_spare, spare_rows);
        rows_add(&all, test_pin, pin_rows);
        return rows_run(&all, "render");
}

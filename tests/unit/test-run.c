/* SPDX-License-Identifier: Apache-2.0 */

/* What `pyservicectl run` makes of a unit's command, and how `logs` shows a line. */

#include "rows.h"

#include "control/run.h"
#include "terminal/log-line.h"

#define IMAGE "registry.example.com/shop:1"
#define OWN " --name shop-run-0f --hostname shop-run-0f --rm --interactive --no-healthcheck --log-driver=none --label=io.pyservice.run=yes --entrypoint= " IMAGE " sh -c true"

struct argv_row {
        const char *name;
        const char *start, *result;     /* words between blanks; NULL: not understood */
};

static const struct argv_row argv_rows[] = {
        { "argv: nothing of its own", "podman run " IMAGE, "podman run" OWN },
        { "argv: what Quadlet writes for a service",
          "podman run --name shop-0 --cidfile=/run/shop@0.cid --replace --rm --cgroups=split --stop-timeout 10 --hostname shop-0 --pull never --sdnotify=conmon -d "
          "--publish 127.0.0.1:${PORT}:80 --env A=1 --health-cmd x --health-interval=5s --label a=b " IMAGE " serve --port 80",
          "podman run --stop-timeout 10 --pull never --env A=1 --label a=b" OWN },
        { "argv: its secrets are others", "podman run -v /run/pyservice/secrets/shop@0/token:/run/secrets/token:ro --env-file /run/pyservice/secrets/shop@0/.optional-0 " IMAGE,
          "podman run -v /run/pyservice/secrets/shop-run-0f/token:/run/secrets/token:ro --env-file /run/pyservice/secrets/shop-run-0f/.optional-0" OWN },
        { "argv: those of another are not", "podman run -v /run/pyservice/secrets/shop@01/token:/x " IMAGE, "podman run -v /run/pyservice/secrets/shop@01/token:/x" OWN },
        { "argv: variables and dollar signs", "podman run --user ${WHO} --env A=$$x${NONE}y " IMAGE, "podman run --user 7:8 --env A=$xy" OWN },
        { "argv: the entry point and more", "podman run --entrypoint [\"a\"] --entrypoint= --ip 10.0.0.1 -p 1:2 -P --log-driver passthrough " IMAGE, "podman run" OWN },
        { "argv: options before run", "podman --log-level=debug run " IMAGE, "podman --log-level=debug run" OWN },
        { "argv: no image", "podman run --rm other", NULL },
};

static void split_words(struct arena *a, const char *text, struct bus_command *ret) {
        struct str rest = str_of(text), word;

        *ret = (struct bus_command) { arena_array(a, 64, const char *), 0 };
        while (str_split(&rest, ' ', &word))
                ret->argv[ret->n++] = arena_str(a, word).p;
}

static void test_argv(void **state) {
        static const char *const command[] = { "sh", "-c", "true" };
        const struct argv_row *row = *state;
        struct ctl c = { .root = "/" };
        struct once o = { .c = &c, .image = STR(IMAGE), .name = STR("shop-run-0f"), .runtime = STR("/run"), .directory = STR("/run/pyservice/secrets/shop-run-0f"),
                          .command = command, .n_command = ARRAY_SIZE(command) };
        struct buf text = buf_in(&c.arena);
        const char **argv;

        *vec_push(&c.arena, &o.exec.environment.list) = STR("WHO=65534:65534");
        *vec_push(&c.arena, &o.exec.environment.list) = STR("WHO=7:8");
        *vec_push(&c.arena, &o.exec.directories.list) = STR("pyservice/secrets/shop@0");
        split_words(&c.arena, row->start, &o.exec.start);
        argv = once_argv(&o);
        for (size_t i = 0; argv && argv[i]; i++) {
                buf_put(&text, i > 0 ? " " : "");
                buf_put(&text, argv[i]);
        }

        assert_int_equal(argv != NULL, row->result != NULL);
        assert_string_equal(buf_str(&text).p, row->result ? row->result : "");
        arena_done(&c.arena);
}

struct text_row {
        const char *name;
        struct str text;
        const char *shown;
};

static const struct text_row text_rows[] = {
        { "text: as it is", STR_INIT("a\tb \xc3\xa4"), "a\tb \xc3\xa4" },
        { "text: colours go", STR_INIT("\033[1;31mred\033[0m \033[mplain"), "red plain" },
        { "text: what moves a terminal", STR_INIT("\033]0;x\007 \033[2J \b\x7f"), "\\x1b]0;x\\x07 \\x1b[2J \\x08\\x7f" },
        { "text: half a colour", STR_INIT("\033[1;3"), "\\x1b[1;3" },
        { "text: no UTF-8", STR_INIT("\xff\xc3"), "\\xff\\xc3" },
        { "text: controls of Unicode", STR_INIT("\xc2\x9b" "a"), "\\xc2\\x9ba" },
        { "text: a line's end from elsewhere", STR_INIT("a\rb\r"), "a\\x0db" },
};

static void test_text(void **state) {
        const struct text_row *row = *state;
        struct arena a = { 0 };
        struct buf out = buf_in(&a);

        log_put_text(&out, row->text);
        assert_string_equal(buf_str(&out).p, row->shown);
        arena_done(&a);
}

static void test_json(void **state) {
        const struct journal_entry e = { .time = 1795176000000001, .unit = STR("shop@0.service"), .priority = 3, .message = STR("a\"\n\xff\xc2\x9b") };
        const struct log_style style = { .is_json = true };
        struct arena a = { 0 };
        struct buf out = buf_in(&a);

        log_put(&out, &style, STR("shop@0"), &e);
        assert_string_equal(buf_str(&out).p, "{\"time\": \"2026-11-20T12:00:00.000001Z\", \"instance\": \"shop@0\", \"unit\": \"shop@0.service\", \"by\": \"unit\", "
                                             "\"priority\": 3, \"message\": \"a\\\"\\u000a\\ufffd\\u009b\"}\n");
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_argv, argv_rows);
        rows_add(&rows, test_text, text_rows);
        rows_add_one(&rows, test_json);
        return rows_run(&rows, "run");
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The good and bad texts of the types' own table, what systemd, Podman and HAProxy say besides, and the plain scalars that are no
 * texts. With an argument the program is what test_json_schema.py compares patterns with: for each line "KIND TEXT" of its
 * standard input it prints 1 where the text is accepted and 0 where it is not. */

#include "decoding.h"
#include "schema/export-parts.h"

struct text_row {
        const char *name;
        enum kind kind;
        const char *text;
        bool is_good;
};

/* Decodes as from a file, quoted but for booleans, which must be plain. */
static void test_text(void **state) {
        const struct text_row *row = *state;
        const struct field f = { .key = "key", .kind = row->kind };
        const struct node node = { .kind = NODE_SCALAR, .plain = row->kind == KIND_FLAG, .at = { 0, 3, 4 }, .text = str_of(row->text) };
        char member[128] = { 0 }, zeroes[sizeof(member)] = { 0 };
        struct bench b;
        struct decoder d;

        bench_init(&b);
        d = (struct decoder) { &b.arena, &b.diags };
        assert_int_equal(decode_scalar(&d, &f, row->kind, &node, member), row->is_good);
        assert_int_equal(b.diags.list.n, row->is_good ? 0 : 1);
        assert_int_equal(memcmp(member, zeroes, sizeof(member)) != 0, row->is_good);
        if (row->kind >= KIND_TEXT)
                assert_int_equal(type_accepts(row->kind, str_of(row->text)), row->is_good);
        if (!row->is_good)
                assert_true(str_find_str(b.diags.list.at[0].text, str_of(type_of(row->kind)->rule)) < b.diags.list.at[0].text.n);
        bench_done(&b);
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct text_row text_rows[] = {
        { "name: 63 bytes", KIND_NAME, A63, true },
        { "name: 64 bytes", KIND_NAME, A63 "a", false },
        { "name: a line feed behind", KIND_NAME, "web\n", false },
        { "image: digest", KIND_IMAGE_REF, "quay.io/a/b@sha256:" DIGEST, true },
        { "image: tag and digest", KIND_IMAGE_REF, "quay.io/a/b:1.4@sha256:" DIGEST, true },
        { "image: short name", KIND_IMAGE_REF, "debian", true },
        { "image: tag with capitals", KIND_IMAGE_REF, "debian:Bookworm_1.2-x", true },
        { "image: registry with capitals and port", KIND_IMAGE_REF, "Registry.example.com:5000/a", true },
        { "image: port without digits", KIND_IMAGE_REF, "localhost:http/x", false },
        { "image: a dot before the port", KIND_IMAGE_REF, "localhost.:5000/x", false },
        { "image: port too large", KIND_IMAGE_REF, "localhost:70000/x", false },
        { "image: empty tag behind a path", KIND_IMAGE_REF, "quay.io/a:", false },
        { "image: empty name", KIND_IMAGE_REF, "quay.io/:1", false },
        { "image: capitals in the path", KIND_IMAGE_REF, "quay.io/A/b", false },
        { "image: digest too short", KIND_IMAGE_REF, "a@sha256:0123", false },
        { "image: digest of another kind", KIND_IMAGE_REF, "a@md5:" DIGEST, false },
        { "image: two digests", KIND_IMAGE_REF, "a@sha256:" DIGEST "@sha256:" DIGEST, false },
        { "image: transport", KIND_IMAGE_REF, "docker://quay.io/a/b", false },
        { "path: dots in names", KIND_ABS_PATH, "/a..b/.c", true },
        { "path: a dot", KIND_ABS_PATH, "/a/./b", false },
        { "path: dots at the end", KIND_ABS_PATH, "/a/..", false },
        { "path: specifier", KIND_ABS_PATH, "/a/%h", false },
        { "env file: only a dash", KIND_ENV_FILE, "-", false },
        { "unit: template without instance", KIND_UNIT_NAME, "a@.service", true },
        { "unit: only a suffix", KIND_UNIT_NAME, ".service", false },
        { "unit reference: target", KIND_UNIT_REF, "network-online.target", true },
        { "user: group empty", KIND_USER_NAME, "app:", false },
        { "volume: no options", KIND_VOLUME_SPEC, "/a:/b:", false },
        { "volume: a name with a slash", KIND_VOLUME_SPEC, "a/b:/c", false },
        { "volume: anonymous", KIND_VOLUME_SPEC, "/data", false },
        { "volume: option with a value", KIND_VOLUME_SPEC, "data:/data:ro,z", true },
        { "port: all addresses", KIND_PUBLISH_SPEC, "0.0.0.0:80:8080", true },
        { "port: a host port of Podman's choice", KIND_PUBLISH_SPEC, "127.0.0.1::8080", true },
        { "port: IPv4 address without host port", KIND_PUBLISH_SPEC, "127.0.0.1:8080", false },
        { "port: IPv6 address without host port", KIND_PUBLISH_SPEC, "[::1]:8080", false },
        { "port: no IPv6 address", KIND_PUBLISH_SPEC, "[]:80:80", false },
        { "port: IPv6 address not closed", KIND_PUBLISH_SPEC, "[::1:80:80", false },
        { "port: zero", KIND_PUBLISH_SPEC, "0", false },
        { "port: leading zero", KIND_PUBLISH_SPEC, "080", false },
        { "port: empty protocol", KIND_PUBLISH_SPEC, "80/", false },
        { "signal: realtime", KIND_SIGNAL, "SIGRTMIN+3", true },
        { "signal: realtime without a number", KIND_SIGNAL, "SIGRTMIN+", false },
        { "domain: only a star", KIND_DOMAIN, "*", false },
        { "domain: star of a dot", KIND_DOMAIN, "*.", false },
        { "domain: star not in front", KIND_DOMAIN, "a.*.example.com", false },
        { "domain: label of 64", KIND_DOMAIN, A63 "a.example.com", false },
        { "domain: trailing dot", KIND_DOMAIN, "example.com.", false },
        { "server: IPv6 without brackets", KIND_SERVER_ADDRESS, "2001:db8::1:80", false },
        { "server: brackets with a name", KIND_SERVER_ADDRESS, "[web]:80", false },
        { "server: empty brackets", KIND_SERVER_ADDRESS, "[]:80", false },
        { "address: IPv6 in capitals", KIND_IP_PREFIX, "2001:DB8::/32", true },
        { "address: no bits", KIND_IP_PREFIX, "10.0.0.0/", false },
        { "address: IPv4 mapped", KIND_IP_PREFIX, "::ffff:192.0.2.1", true },
        { "URL: only a scheme", KIND_URL, "redis://", false },
        { "URL: quotes", KIND_URL, "redis://a\"b", false },
        { "URL: password", KIND_URL, "rediss://:pa%20ss@redis.example.com:6379/0", true },
        { "header: trailing line feed", KIND_HEADER_TEXT, "DENY\n", false },
        { "header: log format", KIND_HEADER_TEXT, "%[src]", false },
        { "path: fragment", KIND_HTTP_PATH, "/#a", false },
        { "path: no ASCII", KIND_HTTP_PATH, "/\xc3\xa9", false },
        { "unit value: backslash within", KIND_QUADLET_TEXT, "a\\b", true },
        { "text: tab", KIND_TEXT, "a\tb", false },
        { "word: lines", KIND_WORD, "a\nb\tc", true },
};

struct ambiguous_row {
        const char *name, *text;
        bool is_ambiguous;
};

static const struct ambiguous_row ambiguous_rows[] = {
        { "plain: nothing", "", true },
        { "plain: ~", "~", true },
        { "plain: null", "null", true },
        { "plain: Null", "Null", true },
        { "plain: yes", "yes", true },
        { "plain: NO", "NO", true },
        { "plain: y", "y", true },
        { "plain: N", "N", true },
        { "plain: on", "on", true },
        { "plain: Off", "Off", true },
        { "plain: true", "true", true },
        { "plain: False", "False", true },
        { "plain: 010", "010", true },
        { "plain: 0755", "0755", true },
        { "plain: 0x1F", "0x1F", true },
        { "plain: 0b11", "0b11", true },
        { "plain: 0o17", "0o17", true },
        { "plain: a commit that begins with 0", "07c1bae43a33fc0c3ddffba5b8a727a2441d979a", false },
        { "plain: a short one", "0b12f3e", false },
        { "plain: 0b101", "0b101", true },
        { "plain: 0e12", "0e12", true },
        { "plain: 0899", "0899", true },
        { "plain: 1_000", "1_000", true },
        { "plain: 0", "0", false },
        { "plain: 10", "10", false },
        { "plain: 1.10", "1.10", false },
        { "plain: 0.5", "0.5", false },
        { "plain: -1", "-1", false },
        { "plain: none", "none", false },
        { "plain: yesterday", "yesterday", false },
        { "plain: nothing at all", "nothing at all", false },
        { "plain: 5000:5000", "5000:5000", false },
        { "plain: 1_a", "1_a", false },
        { "plain: a path", "/x", false },
};

static void test_ambiguous(void **state) {
        const struct ambiguous_row *row = *state;
        const struct field f = { .key = "key", .kind = KIND_ANY_TEXT };
        struct node node = { .kind = NODE_SCALAR, .at = { 0, 3, 4 }, .text = str_of(row->text) };
        struct any_text member = { 0 };
        struct bench b;
        struct decoder d;

        bench_init(&b);
        d = (struct decoder) { &b.arena, &b.diags };
        assert_int_equal(type_is_ambiguous(str_of(row->text)), row->is_ambiguous);

        /* In quotes everything is a text. */
        assert_true(decode_scalar(&d, &f, f.kind, &node, &member));
        assert_true(str_is(member.text, row->text));

        node.plain = true;
        assert_int_equal(decode_scalar(&d, &f, f.kind, &node, &member), !row->is_ambiguous);
        assert_int_equal(b.diags.n_errors, row->is_ambiguous);
        bench_done(&b);
}

/* The table itself: each type is described, and can be told to others. */
static void test_table(void **state) {
        (void) state;
        for (enum kind kind = KIND_FLAG; kind < KIND_COUNT; kind++) {
                const struct type *t = type_of(kind);

                assert_non_null(t->name);
                assert_non_null(t->rule);
                assert_true(t->rule[0] >= 'a' && t->rule[0] <= 'z');
                assert_true(t->rule[strlen(t->rule) - 1] != '.');
                assert_int_equal(!t->first, !t->chars);
                if (kind == KIND_CHOICE)
                        continue;
                assert_non_null(t->good);
                assert_non_null(t->good[0]);
                assert_non_null(t->bad);
                assert_true(kind < KIND_TEXT || t->max > 0);
        }
}

/* {{ instance }} stands for a text where one may differ per instance, and nowhere else. */
static void test_instance(void **state) {
        const char text[] = { '/', 'a', INSTANCE_MARK, 0 };

        (void) state;
        assert_true(type_accepts(KIND_WORD, str_of(text)));
        assert_true(type_accepts(KIND_ABS_PATH, str_of(text)));
        assert_true(type_accepts(KIND_ANY_TEXT, str_of(text)));
        assert_false(type_accepts(KIND_HTTP_PATH, str_of(text)));
        assert_false(type_accepts(KIND_TEXT, str_of(text)));
}

/* The others are no part of a path. */
static void test_marks(void **state) {
        const char text[] = { '/', 'a', REVISION_MARK, 0 };
        struct arena a = { 0 };

        (void) state;
        assert_true(type_accepts(KIND_WORD, str_of(text)));
        assert_true(type_accepts(KIND_ENV_TEXT, str_of(text)));
        assert_false(type_accepts(KIND_ABS_PATH, str_of(text)));
        assert_string_equal(marks_show(&a, str_of(text)).p, "/a{{ revision }}");
        assert_string_equal(marks_show(&a, STR("plain")).p, "plain");
        arena_done(&a);
}

static void test_longest(void **state) {
        static char text[96 * 1024 + 1];

        (void) state;
        memset(text, 'a', sizeof(text));
        assert_true(type_accepts(KIND_WORD, (struct str) { text, sizeof(text) - 1 }));
        assert_false(type_accepts(KIND_WORD, (struct str) { text, sizeof(text) }));
        assert_true(type_accepts(KIND_TEXT, (struct str) { text, 4096 }));
        assert_false(type_accepts(KIND_TEXT, (struct str) { text, 4097 }));
}

static void add_texts(struct rows *rows, struct arena *a, enum kind kind, bool is_good) {
        const char *const *texts = is_good ? type_of(kind)->good : type_of(kind)->bad;

        for (; texts && *texts; texts++) {
                struct text_row *row = arena_new(a, struct text_row);
                struct str name = arena_printf(a, "%s: %s '%s'", type_of(kind)->name, is_good ? "good" : "bad",
                                               strchr(*texts, '\n') ? "several lines" : *texts);

                *row = (struct text_row) { name.p, kind, *texts, is_good };
                rows_add_n(rows, test_text, (char *) row, 1, sizeof(*row));
        }
}

static bool is_accepted(enum kind kind, const char *text) {
        const struct field f = { .key = "key", .kind = kind };
        const struct node node = { .kind = NODE_SCALAR, .at = { 0, 3, 4 }, .text = str_of(text) };
        char member[128];
        struct bench b;
        struct decoder d;
        bool is_good;

        bench_init(&b);
        d = (struct decoder) { &b.arena, &b.diags };
        is_good = decode_scalar(&d, &f, kind, &node, member);
        bench_done(&b);
        return is_good;
}

static int answer_lines(void) {
        char line[4096];

        while (fgets(line, sizeof(line), stdin)) {
                char *text = strchr(line, ' ');
                enum kind kind = KIND_FLAG;

                line[strcspn(line, "\n")] = '\0';
                if (!text)
                        return 1;
                *text++ = '\0';
                while (kind < KIND_COUNT && (!export_kind_name(kind) || strcmp(export_kind_name(kind), line) != 0))
                        kind++;
                if (kind == KIND_COUNT)
                        return 1;
                (void) putchar(is_accepted(kind, text) ? '1' : '0');
        }

        return 0;
}

int main(int argc, char **argv) {
        static struct rows rows;
        struct arena arena = { 0 };
        int r;

        (void) argv;
        if (argc > 1)
                return answer_lines();

        for (enum kind kind = KIND_FLAG; kind < KIND_COUNT; kind++) {
                add_texts(&rows, &arena, kind, true);
                add_texts(&rows, &arena, kind, false);
        }
        rows_add(&rows, test_text, text_rows);
        rows_add(&rows, test_ambiguous, ambiguous_rows);
        rows_add_one(&rows, test_table);
        rows_add_one(&rows, test_instance);
        rows_add_one(&rows, test_marks);
        rows_add_one(&rows, test_longest);
        r = rows_run(&rows, "type");
        arena_done(&arena);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vec.h"
#include "roundtrip.h"
#include "rows.h"

/* Texts through every key that takes them, read back by Quadlet's and systemd's rules. */
struct text_row {
        const char *name;
        struct str text;
        bool is_refused;                /* everywhere but in lists and descriptions */
};

static const struct text_row text_rows[] = {
        { "text: empty", STR_INIT(""), false },
        { "text: blanks at the ends", STR_INIT("  a\t"), false },
        { "text: double quotes", STR_INIT("\"a\" b\""), false },
        { "text: a lone double quote", STR_INIT("\""), false },
        { "text: single quotes", STR_INIT("it's 'so'"), false },
        { "text: backslashes", STR_INIT("\\"), false },
        { "text: two backslashes at the end", STR_INIT("a\\\\"), false },
        { "text: an escape that neither parser knows", STR_INIT("\\d+\\.\\w"), false },
        { "text: an escape that both know", STR_INIT("\\n\\x41\\101\\u0041"), false },
        { "text: a continuation", STR_INIT("a\\\n[Service]\nExecStart=/bin/sh"), false },
        { "text: another section", STR_INIT("\n[Service]\nUser=root\n"), false },
        { "text: carriage return, a line end for systemd", STR_INIT("a\rUser=root"), false },
        { "text: percent", STR_INIT("100% %i %n %%"), false },
        { "text: dollar", STR_INIT("$HOME ${HOME} $$ $"), false },
        { "text: a variable as a whole word", STR_INIT("$HOME"), false },
        { "text: a variable in braces as a whole word", STR_INIT("${HOME}"), false },
        { "text: our own variable", STR_INIT("${PYSERVICE_EMPTY}"), false },
        { "text: a lone semicolon", STR_INIT(";"), false },
        { "text: an escaped semicolon", STR_INIT("\\;"), false },
        { "text: semicolons", STR_INIT("a; b ;c"), false },
        { "text: a comment", STR_INIT("# a"), false },
        { "text: prefixes of a command", STR_INIT("-@:+!!a"), false },
        { "text: a JSON list", STR_INIT("[\"CMD\", \"x\"]"), false },
        { "text: not ASCII", STR_INIT("h\xc3\xa9llo \xe4\xb8\x96 \xf0\x9f\x98\x80"), false },
        { "text: blanks of Unicode at the ends", STR_INIT("\xc2\xa0" "a\xe3\x80\x80\xe2\x80\x83"), false },
        { "text: a backslash before a blank of Unicode", STR_INIT("a\\\xc2\xa0\\\xe2\x80\x83"), false },
        { "text: next line", STR_INIT("a\xc2\x85"), false },
        { "text: escape and delete", STR_INIT("\x1b[0m\x7f"), false },
        { "text: all control bytes but the marks", STR_INIT("\x03\a\b\t\v\f\x0e\x0f\x10\x11\x1f"), false },
        { "text: the instance", STR_INIT("web-\x01-a"), false },
        { "text: the instance after a percent", STR_INIT("%\x01"), false },
        { "text: the instance after a dollar", STR_INIT("$\x01"), false },
        { "text: the machine", STR_INIT("%\x04-a"), false },
        { "text: the credentials directory", STR_INIT("\x02/key"), false },
        { "text: NUL", STR_INIT("a\0b"), true },
        { "text: not UTF-8", STR_INIT("\xff"), true },
        { "text: U+0080, which Quadlet breaks", STR_INIT("\xc2\x80"), true },
        { "text: a noncharacter, which systemd refuses", STR_INIT("\xef\xb7\x90"), true },
};

static void roundtrip(struct arena *a, const char *name, const struct words *words) {
        for (enum roundtrip_key key = 0; key < ROUNDTRIP_COUNT; key++) {
                bool is_refused = false;
                const char *why;

                VEC_EACH(word, words)
                        is_refused |= roundtrip_is_refused(key, *word);
                why = is_refused ? NULL : roundtrip_unit(a, key, words);
                if (why)
                        fail_msg("%s: key %d: %s", name, (int) key, why);
        }
}

static void test_text(void **state) {
        const struct text_row *row = *state;
        struct arena a = { 0 };
        struct words words = { 0 };

        assert_int_equal(roundtrip_is_refused(ROUNDTRIP_EXEC, row->text), row->is_refused);
        *vec_push(&a, &words) = row->text;
        roundtrip(&a, row->name, &words);
        arena_done(&a);
}

/* The same among others, where a reader may lose its place. */
static void test_texts(void **state) {
        struct arena a = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(text_rows); i++) {
                struct words words = { 0 };

                if (text_rows[i].is_refused)
                        continue;
                *vec_push(&a, &words) = STR("before");
                *vec_push(&a, &words) = text_rows[i].text;
                *vec_push(&a, &words) = text_rows[i].text;
                *vec_push(&a, &words) = text_rows[(i + 1) % 30].text;
                *vec_push(&a, &words) = STR("after");
                roundtrip(&a, text_rows[i].name, &words);
        }
        arena_done(&a);
}

static void test_long(void **state) {
        struct arena a = { 0 };
        struct words words = { 0 };
        size_t n = 100000;
        char *p = arena_alloc(&a, n, 1);

        for (size_t i = 0; i < n; i++)
                p[i] = "a b\"\\%$\n"[i % 8];
        p[0] = p[n - 1] = 'x';
        *vec_push(&a, &words) = (struct str) { p, n };
        roundtrip(&a, "long", &words);
        arena_done(&a);
}

/* One value as it is written. */
struct line_row {
        const char *name;
        enum unit_key key;
        struct str text;
        const char *written;
};

static const struct line_row line_rows[] = {
        { "line: literal", CONTAINER_IMAGE, STR_INIT("quay.io/a/b:1@sha256:0f"), "[Container]\nImage=quay.io/a/b:1@sha256:0f\n" },
        { "line: literal with the instance", CONTAINER_NAME, STR_INIT("a-\x01"), "[Container]\nContainerName=a-%i\n" },
        { "line: address of IPv6", CONTAINER_PUBLISH, STR_INIT("[::1]:80:8000"), "[Container]\nPublishPort=[::1]:80:8000\n" },
        { "line: options of a network", CONTAINER_NETWORK, STR_INIT("a:ip=10.0.0.2,mtu=9"), "[Container]\nNetwork=a:ip=10.0.0.2,mtu=9\n" },
        { "line: escaped unit name", UNIT_AFTER, STR_INIT("dev-x\\x2dy.device"), "[Unit]\nAfter=dev-x\\x2dy.device\n" },
        { "line: description", UNIT_DESCRIPTION, STR_INIT(" 50% of\na \"shop\" \\\\ "), "[Unit]\nDescription=50%% of a \"shop\"\n" },
        { "line: nothing is left of a description", UNIT_DESCRIPTION, STR_INIT(" \\ \xc2\xa0"), "" },
        { "line: absent", UNIT_DESCRIPTION, { NULL, 0 }, "" },
        { "line: word", CONTAINER_EXEC, STR_INIT("a \"b\" \\ %$\n\t\x1b"), "[Container]\nExec=\"a \\\"b\\\" \\\\ %%$$\\n\\t\\x1b\"\n" },
        { "line: empty word", CONTAINER_EXEC, STR_INIT(""),
          "[Container]\nExec=\"${PYSERVICE_EMPTY}\"\n\n[Service]\nEnvironment=\"PYSERVICE_EMPTY=\"\n" },
        { "line: lone semicolon", CONTAINER_EXEC, STR_INIT(";"),
          "[Container]\nExec=\"${PYSERVICE_EMPTY};\"\n\n[Service]\nEnvironment=\"PYSERVICE_EMPTY=\"\n" },
        { "line: list", CONTAINER_ENTRYPOINT, STR_INIT("a \"\\%$\n"), "[Container]\nEntrypoint=[\"a \\\"\\\\%%$$\\u000a\"]\n" },
        { "line: whole", CONTAINER_VOLUME, STR_INIT("\x02/x:/a b$%"), "[Container]\nVolume=%d/x:/a b$$%%\n" },
        { "line: quoted", CONTAINER_WORKDIR, STR_INIT("/a \\"), "[Container]\nWorkingDir=\"/a \\\"\n" },
        { "line: command of systemd", SERVICE_EXEC_STOP, STR_INIT(""), "[Service]\nExecStop=\"\"\n" },
        { "line: semicolon for systemd", SERVICE_EXEC_STOP, STR_INIT(";"), "[Service]\nExecStop=\";\"\n" },
        { "line: a dollar for systemd's commands", SERVICE_EXEC_STOP, STR_INIT("$a%"), "[Service]\nExecStop=\"$$a%%\"\n" },
        { "line: a dollar for systemd's environment", SERVICE_ENVIRONMENT, STR_INIT("A=$a%"), "[Service]\nEnvironment=\"A=$a%%\"\n" },
        { "line: a path of systemd's", SERVICE_ENVIRONMENT_FILE, STR_INIT("/a b/$c%"), "[Service]\nEnvironmentFile=/a b/$c%%\n" },
        { "line: credential", SERVICE_SET_CREDENTIAL, STR_INIT("id:a b\\%"), "[Service]\nSetCredential=id:a\\x20b\\x5c\\x25\n" },
        { "line: calendar", TIMER_ON_CALENDAR, STR_INIT("Mon..Fri *-*-* 03:00"), "[Timer]\nOnCalendar=Mon..Fri *-*-* 03:00\n" },
};

static void test_line(void **state) {
        const struct line_row *row = *state;
        struct arena a = { 0 };
        struct unit *u = unit_new(&a);

        unit_put(u, row->key, ((struct text) { row->text, NOWHERE }));
        assert_string_equal(unit_text(u).p, row->written);
        arena_done(&a);
}

struct number_row {
        const char *name;
        enum unit_key key;
        char kind;                      /* duration, bytes, flag, number */
        uint64_t n;
        const char *written;
};

static const struct number_row number_rows[] = {
        { "number: seconds", SERVICE_RESTART_SEC, 'd', 5000000, "[Service]\nRestartSec=5s\n" },
        { "number: nothing", SERVICE_RESTART_SEC, 'd', 0, "[Service]\nRestartSec=0s\n" },
        { "number: milliseconds", CONTAINER_HEALTH_INTERVAL, 'd', 1500000, "[Container]\nHealthInterval=1500ms\n" },
        { "number: microseconds", SERVICE_RESTART_SEC, 'd', 10, "[Service]\nRestartSec=10us\n" },
        { "number: infinity", SERVICE_TIMEOUT_STOP, 'd', UINT64_MAX, "[Service]\nTimeoutStopSec=infinity\n" },
        { "number: seconds without a unit", CONTAINER_STOP_TIMEOUT, 'd', 90000000, "[Container]\nStopTimeout=90\n" },
        { "number: rounded up", CONTAINER_STOP_TIMEOUT, 'd', 1, "[Container]\nStopTimeout=1\n" },
        { "number: bytes", SERVICE_MEMORY_MAX, 'b', 1023, "[Service]\nMemoryMax=1023\n" },
        { "number: no bytes", SERVICE_MEMORY_MAX, 'b', 0, "[Service]\nMemoryMax=0\n" },
        { "number: mebibytes", SERVICE_MEMORY_MAX, 'b', 512ULL << 20, "[Service]\nMemoryMax=512M\n" },
        { "number: not whole", SERVICE_MEMORY_MAX, 'b', 1536, "[Service]\nMemoryMax=1536\n" },
        { "number: whole of a smaller unit", SERVICE_MEMORY_MAX, 'b', 1536ULL << 20, "[Service]\nMemoryMax=1536M\n" },
        { "number: tebibytes are the end", SERVICE_MEMORY_MAX, 'b', 1ULL << 60, "[Service]\nMemoryMax=1048576T\n" },
        { "number: no limit", SERVICE_MEMORY_MAX, 'b', UINT64_MAX, "[Service]\nMemoryMax=infinity\n" },
        { "number: no", IMAGE_TLS_VERIFY, 'f', 0, "[Image]\nTLSVerify=no\n" },
        { "number: the largest", CONTAINER_PIDS_LIMIT, 'n', UINT64_MAX, "[Container]\nPidsLimit=18446744073709551615\n" },
};

static void put_number(struct unit *u, const struct number_row *row, struct span at, uint64_t n) {
        if (row->kind == 'd')
                unit_put_duration(u, row->key, (struct duration) { n, at });
        else if (row->kind == 'b')
                unit_put_bytes(u, row->key, (struct byte_size) { n, at });
        else if (row->kind == 'f')
                unit_put_flag(u, row->key, (struct flag) { n != 0, at });
        else
                unit_put_number(u, row->key, (struct number) { n, at });
}

static void test_number(void **state) {
        const struct number_row *row = *state;
        struct arena a = { 0 };
        struct unit *u = unit_new(&a), *none = unit_new(&a);

        put_number(u, row, NOWHERE, row->n);
        assert_string_equal(unit_text(u).p, row->written);

        put_number(none, row, (struct span) { 0 }, 0);
        assert_string_equal(unit_text(none).p, "");
        arena_done(&a);
}

static void put_everything(struct unit *u, struct span at) {
        unit_comment_const(u, "made by pyservice");
        unit_put_const(u, SERVICE_TYPE, "notify");
        unit_put(u, CONTAINER_IMAGE, ((struct image_ref) { STR("localhost/a:1"), at }));
        unit_open(u, CONTAINER_ENVIRONMENT);
        unit_word(u);
        unit_part(u, ((struct env_name) { STR("A"), at }));
        unit_const(u, "=");
        unit_part(u, ((struct env_text) { STR("b c"), at }));
        unit_word(u);
        unit_const(u, "N=");
        unit_part_u64(u, 7);
        unit_close(u);
        unit_put_raw(u, SECTION_CONTAINER, (struct quadlet_key) { STR("ShmSize"), at }, (struct quadlet_text) { STR("1g $%"), at });
        unit_put_number(u, CONTAINER_HEALTH_RETRIES, (struct number) { 3, NOWHERE });
        unit_put_const(u, UNIT_AFTER, "network.target");
        unit_open(u, SERVICE_EXEC_STOP);
        unit_word(u);
        unit_const(u, "-/bin/true");
        unit_word(u);
        unit_const(u, "%i");
        unit_close(u);
}

static void test_file(void **state) {
        struct arena a = { 0 };
        struct tree t = { .arena = &a };
        struct unit *u = unit_new(&a);
        const struct tree_file *file;

        put_everything(u, (struct span) { 1, 20, 3 });
        file = unit_finish(u, &t, STR("quadlet/a@.container"));
        assert_string_equal(file->text.p,
                            "# made by pyservice\n"
                            "\n"
                            "[Unit]\n"
                            "After=network.target\n"
                            "\n"
                            "[Container]\n"
                            "Image=localhost/a:1\n"
                            "Environment=\"A=b c\" \"N=7\"\n"
                            "ShmSize=1g $%\n"
                            "HealthRetries=3\n"
                            "\n"
                            "[Service]\n"
                            "Type=notify\n"
                            "ExecStop=\"-/bin/true\" \"%i\"\n");
        assert_false(file->is_private);
        assert_true(str_is(file->path, "quadlet/a@.container"));

        /* What the program wrote by itself has no place. */
        assert_int_equal(file->n_origins, 3);
        assert_true(str_is(file->origins[0].key, "Image"));
        assert_true(str_is(file->origins[1].key, "Environment"));
        assert_true(str_is(file->origins[2].key, "ShmSize"));
        assert_int_equal(file->origins[2].at.off, 20);
        arena_done(&a);
}

/* The bound must hold for the line that Quadlet makes. */
static void test_exec_bytes(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(text_rows); i++) {
                struct arena a = { 0 };
                struct unit *u = unit_new(&a);
                struct settings s = { 0 };
                struct str service;

                if (!text_rows[i].is_refused) {
                        unit_put(u, CONTAINER_LABEL, ((struct label_text) { text_rows[i].text, NOWHERE }));
                        unit_put(u, CONTAINER_HEALTH_CMD, ((struct word) { text_rows[i].text, NOWHERE }));
                        unit_put(u, CONTAINER_EXEC, ((struct word) { text_rows[i].text, NOWHERE }));
                        assert_int_equal(quadlet_convert(&a, unit_text(u), QUADLET_5_8, &service), 0);
                        assert_int_equal(systemd_parse(&a, service, &s), 0);
                        assert_in_range(settings_last(&s, "Service", "ExecStart").n, 0, unit_exec_bytes(u));
                }
                arena_done(&a);
        }
}

/* What no type may let through ends the process: the generator then keeps what is there. */
struct bug_row {
        const char *name;
        enum unit_key key;
        struct str text;
};

static const struct bug_row bug_rows[] = {
        { "bug: blank in a literal", CONTAINER_IMAGE, STR_INIT("a b") },
        { "bug: line feed in a literal", CONTAINER_IMAGE, STR_INIT("a\n[Service]") },
        { "bug: percent in a literal", CONTAINER_IMAGE, STR_INIT("%n") },
        { "bug: dollar in a literal", CONTAINER_NETWORK, STR_INIT("$A") },
        { "bug: semicolon in a literal", CONTAINER_PUBLISH, STR_INIT(";") },
        { "bug: quote in a literal", UNIT_AFTER, STR_INIT("\"") },
        { "bug: backslash at the end of a literal", UNIT_AFTER, STR_INIT("a\\") },
        { "bug: a literal beyond ASCII", CONTAINER_NAME, STR_INIT("\xc3\xa9") },
        { "bug: line feed in a line", CONTAINER_VOLUME, STR_INIT("/a:/b\nImage=x") },
        { "bug: carriage return in a line", CONTAINER_VOLUME, STR_INIT("/a:/b\rImage=x") },
        { "bug: backslash at the end of a line", CONTAINER_VOLUME, STR_INIT("/a:/b\\") },
        { "bug: and a blank of Unicode behind it", CONTAINER_VOLUME, STR_INIT("/a:/b\\\xc2\xa0") },
        { "bug: lone semicolon in a line", CONTAINER_VOLUME, STR_INIT(";") },
        { "bug: quote at the start of a quoted value", CONTAINER_WORKDIR, STR_INIT("\"/a") },
        { "bug: quote at the end of a quoted value", CONTAINER_WORKDIR, STR_INIT("/a\"") },
        { "bug: line feed in a quoted value", CONTAINER_WORKDIR, STR_INIT("/a\n") },
        { "bug: blank at the end of systemd's line", SERVICE_ENVIRONMENT_FILE, STR_INIT("/a ") },
        { "bug: NUL in a word", CONTAINER_EXEC, STR_INIT("a\0b") },
        { "bug: a word that is not UTF-8", CONTAINER_EXEC, STR_INIT("\xff") },
        { "bug: U+0080 in a word", CONTAINER_EXEC, STR_INIT("\xc2\x80") },
        { "bug: a noncharacter in a word", CONTAINER_EXEC, STR_INIT("\xef\xb7\x90") },
        { "bug: a noncharacter in a description", UNIT_DESCRIPTION, STR_INIT("\xef\xbf\xbe") },
};

/* Does it abort? Nobody sees its complaint. */
static bool is_bug(void (*function)(struct unit *u, const void *row), const void *row) {
        pid_t child = fork();
        int status = 0;

        if (child == 0) {
                struct arena a = { 0 };

                (void) signal(SIGABRT, SIG_DFL);
                (void) close(STDERR_FILENO);
                function(unit_new(&a), row);
                _exit(0);
        }
        return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void put_row(struct unit *u, const void *row) {
        unit_put(u, ((const struct bug_row *) row)->key, ((struct word) { ((const struct bug_row *) row)->text, NOWHERE }));
}

static void test_bug(void **state) {
        assert_true(is_bug(put_row, *state));
}

static void misuse(struct unit *u, const void *row) {
        const char *how = row;

        if (how[0] != '-')
                unit_open(u, how[0] == 'w' ? CONTAINER_EXEC : CONTAINER_IMAGE);
        if (how[1] == 'c')
                unit_close(u);
        else if (how[1] == 'w')
                unit_word(u);
        else if (how[1] == 'p')
                unit_part(u, ((struct word) { STR("a"), NOWHERE }));
        else if (how[1] == 'o')
                unit_open(u, CONTAINER_IMAGE);
        else
                (void) unit_text(u);
}

/* In no key, one of a value or one of words: close, word, part, open, the end. */
static void test_misuse(void **state) {
        static const char *const rows[] = { "-c", "-w", "-p", "vw", "vo", "ve", "wp", "wo", "we" };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                assert_true(is_bug(misuse, rows[i]));
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_text, text_rows);
        rows_add_one(&rows, test_texts);
        rows_add_one(&rows, test_long);
        rows_add(&rows, test_line, line_rows);
        rows_add(&rows, test_number, number_rows);
        rows_add_one(&rows, test_file);
        rows_add_one(&rows, test_exec_bytes);
        rows_add(&rows, test_bug, bug_rows);
        rows_add_one(&rows, test_misuse);
        return rows_run(&rows, "unit");
}

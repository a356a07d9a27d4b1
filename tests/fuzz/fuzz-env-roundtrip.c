/* SPDX-License-Identifier: Apache-2.0 */
/* Any value in each of the three spellings of an environment comes back as it was, or was refused; nothing that is read as a
 * template does harm. */

#include <errno.h>
#include <stdlib.h>

#include "base/vec.h"
#include "consumer.h"
#include "output/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static const struct env_name name = { STR_INIT("A_1"), NOWHERE };
static const struct str before = STR_INIT("BEFORE=\"1\"\n"), after = STR_INIT("AFTER=\"2\"\n");

/* Three variables, ours in the middle. */
static void require_three(const struct words *got, struct str value, const char *first, const char *last) {
        require(got->n == 6);
        require(str_is(got->at[0], "BEFORE") && str_is(got->at[1], first));
        require(str_eq(got->at[2], name.text) && str_eq(got->at[3], value));
        require(str_is(got->at[4], "AFTER") && str_is(got->at[5], last));
}

static void check_file(struct arena *a, struct str value) {
        struct buf b = buf_in(a);
        struct words got = { 0 };

        if (!env_file_can_hold(value)) {
                require(value.n > 60000 || str_find(value, '\0') < value.n || str_find(value, '\n') < value.n ||
                        value.p[value.n - 1] == '\r');
                return;
        }

        buf_put_str(&b, before);
        env_file_put(&b, name, value);
        buf_put_str(&b, after);
        require(podman_env_file(a, buf_str(&b), &got) == 0);
        require_three(&got, value, "\"1\"", "\"2\"");
}

static void check_unit(struct arena *a, struct str value) {
        struct buf b = buf_in(a);
        struct words got = { 0 };
        int r;

        buf_put_str(&b, before);
        r = env_unit_put(&b, name.text, value);
        buf_put_str(&b, after);
        require(systemd_env_file(a, buf_str(&b), &got) == 0);
        if (r == 0)
                require_three(&got, value, "1", "2");
        else
                require(r == -EILSEQ && got.n == 4);
}

/* Every secret holds its own name between two odd bytes; "none" is missing. */
static int get_secret(void *userdata, struct str secret, struct str *ret) {
        if (str_is(secret, "none"))
                return -ENOENT;

        *ret = arena_join((struct arena *) userdata, STR("%"), secret, STR("\n"));
        return 0;
}

static bool is_unreserved(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
               c == '~';
}

static void check_template(struct arena *a, struct str value) {
        const struct env_piece pieces[] = {
                { .literal = value },
                { .secret = { STR("first"), NOWHERE } },
                { .secret = { STR("x-2"), NOWHERE }, .is_url_encoded = true },
                { .literal = value },
        };
        struct buf b = buf_in(a);
        struct str line, got_name, got;

        if (str_find(value, '\0') < value.n)
                return;

        env_template_put(&b, name, pieces, ARRAY_SIZE(pieces));
        line = buf_str(&b);
        require(str_find(line, '\n') == line.n - 1);
        line.n--;
        require(env_template_compose(a, line, get_secret, a, &got_name, &got) == 0);
        require(str_eq(got_name, name.text));
        require(str_eq(got, arena_join(a, value, STR("%first\n"), STR("%25x-2%0A"), value)));
}

/* Whatever somebody put into the file. */
static void check_reading(struct arena *a, struct str line) {
        struct str got_name = { NULL, 0 }, got = { NULL, 0 };
        int r = env_template_compose(a, line, get_secret, a, &got_name, &got);

        require(r == 0 || r == -EBADMSG || r == -ENOENT);
        require((r == 0) == !str_is_absent(got_name) && (r == 0) == !str_is_absent(got));
        for (size_t i = 0; i < got_name.n; i++)
                require(is_unreserved(got_name.p[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena a = { 0 };
        struct str value = arena_str(&a, (struct str) { (const char *) data, size });

        check_file(&a, value);
        check_unit(&a, value);
        check_template(&a, value);
        check_reading(&a, value);
        check_reading(&a, arena_join(&a, STR("A="), value));
        arena_done(&a);
        return 0;
}

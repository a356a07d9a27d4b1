/* SPDX-License-Identifier: Apache-2.0 */
/* Any arguments on one line of HAProxy's configuration come back as they were, and make no other line. Byte 1f parts the
 * arguments; the first one is written in two parts. */

#include <stdlib.h>

#include "base/vec.h"
#include "consumer.h"
#include "output/haproxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARGS_MAX = 50 };

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static struct str build(struct arena *a, const struct words *args) {
        struct haproxy *h = haproxy_new(a);

        haproxy_comment_app(h, (struct name) { STR("app-1"), NOWHERE });
        haproxy_section(h, "backend");
        haproxy_arg(h, ((struct backend_name) { args->at[0], NOWHERE }));
        haproxy_line(h, "http-request return");
        haproxy_arg_begin(h);
        haproxy_part_const(h, "a b");
        haproxy_part(h, ((struct header_text) { args->at[0], NOWHERE }));
        haproxy_part_number(h, 42);
        haproxy_arg_end(h);
        for (size_t i = 1; i < args->n; i++)
                haproxy_arg(h, ((struct http_path) { args->at[i], NOWHERE }));
        haproxy_word(h, "if TRUE");
        haproxy_number(h, 7);
        haproxy_line(h, "timeout server");
        haproxy_duration(h, (struct duration) { 1500001, NOWHERE });
        return haproxy_text(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena a = { 0 };
        struct words args = { 0 }, got[4] = { 0 };
        struct str piece, rest = { (const char *) data, size };
        size_t n = 0;

        while (size > 0 && args.n < ARGS_MAX && str_split(&rest, '\x1f', &piece))
                if (str_find(piece, '\0') == piece.n)
                        *vec_push(&a, &args) = arena_str(&a, piece);
        if (args.n == 0)
                goto end;

        rest = build(&a, &args);
        require(str_has_suffix(rest, STR("\n")));
        rest.n--;
        while (str_split(&rest, '\n', &piece)) {
                require(n < ARRAY_SIZE(got));
                require(haproxy_words(&a, piece, &got[n++]) == 0);
        }

        require(n == 4 && got[0].n == 0);
        require(got[1].n == 2 && str_is(got[1].at[0], "backend") && str_eq(got[1].at[1], args.at[0]));
        require(got[2].n == args.n + 5 && str_is(got[2].at[1], "return"));
        require(str_eq(got[2].at[2], arena_join(&a, STR("a b"), args.at[0], STR("42"))));
        for (size_t i = 1; i < args.n; i++)
                require(str_eq(got[2].at[2 + i], args.at[i]));
        require(str_is(got[2].at[args.n + 4], "7"));
        require(got[3].n == 3 && str_is(got[3].at[2], "1501ms"));
end:
        arena_done(&a);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any arguments of a directive of nginx's come back as they were, and make no other directive. Byte 1f parts the arguments; what nginx
 * can't be told is refused, and that is said before. */

#include <stdlib.h>

#include "base/vec.h"
#include "consumer.h"
#include "output/nginx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARGS_MAX = 50 };

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static bool has_dollar_or_control(struct str s) {
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] == '$' || (unsigned char) s.p[i] < 32 || s.p[i] == 127)
                        return true;

        return false;
}

static struct str build(struct arena *a, const struct words *args) {
        struct nginx *n = nginx_new(a);

        nginx_comment(n, "a comment");
        nginx_line(n, "server");
        nginx_block(n);
        nginx_line(n, "add_header");
        for (size_t i = 0; i < args->n; i++)
                nginx_arg(n, ((struct header_text) { args->at[i], NOWHERE }));
        nginx_word(n, "always");
        nginx_line(n, "proxy_pass");
        nginx_arg_begin(n);
        nginx_part_const(n, "http://$host");
        nginx_part(n, ((struct header_text) { args->at[0], NOWHERE }));
        nginx_arg_end(n);
        nginx_line(n, "proxy_read_timeout");
        nginx_duration(n, (struct duration) { 1500001, NOWHERE });
        nginx_number(n, 7);
        nginx_close(n);
        return nginx_text(n);
}

static void require_words(const struct words *got, size_t *at, const char *const *words) {
        for (; *words; words++)
                require(*at < got->n && str_is(got->at[(*at)++], *words));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena a = { 0 };
        struct words args = { 0 }, got = { 0 };
        struct str piece, rest = { (const char *) data, size };
        size_t at = 0;

        while (size > 0 && args.n < ARGS_MAX && str_split(&rest, '\x1f', &piece)) {
                require(nginx_can_write(piece) != has_dollar_or_control(piece));
                if (nginx_can_write(piece))
                        *vec_push(&a, &args) = arena_str(&a, piece);
        }
        if (args.n == 0)
                goto end;

        require(nginx_tokens(&a, build(&a, &args), &got) == 0);
        require_words(&got, &at, (const char *[]) { "server", "{", "add_header", NULL });
        for (size_t i = 0; i < args.n; i++)
                require(at < got.n && str_eq(got.at[at++], args.at[i]));
        require_words(&got, &at, (const char *[]) { "always", ";", "proxy_pass", NULL });
        require(at < got.n && str_eq(got.at[at++], arena_join(&a, STR("http://$host"), args.at[0])));
        require_words(&got, &at, (const char *[]) { ";", "proxy_read_timeout", "1501ms", "7", ";", "}", NULL });
        require(at == got.n);
end:
        arena_done(&a);
        return 0;
}

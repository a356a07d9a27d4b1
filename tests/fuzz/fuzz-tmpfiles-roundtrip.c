/* SPDX-License-Identifier: Apache-2.0 */
/* Any path and any content on a line for systemd-tmpfiles come back as they were, and make no other line. The first byte says how many
 * of the others are the path. */

#include <stdlib.h>

#include "base/vec.h"
#include "consumer.h"
#include "output/tmpfiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static const struct tmpfiles_access access = {
        { STR_INIT("0640"), NOWHERE }, { STR_INIT("wrap"), NOWHERE }, { STR_INIT("www-data"), NOWHERE },
};

static void require_line(struct arena *a, struct str line, const char *type, struct str path, struct str argument) {
        struct words got = { 0 };

        require(tmpfiles_words(a, line, &got) == 0);
        require(str_is(got.at[0], type) && str_eq(got.at[1], path));
        require(str_is(got.at[2], "0640") && str_is(got.at[3], "wrap") && str_is(got.at[4], "www-data") && str_is(got.at[5], "-"));
        require(got.n == (argument.n > 0 ? 7 : 6) && (argument.n == 0 || str_eq(got.at[6], argument)));
}

static void check(struct arena *a, struct str path, struct str content) {
        const struct abs_path where = { path, NOWHERE };
        struct tmpfiles *t = tmpfiles_new(a);
        struct str rest, lines[5];
        size_t n = 0;

        tmpfiles_directory(t, where, &access);
        tmpfiles_file(t, where, &access, (struct any_text) { content, NOWHERE });
        tmpfiles_credential(t, where, &access, (struct name) { STR("copy-1"), NOWHERE });
        tmpfiles_file(t, where, &access, (struct any_text) { STR(""), NOWHERE });

        rest = tmpfiles_text(t);
        require(str_has_suffix(rest, STR("\n")));
        rest.n--;
        while (n < ARRAY_SIZE(lines) && str_split(&rest, '\n', &lines[n]))
                n++;
        require(n == 4);
        require_line(a, lines[0], "d", path, STR(""));
        require_line(a, lines[1], content.n > 0 ? "f+~" : "f+", path, content);
        require_line(a, lines[2], "f+^", path, STR("copy-1"));
        require_line(a, lines[3], "f+", path, STR(""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena a = { 0 };
        size_t n = size > 0 ? data[0] : 0;
        struct str all = { (const char *) data, size }, path;

        if (size == 0 || n > size - 1)
                return 0;

        path = arena_join(&a, STR("/"), (struct str) { all.p + 1, n });
        if (str_find(path, '\0') == path.n)
                check(&a, path, str_from(all, n + 1));
        arena_done(&a);
        return 0;
}

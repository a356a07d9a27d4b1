/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/openssl.h"

#include <errno.h>
#include <string.h>

int openssl_run(struct arena *a, const char *const *words, struct str input, struct spawn_result *ret) {
        struct str program = spawn_find(a, "openssl");
        const char *argv[16] = { program.p };

        if (str_is_absent(program))
                return -ENOENT;
        for (size_t i = 0; i + 2 < ARRAY_SIZE(argv) && words[i]; i++)
                argv[i + 1] = words[i];

        return spawn_run_on(a, argv, input, ret);
}

/* The time behind the heading, as in "notAfter=Nov 30 12:00:00 2027 GMT"; 0 if there is none. */
static time_t parse_time(struct arena *a, struct str text, const char *heading) {
        size_t at = str_find_str(text, str_of(heading));
        struct tm tm = { 0 };

        if (at == text.n ||
            !strptime(arena_str(a, str_from(text, at + strlen(heading))).p, "%b %d %T %Y GMT", &tm))
                return 0;

        return timegm(&tm);
}

bool openssl_read_times(struct arena *a, struct str file, time_t *ret_start, time_t *ret_end) {
        struct spawn_result found = { 0 };

        if (openssl_run(a,
                        (const char *[]){ "x509", "-noout", "-startdate", "-enddate", "-in",
                                          arena_str(a, file).p, NULL },
                        (struct str){ 0 }, &found) < 0 ||
            found.status != 0)
                return false;

        *ret_start = parse_time(a, found.out, "notBefore=");
        *ret_end = parse_time(a, found.out, "notAfter=");
        return *ret_start > 0 && *ret_end > 0;
}

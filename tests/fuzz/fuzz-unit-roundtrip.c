/* SPDX-License-Identifier: Apache-2.0 */
/* Any words through any key of a unit arrive at Podman or systemd as they were. The first byte is the key, byte 1f parts
 * the words. */

#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct arena a = { 0 };
        struct words words = { 0 };
        struct str piece, rest = { (const char *) data, size };
        enum roundtrip_key key;
        const char *why;

        if (size == 0)
                return 0;

        key = data[0] % ROUNDTRIP_COUNT;
        rest = str_from(rest, 1);
        while (str_split(&rest, '\x1f', &piece))
                if (words.n < ROUNDTRIP_WORDS_MAX && !roundtrip_is_refused(key, piece))
                        *vec_push(&a, &words) = arena_str(&a, piece);

        why = words.n > 0 ? roundtrip_unit(&a, key, &words) : NULL;
        if (why) {
                (void) fprintf(stderr, "%s\n", why);
                abort();
        }
        arena_done(&a);
        return 0;
}

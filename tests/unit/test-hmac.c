/* SPDX-License-Identifier: Apache-2.0 */

/* RFC 4231's test cases, and lengths around those of a block. */

#include <string.h>

#include "base/hmac.h"
#include "rows.h"

struct hmac_row {
        const char *name;
        struct str key, text;
        const char *sum;
};

static char bytes_aa[131], bytes_a[200];

static const struct hmac_row rows[] = {
        { "case 2: a short key", STR_INIT("Jefe"), STR_INIT("what do ya want for nothing?"),
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { "case 6: a key longer than a block", { bytes_aa, 131 }, STR_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { "no key, no text", STR_INIT(""), STR_INIT(""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
        { "padding that just fits", STR_INIT("k"), { bytes_a, 55 }, "2cc44ce77061ae61e565e2ba633d3fb0c3f0a40d8183dc37eb47a18abda4baf2" },
        { "padding in a block of its own", STR_INIT("k"), { bytes_a, 56 }, "bc446082d08be8bf111c25f6b4d227bfbcc94721f7388c69fc93a6699de8ab3b" },
        { "whole blocks", STR_INIT("k"), { bytes_a, 128 }, "f5b969f16b9ddca67e4313af9e3e54cc6acabf207dec567190f23c15b88ccc8c" },
};

static void test_row(void **state) {
        const struct hmac_row *row = *state;
        struct arena a = { 0 };

        memset(bytes_aa, 0xaa, sizeof(bytes_aa));
        memset(bytes_a, 'a', sizeof(bytes_a));
        assert_string_equal(hmac_sha256(&a, row->key, row->text).p, row->sum);
        arena_done(&a);
}

int main(void) {
        static struct rows tests;

        rows_add(&tests, test_row, rows);
        return rows_run(&tests, "hmac");
}

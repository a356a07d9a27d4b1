/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-kms: decrypts one ciphertext with AWS KMS. pyservice-environment runs it. */

#include <fcntl.h>
#include <sys/prctl.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "hooks/kms.h"
#include "programs/usage.h"

enum { CIPHERTEXT_MAX = 8192 + 1 };

static const char usage_text[] =
        "usage: pyservice-kms FILE\nDecrypts the base64 in FILE with AWS KMS, and writes the plaintext to "
        "standard output. The environment sets the address of KMS and the credentials: AWS_REGION, "
        "AWS_ENDPOINT_URL_KMS, AWS_ACCESS_KEY_ID, AWS_SHARED_CREDENTIALS_FILE … (pyservice-host(5)).\n";

int main(int argc, char *argv[]) {
        struct arena arena = { 0 };
        struct kms k = { .arena = &arena };
        struct str text, plaintext;
        int r;

        /* A core dump would be a copy of the secret on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage_answer('h', usage_text);
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return usage_answer('v', usage_text);
        if (argc != 2 || argv[1][0] == '-')
                return usage_answer('?', usage_text);

        r = fs_read(&arena, AT_FDCWD, argv[1], CIPHERTEXT_MAX, &text);
        if (r == 0)
                r = kms_decrypt(&k, str_trim((struct str){ text.p, str_find(text, '\n') }), &plaintext);
        if (r < 0) {
                (void) fprintf(stderr, "%s\n", strerror(-r));
                return EXIT_SYSTEM;
        }
        if (r > 0) {
                (void) fprintf(stderr, "%.*s\n", STR_ARG(utf8_clean(k.arena, k.problem)));
                return EXIT_USER;
        }

        return fwrite(plaintext.p, 1, plaintext.n, stdout) == plaintext.n && fflush(stdout) == 0
                       ? EXIT_SUCCESS
                       : EXIT_SYSTEM;
}

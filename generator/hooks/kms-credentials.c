/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "hooks/kms.h"

#define FILE_MAX ((size_t) 64 << 10)

struct str kms_variable(const char *name) {
        const char *value = getenv(name);

        return value && value[0] != '\0' ? str_of(value) : (struct str){ 0 };
}

bool kms_is_header_text(struct str s) {
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] <= ' ' || s.p[i] > '~')
                        return false;

        return s.n > 0;
}

/* The profile's values; false if the file has no such profile. */
static bool read_profile(struct str text, struct str profile, struct kms_credentials *ret) {
        const struct {
                const char *key;
                struct str *value;
        } keys[] = {
                { "aws_access_key_id", &ret->key_id },
                { "aws_secret_access_key", &ret->key },
                { "aws_session_token", &ret->token },
        };
        bool is_in = false, was_in = false;
        struct str line;

        while (str_split(&text, '\n', &line)) {
                struct str key;
                size_t equals;

                if (str_has_suffix(line, STR("\r")))
                        line.n--;
                line = str_trim(line);
                equals = str_find(line, '=');
                key = str_trim((struct str){ line.p, equals });
                if (str_has_prefix(line, STR("[")) && str_has_suffix(line, STR("]"))) {
                        is_in = str_eq(str_trim((struct str){ line.p + 1, line.n - 2 }), profile);
                        was_in |= is_in;
                }
                for (size_t i = 0; is_in && equals < line.n && i < ARRAY_SIZE(keys); i++)
                        if (str_is(key, keys[i].key))
                                *keys[i].value = str_trim(str_from(line, equals + 1));
        }

        return was_in;
}

/* -ENOENT if there is no file and the environment names none. */
static int read_shared_file(struct kms *k) {
        struct str named = kms_variable("AWS_SHARED_CREDENTIALS_FILE"), profile = kms_variable("AWS_PROFILE"),
                   home = kms_variable("HOME"), text;
        struct str path =
                arena_join(k->arena, str_is_absent(home) ? STR("/root") : home, STR("/.aws/credentials"));
        int r;

        if (!str_is_absent(named))
                path = named;
        r = fs_read(k->arena, AT_FDCWD, path.p, FILE_MAX, &text);
        if (r == -ENOENT && str_is_absent(named) && str_is_absent(profile))
                return r;
        if (r < 0)
                return kms_complain(k, arena_printf(k->arena, "cannot read the credentials file '%s': %s",
                                                    path.p, strerror(-r)));

        if (str_is_absent(profile))
                profile = STR("default");
        if (!read_profile(text, profile, &k->credentials))
                return kms_complain(k,
                                    arena_printf(k->arena, "the credentials file '%s' has no profile '%.*s'",
                                                 path.p, STR_ARG(profile)));
        if (k->credentials.key_id.n == 0 || k->credentials.key.n == 0)
                return kms_complain(k, arena_printf(k->arena,
                                                    "the profile '%.*s' of '%s' is missing aws_access_key_id "
                                                    "or aws_secret_access_key",
                                                    STR_ARG(profile), path.p));
        return 0;
}

static int find_credentials(struct kms *k) {
        struct kms_credentials *c = &k->credentials;
        int r;

        *c = (struct kms_credentials){ kms_variable("AWS_ACCESS_KEY_ID"),
                                       kms_variable("AWS_SECRET_ACCESS_KEY"),
                                       kms_variable("AWS_SESSION_TOKEN") };
        if (!str_is_absent(c->key_id) && !str_is_absent(c->key))
                return 0;
        if (!str_is_absent(c->key_id) || !str_is_absent(c->key))
                return kms_complain(k, STR("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; "
                                           "set both"));

        *c = (struct kms_credentials){ 0 };
        r = read_shared_file(k);
        if (r != -ENOENT)
                return r;

        r = kms_metadata_credentials(k);
        if (r != 1)
                return r;
        return kms_complain(k, arena_printf(k->arena,
                                            "no credentials for AWS: neither AWS_ACCESS_KEY_ID nor a "
                                            "credentials file is set (`kms:` in host.yaml), and %.*s",
                                            STR_ARG(k->problem)));
}

int kms_find_credentials(struct kms *k) {
        const struct kms_credentials *c = &k->credentials;
        int r = find_credentials(k);

        if (r != 0)
                return r;
        if (!kms_is_header_text(c->key_id) || !kms_is_header_text(c->key) ||
            (c->token.n > 0 && !kms_is_header_text(c->token)))
                return kms_complain(k, STR("the credentials for AWS contain invalid bytes"));

        return 0;
}

int kms_find_region(struct kms *k) {
        int r;

        k->region = kms_variable("AWS_REGION");
        if (str_is_absent(k->region))
                k->region = kms_variable("AWS_DEFAULT_REGION");
        if (str_is_absent(k->region)) {
                r = kms_metadata_get(k, STR("/latest/meta-data/placement/region"), &k->region);
                if (r == 1)
                        return kms_complain(k, arena_printf(k->arena,
                                                            "the region of AWS is unknown: 'region' is not "
                                                            "set (`kms:` in host.yaml), and %.*s",
                                                            STR_ARG(k->problem)));
                if (r < 0)
                        return r;
        }

        k->region = str_trim(k->region);
        if (k->region.n == 0 || !str_is_made_of(k->region, "abcdefghijklmnopqrstuvwxyz0123456789-"))
                return kms_complain(k, arena_printf(k->arena, "'%.*s' is not an AWS region",
                                                    STR_ARG(kms_one_line(k, k->region))));
        return 0;
}

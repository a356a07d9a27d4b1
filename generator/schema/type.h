/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The refined types: what each accepts, in one table.
 *
 * A row has a type's name, its limits, the pattern for JSON Schema, and texts that are good and bad: they are
 * the type's unit tests and the examples of the manual and the schema at once. */

#include "base/value.h"
#include "base/vec.h"
#include "input/diag.h"

enum kind {
        KIND_NONE,
        KIND_FLAG,
        KIND_NUMBER,
        KIND_DURATION,
        KIND_BYTES,
        KIND_CPUS,
        KIND_CHOICE,
#define X(symbol, type) KIND_##symbol,
        TEXT_TYPES(X)
#undef X
                KIND_COUNT
};

#define KIND_OF(x)                                          \
        _Generic((x), struct flag                           \
                 : KIND_FLAG, struct number                 \
                 : KIND_NUMBER, struct duration             \
                 : KIND_DURATION, struct byte_size          \
                 : KIND_BYTES, struct cpus                  \
                 : KIND_CPUS, struct choice                 \
                 : KIND_CHOICE, struct text                 \
                 : KIND_TEXT, struct name                   \
                 : KIND_NAME, struct image_ref              \
                 : KIND_IMAGE_REF, struct abs_path          \
                 : KIND_ABS_PATH, struct env_file           \
                 : KIND_ENV_FILE, struct env_name           \
                 : KIND_ENV_NAME, struct var_name           \
                 : KIND_VAR_NAME, struct env_text           \
                 : KIND_ENV_TEXT, struct label_name         \
                 : KIND_LABEL_NAME, struct label_text       \
                 : KIND_LABEL_TEXT, struct word             \
                 : KIND_WORD, struct unit_name              \
                 : KIND_UNIT_NAME, struct unit_ref          \
                 : KIND_UNIT_REF, struct user_name          \
                 : KIND_USER_NAME, struct network_ref       \
                 : KIND_NETWORK_REF, struct volume_spec     \
                 : KIND_VOLUME_SPEC, struct volume_name     \
                 : KIND_VOLUME_NAME, struct publish_spec    \
                 : KIND_PUBLISH_SPEC, struct credential     \
                 : KIND_CREDENTIAL, struct ciphertext       \
                 : KIND_CIPHERTEXT, struct podman_secret    \
                 : KIND_PODMAN_SECRET, struct signal_name   \
                 : KIND_SIGNAL, struct domain               \
                 : KIND_DOMAIN, struct host_glob            \
                 : KIND_HOST_GLOB, struct host_name         \
                 : KIND_HOST_NAME, struct http_path         \
                 : KIND_HTTP_PATH, struct http_status       \
                 : KIND_HTTP_STATUS, struct header_name     \
                 : KIND_HEADER_NAME, struct header_text     \
                 : KIND_HEADER_TEXT, struct backend_name    \
                 : KIND_BACKEND_NAME, struct server_address \
                 : KIND_SERVER_ADDRESS, struct listener     \
                 : KIND_LISTENER, struct ip_prefix          \
                 : KIND_IP_PREFIX, struct address_set       \
                 : KIND_ADDRESS_SET, struct calendar        \
                 : KIND_CALENDAR, struct option_text        \
                 : KIND_OPTION_TEXT, struct url             \
                 : KIND_URL, struct git_url                 \
                 : KIND_GIT_URL, struct git_ref             \
                 : KIND_GIT_REF, struct relative_path       \
                 : KIND_RELATIVE_PATH, struct package       \
                 : KIND_PACKAGE, struct version             \
                 : KIND_VERSION, struct quadlet_key         \
                 : KIND_QUADLET_KEY, struct quadlet_text    \
                 : KIND_QUADLET_TEXT, struct account        \
                 : KIND_ACCOUNT, struct file_mode           \
                 : KIND_FILE_MODE, struct module_name       \
                 : KIND_MODULE_NAME, struct capability      \
                 : KIND_CAPABILITY, struct device           \
                 : KIND_DEVICE, struct extra_host           \
                 : KIND_EXTRA_HOST, struct ip_address       \
                 : KIND_IP_ADDRESS, struct memory_mount     \
                 : KIND_MEMORY_MOUNT, struct sysctl_name    \
                 : KIND_SYSCTL_NAME, struct limit_name      \
                 : KIND_LIMIT_NAME, struct limit            \
                 : KIND_LIMIT, struct zone_name             \
                 : KIND_ZONE_NAME, struct platform          \
                 : KIND_PLATFORM, struct seccomp            \
                 : KIND_SECCOMP, struct user_namespace      \
                 : KIND_USER_NAMESPACE, struct id_map       \
                 : KIND_ID_MAP, struct mail_address         \
                 : KIND_MAIL_ADDRESS, struct any_text       \
                 : KIND_ANY_TEXT)

struct type {
        const char *name; /* "image reference" */
        const char *rule; /* what would be right; ends the message */
        const char *first,
                *chars; /* bracket expressions without brackets; NULL: any byte that yaml.c lets in */
        size_t max;     /* bytes */
        bool (*also)(struct str text); /* rules that a set of characters can't express */
        const char *pattern;           /* for JSON Schema; NULL: made of first, chars and max */
        bool allows_instance;          /* INSTANCE_MARK may stand in it, */
        bool allows_marks;             /* or every mark */
        bool allows_lines;             /* line feeds too */
        bool allows_empty;
        bool allows_booleans;                 /* plain true, yes, off … are the texts that they are */
        const char *const *good, *const *bad; /* NULL-ended */
};

/* The row of a kind. */
const struct type *type_of(enum kind kind);

/* True if a text kind accepts `text`. */
bool type_accepts(enum kind kind, struct str text);

/* True if YAML 1.1 does not take this plain scalar for a text (yes, no, 010, 0x1f, ~, null …). */
bool type_is_ambiguous(struct str plain);

/* systemd.time(7): "5s", "1min 30s", "2h", "infinity"; plain digits are seconds. False if it is not a
 * time. */
bool type_parse_duration(struct str text, uint64_t *ret_usec);

/* "512M", "512m", "512Mi": digits and K, M, G, T (1024 each), or bytes. */
bool type_parse_bytes(struct str text, uint64_t *ret_bytes);

/* "1.5" → 1500. */
bool type_parse_cpus(struct str text, uint64_t *ret_milli);

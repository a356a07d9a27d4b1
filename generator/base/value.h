/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Refined values: the result of a typed parser, and the only values that an emitter takes.
 *
 * Text from YAML is `struct str`. A type's parser in schema/type.c turns it into one of the structs below,
 * and no other code may build one from user text; emitters take these and refuse `struct str` at compile
 * time. So an unchecked value can't reach a unit or HAProxy's configuration. Each value has its position in
 * the definition, so that messages of another program (Quadlet) can be shown there. A zeroed value is absent.
 *
 * INSTANCE_MARK inside a text stands for `{{ instance }}`, and the other marks for values that are not known
 * before a unit is loaded. They are bytes that yaml.c refuses. */

#include "base/arena.h"

/* A part of a source file. */
struct span {
        uint32_t file, off, len;
};

#define SPAN_NOWHERE UINT32_MAX
#define NOWHERE ((struct span){ SPAN_NOWHERE, 0, 0 })

#define INSTANCE_MARK '\x01'
#define HOSTNAME_MARK '\x04'
#define REVISION_MARK '\x05'
#define IMAGE_MARK '\x06'

/* The name between the braces that a mark stands for; NULL for every other byte. */
const char *mark_name(char c);

/* The name of the text's first mark; NULL if it has none. */
const char *mark_name_in(struct str text);

static inline bool has_instance_mark(struct str text) {
        return str_find(text, INSTANCE_MARK) < text.n;
}

/* The text with `by` in place of each mark; it ends with a NUL byte. Absent for an absent text. */
struct str instance_mark_replace(struct arena *a, struct str text, struct str by);

/* The text as the user wrote it. Absent for an absent text. */
struct str marks_show(struct arena *a, struct str text);

/* Begins a volume_spec whose SOURCE is a volume that is not the application's; only the decoder writes it. */
#define FOREIGN_MARK '\x03'

/* Begins a unit_ref that has a condition: CONDITION, the mark again, the name. Only the decoder writes it. */
#define CONDITION_MARK '\x07'

/* The unit's credentials directory ($CREDENTIALS_DIRECTORY, systemd's %d); only programs write it. */
#define CREDENTIALS_MARK '\x02'

/* symbol, struct */
#define TEXT_TYPES(X)                                                                               \
        X(TEXT, text)           /* one line for people */                                           \
        X(NAME, name)           /* app, service, task, secret …: [a-z0-9]([a-z0-9-]*[a-z0-9])? */ \
        X(IMAGE_REF, image_ref) /* [registry/]name[:tag][@digest] */                                \
        X(ABS_PATH, abs_path)   /* normal absolute path */                                          \
        X(ENV_FILE, env_file)   /* abs_path, perhaps after a '-' */                                 \
        X(ENV_NAME, env_name)   /* [A-Za-z_][A-Za-z0-9_.-]* */                                      \
        X(VAR_NAME, var_name)   /* [A-Za-z_][A-Za-z0-9_]*, for {{ }} */                             \
        X(ENV_TEXT, env_text)   /* any text */                                                      \
        X(LABEL_NAME, label_name)                                                                   \
        X(LABEL_TEXT, label_text)         /* any text */                                            \
        X(WORD, word)                     /* one word of a command: any text */                     \
        X(UNIT_NAME, unit_name)           /* systemd.unit(5), with its suffix */                    \
        X(UNIT_REF, unit_ref)             /* a service of the app, or a unit */                     \
        X(USER_NAME, user_name)           /* name or number, perhaps with :group */                 \
        X(NETWORK_REF, network_ref)       /* network, NAME.network, or a mode such as host */       \
        X(VOLUME_SPEC, volume_spec)       /* SOURCE:DESTINATION[:OPTIONS] */                        \
        X(VOLUME_NAME, volume_name)       /* as Podman knows it */                                  \
        X(PUBLISH_SPEC, publish_spec)     /* [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL] */               \
        X(CREDENTIAL, credential)         /* a credential's name, systemd.exec(5) */                \
        X(CIPHERTEXT, ciphertext)         /* of AWS KMS, in base64; perhaps one line in clear */    \
        X(PODMAN_SECRET, podman_secret)   /* podman-secret-create(1) */                             \
        X(SIGNAL, signal_name)            /* SIGTERM … */                                         \
        X(DOMAIN, domain)                 /* host name, perhaps *.example.com */                    \
        X(HOST_GLOB, host_glob)           /* ConditionHost= */                                      \
        X(HOST_NAME, host_name)           /* of a container, on its network */                      \
        X(HTTP_PATH, http_path)           /* /path?query */                                         \
        X(HTTP_STATUS, http_status)       /* 200,301-399 */                                         \
        X(HEADER_NAME, header_name)       /* RFC 9110 token */                                      \
        X(HEADER_TEXT, header_text)       /* printable ASCII */                                     \
        X(BACKEND_NAME, backend_name)     /* HAProxy's [A-Za-z0-9_.:-]+ */                          \
        X(SERVER_ADDRESS, server_address) /* HOST:PORT */                                           \
        X(LISTENER, listener)             /* PORT or ADDRESS:PORT */                                \
        X(IP_PREFIX, ip_prefix)           /* address or address/bits */                             \
        X(ADDRESS_SET, address_set)       /* ip_prefix, or the abs_path of a file of them */        \
        X(CALENDAR, calendar)             /* OnCalendar=, systemd.time(7) */                        \
        X(OPTION_TEXT, option_text)       /* mount or driver options: no blank, no quote */         \
        X(CAPABILITY, capability)         /* CAP_NET_ADMIN, NET_ADMIN, ALL */                       \
        X(DEVICE, device)                 /* /dev/x[:/dev/y][:rwm], or a CDI name */                \
        X(EXTRA_HOST, extra_host)         /* NAME:ADDRESS */                                        \
        X(IP_ADDRESS, ip_address)         /* inet_pton(3) */                                        \
        X(MEMORY_MOUNT, memory_mount)     /* /PATH[:OPTIONS] */                                     \
        X(SYSCTL_NAME, sysctl_name)       /* sysctl(8) */                                           \
        X(LIMIT_NAME, limit_name)         /* nofile …: prlimit(1) */                              \
        X(LIMIT, limit)                   /* -1 or a number */                                      \
        X(ZONE_NAME, zone_name)           /* Europe/Berlin, or local */                             \
        X(PLATFORM, platform)             /* OS/ARCHITECTURE[/VARIANT] */                           \
        X(SECCOMP, seccomp)               /* abs_path, or unconfined */                             \
        X(USER_NAMESPACE, user_namespace) /* --userns of podman-run(1) */                           \
        X(ID_MAP, id_map)                 /* --uidmap of podman-run(1) */                           \
        X(MAIL_ADDRESS, mail_address)                                                               \
        X(URL, url)                                                                                 \
        X(GIT_URL, git_url)             /* where a Git repository is; holds no password */          \
        X(GIT_REF, git_ref)             /* tag, branch or commit */                                 \
        X(RELATIVE_PATH, relative_path) /* below a directory */                                     \
        X(PACKAGE, package)             /* of Debian: name[:arch][=version] */                      \
        X(VERSION, version)             /* 3.12 */                                                  \
        X(QUADLET_KEY, quadlet_key)     /* [A-Z][A-Za-z0-9]* */                                     \
        X(QUADLET_TEXT, quadlet_text)   /* one raw line */                                          \
        X(ACCOUNT, account)             /* one user or group of the machine: a name or a number */  \
        X(FILE_MODE, file_mode)         /* octal digits */                                          \
        X(MODULE_NAME, module_name)     /* of Python: a.b_c */                                      \
        X(ANY_TEXT, any_text)           /* checked later, by a contract */

#define X(symbol, type)          \
        struct type {            \
                struct str text; \
                struct span at;  \
        };
TEXT_TYPES(X)
#undef X

/* A number within the bounds of its field. */
struct number {
        uint64_t n;
        struct span at;
};

/* Microseconds, systemd's usec_t; UINT64_MAX is "infinity". */
struct duration {
        uint64_t usec;
        struct span at;
};

/* Bytes; systemd's suffixes K, M, G, T are powers of 1024. */
struct byte_size {
        uint64_t bytes;
        struct span at;
};

/* CPUs in thousandths. */
struct cpus {
        uint64_t milli;
        struct span at;
};

struct flag {
        bool yes;
        struct span at;
};

/* One of a field's words, by its place in the row's list. */
struct choice {
        unsigned index;
        struct span at;
};

/* The text of a refined value. Each type passes through a function of its own type, so that anything else
 * does not compile. */
#define X(symbol, type)                                          \
        static inline struct str type##_as_text(struct type v) { \
                return v.text;                                   \
        }
TEXT_TYPES(X)
#undef X
#define REFINED_TEXT(value)                                    \
        _Generic((value), struct text                          \
                 : text_as_text, struct name                   \
                 : name_as_text, struct image_ref              \
                 : image_ref_as_text, struct abs_path          \
                 : abs_path_as_text, struct env_file           \
                 : env_file_as_text, struct env_name           \
                 : env_name_as_text, struct var_name           \
                 : var_name_as_text, struct env_text           \
                 : env_text_as_text, struct label_name         \
                 : label_name_as_text, struct label_text       \
                 : label_text_as_text, struct word             \
                 : word_as_text, struct unit_name              \
                 : unit_name_as_text, struct unit_ref          \
                 : unit_ref_as_text, struct user_name          \
                 : user_name_as_text, struct network_ref       \
                 : network_ref_as_text, struct volume_spec     \
                 : volume_spec_as_text, struct volume_name     \
                 : volume_name_as_text, struct publish_spec    \
                 : publish_spec_as_text, struct credential     \
                 : credential_as_text, struct ciphertext       \
                 : ciphertext_as_text, struct podman_secret    \
                 : podman_secret_as_text, struct signal_name   \
                 : signal_name_as_text, struct domain          \
                 : domain_as_text, struct host_glob            \
                 : host_glob_as_text, struct host_name         \
                 : host_name_as_text, struct http_path         \
                 : http_path_as_text, struct http_status       \
                 : http_status_as_text, struct header_name     \
                 : header_name_as_text, struct header_text     \
                 : header_text_as_text, struct backend_name    \
                 : backend_name_as_text, struct server_address \
                 : server_address_as_text, struct listener     \
                 : listener_as_text, struct ip_prefix          \
                 : ip_prefix_as_text, struct address_set       \
                 : address_set_as_text, struct calendar        \
                 : calendar_as_text, struct option_text        \
                 : option_text_as_text, struct capability      \
                 : capability_as_text, struct device           \
                 : device_as_text, struct extra_host           \
                 : extra_host_as_text, struct ip_address       \
                 : ip_address_as_text, struct memory_mount     \
                 : memory_mount_as_text, struct sysctl_name    \
                 : sysctl_name_as_text, struct limit_name      \
                 : limit_name_as_text, struct limit            \
                 : limit_as_text, struct zone_name             \
                 : zone_name_as_text, struct platform          \
                 : platform_as_text, struct seccomp            \
                 : seccomp_as_text, struct user_namespace      \
                 : user_namespace_as_text, struct id_map       \
                 : id_map_as_text, struct mail_address         \
                 : mail_address_as_text, struct url            \
                 : url_as_text, struct git_url                 \
                 : git_url_as_text, struct git_ref             \
                 : git_ref_as_text, struct relative_path       \
                 : relative_path_as_text, struct package       \
                 : package_as_text, struct version             \
                 : version_as_text, struct quadlet_key         \
                 : quadlet_key_as_text, struct quadlet_text    \
                 : quadlet_text_as_text, struct account        \
                 : account_as_text, struct file_mode           \
                 : file_mode_as_text, struct module_name       \
                 : module_name_as_text)(value)

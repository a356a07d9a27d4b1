/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rights and resources of a container, besides its image, command, environment and mounts: the keys that
 * Compose and podman-run(1) have too. */

#include "schema/schema.h"

enum log_driver { LOG_JOURNALD, LOG_K8S_FILE, LOG_JSON_FILE, LOG_PASSTHROUGH, LOG_NONE };

struct log_option {
        struct name key;
        struct text value;
};

struct log {
        struct choice driver;
        LIST(struct log_option) options;
};

struct security {
        struct flag no_new_privileges;
        struct seccomp seccomp;
        struct option_text apparmor;
        struct flag selinux_disable;
        struct option_text selinux_type, selinux_level;
};

/* A limit of each process: getrlimit(2). Without a hard limit, it is the soft one. */
struct ulimit {
        struct limit soft, hard;
};

struct ulimit_entry {
        struct limit_name key;
        struct ulimit value;
};

struct sysctl_entry {
        struct sysctl_name key;
        struct text value;
};

/* Either a mode, or maps, or a name in subuid(5) and subgid(5). */
struct userns {
        struct user_namespace mode;
        LIST(struct id_map) uid_map, gid_map;
        struct account subids;
};

struct settings {
        LIST(struct capability) cap_add, cap_drop;
        LIST(struct device) devices;
        struct choice gpus; /* only where its place is set */
        LIST(struct extra_host) extra_hosts;
        LIST(struct ip_address) dns;
        struct host_name hostname;
        LIST(struct account) groups;
        struct flag read_only, tty, privileged;
        LIST(struct memory_mount) tmpfs;
        struct byte_size shm_size;
        LIST(struct sysctl_entry) sysctls;
        LIST(struct ulimit_entry) ulimits;
        struct zone_name timezone;
        struct platform platform;
        struct log *log;
        struct security *security;
        struct userns *userns;
};

extern const struct schema settings_schema;

/* The mode of the user namespace; absent if there is none. */
struct user_namespace settings_mode(const struct settings *s);

/* True if the ids in the container are those of a map, and not the machine's. */
bool settings_has_map(const struct settings *s);

/* OS, ARCHITECTURE and VARIANT of a platform; the variant is absent if it has none. */
struct platform_parts {
        struct platform os, arch, variant;
};
struct platform_parts platform_split(struct platform p);

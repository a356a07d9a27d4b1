/* SPDX-License-Identifier: Apache-2.0 */
#include "app/settings.h"

static const struct field log_fields[] = {
        FIELD(log, driver, "driver",
              "Where Podman writes the container's output. Default: Podman's, normally 'journald'. "
              "'pyservicectl logs' reads the journal alone. The output of a task or timer always goes to the "
              "journal.",
              .choices = "journald|k8s-file|json-file|passthrough|none"),
        FIELD_MAP(log, options, "options", "Options of the driver (--log-opt), such as max-size and tag."),
};
static SCHEMA(log, "Where the output of a container goes.");

static const struct field security_fields[] = {
        FIELD(security, no_new_privileges, "no_new_privileges",
              "Whether its processes are prevented from gaining privileges, for example with setuid "
              "programs.",
              .flags = FIELD_INHERIT),
        FIELD(security, seccomp, "seccomp",
              "File with the system calls that are allowed, or 'unconfined' to allow all of them.",
              .flags = FIELD_INHERIT),
        FIELD(security, apparmor, "apparmor", "AppArmor profile, or 'unconfined'.", .flags = FIELD_INHERIT),
        FIELD(security, selinux_disable, "selinux_disable",
              "Whether SELinux does not separate the container from the machine.", .flags = FIELD_INHERIT),
        FIELD(security, selinux_type, "selinux_type", "SELinux type of its processes.",
              .flags = FIELD_INHERIT),
        FIELD(security, selinux_level, "selinux_level", "SELinux level of its processes.",
              .flags = FIELD_INHERIT),
};
static SCHEMA(security, "How the kernel confines the processes of a container.");

static const struct field userns_fields[] = {
        FIELD(userns, mode, "mode",
              "Mode (--userns of podman-run(1)), which a single value is too. With 'auto' no other container "
              "has the same ids on the machine, and files in mounts have the same owners inside and outside. "
              "With 'host' a container with 'hardening: strict' keeps the machine's ids."),
        FIELD_LIST(userns, uid_map, "uid_map",
                   "User ids of the container and what they are on the machine: "
                   "CONTAINER-ID:ID[:NUMBER-OF-IDS], with the flags of --uidmap. Without 'gid_map' it is the "
                   "map of group ids too. Files in mounts keep their owners on the machine, except where a "
                   "volume has the option 'idmap'.",
                   .flags = FIELD_ONE_OK),
        FIELD_LIST(userns, gid_map, "gid_map",
                   "Group ids of the container. Without 'uid_map' it is the map of user ids too.",
                   .flags = FIELD_ONE_OK),
        FIELD(userns, subids, "subids",
              "Name in subuid(5) and subgid(5) whose ids are those of the container, from 0 on."),
};
static SCHEMA(userns, "Which user and group ids a container has on the machine: a mode, maps, or a name of "
                      "subordinate ids.");

static const struct field ulimit_fields[] = {
        FIELD(ulimit, soft, "soft", "Limit that a process starts with.", .flags = FIELD_REQUIRED),
        FIELD(ulimit, hard, "hard", "Limit up to which a process may raise it. Default: the soft limit."),
};
static SCHEMA(ulimit, "A limit of each process.");

static const struct field settings_fields[] = {
        FIELD_LIST(settings, cap_add, "cap_add",
                   "Linux capabilities (capabilities(7)) in addition to Podman's default ones, or ALL. With "
                   "'hardening: strict' the container has only these.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD_LIST(settings, cap_drop, "cap_drop",
                   "Linux capabilities that the container does not have; ALL: it has only those of "
                   "'cap_add'.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD_LIST(settings, devices, "devices",
                   "Devices of the machine: /DEVICE[:/PATH-IN-CONTAINER][:PERMISSIONS], or the name of a CDI "
                   "device.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(settings, gpus, "gpus",
              "All NVIDIA GPUs of the machine: the CDI device nvidia.com/gpu=all, which 'nvidia-ctk cdi "
              "generate' describes. 'devices' takes single ones.",
              .choices = "all", .flags = FIELD_INHERIT),
        FIELD_LIST(settings, extra_hosts, "extra_hosts",
                   "Additional lines of /etc/hosts: NAME:ADDRESS. The address 'host-gateway' is the "
                   "machine's.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD_LIST(settings, dns, "dns",
                   "Name servers to use instead of the machine's. On a network of the application, its name "
                   "server asks them about all other names.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(settings, hostname, "hostname",
              "Host name in the container; for another name on the network, see 'aliases'. Default: the "
              "container's name."),
        FIELD_LIST(settings, groups, "groups",
                   "Additional groups of the command's user, by the image's names or by number.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(settings, read_only, "read_only",
              "Whether the container is read-only except its volumes and /dev/shm, /run, /tmp and /var/tmp "
              "in memory.",
              .flags = FIELD_INHERIT),
        FIELD_LIST(settings, tmpfs, "tmpfs", "Directories in memory: /PATH[:OPTIONS].",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(settings, shm_size, "shm_size", "Size of /dev/shm. Default: 64M, Podman's.",
              .flags = FIELD_INHERIT),
        FIELD_MAP(settings, sysctls, "sysctls",
                  "Kernel parameters of the container alone, such as net.core.somaxconn.",
                  .flags = FIELD_INHERIT),
        FIELD_MAP_OF_STRUCT(settings, ulimits, "ulimits", ulimit_schema,
                            "Limits of each process by name, such as nofile; a single value is both limits, "
                            "and -1 is no limit.",
                            .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(settings, tty, "tty", "Whether the command has a terminal, for programs that require one.",
              .flags = FIELD_INHERIT),
        FIELD(settings, timezone, "timezone",
              "Time zone of the container, such as Europe/Berlin, or 'local' for the machine's.",
              .flags = FIELD_INHERIT),
        FIELD(settings, platform, "platform",
              "Platform of the image, OS/ARCHITECTURE[/VARIANT], if it is not the machine's: it is pulled "
              "and run for that one. The machine needs an emulator (binfmt_misc) for another architecture. "
              "Podman has one platform of each tag; for two of them, name each image by its digest.",
              .flags = FIELD_INHERIT),
        FIELD_STRUCT(settings, log, "log", log_schema, "Where the output goes.",
                     .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(settings, privileged, "privileged",
              "Whether the container may do all that root of the machine may do: it has all capabilities and "
              "devices, and no confinement.",
              .flags = FIELD_INHERIT),
        FIELD_STRUCT(settings, security, "security", security_schema, "How the kernel confines it.",
                     .flags = FIELD_INHERIT),
        FIELD_STRUCT(settings, userns, "userns", userns_schema,
                     "User namespace: its ids on the machine. A single value is its mode.",
                     .flags = FIELD_INHERIT | FIELD_ONE_OK),
};
SCHEMA(settings, "Settings of a container, with the names that Compose has for them if it has one.");

struct user_namespace settings_mode(const struct settings *s) {
        return s->userns ? s->userns->mode : (struct user_namespace){ 0 };
}

bool settings_has_map(const struct settings *s) {
        const struct userns *ns = s->userns;

        return ns && (ns->uid_map.n > 0 || ns->gid_map.n > 0 || !str_is_absent(ns->subids.text));
}

struct platform_parts platform_split(struct platform p) {
        struct str rest = p.text;
        struct platform_parts parts = { .os.at = p.at, .arch.at = p.at, .variant.at = p.at };

        (void) str_split(&rest, '/', &parts.os.text);
        (void) str_split(&rest, '/', &parts.arch.text);
        parts.variant.text = rest;
        return parts;
}

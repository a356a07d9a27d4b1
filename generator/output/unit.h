/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Unit files: systemd's own (systemd.syntax(7)) and Quadlet's (podman-systemd.unit(5)).
 *
 * A value's encoding is decided by the key it goes to, in the one table of unit.c, and by nothing else.
 * Values are refined types (base/value.h); unit_put(u, k, "text") and unit_put(u, k, some_str) do not
 * compile. The program's own text is a string literal and is put unchanged, by the functions named _const,
 * which take nothing but literals.
 *
 * Every value in [Container] is read twice: Quadlet splits and unquotes it, then writes it into ExecStart=
 * for systemd, escaping quotes and backslashes, but neither '%' nor '$' nor a lone ';', and dropping empty
 * words. INSTANCE_MARK becomes %i, CREDENTIALS_MARK %d.
 *
 * Sections come out in the order of enum unit_section, each once, keys within it in the order of the
 * calls. */

#include "base/buf.h"
#include "base/value.h"
#include "output/tree.h"

enum unit_section {
        SECTION_UNIT,
        SECTION_CONTAINER,
        SECTION_IMAGE,
        SECTION_BUILD,
        SECTION_NETWORK,
        SECTION_VOLUME,
        SECTION_TIMER,
        SECTION_SERVICE,
        SECTION_INSTALL,
        SECTION_COUNT
};

/* Who reads the value, and how (checked against Podman 5.4.2, 5.8.2 and systemd 252, 255). Where Quadlet
 * writes it into ExecStart=, systemd expands % and $ in it, so both are doubled; elsewhere $ means nothing
 * and is left alone. */
enum unit_encoding {
        ENC_LITERAL, /* only [A-Za-z0-9@_./:,=+-], '[', ']', '\' and marks; other bytes are a bug and abort */
        ENC_TEXT,    /* systemd, one line for people: control bytes are blanks, trimmed, no '\' at the end */
        ENC_WORDS,   /* Quadlet's words (LookupAllArgs, LookupAllKeyVal): each in "…" */
        ENC_JSON,    /* Quadlet takes it whole, Podman as a list in JSON: ["…", "…"] */
        ENC_LINE,    /* Quadlet takes it whole and as it stands (LookupAll): Volume= */
        ENC_QUOTED,  /* the same inside one pair of "…" (Lookup), so blanks and '\' at the ends are kept */
        ENC_SECONDS, /* as ENC_LITERAL; a duration is whole seconds without a unit, rounded up */
        ENC_EXEC,    /* systemd's command lines: words in "…" */
        ENC_UNIT_WORDS, /* systemd's words where $ means nothing: Environment= */
        ENC_UNIT_LINE,  /* systemd takes it whole: a path, a glob */
        ENC_CREDENTIAL, /* SetCredential=: every odd byte as \xNN; no marks */
};

/* symbol, section, key, encoding */
#define UNIT_KEYS(X)                                                                      \
        X(UNIT_DESCRIPTION, UNIT, "Description", TEXT)                                    \
        X(UNIT_DOCUMENTATION, UNIT, "Documentation", LITERAL)                             \
        X(UNIT_SOURCE_PATH, UNIT, "SourcePath", TEXT)                                     \
        X(UNIT_WANTS, UNIT, "Wants", LITERAL)                                             \
        X(UNIT_REQUIRES, UNIT, "Requires", LITERAL)                                       \
        X(UNIT_PART_OF, UNIT, "PartOf", LITERAL)                                          \
        X(UNIT_AFTER, UNIT, "After", LITERAL)                                             \
        X(UNIT_BEFORE, UNIT, "Before", LITERAL)                                           \
        X(UNIT_CONFLICTS, UNIT, "Conflicts", LITERAL)                                     \
        X(UNIT_UPHOLDS, UNIT, "Upholds", LITERAL)                                         \
        X(UNIT_ON_FAILURE, UNIT, "OnFailure", LITERAL)                                    \
        X(UNIT_STOPPED, UNIT, "X-Stopped", LITERAL) /* of ours; systemd passes over it */ \
        X(UNIT_STOP_WHEN_UNNEEDED, UNIT, "StopWhenUnneeded", LITERAL)                     \
        X(UNIT_COLLECT_MODE, UNIT, "CollectMode", LITERAL)                                \
        X(UNIT_DEFAULT_DEPENDENCIES, UNIT, "DefaultDependencies", LITERAL)                \
        X(UNIT_START_LIMIT_INTERVAL, UNIT, "StartLimitIntervalSec", LITERAL)              \
        X(UNIT_START_LIMIT_BURST, UNIT, "StartLimitBurst", LITERAL)                       \
        X(UNIT_CONDITION_HOST, UNIT, "ConditionHost", UNIT_LINE)                          \
        X(UNIT_REQUIRES_MOUNTS, UNIT, "RequiresMountsFor", UNIT_WORDS)                    \
        X(CONTAINER_NAME, CONTAINER, "ContainerName", LITERAL)                            \
        X(CONTAINER_HOST_NAME, CONTAINER, "HostName", LITERAL)                            \
        X(CONTAINER_IMAGE, CONTAINER, "Image", LITERAL)                                   \
        X(CONTAINER_PULL, CONTAINER, "Pull", LITERAL)                                     \
        X(CONTAINER_ENTRYPOINT, CONTAINER, "Entrypoint", JSON)                            \
        X(CONTAINER_EXEC, CONTAINER, "Exec", WORDS)                                       \
        X(CONTAINER_ENVIRONMENT, CONTAINER, "Environment", WORDS)                         \
        X(CONTAINER_ENVIRONMENT_FILE, CONTAINER, "EnvironmentFile", WORDS)                \
        X(CONTAINER_LABEL, CONTAINER, "Label", WORDS)                                     \
        X(CONTAINER_NETWORK, CONTAINER, "Network", LITERAL)                               \
        X(CONTAINER_PUBLISH, CONTAINER, "PublishPort", LITERAL)                           \
        X(CONTAINER_VOLUME, CONTAINER, "Volume", LINE)                                    \
        X(CONTAINER_SECRET, CONTAINER, "Secret", WORDS)                                   \
        X(CONTAINER_USER, CONTAINER, "User", LITERAL)                                     \
        X(CONTAINER_GROUP, CONTAINER, "Group", LITERAL)                                   \
        X(CONTAINER_WORKDIR, CONTAINER, "WorkingDir", QUOTED)                             \
        X(CONTAINER_NOTIFY, CONTAINER, "Notify", LITERAL)                                 \
        X(CONTAINER_HEALTH_CMD, CONTAINER, "HealthCmd", JSON)                             \
        X(CONTAINER_HEALTH_INTERVAL, CONTAINER, "HealthInterval", LITERAL)                \
        X(CONTAINER_HEALTH_TIMEOUT, CONTAINER, "HealthTimeout", LITERAL)                  \
        X(CONTAINER_HEALTH_RETRIES, CONTAINER, "HealthRetries", LITERAL)                  \
        X(CONTAINER_HEALTH_START, CONTAINER, "HealthStartPeriod", LITERAL)                \
        X(CONTAINER_HEALTH_ON_FAILURE, CONTAINER, "HealthOnFailure", LITERAL)             \
        X(CONTAINER_RUN_INIT, CONTAINER, "RunInit", LITERAL)                              \
        X(CONTAINER_DROP_CAPABILITY, CONTAINER, "DropCapability", LITERAL)                \
        X(CONTAINER_ADD_CAPABILITY, CONTAINER, "AddCapability", LITERAL)                  \
        X(CONTAINER_ADD_DEVICE, CONTAINER, "AddDevice", LITERAL)                          \
        X(CONTAINER_DNS, CONTAINER, "DNS", LITERAL)                                       \
        X(CONTAINER_TMPFS, CONTAINER, "Tmpfs", LITERAL)                                   \
        X(CONTAINER_SHM_SIZE, CONTAINER, "ShmSize", LITERAL)                              \
        X(CONTAINER_SYSCTL, CONTAINER, "Sysctl", WORDS)                                   \
        X(CONTAINER_TIMEZONE, CONTAINER, "Timezone", LITERAL)                             \
        X(CONTAINER_SECCOMP_PROFILE, CONTAINER, "SeccompProfile", QUOTED)                 \
        X(CONTAINER_SELINUX_DISABLE, CONTAINER, "SecurityLabelDisable", LITERAL)          \
        X(CONTAINER_SELINUX_TYPE, CONTAINER, "SecurityLabelType", LITERAL)                \
        X(CONTAINER_SELINUX_LEVEL, CONTAINER, "SecurityLabelLevel", LITERAL)              \
        X(CONTAINER_NO_NEW_PRIVILEGES, CONTAINER, "NoNewPrivileges", LITERAL)             \
        X(CONTAINER_READ_ONLY, CONTAINER, "ReadOnly", LITERAL)                            \
        X(CONTAINER_USER_NS, CONTAINER, "UserNS", LINE)                                   \
        X(CONTAINER_UID_MAP, CONTAINER, "UIDMap", LINE)                                   \
        X(CONTAINER_GID_MAP, CONTAINER, "GIDMap", LINE)                                   \
        X(CONTAINER_SUB_UID_MAP, CONTAINER, "SubUIDMap", LITERAL)                         \
        X(CONTAINER_SUB_GID_MAP, CONTAINER, "SubGIDMap", LITERAL)                         \
        X(CONTAINER_STOP_TIMEOUT, CONTAINER, "StopTimeout", SECONDS)                      \
        X(CONTAINER_STOP_SIGNAL, CONTAINER, "StopSignal", LITERAL)                        \
        X(CONTAINER_PIDS_LIMIT, CONTAINER, "PidsLimit", LITERAL)                          \
        X(CONTAINER_ULIMIT, CONTAINER, "Ulimit", LITERAL)                                 \
        X(CONTAINER_LOG_DRIVER, CONTAINER, "LogDriver", LITERAL)                          \
        X(CONTAINER_AUTO_UPDATE, CONTAINER, "AutoUpdate", LITERAL)                        \
        X(CONTAINER_PODMAN_ARGS, CONTAINER, "PodmanArgs", WORDS)                          \
        X(IMAGE_IMAGE, IMAGE, "Image", LITERAL)                                           \
        X(IMAGE_AUTH_FILE, IMAGE, "AuthFile", QUOTED)                                     \
        X(IMAGE_TLS_VERIFY, IMAGE, "TLSVerify", LITERAL)                                  \
        X(IMAGE_OS, IMAGE, "OS", LITERAL)                                                 \
        X(IMAGE_ARCH, IMAGE, "Arch", LITERAL)                                             \
        X(IMAGE_VARIANT, IMAGE, "Variant", LITERAL)                                       \
        X(IMAGE_PODMAN_ARGS, IMAGE, "PodmanArgs", WORDS)                                  \
        X(BUILD_TAG, BUILD, "ImageTag", LITERAL)                                          \
        X(BUILD_CONTEXT, BUILD, "SetWorkingDirectory", QUOTED)                            \
        X(BUILD_FILE, BUILD, "File", QUOTED)                                              \
        X(BUILD_PULL, BUILD, "Pull", LITERAL)                                             \
        X(BUILD_AUTH_FILE, BUILD, "AuthFile", QUOTED)                                     \
        X(BUILD_TLS_VERIFY, BUILD, "TLSVerify", LITERAL)                                  \
        X(NETWORK_NAME, NETWORK, "NetworkName", LITERAL)                                  \
        X(NETWORK_DRIVER, NETWORK, "Driver", LITERAL)                                     \
        X(NETWORK_SUBNET, NETWORK, "Subnet", LITERAL)                                     \
        X(NETWORK_GATEWAY, NETWORK, "Gateway", LITERAL)                                   \
        X(NETWORK_INTERNAL, NETWORK, "Internal", LITERAL)                                 \
        X(NETWORK_IPV6, NETWORK, "IPv6", LITERAL)                                         \
        X(NETWORK_DISABLE_DNS, NETWORK, "DisableDNS", LITERAL)                            \
        X(NETWORK_OPTIONS, NETWORK, "Options", WORDS)                                     \
        X(NETWORK_LABEL, NETWORK, "Label", WORDS)                                         \
        X(VOLUME_NAME, VOLUME, "VolumeName", LITERAL)                                     \
        X(VOLUME_DRIVER, VOLUME, "Driver", LITERAL)                                       \
        X(VOLUME_DEVICE, VOLUME, "Device", QUOTED)                                        \
        X(VOLUME_TYPE, VOLUME, "Type", LITERAL)                                           \
        X(VOLUME_OPTIONS, VOLUME, "Options", QUOTED)                                      \
        X(VOLUME_LABEL, VOLUME, "Label", WORDS)                                           \
        X(TIMER_ON_CALENDAR, TIMER, "OnCalendar", UNIT_LINE)                              \
        X(TIMER_ON_ACTIVE, TIMER, "OnActiveSec", LITERAL)                                 \
        X(TIMER_ON_UNIT_INACTIVE, TIMER, "OnUnitInactiveSec", LITERAL)                    \
        X(TIMER_ACCURACY, TIMER, "AccuracySec", LITERAL)                                  \
        X(TIMER_PERSISTENT, TIMER, "Persistent", LITERAL)                                 \
        X(TIMER_RANDOM_DELAY, TIMER, "RandomizedDelaySec", LITERAL)                       \
        X(TIMER_UNIT, TIMER, "Unit", LITERAL)                                             \
        X(SERVICE_TYPE, SERVICE, "Type", LITERAL)                                         \
        X(SERVICE_RESTART, SERVICE, "Restart", LITERAL)                                   \
        X(SERVICE_RESTART_SEC, SERVICE, "RestartSec", LITERAL)                            \
        X(SERVICE_RESTART_STEPS, SERVICE, "RestartSteps", LITERAL)                        \
        X(SERVICE_RESTART_MAX_DELAY, SERVICE, "RestartMaxDelaySec", LITERAL)              \
        X(SERVICE_REMAIN, SERVICE, "RemainAfterExit", LITERAL)                            \
        X(SERVICE_ENVIRONMENT, SERVICE, "Environment", UNIT_WORDS)                        \
        X(SERVICE_ENVIRONMENT_FILE, SERVICE, "EnvironmentFile", UNIT_LINE)                \
        X(SERVICE_EXEC_CONDITION, SERVICE, "ExecCondition", EXEC)                         \
        X(SERVICE_EXEC_START, SERVICE, "ExecStart", EXEC)                                 \
        X(SERVICE_EXEC_START_PRE, SERVICE, "ExecStartPre", EXEC)                          \
        X(SERVICE_EXEC_START_POST, SERVICE, "ExecStartPost", EXEC)                        \
        X(SERVICE_EXEC_RELOAD, SERVICE, "ExecReload", EXEC)                               \
        X(SERVICE_EXEC_STOP, SERVICE, "ExecStop", EXEC)                                   \
        X(SERVICE_EXEC_STOP_POST, SERVICE, "ExecStopPost", EXEC)                          \
        X(SERVICE_SYSLOG_LEVEL, SERVICE, "SyslogLevel", LITERAL)                          \
        X(SERVICE_LOG_LEVEL_MAX, SERVICE, "LogLevelMax", LITERAL)                         \
        X(SERVICE_TIMEOUT_START, SERVICE, "TimeoutStartSec", LITERAL)                     \
        X(SERVICE_TIMEOUT_STOP, SERVICE, "TimeoutStopSec", LITERAL)                       \
        X(SERVICE_RUNTIME_DIRECTORY, SERVICE, "RuntimeDirectory", LITERAL)                \
        X(SERVICE_RUNTIME_DIRECTORY_MODE, SERVICE, "RuntimeDirectoryMode", LITERAL)       \
        X(SERVICE_CACHE_DIRECTORY, SERVICE, "CacheDirectory", LITERAL)                    \
        X(SERVICE_CACHE_DIRECTORY_MODE, SERVICE, "CacheDirectoryMode", LITERAL)           \
        X(SERVICE_IMPORT_CREDENTIAL, SERVICE, "ImportCredential", UNIT_LINE)              \
        X(SERVICE_SET_CREDENTIAL, SERVICE, "SetCredential", CREDENTIAL)                   \
        X(SERVICE_MEMORY_MAX, SERVICE, "MemoryMax", LITERAL)                              \
        X(SERVICE_CPU_QUOTA, SERVICE, "CPUQuota", LITERAL)                                \
        X(SERVICE_IP_ADDRESS_ALLOW, SERVICE, "IPAddressAllow", LITERAL)                   \
        X(SERVICE_IP_ADDRESS_DENY, SERVICE, "IPAddressDeny", LITERAL)                     \
        X(SERVICE_SLICE, SERVICE, "Slice", LITERAL)                                       \
        X(SERVICE_STATE_DIRECTORY, SERVICE, "StateDirectory", LITERAL)                    \
        X(SERVICE_CAPABILITIES, SERVICE, "CapabilityBoundingSet", LITERAL)                \
        X(SERVICE_LOCK_PERSONALITY, SERVICE, "LockPersonality", LITERAL)                  \
        X(SERVICE_DENY_WRITE_EXECUTE, SERVICE, "MemoryDenyWriteExecute", LITERAL)         \
        X(SERVICE_NO_NEW_PRIVILEGES, SERVICE, "NoNewPrivileges", LITERAL)                 \
        X(SERVICE_PRIVATE_DEVICES, SERVICE, "PrivateDevices", LITERAL)                    \
        X(SERVICE_PRIVATE_MOUNTS, SERVICE, "PrivateMounts", LITERAL)                      \
        X(SERVICE_PRIVATE_NETWORK, SERVICE, "PrivateNetwork", LITERAL)                    \
        X(SERVICE_PROTECT_CLOCK, SERVICE, "ProtectClock", LITERAL)                        \
        X(SERVICE_PROTECT_CGROUPS, SERVICE, "ProtectControlGroups", LITERAL)              \
        X(SERVICE_PROTECT_HOME, SERVICE, "ProtectHome", LITERAL)                          \
        X(SERVICE_PROTECT_HOSTNAME, SERVICE, "ProtectHostname", LITERAL)                  \
        X(SERVICE_PROTECT_KERNEL_LOGS, SERVICE, "ProtectKernelLogs", LITERAL)             \
        X(SERVICE_PROTECT_KERNEL_MODULES, SERVICE, "ProtectKernelModules", LITERAL)       \
        X(SERVICE_PROTECT_KERNEL_TUNABLES, SERVICE, "ProtectKernelTunables", LITERAL)     \
        X(SERVICE_PROC_SUBSET, SERVICE, "ProcSubset", LITERAL)                            \
        X(SERVICE_PROTECT_PROC, SERVICE, "ProtectProc", LITERAL)                          \
        X(SERVICE_PROTECT_SYSTEM, SERVICE, "ProtectSystem", LITERAL)                      \
        X(SERVICE_READ_WRITE_PATHS, SERVICE, "ReadWritePaths", LITERAL)                   \
        X(SERVICE_UMASK, SERVICE, "UMask", LITERAL)                                       \
        X(SERVICE_RESTRICT_FAMILIES, SERVICE, "RestrictAddressFamilies", LITERAL)         \
        X(SERVICE_RESTRICT_NAMESPACES, SERVICE, "RestrictNamespaces", LITERAL)            \
        X(SERVICE_RESTRICT_REALTIME, SERVICE, "RestrictRealtime", LITERAL)                \
        X(SERVICE_RESTRICT_SUID, SERVICE, "RestrictSUIDSGID", LITERAL)                    \
        X(SERVICE_CALL_ARCHITECTURES, SERVICE, "SystemCallArchitectures", LITERAL)        \
        X(SERVICE_CALL_ERROR, SERVICE, "SystemCallErrorNumber", LITERAL)                  \
        X(SERVICE_CALL_FILTER, SERVICE, "SystemCallFilter", LITERAL)                      \
        X(INSTALL_WANTED_BY, INSTALL, "WantedBy", LITERAL)

enum unit_key {
#define X(symbol, section, key, encoding) symbol,
        UNIT_KEYS(X)
#undef X
                UNIT_KEY_COUNT
};

struct unit;

/* An empty unit in the arena. */
struct unit *unit_new(struct arena *a);

/* The line "# text" at the head. */
#define unit_comment_const(u, literal) unit_comment_bytes((u), STR("" literal ""))

/* The finished text with the value `now` in place of `old`, wherever the key has that one. */
#define unit_change(a, text, key, old, now) \
        unit_change_text((a), (text), (key), REFINED_TEXT(old), REFINED_TEXT(now))
struct str unit_change_text(struct arena *a, struct str text, enum unit_key key, struct str old,
                            struct str now);

/* How much of a line of a finished text anybody may see: not the value of a variable. */
size_t unit_visible(struct str line);

/* Key=value, from one refined value. Does nothing when the value is absent. */
#define unit_put(u, key, value)                                         \
        ({                                                              \
                __auto_type put_ = (value);                             \
                unit_put_text((u), (key), REFINED_TEXT(put_), put_.at); \
        })
void unit_put_text(struct unit *u, enum unit_key key, struct str text, struct span at);

/* Key=value, from a literal of the program. */
#define unit_put_const(u, key, literal) (unit_open((u), (key)), unit_const((u), literal), unit_close((u)))

/* These do nothing when the value is absent (all zero, the place too). */
void unit_put_number(struct unit *u, enum unit_key key, struct number value);
void unit_put_flag(struct unit *u, enum unit_key key, struct flag value);
/* As systemd and Podman both read it: "5s" for whole seconds, else "1500ms"/"10us"; "infinity" for UINT64_MAX
 * (which Podman does not know). */
void unit_put_duration(struct unit *u, enum unit_key key, struct duration value);
/* "512M" for whole units, else bytes. */
void unit_put_bytes(struct unit *u, enum unit_key key, struct byte_size value);

/* A value of several parts: open, then parts, then close. Where the encoding is of words (ENC_WORDS,
 * ENC_EXEC, ENC_UNIT_WORDS, ENC_JSON), unit_word() starts the next word: every word must be begun with it,
 * the first one too; parts then add to that word. Empty words and a lone ';' are fine. A literal before
 * the first word stands outside the words. */
void unit_open(struct unit *u, enum unit_key key);
void unit_word(struct unit *u);
#define unit_part(u, value)                                         \
        ({                                                          \
                __auto_type part_ = (value);                        \
                unit_part_text((u), REFINED_TEXT(part_), part_.at); \
        })
void unit_part_text(struct unit *u, struct str text, struct span at);
#define unit_const(u, literal) unit_const_bytes((u), STR("" literal ""))

/* A word with a first part. */
#define unit_word_part(u, value)         \
        ({                               \
                unit_word(u);            \
                unit_part((u), (value)); \
        })
#define unit_word_const(u, literal) (unit_word(u), unit_const((u), literal))
void unit_part_u64(struct unit *u, uint64_t value);
void unit_close(struct unit *u);

/* A raw key of the administrator's (quadlet:), into the given section. The text is written as it stands. */
void unit_put_raw(struct unit *u, enum unit_section section, struct quadlet_key key,
                  struct quadlet_text text);

/* Ends it: the text into `t` under `path`, 0644, with the origins of its keys. */
struct tree_file *unit_finish(struct unit *u, struct tree *t, struct str path);

/* True if a value so far has "${VARIABLE}" for systemd to expand. */
bool unit_expands(const struct unit *u, const char *variable);

/* The text so far, for hashing. */
struct str unit_text(struct unit *u);

/* systemd refuses a unit with a line over 1 MiB, and Quadlet makes one line of the whole command. */
#define UNIT_EXEC_MAX ((size_t) 1000 << 10)

/* At most that many bytes will that line have: the caller refuses a longer line than UNIT_EXEC_MAX (an error
 * in the definition). */
size_t unit_exec_bytes(const struct unit *u);

/* Not for direct use: behind the macros. */
void unit_comment_bytes(struct unit *u, struct str literal);
void unit_const_bytes(struct unit *u, struct str literal);

/* SPDX-License-Identifier: Apache-2.0 */

/* The rights of a generated unit that runs our own programs. units/meson.build has the same list for the
 * installed units. */

#include "bundle/layout.h"
#include "render/parts.h"

enum {
        WAIT = 1 << SANDBOX_WAIT,
        ROLLOUT = 1 << SANDBOX_ROLLOUT,
        SETUP = 1 << SANDBOX_SETUP,
        DECRYPTION = 1 << SANDBOX_DECRYPTION,
        IMAGE = 1 << SANDBOX_IMAGE,
        LOCAL = WAIT | ROLLOUT,
        OURS = LOCAL | SETUP | DECRYPTION,
};

/* For whom, key, value.
 *
 * SETUP: systemd-sysusers writes /etc, and files may lie anywhere, also behind a link of the
 * administrator's. systemd-tmpfiles makes directories and files of other users (CHOWN, FOWNER, FSETID), in
 * directories of theirs (DAC_OVERRIDE).
 *
 * DECRYPTION: the credentials for AWS may lie in a home, or in a directory of another user's.
 *
 * System calls are denied and not allowed by name: systemd resolves the names again at each reload, and
 * @system-service has hundreds of them.
 *
 * IMAGE: Podman makes containers, so it keeps the namespaces, mounts and devices of the machine, and what
 * sudo needs in a RUN of a Containerfile. It loses what it never gives to a container that is built. */
#define SETTINGS(X)                                                                             \
        X(LOCAL, SERVICE_CAPABILITIES, "")                                                      \
        X(SETUP, SERVICE_CAPABILITIES, "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID")      \
        X(DECRYPTION, SERVICE_CAPABILITIES, "CAP_DAC_READ_SEARCH")                              \
        X(IMAGE, SERVICE_CAPABILITIES,                                                          \
          "~CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_BLOCK_SUSPEND CAP_LEASE CAP_LINUX_IMMUTABLE "  \
          "CAP_MAC_OVERRIDE CAP_SYSLOG CAP_SYS_BOOT CAP_SYS_MODULE CAP_SYS_PACCT "              \
          "CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM")                       \
        X(OURS, SERVICE_LOCK_PERSONALITY, "yes")                                                \
        X(OURS, SERVICE_DENY_WRITE_EXECUTE, "yes")                                              \
        X(OURS, SERVICE_NO_NEW_PRIVILEGES, "yes")                                               \
        X(OURS, SERVICE_PRIVATE_DEVICES, "yes")                                                 \
        X(OURS, SERVICE_PRIVATE_MOUNTS, "yes")                                                  \
        X(LOCAL | SETUP, SERVICE_PRIVATE_NETWORK, "yes")                                        \
        X(DECRYPTION, SERVICE_PROC_SUBSET, "pid")                                               \
        X(OURS, SERVICE_PROTECT_CLOCK, "yes")                                                   \
        X(OURS, SERVICE_PROTECT_CGROUPS, "yes")                                                 \
        X(LOCAL, SERVICE_PROTECT_HOME, "yes")                                                   \
        X(DECRYPTION, SERVICE_PROTECT_HOME, "read-only")                                        \
        X(OURS, SERVICE_PROTECT_HOSTNAME, "yes")                                                \
        X(OURS, SERVICE_PROTECT_KERNEL_LOGS, "yes")                                             \
        X(OURS, SERVICE_PROTECT_KERNEL_MODULES, "yes")                                          \
        X(OURS, SERVICE_PROTECT_KERNEL_TUNABLES, "yes")                                         \
        X(SETUP | DECRYPTION, SERVICE_PROTECT_PROC, "invisible")                                \
        X(LOCAL | DECRYPTION, SERVICE_PROTECT_SYSTEM, "strict")                                 \
        X(ROLLOUT, SERVICE_READ_WRITE_PATHS, LAYOUT_RUNTIME)                                    \
        X(LOCAL | SETUP, SERVICE_RESTRICT_FAMILIES, "AF_UNIX")                                  \
        X(DECRYPTION, SERVICE_RESTRICT_FAMILIES, "AF_INET AF_INET6 AF_UNIX")                    \
        X(IMAGE, SERVICE_RESTRICT_FAMILIES, "AF_INET AF_INET6 AF_NETLINK AF_UNIX")              \
        X(OURS, SERVICE_RESTRICT_NAMESPACES, "yes")                                             \
        X(OURS | IMAGE, SERVICE_RESTRICT_REALTIME, "yes")                                       \
        X(LOCAL | DECRYPTION, SERVICE_RESTRICT_SUID, "yes")                                     \
        X(ROLLOUT, SERVICE_STATE_DIRECTORY, "pyservice")                                        \
        X(OURS, SERVICE_CALL_ARCHITECTURES, "native")                                           \
        X(OURS | IMAGE, SERVICE_CALL_ERROR, "EPERM")                                            \
        X(OURS | IMAGE, SERVICE_CALL_FILTER, "~@clock @module @obsolete @raw-io @reboot @swap") \
        X(OURS, SERVICE_CALL_FILTER, "~@cpu-emulation @debug @mount @resources")                \
        X(LOCAL | DECRYPTION, SERVICE_CALL_FILTER, "~@privileged")                              \
        X(DECRYPTION, SERVICE_UMASK, "0077")

void render_sandbox(struct rendering *r, struct unit *u, enum sandbox sandbox) {
        unsigned own = 1U << sandbox;

        /* A user's manager has no right to most of it. No program of ours runs without pyservice. */
        if (r->world->places.is_user || r->is_plain)
                return;

#define X(who, key, value) \
        if (own & (who))   \
                unit_put_const(u, key, value);
        SETTINGS(X)
#undef X
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The settings of a container (app/settings.h). AddHost=, GroupAdd= and LogOpt= are not keys of all versions
 * of Quadlet that pyservice supports, and no version has keys for the other arguments of Podman. */

#include "render/parts.h"
#include "schema/syntax.h"

#define PUT_EACH(u, key, list)  \
        LIST_EACH(item, (list)) \
        unit_put((u), (key), *item)

/* The argument "OPTION=VALUE" of podman-run(1), of a refined value. */
#define PUT_ARGUMENT(u, option, value)                                                     \
        (unit_open((u), CONTAINER_PODMAN_ARGS), unit_word(u), unit_const((u), option "="), \
         unit_part((u), (value)), unit_close(u))

static void put_devices(struct unit *u, const struct settings *s) {
        PUT_EACH(u, CONTAINER_ADD_DEVICE, &s->devices);
        if (s->gpus.at.len > 0)
                unit_put_const(u, CONTAINER_ADD_DEVICE, "nvidia.com/gpu=all");
}

/* Docker's other spelling, NAME=ADDRESS, is an error for Podman. */
static void put_host(struct unit *u, struct extra_host host) {
        size_t sign = syntax_host_name(host.text);

        unit_open(u, CONTAINER_PODMAN_ARGS);
        unit_word_const(u, "--add-host=");
        unit_part(u, ((struct extra_host){ { host.text.p, sign }, host.at }));
        unit_const(u, ":");
        unit_part(u, ((struct extra_host){ str_from(host.text, sign + 1), host.at }));
        unit_close(u);
}

static void put_sysctl(struct unit *u, const struct sysctl_entry *entry) {
        unit_open(u, CONTAINER_SYSCTL);
        unit_word_part(u, entry->key);
        unit_const(u, "=");
        unit_part(u, entry->value);
        unit_close(u);
}

static void put_ulimit(struct unit *u, const struct ulimit_entry *entry) {
        const struct ulimit *limit = &entry->value;

        unit_open(u, CONTAINER_ULIMIT);
        unit_part(u, entry->key);
        unit_const(u, "=");
        unit_part(u, limit->soft);
        unit_const(u, ":");
        unit_part(u, str_is_absent(limit->hard.text) ? limit->soft : limit->hard);
        unit_close(u);
}

static void put_security(struct unit *u, const struct security *s) {
        if (!s)
                return;

        unit_put_flag(u, CONTAINER_NO_NEW_PRIVILEGES, s->no_new_privileges);
        unit_put(u, CONTAINER_SECCOMP_PROFILE, s->seccomp);
        if (!str_is_absent(s->apparmor.text))
                PUT_ARGUMENT(u, "--security-opt=apparmor", s->apparmor);
        unit_put_flag(u, CONTAINER_SELINUX_DISABLE, s->selinux_disable);
        unit_put(u, CONTAINER_SELINUX_TYPE, s->selinux_type);
        unit_put(u, CONTAINER_SELINUX_LEVEL, s->selinux_level);
}

static void put_log_option(struct unit *u, const struct log_option *option) {
        unit_open(u, CONTAINER_PODMAN_ARGS);
        unit_word_const(u, "--log-opt=");
        unit_part(u, option->key);
        unit_const(u, "=");
        unit_part(u, option->value);
        unit_close(u);
}

static void put_userns(struct unit *u, const struct userns *ns) {
        if (!ns)
                return;

        unit_put(u, CONTAINER_USER_NS, ns->mode);
        PUT_EACH(u, CONTAINER_UID_MAP, &ns->uid_map);
        PUT_EACH(u, CONTAINER_GID_MAP, &ns->gid_map);
        unit_put(u, CONTAINER_SUB_UID_MAP, ns->subids);
        unit_put(u, CONTAINER_SUB_GID_MAP, ns->subids);
}

void render_settings(struct unit *u, const struct container *c) {
        const struct settings *s = &c->settings;

        PUT_EACH(u, CONTAINER_ADD_CAPABILITY, &s->cap_add);
        PUT_EACH(u, CONTAINER_DROP_CAPABILITY, &s->cap_drop);
        put_devices(u, s);
        LIST_EACH(host, &s->extra_hosts)
                put_host(u, *host);
        PUT_EACH(u, CONTAINER_DNS, &s->dns);
        LIST_EACH(group, &s->groups)
                PUT_ARGUMENT(u, "--group-add", *group);
        if (c->hardening.index != HARDENING_STRICT)
                unit_put_flag(u, CONTAINER_READ_ONLY, s->read_only);
        PUT_EACH(u, CONTAINER_TMPFS, &s->tmpfs);
        unit_put_bytes(u, CONTAINER_SHM_SIZE, s->shm_size);
        LIST_EACH(entry, &s->sysctls)
                put_sysctl(u, entry);
        LIST_EACH(entry, &s->ulimits)
                put_ulimit(u, entry);
        if (s->tty.yes)
                unit_put_const(u, CONTAINER_PODMAN_ARGS, "--tty");
        unit_put(u, CONTAINER_TIMEZONE, s->timezone);
        if (!str_is_absent(s->platform.text))
                PUT_ARGUMENT(u, "--platform", s->platform);
        if (s->privileged.yes)
                unit_put_const(u, CONTAINER_PODMAN_ARGS, "--privileged");
        put_security(u, s->security);
        put_userns(u, s->userns);
}

/* Podman waits for the end of a task's container and passes on its output, so with the driver journald the
 * journal would have it twice. From a terminal, the driver passthrough passes on nothing. */
void render_log(struct unit *u, const struct role *role) {
        static const char *const drivers[] = { "journald", "k8s-file", "json-file", "passthrough", "none" };
        const struct log *log = role->container->settings.log;
        bool has_driver =
                log && log->driver.at.len > 0 && !(role->runs_to_end && log->driver.index == LOG_JOURNALD);

        if (has_driver)
                unit_put(u, CONTAINER_LOG_DRIVER,
                         ((struct name){ str_of(drivers[log->driver.index]), log->driver.at }));
        else if (role->runs_to_end && role->container->settings.tty.yes)
                unit_put_const(u, CONTAINER_LOG_DRIVER, "none");
        else if (role->runs_to_end)
                unit_put_const(u, CONTAINER_LOG_DRIVER, "passthrough");
        if (!log || (role->runs_to_end && !has_driver))
                return;

        LIST_EACH(option, &log->options)
                put_log_option(u, option);
}

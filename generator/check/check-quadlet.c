/* SPDX-License-Identifier: Apache-2.0 */

/* `quadlet:` is for what has no key of its own: what pyservice writes, or relies on, cannot be written
 * over there. */

#include "app/resolve.h"
#include "check/check-parts.h"

struct taken_key {
        const char *key;
        const char *instead; /* the definition's key for it; NULL if pyservice decides */
};

static const struct taken_key unit_keys[] = {
        { "ConditionHost", "hosts" },     { "DefaultDependencies", NULL },
        { "Description", "description" }, { "PartOf", NULL },
        { "RefuseManualStart", NULL },    { "RefuseManualStop", NULL },
        { "SourcePath", NULL },           { "StartLimitBurst", NULL },
        { "StartLimitInterval", NULL },   { "StartLimitIntervalSec", NULL },
        { "StopWhenUnneeded", NULL },     { "Upholds", NULL },
};

static const struct taken_key container_keys[] = {
        { "AutoUpdate", "auto_update" },
        { "ContainerName", NULL },
        { "Entrypoint", "entrypoint" },
        { "Environment", "env" },
        { "EnvironmentFile", "env_files" },
        { "Exec", "command" },
        { "Group", "user" },
        { "HealthCmd", "health" },
        { "HealthInterval", "health" },
        { "HealthOnFailure", NULL },
        { "HealthRetries", "health" },
        { "HealthStartPeriod", "health" },
        { "HealthTimeout", "health" },
        { "HostName", "hostname" },
        { "Image", "image" },
        { "Label", "labels" },
        { "Notify", "health" },
        { "PidsLimit", "resources" },
        { "Pod", NULL },
        { "PublishPort", "publish" },
        { "Pull", "pull" },
        { "Rootfs", "image" },
        { "RunInit", "init" },
        { "ServiceName", NULL },
        { "StartWithPod", NULL },
        { "StopSignal", "stop_signal" },
        { "StopTimeout", "stop_timeout" },
        { "User", "user" },
        { "Volume", "volumes" },
        { "WorkingDir", "workdir" },
};

/* With 'hardening: strict'. */
static const struct taken_key strict_keys[] = {
        { "GIDMap", "hardening" },        { "NoNewPrivileges", "hardening" }, { "ReadOnly", "hardening" },
        { "ReadOnlyTmpfs", "hardening" }, { "SubGIDMap", "hardening" },       { "SubUIDMap", "hardening" },
        { "UIDMap", "hardening" },        { "UserNS", "hardening" },
};

static const struct taken_key service_keys[] = {
        { "BusName", NULL },
        { "CPUQuota", "resources" },
        { "Delegate", NULL },
        { "DynamicUser", NULL },
        { "ExecStart", "command" },
        { "ExecStop", NULL },
        { "ExecStopPost", NULL },
        { "Group", "user" },
        { "GuessMainPID", NULL },
        { "KillMode", NULL },
        { "MemoryMax", "resources" },
        { "NotifyAccess", NULL },
        { "PIDFile", NULL },
        { "RemainAfterExit", NULL },
        { "Restart", "restart" },
        { "RootDirectory", NULL },
        { "RootImage", NULL },
        { "RuntimeDirectory", NULL },
        { "RuntimeDirectoryMode", NULL },
        { "RuntimeDirectoryPreserve", NULL },
        { "StartLimitBurst", NULL },
        { "StartLimitInterval", NULL },
        { "StartLimitIntervalSec", NULL },
        { "TimeoutSec", "stop_timeout" },
        { "TimeoutStopSec", "stop_timeout" },
        { "Type", NULL },
        { "User", "user" },
};

/* Lists that pyservice writes to: more may be added, but an empty value would take back all before it. */
static const char *const shared_lists[] = {
        "After",
        "Before",
        "Documentation",
        "Requires",
        "Wants",
        "DropCapability",
        "Network",
        "PodmanArgs",
        "Secret",
        "Ulimit",
        "Environment",
        "EnvironmentFile",
        "ExecCondition",
        "ExecStartPost",
        "ExecStartPre",
        "IPAddressAllow",
        "IPAddressDeny",
        "LoadCredential",
        "LoadCredentialEncrypted",
};

/* True if the key is one of these, which is reported. */
static bool refuse_taken(struct world *w, const struct quadlet_entry *entry, const struct taken_key *taken,
                         size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (!str_is(entry->key.text, taken[i].key))
                        continue;

                if (taken[i].instead)
                        (void) diag_add(w->ds, DIAG_QUADLET_KEY_TAKEN, entry->key.at,
                                        "'%.*s' has a key of its own, '%s:'; write that instead",
                                        STR_ARG(entry->key.text), taken[i].instead);
                else
                        (void) diag_add(w->ds, DIAG_QUADLET_KEY_TAKEN, entry->key.at,
                                        "pyservice sets '%.*s' itself and relies on it; remove this line",
                                        STR_ARG(entry->key.text));
                return true;
        }

        return false;
}

static void check_key(struct world *w, const struct quadlet_entry *entry, const struct taken_key *taken,
                      size_t n) {
        if (refuse_taken(w, entry, taken, n))
                return;

        for (size_t i = 0; i < ARRAY_SIZE(shared_lists) && entry->value.text.n == 0; i++)
                if (str_is(entry->key.text, shared_lists[i]))
                        (void) diag_add(w->ds, DIAG_QUADLET_KEY_TAKEN, entry->key.at,
                                        "an empty '%.*s' would remove what pyservice writes; remove this "
                                        "line",
                                        STR_ARG(entry->key.text));
}

static void check_part(struct world *w, const struct container *c) {
        const struct quadlet *q = c->quadlet;
        bool is_strict = c->hardening.index == HARDENING_STRICT;

        if (!q)
                return;

        LIST_EACH(entry, &q->unit)
                check_key(w, entry, unit_keys, ARRAY_SIZE(unit_keys));
        LIST_EACH(entry, &q->container)
                if (!is_strict || !refuse_taken(w, entry, strict_keys, ARRAY_SIZE(strict_keys)))
                        check_key(w, entry, container_keys, ARRAY_SIZE(container_keys));
        LIST_EACH(entry, &q->service)
                check_key(w, entry, service_keys, ARRAY_SIZE(service_keys));
}

/* An error in a key of the top level is found in all parts that inherit it, and reported once. */
void check_raw_keys(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list)
                check_part(w, ref->container);
}

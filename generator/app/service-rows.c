/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

/* Podman knows no "infinity". */
#define DAY (86400 * 1000000ULL)

/* The largest number that chown(2) takes. */
#define ID_MAX 4294967294ULL

static const struct field secret_fields[] = {
        FIELD(secret, credential, "credential",
              "Name of a systemd credential, encrypted (systemd-creds(1)) or plain.", .one_of = "source"),
        FIELD(secret, file, "file", "File that contains it.", .one_of = "source"),
        FIELD(secret, kms, "kms", "Ciphertext of AWS KMS in base64; it is decrypted when the unit starts.",
              .flags = FIELD_SECRET, .one_of = "source"),
        FIELD(secret, podman, "podman", "Name of a Podman secret (podman-secret-create(1)).",
              .one_of = "source"),
        FIELD(secret, on_error, "on_error",
              "What to do if 'kms' cannot be decrypted: 'fail', or use the "
              "text as it is ('literal'), as codeontap's base-python does. "
              "With 'literal' a text that does not begin with AQEC or AQIC is "
              "used as plain text.",
              .choices = "fail|literal", .def = "fail", .goes_with = "kms"),
        FIELD(secret, mode, "mode",
              "Mode of the file in the container. Without this key, and without 'uid' and 'gid', only the "
              "container's user may read the file if 'user' is a number other than 0; otherwise everybody "
              "in the container may."),
        FIELD(secret, uid, "uid", "User in the container, by number, who owns the file. Default: root.",
              .max = ID_MAX),
        FIELD(secret, gid, "gid",
              "Group in the container, by number, that owns the file. Default: root's "
              "group.",
              .max = ID_MAX),
};
static SCHEMA(secret, "The source of a secret: one of these.");

static const struct field resources_fields[] = {
        FIELD(resources, memory, "memory", "Maximum memory (MemoryMax=)."),
        FIELD(resources, cpus, "cpus", "Maximum CPU time, in CPUs (CPUQuota=)."),
        FIELD(resources, pids, "pids", "Maximum number of processes and threads.", .min = 1, .max = 4194304),
        FIELD(resources, nofile, "nofile", "Maximum number of open files.", .min = 16, .max = 1073741816),
};
static SCHEMA(resources, "Limits of one instance.");

#define QUADLET_FLAGS (FIELD_INHERIT | FIELD_ALLOW_LIST)
static const struct field quadlet_fields[] = {
        FIELD_MAP(quadlet, unit, "Unit", "Additional keys of [Unit], systemd.unit(5).",
                  .flags = QUADLET_FLAGS),
        FIELD_MAP(quadlet, container, "Container", "Additional keys of [Container], podman-systemd.unit(5).",
                  .flags = QUADLET_FLAGS),
        FIELD_MAP(quadlet, service, "Service", "Additional keys of [Service], systemd.service(5).",
                  .flags = QUADLET_FLAGS),
};
static SCHEMA(quadlet, "Raw keys of a part's unit, for settings that have no key of their own. A list writes "
                       "the key once for each of its values. A key of a part replaces the same key of the "
                       "top level.");

static const struct field attachment_fields[] = {
        FIELD(attachment, name, "name",
              "Podman network, or NAME.network: one of the application's or the administrator's Quadlet "
              "file.",
              .flags = FIELD_REQUIRED),
        FIELD_LIST(attachment, aliases, "aliases", "Additional names of the part on this network.",
                   .flags = FIELD_ONE_OK),
        FIELD(attachment, address, "address",
              "Fixed address on this network, for a part that never runs twice at the same time."),
};
static SCHEMA(attachment, "A network of a part.");

static const struct field container_fields[] = {
        FIELD(container, image, "image", "Image to run; a digest is allowed.", .flags = FIELD_INHERIT,
              .one_of = "image"),
        FIELD(container, pull, "pull", "When to pull the image.", .choices = "missing|always|newer|never",
              .def = "missing", .flags = FIELD_INHERIT),
        FIELD(container, auth_file, "auth_file", "Credentials for the registry (containers-auth.json(5)).",
              .flags = FIELD_INHERIT),
        FIELD(container, tls_verify, "tls_verify", "Whether the registry's certificate is checked.",
              .def = "true", .flags = FIELD_INHERIT),
        FIELD_WORDS(container, command, "command",
                    "Command instead of the image's: a text, split like in a shell but without expansion, "
                    "or a list of words.",
                    .one_of = "command"),
        FIELD_WORDS(container, entrypoint, "entrypoint",
                    "Entry point instead of the image's; \"\" clears it.", .flags = FIELD_INHERIT),
        FIELD_MAP_OF_VALUE(container, env, "env", "Environment: NAME: VALUE, or NAME: {secret: NAME}.",
                           .flags = FIELD_INHERIT | FIELD_SECRET),
        FIELD_LIST(container, env_files, "env_files",
                   "Files of NAME=VALUE lines; '-' before one makes it optional.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD_MAP_OF_STRUCT(container, secrets, "secrets", secret_schema,
                            "Secrets by name; each is the "
                            "file /run/secrets/NAME in the "
                            "container. A part that inherits "
                            "no secrets gets the top-level "
                            "secrets that its variables name.",
                            .flags = FIELD_INHERIT | FIELD_SECRET),
        FIELD_LIST(container, volumes, "volumes",
                   "Mounts: SOURCE:/DESTINATION[:OPTIONS]. SOURCE is a path, the name of a volume of the "
                   "application, or NAME.volume, the administrator's Quadlet file. A volume of the "
                   "application has the Podman name APP-NAME, and 'pyservicectl purge' removes it with the "
                   "application; the map 'volumes' at the top level may describe how it is created. A "
                   "volume that does not belong to the application is written {volume: NAME, dest: "
                   "/DESTINATION}. The options are Podman's, and 'create', which creates a directory that "
                   "is missing (with Podman's 'U' it belongs to the user of the container).",
                   .schema = &foreign_volume_schema, .flags = FIELD_INHERIT),
        FIELD_MAP(container, labels, "labels", "Labels of the container.", .flags = FIELD_INHERIT),
        FIELD(container, user, "user",
              "User, or USER:GROUP, that runs the command. At the top level of an "
              "app with 'source', 'files' or 'root' it is a user of the machine, "
              "who also owns the app's directories (with 'source', the default is "
              "a user named like the app); otherwise it is a user of the image.",
              .flags = FIELD_INHERIT),
        FIELD(container, workdir, "workdir", "Working directory in the container.", .flags = FIELD_INHERIT),
        FIELD(container, network, "network",
              "Podman network, or NAME.network: one of 'networks' or the "
              "administrator's Quadlet file. Without this key, the parts of "
              "an application with several parts are on its own network, "
              "'default'.",
              .flags = FIELD_INHERIT),
        FIELD_STRUCTS(
                container, networks, "networks", attachment_schema,
                "As a list: several networks, instead of 'network'. HAProxy and health checks reach the "
                "part on the first. A part's list replaces that of the top level.",
                .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD_LIST(container, aliases, "aliases", "Additional names of the part on its networks.",
                   .flags = FIELD_ONE_OK),
        FIELD(container, network_of, "network_of",
              "Service with one instance, or sidecar, whose network this part shares: the processes of both "
              "reach each other at localhost. Networks, names and published ports belong to that part. This "
              "part starts after it, and stops and restarts with it."),
        FIELD_STRUCT(container, resources, "resources", resources_schema, "Limits of one instance.",
                     .flags = FIELD_INHERIT),
        FIELD(container, init, "init",
              "Whether pyservice's init is the first process of the container. It "
              "passes the stop signal on to the command, which as the first "
              "process would ignore a signal that it does not handle, and it reaps "
              "orphans. Default: true for images built from 'source', and for a "
              "'command', 'commands' or 'entrypoint' of the definition, unless "
              "that is an init itself.",
              .flags = FIELD_INHERIT),
        FIELD(container, hardening, "hardening",
              "With 'strict' the container has no capabilities, its processes gain no privileges, all of it "
              "is read-only except its volumes and /dev/shm, /run, /tmp and /var/tmp in memory, and no "
              "other container has the same user ids on the machine. See Hardening in pyservice.d(5).",
              .choices = "none|strict", .def = "none", .flags = FIELD_INHERIT),
        FIELD(container, stop_timeout, "stop_timeout",
              "How long the process may take to exit after its stop signal.", .def = "10s", .max = 7 * DAY,
              .flags = FIELD_INHERIT),
        FIELD(container, stop_signal, "stop_signal", "Signal that stops the process.",
              .flags = FIELD_INHERIT),
        FIELD_LIST(container, hosts, "hosts",
                   "Hosts (names, globs or machine IDs) that run it; on other hosts it stays "
                   "inactive.",
                   .flags = FIELD_INHERIT | FIELD_ONE_OK),
        FIELD(container, run_mode, "run_mode", "APP_RUN_MODE of the codeontap contract.",
              .choices = "WEB|TASK|WORKER|BEAT"),
        FIELD(container, worker_count, "worker_count", "APP_WORKER_COUNT of the codeontap contract.",
              .min = 1, .max = 1024),
        FIELD_INLINE(container, settings, settings_schema),
        FIELD_STRUCT(container, quadlet, "quadlet", quadlet_schema,
                     "Raw keys for settings that have no key of their own.", .flags = FIELD_INHERIT),
};
SCHEMA(container, "Keys of every part that runs as a container.");

static const struct field health_fields[] = {
        FIELD(health, http, "http",
              "Path of the check: requested at the start, until it answers, and then as long as the "
              "instance runs. pyservice and HAProxy send the same request; the status of the answer "
              "decides, not its body."),
        FIELD(health, host, "host",
              "Host name in the request. Default: the first of the proxy's 'domains' without '*', else the "
              "service's name."),
        FIELD_MAP(health, headers, "headers",
                  "Additional headers of the request, or other values of X-Forwarded-Proto (https if users "
                  "reach the proxy with TLS, else http) and User-Agent (pyservice). Do not put secrets "
                  "here: units and HAProxy's configuration contain the headers."),
        FIELD(health, port, "port",
              "Port of the check in the container, if it is not the service's 'port'. With 'via: port' "
              "HAProxy cannot reach it, and tries a connection to the service's port instead; 'on_failure: "
              "drain' and a "
              "'check' of 'proxy' need 'via: dns' then.",
              .min = 1, .max = 65535),
        FIELD(health, scheme, "scheme",
              "Protocol of the check; with 'https' the certificate is not "
              "verified.",
              .choices = "http|https", .def = "http"),
        FIELD(health, status, "status",
              "Answers to 'http' that count as healthy: status codes and ranges "
              "of them.",
              .def = "200-399"),
        FIELD(health, command, "command", "Shell command in the container; exit status 0 is healthy."),
        FIELD_LIST(health, words, "command",
                   "Alternatively, a program and its arguments as a list, run without a shell."),
        FIELD(health, on_failure, "on_failure",
              "What follows when a running instance becomes unhealthy: systemd restarts it ('restart'), "
              "HAProxy sends it no requests until it is healthy again ('drain'), or nothing ('none': the "
              "check is used only at the start).",
              .choices = "restart|drain|none", .def = "restart"),
        FIELD(health, interval, "interval", "Time between two checks.", .def = "5s", .min = 1000000,
              .max = DAY),
        FIELD(health, timeout, "timeout", "Time after which a check has failed.", .def = "5s", .min = 1000000,
              .max = DAY),
        FIELD(health, start_period, "start_period",
              "Time after the start in which failed checks do not count.", .def = "10s", .max = DAY),
        FIELD(health, retries, "retries", "Failed checks in a row that make it unhealthy.", .def = "5",
              .min = 1, .max = 1000),
};
SCHEMA(health, "How to check whether an instance works.");

static const struct field start_order_fields[] = {
        FIELD_LIST(start_order, requires, "requires",
                   "Services and sidecars of this app, or units, that "
                   "start first: each start of this part waits until "
                   "they are ready. If they restart, fail or stop later, "
                   "this part keeps running. An item {TASK: done} names a task "
                   "instead, and adds it to 'before_update': it must end "
                   "successfully before a new revision of this part starts. "
                   "{NAME: ready} is the same as NAME.",
                   .conditions = "ready|done", .flags = FIELD_ONE_OK),
        FIELD_LIST(start_order, bound_to, "bound_to",
                   "Like 'requires', but this part stops when one of "
                   "them stops or fails, and restarts when one of them "
                   "restarts (Requires= of systemd.unit(5)).",
                   .flags = FIELD_ONE_OK),
        FIELD_LIST(start_order, after, "after",
                   "Services and sidecars of this app, or units, that this "
                   "part waits for if they start at the same time. This key "
                   "starts nothing.",
                   .flags = FIELD_ONE_OK),
};
static SCHEMA(start_order, "The order in which parts start.");

static const struct field hook_fields[] = {
        FIELD_WORDS(hook, command, "command", "The command: a text or a list of words.",
                    .flags = FIELD_REQUIRED),
        FIELD(hook, user, "user",
              "User of the image, or USER:GROUP, that runs it. Default: the user of the container."),
};
static SCHEMA(hook, "A command at the start or the stop of an instance, and its user.");

#define HOOK_MAP(m, k) \
        FIELD_STRUCT(hooks, m, k, hook_schema, "As a map: the command, and the user that runs it.")

static const struct field hooks_fields[] = {
        FIELD_WORDS(hooks, before_start.command, "before_start",
                    "Command that runs before each start, in a container of its own: with the same image, "
                    "environment, volumes and networks, but without published ports. If it fails, the "
                    "start fails."),
        HOOK_MAP(before_start_map, "before_start"),
        FIELD_WORDS(hooks, after_start.command, "after_start",
                    "Command that runs in the container after each start, before the part is ready. If it "
                    "fails, the start fails."),
        HOOK_MAP(after_start_map, "after_start"),
        FIELD_WORDS(hooks, before_stop.command, "before_stop",
                    "Command that runs in the container before each stop, after open requests have been "
                    "drained. It has as much time as 'stop_timeout'; the stop follows even if it fails. "
                    "After a crash it does not run."),
        HOOK_MAP(before_stop_map, "before_stop"),
};
static SCHEMA(hooks, "Commands around the start and the stop of an instance.");

static const struct field restart_policy_fields[] = {
        FIELD(restart_policy, policy, "policy", "When systemd restarts it.",
              .choices = "always|on-failure|no", .def = "always"),
        FIELD(restart_policy, delay, "delay", "Time before a restart.", .def = "2s", .min = 100000,
              .max = DAY),
        FIELD(restart_policy, max_delay, "max_delay",
              "Maximum time before a restart: each further restart "
              "waits longer, and the eighth this long "
              "(RestartSteps=, since systemd 254). With policy "
              "'always', after the part has run for this time, the "
              "next restart waits for 'delay' again. If it is not "
              "longer than 'delay', each restart waits for 'delay'.",
              .def = "60s", .max = DAY),
        FIELD(restart_policy, max_starts, "max_starts",
              "Number of failed starts in a row after which it stays failed. Without this key, "
              "there is no limit. 'pyservicectl start' allows the same number again.",
              .min = 1, .max = 1000000),
};
SCHEMA(restart_policy, "When systemd restarts it, and how soon.");

/* A part's own: the top has nothing to take over from. */
#define INHERIT_FIELDS(S)                                                                                \
        FIELD(S, container.inherit.all, "inherit",                                                       \
              "Whether the part inherits 'env' (with 'env_files'), "                                     \
              "'secrets' and 'config' from the top level of the "                                        \
              "definition. Default: true if the part runs the "                                          \
              "application's image: the image at the top level or, "                                     \
              "if there is none, the image of a service. The tag "                                       \
              "does not matter. All other inherited keys apply in "                                      \
              "any case."),                                                                              \
                FIELD_LIST(S, container.inherit.some, "inherit", "Which of the three keys it inherits.", \
                           .choices = "env|secrets|config")

#define START_TIMEOUT_TEXT                                                                           \
        "How long a start may take, until the health check succeeds (TimeoutStartSec= of "           \
        "systemd.service(5)); the image is pulled before, within " IMAGE_PULL_TIMEOUT                \
        ". A start that takes longer has "                                                           \
        "failed, and 'restart' decides what follows. Default: 5min, or 30s more than "               \
        "'start_period', 'retries', 'interval' and 'timeout' of 'health' allow, if that is longer. " \
        "A rollout waits as long, or for 'ready_timeout' of 'rollout', in which several starts may " \
        "fit."

/* Services and sidecars have these keys, besides those of the container. */
#define KEPT_FIELDS                                                                                          \
        FIELD(service, port, "port", "TCP port on which the process listens in its container.", .min = 1,    \
              .max = 65535),                                                                                 \
                FIELD_LIST(                                                                                  \
                        service, publish, "publish",                                                         \
                        "Additional ports to publish: [[ADDRESS:]HOST-PORT:]PORT[/PROTOCOL]. Each port "     \
                        "may be a range FIRST-LAST, of the same length on both sides. The protocol is tcp "  \
                        "or udp. ADDRESS is 0.0.0.0 for all addresses of IPv4, and [::] for those of IPv6.", \
                        .flags = FIELD_ONE_OK),                                                              \
                FIELD_STRUCT(service, health, "health", health_schema,                                       \
                             "How to check whether it works; a path alone is 'http'.",                       \
                             .flags = FIELD_ONE_OK),                                                         \
                FIELD(service, restart, "restart", "When systemd restarts it.",                              \
                      .choices = "always|on-failure|no", .def = "always"),                                   \
                FIELD_STRUCT(service, restart_policy, "restart", restart_policy_schema,                      \
                             "As a map: when systemd restarts it, and how soon."),                           \
                FIELD(service, start_timeout, "start_timeout", START_TIMEOUT_TEXT, .min = 1000000,           \
                      .max = 7 * DAY),                                                                       \
                FIELD_INLINE(service, order, start_order_schema),                                            \
                FIELD_INLINE(service, hooks, hooks_schema),                                                  \
                FIELD_STRUCT(service, proxy, "proxy", proxy_schema,                                          \
                             "How HAProxy balances it; without this key it is not balanced.")

static const struct field service_fields[] = {
        FIELD(service, name, "name",
              "Name; the units are APP-NAME@N.service. APP-NAME has 56 characters at most.",
              .flags = FIELD_REQUIRED),
        INHERIT_FIELDS(service),
        FIELD(service, description, "description", "One line for people."),
#define SERVICE_OWN_FIELDS                                                                                   \
        FIELD_INLINE(service, container, container_schema),                                                  \
                FIELD(service, scale, "scale",                                                               \
                      "Number of instances. All services of a machine together may have 10000. With "        \
                      "'proxy' each "                                                                        \
                      "instance uses a port of the pool (see 'ports' in pyservice-host(5)), unless it has "  \
                      "'via: "                                                                               \
                      "dns' or 'host_port', and the spare of a rollout uses one more: the default pool has " \
                      "room "                                                                                \
                      "for 9999 instances.",                                                                 \
                      .def = "1", .max = INSTANCES_MAX),                                                     \
                FIELD(service, host_port, "host_port",                                                       \
                      "Port of the machine for instance 0; instance N gets this "                            \
                      "number plus N. Default: ports of the pool.",                                          \
                      .min = 1, .max = 65535),                                                               \
                KEPT_FIELDS
        SERVICE_OWN_FIELDS,
};
SCHEMA(service, "A process that is kept running, in 'scale' instances.");

/* The keys of a service at the top of a definition: without a name there, and with the description of the
 * app. */
static const struct field base_fields[] = { SERVICE_OWN_FIELDS };
SCHEMA(base, "The only service of the short form, or defaults for all services.");

static const struct field sidecar_fields[] = {
        FIELD(service, name, "name",
              "Name; the unit is APP-NAME.service. APP-NAME has 56 characters at most.",
              .flags = FIELD_REQUIRED),
        FIELD(service, description, "description", "One line for people."),
        INHERIT_FIELDS(service),
        FIELD_INLINE(service, container, container_schema),
        KEPT_FIELDS,
};
SCHEMA(sidecar,
       "A single companion container. It has no spare: when an update restarts it, its ports accept no "
       "connections until the new revision is ready.");

static const struct field task_fields[] = {
        FIELD(task, name, "name", "Name; the unit is APP-NAME.service. APP-NAME has 56 characters at most.",
              .flags = FIELD_REQUIRED),
        FIELD(task, description, "description", "One line for people."),
        INHERIT_FIELDS(task),
        FIELD_INLINE(task, container, container_schema),
        FIELD_INLINE(task, order, start_order_schema),
        FIELD_COMMANDS(task, commands, "commands",
                       "Commands in order, instead of 'command'; the first that fails ends the task.",
                       .flags = FIELD_ONE_OK, .one_of = "command"),
        FIELD(task, timeout, "timeout",
              "Time after which the task fails. Without this key, a task in "
              "'before_update', 'after_update' or 'on_failure' has one hour.",
              .def = "infinity", .min = 1000000),
};
SCHEMA(task, "Work that runs to completion, when it is started.");

static const struct field timer_fields[] = {
        FIELD_INLINE(timer, task, task_schema),
        FIELD_LIST(timer, schedule, "schedule",
                   "When it runs (OnCalendar=, see systemd.time(7)); with "
                   "several, at each of these times. A run that is due while "
                   "the previous one is still running is skipped.",
                   .flags = FIELD_REQUIRED | FIELD_ONE_OK),
        FIELD(timer, persistent, "persistent",
              "Whether a run that was missed while the machine was off starts at the next boot.",
              .def = "true"),
        FIELD(timer, random_delay, "random_delay",
              "Maximum random delay of each run, for work that must not start on all machines at the same "
              "time.",
              .max = 31 * DAY),
};
SCHEMA(timer, "A task on a schedule; APP-NAME.timer starts it as APP-NAME.service.");

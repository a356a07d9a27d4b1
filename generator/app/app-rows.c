/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

/* A rollout that waits for longer is one that nobody waits for. */
#define DAY (86400 * 1000000ULL)

static const struct field volume_fields[] = {
        FIELD(volume, driver, "driver", "Volume driver."),
        FIELD(volume, device, "device", "What is mounted: a path, or HOST:/EXPORT."),
        FIELD(volume, type, "type", "File system type, such as nfs or tmpfs."),
        FIELD(volume, options, "options", "Mount options."),
};
static SCHEMA(volume, "A Podman volume of the app.");

static const struct field network_fields[] = {
        FIELD(network, driver, "driver", "Network driver."),
        FIELD(network, subnet, "subnet", "Subnet, such as 192.168.100.0/24."),
        FIELD(network, gateway, "gateway", "Gateway of the subnet."),
        FIELD(network, internal, "internal", "Whether it has no route to the outside."),
        FIELD(network, ipv6, "ipv6", "Whether it has IPv6 too."),
        FIELD(network, disable_dns, "disable_dns", "Whether containers cannot find each other by name."),
        FIELD(network, options, "options", "Options of the driver."),
};
static SCHEMA(network, "A Podman network of the app.");

static const struct field quadlet_fields[] = {
        FIELD_MAP(quadlet, unit, "Unit", "Further keys of [Unit]."),
        FIELD_MAP(quadlet, container, "Container", "Further keys of [Container], podman-systemd.unit(5)."),
        FIELD_MAP(quadlet, service, "Service", "Further keys of [Service]."),
};
static SCHEMA(quadlet, "Raw keys for what has no key of its own; they go to the unit of every container.");

static const struct field auth_tracking_fields[] = {
        FIELD(auth_tracking, enabled, "enabled", "Whether it runs.", .def = "true"),
        FIELD(auth_tracking, redis_url, "redis_url", "Redis that holds the marks (DCI_REDIS_URL).", .def = "redis://localhost:6379/0", .flags = FIELD_SECRET),
        FIELD(auth_tracking, interval, "interval", "Seconds between two runs, at most.", .def = "30", .min = 1, .max = 86400),
        FIELD(auth_tracking, threshold, "threshold", "Number of marks that starts a run early.", .def = "10", .min = 1, .max = 1000000),
        FIELD_WORDS(auth_tracking, command, "command", "Program of the app's image.", .def = "bin/dci-sync-redis-auth"),
        FIELD(auth_tracking, host, "host", "The one host that runs it."),
};
SCHEMA(auth_tracking, "The sidecar that moves authentication marks from Redis to the database.");

static const struct field rollout_fields[] = {
        FIELD(rollout, strategy, "strategy", "'rolling' restarts instances a few at a time; 'recreate' first stops all of them.",
              .choices = "rolling|recreate", .def = "rolling"),
        FIELD(rollout, max_unavailable, "max_unavailable", "Instances of one service that are restarted at the same time, at most.",
              .def = "1", .min = 1, .max = INSTANCES_MAX),
        FIELD(rollout, spare, "spare",
              "Whether a new revision must first prove itself in a spare instance ({{ instance }} is "
              "'next' there). Only services with 'proxy' have one, and none that publishes fixed ports or "
              "has 'run_mode: BEAT'. Without this key all others have one, except a service with 'scale: "
              "1' that may write a volume or a path of the machine which no other part mounts: two "
              "instances would write it at the same time. Mounts with the option 'ro' or 'O', paths with "
              "{{ instance }}, and those below /dev, /proc, /run and /sys do not count; nor do the "
              "application's own directories (see 'root'), unless 'volumes' mounts them elsewhere."),
        FIELD(rollout, ready_timeout, "ready_timeout", "How long an instance may take until it is ready; without it, as long as its unit allows, "
              "which follows from 'health'.", .min = 1000000, .max = 7 * DAY),
        FIELD(rollout, min_ready, "min_ready", "How long the spare instance must stay ready before it gets requests, or, without one, the first restarted instance "
              "before the next ones are restarted.", .def = "5s", .max = DAY),
        FIELD(rollout, pause, "pause", "Time between two restarts.", .def = "0", .max = DAY),
        FIELD(rollout, on_failure, "on_failure", "After a failure 'revert' goes back to the last good revision; 'stop' leaves what has moved and what has not.",
              .choices = "revert|stop", .def = "revert"),
};
static SCHEMA(rollout, "How a new revision reaches the instances.");

static const struct field app_fields[] = {
        FIELD(app, description, "description", "One line for people."),
        FIELD_INLINE(app, base, base_schema),
        FIELD_STRUCT(app, source, "source", repository_schema,
                     "Git repository to build the image from, in place of 'image'.", .one_of = "image"),
        FIELD_MAP(app, vars, "vars", "Variables for {{ NAME }} in texts."),
        FIELD(app, module, "module", "Python module of the app, for {{ app_module }}; without it, the app's name."),
        FIELD(app, group, "group", "Group that owns the app's directories and runs its commands; without it, named like 'user'."),
        FIELD(app, ensure_user, "ensure_user", "Whether the user and the group are made where the machine does not have them.", .def = "true"),
        FIELD(app, root, "root", "Directory of the app on the machine; without it, /applications/APP. Below it 'app/config' and 'data' are made, with 'source', 'files' or "
              "this key, and are at the same place in the containers."),
        FIELD(app, app_dir, "app_dir", "Directory of code and configuration, for {{ app_dir }}; without it, "
              "'app' below the root."),
        FIELD(app, code_dir, "code_dir", "Where the code lies in the built image, and a copy of it on the "
              "machine, for {{ app_code_dir }}; without it, 'code' in the 'app_dir'."),
        FIELD(app, config_dir, "config_dir", "Directory of configuration, for {{ app_config_dir }}; without "
              "it, 'config' in the 'app_dir'. It is made, belongs to the app's user, and is at the same place "
              "in the containers."),
        FIELD(app, data_dir, "data_dir", "Directory of data, for {{ app_data_dir }}; without it, 'data' "
              "below the root. It is made, belongs to the app's user, and is at the same place in the "
              "containers."),
        FIELD_STRUCTS(app, files, "files", file_schema, "Files that are written before the app starts; a changed one is a new revision."),
        FIELD_STRUCTS(app, services, "services", service_schema, "Services; without this key, the keys of one service may stand at the top."),
        FIELD_STRUCTS(app, sidecars, "sidecars", sidecar_schema, "Companion containers."),
        FIELD_STRUCTS(app, tasks, "tasks", task_schema, "Work that runs to completion."),
        FIELD_STRUCTS(app, timers, "timers", timer_schema, "Work that is done again and again, at times of the calendar."),
        FIELD_LIST(app, before_update, "before_update", "Tasks that run, once and in order, before a new revision starts.", .flags = FIELD_ONE_OK),
        FIELD_STRUCT(app, rollout, "rollout", rollout_schema, "How a new revision reaches the instances."),
        FIELD(app, auto_update, "auto_update", "Whether podman-auto-update.timer also looks for a new image of the same tag: in its registry, or among those "
              "of this machine. What it finds is rolled out like any change.", .choices = "registry|local"),
        FIELD_MAP_OF_STRUCT(app, volumes, "volumes", volume_schema,
                            "As a map: what Podman volumes of the app are made of, by name; the list "
                            "'volumes' of a service or another part mounts them. A volume without any of "
                            "these keys need not be here. One that is there keeps what it was made with; "
                            "'pyservicectl plan' shows the command that makes it again."),
        FIELD_MAP_OF_STRUCT(app, networks, "networks", network_schema, "Podman networks of the app, by name."),
        FIELD_LIST(app, trusted, "trusted", "Addresses and networks that may reach its services and sidecars, directly or through HAProxy; all others are refused. The machine "
                   "itself and the containers of the same network may too. systemd filters both ways (IPAddressAllow=): what these parts themselves have to "
                   "reach (databases, name servers, KMS) must be here too, or in the raw key IPAddressAllow of 'quadlet: {Service: …}', which HAProxy does not "
                   "look at.", .flags = FIELD_ONE_OK),
        FIELD(app, contract, "contract", "Contract whose variables the app expects."),
        FIELD_MAP_OF_VALUE(app, config, "config", "Values of the contract's variables.", .flags = FIELD_ALLOW_LIST | FIELD_SECRET),
        FIELD_STRUCT(app, auth_tracking, "auth_tracking", auth_tracking_schema, "The authentication tracking sidecar of quadlet.dci_api."),
        FIELD_STRUCT(app, quadlet, "quadlet", quadlet_schema, "Raw keys for what has no key of its own."),
};
SCHEMA(app, "An application: one file in /etc/pyservice.d.");

static const struct field port_pool_fields[] = {
        FIELD(port_pool, first, "first", "Lowest port.", .def = "20000", .min = 1024, .max = 65535),
        FIELD(port_pool, last, "last", "Highest port.", .def = "29999", .min = 1024, .max = 65535),
};
static SCHEMA(port_pool, "Ports of 127.0.0.1 that instances behind HAProxy are published on.");

static const struct field host_haproxy_fields[] = {
        FIELD(host_haproxy, unit, "unit", "HAProxy's unit.", .def = "haproxy.service"),
        FIELD(host_haproxy, container, "container", "Where HAProxy runs in a container: the container's name."),
        FIELD(host_haproxy, config, "config", "The administrator's own configuration.", .def = "/etc/haproxy/haproxy.cfg"),
        FIELD(host_haproxy, directory, "directory", "Further directory that HAProxy reads: the generated files go there.", .def = "/run/pyservice/haproxy"),
        FIELD(host_haproxy, socket, "socket", "Its socket for commands, of level admin ('stats socket').", .def = "/run/haproxy/admin.sock"),
        FIELD(host_haproxy, master_socket, "master_socket", "Its master's socket (option -S), through which a stop also waits for what HAProxy began before a reload.",
              .def = "/run/haproxy-master.sock"),
        FIELD(host_haproxy, http_port, "http_port", "Port of the generated frontend.", .def = "80", .min = 1, .max = 65535),
        FIELD(host_haproxy, https_port, "https_port", "Its port for TLS.", .def = "443", .min = 1, .max = 65535),
};
static SCHEMA(host_haproxy, "The HAProxy of this machine.");

static const struct field host_nginx_fields[] = {
        FIELD(host_nginx, unit, "unit", "nginx's unit.", .def = "nginx.service"),
        FIELD(host_nginx, directory, "directory", "Where the generated files go, which nginx includes (contrib/nginx/pyservice.conf).", .def = "/var/lib/pyservice/.nginx"),
        FIELD(host_nginx, http_port, "http_port", "Port of the generated sites.", .def = "80", .min = 1, .max = 65535),
        FIELD(host_nginx, https_port, "https_port", "Their port for TLS.", .def = "443", .min = 1, .max = 65535),
};
static SCHEMA(host_nginx, "The nginx of this machine, for services with 'proxy: {kind: nginx}'.");

static const struct field host_kms_fields[] = {
        FIELD(host_kms, endpoint, "endpoint", "Where it answers, if not at AWS itself (AWS_ENDPOINT_URL_KMS)."),
        FIELD(host_kms, region, "region", "Its region (AWS_REGION); without it, that of the machine at AWS."),
        FIELD(host_kms, credentials, "credentials", "Shared credentials file (AWS_SHARED_CREDENTIALS_FILE); without it and without AWS_ACCESS_KEY_ID in the manager's environment, "
              "/root/.aws/credentials, then the role of the machine at AWS."),
};
static SCHEMA(host_kms, "How AWS KMS is reached, for secrets with 'kms'.");

static const struct field host_fields[] = {
        FIELD_STRUCT(host, ports, "ports", port_pool_schema, "Ports of 127.0.0.1 that instances behind HAProxy are published on."),
        FIELD_STRUCT(host, haproxy, "haproxy", host_haproxy_schema, "The HAProxy of this machine."),
        FIELD_STRUCT(host, nginx, "nginx", host_nginx_schema, "The nginx of this machine, for services with 'proxy: {kind: nginx}'."),
        FIELD_STRUCT(host, kms, "kms", host_kms_schema, "How AWS KMS is reached, for secrets with 'kms'."),
        FIELD(host, network, "network", "Network of containers that name none."),
        FIELD(host, auth_file, "auth_file", "Registry credentials of images that name none."),
};
SCHEMA(host, "/etc/pyservice/host.yaml: what belongs to the machine.", .page = "pyservice-host(5)");

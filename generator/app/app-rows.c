/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"
#include "bundle/layout.h"
#include "bundle/message.h"
#include "bundle/plan.h"

/* A rollout that waits longer than this is a typing error. */
#define DAY (86400 * 1000000ULL)

static const struct field volume_fields[] = {
        FIELD(volume, driver, "driver", "Volume driver."),
        FIELD(volume, device, "device", "Source of the mount: a path, or HOST:/EXPORT."),
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

static const struct field auth_tracking_fields[] = {
        FIELD(auth_tracking, enabled, "enabled", "Whether it runs.", .def = "true"),
        FIELD(auth_tracking, redis_url, "redis_url", "Redis server with the marks (DCI_REDIS_URL).",
              .def = "redis://localhost:6379/0", .flags = FIELD_SECRET),
        FIELD(auth_tracking, interval, "interval", "Seconds between two runs, at most.", .def = "30",
              .min = 1, .max = 86400),
        FIELD(auth_tracking, threshold, "threshold", "Number of marks that starts a run early.", .def = "10",
              .min = 1, .max = 1000000),
        FIELD_WORDS(auth_tracking, command, "command", "Program of the app's image.",
                    .def = "bin/dci-sync-redis-auth"),
        FIELD(auth_tracking, host, "host", "The only host that runs it."),
};
SCHEMA(auth_tracking, "The sidecar that moves authentication marks from Redis to the database.");

static const struct field rollout_fields[] = {
        FIELD(rollout, strategy, "strategy",
              "'rolling' restarts instances a few at a time; 'recreate' first stops all of them.",
              .choices = "rolling|recreate", .def = "rolling"),
        FIELD(rollout, max_unavailable, "max_unavailable",
              "Maximum number of instances of one service that are restarted at the same time.", .def = "1",
              .min = 1, .max = INSTANCES_MAX),
        FIELD(rollout, spare, "spare",
              "Whether a new revision is first tried on a spare instance ({{ instance }} is 'next' there). "
              "Only services with 'proxy' have a spare, except those that publish fixed ports or have "
              "'run_mode: BEAT'. Without this key all these services have one, except a service with "
              "'scale: 1' that may write a volume or a path of the machine which no other part mounts: two "
              "instances would write it at the same time. Mounts with the option 'ro' or 'O', paths with {{ "
              "instance }}, and paths below /dev, /proc, /run and /sys do not count; nor do the "
              "application's own directories (see 'root'), unless 'volumes' mounts them elsewhere."),
        FIELD(rollout, ready_timeout, "ready_timeout",
              "How long an instance may take to become ready. "
              "Without this key, it may take as long as its 'start_timeout' "
              "allows.",
              .min = 1000000, .max = 7 * DAY),
        FIELD(rollout, min_ready, "min_ready",
              "How long the spare instance must stay ready before it gets "
              "requests. Without a spare, how long the first restarted "
              "instance must stay ready before the next ones are "
              "restarted.",
              .def = "5s", .max = DAY),
        FIELD(rollout, pause, "pause", "Time between two restarts.", .def = "0", .max = DAY),
        FIELD(rollout, on_failure, "on_failure",
              "What follows a failure: 'revert' returns to the last good revision; 'stop' leaves "
              "each instance at the revision that it runs.",
              .choices = "revert|stop", .def = "revert"),
        FIELD(rollout, keep_images, "keep_images",
              "Number of revisions to which 'rollout undo' can return, the accepted one included. When a "
              "rollout has ended well, it removes the images that only older revisions used. An image stays "
              "if a container or another tag uses it, if its name begins with localhost/ and it was not "
              "built "
              "from 'source', or with 'pull: never': then no registry may have it.",
              .def = "10", .min = 2, .max = PLAN_KEPT_MAX),
};
static SCHEMA(rollout, "How a new revision reaches the instances.");

static const struct field app_fields[] = {
        FIELD(app, description, "description", "One line for people."),
        FIELD_INLINE(app, base, base_schema),
        FIELD_STRUCT(app, source, "source", repository_schema,
                     "Git repository to build the image from, instead of 'image'.", .one_of = "image"),
        FIELD_MAP(app, vars, "vars", "Variables for {{ NAME }} in texts."),
        FIELD(app, module, "module",
              "Python module of the app, for {{ app_module }}. Default: the app's name."),
        FIELD(app, group, "group",
              "Group that owns the app's directories and runs its commands. Default: "
              "the group that is named like 'user'."),
        FIELD(app, ensure_user, "ensure_user",
              "Whether the user and the group are created if the machine does not have them.", .def = "true"),
        FIELD(app, root, "root",
              "Directory of the app on the machine. Default: /applications/APP. With "
              "'source', 'files' or this key, 'app/config' and 'data' are created below "
              "it, and mounted at the same path in the containers."),
        FIELD(app, app_dir, "app_dir",
              "Directory of code and configuration, for {{ app_dir }}. Default: "
              "'app' below the root."),
        FIELD(app, code_dir, "code_dir",
              "Directory of the code in the built image, and of a copy on the "
              "machine, for {{ app_code_dir }}. Default: 'code' in the "
              "'app_dir'."),
        FIELD(app, config_dir, "config_dir",
              "Directory of configuration, for {{ app_config_dir }}. "
              "Default: 'config' in the 'app_dir'. It is created, belongs to "
              "the app's user, and is mounted at the same path in the "
              "containers."),
        FIELD(app, data_dir, "data_dir",
              "Directory of data, for {{ app_data_dir }}. Default: 'data' below "
              "the root. It is created, belongs to the app's user, and is "
              "mounted at the same path in the containers."),
        FIELD_STRUCTS(app, files, "files", file_schema,
                      "Files that are written before the app starts; a changed one is a new revision."),
        FIELD_STRUCTS(app, services, "services", service_schema,
                      "Services. Without this key, the keys of one service may stand at the top level."),
        FIELD_STRUCTS(app, sidecars, "sidecars", sidecar_schema, "Companion containers."),
        FIELD_STRUCTS(app, tasks, "tasks", task_schema, "Work that runs to completion."),
        FIELD_STRUCTS(app, timers, "timers", timer_schema, "Tasks on a schedule."),
        FIELD_LIST(app, before_update, "before_update",
                   "Tasks that run, once and in order, before a new revision starts.", .flags = FIELD_ONE_OK),
        FIELD_LIST(app, after_update, "after_update",
                   "Tasks that run, in order, at the end of a rollout, when all instances run the new "
                   "revision; for example one that empties a cache. If one fails, it is reported, and the "
                   "revision stays.",
                   .flags = FIELD_ONE_OK),
        FIELD_LIST(app, on_failure, "on_failure",
                   "Tasks of the previous revision that run, in order, when a newer one was rejected or "
                   "reverted and the previous one runs again. PYSERVICE_REASON and "
                   "PYSERVICE_FAILED_REVISION in their environment name the reason and the revision that "
                   "failed. If one fails, pyservice reports it, and runs the next one.",
                   .flags = FIELD_ONE_OK),
        FIELD_STRUCT(app, rollout, "rollout", rollout_schema, "How a new revision reaches the instances."),
        FIELD(app, auto_update, "auto_update",
              "Whether podman-auto-update.timer also checks for a new "
              "image of the same tag, in its registry or among the images "
              "of this machine. A new image is rolled out like any change.",
              .choices = "registry|local"),
        FIELD_MAP_OF_STRUCT(app, volumes, "volumes", volume_schema,
                            "As a map: how Podman volumes of the app are created, by name; the list "
                            "'volumes' of a service or another part mounts them. A volume that needs none "
                            "of these keys need not be listed. An existing volume keeps the settings that "
                            "it was created with; 'pyservicectl plan' shows the command that creates it "
                            "again."),
        FIELD_MAP_OF_STRUCT(app, networks, "networks", network_schema,
                            "As a map: Podman networks of the app, by name."),
        FIELD_LIST(app, trusted, "trusted",
                   "Addresses and networks that may reach its services and "
                   "sidecars, directly or through HAProxy; all others are refused. "
                   "The machine itself and the containers of the same network may "
                   "reach them too. systemd filters both directions "
                   "(IPAddressAllow=): addresses that these parts themselves have "
                   "to reach (databases, name servers, KMS) must be listed here "
                   "too, or in the raw key IPAddressAllow of 'quadlet: {Service: "
                   "…}', which HAProxy does not use.",
                   .flags = FIELD_ONE_OK),
        FIELD(app, contract, "contract", "Contract whose variables the app expects."),
        FIELD_MAP_OF_VALUE(app, config, "config", "Values of the contract's variables.",
                           .flags = FIELD_ALLOW_LIST | FIELD_SECRET),
        FIELD_STRUCT(app, auth_tracking, "auth_tracking", auth_tracking_schema,
                     "The authentication tracking sidecar of quadlet.dci_api."),
};
SCHEMA(app, "An application: one file in /etc/pyservice.d.");

static const struct field port_pool_fields[] = {
        FIELD(port_pool, first, "first", "Lowest port.", .def = "20000", .min = 1024, .max = 65535),
        FIELD(port_pool, last, "last", "Highest port.", .def = "29999", .min = 1024, .max = 65535),
};
static SCHEMA(port_pool, "Ports of 127.0.0.1 that instances behind HAProxy are published on.");

static const struct field host_haproxy_fields[] = {
        FIELD(host_haproxy, unit, "unit", "HAProxy's unit.", .def = "haproxy.service"),
        FIELD(host_haproxy, container, "container", "Name of the container, if HAProxy runs in one."),
        FIELD(host_haproxy, config, "config", "Configuration file of the administrator.",
              .def = "/etc/haproxy/haproxy.cfg", .flags = FIELD_NOT_TMP),
        FIELD(host_haproxy, directory, "directory",
              "Directory for the generated files, which HAProxy reads too.",
              .def = LAYOUT_RUNTIME "/" LAYOUT_HAPROXY, .flags = FIELD_NOT_TMP),
        FIELD(host_haproxy, socket, "socket", "HAProxy's command socket, with level admin ('stats socket').",
              .def = "/run/haproxy/admin.sock", .flags = FIELD_NOT_TMP),
        FIELD(host_haproxy, master_socket, "master_socket",
              "Socket of HAProxy's master (option -S). A stop uses it to wait also for requests "
              "that HAProxy accepted before a reload.",
              .def = "/run/haproxy-master.sock", .flags = FIELD_NOT_TMP),
        FIELD(host_haproxy, http_port, "http_port", "Port of the generated frontend.", .def = "80", .min = 1,
              .max = 65535),
        FIELD(host_haproxy, https_port, "https_port", "Port of the generated frontend for TLS.", .def = "443",
              .min = 1, .max = 65535),
        FIELD_STRUCT(
                host_haproxy, errors, "errors", host_error_pages_schema,
                "Pages that HAProxy sends if it answers instead of an instance, by status: {503: FILE}."),
};
static SCHEMA(host_haproxy, "The HAProxy of this machine.");

static const struct field host_nginx_fields[] = {
        FIELD(host_nginx, unit, "unit", "nginx's unit.", .def = "nginx.service"),
        FIELD(host_nginx, directory, "directory",
              "Directory for the generated files, which nginx includes "
              "(contrib/nginx/pyservice.conf).",
              .def = LAYOUT_STATE "/" LAYOUT_NGINX_CONFIG, .flags = FIELD_NOT_TMP),
        FIELD(host_nginx, http_port, "http_port", "Port of the generated sites.", .def = "80", .min = 1,
              .max = 65535),
        FIELD(host_nginx, https_port, "https_port", "Port of the generated sites for TLS.", .def = "443",
              .min = 1, .max = 65535),
};
static SCHEMA(host_nginx, "The nginx of this machine, for services with 'proxy: {kind: nginx}'.");

static const struct field host_front_fields[] = {
        FIELD_LIST(host_front, trusted_proxies, "trusted_proxies",
                   "Addresses of the proxies: networks, or absolute paths of files with a network in each "
                   "line, which a reload of HAProxy reads again. HAProxy keeps the headers X-Forwarded-… and "
                   "'client_ip_header' of a request if it comes from one of these addresses, and removes "
                   "them otherwise. The proxies must set or remove each of these headers themselves.",
                   .flags = FIELD_REQUIRED | FIELD_ONE_OK | FIELD_NOT_TMP),
        FIELD(host_front, client_ip_header, "client_ip_header",
              "Header in which the proxies write the client's address, such as CF-Connecting-IP. Default: "
              "X-Forwarded-For; its last address that is not a trusted proxy's is the client's, through up "
              "to four proxies in a row."),
        FIELD(host_front, proxy_protocol, "proxy_protocol",
              "Whether each connection from these addresses, also to a port that 'listen' names, begins with "
              "a "
              "header of the PROXY protocol. HAProxy then closes those without it.",
              .def = "false"),
};
static SCHEMA(
        host_front,
        "Proxies in front of HAProxy, such as a load balancer or a CDN. 'trusted', 'allow' and 'deny' then "
        "compare the address of the client behind these, and HAProxy logs it. Needs HAProxy 2.6 or "
        "later.");

static const struct field host_kms_fields[] = {
        FIELD(host_kms, endpoint, "endpoint", "URL of KMS, if it is not AWS itself (AWS_ENDPOINT_URL_KMS)."),
        FIELD(host_kms, region, "region",
              "Region of KMS (AWS_REGION). Default: the region of the machine "
              "at AWS."),
        FIELD(host_kms, credentials, "credentials",
              "Shared credentials file (AWS_SHARED_CREDENTIALS_FILE). "
              "Without this key, and without AWS_ACCESS_KEY_ID in the "
              "manager's environment, /root/.aws/credentials is used, "
              "then the role of the machine at AWS.",
              .flags = FIELD_NOT_TMP),
};
static SCHEMA(host_kms, "How AWS KMS is reached, for secrets with 'kms'.");

static const struct field host_acme_fields[] = {
        FIELD(host_acme, directory, "directory",
              "URL of the certificate authority's directory (RFC 8555). After a change pyservice orders all "
              "certificates again, from the new one.",
              .def = "https://acme-v02.api.letsencrypt.org/directory"),
        FIELD(host_acme, email, "email",
              "Address of the machine's account at the authority. Most authorities need none."),
};
static SCHEMA(host_acme, "The certificate authority of services with 'proxy: {tls: auto}'.");

static const struct field notify_webhook_fields[] = {
        /* Secret, as the URLs of most chat services are. */
        FIELD(notify_webhook, url, "url", "URL that gets the requests: http or https.",
              .flags = FIELD_REQUIRED | FIELD_SECRET),
        FIELD(notify_webhook, credential, "credential",
              "Name of the systemd credential with the key of the signature. Without it, messages are not "
              "signed."),
};
static SCHEMA(notify_webhook, "A web server that gets each message as a POST request.");

static const struct field notify_mail_fields[] = {
        FIELD_LIST(notify_mail, to, "to", "Addresses of the recipients.",
                   .flags = FIELD_REQUIRED | FIELD_ONE_OK),
};
static SCHEMA(notify_mail, "Mail, sent by sendmail(8).");

static const struct field host_notify_fields[] = {
        FIELD_WORDS(host_notify, command, "command",
                    "Program with its arguments, which gets the message as JSON on its standard input. It "
                    "runs as root. The message counts as delivered if its exit status is 0."),
        FIELD_STRUCT(host_notify, webhook, "webhook", notify_webhook_schema,
                     "A web server that gets each message as a POST request."),
        FIELD_STRUCT(host_notify, mail, "mail", notify_mail_schema, "Mail, sent by sendmail(8)."),
        FIELD_LIST(host_notify, events, "events", "Events to report. Default: all.",
                   .choices = MESSAGE_EVENTS, .flags = FIELD_ONE_OK),
};
static SCHEMA(host_notify,
              "Recipients of messages about events. Give at least one of 'command', 'webhook' and 'mail'.");

static const struct field host_fields[] = {
        FIELD_STRUCT(host, ports, "ports", port_pool_schema,
                     "Ports of 127.0.0.1 that instances behind HAProxy are published on."),
        FIELD_STRUCT(host, haproxy, "haproxy", host_haproxy_schema, "The HAProxy of this machine."),
        FIELD_STRUCT(host, nginx, "nginx", host_nginx_schema,
                     "The nginx of this machine, for services with 'proxy: {kind: nginx}'."),
        FIELD_STRUCT(host, front, "front", host_front_schema,
                     "Proxies in front of HAProxy, such as a load balancer or a CDN."),
        FIELD_STRUCT(host, kms, "kms", host_kms_schema, "How AWS KMS is reached, for secrets with 'kms'."),
        FIELD_STRUCT(host, acme, "acme", host_acme_schema,
                     "The certificate authority of services with 'proxy: {tls: auto}'."),
        FIELD_STRUCT(host, notify, "notify", host_notify_schema, "Recipients of messages about events."),
        FIELD(host, network, "network", "Network of containers whose definition has none."),
        FIELD(host, auth_file, "auth_file", "Registry credentials for images whose definition has none."),
};
SCHEMA(host, "/etc/pyservice/host.yaml: settings of the machine.", .page = "pyservice-host(5)");

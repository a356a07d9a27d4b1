/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A decoded definition: the tables of pyservice.d(5) as structs. The rows that fill them are in *-rows.c; a
 * member without a row is worked out by world_finish().
 *
 * Invariants after world_finish() without errors: every service, sidecar and task has an image, its
 * environment is complete and in order, and every name that one part uses of another exists. */

#include "app/host.h"
#include "app/settings.h"

enum {
        APPS_MAX = 4096,
        INSTANCES_MAX = 10000,
};

enum pull { PULL_MISSING, PULL_ALWAYS, PULL_NEWER, PULL_NEVER };
/* A definition cannot name RESTART_LIMITED: it stands for "always" with `max_starts`. Everything but
 * RESTART_ALWAYS is started once, and then by Restart= alone. */
enum restart { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NO, RESTART_LIMITED };
enum run_mode { RUN_MODE_WEB, RUN_MODE_TASK, RUN_MODE_WORKER, RUN_MODE_BEAT };
enum proxy_via { VIA_PORT, VIA_DNS };
enum proxy_kind { PROXY_HAPROXY, PROXY_NGINX };
enum proxy_balance { BALANCE_LEASTCONN, BALANCE_ROUNDROBIN, BALANCE_SOURCE, BALANCE_FIRST, BALANCE_RANDOM };
enum proxy_mode { MODE_HTTP, MODE_TCP };
enum proxy_protocol { PROTOCOL_H1, PROTOCOL_H2 };
enum strategy { STRATEGY_ROLLING, STRATEGY_RECREATE };
enum on_failure { ON_FAILURE_REVERT, ON_FAILURE_STOP };
enum scheme { SCHEME_HTTP, SCHEME_HTTPS };
enum health_failure { HEALTH_RESTART, HEALTH_DRAIN, HEALTH_NONE };
enum on_error { ON_ERROR_FAIL, ON_ERROR_LITERAL };
enum manager { MANAGER_PIP, MANAGER_UV, MANAGER_CONDA };
enum auto_update { AUTO_UPDATE_REGISTRY, AUTO_UPDATE_LOCAL };
enum hardening { HARDENING_NONE, HARDENING_STRICT };
enum inherited { INHERITED_ENV, INHERITED_SECRETS, INHERITED_CONFIG, INHERITED_COUNT };

struct env_entry {
        struct env_name key;
        struct value value;
};

struct label_entry {
        struct label_name key;
        struct label_text value;
};

struct var_entry {
        struct var_name key;
        struct any_text value;
};

/* Where a secret comes from; exactly one. */
struct secret {
        struct credential credential;
        struct abs_path file;
        struct ciphertext kms;
        struct podman_secret podman;
        struct choice on_error;
        struct file_mode mode; /* of the file in the container */
        struct number uid, gid;
        bool is_variable; /* from no row: of Podman's, for one variable alone, so it is not a file */
};

struct secret_entry {
        struct name key;
        struct secret value;
};

/* A variable as the container gets it: literals and secrets, one after another. */
struct piece {
        struct str literal; /* from contracts and accepted texts */
        struct name secret;
        bool is_url_encoded;
        bool is_secret; /* a literal that a contract calls one */
};

struct variable {
        struct env_name name;
        LIST(struct piece) pieces;
        bool is_secret; /* holds a secret, or what a contract calls one */
};

/* An entry of `volumes`, taken apart. */
struct mount {
        struct volume_spec spec; /* SOURCE:TARGET[:OPTIONS] with the source as Podman knows it */
        struct unit_name unit;   /* that makes the volume; absent for none */
        bool is_made;            /* a directory of the machine that is made if it is missing */
};

/* An item of a part's `networks`. */
struct attachment {
        struct network_ref name;
        LIST(struct host_name) aliases;
        struct ip_address address;
};

/* A network that a container is on, as Podman knows it. Its names are those besides the container's own. */
struct attached {
        struct network_ref network;
        struct unit_name unit; /* absent for a network without a unit */
        LIST(struct host_name) names;
        struct ip_address address;
        bool has_known_subnet;
};

struct resources {
        struct byte_size memory;
        struct cpus cpus;
        struct number pids, nofile;
};

/* The keys that a part with `inherit:` takes from the top level of the definition. */
struct inheritance {
        struct flag all;
        LIST(struct choice) some; /* of enum inherited */
};

struct quadlet_entry {
        struct quadlet_key key;
        struct quadlet_text value;
};

/* Raw keys; one that is written several times has an entry for each value. */
struct quadlet {
        LIST(struct quadlet_entry) unit, container, service;
};

/* The keys of every part that runs as a container. */
struct container {
        struct image_ref image;
        struct choice pull;
        struct abs_path auth_file;
        struct flag tls_verify;
        LIST(struct word) command, entrypoint;
        LIST(struct env_entry) env;
        LIST(struct env_file) env_files;
        LIST(struct secret_entry) secrets;
        LIST(struct volume_spec) volumes;
        LIST(struct label_entry) labels;
        struct user_name user;
        struct abs_path workdir;
        struct network_ref network;
        LIST(struct attachment) networks; /* `network` is then the first of them */
        LIST(struct host_name) aliases;
        struct name network_of; /* the part whose network it shares */
        struct resources *resources;
        struct flag init; /* absent: has_init() decides */
        struct choice hardening;
        struct duration stop_timeout;
        struct signal_name stop_signal;
        LIST(struct host_glob) hosts;
        struct choice run_mode;
        struct number worker_count;
        struct inheritance inherit;
        struct settings settings;
        struct quadlet *quadlet;

        /* From here on: worked out by world_finish(). */
        LIST(struct variable) environment; /* all of it, sorted by name */
        struct name unit;                  /* APP or APP-NAME */
        struct name image_unit;            /* APP or APP-NAME, whose .image it uses */
        bool owns_image_unit;
        LIST(struct ip_prefix) network_subnets; /* its addresses, if they are known */
        LIST(struct attached) attached;         /* its networks: those of `networks`, or `network` alone */
        struct name network_owner; /* the container whose network it shares; `attached` is then that one's */
        bool is_network_shared;    /* with one of another part, whichever of the two owns it */
        LIST(struct mount) mounts;
        bool takes[INHERITED_COUNT]; /* from the top of the definition */
        bool runs_as_owner;          /* as the user of the machine who owns the app's directories */
};

struct header_entry {
        struct header_name key;
        struct header_text value;
};

struct health {
        struct http_path http;
        struct domain host;
        LIST(struct header_entry) headers;
        struct number port;
        struct choice scheme, on_failure;
        struct http_status status;
        struct text command;     /* for a shell, */
        LIST(struct word) words; /* or without one */
        struct duration interval, timeout, start_period;
        struct number retries;
};

struct check {
        struct choice method;
        struct http_path path;
        struct duration interval;
};

/* The certificate authority of its domains; what is absent comes from host.yaml. */
struct acme {
        struct url directory;
        struct mail_address email;
};

/* Strict-Transport-Security (RFC 6797) */
struct hsts {
        struct duration max_age;
        struct flag include_subdomains, preload;
};

struct tls {
        struct abs_path certificate; /* absent if `acme` is there */
        struct acme *acme;
        struct duration hsts_age; /* the short form of `hsts` */
        struct hsts *hsts;
};

struct timeouts {
        struct duration connect, server, queue, drain;
        struct duration tunnel; /* absent: that of HAProxy's own configuration */
};

struct proxy {
        struct backend_name backend;
        struct number order;
        struct choice kind, via, mode, protocol, balance;
        struct listener listen;
        LIST(struct domain) domains; /* with those of redirect_from, at the end */
        LIST(struct domain) redirect_from;
        LIST(struct ip_prefix) allow, deny;
        struct http_path path;
        struct flag strip, redirect_to_https, sticky;
        struct choice auto_tls; /* only where auto_tls.at is a place: has_auto_tls() */
        struct tls *tls;
        struct number maxconn, retries;
        struct check *check;
        struct timeouts *timeouts;
        LIST(struct header_entry) headers;
        LIST(struct server_address) servers;
        struct abs_path config_dir;
        struct error_pages *errors;
};

/* In what order parts start. */
struct start_order {
        LIST(struct unit_ref) requires, bound_to, after;
        LIST(struct unit_ref) done; /* tasks; from no row, but from `requires` */
};

struct hook {
        LIST(struct word) command;
        struct user_name user; /* absent: the container's */
};

/* Commands around the life of an instance. */
struct hooks {
        struct hook before_start, after_start, before_stop;
        struct hook *before_start_map, *after_start_map, *before_stop_map; /* the other form of each */
};

/* When systemd starts a part again, and how soon. */
struct restart_policy {
        struct choice policy; /* decides struct service's `restart` */
        struct duration delay, max_delay;
        struct number max_starts; /* 0: no limit */
};

/* A service, or a sidecar: that has no rows for `scale`, which is 1, and `host_port`. */
struct service {
        bool is_sidecar;
        struct name name;
        struct text description;
        struct container container;
        struct number scale, port, host_port;
        LIST(struct publish_spec) publish;
        struct health *health;
        struct choice restart;
        struct restart_policy *restart_policy; /* never NULL after world_finish() */
        struct duration start_timeout;         /* absent: what `health` needs */
        struct start_order order;
        struct hooks hooks;
        struct proxy *proxy;
};

struct task {
        struct name name;
        struct text description;
        struct container container;
        struct start_order order;
        LIST(struct command) commands;
        struct duration timeout;
};

/* A task that is run again and again. */
struct timer {
        struct task task;
        LIST(struct calendar) schedule;
        struct flag persistent;
        struct duration random_delay;
};

struct volume {
        struct name driver;
        struct option_text device, type, options;
};

struct volume_entry {
        struct name key;
        struct volume value;
};

struct network {
        struct name driver;
        struct ip_prefix subnet, gateway;
        struct flag internal, ipv6, disable_dns;
        struct option_text options;
};

struct network_entry {
        struct name key;
        struct network value;
};

struct auth_tracking {
        struct flag enabled;
        struct url redis_url;
        struct number interval, threshold;
        LIST(struct word) command;
        struct host_glob host;
};

struct config_entry {
        struct env_name key;
        struct value value;
};

/* How a new revision reaches the instances. */
struct rollout {
        struct choice strategy, on_failure;
        struct number max_unavailable, keep_images;
        struct flag spare;             /* of each service: has_spare() */
        struct duration ready_timeout; /* absent: the unit's own limit */
        struct duration pause, min_ready;
};

/* The image that a tag was resolved to, and that is used instead of the tag. */
struct image_pin {
        struct str reference, pinned;
};

/* A Git repository that the image is built from. */
struct repository {
        struct git_url repo;
        struct git_ref ref;
        struct abs_path ssh_key;
        struct credential credential;
        struct relative_path subdir, requirements, containerfile;
        struct version python;
        struct image_ref base;
        struct choice manager;
        struct abs_path conda_base;
        LIST(struct package) packages;
        LIST(struct command) before, after;

        /* From here on: worked out by source_finish(). */
        struct abs_path code_dir; /* where the code lies, on the machine and in the image */
        struct image_ref image;   /* that is built: localhost/pyservice-APP:HASH */
};

/* A file that is written before the app starts. */
struct app_file {
        struct abs_path dest, source;
        struct value content;
        struct file_mode mode;
        struct account owner, group;
};

/* The owner of the app's directories, and the directories. */
struct home {
        struct abs_path root, app, code, config, data;
        struct account user, group; /* "root" if the definition names no owner */
        bool has_owner;             /* the definition names an owner, who then runs the command */
        bool makes_user;
        LIST(struct abs_path) parents; /* further directories that files need, below the app's own */
};

struct app {
        struct name name;
        struct text description;
        LIST(struct var_entry) vars;
        struct module_name module;
        struct account group;
        struct flag ensure_user;
        struct abs_path root, app_dir, code_dir, config_dir, data_dir;
        LIST(struct app_file) files;
        /* what stands at the top: the one service of the short form, or what services inherit */
        struct service base;
        LIST(struct service) services, sidecars;
        LIST(struct task) tasks;
        LIST(struct timer) timers;
        LIST(struct name) before_update, after_update, on_failure;
        struct repository *source; /* NULL for an app of an image */
        struct rollout *rollout;   /* never NULL after world_finish() */
        struct choice auto_update; /* only where auto_update.at is a place: has_auto_update() */
        LIST(struct volume_entry) volumes;
        LIST(struct network_entry) networks;
        LIST(struct ip_prefix) trusted;
        struct name contract;
        LIST(struct config_entry) config;
        struct auth_tracking *auth_tracking;
        struct home *home;           /* from no row: from source, files, root …; NULL without them */
        LIST(struct image_pin) pins; /* from no row: from the app's state, before it is rendered */

        struct span at; /* the whole definition */
        const struct node *node;
        struct str path; /* of the main file, for SourcePath= */
};

extern const struct schema app_schema, host_schema;

/* The service or sidecar after `s`: services come first. `s` is NULL for the first one; NULL at the end. */
struct service *app_next_kept(const struct app *app, const struct service *s);

#define APP_EACH_KEPT(s, app) \
        for (struct service *s = app_next_kept((app), NULL); s; s = app_next_kept((app), s))

/* True if a part with this order has units of its own that wait, UNIT-requires.target and the service beside
 * it. */
bool has_order_units(const struct start_order *o);

/* True if each instance gets a port of the machine for its `port`. */
bool has_ports(const struct service *s);

/* True if the probe is a command inside the container. */
static inline bool has_health_command(const struct health *h) {
        return h && (!str_is_absent(h->command.text) || h->words.n > 0);
}

/* The reason why a spare instance does not try a new revision of a service first; SPARE_RUNS if it does. */
enum spare {
        SPARE_RUNS,
        SPARE_UNWANTED,    /* no proxy, a sidecar, no rolling update, BEAT, or `spare: false` */
        SPARE_HAS_NO_PORT, /* a port of the machine that is written down is the instance's */
        SPARE_IS_ALONE,    /* other parts share the network of the instance */
        SPARE_WOULD_WRITE, /* what only this one instance may write */
};

/* *ret_at: the port or the mount that is the reason, if there is one. */
enum spare service_spare(const struct app *app, const struct service *s, struct span *ret_at);

/* True if two of it would do everything twice: it has one instance, and no spare. */
static inline bool container_is_single(const struct container *c) {
        return c->run_mode.index == RUN_MODE_BEAT;
}

static inline bool has_spare(const struct app *app, const struct service *s) {
        struct span at;

        return service_spare(app, s, &at) == SPARE_RUNS;
}

/* How long a stop may wait for open requests; zero for a service without `proxy`. */
struct duration service_drain(const struct service *s);

/* True if its certificates are ordered from a certificate authority: `tls: auto`, or `acme` in the map. */
static inline bool has_auto_tls(const struct proxy *p) {
        return p->auto_tls.at.len > 0 || (p->tls && p->tls->acme);
}

static inline bool has_tls(const struct proxy *p) {
        return p->tls || has_auto_tls(p);
}

struct host;

/* The certificate authority of a service with has_auto_tls(): its own settings, or else the machine's. */
struct acme proxy_acme(const struct host *host, const struct proxy *p);

/* The value of Strict-Transport-Security; absent for none. */
struct header_text proxy_hsts(struct arena *a, const struct proxy *p);

struct certificate_paths {
        VEC(struct abs_path) list;
};

/* The certificates that the front serves for it: the one that the definition names, or with `tls: auto` one
 * for each domain. */
struct certificate_paths proxy_certificates(struct arena *a, const struct proxy *p);

/* The service or sidecar of that name; NULL if there is none. */
struct service *app_find_kept(const struct app *app, struct str name);

/* True if it is in the network of another part: `network_of`. */
static inline bool shares_network(const struct container *c) {
        return !str_is_absent(c->network_of.text);
}

/* The network that HAProxy and probes use. */
static inline struct str container_network(const struct container *c) {
        return c->attached.at[0].network.text;
}

/* A variable of its whole environment; NULL if it has none of that name. */
const struct variable *container_find_variable(const struct container *c, struct str name);

/* True if pyservice-init is the container's first process. */
bool has_init(const struct app *app, const struct container *c);

/* True if the definition demands an init, so that without pyservice Podman's own is the first process. */
static inline bool has_plain_init(const struct container *c) {
        return c->init.at.len > 0 && c->init.yes;
}

/* True if the container has user ids of its own on the machine, from subuid(5). */
bool has_own_users(const struct container *c);

/* True if every user of the container may listen on ports below 1024 of the container's own network. Docker
 * does so for all containers; Podman leaves it to NET_BIND_SERVICE, which 'hardening: strict' takes away. */
#define LOW_PORTS_SYSCTL "net.ipv4.ip_unprivileged_port_start" /* ip-sysctl of the kernel; also for IPv6 */
bool has_low_ports(const struct container *c);

/* How long a pull may take: Podman waits without end for a registry that accepts connections and never
 * answers. As systemd.time(7) and timeout(1) have it. */
#define IMAGE_PULL_TIMEOUT "2h"

/* The image that `image` is pinned to; `image` itself if it is not pinned or is not an image reference. A
 * reference is written as in the definition. */
struct image_ref app_pinned(const struct app *app, struct image_ref image);

/* True if it runs the image that is built from the app's source. */
static inline bool is_built(const struct app *app, const struct container *c) {
        return app->source && str_eq(c->image.text, app->source->image.text);
}

static inline bool has_auto_update(const struct app *app) {
        return app->auto_update.at.len > 0;
}

/* The restart, pull … that a choice stands for. */
static inline enum pull container_pull(const struct container *c) {
        return (enum pull) c->pull.index;
}

/* "always", "on-failure", "no" and so on are the words of the rows, in the order of the enums. */

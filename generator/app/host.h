/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The settings of the machine: /etc/pyservice/host.yaml; all keys are optional. */

#include "schema/schema.h"

struct port_pool {
        struct number first, last;
};

/* Pages that HAProxy sends instead of its own, by the status of the answer: error_statuses. */
enum { ERROR_PAGES = 5 };

struct error_pages {
        struct abs_path files[ERROR_PAGES];
        struct env_text texts[ERROR_PAGES]; /* from no row, but from the files: load/pages.h */
};

extern const uint16_t error_statuses[ERROR_PAGES];

struct host_haproxy {
        struct unit_name unit;                 /* haproxy.service */
        struct name container;                 /* where HAProxy runs in a container: its name */
        struct abs_path config;                /* the administrator's own part: /etc/haproxy/haproxy.cfg */
        struct abs_path directory;             /* where our files go */
        struct abs_path socket, master_socket; /* the socket for its commands */
        struct number http_port, https_port;
        struct error_pages *errors; /* NULL if host.yaml has none */
};

struct host_nginx {
        struct unit_name unit;     /* nginx.service */
        struct abs_path directory; /* where our files go */
        struct number http_port, https_port;
};

/* The proxies in front of this machine, such as those of a CDN. */
struct host_front {
        LIST(struct address_set) trusted_proxies;
        struct header_name client_ip_header;
        struct flag proxy_protocol;
};

/* How AWS KMS is reached; what is absent comes from where AWS's own programs take it. */
struct host_kms {
        struct url endpoint;
        struct name region;
        struct abs_path credentials;
};

/* The certificate authority of `tls: auto`. */
struct host_acme {
        struct url directory;
        struct mail_address email;
};

struct notify_webhook {
        struct url url;
        struct credential credential;
};

struct notify_mail {
        LIST(struct mail_address) to;
};

/* The recipients of messages about events (bundle/message.h). */
struct host_notify {
        LIST(struct word) command;
        struct notify_webhook *webhook;
        struct notify_mail *mail;
        LIST(struct choice) events;
};

struct host {
        struct port_pool *ports;
        struct host_haproxy *haproxy;
        struct host_nginx *nginx;
        struct host_front *front; /* NULL if host.yaml has none */
        struct host_kms *kms;     /* NULL if host.yaml has none */
        struct host_acme *acme;
        struct host_notify *notify; /* NULL if host.yaml has none */
        struct network_ref network;
        struct abs_path auth_file;
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

static const struct field check_fields[] = {
        FIELD(check, method, "method", "Method of the request.", .choices = "GET|HEAD|OPTIONS", .def = "GET"),
        FIELD(check, path, "path", "Path of the request; 2xx and 3xx are healthy.", .flags = FIELD_REQUIRED),
        FIELD(check, interval, "interval", "Time between two checks.", .def = "5s", .min = 1000),
};
static SCHEMA(check, "How HAProxy checks a server.");

static const struct field acme_fields[] = {
        FIELD(acme, directory, "directory",
              "URL of the authority's directory (RFC 8555). Default: the one in host.yaml. After a change "
              "pyservice orders the certificates again, from the new one."),
        FIELD(acme, email, "email",
              "Address of the account at the authority. Default: the one in host.yaml. The machine has one "
              "account at each authority, and its address is that of the latest order."),
};
static SCHEMA(acme, "The certificate authority of the service's domains.");

#define HSTS_MAX (UINT64_C(10) * 31557600000000)

static const struct field hsts_fields[] = {
        FIELD(hsts, max_age, "max_age",
              "How long a browser refuses to reach the domains without TLS; with 0 it forgets the header.",
              .flags = FIELD_REQUIRED, .max = HSTS_MAX),
        FIELD(hsts, include_subdomains, "include_subdomains",
              "Whether browsers do so for all subdomains of the domains too, also those that other machines "
              "serve.",
              .def = "false"),
        FIELD(hsts, preload, "preload",
              "Whether browser vendors may put the domains into their lists (hstspreload.org). It can take "
              "months to leave these. Needs 'include_subdomains' and at least one year.",
              .def = "false"),
};
static SCHEMA(hsts, "Strict-Transport-Security, in the answers over TLS.");

static const struct field tls_fields[] = {
        FIELD(tls, certificate, "certificate",
              "PEM file with the certificate, its chain and its key, or a directory of such files.",
              .flags = FIELD_NOT_TMP),
        FIELD_STRUCT(tls, acme, "acme", acme_schema,
                     "Instead of a file: pyservice orders the certificates as with 'auto', from this "
                     "authority. '{}' "
                     "is the one in host.yaml."),
        FIELD(tls, hsts_age, "hsts",
              "How long browsers refuse to reach the domains without TLS (HSTS), for example 1year. Begin "
              "with a short time: a browser that remembers it accepts no invalid certificate either.",
              .max = HSTS_MAX),
        FIELD_STRUCT(tls, hsts, "hsts", hsts_schema,
                     "As a map: the header Strict-Transport-Security with its options."),
};
static SCHEMA(tls, "Encryption at the front. Give either 'certificate' or 'acme'.");

static const struct field timeouts_fields[] = {
        FIELD(timeouts, connect, "connect", "How long to wait for a connection to a server.", .def = "3s",
              .min = 1000),
        FIELD(timeouts, server, "server", "How long a server may send nothing.", .def = "30s", .min = 1000),
        FIELD(timeouts, queue, "queue", "How long a request may wait for a free server.", .def = "30s",
              .min = 1000),
        FIELD(timeouts, tunnel, "tunnel",
              "How long a WebSocket or a TCP connection may be idle in both directions. Default: 'timeout "
              "tunnel' of HAProxy's configuration, one hour in the one that pyservice installs.",
              .min = 1000),
        FIELD(timeouts, drain, "drain",
              "How long an instance may finish open requests before it is "
              "stopped.",
              .def = "30s"),
};
static SCHEMA(timeouts, "How long HAProxy waits.");

const uint16_t error_statuses[] = { 403, 404, 502, 503, 504 };

#define DENIED "The page for clients that 'trusted', 'allow' or 'deny' refuses."
#define CLOSED "The page if an instance closed the connection without an answer."
#define LATE "The page if an instance did not answer in time."
#define UNAVAILABLE \
        "The page if no instance is ready, or all are busy. HAProxy sends 'Retry-After: 10' with it."

static const struct field error_pages_fields[] = {
        FIELD(error_pages, files[0], "403", DENIED, .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[2], "502", CLOSED, .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[3], "503", UNAVAILABLE, .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[4], "504", LATE, .flags = FIELD_NOT_TMP),
};
static SCHEMA(
        error_pages,
        "Pages that HAProxy sends if it answers instead of an instance. Each is a file with the body "
        "alone: UTF-8, at most 14 KiB, readable by every user. A file that ends in .json is JSON, one in "
        ".txt plain text, every other one HTML. 'systemctl daemon-reload' reads the files.");

static const struct field host_error_pages_fields[] = {
        FIELD(error_pages, files[0], "403", DENIED, .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[1], "404", "The page for hosts and paths that lead to no application.",
              .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[2], "502", CLOSED, .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[3], "503", UNAVAILABLE, .flags = FIELD_NOT_TMP),
        FIELD(error_pages, files[4], "504", LATE, .flags = FIELD_NOT_TMP),
};
SCHEMA(host_error_pages,
       "Pages of applications without 'proxy: {errors: …}' for this status; see Error pages in "
       "pyservice.d(5).");

static const struct field proxy_fields[] = {
        FIELD(proxy, kind, "kind",
              "The load balancer: HAProxy, or nginx, which has no health checks, queue and sticky clients.",
              .choices = "haproxy|nginx", .def = "haproxy"),
        FIELD(proxy, backend, "backend", "Name of the backend. Default: APP, or APP-SERVICE."),
        FIELD(proxy, order, "order", "Number at the beginning of the file name.", .def = "10", .min = 0,
              .max = 99),
        FIELD(proxy, via, "via",
              "How HAProxy reaches instances: published loop-back ports, or container names on a common "
              "network.",
              .choices = "port|dns", .def = "port"),
        FIELD(proxy, mode, "mode",
              "What HAProxy forwards: requests, or connections of any protocol, which 'listen' accepts.",
              .choices = "http|tcp", .def = "http"),
        FIELD(proxy, listen, "listen",
              "With 'mode: tcp': PORT or ADDRESS:PORT of the machine on which HAProxy accepts the "
              "connections. Without it, only the backend is written; 'pyservicectl check' prints the lines "
              "of a frontend, if HAProxy has none."),
        FIELD(proxy, protocol, "protocol",
              "Version of HTTP that the servers speak: 'h2' is HTTP/2 without encryption, as gRPC needs it. "
              "'health: {http: …}' makes requests of HTTP/1.1; a server that cannot answer them needs "
              "'health: {command: …}'.",
              .choices = "h1|h2", .def = "h1"),
        FIELD_LIST(proxy, domains, "domains",
                   "Host names that lead here, through the generated frontend. Without them, only the "
                   "backend is written.",
                   .flags = FIELD_ONE_OK),
        FIELD_LIST(
                proxy, redirect_from, "redirect_from",
                "Host names whose requests are redirected to the first of 'domains', such as www.example.com "
                "or an old name. 'tls' applies to these too.",
                .flags = FIELD_ONE_OK),
        FIELD_LIST(proxy, allow, "allow",
                   "Addresses and networks of clients; HAProxy refuses all others. In contrast to 'trusted', "
                   "it applies to this proxy alone.",
                   .flags = FIELD_ONE_OK),
        FIELD_LIST(proxy, deny, "deny",
                   "Addresses and networks of clients that HAProxy refuses, even if 'allow' has them.",
                   .flags = FIELD_ONE_OK),
        FIELD(proxy, path, "path", "Prefix of the paths that lead here.", .def = "/"),
        FIELD(proxy, strip, "strip", "Whether 'path' is removed before the request reaches the server.",
              .def = "false"),
        FIELD(proxy, auto_tls, "tls",
              "Encryption at the front: pyservice orders a certificate for each domain from a certificate "
              "authority, and renews it; see pyservice(7), TLS.",
              .choices = "auto"),
        FIELD_STRUCT(proxy, tls, "tls", tls_schema, "As a map: encryption at the front."),
        FIELD(proxy, redirect_to_https, "redirect_to_https",
              "Whether plain requests are redirected to https (true with 'tls')."),
        FIELD(proxy, balance, "balance", "How a server is chosen.",
              .choices = "leastconn|roundrobin|source|first|random", .def = "leastconn"),
        FIELD(proxy, sticky, "sticky", "Whether a client stays with its server, by a cookie.",
              .def = "false"),
        FIELD(proxy, maxconn, "maxconn",
              "Maximum number of connections to one server; further ones wait in "
              "the queue.",
              .min = 1, .max = 1000000),
        FIELD_STRUCT(proxy, check, "check", check_schema,
                     "How HAProxy checks a server. Default: as 'health: {http: …}' describes, else by a "
                     "connection."),
        FIELD_STRUCT(proxy, timeouts, "timeouts", timeouts_schema, "How long HAProxy waits."),
        FIELD_MAP(proxy, headers, "headers", "Headers added to every response."),
        FIELD(proxy, retries, "retries", "How often a connection is retried.", .def = "3", .min = 0,
              .max = 100),
        FIELD_LIST(proxy, servers, "servers", "Additional servers, on other machines: HOST:PORT.",
                   .flags = FIELD_ONE_OK),
        FIELD(proxy, config_dir, "config_dir",
              "Directory that HAProxy reads. Default: the directory in host.yaml.", .flags = FIELD_NOT_TMP),
        FIELD_STRUCT(
                proxy, errors, "errors", error_pages_schema,
                "Pages that HAProxy sends if it answers instead of an instance, by status: {503: FILE}."),
};
SCHEMA(proxy, "How HAProxy balances a service or a sidecar.");

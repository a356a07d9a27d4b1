/* SPDX-License-Identifier: Apache-2.0 */

/* Rules between keys and between apps: what trips each, and what comes close and does not. */

#include <time.h>

#include "worlds.h"

struct check_row {
        const char *name, *yaml, *diags, *hint;
};

static const struct check_row check_rows[] = {
        { "names: all different", "image: x\nservices: [{name: a}, {name: b}]\nsidecars: [{name: d}]\ntasks: [{name: e}]\n", "", NULL },
        { "names: of two services", "image: x\nservices: [{name: a}, {name: a}]\n", "duplicate-name‹a›", NULL },
        { "names: of a service and a task", "image: x\nservices: [{name: a}]\ntasks: [{name: a}]\n", "duplicate-name‹a›", NULL },
        { "names: three times", "image: x\nservices: [{name: a}, {name: a}, {name: a}]\n", "duplicate-name‹a› duplicate-name‹a›", NULL },
        { "names: tracking's", "image: x\nsidecars: [{name: auth-tracking}]\nauth_tracking: {}\n", "duplicate-name‹auth_tracking›", NULL },
        { "names: tracking's, switched off", "image: x\nsidecars: [{name: auth-tracking}]\nauth_tracking: {enabled: false}\n", "", NULL },
        { "names: of a task and a timer", "image: x\ntasks: [{name: a}]\ntimers: [{name: a, schedule: daily}]\n", "duplicate-name‹a›", NULL },
        { "names: a timer's reserved", "image: x\nservices: [{name: a}]\ntimers: [{name: rollout, schedule: daily}]\n", "reserved-name‹rollout›", NULL },
        { "names: like the app", "image: x\ntasks: [{name: shop}]\n", "", NULL },
        { "names: reserved", "image: x\nservices: [{name: next}]\nsidecars: [{name: health}]\ntasks: [{name: rollout}]\n",
          "reserved-name‹next› reserved-name‹health› reserved-name‹rollout›", NULL },
        { "names: like what pulls an image", "image: x\nservices: [{name: 0123abcd-image}]\ntasks: [{name: a-01234567-image}]\n",
          "reserved-name‹0123abcd-image› reserved-name‹a-01234567-image›", NULL },
        { "names: not quite like that", "image: x\nservices: [{name: image}]\ntasks: [{name: 0123abcg-image}, {name: 123abcd-image}]\n", "", NULL },
        { "labels: pyservice's own", "image: x\nlabels: {io.pyservice.app: a, io.pyservices: b}\n", "reserved-name‹io.pyservice.app›", NULL },

        { "ports: none for a proxy", "image: x\nproxy: {}\n", "port-missing‹proxy›", "no 'port:'" },
        { "ports: none for a fixed one", "image: x\nhost_port: 80\n", "port-missing‹80›", NULL },
        { "ports: none for a probe", "image: x\nhealth: {http: /}\n", "port-missing‹/›", NULL },
        { "ports: a probe with one", "image: x\nport: 80\nhealth: {http: /}\n", "", NULL },
        { "ports: up to the last", "image: x\nport: 80\nhost_port: 65534\nscale: 2\n", "", NULL },
        { "ports: past the last", "image: x\nport: 80\nhost_port: 65534\nscale: 3\n", "out-of-range‹65534›", "past port 65535" },

        { "dns: a network", "image: x\nport: 80\nnetwork: front\nproxy: {via: dns}\n", "", NULL },
        { "dns: no network", "image: x\nport: 80\nproxy: {via: dns}\n", "proxy-needs-network‹dns›", NULL },
        { "dns: Podman's default", "image: x\nport: 80\nnetwork: podman\nproxy: {via: dns}\n", "proxy-needs-network‹podman›", "no names" },
        { "dns: a network without", "image: x\nport: 80\nnetwork: a.network\nnetworks: {a: {disable_dns: true}}\nproxy: {via: dns}\n", "proxy-needs-network‹a.network›", NULL },
        { "dns: a network with", "image: x\nport: 80\nnetwork: a.network\nnetworks: {a: {disable_dns: false}}\nproxy: {via: dns}\n", "", NULL },
        { "port: the host's network", "image: x\nport: 80\nnetwork: host\nproxy: {}\n", "proxy-needs-network‹host›", "publishes no ports" },
        { "port: no network at all", "image: x\nport: 80\nnetwork: none\nproxy: {}\n", "proxy-needs-network‹none›", NULL },
        { "port: not balanced", "image: x\nport: 80\nnetwork: host\n", "", NULL },

        { "http: strip with a path", "image: x\nport: 80\nproxy: {domains: a.b, path: /api, strip: true}\n", "", NULL },
        { "http: strip without", "image: x\nport: 80\nproxy: {domains: a.b, strip: true}\n", "strip-needs-path‹true›", NULL },
        { "http: a query", "image: x\nport: 80\nproxy: {domains: a.b, path: '/a?b'}\n", "bad-value‹'/a?b'›", "query" },
        { "http: tls without domains", "image: x\nport: 80\nproxy: {tls: {certificate: /a}}\n", "missing-key‹{certificate: /a}›", "'domains:'" },
        { "http: a redirect without domains", "image: x\nport: 80\nproxy: {redirect_to_https: true}\n", "missing-key‹true›", NULL },
        { "http: no redirect", "image: x\nport: 80\nproxy: {redirect_to_https: false}\n", "", NULL },
        { "tcp: alone", "image: x\nport: 80\nproxy: {mode: tcp, balance: source, check: {path: /}}\n", "", NULL },
        { "tcp: what is HTTP's", "image: x\nport: 80\nproxy: {mode: tcp, strip: true, headers: {A: z}, tls: {certificate: /a}}\n",
          "misplaced-key‹strip› misplaced-key‹headers› misplaced-key‹tls›", "'mode: tcp'" },

        { "beat: one", "image: x\nrun_mode: BEAT\n", "", NULL },
        { "beat: none", "image: x\nrun_mode: BEAT\nscale: 0\n", "", NULL },
        { "beat: two", "image: x\nrun_mode: BEAT\nscale: 2\n", "beat-scale‹2›", NULL },
        { "beat: two of another kind", "image: x\nrun_mode: WORKER\nscale: 2\n", "", NULL },

        { "secrets: a credential", "image: x\nsecrets: {a: {credential: b}}\n", "", NULL },
        { "secrets: a file", "image: x\nsecrets: {a: {file: /b}}\n", "", NULL },
        { "secrets: neither", "image: x\nsecrets: {a: {}}\n", "secret-source‹a›", "no source" },
        { "secrets: both", "image: x\nsecrets: {a: {credential: b, file: /b}}\n", "secret-source‹a›", "two sources" },
        { "secrets: said once", "image: x\nsecrets: {a: {}}\nservices: [{name: a}, {name: b}]\ntasks: [{name: d}]\n", "secret-source‹a›", NULL },
        { "secrets: for Podman", "image: x\nsecrets: {a: {credential: b}}\nenv: {LD_PRELOAD: {secret: a}}\n", "secret-variable‹LD_PRELOAD›", NULL },
        { "secrets: for pyservice", "image: x\nsecrets: {a: {credential: b}}\nenv: {PYSERVICE_PORT_0: {secret: a}}\n", "secret-variable‹PYSERVICE_PORT_0›", NULL },
        { "secrets: for Go, whose name begins alike", "image: x\nsecrets: {a: {credential: b}}\nenv: {GOOGLE_API_KEY: {secret: a}}\n", "", NULL },
        { "secrets: no secret", "image: x\nenv: {HTTPS_PROXY: 'http://proxy:3128'}\n", "", NULL },

        { "tasks: known", "image: x\ntasks: [{name: a}, {name: b}]\nbefore_update: [b, a]\n", "", NULL },
        { "tasks: unknown", "image: x\ntasks: [{name: migrate}]\nbefore_update: [migrat, backup]\n", "unknown-task‹migrat› unknown-task‹backup›", "'migrate'?" },
        { "tasks: after an update", "image: x\ntasks: [{name: a}, {name: b}]\nbefore_update: a\nafter_update: [b]\n", "", NULL },
        { "tasks: unknown after an update", "image: x\ntasks: [{name: purge}]\nafter_update: purg\n", "unknown-task‹purg›", "'purge'?" },
        { "tasks: after a failure", "image: x\ntasks: [{name: a}, {name: b}]\nbefore_update: a\nafter_update: b\non_failure: [a, b]\n", "", NULL },
        { "tasks: unknown after a failure", "image: x\ntasks: [{name: purge}]\non_failure: purg\n", "unknown-task‹purg›", "'purge'?" },
        { "tasks: before and after", "image: x\ntasks: [{name: a}]\nbefore_update: a\nafter_update: a\n", "bad-value‹a›", "name another one" },
        { "tasks: a service is none", "image: x\nservices: [{name: web}]\nbefore_update: web\n", "unknown-task‹web›", NULL },
        { "tasks: two ways", "image: x\ntasks: [{name: a, command: x, commands: [z]}]\n", "misplaced-key‹commands›", NULL },

        { "timers: two ways", "image: x\ntimers: [{name: a, schedule: daily, command: x, commands: [z]}]\n", "misplaced-key‹commands›", NULL },
        { "timers: are no tasks", "image: x\ntimers: [{name: a, schedule: daily}]\nbefore_update: a\n", "unknown-task‹a›", NULL },
        { "timers: a time that is none",
          "image: x\ntimers: [{name: a, schedule: [daily, 'Mon 25:00']}]\n",
          "bad-schedule‹'Mon 25:00'›", NULL },
        { "timers: crontab", "image: x\ntimers: [{name: a, schedule: 0 3 * * *}]\n",
          "bad-schedule‹0 3 * * *›", "write \"03:00\"" },
        { "timers: no such zone", "image: x\ntimers: [{name: a, schedule: 3:00 Mars/Olympus}]\n",
          "unknown-zone‹3:00 Mars/Olympus›", "'Mars/Olympus'" },
        { "timers: a zone elsewhere", "image: x\ntimers: [{name: a, schedule: 3:00 a/../../x}]\n",
          "unknown-zone‹3:00 a/../../x›", NULL },
        { "volumes: to be made already", "image: x\nservices: [{name: a, volumes: ['b:/b:create']}]\n",
          "bad-value‹'b:/b:create'›", "remove it" },
        { "timers: an empty command", "image: x\ntimers: [{name: a, schedule: daily, commands: ['']}]\n", "bad-command‹''›", NULL },
        { "trusted: networks that are known", "image: x\ntrusted: 10.0.0.0/8\nnetworks: {a: {subnet: 10.1.0.0/24}}\n"
          "services: [{name: a, network: a.network}, {name: b, network: host}, {name: d, network: none}, {name: e, network: podman}, {name: f}]\n", "", NULL },
        { "trusted: a network of its own without a subnet", "image: x\ntrusted: 10.0.0.0/8\nnetworks: {a: {}}\nnetwork: a\n", "trusted-needs-subnet‹a›", NULL },
        { "trusted: a network that is not known", "image: x\ntrusted: ['::1']\nsidecars: [{name: a, network: b}]\n", "trusted-needs-subnet‹b›", NULL },
        { "trusted: tasks and timers listen to nobody", "image: x\ntrusted: 10.0.0.0/8\ntasks: [{name: a, network: b}]\ntimers: [{name: d, schedule: daily, network: b}]\n",
          "", NULL },
        { "tasks: an empty command", "image: x\ntasks: [{name: a, commands: [z, '']}]\n", "bad-command‹''›", NULL },

        { "network: names of shared and own ones", "image: x\nnetwork: a\nservices: [{name: b, aliases: c}, {name: d, network: e, aliases: [f.g, h_i]}]\n"
          "networks: {e: {}}\n", "", NULL },
        { "network: none has names", "image: x\nservices: [{name: a, network: host, aliases: b}, {name: c, network: d, aliases: e}]\n"
          "networks: {d: {disable_dns: true}}\n", "alias-needs-network‹b› alias-needs-network‹e›", NULL },
        { "network: HAProxy is on none of their own", "image: x\nservices: [{name: a, port: 80, proxy: {via: dns}}]\nsidecars: [{name: b}]\n",
          "proxy-needs-network‹dns›", NULL },
        { "network: of their own, without addresses", "image: x\ntrusted: 10.0.0.0/8\nservices: [{name: a}]\nsidecars: [{name: b}]\n", "", NULL },

        { "references: known", "image: x\nservices: [{name: a, requires: b, after: [d, e.service]}, {name: b}]\nsidecars: [{name: d}]\n", "", NULL },
        { "references: unknown", "image: x\nservices: [{name: web, after: cache}, {name: cach}]\n", "unknown-service‹cache›", "'cach'?" },
        { "references: a task is none", "image: x\nservices: [{name: web, after: a}]\ntasks: [{name: a}]\n", "unknown-service‹a›", "{a: done}" },
        { "references: of sidecars", "image: x\nsidecars: [{name: a, requires: [nothing]}]\n", "unknown-service‹nothing›", NULL },
        { "references: of tasks and timers", "image: x\nsidecars: [{name: db}]\ntasks: [{name: a, requires: db, bound_to: bd}]\n"
          "timers: [{name: t, schedule: daily, after: a}]\n", "unknown-service‹bd› unknown-service‹a›", NULL },
        { "references: bound", "image: x\nservices: [{name: a, bound_to: b}]\nsidecars: [{name: b, after: a}]\n", "reference-circle‹a›", NULL },
        { "references: a task that must be done", "image: x\nrequires: [{a: done}]\ntasks: [{name: a}]\n", "", NULL },
        { "references: with two conditions", "image: x\nrequires: [{a: ready, b: ready}]\nsidecars: [{name: a}, {name: b}]\n", "wrong-kind‹{a: ready, b: ready}›", NULL },
        { "references: tasks that need each other", "image: x\ntasks: [{name: a, requires: [{b: done}]}, {name: b, requires: [{a: done}]}]\n",
          "reference-circle‹b›", NULL },
        { "references: itself", "image: x\nservices: [{name: a, after: a}]\n", "reference-circle‹a›", "itself" },
        { "references: the short form's own", "image: x\nafter: shop\n", "reference-circle‹shop›", "itself" },
        { "references: each other", "image: x\nservices: [{name: a, after: b}, {name: b, requires: a}]\n", "reference-circle‹a›", NULL },
        { "references: a circle of three", "image: x\nservices: [{name: a, after: b}, {name: b, after: d}]\nsidecars: [{name: d, after: [z.service, a]}]\n",
          "reference-circle‹a›", NULL },
        { "references: before a circle", "image: x\nservices: [{name: a, after: b}, {name: b, after: d}, {name: d, after: b}]\n", "reference-circle‹d›", NULL },
        { "references: many ways, no circle", "image: x\nservices: [{name: a, after: [b, d]}, {name: b, after: d}, {name: d}]\n", "", NULL },

        { "instance: in a service", "image: x\ncommand: 'a {{ instance }}'\nenv: {A: '{{ instance }}'}\nworkdir: '/a/{{ instance }}'\n", "", NULL },
        { "instance: in a task", "image: x\ntasks: [{name: a, command: 'a {{ instance }}'}]\n", "instance-not-here‹'a {{ instance }}'›", NULL },
        { "instance: in a sidecar", "image: x\nsidecars: [{name: a, workdir: '/a/{{ instance }}'}]\n", "instance-not-here‹'/a/{{ instance }}'›", NULL },
        { "instance: taken over by a task", "image: x\nlabels: {a: '{{ instance }}'}\ntasks: [{name: a}]\n", "instance-not-here‹'{{ instance }}'›", NULL },
        { "instance: in a certificate", "image: x\nport: 1\nproxy: {domains: a.b, tls: {certificate: '/a/{{ instance }}'}}\n",
          "instance-not-here‹'/a/{{ instance }}'›", NULL },
        { "instance: in credentials", "image: x\nauth_file: '/a/{{ instance }}'\n", "instance-not-here‹'/a/{{ instance }}'›", NULL },
        { "instance: in a name", "image: x\nservices: [{name: 'a{{ instance }}'}]\n", "instance-not-here‹'a{{ instance }}'›", NULL },

        { "health: a command", "image: x\nhealth: {command: curl}\n", "", NULL },
        { "health: neither", "image: x\nhealth: {retries: 2}\n", "missing-key‹health›", NULL },
        { "health: of a sidecar", "image: x\nsidecars: [{name: a, health: {http: /}}]\n", "port-missing‹/›", NULL },
        { "health: of a sidecar with a port", "image: x\nsidecars: [{name: a, port: 80, health: /}]\n", "", NULL },
        { "health: nothing for a sidecar", "image: x\nsidecars: [{name: a, health: {}}]\n", "missing-key‹health›", NULL },

        { "networks: good", "image: x\nnetworks: {a: {subnet: 10.0.0.0/24, gateway: 10.0.0.1}}\n", "", NULL },
        { "networks: one address", "image: x\nnetworks: {a: {subnet: 10.0.0.1}}\n", "bad-value‹10.0.0.1›", NULL },
        { "networks: many gateways", "image: x\nnetworks: {a: {subnet: 10.0.0.0/24, gateway: 10.0.0.0/24}}\n", "bad-value‹10.0.0.0/24›", NULL },
        { "networks: a gateway alone", "image: x\nnetworks: {a: {gateway: 10.0.0.1}}\n", "missing-key‹10.0.0.1›", "'subnet:'" },
        { "volumes: good", "image: x\nvolumes: {a: {type: nfs, device: 'h:/d', options: rw}, b: {}}\nservices: [{name: w, volumes: ['b:/b']}]\n"
          "sidecars: [{name: s, volumes: ['a:/a:ro']}]\n", "", NULL },
        { "volumes: no device", "image: x\nvolumes: {a: {type: nfs, options: rw}}\nservices: [{name: w, volumes: ['a:/a']}]\n", "missing-key‹nfs› missing-key‹rw›", "'device:'" },

        { "networks: a gateway outside", "image: x\nnetworks: {a: {subnet: 10.0.0.0/25, gateway: 10.0.0.128}}\n", "bad-value‹10.0.0.128›", "not an address of the subnet" },
        { "networks: a gateway of another kind", "image: x\nnetworks: {a: {subnet: 10.0.0.0/24, gateway: '::1'}}\n", "bad-value‹'::1'›", NULL },
        { "networks: no bits", "image: x\nnetworks: {a: {subnet: 10.0.0.0/0, gateway: 1.2.3.4}}\n", "", NULL },
        { "mounts: the service's instead of the app's", "image: x\nvolumes: ['data:/data']\nservices: [{name: web, volumes: ['other:/data']}]\n", "", NULL },
        { "mounts: two at one place", "image: x\nvolumes: ['data:/data', 'other:/data:ro']\n", "file-taken‹'other:/data:ro'›", "'/data'" },
        { "mounts: the app's own, in full", "image: x\nvolumes: {vv: {}}\nservices: [{name: web, volumes: ['vv.volume:/x']}]\n", "", NULL },
        { "mounts: one of others' at the same place", "image: x\nvolumes: [{volume: a, dest: /a}]\n"
          "services: [{name: web, volumes: ['b:/b', {volume: c, dest: /b}]}]\n", "file-taken‹{volume: c, dest: /b}›", NULL },
        { "mounts: names that Podman has not", "image: x\nvolumes: ['a@b:/a', 'a_b.C:/b', {volume: a/b, dest: /c}]\n", "bad-value‹'a@b:/a'› bad-value‹a/b›", NULL },
        { "mounts: a file of the administrator's is no volume", "image: x\nvolumes: [{volume: a.volume, dest: /a}]\n", "bad-value‹a.volume›", NULL },
        { "mounts: half of it", "image: x\nvolumes: [{volume: a}, {dest: /a}]\n", "missing-key‹{› missing-key‹{›", NULL },
        { "mounts: bad options", "image: x\nvolumes: [{volume: a, dest: /a, options: 'a:b'}]\n", "bad-value‹{volume: a, dest: /a, options: 'a:b'}›", NULL },
        { "users: the last", "image: x\nuser: '4294967294:65534'\nroot: /srv/a\n", "", NULL },
        { "users: none by that number", "image: x\nuser: '65535:4294967295'\nroot: /srv/a\nensure_user: false\n", "bad-value‹'65535:4294967295'› bad-value‹'65535:4294967295'›", NULL },
        { "users: a leading zero", "image: x\nuser: '007'\nfiles: [{dest: /etc/a, content: x}]\n", "bad-value‹'007'›", "leading zero" },
        { "users: the image's own", "image: x\nuser: '65535'\n", "", NULL },
        { "reach: nobody", "image: x\nnetwork: none\nport: 80\nhealth: {http: /}\n", "misplaced-key‹/›", "'command:'" },
        { "reach: from within", "image: x\nnetwork: none\nhealth: {command: curl}\n", "", NULL },
        { "reach: a port of the machine, by name", "image: x\nnetwork: a\nport: 80\nhost_port: 81\nproxy: {via: dns}\n", "misplaced-key‹81›", "'via: dns'" },
        { "reach: the host's own", "image: x\nnetwork: host\nport: 80\nhost_port: 81\nhealth: {http: /}\n", "misplaced-key‹81›", "'network: host'" },
        { "raw: free", "image: x\nquadlet: {Unit: {After: z.service}, Container: {ShmSize: 1g, Ulimit: core=0}, Service: {RestartSec: '9', Nice: '5'}}\n", "", NULL },
        { "raw: of a key", "image: x\nquadlet: {Container: {Image: z}}\n", "quadlet-key-taken‹Image›", "'image:'; write that" },
        { "raw: of pyservice", "image: x\nquadlet: {Unit: {PartOf: z.target}, Service: {KillMode: none}}\n", "quadlet-key-taken‹PartOf› quadlet-key-taken‹KillMode›", NULL },
        { "raw: what Podman would do past a rollout", "image: x\nquadlet: {Container: {AutoUpdate: registry}, Service: {ExecCondition: ''}}\n",
          "quadlet-key-taken‹AutoUpdate› quadlet-key-taken‹ExecCondition›", "'auto_update:'; write that" },
        { "raw: a key of another section", "image: x\nquadlet: {Unit: {Image: z}}\n", "", NULL },
        { "raw: takes back", "image: x\nquadlet: {Service: {ExecStartPre: ''}, Container: {PodmanArgs: '', ShmSize: ''}}\n",
          "quadlet-key-taken‹ExecStartPre› quadlet-key-taken‹PodmanArgs›", "would remove" },
        { "raw: takes back secrets", "image: x\nquadlet: {Container: {Secret: ''}}\n", "quadlet-key-taken‹Secret›", NULL },
        { "raw: another section", "image: x\nquadlet: {Install: {WantedBy: z.target}}\n", "unknown-key‹Install›", NULL },
};

static void test_one(void **state) {
        const struct check_row *row = *state;
        struct site s;

        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", row->yaml);
        site_load(&s);
        assert_site(&s, row->diags, row->hint);
        assert_int_equal(site_app(&s, "shop") == NULL, row->diags[0] != '\0');
        site_close(&s);
}

struct spare_row {
        const char *name, *yaml, *diags;
        bool has_spare;                 /* the first service */
};

#define SPARE "port: 80\nproxy: {}\n"

static const struct spare_row spare_rows[] = {
        { "one writer", "image: x\n" SPARE "volumes: ['/srv/a:/a:z']\n", "no-spare‹'/srv/a:/a:z'›", false },
        { "a volume", "image: x\nvolumes: {a: {}}\nservices: [{name: w, port: 80, proxy: {}, volumes: ['a:/a']}]\n", "no-spare‹'a:/a'›", false },
        { "several writers", "image: x\nscale: 2\n" SPARE "volumes: ['/srv/a:/a']\n", "", true },
        { "readers", "image: x\n" SPARE "volumes: ['/srv/a:/a:z,ro', '/srv/b:/b:O', '/srv/c{{ instance }}:/c', '/run/d:/d', '/dev:/dev']\n", "", true },
        { "a path that only looks like the machine's", "image: x\n" SPARE "volumes: ['/runner:/a']\n", "no-spare‹'/runner:/a'›", false },
        { "of a timer, too", "image: x\n" SPARE "volumes: ['/srv/a:/a']\ntimers: [{name: t, schedule: daily}]\n", "", true },
        { "of a task, too", "image: x\nservices: [{name: w, port: 80, proxy: {}, volumes: ['/srv/a:/a']}]\n"
          "tasks: [{name: t, volumes: ['/srv/a:/b:ro']}]\n", "", true },
        { "of a sidecar, too", "image: x\nservices: [{name: w, port: 80, proxy: {}, volumes: ['/srv/a:/a']}]\n"
          "sidecars: [{name: t, volumes: ['/srv/a:/b']}]\n", "", true },
        { "wanted", "image: x\nrollout: {spare: true}\n" SPARE "volumes: ['/srv/a:/a']\n", "", true },
        { "not wanted", "image: x\nrollout: {spare: false}\n" SPARE "volumes: ['/srv/a:/a']\npublish: '9000:9000'\n", "", false },
        { "all at once", "image: x\nrollout: {strategy: recreate}\n" SPARE "volumes: ['/srv/a:/a']\n", "", false },
        { "no proxy", "image: x\nvolumes: ['/srv/a:/a']\n", "", false },
        { "a fixed port", "image: x\nrollout: {spare: true}\n" SPARE "publish: '9000:9000'\n", "no-spare‹'9000:9000'›", false },
        { "a port that Podman chooses", "image: x\n" SPARE "publish: '9000'\n", "", true },
        { "the application's own directories", "image: x\nroot: /srv/a\n" SPARE, "", true },
};

static void test_spare(void **state) {
        const struct spare_row *row = *state;
        const struct app *app;
        struct site s;

        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", row->yaml);
        site_load(&s);
        assert_site(&s, row->diags, NULL);
        app = site_app(&s, "shop");
        assert_non_null(app);
        assert_int_equal(has_spare(app, app->services.at), row->has_spare);
        site_close(&s);
}

struct world_row {
        const char *name, *one, *two;   /* one.yaml, two.yaml */
        const char *diags, *owner, *published;       /* whom they are about; whose bundle is there */
};

#define PROXIED "image: x\nport: 80\nproxy: "

static const struct world_row world_rows[] = {
        { "units: different", "image: x\n", "image: x\n", "", NULL, NULL },
        { "units: of a part", "image: x\nservices: [{name: a}]\n", "image: x\n", "", NULL, NULL },
        { "units: a sidecar like a network", "image: x\nnetworks: {a: {}}\nsidecars: [{name: a-network}]\n", "image: x\n", "unit-taken‹a›", "one", NULL },
        { "containers: like a spare", "image: x\nservices: [{name: a, port: 80, proxy: {}}]\nsidecars: [{name: a-next}]\n", "image: x\n", "unit-taken‹a-next›", "one", NULL },
        { "containers: like the spare of what has none", "image: x\nservices: [{name: a}]\nsidecars: [{name: a-next}]\n", "image: x\n", "", NULL, NULL },
        { "containers: like an instance", "image: x\nsidecars: [{name: '1'}]\nscale: 2\n", "image: x\n", "unit-taken‹'1'›", "one", NULL },
        { "containers: like none yet", "image: x\nsidecars: [{name: '1'}]\nscale: 1\n", "image: x\n", "", NULL, NULL },
        { "backends: one name", PROXIED "{backend: b}\n", PROXIED "{backend: b}\n", "backend-taken‹b›", "two", NULL },
        { "backends: the published one keeps it", PROXIED "{backend: b}\n", PROXIED "{backend: b}\n", "backend-taken‹b›", "one", "two" },
        { "backends: a default name", PROXIED "{backend: two}\n", PROXIED "{}\n", "backend-taken‹/etc/pyservice.d/two.yaml›", "two", NULL },
        { "routes: two paths", PROXIED "{domains: a.b, path: /z}\n", PROXIED "{domains: a.b}\n", "", NULL, NULL },
        { "routes: one", PROXIED "{domains: [d.e, a.b]}\n", PROXIED "{domains: a.b}\n", "route-taken‹a.b›", "two", NULL },
        { "routes: the published one keeps it", PROXIED "{domains: a.b}\n", PROXIED "{domains: a.b}\n", "route-taken‹a.b›", "one", "two" },
        { "routes: both published", PROXIED "{domains: a.b}\n", PROXIED "{domains: a.b}\n", "route-taken‹a.b›", "two", "one two" },
        { "instances: as many as may be", "image: x\nscale: 9999\n", "image: x\nscale: 1\n", "", NULL, NULL },
        { "instances: one too many", "image: x\nscale: 9999\n", "image: x\nscale: 2\n", "too-many-instances‹2›", "two", NULL },
        { "instances: by themselves", "image: x\nservices: [{name: a, scale: 6000}, {name: b, scale: 6000}]\n", "image: x\nscale: 5000\n",
          "too-many-instances‹6000›", "one", NULL },
        { "broken ones claim nothing", PROXIED "{backend: b, strip: true}\n", PROXIED "{backend: b}\n", "strip-needs-path‹true›", "one", NULL },
};

static void test_world(void **state) {
        const struct world_row *row = *state;
        struct site s;

        site_open(&s);
        for (const char *app = row->published; app && *app; app += strcspn(app, " "), app += *app == ' ')
                site_write(&s, arena_printf(&s.arena, "/run/pyservice/apps/%.*s/ports", (int) strcspn(app, " "), app).p, "");
        site_write(&s, "/etc/pyservice.d/one.yaml", row->one);
        site_write(&s, "/etc/pyservice.d/two.yaml", row->two);
        site_load(&s);

        assert_site(&s, row->diags, NULL);
        assert_int_equal(site_app(&s, "one") == NULL, row->owner && strcmp(row->owner, "one") == 0);
        assert_int_equal(site_app(&s, "two") == NULL, row->owner && strcmp(row->owner, "two") == 0);
        VEC_EACH(d, &s.diags.list)
                assert_true(str_is(d->owner, row->owner));
        site_close(&s);
}

/* "shop-web@.service" may come from the app "shop-web" or from a part of "shop". */
static void test_units_of_two_apps(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", "image: x\nservices: [{name: web, volumes: ['web-a:/a']}]\nnetworks: {web-a: {}}\nvolumes: {web-a: {}}\n");
        site_write(&s, "/etc/pyservice.d/shop-web.yaml", "image: x\nscale: 0\nnetworks: {a: {}}\nvolumes: {a: {}}\nsidecars: [{name: s, volumes: ['a:/a']}]\n");
        site_load(&s);
        assert_site(&s, "unit-taken‹/etc/pyservice.d/shop-web.yaml› unit-taken‹a› unit-taken‹a›", "the unit 'shop-web@.service' is taken by the app 'shop'");
        site_close(&s);
}

/* An app that runs with a unit keeps it: a new part of an app that runs too can't take it, nor can one while the other's
 * file is broken. */
static void test_units_of_what_runs(void **state) {
        static const char *const others[] = { "image: x\n", "image: x\nscale: many\n" };
        struct site s;

        (void) state;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                site_open(&s);
                site_write(&s, "/run/pyservice/apps/shop/units/shop.target", "");
                site_write(&s, "/run/pyservice/apps/shop-web/units/shop-web@.service", "");
                site_write(&s, "/etc/pyservice.d/shop.yaml", "image: x\nservices: [{name: web}]\n");
                site_write(&s, "/etc/pyservice.d/shop-web.yaml", others[i]);
                site_load(&s);
                assert_site(&s, i == 0 ? "unit-taken‹web›" : "unit-taken‹web› bad-value‹many›", "'shop-web@.service' is taken by the app 'shop-web'");
                assert_null(site_app(&s, "shop"));
                site_close(&s);
        }
}

static void test_units_of_the_machine(void **state) {
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/usr/lib/systemd/system/ssh@.service", "");
        site_write(&s, "/usr/lib/systemd/system/old.target", "");
        site_write(&s, "/usr/lib/systemd/system/asked-health.timer", "");
        site_write(&s, "/usr/lib/systemd/system/gone@.service", "");
        site_link(&s, "/etc/systemd/system/gone@.service", "/dev/null");
        site_write(&s, "/etc/systemd/system/pinned@1.service", "");
        site_write(&s, "/etc/pyservice.d/ssh.yaml", "image: x\n");
        site_write(&s, "/etc/pyservice.d/old.yaml", "image: x\n");
        site_write(&s, "/etc/pyservice.d/asked.yaml", "image: x\nport: 80\nhealth: {http: /}\n");
        site_write(&s, "/etc/pyservice.d/gone.yaml", "image: x\n");
        site_write(&s, "/etc/pyservice.d/pinned.yaml", "image: x\nscale: 2\n");
        site_load(&s);
        assert_site(&s, "unit-taken‹/etc/pyservice.d/asked.yaml› unit-taken‹/etc/pyservice.d/old.yaml› unit-taken‹/etc/pyservice.d/pinned.yaml› unit-taken‹/etc/pyservice.d/ssh.yaml›",
                    "'pinned@1.service'");
        site_close(&s);
}

/* Each holds "hunter" where a secret may be, and is broken in another way: what is printed reaches the journal. */
struct secret_row {
        const char *name, *yaml, *printed;
};

static const struct secret_row secret_rows[] = {
        { "secret: a key twice", "image: x\nenv:\n  DB_PWD: hunter1\n  DB_PWD: hunter2\n", "    4 |   DB_PWD: *******\n      |   ^~~~~~\n" },
        { "secret: a key without a colon", "image: x\nfiles:\n- dest: /x\n  content: |\n    BEGIN\n   hunter2\n", "[yaml-syntax]\n" },
        { "secret: at the margin", "image: x\nfiles:\n- dest: /x\n  content: |\n    BEGIN\nhunter2\nhunter3\n", "[yaml-syntax]\n" },
        { "secret: behind what looks like keys", "image: x\nfiles:\n- dest: /x\n  content: |\n  Proc-Type: 4\n\n  hunter2\n", "[yaml-syntax]\n" },
        { "secret: a line of a content like a key", "image: x\nfiles:\n- dest: /x\n  content: |\n    a\n   hunter2: hunter3\n", "[yaml-syntax]\n" },
        { "secret: folded", "image: x\nenv:\n  DB_PASSWORD: >\n  hunter3\n  A: b\n", "[yaml-syntax]\n" },
        { "secret: a quote", "image: x\nenv:\n  DB_PWD: \"hunter2\n", "    3 |   DB_PWD: ********\n      |           ^\n" },
        { "secret: in braces", "image: x\nenv: {A: \"hunter2}\n", "    2 | env: *************\n      |          ^\n" },
        { "secret: in braces over lines", "services: [{name: web, env: {\nA: hunter2, B: [}\n", "[yaml-syntax]\n" },
        { "secret: an item", "services:\n- {name: web, env: {A: hunter2, A: b}}\n", "[yaml-duplicate-key]\n" },
        { "secret: a list of variables", "image: x\nenv:\n- A=b\n- \"A=hunter2\n", "[yaml-syntax]\n" },
        { "secret: behind them", "image: x\nenv: {A: hunter2}\nscale: [2\n", "    3 | scale: [2\n      |        ^\n" },
        { "secret: an item behind them", "services:\n- name: a\n  env: {A: hunter2}\n- {name: b, name: d}\n", "    4 | - {name: b, name: d}\n" },
        { "secret: no list", "services: {web: {image: a/b:1, env: {P: hunter2}}}\n", "    1 | services: {web: ****" },
        { "secret: no map", "services: [[{image: a/b:1, env: {P: hunter2}}]]\n", "    1 | services: [[{image: a/b:1, env: ************}]]\n" },
        { "secret: below a misspelt key", "image: x\nservice: [{name: a, env: {P: hunter2}}]\n", "    2 | service: [{name: a, env: ************}]\n" },
        { "secret: a misspelt key", "image: x\nenvs: {P: hunter2}\n", "    2 | envs: ************\n" },
        { "secret: a variable where keys are", "image: x\nenv: {A: b}\nDB_PWD: hunter2\n", "    3 | DB_PWD: *******\n" },
        { "secret: beside a note", "services: [{x-note: {P: hunter2}, nam: a}]\n", "    1 | services: [{x-note: ************, nam: a}]\n" },
        { "secret: shown is what is known", "imgae: a/b:1\n", "    1 | imgae: a/b:1\n" },
};

static void test_secret(void **state) {
        const struct secret_row *row = *state;
        struct site s;
        struct buf out;

        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", row->yaml);
        site_load(&s);
        assert_null(site_app(&s, "shop"));
        out = buf_in(&s.arena);
        diag_print(&out, &s.diags, (struct str) { NULL, 0 }, 0);
        if (strstr(buf_str(&out).p, "hunter") || !strstr(buf_str(&out).p, row->printed))
                fail_msg("printed is: %s", buf_str(&out).p);
        site_close(&s);
}

/* What an instance's file is laid over has no such name: the file is never decoded. */
static void test_secret_of_nobody(void **state) {
        struct site s;
        struct buf out;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", "image: x\nservices: [{name: web}]\n");
        site_write(&s, "/etc/pyservice.d/shop.yaml.d/1.yaml", "services: {x-note: free, wbe: {env: {P: hunter2}}}\n");
        site_load(&s);
        assert_site(&s, "unknown-key‹wbe›", "did you mean 'web'?");
        out = buf_in(&s.arena);
        diag_print(&out, &s.diags, (struct str) { NULL, 0 }, 0);
        assert_null(strstr(buf_str(&out).p, "hunter"));
        site_close(&s);
}

/* The time to read the YAML, which is linear, says how fast the machine is. */
static clock_t time_to_parse(struct buf *yaml) {
        struct arena a = { 0 };
        struct sources sources = { 0 };
        struct diags ds = { .arena = &a, .sources = &sources };
        clock_t start = clock();
        struct node *root;

        yaml_parse(&a, &ds, source_add(&a, &sources, STR("x.yaml"), buf_str(yaml)), &root);
        assert_non_null(root);
        arena_done(&a);
        return clock() - start;
}

/* No check takes an effort that grows much faster than what it makes of the definition: a file for each task, of
 * 1400 each, takes 500 times as long as reading the YAML. */
static void assert_quick(struct site *s, struct buf *yaml) {
        clock_t parse = time_to_parse(yaml), start = clock();

        site_write(s, "/etc/pyservice.d/shop.yaml", buf_str(yaml).p);
        site_load(s);
        assert_site(s, "", NULL);
        assert_true(clock() - start < 20000 * (parse + 1));
}

/* Each waits for the one behind it. */
static void test_long_chain(void **state) {
        struct site s;
        struct buf yaml;

        (void) state;
        site_open(&s);
        yaml = buf_in(&s.arena);
        buf_put(&yaml, "image: x\nservices: [{name: s4000}");
        for (int i = 0; i < 4000; i++)
                buf_put_str(&yaml, arena_printf(&s.arena, ", {name: s%d, requires: s%d}", i, i + 1));
        buf_put(&yaml, "]\n");
        assert_quick(&s, &yaml);
        site_close(&s);
}

/* Each task has each file. */
static void test_files_of_tasks(void **state) {
        struct site s;
        struct buf yaml;

        (void) state;
        site_open(&s);
        yaml = buf_in(&s.arena);
        buf_put(&yaml, "image: x\nfiles: [{dest: /f, content: x}");
        for (int i = 0; i < 1400; i++)
                buf_put_str(&yaml, arena_printf(&s.arena, ", {dest: /f%d, content: x}", i));
        buf_put(&yaml, "]\ntasks: [{name: t}");
        for (int i = 0; i < 1400; i++)
                buf_put_str(&yaml, arena_printf(&s.arena, ", {name: t%d}", i));
        buf_put(&yaml, "]\n");
        assert_quick(&s, &yaml);
        site_close(&s);
}

/* At one path one thing is mounted: the service's own. */
static void test_mounts(void **state) {
        const struct container *c;
        struct site s;

        (void) state;
        site_open(&s);
        site_write(&s, "/etc/pyservice.d/shop.yaml", "image: x\nvolumes: ['a:/a', 'b:/b']\nservices: [{name: web, volumes: ['d:/a']}, {name: bare}]\n");
        site_write(&s, "/etc/pyservice.d/own.yaml", "image: x\nvolumes: {vv: {}}\nservices: [{name: web, volumes: ['vv.volume:/x:ro']}]\n");
        site_load(&s);
        assert_site(&s, "", NULL);
        c = &site_app(&s, "shop")->services.at[0].container;
        assert_int_equal(c->mounts.n, 2);
        assert_string_equal(c->mounts.at[0].spec.text.p, "shop-b:/b");
        assert_string_equal(c->mounts.at[1].spec.text.p, "shop-d:/a");
        assert_int_equal(site_app(&s, "shop")->services.at[1].container.mounts.n, 2);
        c = &site_app(&s, "own")->services.at[0].container;
        assert_string_equal(c->mounts.at[0].spec.text.p, "own-vv:/x:ro");
        assert_string_equal(c->mounts.at[0].unit.text.p, "own-vv-volume.service");
        site_close(&s);
}

int main(void) {
        static struct rows all;

        rows_add(&all, test_secret, secret_rows);
        rows_add_one(&all, test_secret_of_nobody);
        rows_add_one(&all, test_mounts);
        rows_add_one(&all, test_long_chain);
        rows_add_one(&all, test_files_of_tasks);
        rows_add(&all, test_one, check_rows);
        rows_add(&all, test_spare, spare_rows);
        rows_add(&all, test_world, world_rows);
        rows_add_one(&all, test_units_of_two_apps);
        rows_add_one(&all, test_units_of_what_runs);
        rows_add_one(&all, test_units_of_the_machine);
        return rows_run(&all, "check");
}

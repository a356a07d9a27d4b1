/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "base/utf8.h"
#include "ctl/session.h"

/* In this order they are done and shown: causes come before their consequences. */
static const struct doctor_check checks[] = {
        { "versions", "systemd", "systemd is new enough", CHECK_HERE, doctor_systemd },
        { "versions", "podman", "Podman is installed, and new enough", CHECK_HERE, doctor_podman },
        { "versions", "haproxy", "HAProxy, if it is used, is installed, and new enough",
          CHECK_HERE | CHECK_SYSTEM, doctor_haproxy_version },
        { "versions", "nginx", "nginx, if it is used, is installed, and new enough",
          CHECK_HERE | CHECK_SYSTEM, doctor_nginx_version },
        { "versions", "git", "git and ssh, if images are built from repositories, are installed", 0,
          doctor_git },

        { "pyservice", "generator", "systemd finds pyservice's generator, and the generator finds Quadlet", 0,
          doctor_generator },
        { "pyservice", "units", "pyservice's units and programs are installed", 0, doctor_units },
        { "pyservice", "directories", "The directories of definitions and of state exist", CHECK_SYSTEM,
          doctor_directories },
        { "pyservice", "target", "pyservice.target is enabled, and active", 0, doctor_target },
        { "pyservice", "shadowed", "No unit is masked or hidden by another file of the same name", 0,
          doctor_shadowed },
        { "pyservice", "linger", "The user's applications keep running after logout", CHECK_USER,
          doctor_linger },

        { "definitions", "errors", "The definitions have no errors", 0, doctor_errors },
        { "definitions", "generated", "systemd has read the current definitions", 0, doctor_generated },
        { "definitions", "stale", "systemd has read the current files of pyservice's units",
          CHECK_HERE | CHECK_BUS, doctor_stale },
        { "definitions", "permissions", "No other user can write definitions or read secrets", 0,
          doctor_permissions },

        { "machine", "clock", "The clock is synchronised", CHECK_HERE | CHECK_SYSTEM, doctor_clock },
        { "machine", "disk", "The file systems have free space", 0, doctor_disk },
        { "machine", "journal", "The journal survives a reboot", CHECK_SYSTEM, doctor_journal },
        { "machine", "selinux", "SELinux lets containers read their mounts", CHECK_HERE, doctor_selinux },

        { "ports", "taken", "No other program has the ports of the instances and of the front", CHECK_HERE,
          doctor_ports },
        { "ports", "pool", "No other program uses ports of the pool", CHECK_HERE, doctor_pool },
        { "ports", "firewall", "The firewall has Podman's rules for the containers that run",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_firewall },

        { "certificates", "certificates",
          "Certificates are valid, have their key and chain, and are served as the files have them",
          CHECK_AS_ROOT | CHECK_SYSTEM, doctor_certificates },

        { "HAProxy", "running", "HAProxy is running, if it is used", CHECK_HERE | CHECK_SYSTEM | CHECK_BUS,
          doctor_haproxy_runs },
        { "HAProxy", "reads", "HAProxy reads the directory of the generated files", CHECK_SYSTEM,
          doctor_haproxy_reads },
        { "HAProxy", "config", "HAProxy accepts its whole configuration as it is on disk",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_config },
        { "HAProxy", "socket", "HAProxy accepts commands", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM,
          doctor_haproxy_socket },
        { "HAProxy", "master", "HAProxy's master accepts commands", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM,
          doctor_haproxy_master },
        { "HAProxy", "front", "The generated frontend exists, and no other has its port",
          CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_front },
        { "HAProxy", "hard-stop", "After a reload HAProxy waits for every drain",
          CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_stop },
        { "nginx", "nginx", "nginx is running, if it is used, and includes the generated files",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM | CHECK_BUS, doctor_nginx },

        { "applications", "images", "The images exist, or can be pulled or built", CHECK_HERE | CHECK_AS_ROOT,
          doctor_images },
        { "applications", "credentials", "The credentials exist, and can be decrypted", CHECK_AS_ROOT,
          doctor_credentials },
        { "applications", "secret-files", "The files of secrets exist, and only their owner can read them",
          CHECK_AS_ROOT, doctor_secret_files },
        { "applications", "podman-secrets", "The Podman secrets exist", CHECK_HERE | CHECK_AS_ROOT,
          doctor_podman_secrets },
        { "applications", "objects", "Volumes and networks match the definitions", CHECK_HERE | CHECK_AS_ROOT,
          doctor_objects },
        { "applications", "memory", "The kernel ended no process to get memory back, in the last 24 hours",
          CHECK_HERE | CHECK_AS_ROOT, doctor_memory },
        { "applications", "failed", "No unit has failed", CHECK_HERE | CHECK_BUS, doctor_failed },
        { "applications", "stops", "No stop ended with SIGKILL", 0, doctor_stops },
        { "applications", "leftovers", "Every running container belongs to a unit",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_BUS, doctor_leftovers },
        { "applications", "hardening", "Parts that would run with 'hardening: strict' (only with APP)",
          CHECK_HERE | CHECK_AS_ROOT, doctor_hardening },
        { "applications", "removed", "Removed applications left nothing behind", 0, doctor_removed },
        { "applications", "messages", "Messages about events are delivered", CHECK_AS_ROOT | CHECK_SYSTEM,
          doctor_messages },

        { "requests", "servers", "Each backend has servers that are ready (503)",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM | CHECK_BUS, doctor_haproxy_servers },
        { "requests", "answers", "No requests fail in HAProxy (502, 503, 504)",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_answers },
};

static struct doctor_result *current(struct doctor *d) {
        return &d->results.at[d->results.n - 1];
}

static void add(struct doctor *d, struct finding finding) {
        struct doctor_result *result = current(d);

        finding.text = utf8_clean(d->arena, finding.text);
        finding.advice = utf8_clean(d->arena, finding.advice);
        *vec_push(d->arena, &result->findings) = finding;
        if (finding.level > result->level)
                result->level = finding.level;
}

void doctor_bad(struct doctor *d, struct str app, struct str text, struct str advice) {
        add(d, (struct finding){ DOCTOR_BAD, app, text, advice });
}

void doctor_warn(struct doctor *d, struct str app, struct str text, struct str advice) {
        add(d, (struct finding){ DOCTOR_WARNING, app, text, advice });
}

void doctor_note(struct doctor *d, struct str app, struct str text, struct str advice) {
        add(d, (struct finding){ DOCTOR_GOOD, app, text, advice });
}

static struct finding *last_finding(struct doctor *d) {
        struct doctor_result *result = current(d);

        return &result->findings.at[result->findings.n - 1];
}

void doctor_fix(struct doctor *d, const char *const *argv) {
        struct finding *last = last_finding(d);
        size_t n = 0;

        while (argv[n])
                n++;
        last->fix = arena_array(d->arena, n + 1, const char *);
        for (size_t i = 0; i < n; i++)
                last->fix[i] = arena_str(d->arena, str_of(argv[i])).p;
}

void doctor_fix_by_systemctl(struct doctor *d, const char *verb, const char *unit) {
        if (d->ctl->is_user)
                doctor_fix(d, (const char *[]){ "systemctl", "--user", verb, unit, NULL });
        else
                doctor_fix(d, (const char *[]){ "systemctl", verb, unit, NULL });
}

void doctor_alike(struct doctor *d, struct str name, struct str many) {
        struct finding *last = last_finding(d);

        last->name = utf8_clean(d->arena, name);
        last->many = utf8_clean(d->arena, many);
}

bool doctor_is_good(const struct doctor *d, const char *check) {
        VEC_EACH(result, &d->results)
                if (strcmp(result->check->name, check) == 0)
                        return result->level == DOCTOR_GOOD;

        return false;
}

void doctor_skip(struct doctor *d, const char *reason) {
        struct doctor_result *result = current(d);

        result->reason = reason;
        if (result->level < DOCTOR_SKIPPED)
                result->level = DOCTOR_SKIPPED;
}

/* The reason why it can't be made here; NULL if it can. */
static const char *obstacle(const struct doctor *d, const struct doctor_check *check) {
        if ((check->needs & CHECK_HERE) && strcmp(d->ctl->root, "/") != 0)
                return "need the running machine";
        if ((check->needs & CHECK_AS_ROOT) && !d->ctl->is_user && geteuid() != 0)
                return "need root";
        if ((check->needs & CHECK_BUS) && !d->now.bus)
                return "need systemd, which does not answer";
        return NULL;
}

static bool is_about_this(const struct doctor *d, const struct doctor_check *check) {
        return !(check->needs & (d->ctl->is_user ? CHECK_SYSTEM : CHECK_USER));
}

static void examine(struct doctor *d) {
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                const char *reason = obstacle(d, &checks[i]);

                if (!is_about_this(d, &checks[i]))
                        continue;
                *vec_push(d->arena, &d->results) = (struct doctor_result){ .check = &checks[i] };
                if (reason)
                        doctor_skip(d, reason);
                else
                        checks[i].run(d);
        }
}

static struct { bool fixes; } options;

const struct option_row doctor_options[] = {
        { "fix", NULL, "Run the commands that fix what is safe to fix, after asking",
          .flag = &options.fixes },
        { 0 },
};

int ctl_doctor(struct ctl *c) {
        struct doctor d = { .ctl = c, .arena = &c->arena, .places = { .runtime = -1, .state = -1 } };
        int r;

        if (c->argc > 1)
                return ctl_usage(c, "give the name of one application, or none");
        if (c->argc == 1 && !type_accepts(KIND_NAME, str_of(c->argv[0])))
                return ctl_usage(c, "invalid application name '%s'",
                                 utf8_clean(&c->arena, str_of(c->argv[0])).p);

        if (options.fixes && strcmp(c->root, "/") != 0)
                return ctl_usage(c, "--fix works on the running machine only, and not with --root");

        d.only = c->argc == 1 ? str_of(c->argv[0]) : (struct str){ 0 };
        r = doctor_look(&d);
        if (r == 0) {
                examine(&d);
                r = doctor_show(&d);
                if (options.fixes && (r == CTL_GOOD || r == CTL_ERROR))
                        r = doctor_fix_all(&d);
        }

        snapshot_close(&d.now);
        view_close(&d.places);
        session_close(&d.session);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/doctor.h"

#include <unistd.h>

#include "base/utf8.h"
#include "ctl/session.h"

/* In this order they are done and shown. */
static const struct doctor_check checks[] = {
        { "versions", "systemd", "systemd is new enough", CHECK_HERE, doctor_systemd },
        { "versions", "podman", "Podman is there, and new enough", CHECK_HERE, doctor_podman },
        { "versions", "haproxy", "HAProxy, where it is used, is there, and new enough", CHECK_HERE | CHECK_SYSTEM, doctor_haproxy_version },
        { "versions", "nginx", "nginx, where it is used, is there, and new enough", CHECK_HERE | CHECK_SYSTEM, doctor_nginx_version },
        { "versions", "git", "git and ssh, where images are built from repositories, are there", 0, doctor_git },

        { "pyservice", "generator", "systemd finds pyservice's generator, and that finds Quadlet", 0, doctor_generator },
        { "pyservice", "units", "pyservice's own units and programs are installed", 0, doctor_units },
        { "pyservice", "target", "pyservice.target is enabled, and active", 0, doctor_target },
        { "pyservice", "shadowed", "No unit is masked or hidden by another file of its name", 0, doctor_shadowed },
        { "pyservice", "linger", "The user's applications outlive his sessions", CHECK_USER, doctor_linger },

        { "definitions", "mistakes", "The definitions have no mistakes", 0, doctor_mistakes },
        { "definitions", "generated", "systemd has read the definitions as they are now", 0, doctor_generated },
        { "definitions", "permissions", "Nobody else can write definitions or read what is secret", 0, doctor_permissions },

        { "applications", "failed", "No unit has failed", CHECK_HERE | CHECK_BUS, doctor_failed },
        { "applications", "stops", "No stop ended with SIGKILL", 0, doctor_stops },
        { "applications", "images", "The images are there, or can be got", CHECK_HERE | CHECK_AS_ROOT, doctor_images },
        { "applications", "credentials", "The credentials are there, and can be decrypted", CHECK_AS_ROOT, doctor_credentials },
        { "applications", "secret-files", "The files that hold secrets are there, and for their owner alone", CHECK_AS_ROOT, doctor_secret_files },
        { "applications", "podman-secrets", "Podman's secrets are there", CHECK_HERE | CHECK_AS_ROOT, doctor_podman_secrets },
        { "applications", "objects", "Volumes and networks are as the definitions say",
          CHECK_HERE | CHECK_AS_ROOT, doctor_objects },
        { "applications", "leftovers", "No container runs that no unit owns", CHECK_HERE | CHECK_AS_ROOT | CHECK_BUS, doctor_leftovers },
        { "applications", "hardening", "Which parts would run with 'hardening: strict' (asked of one application)",
          CHECK_HERE | CHECK_AS_ROOT, doctor_hardening },
        { "applications", "removed", "Nothing is left of applications that are gone", 0, doctor_removed },

        { "HAProxy", "running", "HAProxy runs, where it is used", CHECK_HERE | CHECK_SYSTEM | CHECK_BUS, doctor_haproxy_runs },
        { "HAProxy", "reads", "HAProxy reads the directory of the generated files", CHECK_SYSTEM, doctor_haproxy_reads },
        { "HAProxy", "socket", "HAProxy takes commands", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_socket },
        { "HAProxy", "master", "HAProxy's master takes commands", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_master },
        { "HAProxy", "servers", "Each backend has servers that are ready (503)", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM | CHECK_BUS, doctor_haproxy_servers },
        { "HAProxy", "answers", "No requests fail on the way (502, 503, 504)", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_answers },
        { "HAProxy", "front", "The generated frontend is there, and no other has its port", CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_front },
        { "HAProxy", "hard-stop", "After a reload HAProxy lets every drain end", CHECK_AS_ROOT | CHECK_SYSTEM, doctor_haproxy_stop },
        { "HAProxy", "certificates", "Certificates have not expired, and are served as they are in their files",
          CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM, doctor_certificates },
        { "nginx", "nginx", "nginx runs, where it is used, and includes the generated files", CHECK_HERE | CHECK_AS_ROOT | CHECK_SYSTEM | CHECK_BUS, doctor_nginx },

        { "ports", "taken", "Nobody else has the ports of the instances and of the front", CHECK_HERE, doctor_ports },
        { "ports", "pool", "The pool of ports is clear of others", CHECK_HERE, doctor_pool },

        { "machine", "clock", "The clock is synchronised", CHECK_HERE | CHECK_SYSTEM, doctor_clock },
        { "machine", "disk", "There is room on the file systems", 0, doctor_disk },
        { "machine", "journal", "The journal outlives a reboot", CHECK_SYSTEM, doctor_journal },
        { "machine", "selinux", "SELinux lets containers read what they mount", CHECK_HERE, doctor_selinux },
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
        add(d, (struct finding) { DOCTOR_BAD, app, text, advice });
}

void doctor_warn(struct doctor *d, struct str app, struct str text, struct str advice) {
        add(d, (struct finding) { DOCTOR_WARNING, app, text, advice });
}

void doctor_note(struct doctor *d, struct str app, struct str text, struct str advice) {
        add(d, (struct finding) { DOCTOR_GOOD, app, text, advice });
}

void doctor_skip(struct doctor *d, const char *reason) {
        struct doctor_result *result = current(d);

        result->reason = reason;
        if (result->level < DOCTOR_SKIPPED)
                result->level = DOCTOR_SKIPPED;
}

/* Why it can't be made here; NULL where it can. */
static const char *obstacle(const struct doctor *d, const struct doctor_check *check) {
        if ((check->needs & CHECK_HERE) && strcmp(d->ctl->root, "/") != 0)
                return "ask the machine that runs";
        if ((check->needs & CHECK_AS_ROOT) && !d->ctl->is_user && geteuid() != 0)
                return "need root";
        if ((check->needs & CHECK_BUS) && !d->bus)
                return "ask systemd, which does not answer";
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
                *vec_push(d->arena, &d->results) = (struct doctor_result) { .check = &checks[i] };
                if (reason)
                        doctor_skip(d, reason);
                else
                        checks[i].run(d);
        }
}

int ctl_doctor(struct ctl *c) {
        struct doctor d = { .ctl = c, .arena = &c->arena, .places = { .runtime = -1, .state = -1 } };
        int r;

        if (c->argc > 1) {
                (void) fputs("pyservicectl doctor: give the name of one application, or none\n", stderr);
                return CTL_USAGE;
        }
        if (c->argc == 1 && !type_accepts(KIND_NAME, str_of(c->argv[0]))) {
                (void) fprintf(stderr, "pyservicectl doctor: '%s' is no name of an application\n", utf8_clean(&c->arena, str_of(c->argv[0])).p);
                return CTL_USAGE;
        }

        d.only = c->argc == 1 ? str_of(c->argv[0]) : (struct str) { 0 };
        c->argc = 0;
        r = doctor_look(&d);
        if (r == 0) {
                examine(&d);
                r = doctor_show(&d);
        }

        bus_close(&d.bus);
        view_close(&d.places);
        session_close(&d.session);
        return r;
}

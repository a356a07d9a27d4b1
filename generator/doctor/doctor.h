/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl doctor: inspects the machine as a good operator would.
 *
 * Each check is one function and one row of the table in doctor.c; it inspects, and adds its findings, each
 * with the action to take. Nothing is changed, unless --fix runs the commands of doctor_fix().
 *
 * Facts for several checks are queried once, before all checks (model/snapshot.h). A check also makes its own
 * queries once, not for each unit. */

#include "app/ports.h"
#include "ctl/session.h"
#include "model/snapshot.h"
#include "model/view.h"
#include "preview/check-front.h"
#include "rollout/describe.h"

enum doctor_level { DOCTOR_GOOD, DOCTOR_SKIPPED, DOCTOR_WARNING, DOCTOR_BAD };

enum {
        CHECK_HERE = 1,    /* inspects running parts: not below another root */
        CHECK_AS_ROOT = 2, /* reads what only root can (of a user's own applications, the user) */
        CHECK_SYSTEM = 4,  /* about the machine; none of a user's business */
        CHECK_USER = 8,    /* about a user's applications alone */
        CHECK_BUS = 16,    /* queries systemd */
};

struct doctor;

struct doctor_check {
        const char *group, *name, *doc;
        unsigned needs;
        void (*run)(struct doctor *d);
};

/* One line each, of printable text. */
struct finding {
        enum doctor_level level; /* DOCTOR_GOOD for a note, DOCTOR_WARNING, DOCTOR_BAD */
        struct str app;          /* absent for a finding about the machine */
        struct str text, advice; /* what is wrong; what to do */
        struct str name, many;   /* of doctor_alike(); absent for a finding that is alone */
        const char **fix;        /* of doctor_fix(), or NULL */
};

struct doctor_result {
        const struct doctor_check *check;
        enum doctor_level level; /* of all its findings, the worst */
        const char *reason;      /* the reason why it was left out */
        VEC(struct finding) findings;
};

/* A file of ours among systemd's: "shop@.service", "shop.target.d/50-shop.conf". */
struct doctor_own {
        struct str path, app; /* app: absent for what pyservice is installed with */
};

/* Why a unit is not ready now. */
struct doctor_described {
        struct str unit;
        bool is_there; /* there is a reason: `found` */
        struct described found;
};

struct doctor {
        struct ctl *ctl;
        struct arena *arena;
        struct session session;
        struct view_places places;
        struct ports ports;
        struct str only; /* the selected application; absent for all */
        struct snapshot now;
        int bus_error;      /* why systemd does not answer; 0 if it does */
        const char *podman; /* NULL if it is not installed, or not this machine's */
        bool uses_haproxy, uses_nginx;
        bool haproxy_runs; /* known after the check of that */
        bool knows_front;
        struct own_front front;     /* of doctor_front() */
        VEC(struct doctor_own) own; /* sorted by path */
        VEC(struct doctor_described) described;
        VEC(struct doctor_result) results;
};

#define doctor_world(d) (&(d)->session.world)

/* To the check that runs. `app`: absent for the machine. Texts from outside may have any bytes. */
void doctor_bad(struct doctor *d, struct str app, struct str text, struct str advice);
void doctor_warn(struct doctor *d, struct str app, struct str text, struct str advice);

/* Nothing is wrong, but it may be good to know. */
void doctor_note(struct doctor *d, struct str app, struct str text, struct str advice);

/* The last finding is one of a kind: "the image NAME does not exist", and of several "3 images do not exist:
 * NAME, NAME, NAME". Those with the same level and `many`, "images do not exist", are one line of text. */
void doctor_alike(struct doctor *d, struct str name, struct str many);

/* A command that removes the cause of the last finding, for --fix. It is safe: it changes no definition, and
 * neither starts, stops nor removes a part. `argv` ends with NULL, and is copied. */
void doctor_fix(struct doctor *d, const char *const *argv);

/* `systemctl [--user] VERB [UNIT]`; `unit` may be NULL. */
void doctor_fix_by_systemctl(struct doctor *d, const char *verb, const char *unit);

/* True if the check, which ran before, found nothing. */
bool doctor_is_good(const struct doctor *d, const char *check);

/* The words of a fix, as a shell reads them. */
struct str doctor_fix_text(struct arena *a, const struct finding *f);

/* The check was not possible, with the reason. */
void doctor_skip(struct doctor *d, const char *reason);

/* The selected applications, whose definitions are good: for (…; app; …). */
struct app *doctor_next_app(struct doctor *d, size_t *at);
#define DOCTOR_EACH_APP(d, app)                                                    \
        for (size_t app##_at = 0, app##_once = 0; app##_once == 0; app##_once = 1) \
                for (struct app *app = doctor_next_app((d), &app##_at); app;       \
                     app = doctor_next_app((d), &app##_at))

/* A file of pyservice by its name; a unit of pyservice, also as an instance of a template. NULL if it is not
 * ours. */
const struct doctor_own *doctor_find_file(const struct doctor *d, struct str path);
const struct doctor_own *doctor_find_own(const struct doctor *d, struct str unit);

/* True if HAProxy is used and its counters are known. If it is used and they are unknown, the running check
 * is left out. */
bool doctor_knows_haproxy(struct doctor *d);

/* True if there is such a definition, good, broken or masked. */
bool doctor_is_defined(const struct doctor *d, struct str app);

/* HAProxy as it is installed, and its configuration, read once. */
const struct own_front *doctor_front(struct doctor *d);

/* describe_now(), once for each unit. */
bool doctor_describe(struct doctor *d, struct str unit, struct described *ret);

/* The output of a program, without blanks at the ends: 0; negative errno; its exit status. `ret_out` also has
 * its error messages. */
int doctor_ask(struct doctor *d, const char *const *argv, struct str *ret_out);

/* True if there is such a path below the root. Follows links. */
bool doctor_has(const struct doctor *d, struct str path);

/* True for a link to /dev/null. */
bool doctor_is_mask(const struct doctor *d, struct str path);

/* Reads a file below the root; false if that can't be. */
bool doctor_read(struct doctor *d, struct str path, struct str *ret);

/* All facts; gives an exit status where not even the definitions could be read. */
int doctor_look(struct doctor *d);
void doctor_look_at_own(struct doctor *d);

/* Prints the findings, as text or JSON; gives the exit status. */
int doctor_show(struct doctor *d);

/* Runs the commands of the findings, each once, after asking, and prints them. CTL_GOOD if nothing that is
 * bad remains; CTL_ERROR; CTL_USAGE if nobody can be asked. */
int doctor_fix_all(struct doctor *d);

/* The checks. */
void doctor_systemd(struct doctor *d);
void doctor_podman(struct doctor *d);
void doctor_haproxy_version(struct doctor *d);
void doctor_nginx_version(struct doctor *d);
void doctor_git(struct doctor *d);

void doctor_generator(struct doctor *d);
/* The units that pyservice is installed with; the last one has no name. */
struct doctor_unit_row {
        const char *name;
        bool is_system; /* a user's manager has no such check */
};

extern const struct doctor_unit_row doctor_unit_rows[];

void doctor_units(struct doctor *d);
void doctor_target(struct doctor *d);
void doctor_directories(struct doctor *d);
void doctor_generated(struct doctor *d);
void doctor_stale(struct doctor *d);
void doctor_shadowed(struct doctor *d);
void doctor_errors(struct doctor *d);
void doctor_failed(struct doctor *d);
void doctor_stops(struct doctor *d);
void doctor_memory(struct doctor *d);

void doctor_haproxy_runs(struct doctor *d);
void doctor_haproxy_reads(struct doctor *d);
void doctor_haproxy_config(struct doctor *d);
void doctor_haproxy_socket(struct doctor *d);
void doctor_haproxy_master(struct doctor *d);
void doctor_haproxy_servers(struct doctor *d);
void doctor_haproxy_answers(struct doctor *d);
void doctor_haproxy_front(struct doctor *d);
void doctor_haproxy_stop(struct doctor *d);
void doctor_certificates(struct doctor *d);
void doctor_nginx(struct doctor *d);

void doctor_ports(struct doctor *d);
void doctor_pool(struct doctor *d);
void doctor_firewall(struct doctor *d);

void doctor_credentials(struct doctor *d);
void doctor_secret_files(struct doctor *d);
void doctor_podman_secrets(struct doctor *d);
void doctor_permissions(struct doctor *d);

void doctor_images(struct doctor *d);
void doctor_objects(struct doctor *d);
void doctor_leftovers(struct doctor *d);
void doctor_hardening(struct doctor *d);
void doctor_removed(struct doctor *d);
void doctor_messages(struct doctor *d);

void doctor_clock(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_journal(struct doctor *d);
void doctor_selinux(struct doctor *d);
void doctor_linger(struct doctor *d);

/* The verb; gives the exit status. */
extern const struct option_row doctor_options[];
int ctl_doctor(struct ctl *c);

/* SPDX-License-Identifier: Apache-2.0 */

/* Orders one certificate, with uacme(1). */

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "balancer/acme.h"
#include "balancer/balancer.h"
#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "config.h"
#include "runtime/fetch.h"
#include "runtime/openssl.h"

#define DIRECTORY LAYOUT_STATE "/" LAYOUT_ACME
#define CLIENT DIRECTORY "/" LAYOUT_ACME_CLIENT
#define ORDER_TIMEOUT "10m" /* as timeout(1) has it: uacme queries the state of an order for five minutes */

enum {
        PEM_MAX = 1 << 20,
        FRONT_WAIT_MS = 60000,
        FRONT_PAUSE_MS = 250,
        FRONT_ANSWER_MS = 2000,
        /* Let's Encrypt accepts five failures of a name in an hour. */
        REFUSED_WAIT = 6 * 3600,
};

struct order {
        struct proxy_run *proxy;
        struct arena *arena;
        struct str domain; /* with a NUL behind it, as those of `how` */
        struct record_acme how;
        struct acme_record record;
};

/* When two thirds of its time are over; 0 if it cannot be read. A certificate of 90 days is then renewed 30
 * days before its end, and one of six days two days before. */
static time_t renewal(struct order *o) {
        time_t start, end;

        return openssl_read_times(o->arena, layout_acme_certificate(o->arena, o->domain), &start, &end) &&
                               end > start
                       ? start + (end - start) / 3 * 2
                       : 0;
}

static bool is_due(struct order *o) {
        return !str_eq(o->record.directory, o->how.directory) || time(NULL) >= renewal(o);
}

static int write_record(struct order *o) {
        int r = acme_record_write(o->arena, o->proxy->root, o->domain, &o->record);

        return r < 0 ? proxy_fail(o->proxy, STR(DIRECTORY "/" LAYOUT_ACME_ORDERS), r) : 0;
}

/* Reports and remembers the failure. 1; negative errno. */
static int fail(struct order *o, bool is_refused, struct str reason) {
        int r;

        o->record.failed = (uint64_t) time(NULL);
        o->record.is_refused = is_refused;
        o->record.reason = reason;
        proxy_report(o->proxy,
                     arena_join(o->arena, STR("no new certificate for "), o->domain, STR(": "), reason));
        r = write_record(o);
        return r < 0 ? r : 1;
}

/* Finds the application that serves the domain. During a rollout, the published files may be those of the
 * previous revision, which did not have the domain. */
static bool is_served(struct order *o, struct str *ret_problem) {
        *ret_problem = STR("no application that is in place has the domain with 'tls: auto'");
        return acme_find(o->proxy, o->domain, &o->how);
}

static const struct balancer *front_of(const struct order *o) {
        return o->how.is_nginx ? &balancer_nginx : &balancer_haproxy;
}

/* Makes the authority's request first, because the authority limits the number of failures. */
static bool answers(struct order *o, struct str thumbprint, struct str *ret_problem) {
        struct str host = arena_join(o->arena, STR("Host: "), o->domain),
                   port = arena_u64(o->arena, front_of(o)->settings(&o->proxy->world->host).http_port);
        struct fetch_request request = { .method = STR("GET"),
                                         .url = arena_join(o->arena, STR("http://127.0.0.1:"), port,
                                                           STR(ACME_CHALLENGE "pyservice")),
                                         .headers = (const char *const[]){ host.p, NULL },
                                         .timeout_ms = FRONT_ANSWER_MS };
        struct fetch_answer answer = { 0 };

        if (fetch(o->arena, &request, &answer) < 0)
                return false;

        *ret_problem = arena_join(o->arena, str_of(front_of(o)->name),
                                  STR(" does not answer challenges for it on port "), port,
                                  answer.status == 0 ? STR(": ") : STR("; see 'pyservicectl doctor'"),
                                  answer.status == 0 ? answer.problem : STR(""));
        return str_eq(answer.body, arena_join(o->arena, STR("pyservice."), thumbprint));
}

static bool is_answered(struct order *o, struct str *ret_problem) {
        struct str thumbprint = acme_thumbprint(o->arena, o->proxy->root);

        *ret_problem = arena_join(o->arena, str_of(front_of(o)->name),
                                  STR(" has no files for it yet; see 'pyservicectl doctor'"));
        return !str_is_absent(thumbprint) && answers(o, thumbprint, ret_problem);
}

/* After a reload pyservice-proxy@….service starts at the same time as this. */
static bool wait_for(struct order *o, bool (*is_true)(struct order *o, struct str *ret_problem),
                     struct str *ret_problem) {
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + (uint64_t) FRONT_WAIT_MS * 1000;

        for (;;) {
                if (is_true(o, ret_problem))
                        return true;
                if (clock_usec(CLOCK_MONOTONIC) >= end)
                        return false;
                clock_pause(FRONT_PAUSE_MS);
        }
}

/* The client's messages go to the journal as they are. 0, 1 if it failed; negative errno. */
static int run_client(struct order *o, const char *action, const char *what, struct str *ret_messages) {
        const char *argv[] = { spawn_find(o->arena, "timeout").p,
                               ORDER_TIMEOUT,
                               spawn_find(o->arena, "uacme").p,
                               "--verbose",
                               "--yes",
                               "--force",
                               "--no-ocsp",
                               "--type=EC",
                               "--confdir=" CLIENT,
                               "--hook=" LIBEXECDIR "/pyservice-acme",
                               "--acme-url",
                               o->how.directory.p,
                               action,
                               what,
                               NULL };
        struct spawn_result result = { 0 };
        int r = spawn_run(o->arena, argv, &result);

        if (r < 0)
                return proxy_fail(o->proxy, STR("running uacme"), r);
        *ret_messages =
                arena_join(o->arena, result.err,
                           result.status == 124 ? STR("the order took more than ten minutes") : STR(""));
        *vec_push(o->arena, &o->proxy->notes) = arena_join(o->arena, STR("uacme: "), str_trim(result.err));
        return result.status != 0;
}

/* The text of the first member `detail` in the JSON that uacme prints; empty if there is none. */
static struct str find_detail(struct arena *a, struct str text) {
        struct str member = STR("\"detail\": \"");
        struct buf out = buf_in(a);

        for (size_t i = str_find_str(text, member) + member.n; i < text.n && text.p[i] != '"'; i++) {
                i += text.p[i] == '\\' && i + 1 < text.n;
                buf_put_char(&out, text.p[i]);
        }
        return buf_str(&out);
}

/* For people: the authority's own words, or else those of uacme. */
static int report_client(struct order *o, struct str messages) {
        struct str detail = find_detail(o->arena, messages), unreached = STR(" failed: ");
        size_t at = str_find_str(messages, unreached);

        if (detail.n > 0)
                return fail(o, true,
                            arena_join(o->arena, STR("the certificate authority refused it: "), detail));
        if (str_find_str(messages, STR("curl_")) == messages.n || at == messages.n)
                return fail(o, true, arena_join(o->arena, STR("uacme failed: "), str_last_line(messages)));

        messages = str_from(messages, at + unreached.n);
        messages.n = str_find(messages, '\n');
        return fail(o, false,
                    arena_join(o->arena, STR("the certificate authority at "), o->how.directory,
                               STR(" cannot be reached: "), messages));
}

/* HAProxy reads certificate and key from one file. */
static int install(struct order *o) {
        CLEANUP(close_fd) int dir = fs_open_dir(AT_FDCWD, DIRECTORY);
        struct arena *a = o->arena;
        struct str certificate, key,
                path = arena_join(a, STR(LAYOUT_ACME_CLIENT "/"), o->domain, STR("/cert.pem")),
                key_path = arena_join(a, STR(LAYOUT_ACME_CLIENT "/private/"), o->domain, STR("/key.pem"));
        int r = dir < 0 ? dir : fs_read(a, dir, path.p, PEM_MAX, &certificate);

        if (r >= 0)
                r = fs_read(a, dir, key_path.p, PEM_MAX, &key);
        close_fd(&dir);
        if (r >= 0)
                r = dir = fs_open_dir(AT_FDCWD, DIRECTORY "/" LAYOUT_ACME_CERTIFICATES);
        if (r >= 0)
                r = fs_replace_safely(dir, arena_join(a, o->domain, STR(".pem")).p, 0600,
                                      arena_join(a, certificate, STR("\n"), key));
        if (r < 0)
                return proxy_fail(o->proxy, STR(DIRECTORY), r);

        o->record = (struct acme_record){ .directory = o->how.directory };
        return write_record(o);
}

/* Each authority has its own account of the one key. Returns like run_client(). */
static int make_account(struct order *o, struct str *ret_messages) {
        const char *email = str_is_absent(o->how.email) ? NULL : o->how.email.p;
        int r = run_client(o, "new", email, ret_messages);

        /* It fails if the account exists. */
        if (r <= 0 || str_find_str(*ret_messages, STR("Account already exists")) == ret_messages->n)
                return r;
        return email ? run_client(o, "update", email, ret_messages) : 0;
}

static int order(struct order *o) {
        struct str problem, messages;
        int r;

        if (!wait_for(o, is_answered, &problem))
                return fail(o, false, problem);

        r = make_account(o, &messages);
        if (r == 0)
                r = run_client(o, "issue", o->domain.p, &messages);
        if (r == 0)
                r = install(o);
        return r > 0 ? report_client(o, messages) : r;
}

/* True while the authority is left alone. A start by hand has the time of the timer before, or none. */
static bool is_suspended(const struct order *o, uint64_t triggered) {
        uint64_t now = (uint64_t) time(NULL);

        return o->record.is_refused && triggered > o->record.failed && now - o->record.failed < REFUSED_WAIT;
}

/* Programs that an order needs, and that pyservice works without. */
static struct str find_missing(struct arena *a) {
        static const char *const programs[] = { "openssl", "uacme" };

        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                if (str_is_absent(spawn_find(a, programs[i])))
                        return str_of(programs[i]);

        return (struct str){ 0 };
}

int acme_order(struct proxy_run *p, struct str domain, uint64_t triggered) {
        struct order o = { .proxy = p, .arena = p->arena, .domain = arena_str(p->arena, domain) };
        CLEANUP(close_fd) int dir = -1;
        CLEANUP(close_fd) int lock = -1;
        struct str missing, problem;
        int r = fs_make_dirs(AT_FDCWD, DIRECTORY, false);

        if (r >= 0)
                r = dir = fs_open_dir(AT_FDCWD, DIRECTORY);
        /* One order at a time. */
        if (r >= 0)
                r = lock = fs_lock(dir, LAYOUT_LOCK);
        if (r >= 0)
                r = acme_record_read(p->arena, p->root, domain, &o.record);
        if (r < 0)
                return proxy_fail(p, STR(DIRECTORY), r);

        missing = find_missing(p->arena);
        if (!str_is_absent(missing))
                return fail(&o, false, arena_join(p->arena, missing, STR(" is not installed; install it")));
        if (!wait_for(&o, is_served, &problem))
                return fail(&o, false, problem);
        if (!is_due(&o))
                return 0;
        if (is_suspended(&o, triggered)) {
                proxy_report(p,
                             arena_join(p->arena, STR("no new certificate for "), domain, STR(": "),
                                        o.record.reason,
                                        STR("; it is ordered again six hours after that, or with: systemctl "
                                            "start pyservice-acme@"),
                                        domain, STR(".service")));
                return 1;
        }

        return order(&o);
}

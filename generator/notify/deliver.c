/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/deliver.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "notify/body.h"
#include "runtime/fetch.h"
#include "runtime/spawn.h"
#include "systemd/credential.h"

#define SECOND 1000000ULL

enum {
        TRY_SECONDS = 30,
        POST_MS = 10000,
        PAUSE_SECONDS = 5, /* after the first try that failed; it doubles */
        PAUSE_MAX_SECONDS = 3600,
        AGE_MAX_SECONDS = 86400,
        WAIT_MAX_MS = 600000, /* the clock may be set meanwhile */
        PROBLEM_MAX = 300,
};

/* One round over all messages, with the settings of now. */
struct round {
        const struct delivery *d;
        struct arena *arena;
        struct notify settings;
        uint64_t now;
        uint64_t next;   /* the earliest next try; UINT64_MAX for none */
        int write_error; /* negative errno: a result could not be written, or 0 */
};

/* A way out: sends it, and returns the reason if that fails; absent if it was delivered. */
struct way {
        struct str name;
        bool (*is_used)(const struct notify *n);
        struct str (*send)(const struct round *r, const struct message *m);
};

static struct str run(const struct round *round, const char *const *argv, struct str input) {
        const struct spawn_order order = { .input = input, .seconds = TRY_SECONDS };
        struct spawn_result result;
        int r = spawn_order_as_root(round->arena, argv, &order, &result);
        struct str line;

        if (r < 0)
                return arena_join(round->arena, STR("cannot run "), str_of(argv[0]), STR(": "),
                                  str_of(strerror(-r)));
        if (result.status == 0)
                return (struct str){ 0 };

        line = str_last_line(str_trim(result.err));
        return arena_join(round->arena, str_of(argv[0]), STR(" exited with status "),
                          arena_u64(round->arena, (uint64_t) result.status), line.n > 0 ? STR(": ") : STR(""),
                          line);
}

static bool uses_command(const struct notify *n) {
        return n->command.n > 0;
}

static struct str send_command(const struct round *r, const struct message *m) {
        const char **argv = arena_array(r->arena, r->settings.command.n + 1, const char *);

        for (size_t i = 0; i < r->settings.command.n; i++)
                argv[i] = r->settings.command.at[i].p;
        return run(r, argv, body_json(r->arena, m));
}

static bool uses_mail(const struct notify *n) {
        return n->recipients.n > 0;
}

static struct str send_mail(const struct round *r, const struct message *m) {
        struct str program = spawn_find(r->arena, "sendmail");
        const char *argv[] = { program.p, "-i", "-t", NULL };

        if (str_is_absent(program))
                return STR("sendmail is not installed; install a mail server");
        return run(r, argv, body_mail(r->arena, &r->settings, m));
}

static bool uses_webhook(const struct notify *n) {
        return !str_is_absent(n->url);
}

/* Line feeds at the end are those of the editor or of echo(1) that wrote the key. */
static struct str read_key(const struct round *r, struct str *ret) {
        const struct credential_places places = { .root = r->d->root,
                                                  .directory = getenv("CREDENTIALS_DIRECTORY") };
        struct str name = r->settings.credential;
        int q = credential_read(r->arena, &places, name, ret);

        if (q == -ENOENT)
                return credential_advice(r->arena, &places, name);
        if (q != 0)
                return arena_join(r->arena, STR("the credential '"), name, STR("' cannot be read: "),
                                  q > 0 ? *ret : str_of(strerror(-q)));

        while (ret->n > 0 && ret->p[ret->n - 1] == '\n')
                ret->n--;
        /* Anybody could sign with it. */
        return ret->n == 0 ? arena_join(r->arena, STR("the credential '"), name, STR("' is empty"))
                           : (struct str){ 0 };
}

/* The header with the signature; or the problem. */
static struct str sign(const struct round *r, struct str body, const char **ret) {
        unsigned char sum[EVP_MAX_MD_SIZE];
        struct buf header = buf_in(r->arena);
        struct str key = { 0 }, problem = read_key(r, &key);
        unsigned n = 0;

        if (!str_is_absent(problem))
                return problem;
        if (!HMAC(EVP_sha256(), key.p, (int) key.n, (const unsigned char *) body.p, body.n, sum, &n))
                return STR("libcrypto cannot sign the message; does it allow so short a key?");

        buf_put(&header, "X-Pyservice-Signature: sha256=");
        for (unsigned i = 0; i < n; i++) {
                buf_put_char(&header, "0123456789abcdef"[sum[i] >> 4]);
                buf_put_char(&header, "0123456789abcdef"[sum[i] & 15]);
        }
        *ret = buf_str(&header).p;
        return problem;
}

/* The answer may repeat what was sent, so only its status is reported. */
static struct str send_webhook(const struct round *r, const struct message *m) {
        struct str body = body_json(r->arena, m), problem = { 0 };
        const char *headers[] = { "Content-Type: application/json", NULL, NULL };
        const struct fetch_request request = { .method = STR("POST"),
                                               .url = r->settings.url,
                                               .body = body,
                                               .headers = headers,
                                               .has_proxy = true,
                                               .timeout_ms = POST_MS };
        struct fetch_answer answer = { 0 };

        if (!str_is_absent(r->settings.credential))
                problem = sign(r, body, &headers[1]);
        if (!str_is_absent(problem))
                return problem;
        if (fetch(r->arena, &request, &answer) < 0)
                return STR("not enough memory");
        if (answer.status == 0)
                return answer.problem;
        if (answer.status / 100 != 2)
                return arena_join(r->arena, STR("answered with status "), arena_u64(r->arena, answer.status));
        return (struct str){ 0 };
}

static const struct way ways[] = {
        { STR_INIT("webhook"), uses_webhook, send_webhook },
        { STR_INIT("command"), uses_command, send_command },
        { STR_INIT("mail"), uses_mail, send_mail },
};

static struct message_way *way_of(struct arena *a, struct message *m, struct str name) {
        struct message_way *added;

        VEC_EACH(w, &m->ways)
                if (str_eq(w->name, name))
                        return w;

        added = vec_push(a, &m->ways);
        added->name = name;
        return added;
}

static uint64_t pause_after(uint64_t tries) {
        uint64_t seconds = PAUSE_SECONDS;

        for (uint64_t i = 1; i < tries && seconds < PAUSE_MAX_SECONDS; i++)
                seconds *= 2;
        return (seconds < PAUSE_MAX_SECONDS ? seconds : PAUSE_MAX_SECONDS) * SECOND;
}

static void say(const struct round *r, const struct message *m, struct str what) {
        r->d->say(
                arena_join(r->arena, m->app, STR(": message "), m->id, STR(" ("), m->event, STR(") "), what));
}

/* The first failure is worth a line; 'pyservicectl doctor' has the later ones. */
static void try_way(const struct round *r, const struct way *way, struct message *m, struct message_way *w) {
        struct str problem = way->send(r, m);

        w->is_done = str_is_absent(problem);
        w->problem = w->is_done ? problem : utf8_clean_line(r->arena, problem, PROBLEM_MAX);
        if (w->is_done)
                return;

        w->tries++;
        w->next = r->now + pause_after(w->tries);
        if (w->tries == 1)
                say(r, m, arena_join(r->arena, STR("is tried again: "), way->name, STR(": "), w->problem));
}

/* A clock that was set back must not keep a message for years. */
static bool is_due(const struct round *r, const struct message_way *w) {
        return w->next <= r->now || w->next > r->now + PAUSE_MAX_SECONDS * SECOND;
}

static bool is_too_old(const struct round *r, const struct message *m) {
        return m->time + AGE_MAX_SECONDS * SECOND < r->now;
}

static int fewer_tries(const void *left, const void *right) {
        const struct message *const *a = left, *const *b = right;
        uint64_t x = 0, y = 0;

        VEC_EACH(w, &(*a)->ways)
                x += w->tries;
        VEC_EACH(w, &(*b)->ways)
                y += w->tries;
        return x != y ? (x > y) - (x < y) : (*a > *b) - (*a < *b);
}

/* A recipient that is down does not delay the others. After its first failure its other messages wait for the
 * same pause, because each would take the time of a try. A message that a recipient refuses comes last in the
 * next round. */
static void try_all(struct round *r, struct message *const *order, size_t n, const struct way *way) {
        uint64_t wait_until = 0;

        for (size_t i = 0; i < n; i++) {
                struct message_way *w = way_of(r->arena, order[i], way->name);
                int q;

                if (w->is_done || !is_due(r, w))
                        continue;
                if (wait_until > 0)
                        w->next = wait_until;
                else
                        try_way(r, way, order[i], w);
                if (!w->is_done && wait_until == 0)
                        wait_until = w->next;
                q = message_write(r->arena, r->d->state, order[i]);
                r->write_error = q < 0 ? q : r->write_error;
        }
}

static bool is_delivered(const struct round *r, struct message *m) {
        for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
                if (ways[i].is_used(&r->settings) && !way_of(r->arena, m, ways[i].name)->is_done)
                        return false;

        return true;
}

static int settle(struct round *r, struct message *m) {
        if (is_delivered(r, m))
                return message_remove(r->arena, r->d->state, m->id);
        if (is_too_old(r, m)) {
                say(r, m, STR("was not delivered within a day, and is removed"));
                return message_remove(r->arena, r->d->state, m->id);
        }

        for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
                const struct message_way *w = way_of(r->arena, m, ways[i].name);

                if (ways[i].is_used(&r->settings) && !w->is_done && w->next < r->next)
                        r->next = w->next;
        }
        return 0;
}

static int remove_broken(const struct round *r, const struct messages *broken) {
        int error = 0;

        VEC_EACH(m, &broken->list) {
                r->d->say(arena_join(r->arena, m->id, STR(" is not a message; it is removed")));
                error = message_remove(r->arena, r->d->state, m->id);
        }
        return error;
}

/* 1 if messages are left. Without settings there is no recipient. */
static int run_round(struct round *r) {
        struct messages all, broken;
        struct message **order;
        int error = notify_read(r->arena, r->d->runtime, &r->settings);

        if (error == -ENOENT)
                error = 0;
        if (error >= 0)
                error = message_list(r->arena, r->d->state, &all, &broken);
        if (error < 0)
                return error;

        order = arena_array(r->arena, all.list.n + 1, struct message *);
        for (size_t i = 0; i < all.list.n; i++)
                order[i] = &all.list.at[i];
        if (all.list.n > 1)
                qsort(order, all.list.n, sizeof(*order), fewer_tries);
        for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
                if (ways[i].is_used(&r->settings))
                        try_all(r, order, all.list.n, &ways[i]);

        error = remove_broken(r, &broken);
        VEC_EACH(m, &all.list) {
                int q = settle(r, m);

                error = error < 0 ? error : q;
        }
        return error < 0 ? error : r->next < UINT64_MAX;
}

/* Readable when a message appears. */
static int open_watch(const struct delivery *d) {
        struct str path = arena_printf(d->arena, "/proc/self/fd/%d/%s", d->state, LAYOUT_MESSAGES);
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (fd >= 0 && inotify_add_watch(fd, path.p, IN_MOVED_TO | IN_ONLYDIR) < 0) {
                (void) close(fd);
                return -1;
        }
        return fd;
}

/* The watch is there before the round, so that no message that comes meanwhile is missed. The files that the
 * round itself writes count too: then there is one more round, which writes none. */
int deliver_run(const struct delivery *d) {
        CLEANUP(close_fd) int watch = open_watch(d);
        struct round round = {
                .d = d, .arena = d->arena, .now = clock_usec(CLOCK_REALTIME), .next = UINT64_MAX
        };
        int r = run_round(&round);
        uint64_t ms = round.next > round.now ? (round.next - round.now) / 1000 + 1 : 0;

        /* The next start knows nothing of this round, and sends again what was delivered. */
        if (r > 0 && round.write_error < 0) {
                d->say(arena_join(d->arena, STR("cannot write to " LAYOUT_STATE "/" LAYOUT_MESSAGES ": "),
                                  str_of(strerror(-round.write_error)),
                                  STR("; who got a message may get it again, in ten minutes")));
                ms = WAIT_MAX_MS;
        }
        if (r > 0 && !d->is_once)
                (void) clock_wait(watch, ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The server of an instance in HAProxy: its state in the file that a start of HAProxy reads, and in all its
 * workers. */

#include <errno.h>

#include "balancer/balancer.h"
#include "balancer/haproxy-publish.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "systemd/notify.h"

enum {
        COUNT_MS = 50,
        SILENCE_MS = 1000, /* before a worker that did not answer is sent the command again */
        N_COUNTS = 2,      /* a request may be on its way to the server while its sessions are counted */
};

/* Always before the commands to the workers: a worker that starts in between has read the file. */
static int write_state(struct balancer_server *s, bool is_ready) {
        int r = s->states.path ? haproxy_states_put(&s->states, s->haproxy.server, is_ready ? s->port : 0)
                               : 0;

        if (r < 0)
                balancer_note(s, arena_join(s->arena, STR("cannot write "), str_of(s->states.path), STR(": "),
                                            str_of(strerror(-r))));
        return r;
}

/* As haproxy_set_state(). */
static int tell_once(const struct balancer_server *s) {
        int r = s->states.path ? haproxy_set_port(&s->haproxy, s->port) : 0;

        if (r >= 0 && s->is_probed)
                r = haproxy_set_up(&s->haproxy, s->address);
        return r < 0 ? r : haproxy_set_state(&s->haproxy, STR("ready"));
}

/* An HAProxy that runs and does not answer would leave the server out for good, one instance after the other.
 * So the start lasts until it answers, or until systemd's time limit. Then it gets the command once more,
 * since the unanswered ones may arrive late, in any order. */
static int enter(struct balancer_server *s) {
        bool was_silent = false;

        (void) write_state(s, true);
        for (;;) {
                int r = tell_once(s);
                bool is_silent = r == -ETIMEDOUT || r == -EAGAIN;

                if (!is_silent && !was_silent)
                        return r < 0 ? r : 0;
                if (is_silent != was_silent)
                        notify_manager(s->arena,
                                       is_silent ? STR("STATUS=waiting for HAProxy, which does not answer")
                                                 : STR("STATUS="));
                was_silent = is_silent;
                if (!clock_wait(s->process, SILENCE_MS)) {
                        balancer_note(s, STR("exited while HAProxy did not answer"));
                        return 1;
                }
        }
}

static int disable(struct balancer_server *s, struct str state) {
        int written = write_state(s, false), r = haproxy_set_state(&s->haproxy, state);

        return r == 0 ? written : r;
}

static int drain(struct balancer_server *s) {
        return disable(s, STR("drain"));
}

static int leave(struct balancer_server *s) {
        int r = disable(s, STR("maint"));

        return r < 0 ? r : 0;
}

/* Drains it in every worker again: a reload forgets that. */
static int count(struct balancer_server *s, uint64_t *ret_open) {
        struct arena arena = { 0 };
        struct haproxy_client client = s->haproxy;
        struct haproxy_answer answer = { 0 };
        int r;

        client.arena = &arena;
        r = haproxy_set_state(&client, STR("drain"));
        if (r > 0)
                r = haproxy_count(&client, &answer);
        arena_done(&arena);

        *ret_open = answer.n_sessions;
        return r;
}

static void read_state(const struct balancer_view *v, struct str backend, struct str server, struct str unit,
                       struct balancer_state *ret) {
        const struct haproxy_counter *c = haproxy_find_server(&v->counters, server, backend);

        (void) unit;
        if (!c)
                return;

        ret->text = utf8_clean(v->arena, c->status);
        ret->is_out = !str_has_prefix(c->status, STR("UP")) && !str_has_prefix(c->status, STR("no check"));
        ret->n_sessions = c->n_sessions + c->n_waiting;
        ret->n_requests = c->n_requests;
}

static struct balancer_settings settings(const struct host *host) {
        const struct host_haproxy *h = host->haproxy;

        return (struct balancer_settings){ str_is_absent(h->container.text) ? h->unit.text
                                                                            : (struct str){ 0 },
                                           h->http_port.n, h->https_port.n };
}

const struct balancer balancer_haproxy = {
        .name = "HAProxy",
        .key = "haproxy",
        .settings = settings,
        .pending = "proxy.reload",
        .publish = haproxy_publish,
        .renew = haproxy_renew,
        .close = haproxy_close,
        .enter = enter,
        .drain = drain,
        .count = count,
        .count_ms = COUNT_MS,
        .n_counts = N_COUNTS,
        .leave = leave,
        .state = read_state,
};

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl drill: what clients notice while instances are restarted, die or hang. Requests go through the
 * balancer at a constant rate, whether or not the earlier ones were answered, and meanwhile a scene runs its
 * command: one that an administrator could type. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "change/amount.h"
#include "control/run.h"
#include "runtime/http.h"
#include "runtime/spawn.h"
#include "terminal/ask.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

enum {
        RATE = 50,
        RATE_MAX = 50, /* RATE_MAX * ANSWER_MS requests are as many as the pool takes */
        ANSWER_MS = 5000,
        SLOW_MS = 1000,
        TICK_MS = 5,
        LOOK_MS = 200,
        BEFORE_MS = 1000, /* of requests before the command begins, */
        AFTER_MS = 1000,  /* and after everything is repaired */
        REPAIR_MS = 300000,
        RELOADS = 20,
};

static struct { const char *rate, *path; } options;

const struct option_row drill_options[] = {
        { "rate", "N", "Send N requests a second (default: 50, the most)", .text = &options.rate },
        { "path", "PATH", "Request PATH (default: proxy.path, or health.http)", .text = &options.path },
        { 0 },
};

enum { WORDS_MAX = 5 };

struct drill;

struct scene {
        const char *name;
        unsigned n_times;
        bool replaces; /* afterwards the first instance has another container */
        /* Absent if the scene can be played, else why not. */
        struct str (*why_not)(const struct drill *d);
        void (*command)(const struct drill *d, const char **words);
};

/* The numbers of a scene; times in milliseconds. */
struct played {
        const struct scene *scene;
        struct str skipped; /* the reason; absent if it was played */
        uint64_t n_sent, n_failed, n_slow, longest, repair;
        struct str problem; /* of the first request that failed */
};

struct drill {
        struct ctl *c;
        struct aim aim;
        const struct fact_part *part;
        const struct service *service;
        struct balancer_settings settings;
        struct http_request request;
        struct http_pool *pool;
        struct bus *bus;
        struct str word; /* "shop/web" */
        uint64_t rate;
        VEC(const struct scene *) scenes;
        VEC(struct played) played;

        /* of the scene that is played */
        VEC(uint64_t) sent_at; /* by the number of the request */
        struct str before;     /* the invocation of the first instance's unit */
};

/* --- the scenes --- */

static struct str first_unit(const struct drill *d) {
        return d->part->units.at[0].name;
}

static struct str why_no_reload(const struct drill *d) {
        return str_is_absent(d->settings.unit) ? STR("HAProxy runs in a container") : (struct str){ 0 };
}

static struct str why_no_freeze(const struct drill *d) {
        const struct health *h = d->service->health;

        if (!h)
                return STR("it has no 'health', so nothing notices a process that hangs");
        return h->on_failure.index == HEALTH_RESTART
                       ? (struct str){ 0 }
                       : STR("'health: {on_failure}' is not 'restart', so nothing ends a process that hangs");
}

static void restart_command(const struct drill *d, const char **words) {
        words[0] = ctl_self(d->c).p;
        words[1] = "restart";
        words[2] = d->word.p;
}

static void kill_command(const struct drill *d, const char **words) {
        words[0] = spawn_find(&d->c->arena, "podman").p;
        words[1] = "kill";
        words[2] = "--signal=KILL";
        words[3] = d->part->units.at[0].container.p;
}

static void freeze_command(const struct drill *d, const char **words) {
        words[0] = spawn_find(&d->c->arena, "podman").p;
        words[1] = "pause";
        words[2] = d->part->units.at[0].container.p;
}

static void reload_command(const struct drill *d, const char **words) {
        words[0] = spawn_find(&d->c->arena, "systemctl").p;
        words[1] = "reload";
        words[2] = arena_str(&d->c->arena, d->settings.unit).p;
}

static const struct scene scenes[] = {
        { "restart", 1, false, NULL, restart_command },
        { "kill", 1, true, NULL, kill_command },
        { "freeze", 1, true, why_no_freeze, freeze_command },
        { "reload", RELOADS, false, why_no_reload, reload_command },
};

static struct str why_not(const struct drill *d, const struct scene *s) {
        return s->why_not ? s->why_not(d) : (struct str){ 0 };
}

/* Runs the command in a process of its own, which exits with 0 if all went well. */
static int start_command(const struct drill *d, const struct scene *s, pid_t *ret) {
        const char *words[WORDS_MAX + 1] = { 0 };
        struct spawn_result result = { 0 };
        pid_t pid;

        s->command(d, words);
        if (!words[0])
                return -ENOENT;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid > 0) {
                *ret = pid;
                return 0;
        }

        for (unsigned i = 0; i < s->n_times; i++) {
                int r = spawn_run(&d->c->arena, words, &result);

                if (r < 0)
                        (void) ctl_fail(words[0], r);
                else if (result.status != 0)
                        (void) fprintf(stderr, "pyservicectl: %s: %.*s", words[0], STR_ARG(result.err));
                if (r < 0 || result.status != 0)
                        _exit(EXIT_FAILURE);
        }
        _exit(EXIT_SUCCESS);
}

/* --- the requests --- */

static void note_answer(struct drill *d, struct played *p, uint64_t id, const struct http_answer *answer) {
        struct arena *a = &d->c->arena;
        uint64_t took = clock_ms(CLOCK_MONOTONIC) - d->sent_at.at[id];

        p->longest = took > p->longest ? took : p->longest;
        p->n_slow += took > SLOW_MS;
        if (answer->status > 0 && answer->status < 500)
                return;

        p->n_failed++;
        if (str_is_absent(p->problem))
                p->problem = answer->status > 0
                                     ? arena_join(a, arena_u64(a, answer->status), STR(" "), answer->reason)
                                     : arena_str(a, answer->problem);
}

static int take_answers(struct drill *d, struct played *p) {
        int r = http_continue(d->pool);
        struct http_answer answer;
        struct arena a = { 0 };
        uint64_t id;

        while (r >= 0 && http_take(&a, d->pool, &id, &answer))
                note_answer(d, p, id, &answer);
        arena_done(&a);
        return r;
}

/* Sends the requests that are due. If the pool is full, 256 requests wait for an answer, and the next one is
 * sent later: it would wait too. */
static int send_due(struct drill *d, struct played *p, uint64_t begin) {
        while (p->n_sent * 1000 <= (clock_ms(CLOCK_MONOTONIC) - begin) * d->rate && http_has_room(d->pool)) {
                int r = http_start(&d->c->arena, d->pool, &d->request, p->n_sent);

                if (r < 0)
                        return r;
                *vec_push(&d->c->arena, &d->sent_at) = clock_ms(CLOCK_MONOTONIC);
                p->n_sent++;
        }

        return take_answers(d, p);
}

static int send_for(struct drill *d, struct played *p, uint64_t begin, uint64_t ms) {
        uint64_t end = clock_ms(CLOCK_MONOTONIC) + ms;
        int r = 0;

        while (r >= 0 && clock_ms(CLOCK_MONOTONIC) < end) {
                clock_pause(TICK_MS);
                r = send_due(d, p, begin);
        }

        return r;
}

static int await_answers(struct drill *d, struct played *p) {
        int r = 0;

        while (r >= 0 && http_is_busy(d->pool)) {
                clock_pause(TICK_MS);
                r = take_answers(d, p);
        }

        return r;
}

/* --- a scene --- */

static int read_invocation(struct drill *d) {
        struct bus_unit unit;
        int r = bus_get_unit(d->bus, &d->c->arena, first_unit(d), &unit);

        if (r >= 0)
                d->before = unit.invocation;
        return r;
}

/* True if all instances are ready. If the scene replaces the first one, it must also have been started again
 * since. */
static int look_whether_repaired(struct drill *d, const struct scene *s, bool *ret) {
        struct arena a = { 0 };
        int r = 0;

        *ret = true;
        VEC_EACH(u, &d->part->units) {
                struct bus_unit now = { 0 };

                if (!u->is_declared || r < 0)
                        continue;
                r = bus_get_unit(d->bus, &a, u->name, &now);
                *ret = *ret && r >= 0 && str_is(now.active, "active") && !now.has_job;
                if (s->replaces && str_eq(u->name, first_unit(d)))
                        *ret = *ret && !str_eq(now.invocation, d->before);
        }

        arena_done(&a);
        return r;
}

static void end_command(pid_t *pid) {
        if (*pid > 0)
                (void) waitpid(*pid, NULL, 0);
}

/* 0; 1 if the command failed, or if the instances are not ready in time. */
static int await_repair(struct drill *d, struct played *p, uint64_t begin) {
        CLEANUP(end_command) pid_t pid = 0;
        uint64_t since = clock_ms(CLOCK_MONOTONIC);
        bool is_repaired = false;
        int status = 0, r = start_command(d, p->scene, &pid);

        while (r >= 0 && !is_repaired && clock_ms(CLOCK_MONOTONIC) - since < REPAIR_MS) {
                r = send_for(d, p, begin, LOOK_MS);
                if (r >= 0 && pid > 0 && waitpid(pid, &status, WNOHANG) == pid)
                        pid = 0;
                if (status != 0)
                        return 1;
                if (r >= 0 && pid == 0)
                        r = look_whether_repaired(d, p->scene, &is_repaired);
        }

        p->repair = clock_ms(CLOCK_MONOTONIC) - since;
        if (r >= 0 && !is_repaired)
                (void) fprintf(stderr,
                               "pyservicectl drill: %s: not all instances are ready after %d s; "
                               "'pyservicectl status %s' shows why\n",
                               p->scene->name, REPAIR_MS / 1000, d->aim.app->name.p);
        return r < 0 ? r : !is_repaired;
}

static int play(struct drill *d, struct played *p) {
        uint64_t begin = clock_ms(CLOCK_MONOTONIC);
        int r = read_invocation(d), failed = 0;

        d->sent_at.n = 0;
        if (r >= 0)
                r = send_for(d, p, begin, BEFORE_MS);
        if (r >= 0 && p->n_failed > 0) {
                (void) fprintf(stderr,
                               "pyservicectl drill: a request to %s failed before '%s' began: %.*s; "
                               "its command did not run\n",
                               d->request.url.p, p->scene->name, STR_ARG(p->problem));
                return 1;
        }
        if (r >= 0)
                failed = r = await_repair(d, p, begin);
        if (r >= 0)
                r = send_for(d, p, begin, AFTER_MS);
        if (r >= 0)
                r = await_answers(d, p);
        return r < 0 ? r : failed;
}

static int play_all(struct drill *d) {
        int r = 0;

        VEC_EACH(scene, &d->scenes) {
                struct played p = { .scene = *scene, .skipped = why_not(d, *scene) };

                if (r == 0 && str_is_absent(p.skipped)) {
                        if (!d->c->is_json)
                                (void) fprintf(stderr, "%s…\n", p.scene->name);
                        r = play(d, &p);
                }
                if (r < 0)
                        return r;
                *vec_push(&d->c->arena, &d->played) = p;
                if (r > 0)
                        break;
        }

        return r;
}

/* --- the question and the results --- */

static const struct table_column columns[] = {
        { "SCENE", "scene", 0 },
        { "REQUESTS", "requests", TABLE_RIGHT | TABLE_NUMBER },
        { "FAILED", "failed", TABLE_RIGHT | TABLE_NUMBER },
        { "OVER 1 S", "slow", TABLE_RIGHT | TABLE_NUMBER },
        { "LONGEST", "longest_ms", TABLE_RIGHT | TABLE_NUMBER },
        { "REPAIRED", "repaired_ms", TABLE_RIGHT | TABLE_NUMBER },
        { "NOTE", "note", TABLE_WRAP },
};

static struct str format_ms(struct ctl *c, uint64_t ms) {
        struct arena *a = &c->arena;

        if (c->is_json)
                return arena_u64(a, ms);
        return ms < 1000 ? arena_join(a, arena_u64(a, ms), STR(" ms"))
                         : arena_printf(a, "%.1f s", (double) ms / 1000);
}

static int add_row(struct drill *d, struct table *t, const struct played *p) {
        struct arena *a = &d->c->arena;
        const struct str skipped[ARRAY_SIZE(columns)] = {
                [0] = str_of(p->scene->name), [6] = arena_join(a, STR("skipped: "), p->skipped)
        };
        const struct str cells[] = {
                str_of(p->scene->name),
                arena_u64(a, p->n_sent),
                arena_u64(a, p->n_failed),
                arena_u64(a, p->n_slow),
                format_ms(d->c, p->longest),
                format_ms(d->c, p->repair),
                p->problem,
        };

        return table_add(t, str_is_absent(p->skipped) ? cells : skipped);
}

static int show(struct drill *d, struct played *ret_all) {
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(d->c, "scenes", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(p, &d->played) {
                r = r < 0 ? r : add_row(d, t, p);
                ret_all->n_sent += p->n_sent;
                ret_all->n_failed += p->n_failed;
        }

        return r < 0 ? ctl_fail("the table", r) : table_print(d->c, t);
}

/* Exit status 3, if requests failed. */
static int judge(const struct drill *d, const struct played *all) {
        if (all->n_failed == 0) {
                if (!d->c->is_json)
                        (void) printf("\n%s: all %ju requests were answered.\n", d->word.p,
                                      (uintmax_t) all->n_sent);
                return CTL_GOOD;
        }

        if (!d->c->is_json)
                (void) printf("\n%s: %ju of %ju requests failed.%s\n", d->word.p, (uintmax_t) all->n_failed,
                              (uintmax_t) all->n_sent,
                              d->part->scale < 2 ? " While its one instance is away, no other answers: "
                                                   "'scale' of 2 or more helps."
                                                 : "");
        return CTL_NOT_AS_DECLARED;
}

static bool is_allowed(struct drill *d) {
        if (d->c->is_sure)
                return true;
        if (!ask_is_possible(d->c, "drill", "nothing done"))
                return false;

        (void) printf("Requests to %s, %ju a second, while these commands run, one after another:\n",
                      d->request.url.p, (uintmax_t) d->rate);
        VEC_EACH(scene, &d->scenes) {
                const char *words[WORDS_MAX + 1] = { 0 };

                if (!str_is_absent(why_not(d, *scene)))
                        continue;
                (*scene)->command(d, words);
                (void) printf("  %-8s", (*scene)->name);
                for (const char **word = words; *word; word++)
                        (void) printf(" %s", *word);
                (void) printf((*scene)->n_times > 1 ? ", %u times\n" : "\n", (*scene)->n_times);
        }
        return ask_yes(&d->c->arena, "Clients may notice. Do this? [y/N] ");
}

/* --- the beginning --- */

static bool is_drillable(const struct service *s) {
        return s && s->proxy && s->proxy->mode.index == MODE_HTTP && s->proxy->domains.n > 0;
}

static int find_service(struct drill *d) {
        const struct definition *definition = d->aim.app->definition;
        bool is_named = !str_is_absent(d->aim.target.part);

        if (!definition || !definition->app) {
                (void) fprintf(
                        stderr,
                        "pyservicectl drill: %s has no definition without errors; 'pyservicectl check' "
                        "shows them\n",
                        d->aim.app->name.p);
                return CTL_ERROR;
        }
        VEC_EACH(part, &d->aim.app->parts) {
                const struct service *s = app_find_kept(definition->app, part->name);

                if (!is_drillable(s) || !part->balancer || part->scale == 0 || d->service ||
                    (is_named && !str_eq(part->name, d->aim.target.part)))
                        continue;
                d->part = part;
                d->service = s;
        }
        if (d->service)
                return 0;

        (void) fprintf(stderr,
                       "pyservicectl drill: %s has no service with 'proxy: {domains}', to which it "
                       "could send requests\n",
                       d->c->argv[0]);
        return CTL_ERROR;
}

static struct str pick_path(const struct service *s) {
        const struct health *h = s->health;

        if (options.path)
                return str_of(options.path);
        if (!str_is_absent(s->proxy->path.text) && !str_is(s->proxy->path.text, "/"))
                return s->proxy->path.text;
        return h && !str_is_absent(h->http.text) ? h->http.text : STR("/");
}

static void prepare_request(struct drill *d) {
        const struct proxy *proxy = d->service->proxy;
        struct str domain = proxy->domains.at[0].text;
        struct arena *a = &d->c->arena;

        d->settings = d->part->balancer->settings(&d->aim.facts.session.world.host);
        d->request = (struct http_request){ .address = STR("127.0.0.1"),
                                            .path = pick_path(d->service),
                                            .port = has_tls(proxy) ? d->settings.https_port
                                                                   : d->settings.http_port,
                                            .timeout_ms = ANSWER_MS,
                                            .is_tls = has_tls(proxy) };
        if (str_has_prefix(domain, STR("*.")))
                domain = arena_join(a, STR("drill"), str_from(domain, 1));
        *vec_push(a, &d->request.headers) = arena_join(a, STR("Host: "), domain);
        d->word = str_eq(d->part->name, d->aim.app->name)
                          ? d->aim.app->name
                          : arena_join(a, d->aim.app->name, STR("/"), d->part->name);
}

static int pick_scenes(struct drill *d) {
        VEC(struct str) names = { 0 };
        struct ctl *c = d->c;

        for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
                *vec_push(&c->arena, &names) = str_of(scenes[i].name);
                if (c->argc == 1)
                        *vec_push(&c->arena, &d->scenes) = &scenes[i];
        }
        for (int k = 1; k < c->argc; k++) {
                size_t n = d->scenes.n;

                for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
                        if (strcmp(scenes[i].name, c->argv[k]) == 0)
                                *vec_push(&c->arena, &d->scenes) = &scenes[i];
                if (d->scenes.n == n)
                        return ctl_usage(c, "unknown scene '%s'; %s", c->argv[k],
                                         diag_hint(&c->arena, str_of(c->argv[k]), names.at, names.n,
                                                   STR("they are restart, kill, freeze and reload"))
                                                 .p);
        }

        return 0;
}

/* A scene ends when all instances are ready, so they must be ready before the first scene. */
static int check_ready(struct drill *d) {
        bool is_ready;
        int r = look_whether_repaired(d, &scenes[0], &is_ready);

        if (r < 0)
                return ctl_fail_systemd(r);
        if (is_ready)
                return 0;

        (void) fprintf(stderr,
                       "pyservicectl drill: nothing done: not all instances of %s are ready; 'pyservicectl "
                       "status %s' shows why\n",
                       d->word.p, d->aim.app->name.p);
        return CTL_ERROR;
}

static int prepare(struct drill *d) {
        struct ctl *c = d->c;
        int r;

        d->rate = RATE;
        if (c->argc < 1)
                return ctl_usage(c, "name an application");
        if (options.rate && (!str_to_u64(str_of(options.rate), RATE_MAX, &d->rate) || d->rate == 0))
                return ctl_usage(c, "--rate must be a number from 1 to %d", RATE_MAX);
        if (options.path && options.path[0] != '/')
                return ctl_usage(c, "--path must begin with '/'");

        r = pick_scenes(d);
        if (r != 0)
                return r;
        if (geteuid() != 0) {
                (void) fputs("pyservicectl drill: this needs root\n", stderr);
                return CTL_ERROR;
        }

        r = aim_open(c, c->argv[0], &d->aim);
        if (r == 0)
                r = find_service(d);
        if (r != 0)
                return r;

        prepare_request(d);
        r = http_open(&c->arena, &d->pool);
        if (r < 0)
                return ctl_fail("libcurl", r);
        r = bus_open(&c->arena, false, -1, &d->bus);
        return r < 0 ? ctl_fail_systemd(r) : check_ready(d);
}

int ctl_drill(struct ctl *c) {
        struct drill d = { .c = c };
        struct played all = { 0 };
        int r = prepare(&d), status;

        if (r == 0 && !is_allowed(&d))
                r = CTL_ERROR;
        if (r == 0) {
                r = play_all(&d);
                status = show(&d, &all);
                if (r == 0 && status == CTL_GOOD)
                        status = judge(&d, &all);
                r = r < 0 ? ctl_fail("drill", r) : r > 0 ? CTL_ERROR : status;
        }

        bus_close(&d.bus);
        http_close(d.pool);
        aim_close(&d.aim);
        return r;
}

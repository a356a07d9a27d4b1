/* SPDX-License-Identifier: Apache-2.0 */

/* Programs that are known well enough to see that they stop too late, or run too often. */

#include "base/path.h"
#include "check/check-parts.h"

#define SECOND 1000000ULL

/* The words of the entry point and of the command, or those of a shell's script instead. A quote in a script
 * stays part of its word. */
struct words {
        VEC(struct word) list;
};

static void add_script(struct arena *a, struct word script, struct words *ret) {
        struct str rest = script.text, piece;

        while (str_split(&rest, ' ', &piece))
                if (piece.n > 0 && !str_is(piece, "exec"))
                        *vec_push(a, &ret->list) = (struct word){ piece, script.at };
}

static void add_words(struct arena *a, const struct container *c, struct words *ret) {
        LIST_EACH(word, &c->entrypoint)
                *vec_push(a, &ret->list) = *word;
        LIST_EACH(word, &c->command)
                *vec_push(a, &ret->list) = *word;
}

/* "sh -c SCRIPT", with or without more options: the script. */
static const struct word *find_script(const struct words *words) {
        static const struct str shells[] = { STR_INIT("sh"), STR_INIT("bash"), STR_INIT("dash"),
                                             STR_INIT("ash") };
        const struct word *w = words->list.at;

        if (words->list.n < 3 || !str_is_among(path_name(w[0].text), shells, ARRAY_SIZE(shells)) ||
            w[1].text.n < 2 || w[1].text.p[0] != '-' || !str_has_suffix(w[1].text, STR("c")))
                return NULL;

        return &w[2];
}

/* A shell that waits for a command ends at SIGTERM alone, or ignores it; the command hears nothing before
 * SIGKILL. */
static void check_shell(struct world *w, struct word script) {
        if (str_find_str(script.text, STR("exec ")) < script.text.n ||
            str_find_str(script.text, STR("trap ")) < script.text.n)
                return;

        (void) diag_add(w->ds, DIAG_SHELL_WITHOUT_EXEC, script.at,
                        "the stop signal reaches the shell, not the command that it waits for, which is then "
                        "killed without warning; write 'exec' before the last command");
}

/* The seconds of an option of gunicorn, and where they are written. */
struct option {
        uint64_t seconds;
        struct span at;
};

struct gunicorn {
        struct option graceful, request; /* 0: not given */
};

/* Reads "--timeout 9", "--timeout=9", "-t 9", "-t9". `next`: empty if there is none. */
static void take_option(struct word word, struct str next, struct gunicorn *ret) {
        static const struct {
                struct str name;
                bool is_graceful;
        } rows[] = { { STR_INIT("--graceful-timeout"), true },
                     { STR_INIT("--timeout"), false },
                     { STR_INIT("-t"), false } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct option *to = rows[i].is_graceful ? &ret->graceful : &ret->request;
                struct str value = next;
                uint64_t seconds;

                if (!str_has_prefix(word.text, rows[i].name))
                        continue;
                if (word.text.n > rows[i].name.n)
                        value = str_from(word.text, rows[i].name.n + (word.text.p[rows[i].name.n] == '='));
                if (str_to_u64(value, UINT32_MAX, &seconds))
                        *to = (struct option){ seconds, word.at };
                return;
        }
}

static void take_options(const struct words *words, size_t from, struct gunicorn *ret) {
        for (size_t i = from; i < words->list.n; i++)
                take_option(words->list.at[i], i + 1 < words->list.n ? words->list.at[i + 1].text : STR(""),
                            ret);
}

/* gunicorn's settings for its environment; the command line has precedence. */
static void take_environment(struct world *w, const struct container *c, struct gunicorn *ret) {
        const struct variable *v = container_find_variable(c, STR("GUNICORN_CMD_ARGS"));
        struct words words = { 0 };

        if (!v || v->is_secret)
                return;
        LIST_EACH(piece, &v->pieces)
                add_script(w->ds->arena, (struct word){ piece->literal, v->name.at }, &words);
        take_options(&words, 0, ret);
}

static void check_gunicorn(struct world *w, const struct gunicorn *g, const struct service *s) {
        uint64_t stop = s->container.stop_timeout.usec / SECOND, all = stop + service_drain(s).usec / SECOND;

        if (g->graceful.seconds > stop)
                (void) diag_add(
                        w->ds, DIAG_STOP_TOO_SHORT, g->graceful.at,
                        "gunicorn waits %llus for open requests when it stops (--graceful-timeout), but is "
                        "killed after %llus; set a longer 'stop_timeout'",
                        (unsigned long long) g->graceful.seconds, (unsigned long long) stop);
        else if (g->request.seconds > all)
                (void) diag_add(
                        w->ds, DIAG_STOP_TOO_SHORT, g->request.at,
                        "gunicorn lets a request take %llus (--timeout), but a stop ends it after %llus; "
                        "set a longer %s",
                        (unsigned long long) g->request.seconds, (unsigned long long) all,
                        s->proxy ? "'proxy.timeouts.drain'" : "'stop_timeout' and --graceful-timeout");
}

static size_t find_program(const struct words *words, const char *name) {
        size_t i = 0;

        while (i < words->list.n && !str_is(path_name(words->list.at[i].text), name))
                i++;
        return i;
}

/* An image may run gunicorn itself, but a variable that all parts inherit does not mean that each does. */
static void check_stop(struct world *w, const struct words *words, const struct service *s) {
        size_t at = find_program(words, "gunicorn");
        struct gunicorn g = { 0 };

        if (at < words->list.n || (words->list.n == 0 && s->port.n > 0))
                take_environment(w, &s->container, &g);
        take_options(words, at, &g);
        check_gunicorn(w, &g, s);
}

/* RedBeat has a lock, so that only one of several works. */
static bool is_scheduler(const struct words *words) {
        static const struct str programs[] = { STR_INIT("cron"), STR_INIT("crond"), STR_INIT("rqscheduler"),
                                               STR_INIT("supercronic") };
        bool is_beat = false;

        for (size_t i = find_program(words, "celery"); i < words->list.n; i++) {
                struct str word = words->list.at[i].text;

                if (str_find_str(word, STR("redbeat")) < word.n)
                        return false;
                is_beat = is_beat || str_is(word, "beat") || str_is(word, "--beat") || str_is(word, "-B");
        }

        return is_beat || (words->list.n > 0 &&
                           str_is_among(path_name(words->list.at[0].text), programs, ARRAY_SIZE(programs)));
}

static void check_scheduler(struct world *w, const struct service *s, const struct words *words) {
        /* With `run_mode: BEAT` it is an error already. */
        if (s->scale.n > 1 && !container_is_single(&s->container) && is_scheduler(words))
                (void) diag_add(
                        w->ds, DIAG_SCHEDULER_SCALE, s->scale.at,
                        "each of the %llu instances of '%.*s' is a scheduler, and starts every job; set "
                        "'scale: 1', and run the workers as another service",
                        (unsigned long long) s->scale.n, STR_ARG(s->name.text));
}

static void check_process(struct world *w, const struct service *s) {
        struct words words = { 0 }, in_script = { 0 };
        const struct word *script;

        add_words(w->ds->arena, &s->container, &words);
        script = find_script(&words);
        if (script) {
                check_shell(w, *script);
                add_script(w->ds->arena, *script, &in_script);
                words = in_script;
        }
        check_stop(w, &words, s);
        check_scheduler(w, s, &words);
}

void check_processes(struct world *w, struct app *app) {
        APP_EACH_KEPT(s, app)
                check_process(w, s);
}

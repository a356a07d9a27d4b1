/* SPDX-License-Identifier: Apache-2.0 */

/* In place of runtime/spawn.c and runtime/fetch.c: no program runs and no request leaves this process. Each program
 * prints the input and succeeds; each web service answers with the input. */

#include <time.h>

#include "parsers.h"
#include "runtime/fetch.h"
#include "runtime/spawn.h"

static struct str output;

void fake_programs_say(struct str text) {
        output = text;
}

struct str spawn_find(struct arena *a, const char *program) {
        return arena_join(a, STR("/nowhere/"), str_of(program));
}

struct str spawn_find_below(struct arena *a, int root, const char *program) {
        return spawn_find(a, program);
}

int spawn_run(struct arena *a, const char *const *argv, struct spawn_result *ret) {
        *ret = (struct spawn_result) { .out = arena_str(a, output), .err = STR("") };
        return 0;
}

int spawn_as_root(struct arena *a, const char *const *argv, struct spawn_result *ret) {
        return spawn_run(a, argv, ret);
}

int spawn_order_as_root(struct arena *a, const char *const *argv, const struct spawn_order *order, struct spawn_result *ret) {
        return spawn_run(a, argv, ret);
}

int spawn_run_on(struct arena *a, const char *const *argv, struct str input, struct spawn_result *ret) {
        return spawn_run(a, argv, ret);
}

/* Nobody waits before asking again. */
int nanosleep(const struct timespec *wish, struct timespec *rest) {
        return 0;
}

/* The first byte chooses the status. */
int fetch(struct arena *a, const struct fetch_request *request, struct fetch_answer *ret) {
        bool is_refused = output.n > 0 && output.p[0] == '!';

        *ret = (struct fetch_answer) {
                .status = is_refused ? 400 : 200,
                .body = arena_str(a, str_from(output, is_refused)),
        };
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/plan.h"

#include <errno.h>

enum { WORDS_MAX = 4 };

struct line {
        struct str words[WORDS_MAX];
        size_t n;
};

static bool split_line(struct str text, struct line *ret) {
        struct str rest = text, word;

        *ret = (struct line) { 0 };
        while (str_split(&rest, ' ', &word)) {
                if (ret->n == WORDS_MAX || word.n == 0)
                        return false;
                ret->words[ret->n++] = word;
        }

        return true;
}

/* One of two words: which? */
static bool take_choice(struct str word, const char *no, const char *yes, bool *ret) {
        *ret = str_is(word, yes);
        return *ret || str_is(word, no);
}

static bool take_setting(const struct line *l, struct plan *plan) {
        struct str key = l->words[0], value = l->words[1];

        if (str_is(key, "strategy"))
                return take_choice(value, "rolling", "recreate", &plan->is_recreate);
        if (str_is(key, "on-failure"))
                return take_choice(value, "revert", "stop", &plan->stops_on_failure);
        if (str_is(key, "max-unavailable"))
                return str_to_u64(value, UINT32_MAX, &plan->max_unavailable) && plan->max_unavailable > 0;
        if (str_is(key, "pause"))
                return str_to_u64(value, UINT64_MAX, &plan->pause);
        if (str_is(key, "ready-timeout"))
                return str_to_u64(value, UINT64_MAX, &plan->ready_timeout);
        if (str_is(key, "min-ready"))
                return str_to_u64(value, UINT64_MAX, &plan->min_ready);

        return false;
}

static bool take_line(struct arena *a, const struct line *l, struct plan *plan) {
        struct plan_part part = { arena_str(a, l->words[1]), arena_str(a, l->words[2]), false };
        struct str key = l->words[0];

        if (l->n == 2 && str_is(key, "task"))
                *vec_push(a, &plan->tasks) = part.unit;
        else if (l->n == 2 && str_is(key, "early"))
                *vec_push(a, &plan->early) = part.unit;
        else if (l->n == 2)
                return take_setting(l, plan);
        else if (l->n == 3 && str_is(key, "sidecar"))
                *vec_push(a, &plan->sidecars) = part;
        else if (l->n == 4 && str_is(key, "service") && take_choice(l->words[3], "plain", "spare", &part.has_spare))
                *vec_push(a, &plan->services) = part;
        else
                return false;

        return true;
}

int plan_parse(struct arena *a, struct str text, struct plan *ret) {
        struct plan plan = { .max_unavailable = 1 };
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line)) {
                struct line words;

                if (line.n > 0 && (!split_line(line, &words) || !take_line(a, &words, &plan)))
                        return -EBADMSG;
        }

        *ret = plan;
        return 0;
}

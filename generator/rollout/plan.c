/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/plan.h"

#include <errno.h>

enum { WORDS_MAX = 9 };

struct line {
        struct str words[WORDS_MAX];
        size_t n;
};

static bool split_line(struct str text, struct line *ret) {
        struct str rest = text, word;

        *ret = (struct line){ 0 };
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

static struct str take_known(struct arena *a, struct str word) {
        return str_is(word, "-") ? (struct str){ NULL, 0 } : arena_str(a, word);
}

static bool take_volume(struct arena *a, const struct str *w, struct plan *plan) {
        *vec_push(a, &plan->objects.list) = (struct podman_object){
                .name = arena_str(a, w[1]),
                .driver = take_known(a, w[2]),
                .type = take_known(a, w[3]),
                .device = take_known(a, w[4]),
                .options = take_known(a, w[5]),
        };
        return true;
}

static bool take_network(struct arena *a, const struct str *w, struct plan *plan) {
        struct podman_object o = {
                .is_network = true,
                .name = arena_str(a, w[1]),
                .driver = take_known(a, w[2]),
                .subnet = take_known(a, w[3]),
                .gateway = take_known(a, w[4]),
                .options = take_known(a, w[5]),
        };
        bool is_good = take_choice(w[6], "no", "yes", &o.is_internal) &&
                       take_choice(w[7], "no", "yes", &o.has_ipv6) &&
                       take_choice(w[8], "no", "yes", &o.has_no_dns);

        *vec_push(a, &plan->objects.list) = o;
        return is_good;
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
        else if (l->n == 4 && str_is(key, "service") &&
                 take_choice(l->words[3], "plain", "spare", &part.has_spare))
                *vec_push(a, &plan->services) = part;
        else if (l->n == 6 && str_is(key, "volume"))
                return take_volume(a, l->words, plan);
        else if (l->n == 9 && str_is(key, "network"))
                return take_network(a, l->words, plan);
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

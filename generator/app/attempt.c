/* SPDX-License-Identifier: Apache-2.0 */
#include "app/attempt.h"

void attempt_begin(struct world *w, struct str path) {
        size_t n = path.n < PATH_MAX ? path.n : 0;

        w->arena->subject = path;
        if (!w->attempt)
                return;

        if (n > 0)
                memcpy(w->attempt->at, path.p, n);
        w->attempt->at[n] = '\0';
}

void attempt_end(struct world *w) {
        attempt_begin(w, (struct str){ NULL, 0 });
}

static bool is_given_up(const struct attempt *attempt, struct str path) {
        for (size_t i = 0; i < attempt->n_given_up; i++)
                if (str_is(path, attempt->given_up[i]))
                        return true;

        return false;
}

bool attempt_has_given_up(const struct world *w, struct str path) {
        return w->attempt && is_given_up(w->attempt, path);
}

bool attempt_give_up(struct attempt *attempt) {
        if (attempt->at[0] == '\0' || attempt->n_given_up == ARRAY_SIZE(attempt->given_up) ||
            is_given_up(attempt, str_of(attempt->at)))
                return false;

        memcpy(attempt->given_up[attempt->n_given_up++], attempt->at, sizeof(attempt->at));
        attempt->at[0] = '\0';
        return true;
}

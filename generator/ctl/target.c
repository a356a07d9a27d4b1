/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/target.h"

static int refuse(const char *word, struct str piece, const char *what, const char *rule) {
        (void) fprintf(stderr, "pyservicectl: '%s': '%.*s' is not a %s; %s\n", word, STR_ARG(piece), what,
                       rule);
        return CTL_USAGE;
}

/* The text behind the sign, which is cut off; absent without the sign. */
static struct str take_behind(struct str *text, char sign) {
        size_t at = str_find(*text, sign);
        struct str behind = { 0 };

        if (at == text->n)
                return behind;

        behind = (struct str){ text->p + at + 1, text->n - at - 1 };
        text->n = at;
        return behind;
}

int target_parse(struct ctl *c, const char *word, struct target *ret) {
        struct str text = arena_str(&c->arena, str_of(word));
        uint64_t number;

        *ret = (struct target){ 0 };
        ret->instance = take_behind(&text, '@');
        ret->part = take_behind(&text, '/');
        ret->app = text;
        if (!type_accepts(KIND_NAME, ret->app))
                return refuse(word, ret->app, "valid name of an app", type_of(KIND_NAME)->rule);
        if (!str_is_absent(ret->part) && !type_accepts(KIND_NAME, ret->part))
                return refuse(word, ret->part, "valid name of a part", type_of(KIND_NAME)->rule);
        if (!str_is_absent(ret->instance) && (!str_to_u64(ret->instance, UINT32_MAX, &number) ||
                                              !str_eq(ret->instance, arena_u64(&c->arena, number))))
                return refuse(word, ret->instance, "valid number of an instance", "instances count from 0");

        return 0;
}

int targets_parse(struct ctl *c, struct targets *ret) {
        int r = 0;

        *ret = (struct targets){ 0 };
        if (c->argc == 0)
                return ctl_usage(c, "give APP, APP@N, APP/SERVICE or APP/SERVICE@N");

        for (int i = 0; r == 0 && i < c->argc; i++)
                r = target_parse(c, c->argv[i], vec_push(&c->arena, &ret->list));
        return r;
}

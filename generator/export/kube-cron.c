/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kube-cron.h"

#include <strings.h>

static const struct shorthand {
        const char *word, *cron;
} shorthands[] = {
        { "minutely", "* * * * *" },       { "hourly", "0 * * * *" },
        { "daily", "0 0 * * *" },          { "weekly", "0 0 * * 1" },
        { "monthly", "0 0 1 * *" },        { "quarterly", "0 0 1 1,4,7,10 *" },
        { "semiannually", "0 0 1 1,7 *" }, { "semi-annually", "0 0 1 1,7 *" },
        { "biannually", "0 0 1 1,7 *" },   { "bi-annually", "0 0 1 1,7 *" },
        { "yearly", "0 0 1 1 *" },         { "annually", "0 0 1 1 *" },
        { "anually", "0 0 1 1 *" },
};

/* In the order of systemd's; cron's Sunday is 0. */
static const char *const weekdays[] = { "monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday" };

struct calendar_parts {
        struct str minute, hour, day, month, weekday, zone; /* as cron has them */
};

static bool is_equal(struct str word, const char *other, size_t n) {
        return word.n == n && strncasecmp(word.p, other, n) == 0;
}

static bool find_weekday(struct str word, unsigned *ret) {
        for (unsigned i = 0; i < ARRAY_SIZE(weekdays); i++)
                if (is_equal(word, weekdays[i], 3) || is_equal(word, weekdays[i], strlen(weekdays[i]))) {
                        *ret = i;
                        return true;
                }

        return false;
}

/* "Mon", "Mon..Fri", "Mon-Fri"; adds a bit for each. */
static bool add_weekdays(struct str piece, unsigned *bits) {
        size_t dots = str_find_str(piece, STR("..")), width = 2;
        unsigned first, last;

        if (dots == piece.n) {
                dots = str_find(piece, '-');
                width = 1;
        }
        if (!find_weekday((struct str){ piece.p, dots }, &first))
                return false;
        last = first;
        if (dots < piece.n && (!find_weekday(str_from(piece, dots + width), &last) || last < first))
                return false;

        for (unsigned i = first; i <= last; i++)
                *bits |= 1u << i;
        return true;
}

static struct str weekdays_as_cron(struct arena *a, unsigned bits) {
        struct str text = { 0 };

        if (bits == 127)
                return STR("*");
        for (unsigned d = 0; d < 7; d++) {
                struct str day = arena_u64(a, d);

                if (bits & 1u << (d + 6) % 7)
                        text = str_is_absent(text) ? day : arena_join(a, text, STR(","), day);
        }
        return text;
}

/* All of the word must be weekdays; a comma may end it. */
static bool parse_weekdays(struct arena *a, struct str word, struct str *ret) {
        struct str rest = word, piece;
        unsigned bits = 0;

        while (str_split(&rest, ',', &piece))
                if (!(piece.n == 0 && str_is_absent(rest)) && !add_weekdays(piece, &bits))
                        return false;

        *ret = weekdays_as_cron(a, bits);
        return bits != 0;
}

/* Digits, without what leads them; cron needs none. */
static bool parse_number(struct str digits, uint64_t max, struct str *ret) {
        uint64_t n;

        while (digits.n > 1 && digits.p[0] == '0')
                digits = str_from(digits, 1);

        *ret = digits;
        return str_to_u64(digits, max, &n);
}

/* A, A..B, A/STEP, A..B/STEP */
static bool parse_piece(struct arena *a, struct str piece, uint64_t max, struct str *ret) {
        size_t slash = str_find(piece, '/');
        struct str range = { piece.p, slash }, first, last = { 0 }, step;
        size_t dots = str_find_str(range, STR(".."));

        if (!parse_number((struct str){ range.p, dots }, max, &first))
                return false;
        if (dots < range.n && !parse_number(str_from(range, dots + 2), max, &last))
                return false;
        if (slash == piece.n) {
                *ret = str_is_absent(last) ? first : arena_join(a, first, STR("-"), last);
                return true;
        }
        if (!parse_number(str_from(piece, slash + 1), max, &step) || str_is(step, "0"))
                return false;

        *ret = arena_join(a, first, STR("-"), str_is_absent(last) ? arena_u64(a, max) : last, STR("/"), step);
        return true;
}

static bool parse_component(struct arena *a, struct str text, uint64_t max, struct str *ret) {
        struct str rest = text, piece, cron;

        *ret = (struct str){ 0 };
        if (str_is(text, "*")) {
                *ret = text;
                return true;
        }
        while (str_split(&rest, ',', &piece)) {
                if (!parse_piece(a, piece, max, &cron))
                        return false;
                *ret = str_is_absent(*ret) ? cron : arena_join(a, *ret, STR(","), cron);
        }

        return true;
}

/* [*-]MONTH-DAY */
static bool parse_date(struct arena *a, struct str word, struct calendar_parts *parts) {
        size_t dash = str_find(word, '-');

        if (str_find(str_from(word, dash + 1), '-') < word.n - dash - 1) {
                if (!str_is((struct str){ word.p, dash }, "*"))
                        return false;
                word = str_from(word, dash + 1);
                dash = str_find(word, '-');
        }

        return parse_component(a, (struct str){ word.p, dash }, 12, &parts->month) &&
               parse_component(a, str_from(word, dash + 1), 31, &parts->day);
}

/* HOUR:MINUTE[:00] */
static bool parse_time(struct arena *a, struct str word, struct calendar_parts *parts) {
        size_t colon = str_find(word, ':');
        struct str minute = str_from(word, colon + 1);
        size_t second = str_find(minute, ':');

        if (second < minute.n && !str_is_made_of(str_from(minute, second + 1), "0"))
                return false;

        return parse_component(a, (struct str){ word.p, colon }, 23, &parts->hour) &&
               parse_component(a, (struct str){ minute.p, second }, 59, &parts->minute);
}

static bool take_word(struct arena *a, struct str word, struct calendar_parts *parts) {
        struct str days;

        if (str_find(word, ':') < word.n)
                return parse_time(a, word, parts);
        if (parse_weekdays(a, word, &days)) {
                parts->weekday = days;
                return true;
        }
        if (str_is_made_of(word, "0123456789*,./-") && str_find(word, '-') < word.n)
                return parse_date(a, word, parts);
        if (!str_is_absent(parts->zone) ||
            !((word.p[0] >= 'A' && word.p[0] <= 'Z') || (word.p[0] >= 'a' && word.p[0] <= 'z')))
                return false;

        parts->zone = str_is(word, "UTC") ? STR("Etc/UTC") : word;
        return true;
}

static const char *find_shorthand(struct str word) {
        for (size_t i = 0; i < ARRAY_SIZE(shorthands); i++)
                if (is_equal(word, shorthands[i].word, strlen(shorthands[i].word)))
                        return shorthands[i].cron;

        return NULL;
}

bool cron_from_calendar(struct arena *a, struct str calendar, struct str *ret_cron, struct str *ret_zone) {
        struct calendar_parts parts = { STR("0"), STR("0"), STR("*"), STR("*"), STR("*"), { 0 } };
        struct str rest = calendar, word;
        const char *shorthand = NULL;

        while (str_split(&rest, ' ', &word)) {
                if (word.n == 0)
                        continue;
                if (!shorthand && (shorthand = find_shorthand(word)))
                        continue;
                if (!take_word(a, word, &parts))
                        return false;
        }
        /* cron runs if the day or the weekday matches, systemd if both match. */
        if (!str_is(parts.day, "*") && !str_is(parts.weekday, "*"))
                return false;

        *ret_zone = parts.zone;
        *ret_cron = shorthand ? str_of(shorthand)
                              : arena_join(a, parts.minute, STR(" "), parts.hour, STR(" "), parts.day,
                                           STR(" "), parts.month, STR(" "), parts.weekday);
        return true;
}

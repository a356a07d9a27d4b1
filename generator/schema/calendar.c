/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/calendar.h"

#include <strings.h>

#include "base/macro.h"

enum { SECOND = 1000000 };

/* The limits of a component; seconds are in microseconds. */
struct limits {
        uint64_t low, high;
        bool is_year, is_second, is_from_end;
};

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_same_word(struct str s, const char *word) {
        return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* The expressions of one word. */
static bool is_shorthand(struct str s) {
        static const char *const words[] = {
                "minutely",  "hourly",       "daily",      "weekly",   "monthly",
                "quarterly", "semiannually", "biannually", "annually", "yearly",
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (is_same_word(s, words[i]))
                        return true;

        return false;
}

/* 0 for Monday; 7 if the text is not a weekday. */
static size_t find_weekday(struct str s) {
        static const char *const names[] = {
                "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
        };
        size_t i = 0;

        while (i < ARRAY_SIZE(names) && !is_same_word(s, names[i]) &&
               !(s.n == 3 && strncasecmp(s.p, names[i], 3) == 0))
                i++;
        return i;
}

/* "Mon", "Mon..Fri", and "Mon-Fri" as well. */
static bool is_weekday_range(struct str s) {
        size_t dots = str_find_str(s, STR("..")), minus = str_find(s, '-'), end = dots < minus ? dots : minus;
        size_t first = find_weekday((struct str){ s.p, end }), last = first;

        if (end < s.n)
                last = find_weekday(str_from(s, end + (end == dots ? 2 : 1)));
        return first < 7 && last < 7 && first <= last;
}

/* With a comma between them, or at the end. */
static bool are_weekdays(struct str word) {
        struct str range;

        if (word.n > 1 && word.p[word.n - 1] == ',')
                word.n--;
        while (str_split(&word, ',', &range))
                if (!is_weekday_range(range))
                        return false;

        return true;
}

/* Takes decimal digits off the front. */
static bool take_digits(struct str *rest, size_t max, uint64_t *ret) {
        size_t n = 0;

        *ret = 0;
        for (; n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9'; n++)
                *ret = *ret * 10 + (uint64_t) (rest->p[n] - '0');

        *rest = str_from(*rest, n);
        return n > 0 && n <= max;
}

static bool take_number(struct str *rest, const struct limits *l, uint64_t *ret) {
        uint64_t fraction = 0;
        size_t n;

        if (!take_digits(rest, 9, ret))
                return false;
        if (l->is_year)
                *ret += *ret < 70 ? 2000 : *ret < 100 ? 1900 : 0;
        if (!l->is_second)
                return true;

        *ret *= SECOND;
        if (rest->n == 0 || rest->p[0] != '.' || str_has_prefix(*rest, STR("..")))
                return true;

        *rest = str_from(*rest, 1);
        n = rest->n;
        if (!take_digits(rest, 6, &fraction))
                return false;
        for (n -= rest->n; n < 6; n++)
                fraction *= 10;
        *ret += fraction;
        return true;
}

/* A step that leads nowhere is refused. */
static bool is_component(struct str s, const struct limits *l) {
        const struct limits step_limits = { .is_second = l->is_second };
        uint64_t start, stop = 0, step = 0;
        bool has_stop;

        if (!take_number(&s, l, &start) || start < l->low || start > l->high)
                return false;

        has_stop = str_has_prefix(s, STR(".."));
        if (has_stop) {
                s = str_from(s, 2);
                if (!take_number(&s, l, &stop) || stop < start || stop > l->high)
                        return false;
        }
        if (s.n > 0 && s.p[0] == '/') {
                s = str_from(s, 1);
                if (!take_number(&s, &step_limits, &step) || step == 0 || step > l->high - l->low)
                        return false;
        }
        if (s.n > 0)
                return false;
        if (has_stop)
                return !l->is_second || step > 0 || start + SECOND <= stop;

        return l->is_from_end ? start >= l->low + step : start + step <= l->high;
}

/* From the end of the month, systemd takes days up to the 28th, and with each further one in a list three
 * fewer: chain_valid() of its calendarspec.c. */
static bool is_list(struct str s, const struct limits *l) {
        struct limits limits = *l;
        struct str component;

        if (str_is(s, "*"))
                return true;

        for (size_t i = 0; limits.is_from_end && limits.high > 3 && i < s.n; i++)
                limits.high -= s.p[i] == ',' ? 3 : 0;
        while (str_split(&s, ',', &component))
                if (!is_component(component, &limits))
                        return false;

        return true;
}

/* "[YEAR-]MONTH-DAY"; "~" before a day counts it from the end of the month. */
static bool is_date(struct str word) {
        static const struct limits year = { 1970, 2199, .is_year = true }, month = { 1, 12 }, day = { 1, 31 },
                                   from_end = { 1, 28, .is_from_end = true };
        struct str parts[3];
        bool is_from_end = false;
        size_t n = 0;

        for (size_t at = 0, begin = 0; at <= word.n; at++) {
                if (at < word.n && word.p[at] != '-' && word.p[at] != '~')
                        continue;
                if (n == ARRAY_SIZE(parts) || (is_from_end && at < word.n))
                        return false;

                parts[n++] = (struct str){ word.p + begin, at - begin };
                is_from_end = is_from_end || (at < word.n && word.p[at] == '~');
                begin = at + 1;
        }

        return n >= 2 && is_list(parts[n - 1], is_from_end ? &from_end : &day) &&
               is_list(parts[n - 2], &month) && (n == 2 || is_list(parts[0], &year));
}

/* "HOUR:MINUTE[:SECOND]" */
static bool is_time(struct str word) {
        static const struct limits limits[] = {
                { 0, 23 },
                { 0, 59 },
                { 0, 60 * SECOND - 1, .is_second = true },
        };
        struct str part;
        size_t n = 0;

        while (str_split(&word, ':', &part)) {
                if (n == ARRAY_SIZE(limits) || !is_list(part, &limits[n]))
                        return false;
                n++;
        }

        return n >= 2;
}

/* The next word; absent at the end. */
static struct str next_word(struct str *rest) {
        struct str word = { NULL, 0 };

        while (word.n == 0)
                if (!str_split(rest, ' ', &word))
                        return (struct str){ NULL, 0 };

        return word;
}

static bool are_words(struct str text) {
        struct str rest = text, word = next_word(&rest);

        if (word.n > 0 && is_letter(word.p[0])) {
                if (!are_weekdays(word))
                        return false;
                word = next_word(&rest);
        }
        if (word.n > 0 && str_find(word, ':') == word.n) {
                if (!is_date(word))
                        return false;
                word = next_word(&rest);
        }

        return str_is_absent(word) || (is_time(word) && str_is_absent(next_word(&rest)));
}

bool calendar_parse(struct str text, struct str *ret_zone) {
        const char *blank = text.n > 0 ? memrchr(text.p, ' ', text.n) : NULL;
        struct str last = blank ? str_from(text, (size_t) (blank - text.p) + 1) : (struct str){ NULL, 0 };

        *ret_zone = (struct str){ NULL, 0 };
        if (last.n > 0 && is_letter(last.p[0])) {
                text.n -= last.n + 1;
                if (!is_same_word(last, "UTC"))
                        *ret_zone = last;
        }
        if (text.n == 0 || text.p[text.n - 1] == ' ')
                return false;

        return is_shorthand(text) || are_words(text);
}

bool calendar_is_cron(struct str text) {
        struct str rest = text, word;
        size_t n = 0;

        for (word = next_word(&rest); word.n > 0; word = next_word(&rest), n++)
                if (!str_is_made_of(word, "0123456789*,/-"))
                        return false;

        return n == 5;
}

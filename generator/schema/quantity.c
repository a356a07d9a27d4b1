/* SPDX-License-Identifier: Apache-2.0 */

/* Time spans, sizes, numbers of CPUs, and what YAML takes for something other than text. */

#include "base/macro.h"
#include "schema/type.h"

struct unit_factor {
        const char *name;
        uint64_t factor;
};

/* systemd.time(7) */
static const struct unit_factor time_units[] = {
        { "us", 1 },
        { "usec", 1 },
        { "ms", 1000 },
        { "msec", 1000 },
        { "s", 1000000 },
        { "sec", 1000000 },
        { "second", 1000000 },
        { "seconds", 1000000 },
        { "m", 60000000 },
        { "min", 60000000 },
        { "minute", 60000000 },
        { "minutes", 60000000 },
        { "h", 3600000000 },
        { "hr", 3600000000 },
        { "hour", 3600000000 },
        { "hours", 3600000000 },
        { "d", 86400000000 },
        { "day", 86400000000 },
        { "days", 86400000000 },
        { "w", 604800000000 },
        { "week", 604800000000 },
        { "weeks", 604800000000 },
        { "y", 31557600000000 },
        { "year", 31557600000000 },
        { "years", 31557600000000 },
};

static struct str take_made_of(struct str *s, bool (*is)(char)) {
        struct str head = { s->p, 0 };

        while (head.n < s->n && is(s->p[head.n]))
                head.n++;

        *s = str_from(*s, head.n);
        return head;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool find_factor(const struct unit_factor *units, size_t n, struct str name, uint64_t *ret) {
        for (size_t i = 0; i < n; i++)
                if (str_is(name, units[i].name)) {
                        *ret = units[i].factor;
                        return true;
                }

        return false;
}

bool type_parse_duration(struct str text, uint64_t *ret_usec) {
        uint64_t total = 0, n, factor;
        struct str rest = str_trim(text);
        bool is_first = true;

        if (str_is(rest, "infinity")) {
                *ret_usec = UINT64_MAX;
                return true;
        }
        if (rest.n == 0)
                return false;

        while (rest.n > 0) {
                struct str digits = take_made_of(&rest, is_digit), unit;

                if (!str_to_u64(digits, UINT32_MAX, &n))
                        return false;

                rest = str_trim(rest);
                unit = take_made_of(&rest, is_letter);
                rest = str_trim(rest);
                if (unit.n == 0 && (rest.n > 0 || !is_first))
                        return false;
                is_first = false;
                if (unit.n == 0)
                        unit = STR("s");
                if (!find_factor(time_units, ARRAY_SIZE(time_units), unit, &factor))
                        return false;
                if (__builtin_mul_overflow(n, factor, &n) || __builtin_add_overflow(total, n, &total))
                        return false;
        }

        *ret_usec = total;
        return total < UINT64_MAX;
}

bool type_parse_bytes(struct str text, uint64_t *ret_bytes) {
        static const struct unit_factor units[] = {
                { "", 1 },
                { "K", 1ULL << 10 },
                { "M", 1ULL << 20 },
                { "G", 1ULL << 30 },
                { "T", 1ULL << 40 },
                { "k", 1ULL << 10 },
                { "m", 1ULL << 20 },
                { "g", 1ULL << 30 },
                { "t", 1ULL << 40 },
                { "Ki", 1ULL << 10 },
                { "Mi", 1ULL << 20 },
                { "Gi", 1ULL << 30 },
                { "Ti", 1ULL << 40 },
        };
        struct str digits = take_made_of(&text, is_digit);
        uint64_t n, factor;

        if (!str_to_u64(digits, INT64_MAX, &n) || !find_factor(units, ARRAY_SIZE(units), text, &factor))
                return false;
        if (__builtin_mul_overflow(n, factor, &n) || n == 0 || n > INT64_MAX)
                return false;

        *ret_bytes = n;
        return true;
}

bool type_parse_cpus(struct str text, uint64_t *ret_milli) {
        struct str whole = take_made_of(&text, is_digit), fraction = { NULL, 0 };
        uint64_t n, thousandths = 0;

        if (text.n > 0 && text.p[0] == '.') {
                text = str_from(text, 1);
                fraction = take_made_of(&text, is_digit);
                if (fraction.n == 0)
                        return false;
        }
        if (text.n > 0 || fraction.n > 3 || !str_to_u64(whole, 4096, &n))
                return false;

        for (size_t i = 0, place = 100; i < fraction.n; i++, place /= 10)
                thousandths += (uint64_t) (fraction.p[i] - '0') * place;

        *ret_milli = n * 1000 + thousandths;
        return *ret_milli > 0;
}

/* Octal, hexadecimal, binary, and numbers with '_' in them: YAML 1.1 or 1.2 reads another number than is
 * written. A commit that begins with '0' is not a number. */
static bool is_other_number(struct str plain) {
        struct str rest = str_from(plain, 2);

        if (plain.p[0] != '0')
                return is_digit(plain.p[0]) && str_find(plain, '_') < plain.n &&
                       str_is_made_of(plain, "0123456789_");
        if (rest.n > 0 && plain.p[1] == 'x')
                return str_is_made_of(rest, "0123456789abcdefABCDEF_");
        if (rest.n > 0 && plain.p[1] == 'o')
                return str_is_made_of(rest, "01234567");
        if (rest.n > 0 && plain.p[1] == 'b')
                return str_is_made_of(rest, "01_");
        return str_is_made_of(str_from(plain, 1), "0123456789eE_");
}

bool type_is_ambiguous(struct str plain) {
        static const char *const words[] = {
                "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"
        };
        char lower[8];

        if (plain.n == 0)
                return true;

        if (plain.n > 1 && is_other_number(plain))
                return true;

        if (plain.n >= sizeof(lower))
                return false;
        for (size_t i = 0; i < plain.n; i++)
                lower[i] = (char) (plain.p[i] | (is_letter(plain.p[i]) ? 0x20 : 0));

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (str_eq((struct str){ lower, plain.n }, str_of(words[i])))
                        return true;

        return false;
}

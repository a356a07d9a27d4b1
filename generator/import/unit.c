/* SPDX-License-Identifier: Apache-2.0 */
#include "import/unit.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/utf8.h"

struct reading {
        struct import *import;
        struct unit_file *unit;
        struct str section;
        uint32_t file;
};

static bool check_bytes(struct import *m, uint32_t file) {
        struct str text = m->sources.list.at[file].text;
        uint32_t c = 0;

        for (size_t at = 0, n; at < text.n; at += n) {
                n = utf8_decode(text, at, &c);
                if (n > 0 && (!utf8_is_control(c) || c == '\r'))
                        continue;

                (void) diag_add(&m->ds, n == 0 ? DIAG_NOT_UTF8 : DIAG_CONTROL_CHARACTER,
                                (struct span){ file, (uint32_t) at, n > 0 ? (uint32_t) n : 1 },
                                n == 0 ? "this is not UTF-8" : "a control character; remove it");
                return false;
        }
        return true;
}

static void take_name(struct unit_file *u, struct str path) {
        size_t start = 0, dot, at;
        struct str name;

        for (size_t i = 0; i < path.n; i++)
                start = path.p[i] == '/' ? i + 1 : start;
        name = str_from(path, start);
        dot = name.n;
        for (size_t i = 0; i < name.n; i++)
                dot = name.p[i] == '.' ? i : dot;
        u->stem = (struct str){ name.p, dot };
        u->suffix = dot < name.n ? str_from(name, dot + 1) : STR("");
        at = str_find(u->stem, '@');
        u->is_template = at < u->stem.n;
        u->prefix = (struct str){ name.p, at };
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static struct str trim(struct str s) {
        while (s.n > 0 && is_blank(s.p[0]))
                s = str_from(s, 1);
        while (s.n > 0 && is_blank(s.p[s.n - 1]))
                s.n--;
        return s;
}

/* A line with those that it goes on in. */
static struct str take_line(struct arena *a, struct str *rest) {
        struct str line = { NULL, 0 }, next;

        while (str_split(rest, '\n', &next)) {
                bool is_comment = trim(next).n > 0 && strchr("#;", trim(next).p[0]);
                bool goes_on;

                if (is_comment && !str_is_absent(line))
                        continue;
                next = trim(next);
                goes_on = !is_comment && next.n > 0 && next.p[next.n - 1] == '\\';
                if (goes_on)
                        next.n--;
                line = str_is_absent(line) ? (next.p ? next : STR(""))
                                           : arena_join(a, line, STR(" "), trim(next));
                if (!goes_on)
                        break;
        }
        return line;
}

static void read_line(struct reading *r, struct str line, uint32_t off) {
        struct span at = { r->file, off, (uint32_t) (line.n > 0 ? line.n : 1) };
        size_t sign = str_find(line, '=');

        line = trim(line);
        if (line.n == 0 || strchr("#;", line.p[0]))
                return;
        if (line.p[0] == '[' && line.p[line.n - 1] == ']') {
                r->section = (struct str){ line.p + 1, line.n - 2 };
                return;
        }

        sign = str_find(line, '=');
        if (sign == line.n || str_is_absent(r->section)) {
                (void) diag_add(&r->import->ds, DIAG_BAD_VALUE, at,
                                "a line of a unit is [SECTION], or KEY=VALUE below one");
                return;
        }
        *vec_push(&r->import->ctl->arena, &r->unit->lines) =
                (struct unit_line){ r->section, trim((struct str){ line.p, sign }),
                                    trim(str_from(line, sign + 1)), at };
}

int unit_file_read(struct import *m, const char *path, struct unit_file *ret) {
        struct reading reading = { .import = m, .unit = ret };
        struct str text, rest;
        int r = import_read(m, path, &reading.file);

        if (r != CTL_GOOD)
                return r;

        *ret = (struct unit_file){ .at = { reading.file, 0, 0 } };
        take_name(ret, str_of(path));
        text = rest = m->sources.list.at[reading.file].text;
        if (text.n > 0 && check_bytes(m, reading.file))
                while (!str_is_absent(rest)) {
                        uint32_t off = (uint32_t) (rest.p - text.p);

                        read_line(&reading, take_line(&m->ctl->arena, &rest), off);
                }
        return CTL_GOOD;
}

struct str unit_file_value(const struct unit_file *u, const char *section, const char *key) {
        struct str value = { NULL, 0 };

        VEC_EACH(line, &u->lines)
                if (str_is(line->section, section) && str_is(line->key, key))
                        value = line->value;

        return value.n > 0 ? value : (struct str){ NULL, 0 };
}

static struct str below_home(struct draft *d, const char *path) {
        const char *home = getenv("HOME");

        return arena_join(d->arena, str_of(home ?: "/root"), str_of(path));
}

/* Directories of a user's manager: systemd.unit(5), SPECIFIERS. */
static struct str user_specifier(struct draft *d, char c) {
        switch (c) {
        case 'h':
                return below_home(d, "");
        case 't':
                return arena_printf(d->arena, "/run/user/%u", (unsigned) getuid());
        case 'S':
                return below_home(d, "/.local/state");
        case 'C':
                return below_home(d, "/.cache");
        case 'L':
                return below_home(d, "/.local/state/log");
        case 'E':
                return below_home(d, "/.config");
        default:
                return (struct str){ NULL, 0 };
        }
}

/* Those that are the same for every unit of the system's manager, and those of the file's name. */
static struct str specifier(struct draft *d, const struct unit_file *u, char c) {
        if (d->ctl->is_user && strchr("htSCLE", c))
                return user_specifier(d, c);

        switch (c) {
        case '%':
                return STR("%");
        case 'i':
        case 'I':
                return u->is_template ? STR("{{ instance }}") : STR("");
        case 'p':
        case 'P':
                return u->prefix;
        case 'n':
                return u->is_template ? (struct str){ NULL, 0 }
                                      : arena_join(d->arena, u->stem, STR(".service"));
        case 'N':
                return u->is_template ? (struct str){ NULL, 0 } : u->stem;
        case 'u':
        case 'g':
                return d->ctl->is_user ? (struct str){ NULL, 0 } : STR("root");
        case 'U':
        case 'G':
                return d->ctl->is_user ? (struct str){ NULL, 0 } : STR("0");
        case 'V':
                return STR("/var/tmp");
        case 't':
                return STR("/run");
        case 'S':
                return STR("/var/lib");
        case 'C':
                return STR("/var/cache");
        case 'L':
                return STR("/var/log");
        case 'E':
                return STR("/etc");
        case 'T':
                return STR("/tmp");
        case 'h':
                return STR("/root");
        default:
                return (struct str){ NULL, 0 };
        }
}

/* A variable of the image becomes one of the definition; systemd expands those of raw arguments. */
static bool keeps_variable(struct str key) {
        return str_is(key, "Image") || str_is(key, "PublishPort") || str_is(key, "Volume");
}

struct str unit_expand(struct draft *d, const struct unit_file *u, struct str value,
                       const struct unit_line *at) {
        VEC(struct str) parts = { 0 };
        bool has_variable = false;

        for (size_t i = 0; i < value.n; i++) {
                struct str one = { value.p + i, 1 }, replaced;
                bool has_next = i + 1 < value.n;

                if (one.p[0] == '%' && has_next) {
                        replaced = specifier(d, u, value.p[++i]);
                        if (str_is_absent(replaced))
                                draft_lost(d, NULL, at->at,
                                           "the specifier '%%%c' could not be carried over; write what it "
                                           "stands for",
                                           value.p[i]);
                        one = str_is_absent(replaced) ? (struct str){ value.p + i - 1, 2 } : replaced;
                } else if (one.p[0] == '$' && has_next && value.p[i + 1] == '$')
                        i++;
                else if (one.p[0] == '$' && has_next &&
                         (value.p[i + 1] == '{' || is_blank(value.p[i + 1]) == false))
                        has_variable = true;
                else if (one.p[0] == '{' && has_next && value.p[i + 1] == '{') {
                        one = STR("{{ '{{' }}");
                        i++;
                }
                *vec_push(d->arena, &parts) = one;
        }
        if (has_variable && !keeps_variable(at->key))
                draft_note(d, NULL, at->at,
                           "systemd would expand the '$' in '%.*s='; here it is kept as it is",
                           STR_ARG(at->key));
        return arena_join_n(d->arena, parts.at, parts.n);
}

bool unit_boolean(struct str value, bool *ret) {
        static const char *const words[][2] = { { "0", "1" },        { "no", "yes" }, { "n", "y" },
                                                { "false", "true" }, { "f", "t" },    { "off", "on" } };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                for (size_t k = 0; k < 2; k++)
                        if (value.n == strlen(words[i][k]) &&
                            strncasecmp(value.p, words[i][k], value.n) == 0) {
                                *ret = k == 1;
                                return true;
                        }

        return false;
}

struct splitting {
        struct arena *arena;
        struct str text;
        size_t at;
        VEC(char) word;
        bool is_unknown;
};

static int hex_of(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void put_byte(struct splitting *s, char c) {
        *vec_push(s->arena, &s->word) = c;
}

/* \NNN of ASCII; false for other bytes. */
static bool take_octal(struct splitting *s, char first) {
        unsigned n = (unsigned) (first - '0');

        for (size_t i = 0; i < 2; i++) {
                char c = s->at + i < s->text.n ? s->text.p[s->at + i] : '\0';

                if (c < '0' || c > '7')
                        return false;
                n = n * 8 + (unsigned) (c - '0');
        }
        if (n == 0 || n > 127)
                return false;

        put_byte(s, (char) n);
        s->at += 2;
        return true;
}

/* \xNN and \NNN of ASCII; others stand as they are. Behind a backslash. */
static void take_escape(struct splitting *s) {
        static const char from[] = "abfnrtvs\\\"'", to[] = "\a\b\f\n\r\t\v \\\"'";
        char c = s->at < s->text.n ? s->text.p[s->at++] : '\\';
        const char *found = strchr(from, c);
        int high, low;

        if (c == 'x' && s->at + 1 < s->text.n) {
                high = hex_of(s->text.p[s->at]);
                low = hex_of(s->text.p[s->at + 1]);
                if (high >= 0 && high < 8 && low >= 0 && (high > 0 || low > 0)) {
                        put_byte(s, (char) (high * 16 + low));
                        s->at += 2;
                        return;
                }
        }
        if (found) {
                put_byte(s, to[found - from]);
                return;
        }
        if (c >= '0' && c <= '7' && take_octal(s, c))
                return;
        s->is_unknown = s->is_unknown || !(strchr("xuU", c) || (c >= '0' && c <= '7'));
        put_byte(s, '\\');
        put_byte(s, c);
}

/* One word; false if a quote is not closed. */
static bool take_word(struct splitting *s) {
        char quote = '\0';

        while (s->at < s->text.n && (quote || !is_blank(s->text.p[s->at]))) {
                char c = s->text.p[s->at++];

                if (c == '\\')
                        take_escape(s);
                else if (quote ? c == quote : c == '"' || c == '\'')
                        quote = quote ? '\0' : c;
                else
                        put_byte(s, c);
        }
        return quote == '\0';
}

struct unit_words unit_split(struct arena *a, struct str value) {
        struct splitting s = { .arena = a, .text = value };
        struct unit_words words = { 0 };

        while (s.at < value.n) {
                if (is_blank(value.p[s.at])) {
                        s.at++;
                        continue;
                }
                s.word.n = 0;
                words.is_broken = !take_word(&s) || words.is_broken;
                *vec_push(a, &words.list) =
                        arena_str(a, (struct str){ s.word.at ? s.word.at : "", s.word.n });
        }
        words.is_unknown = s.is_unknown;
        return words;
}

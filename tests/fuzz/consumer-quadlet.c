/* SPDX-License-Identifier: Apache-2.0 */
/* Podman: Quadlet's parser and converter, the list forms of --entrypoint, and --env-file. */

#include <errno.h>

#include "base/buf.h"
#include "base/vec.h"
#include "consumer.h"

/* A character of `s` at `at`: its length; invalid bytes are U+FFFD, one byte long, as Go reads them. */
static size_t go_rune(struct str s, size_t at, uint32_t *ret) {
        const unsigned char *p = (const unsigned char *) s.p + at;
        size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
        uint32_t c = n == 1 ? p[0] : n > 0 ? p[0] & (0xffU >> (n + 1)) : 0;

        *ret = 0xfffd;
        if (n == 0 || n > s.n - at)
                return 1;
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 1;
                c = c << 6 | (p[i] & 0x3f);
        }

        *ret = c;
        return n;
}

static bool go_is_space(uint32_t c) {
        static const uint32_t wide[] = { 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000 };

        for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
                if (c == wide[i])
                        return true;

        return (c >= 9 && c <= 13) || c == ' ' || (c >= 0x2000 && c <= 0x200a);
}

static struct str go_trim_right(struct str s) {
        for (;;) {
                uint32_t c = 0;
                size_t from = s.n;

                if (s.n == 0)
                        return s;
                do
                        from--;
                while (from > 0 && s.n - from < 4 && ((unsigned char) s.p[from] & 0xc0) == 0x80);
                if (go_rune(s, from, &c) != s.n - from || !go_is_space(c))
                        return s;
                s.n = from;
        }
}

static struct str go_trim_left(struct str s) {
        for (size_t n; s.n > 0; s = str_from(s, n)) {
                uint32_t c;

                n = go_rune(s, 0, &c);
                if (!go_is_space(c))
                        break;
        }

        return s;
}

static bool is_comment(struct str line) {
        return line.n == 0 || line.p[0] == '#' || line.p[0] == ';';
}

static int parse_key(struct arena *a, struct str section, struct str line, struct settings *ret) {
        size_t equals = str_find(line, '=');
        struct setting *s;

        if (equals == line.n || equals == 0 || section.n == 0)
                return -EBADMSG;

        s = vec_push(a, ret);
        *s = (struct setting) {
                .section = section,
                .key = go_trim_right((struct str) { line.p, equals }),
                .value = go_trim_left(str_from(line, equals + 1)),
        };
        return s->key.n > 0 ? 0 : -EBADMSG;
}

int quadlet_parse(struct arena *a, struct str text, struct settings *ret) {
        struct str line, rest = text, section = STR(""), joined = STR("");
        int r;

        if (str_has_suffix(rest, STR("\n")))
                rest.n--;
        while (str_split(&rest, '\n', &line)) {
                line = go_trim_right(go_trim_left(line));
                if (is_comment(line)) {
                        continue;
                } else if (str_has_suffix(line, STR("\\"))) {
                        line.n--;
                        joined = arena_join(a, joined, line);
                        if (!str_is_absent(rest))
                                continue;
                        line = STR("");
                }
                line = arena_join(a, joined, line);
                joined = STR("");

                if (line.n > 1 && line.p[0] == '[' && line.p[line.n - 1] == ']') {
                        section = arena_str(a, (struct str) { line.p + 1, line.n - 2 });
                        continue;
                }
                r = parse_key(a, section, line, ret);
                if (r < 0)
                        return r;
        }

        return 0;
}

struct str settings_last(const struct settings *s, const char *section, const char *key) {
        for (size_t i = s->n; i-- > 0;)
                if (str_is(s->at[i].section, section) && str_is(s->at[i].key, key))
                        return s->at[i].value;

        return (struct str) { NULL, 0 };
}

static int hex_digit(char c) {
        const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

        return at ? (int) (at - digits) : -1;
}

/* `n` hexadecimal digits at the front. */
static bool hex_number(struct str s, size_t n, uint32_t *ret) {
        *ret = 0;
        for (size_t i = 0; i < n; i++) {
                int digit = i < s.n ? hex_digit(s.p[i]) : -1;

                if (digit < 0)
                        return false;
                *ret = *ret * 16 + (uint32_t) digit;
        }

        return *ret != 0;
}

static void put_utf8(struct buf *b, uint32_t c) {
        if (c < 0x80) {
                buf_put_char(b, (char) c);
                return;
        }
        if (c < 0x800) {
                buf_put_char(b, (char) (0xc0 | c >> 6));
        } else {
                if (c < 0x10000) {
                        buf_put_char(b, (char) (0xe0 | c >> 12));
                } else {
                        buf_put_char(b, (char) (0xf0 | c >> 18));
                        buf_put_char(b, (char) (0x80 | (c >> 12 & 0x3f)));
                }
                buf_put_char(b, (char) (0x80 | (c >> 6 & 0x3f)));
        }
        buf_put_char(b, (char) (0x80 | (c & 0x3f)));
}

/* After a backslash: gives how many bytes were read, 0 for an unknown escape. Unlike systemd, \xNN is a character. */
static size_t quadlet_unescape(struct buf *b, struct str s) {
        static const char from[] = "abfnrtv\\\"'s", to[] = "\a\b\f\n\r\t\v\\\"' ";
        const char *at = s.n > 0 && s.p[0] ? strchr(from, s.p[0]) : NULL;
        size_t digits = s.n == 0 ? 0 : s.p[0] == 'x' ? 2 : s.p[0] == 'u' ? 4 : s.p[0] == 'U' ? 8 : 0;
        uint32_t c = 0;

        if (at) {
                buf_put_char(b, to[at - from]);
                return 1;
        }
        if (digits > 0 && hex_number(str_from(s, 1), digits, &c)) {
                put_utf8(b, c);
                return 1 + digits;
        }

        return 0;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One word of *rest into `word`; -EBADMSG for an unknown escape. Quotes may be left open. */
static int quadlet_word(struct buf *word, struct str *rest) {
        char quote = 0;
        size_t i = 0, n;

        for (; i < rest->n; i++) {
                char c = rest->p[i];

                if (c == '\\') {
                        n = quadlet_unescape(word, str_from(*rest, i + 1));
                        if (n == 0)
                                return i + 1 == rest->n ? (*rest = str_from(*rest, rest->n), 0) : -EBADMSG;
                        i += n;
                } else if (quote ? c == quote : c == '"' || c == '\'') {
                        quote = quote ? 0 : c;
                } else if (!quote && is_blank(c)) {
                        break;
                } else {
                        buf_put_char(word, c);
                }
        }

        *rest = str_from(*rest, i);
        return 0;
}

/* The split of LookupAllArgs() and LookupAllKeyVal(); an empty word ends it. */
static int quadlet_words(struct arena *a, struct str value, struct words *ret) {
        for (struct str rest = value;;) {
                struct buf word = buf_in(a);
                int r;

                while (rest.n > 0 && is_blank(rest.p[0]))
                        rest = str_from(rest, 1);
                if (rest.n == 0)
                        return 0;
                r = quadlet_word(&word, &rest);
                if (r < 0)
                        return r;
                if (word.n == 0)
                        return 0;
                *vec_push(a, ret) = buf_str(&word);
        }
}

static void put_escaped(struct buf *b, struct str word, enum quadlet_version version) {
        static const char from[] = "\a\b\n\r\t\v\f\\\"", to[] = "abnrtvf\\\"";
        uint32_t c;

        for (size_t i = 0, n; i < word.n; i += n) {
                const char *at;

                n = go_rune(word, i, &c);
                at = c && c < 0x80 ? strchr(from, (char) c) : NULL;
                if (at) {
                        buf_put_char(b, '\\');
                        buf_put_char(b, to[at - from]);
                } else if (c < ' ' || c == 0x7f || c == 0x80 || (c == ' ' && version == QUADLET_5_8)) {
                        buf_put_str(b, arena_printf(b->arena, "\\x%.2x", c));
                } else if (c == 0xfffd) {
                        buf_put(b, "\xef\xbf\xbd");
                } else {
                        buf_put_str(b, (struct str) { word.p + i, n });
                }
        }
}

static void put_command_word(struct buf *b, struct str word, enum quadlet_version version) {
        bool needs_quotes = false;
        uint32_t c;

        for (size_t i = 0, n; i < word.n; i += n) {
                n = go_rune(word, i, &c);
                needs_quotes |= c <= 128 && (c <= ' ' || c >= 0x7f || strchr("\"'\\", (char) c));
        }

        if (b->n > 0)
                buf_put_char(b, ' ');
        if (!needs_quotes) {
                buf_put_str(b, word);
                return;
        }
        buf_put_char(b, '"');
        put_escaped(b, word, version);
        buf_put_char(b, '"');
}

static struct str strip_quotes(struct str s, enum quadlet_version version) {
        s = go_trim_right(s);
        if (version == QUADLET_5_8)
                return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? (struct str) { s.p + 1, s.n - 2 } : s;

        while (s.n > 0 && s.p[0] == '"')
                s = str_from(s, 1);
        while (s.n > 0 && s.p[s.n - 1] == '"')
                s.n--;
        return s;
}

/* How a key's value gets into the command line. */
enum lookup { LAST, ALL, ALL_WORDS, LAST_WORDS };

static const struct {
        const char *key, *option;
        enum lookup lookup;
} options[] = {
        { "Entrypoint",      "--entrypoint", LAST       },
        { "WorkingDir",      "--workdir",    LAST       },
        { "Network",         "--network",    ALL        },
        { "Volume",          "-v",           ALL        },
        { "PublishPort",     "--publish",    ALL        },
        { "Environment",     "--env",        ALL_WORDS  },
        { "Label",           "--label",      ALL_WORDS  },
        { "EnvironmentFile", "--env-file",   ALL_WORDS  },
        { "Secret",          "--secret",     ALL_WORDS  },
        { "HealthCmd",       "--health-cmd", LAST       },
        { "PodmanArgs",      NULL,           ALL_WORDS  },
        { "Image",           NULL,           LAST       },
        { "Exec",            NULL,           LAST_WORDS },
};

static void put_option(struct buf *b, const char *option, struct str word, enum quadlet_version version) {
        if (option)
                put_command_word(b, str_of(option), version);
        put_command_word(b, word, version);
}

static int put_values(struct buf *b, size_t i, struct str value, enum quadlet_version version) {
        struct words words = { 0 };
        int r = 0;

        if (options[i].lookup == LAST) {
                value = strip_quotes(value, version);
                if (value.n > 0)
                        put_option(b, options[i].option, value, version);
        } else if (options[i].lookup == ALL) {
                put_option(b, options[i].option, value, version);
        } else {
                /* A bad line is dropped in silence. */
                r = quadlet_words(b->arena, value, &words);
                VEC_EACH(word, &words)
                        put_option(b, options[i].option, *word, version);
        }

        return r;
}

int quadlet_convert(struct arena *a, struct str text, enum quadlet_version version, struct str *ret) {
        struct settings unit = { 0 };
        struct buf command = buf_in(a), b = buf_in(a);
        struct str section = STR("");
        int r = quadlet_parse(a, text, &unit);

        if (r < 0)
                return r;

        buf_put(&command, "/usr/bin/podman run");
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                VEC_EACH(s, &unit) {
                        bool is_last = options[i].lookup == LAST || options[i].lookup == LAST_WORDS;

                        if (!str_is(s->section, "Container") || !str_is(s->key, options[i].key))
                                continue;
                        if (is_last && settings_last(&unit, "Container", options[i].key).p != s->value.p)
                                continue;
                        r = put_values(&command, i, s->value, version);
                        if (r < 0)
                                return r;
                }

        VEC_EACH(s, &unit) {
                if (!str_eq(s->section, section))
                        buf_put_str(&b, arena_printf(a, "\n[%s%.*s]\n", str_is(s->section, "Container") ? "X-" : "",
                                                     STR_ARG(s->section)));
                section = s->section;
                buf_put_str(&b, arena_join(a, s->key, STR("="), s->value, STR("\n")));
        }
        buf_put_str(&b, arena_join(a, STR("\n[Service]\nExecStart="), buf_str(&command), STR("\n")));
        *ret = buf_str(&b);
        return 0;
}

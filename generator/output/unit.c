/* SPDX-License-Identifier: Apache-2.0 */
#include "output/unit.h"

#include "output/encode.h"

/* Quadlet ends the argument list at an empty word and writes a lone ';' unquoted, which systemd takes for
 * the end of the command. A variable that is set and empty survives Quadlet and vanishes in systemd; the
 * unit sets it where needed. */
#define EMPTY "${PYSERVICE_EMPTY}"
#define EMPTY_IS_SET "Environment=\"PYSERVICE_EMPTY=\"\n"

static const char *const section_names[SECTION_COUNT] = {
        [SECTION_UNIT] = "Unit",   [SECTION_CONTAINER] = "Container", [SECTION_IMAGE] = "Image",
        [SECTION_BUILD] = "Build", [SECTION_NETWORK] = "Network",     [SECTION_VOLUME] = "Volume",
        [SECTION_TIMER] = "Timer", [SECTION_SERVICE] = "Service",     [SECTION_INSTALL] = "Install",
};

static const struct {
        enum unit_section section;
        enum unit_encoding encoding;
        const char *name;
} unit_keys[UNIT_KEY_COUNT] = {
#define X(symbol, section_, key, encoding_) [symbol] = { SECTION_##section_, ENC_##encoding_, key },
        UNIT_KEYS(X)
#undef X
};

static const struct spelling spellings[] = {
        [ENC_LITERAL] = { .is_plain = true },
        [ENC_TEXT] = { .escape = ESCAPE_TO_BLANK, .doubles_percent = true },
        [ENC_WORDS] = { .escape = ESCAPE_C, .doubles_percent = true, .doubles_dollar = true },
        [ENC_JSON] = { .escape = ESCAPE_JSON, .doubles_percent = true, .doubles_dollar = true },
        [ENC_LINE] = { .doubles_percent = true, .doubles_dollar = true },
        [ENC_QUOTED] = { .doubles_percent = true, .doubles_dollar = true },
        [ENC_SECONDS] = { .is_plain = true },
        [ENC_EXEC] = { .escape = ESCAPE_C, .doubles_percent = true, .doubles_dollar = true },
        [ENC_UNIT_WORDS] = { .escape = ESCAPE_C, .doubles_percent = true },
        [ENC_UNIT_LINE] = { .doubles_percent = true },
        [ENC_CREDENTIAL] = { .escape = ESCAPE_HEX },
};

struct unit {
        struct arena *arena;
        struct buf comments, sections[SECTION_COUNT];
        VEC(struct origin) origins;
        size_t exec_bytes;
        bool needs_empty;

        /* The value between open and close. */
        bool is_open, is_in_word;
        enum unit_key key;
        struct buf value, word;
        size_t n_words;
        struct span at;
};

struct unit *unit_new(struct arena *a) {
        struct unit *u = arena_new(a, struct unit);

        u->arena = a;
        u->comments = u->value = u->word = buf_in(a);
        for (size_t i = 0; i < SECTION_COUNT; i++)
                u->sections[i] = buf_in(a);

        return u;
}

/* Adds up what the value can grow to when Quadlet writes it into ExecStart=. */
static void count_exec(struct unit *u, enum unit_section section, struct str value) {
        if (section != SECTION_CONTAINER && section != SECTION_IMAGE && section != SECTION_BUILD &&
            section != SECTION_NETWORK && section != SECTION_VOLUME)
                return;

        u->exec_bytes += 64;
        for (size_t i = 0; i < value.n; i++)
                u->exec_bytes += value.p[i] == ' ' ? 4 : value.p[i] == '"' || value.p[i] == '\\' ? 2 : 1;
}

static void put_line(struct unit *u, enum unit_section section, struct str name, struct str value) {
        struct buf *b = &u->sections[section];

        buf_put_str(b, name);
        buf_put_char(b, '=');
        buf_put_str(b, value);
        buf_put_char(b, '\n');
        count_exec(u, section, value);
}

static bool is_somewhere(struct span at) {
        return at.file != SPAN_NOWHERE && (at.file | at.off | at.len) != 0;
}

/* A number, flag … whose members are all zero was never set. */
static bool is_absent(uint64_t value, struct span at) {
        return value == 0 && (at.file | at.off | at.len) == 0;
}

static void add_origin(struct unit *u, struct str key, struct span at) {
        struct origin *o;

        if (!is_somewhere(at))
                return;

        o = vec_push(u->arena, &u->origins);
        *o = (struct origin){ .key = key, .at = at };
}

static const struct spelling *spelling_of(const struct unit *u) {
        return &spellings[unit_keys[u->key].encoding];
}

/* ENC_* of words, the others hold a value. */
static bool is_of_words(enum unit_encoding e) {
        return e == ENC_WORDS || e == ENC_JSON || e == ENC_EXEC || e == ENC_UNIT_WORDS;
}

void unit_open(struct unit *u, enum unit_key key) {
        if (u->is_open)
                encode_bug("a key is opened inside another", str_of(unit_keys[key].name));

        u->is_open = true;
        u->is_in_word = false;
        u->key = key;
        u->value.n = u->word.n = u->n_words = 0;
        u->at = NOWHERE;
}

static void end_word(struct unit *u) {
        enum unit_encoding e = unit_keys[u->key].encoding;
        struct str word = buf_str(&u->word);

        if (!u->is_in_word)
                return;
        u->is_in_word = false;

        if (e == ENC_JSON)
                buf_put(&u->value, u->n_words == 0 ? "[" : ", ");
        else if (u->value.n > 0)
                buf_put_char(&u->value, ' ');

        buf_put_char(&u->value, '"');
        if (e == ENC_WORDS && (word.n == 0 || str_is(word, ";"))) {
                buf_put(&u->value, EMPTY);
                u->needs_empty = true;
        }
        buf_put_str(&u->value, word);
        buf_put_char(&u->value, '"');
        u->n_words++;
}

void unit_word(struct unit *u) {
        if (!u->is_open || !is_of_words(unit_keys[u->key].encoding))
                encode_bug("a word outside a key of words", STR(""));

        end_word(u);
        u->is_in_word = true;
        u->word.n = 0;
}

void unit_part_text(struct unit *u, struct str text, struct span at) {
        if (!u->is_open)
                encode_bug("a part outside a key", text);
        if (is_of_words(unit_keys[u->key].encoding) && !u->is_in_word)
                encode_bug("a part outside a word", text);

        encode_put(u->is_in_word ? &u->word : &u->value, spelling_of(u), text);
        if (!is_somewhere(u->at))
                u->at = at;
}

void unit_const_bytes(struct unit *u, struct str literal) {
        if (!u->is_open || str_find(literal, '\n') < literal.n)
                encode_bug("a literal outside a key, or of several lines", literal);

        buf_put_str(u->is_in_word ? &u->word : &u->value, literal);
}

void unit_part_u64(struct unit *u, uint64_t value) {
        if (!u->is_open)
                encode_bug("a number outside a key", STR(""));

        buf_put_u64(u->is_in_word ? &u->word : &u->value, value);
}

void unit_close(struct unit *u) {
        enum unit_encoding e = unit_keys[u->key].encoding;
        struct str name = str_of(unit_keys[u->key].name);
        struct str value;

        if (!u->is_open)
                encode_bug("a key is closed that is not open", STR(""));

        end_word(u);
        if (e == ENC_JSON && u->n_words > 0)
                buf_put_char(&u->value, ']');
        u->is_open = false;

        value = buf_str(&u->value);
        if ((e == ENC_QUOTED || e == ENC_LINE) && str_is(value, ";"))
                encode_bug("a lone ';' would end the command", name);
        if (e == ENC_QUOTED) {
                /* Podman before 5.8 takes away every quote at both ends. */
                if (value.n > 0 && (value.p[0] == '"' || value.p[value.n - 1] == '"'))
                        encode_bug("a quote at the end of a value", value);
                value = arena_join(u->arena, STR("\""), value, STR("\""));
        } else {
                value = encode_line_ends(spelling_of(u), value);
        }

        /* An empty line would take back the keys before it. */
        if (e == ENC_TEXT && value.n == 0)
                return;

        put_line(u, unit_keys[u->key].section, name, value);
        add_origin(u, name, u->at);
}

void unit_put_text(struct unit *u, enum unit_key key, struct str text, struct span at) {
        if (str_is_absent(text))
                return;

        unit_open(u, key);
        if (is_of_words(unit_keys[key].encoding))
                unit_word(u);
        unit_part_text(u, text, at);
        unit_close(u);
}

/* A number with a unit behind it, from the place `at`. */
static void put_quantity(struct unit *u, enum unit_key key, struct number value, const char *suffix) {
        unit_open(u, key);
        unit_part_u64(u, value.n);
        buf_put(&u->value, suffix);
        u->at = value.at;
        unit_close(u);
}

void unit_put_number(struct unit *u, enum unit_key key, struct number value) {
        if (!is_absent(value.n, value.at))
                put_quantity(u, key, value, "");
}

void unit_put_flag(struct unit *u, enum unit_key key, struct flag value) {
        if (!is_absent(value.yes, value.at))
                unit_put_text(u, key, value.yes ? STR("yes") : STR("no"), value.at);
}

void unit_put_duration(struct unit *u, enum unit_key key, struct duration value) {
        uint64_t t = value.usec;

        if (is_absent(t, value.at))
                return;

        if (t == UINT64_MAX)
                unit_put_text(u, key, STR("infinity"), value.at);
        else if (unit_keys[key].encoding == ENC_SECONDS)
                put_quantity(u, key, (struct number){ t / 1000000 + (t % 1000000 > 0), value.at }, "");
        else if (t % 1000000 == 0)
                put_quantity(u, key, (struct number){ t / 1000000, value.at }, "s");
        else if (t % 1000 == 0)
                put_quantity(u, key, (struct number){ t / 1000, value.at }, "ms");
        else
                put_quantity(u, key, (struct number){ t, value.at }, "us");
}

void unit_put_bytes(struct unit *u, enum unit_key key, struct byte_size value) {
        static const char *const suffixes[] = { "", "K", "M", "G", "T" };
        struct number v = { value.bytes, value.at };
        size_t i = 0;

        if (is_absent(value.bytes, value.at))
                return;
        if (value.bytes == UINT64_MAX) {
                unit_put_text(u, key, STR("infinity"), value.at);
                return;
        }

        for (; i + 1 < ARRAY_SIZE(suffixes) && v.n > 0 && v.n % 1024 == 0; i++)
                v.n /= 1024;
        put_quantity(u, key, v, suffixes[i]);
}

void unit_put_raw(struct unit *u, enum unit_section section, struct quadlet_key key,
                  struct quadlet_text text) {
        static const struct spelling raw = { .escape = ESCAPE_NOTHING };
        struct buf b = buf_in(u->arena);

        if (str_is_absent(key.text) || str_is_absent(text.text))
                return;
        if (u->is_open || section >= SECTION_COUNT)
                encode_bug("a raw key inside another, or in no section", key.text);

        encode_put(&b, &raw, text.text);
        put_line(u, section, key.text, encode_line_ends(&raw, buf_str(&b)));
        add_origin(u, key.text, key.at);
}

void unit_comment_bytes(struct unit *u, struct str literal) {
        if (str_find(literal, '\n') < literal.n)
                encode_bug("a comment of several lines", literal);

        buf_put(&u->comments, "# ");
        buf_put_str(&u->comments, literal);
        buf_put_char(&u->comments, '\n');
}

bool unit_expands(const struct unit *u, const char *variable) {
        struct str text = arena_join(u->arena, STR("${"), str_of(variable), STR("}"));

        for (size_t i = 0; i < SECTION_COUNT; i++) {
                struct str section = { u->sections[i].p, u->sections[i].n };

                if (section.n > 0 && str_find_str(section, text) < section.n)
                        return true;
        }

        return false;
}

struct str unit_text(struct unit *u) {
        struct buf b = buf_in(u->arena);

        if (u->is_open)
                encode_bug("a unit ends inside a key", str_of(unit_keys[u->key].name));

        buf_put_str(&b, buf_str(&u->comments));
        for (size_t i = 0; i < SECTION_COUNT; i++) {
                bool adds_empty = i == SECTION_SERVICE && u->needs_empty;

                if (u->sections[i].n == 0 && !adds_empty)
                        continue;
                if (b.n > 0)
                        buf_put_char(&b, '\n');
                buf_put_char(&b, '[');
                buf_put(&b, section_names[i]);
                buf_put(&b, "]\n");
                buf_put_str(&b, buf_str(&u->sections[i]));
                if (adds_empty)
                        buf_put(&b, EMPTY_IS_SET);
        }

        return buf_str(&b);
}

/* The only line that the key makes of the value. */
static struct str line_of(struct arena *a, enum unit_key key, struct str value) {
        struct unit *u = unit_new(a);
        struct str text, section;

        unit_open(u, key);
        unit_part_text(u, value, NOWHERE);
        unit_close(u);
        text = unit_text(u);
        (void) str_split(&text, '\n', &section);
        return text;
}

struct str unit_change_text(struct arena *a, struct str text, enum unit_key key, struct str old,
                            struct str now) {
        struct str from = arena_join(a, STR("\n"), line_of(a, key, old)),
                   to = arena_join(a, STR("\n"), line_of(a, key, now));

        for (;;) {
                size_t at = str_find_str(text, from);

                if (at == text.n)
                        return text;
                text = arena_join(a, (struct str){ text.p, at }, to, str_from(text, at + from.n));
        }
}

size_t unit_visible(struct str line) {
        struct str key = str_of(unit_keys[CONTAINER_ENVIRONMENT].name);
        size_t at = key.n + 1;

        if (!str_has_prefix(line, key) || str_find(line, '=') != key.n)
                return line.n;

        at += str_find(str_from(line, at), '=');
        return at < line.n ? at + 1 : 0;
}

size_t unit_exec_bytes(const struct unit *u) {
        return u->exec_bytes;
}

struct tree_file *unit_finish(struct unit *u, struct tree *t, struct str path) {
        struct tree_file *file = tree_add(t, path, 0644, unit_text(u));

        file->origins = u->origins.at;
        file->n_origins = u->origins.n;
        return file;
}

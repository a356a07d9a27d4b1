/* SPDX-License-Identifier: Apache-2.0 */
#include "roundtrip.h"

#include "base/vec.h"

#define INSTANCE STR("7")

enum shape { WORDS, ASSIGNMENTS, LIST, VALUE };

static const struct {
        enum unit_key key;
        enum shape shape;
        const char *option;             /* of podman run, before each word */
} keys[ROUNDTRIP_COUNT] = {
        [ROUNDTRIP_EXEC] = { CONTAINER_EXEC, WORDS, NULL },
        [ROUNDTRIP_PODMAN_ARGS] = { CONTAINER_PODMAN_ARGS, WORDS, NULL },
        [ROUNDTRIP_ENVIRONMENT] = { CONTAINER_ENVIRONMENT, ASSIGNMENTS, "--env" },
        [ROUNDTRIP_LABEL] = { CONTAINER_LABEL, ASSIGNMENTS, "--label" },
        [ROUNDTRIP_SECRET] = { CONTAINER_SECRET, ASSIGNMENTS, "--secret" },
        [ROUNDTRIP_ENTRYPOINT] = { CONTAINER_ENTRYPOINT, LIST, "--entrypoint" },
        [ROUNDTRIP_HEALTH_CMD] = { CONTAINER_HEALTH_CMD, LIST, "--health-cmd" },
        [ROUNDTRIP_WORKDIR] = { CONTAINER_WORKDIR, VALUE, "--workdir" },
        [ROUNDTRIP_VOLUME] = { CONTAINER_VOLUME, VALUE, "-v" },
        [ROUNDTRIP_SERVICE_EXEC] = { SERVICE_EXEC_START_POST, WORDS, NULL },
        [ROUNDTRIP_SERVICE_ENVIRONMENT] = { SERVICE_ENVIRONMENT, ASSIGNMENTS, NULL },
        [ROUNDTRIP_MOUNTS] = { UNIT_REQUIRES_MOUNTS, WORDS, NULL },
        [ROUNDTRIP_UNIT_LINE] = { SERVICE_ENVIRONMENT_FILE, VALUE, NULL },
        [ROUNDTRIP_CREDENTIAL] = { SERVICE_SET_CREDENTIAL, VALUE, NULL },
        [ROUNDTRIP_TEXT] = { UNIT_DESCRIPTION, VALUE, NULL },
};

/* Unicode's White_Space, in UTF-8. */
static const char *const spaces[] = {
        " ", "\t", "\n", "\v", "\f", "\r", "\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004",
        "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
};

static bool has_space_or_backslash_at_end(struct str s) {
        for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
                if (str_has_prefix(s, str_of(spaces[i])) || str_has_suffix(s, str_of(spaces[i])))
                        return true;

        return str_has_suffix(s, STR("\\"));
}

static bool has_control(struct str s) {
        for (size_t i = 0; i < s.n; i++)
                if (((unsigned char) s.p[i] < ' ' && !mark_name(s.p[i]) && s.p[i] != CREDENTIALS_MARK) || s.p[i] == 0x7f)
                        return true;

        return false;
}

bool roundtrip_is_refused(enum roundtrip_key key, struct str text) {
        struct arena scratch = { 0 };
        struct settings line = { 0 };
        bool can_hold_80 = keys[key].shape == LIST || key == ROUNDTRIP_TEXT || key == ROUNDTRIP_CREDENTIAL;
        bool is_text = str_find(text, '\0') == text.n &&
                       (can_hold_80 || str_find_str(text, STR("\xc2\x80")) == text.n);

        /* systemd's own idea of UTF-8. */
        for (struct str piece, rest = text; is_text && str_split(&rest, '\n', &piece);)
                for (struct str part, more = piece; is_text && str_split(&more, '\r', &part);)
                        is_text = systemd_parse(&scratch, arena_join(&scratch, STR("[X]\nA=\""), part, STR("\"")), &line) == 0;
        arena_done(&scratch);
        /* They become variables, and the unit here has none. */
        if (!is_text || str_find(text, REVISION_MARK) < text.n || str_find(text, IMAGE_MARK) < text.n)
                return true;

        switch (key) {
        case ROUNDTRIP_WORKDIR:
                return text.n == 0 || has_control(text) || text.p[0] == '"' || text.p[text.n - 1] == '"' || str_is(text, ";");
        case ROUNDTRIP_VOLUME:
                if (str_is(text, ";"))
                        return true;
                /* fall through */
        case ROUNDTRIP_UNIT_LINE:
                return text.n == 0 || has_control(text) || has_space_or_backslash_at_end(text);
        case ROUNDTRIP_RAW:
                return has_control(text) || has_space_or_backslash_at_end(text) || mark_name_in(text) ||
                       str_find(text, CREDENTIALS_MARK) < text.n;
        case ROUNDTRIP_CREDENTIAL:
                return text.n == 0 || mark_name_in(text) || str_find(text, CREDENTIALS_MARK) < text.n;
        case ROUNDTRIP_MOUNTS:
                return has_control(text);
        case ROUNDTRIP_EXEC:
        case ROUNDTRIP_PODMAN_ARGS:
        case ROUNDTRIP_ENVIRONMENT:
        case ROUNDTRIP_LABEL:
        case ROUNDTRIP_SECRET:
        case ROUNDTRIP_ENTRYPOINT:
        case ROUNDTRIP_HEALTH_CMD:
        case ROUNDTRIP_SERVICE_EXEC:
        case ROUNDTRIP_SERVICE_ENVIRONMENT:
        case ROUNDTRIP_TEXT:
        case ROUNDTRIP_COUNT:
                break;
        }
        return false;
}

/* The word as it should arrive. */
static struct str expected(struct arena *a, struct str prefix, struct str text) {
        struct buf b = buf_in(a);

        buf_put_str(&b, prefix);
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == INSTANCE_MARK)
                        buf_put_str(&b, INSTANCE);
                else if (text.p[i] == HOSTNAME_MARK)
                        buf_put(&b, "machine");
                else if (text.p[i] == CREDENTIALS_MARK)
                        buf_put(&b, "/run/credentials/UNIT");
                else
                        buf_put_char(&b, text.p[i]);

        return buf_str(&b);
}

/* What is left of a description: one line, without what would be lost at its ends. */
static struct str expected_text(struct arena *a, struct str text) {
        struct buf b = buf_in(a);
        struct str s = expected(a, STR(""), text);
        size_t n;

        for (size_t i = 0; i < s.n; i++) {
                bool is_c1 = s.p[i] == '\xc2' && i + 1 < s.n && (unsigned char) s.p[i + 1] < 0xa0;

                buf_put_char(&b, (unsigned char) s.p[i] < ' ' || s.p[i] == 0x7f || is_c1 ? ' ' : s.p[i]);
                i += is_c1;
        }

        s = buf_str(&b);
        do {
                n = s.n;
                for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
                        struct str space = str_of(spaces[i]);

                        if (str_has_prefix(s, space))
                                s = str_from(s, space.n);
                        if (str_has_suffix(s, space))
                                s.n -= space.n;
                }
                if (str_has_suffix(s, STR("\\")))
                        s.n--;
        } while (s.n < n);
        return s;
}

/* "A=", "B=" … */
static struct str prefix_of(struct arena *a, enum roundtrip_key key, size_t i) {
        return keys[key].shape == ASSIGNMENTS ? arena_printf(a, "%c=", (char) ('A' + i)) : STR("");
}

static void put_words(struct arena *a, struct unit *u, enum roundtrip_key key, const struct words *words) {
        unit_open(u, keys[key].key);
        if (key == ROUNDTRIP_SERVICE_EXEC) {
                unit_word(u);
                unit_const(u, "/bin/true");
        } else if (key == ROUNDTRIP_CREDENTIAL) {
                unit_const(u, "id:");
        }
        for (size_t i = 0; i < words->n; i++) {
                if (keys[key].shape != VALUE)
                        unit_word(u);
                unit_part(u, ((struct word) { prefix_of(a, key, i), NOWHERE }));
                unit_part(u, ((struct word) { words->at[i], NOWHERE }));
                if (keys[key].shape == VALUE)
                        break;
        }
        unit_close(u);
}

/* The key between others, so that a line which swallows or makes another one shows. */
struct str roundtrip_container(struct arena *a, enum roundtrip_key key, const struct words *words) {
        struct unit *u = unit_new(a);
        enum unit_section section;

        unit_comment_const(u, "made for a test");
        unit_put_const(u, UNIT_SOURCE_PATH, "/before");
        if (key == ROUNDTRIP_RAW)
                unit_put_raw(u, SECTION_UNIT, (struct quadlet_key) { STR("X-Raw"), NOWHERE },
                             (struct quadlet_text) { words->at[0], NOWHERE });
        for (section = SECTION_UNIT; section < SECTION_COUNT; section++) {
                if (section == SECTION_CONTAINER) {
                        unit_put_const(u, CONTAINER_IMAGE, "image");
                        if (keys[key].option || key <= ROUNDTRIP_PODMAN_ARGS)
                                put_words(a, u, key, words);
                        unit_put_const(u, CONTAINER_NOTIFY, "healthy");
                } else if (section == SECTION_SERVICE) {
                        unit_put_const(u, SERVICE_TYPE, "oneshot");
                        if (!keys[key].option && key > ROUNDTRIP_PODMAN_ARGS && key != ROUNDTRIP_RAW)
                                put_words(a, u, key, words);
                        unit_put_const(u, SERVICE_RESTART, "no");
                }
        }
        unit_put_const(u, UNIT_AFTER, "after.target");
        return unit_text(u);
}

/* The names of a unit's lines, each but the key in question at its place. */
static bool has_right_keys(const struct settings *s, bool is_converted, bool has_value) {
        static const char *const fixed[] = { "SourcePath", "After", "Image", "Notify", "Type", "Restart" };
        size_t found = 0, others = 0;

        VEC_EACH(line, s) {
                if (found < ARRAY_SIZE(fixed) && str_is(line->key, fixed[found]))
                        found++;
                else if (!str_is(line->key, "Environment") || !str_is(line->value, "\"PYSERVICE_EMPTY=\""))
                        others++;
        }

        return found == ARRAY_SIZE(fixed) && others == (size_t) has_value + is_converted;
}

/* Are the words of `want` in `got`, from `from` on? */
static bool are_at(const struct words *got, size_t from, const struct words *want) {
        if (from > got->n || got->n - from < want->n)
                return false;
        for (size_t i = 0; i < want->n; i++)
                if (!str_eq(got->at[from + i], want->at[i]))
                        return false;

        return true;
}

static bool are_equal(const struct words *got, const struct words *want) {
        return got->n == want->n && are_at(got, 0, want);
}

static const char *check_list(struct arena *a, const struct words *got, const char *option, const struct words *words) {
        struct words list = { 0 };

        for (size_t i = 0; i + 1 < got->n; i++) {
                /* Podman ≥ 5.8 writes --entrypoint=LIST. */
                struct str joined = arena_printf(a, "%s=", option), text = STR("");

                if (str_is(got->at[i], option))
                        text = got->at[i + 1];
                else if (str_has_prefix(got->at[i], joined))
                        text = str_from(got->at[i], joined.n);
                if (text.n > 0 && json_words(a, text, &list) < 0)
                        return "no list";
        }
        if (list.n != words->n)
                return "a list of another length";
        for (size_t i = 0; i < list.n; i++)
                if (!str_eq(list.at[i], expected(a, STR(""), words->at[i])))
                        return "another list";

        return NULL;
}

/* The arguments that podman must get. */
static const char *check_command(struct arena *a, enum roundtrip_key key, const struct words *words,
                                 const struct settings *unit) {
        struct words got = { 0 }, want = { 0 };

        if (systemd_exec(a, settings_last(unit, "Service", "ExecStart"), unit, INSTANCE, &got) < 0)
                return "systemd refuses the command";
        if (keys[key].shape == LIST)
                return check_list(a, &got, keys[key].option, words);

        if (key == ROUNDTRIP_EXEC)
                *vec_push(a, &want) = STR("image");
        for (size_t i = 0; i < words->n && (i == 0 || keys[key].shape != VALUE); i++) {
                if (keys[key].option)
                        *vec_push(a, &want) = str_of(keys[key].option);
                *vec_push(a, &want) = expected(a, prefix_of(a, key, i), words->at[i]);
        }
        if (key == ROUNDTRIP_PODMAN_ARGS)
                *vec_push(a, &want) = STR("image");
        if (key <= ROUNDTRIP_PODMAN_ARGS)
                return got.n >= want.n && are_at(&got, got.n - want.n, &want) ? NULL : "other arguments at the end";

        for (size_t i = 0; i < got.n; i++)
                if (are_at(&got, i, &want))
                        return str_is(got.at[got.n - 1], "image") ? NULL : "arguments after the image";
        return "other arguments";
}

/* Words that systemd alone reads. */
static const char *check_unit_words(struct arena *a, enum roundtrip_key key, const struct words *words,
                                    const struct settings *unit, struct str value) {
        struct words list = { 0 }, want = { 0 };

        if (key == ROUNDTRIP_SERVICE_EXEC) {
                *vec_push(a, &want) = STR("/bin/true");
                if (systemd_exec(a, value, unit, INSTANCE, &list) < 0)
                        return "systemd refuses the hook";
        } else if (systemd_words(a, value, key != ROUNDTRIP_MOUNTS, &list) < 0) {
                return "systemd refuses the words";
        }

        VEC_EACH(word, &list)
                if (key != ROUNDTRIP_SERVICE_EXEC && systemd_specifiers(a, *word, INSTANCE, word) < 0)
                        return "a specifier that nobody wrote";
        for (size_t i = 0; i < words->n; i++)
                *vec_push(a, &want) = expected(a, prefix_of(a, key, i), words->at[i]);
        return are_equal(&list, &want) ? NULL : "other words";
}

/* Quadlet adds lines of its own behind ours. */
static struct str first_value(const struct settings *s, const char *section, const char *key) {
        VEC_EACH(line, s)
                if (str_is(line->section, section) && str_is(line->key, key) &&
                    !str_has_prefix(line->value, STR("PODMAN_SYSTEMD_UNIT=")) && !str_is(line->value, "%t/containers"))
                        return line->value;

        return STR("");
}

/* A key that systemd alone reads. */
static const char *check_unit_key(struct arena *a, enum roundtrip_key key, const struct words *words,
                                  const struct settings *unit) {
        static const char *const names[ROUNDTRIP_COUNT] = {
                [ROUNDTRIP_SERVICE_EXEC] = "ExecStartPost", [ROUNDTRIP_SERVICE_ENVIRONMENT] = "Environment",
                [ROUNDTRIP_MOUNTS] = "RequiresMountsFor", [ROUNDTRIP_UNIT_LINE] = "EnvironmentFile",
                [ROUNDTRIP_CREDENTIAL] = "SetCredential", [ROUNDTRIP_TEXT] = "Description", [ROUNDTRIP_RAW] = "X-Raw",
        };
        bool is_of_unit = key == ROUNDTRIP_MOUNTS || key == ROUNDTRIP_TEXT || key == ROUNDTRIP_RAW;
        struct str value = names[key] ? first_value(unit, is_of_unit ? "Unit" : "Service", names[key]) : STR("");
        struct str first = words->at[0], id, got;

        if (key != ROUNDTRIP_RAW && keys[key].shape != VALUE)
                return check_unit_words(a, key, words, unit, value);
        if (key == ROUNDTRIP_CREDENTIAL)
                return systemd_credential(a, value, &id, &got) == 0 && str_is(id, "id") && str_eq(got, first)
                               ? NULL
                               : "another credential";
        if (key == ROUNDTRIP_RAW)
                return str_eq(value, first) ? NULL : "another raw line";
        if (systemd_specifiers(a, value, INSTANCE, &got) < 0)
                return "a specifier that nobody wrote";
        return str_eq(got, key == ROUNDTRIP_TEXT ? expected_text(a, first) : expected(a, STR(""), first)) ? NULL : "another line";
}

const char *roundtrip_check(struct arena *a, enum roundtrip_key key, const struct words *words, struct str service) {
        struct settings unit = { 0 };

        if (systemd_parse(a, service, &unit) < 0)
                return "systemd refuses a line";
        if (key <= ROUNDTRIP_PODMAN_ARGS || keys[key].option)
                return check_command(a, key, words, &unit);

        return check_unit_key(a, key, words, &unit);
}

const char *roundtrip_unit(struct arena *a, enum roundtrip_key key, const struct words *words) {
        struct str text = roundtrip_container(a, key, words), service;
        bool has_value = key != ROUNDTRIP_TEXT || expected_text(a, words->at[0]).n > 0;
        struct settings before = { 0 };

        if (quadlet_parse(a, text, &before) < 0 || !has_right_keys(&before, false, has_value))
                return "Quadlet reads other lines";

        for (enum quadlet_version v = QUADLET_5_4; v <= QUADLET_5_8; v++) {
                struct settings after = { 0 };
                const char *why;

                if (quadlet_convert(a, text, v, &service) < 0)
                        return "Quadlet refuses or drops a key";
                if (systemd_parse(a, service, &after) < 0 || !has_right_keys(&after, true, has_value))
                        return "systemd reads other lines";
                why = roundtrip_check(a, key, words, service);
                if (why)
                        return why;
        }

        return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Environment files of Compose: NAME=VALUE, one a line (docs.docker.com, "Syntax for .env files"). A message
 * never shows a line of such a file, since it may hold a password. */

#include "import/compose.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "model/secret.h"

#define BLANKS " \t"
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]"

struct scan {
        struct compose *c;
        struct str text;
        size_t at;
        uint32_t file;
        size_t n_bytes;  /* of the values so far */
        bool is_default; /* variables that are set already stay */
        bool is_quiet;
};

int compose_fail(const struct compose *c, struct span at, const char *format, ...) {
        const struct source *source = &c->draft.sources->list.at[at.file];
        unsigned line = 0, column = 0;
        char message[2048];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(message, sizeof(message), format, ap);
        va_end(ap);
        source_position(source, at.off, &line, &column);
        (void) fprintf(stderr, "pyservicectl: %s:%u:%u: error: %s\n",
                       utf8_clean_line(c->draft.arena, source->path, source->path.n).p, line, column,
                       utf8_clean_line(c->draft.arena, str_of(message), sizeof(message)).p);
        return CTL_ERROR;
}

static int fail(const struct scan *s, size_t at, const char *why) {
        return s->is_quiet ? CTL_ERROR
                           : compose_fail(s->c, (struct span){ s->file, (uint32_t) at, 0 }, "%s", why);
}

static struct str rest_of(const struct scan *s) {
        return str_from(s->text, s->at);
}

static bool is_at(const struct scan *s, const char *bytes) {
        return s->at < s->text.n && strchr(bytes, s->text.p[s->at]);
}

static struct str take(struct scan *s, const char *bytes) {
        size_t start = s->at;

        while (is_at(s, bytes))
                s->at++;
        return (struct str){ s->text.p + start, s->at - start };
}

static void skip_line(struct scan *s) {
        s->at += str_find(rest_of(s), '\n');
}

static bool is_end_of_line(const struct scan *s) {
        return s->at == s->text.n || is_at(s, "\r\n");
}

/* A definition can hold all other characters. */
static int check_characters(const struct scan *s) {
        uint32_t character = 0;

        for (size_t at = s->at, n; at < s->text.n; at += n) {
                n = utf8_decode(s->text, at, &character);
                if (n == 0)
                        return fail(s, at, "the file is not UTF-8");
                if (utf8_is_control(character) && !str_has_prefix(str_from(s->text, at), STR("\r\n")))
                        return fail(s, at, "a control character; expected text");
        }
        return CTL_GOOD;
}

/* The text between double quotes; "\$" becomes "$$", as compose_value() takes it. */
static struct str unescape(struct arena *a, struct str text) {
        static const char from[] = "nt\"\\$";
        static const char *const to[] = { "\n", "\t", "\"", "\\", "$$" };
        struct buf out = buf_in(a);

        for (size_t i = 0; i < text.n; i++) {
                const char *found = text.p[i] == '\\' && i + 1 < text.n ? strchr(from, text.p[i + 1]) : NULL;

                if (found) {
                        buf_put(&out, to[found - from]);
                        i++;
                } else
                        buf_put_char(&out, text.p[i]);
        }
        return buf_str(&out);
}

/* Only the quote has to be escaped. */
static struct str without_escapes(struct arena *a, struct str text) {
        struct buf out = buf_in(a);

        for (size_t i = 0; i < text.n; i++) {
                i += text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == '\'';
                buf_put_char(&out, text.p[i]);
        }
        return buf_str(&out);
}

/* False if the quote at the cursor is never closed. */
static bool take_quoted(struct scan *s, struct str *ret) {
        char quote = s->text.p[s->at];
        size_t start = s->at + 1;

        for (size_t i = start; i < s->text.n; i++)
                if (s->text.p[i] == '\\')
                        i++;
                else if (s->text.p[i] == quote) {
                        *ret = (struct str){ s->text.p + start, i - start };
                        s->at = i + 1;
                        return true;
                }
        return false;
}

static struct str take_unquoted(struct scan *s) {
        size_t start = s->at;
        struct str text;

        skip_line(s);
        text = (struct str){ s->text.p + start, s->at - start };
        if (str_has_suffix(text, STR("\r")))
                text.n--;
        text.n = str_has_prefix(text, STR("#")) ? 0 : str_find_str(text, STR(" #"));
        return str_trim(text);
}

static void put(struct scan *s, const struct compose_variable *v) {
        if (!s->is_default || !compose_variable(s->c, v->name))
                *vec_push(s->c->draft.arena, &s->c->env) = *v;
}

static int add(struct scan *s, struct str name, struct str text, size_t at) {
        struct compose_variable v = { .name = name, .is_secret = secret_is_likely(name) };
        const char *error = compose_value(s->c, text, &v);

        if (!error && (s->n_bytes += v.value.n) > SOURCE_MAX)
                error = "the values of the file have more than 1 MiB";
        if (error)
                return fail(s, at, error);

        put(s, &v);
        return CTL_GOOD;
}

static int take_value(struct scan *s, struct str name) {
        struct arena *a = s->c->draft.arena;
        struct str text;
        size_t at;

        (void) take(s, BLANKS);
        at = s->at;
        if (!is_at(s, "'\""))
                return add(s, name, take_unquoted(s), at);
        if (!take_quoted(s, &text))
                return fail(s, at, "the quote is not closed");

        (void) take(s, BLANKS);
        if (!is_end_of_line(s) && !is_at(s, "#"))
                return fail(s, s->at, "text after the closing quote; expected the end of the line");
        skip_line(s);
        if (s->text.p[at] == '"')
                return add(s, name, unescape(a, text), at);

        put(s, &(struct compose_variable){ name, without_escapes(a, text), secret_is_likely(name) });
        return CTL_GOOD;
}

/* A name alone has the value of the shell that runs Compose, which nobody knows here. */
static int take_line(struct scan *s) {
        struct str name;

        if (str_has_prefix(rest_of(s), STR("export ")))
                s->at += 7;
        (void) take(s, BLANKS);
        name = take(s, NAME_BYTES);
        (void) take(s, BLANKS);
        if (name.n == 0)
                return fail(s, s->at, "expected NAME=VALUE");
        if (is_end_of_line(s))
                return CTL_GOOD;
        if (!is_at(s, "=:"))
                return fail(s, s->at, "expected '=' after the name");

        s->at++;
        return take_value(s, name);
}

static int take_all(struct scan s) {
        int r;

        s.at = str_has_prefix(s.text, STR("\xef\xbb\xbf")) ? 3 : 0;
        r = check_characters(&s);
        while (r == CTL_GOOD && (take(&s, BLANKS "\r\n"), s.at < s.text.n)) {
                if (is_at(&s, "#"))
                        skip_line(&s);
                else
                        r = take_line(&s);
        }
        return r;
}

static int read_file(struct scan s, struct import *m, const char *path) {
        int r = import_read(m, path, &s.file);

        if (r != CTL_GOOD)
                return r;

        s.text = m->sources.list.at[s.file].text;
        return take_all(s);
}

const struct compose_variable *compose_variable(const struct compose *c, struct str name) {
        for (size_t i = c->env.n; i-- > 0;)
                if (str_eq(c->env.at[i].name, name))
                        return &c->env.at[i];

        return NULL;
}

int compose_read_env(struct compose *c, struct import *m, const char *beside) {
        const char *end = strrchr(beside, '/');
        size_t n = end ? (size_t) (end - beside) + 1 : 0;
        struct str path = arena_join(c->draft.arena, (struct str){ beside, n }, STR(".env"));
        bool is_given = false;
        int r = CTL_GOOD;

        VEC_EACH(given, &m->ctl->given)
                if (r == CTL_GOOD && strcmp(given->name, "env-file") == 0) {
                        is_given = true;
                        r = read_file((struct scan){ .c = c }, m, given->value);
                }
        return is_given || access(path.p, F_OK) != 0 ? r : read_file((struct scan){ .c = c }, m, path.p);
}

int compose_read_defaults(struct compose *c, struct import *m, struct str path) {
        return read_file((struct scan){ .c = c, .is_default = true }, m, path.p);
}

/* podman-run(1), --env-file: a value is the rest of the line, with quotes, comments and '$' as they stand. */
static struct str podman_value(struct str text, struct str name) {
        struct str line, value = { NULL, 0 };

        while (str_split(&text, '\n', &line)) {
                while (line.n > 0 && strchr(BLANKS, line.p[0]))
                        line = str_from(line, 1);
                if (str_has_suffix(line, STR("\r")))
                        line.n--;
                if (str_has_prefix(line, name) && line.n > name.n && line.p[name.n] == '=')
                        value = str_from(line, name.n + 1);
        }
        return value;
}

void compose_read_for_podman(struct compose *c, struct str path) {
        struct scan s = { .c = c, .is_quiet = true };
        size_t n = c->env.n;

        if (fs_read(c->draft.arena, AT_FDCWD, path.p, SOURCE_MAX, &s.text) < 0)
                return;

        (void) take_all(s);
        for (size_t i = n; i < c->env.n; i++) {
                struct compose_variable v = c->env.at[i];
                struct str raw = podman_value(s.text, v.name);

                v.is_misread = str_is_absent(raw) || !str_eq(raw, v.value);
                *vec_push(c->draft.arena, &c->of_files) = v;
        }
        c->env.n = n;
}

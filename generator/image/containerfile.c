/* SPDX-License-Identifier: Apache-2.0 */

/* The Containerfile that is generated. Its layers go from what seldom changes to the code, so that a
 * change of code alone installs no requirements again. Commands are lists of words in JSON, which no shell
 * reads; a program's own shell script gets them as arguments. */

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/fs.h"
#include "image/build.h"

struct recipe {
        struct build *b;
        struct buf out;
        struct str directory;    /* of the application, in the clone: "" or "SUBDIR/" */
        struct str requirements; /* below that; absent for none */
        bool has_lock;           /* uv.lock */
};

/* Everything that could mean something to a reader is \u00XX, a heredoc's "<<" too. */
static void put_word(struct buf *out, struct str word) {
        static const char digits[] = "0123456789abcdef";

        buf_put_char(out, '"');
        for (size_t i = 0; i < word.n; i++) {
                unsigned char c = (unsigned char) word.p[i];
                bool is_plain = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                (c >= 'a' && c <= 'z') || (c > 0 && strchr(" ._/:=@+,-", c));

                if (is_plain) {
                        buf_put_char(out, (char) c);
                        continue;
                }
                buf_put(out, "\\u00");
                buf_put_char(out, digits[c >> 4]);
                buf_put_char(out, digits[c & 15]);
        }
        buf_put_char(out, '"');
}

static void put_words(struct recipe *c, const char *instruction, const struct str *words, size_t n) {
        buf_put(&c->out, instruction);
        buf_put(&c->out, " [");
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        buf_put(&c->out, ", ");
                put_word(&c->out, words[i]);
        }
        buf_put(&c->out, "]\n");
}

#define PUT(c, instruction, ...)                                           \
        put_words((c), (instruction), (const struct str[]){ __VA_ARGS__ }, \
                  ARRAY_SIZE(((const struct str[]){ __VA_ARGS__ })))

static struct str join(struct recipe *c, struct str first, struct str second) {
        return arena_join(c->b->arena, first, second);
}

/* A link in the repository must not reveal other files of this machine. */
static bool is_there(struct recipe *c, struct str name) {
        return build_find(c->b, arena_join(c->b->arena, c->directory, name).p) >= 0;
}

/* True if there is something to install: a pyproject.toml may have settings of other tools only. */
static bool is_installable(struct recipe *c) {
        struct str path = arena_join(c->b->arena, c->b->clone.path, STR("/"), c->directory,
                                     STR("pyproject.toml")),
                   text, line;

        if (is_there(c, STR("setup.py")) || is_there(c, STR("setup.cfg")))
                return true;
        if (!is_there(c, STR("pyproject.toml")) || fs_read(c->b->arena, AT_FDCWD, path.p, BUF_MAX, &text) < 0)
                return false;

        while (str_split(&text, '\n', &line))
                if (str_has_prefix(line, STR("[project]")) || str_has_prefix(line, STR("[build-system]")))
                        return true;

        return false;
}

static void put_commands(struct recipe *c, const struct build_command *commands, size_t n) {
        for (size_t i = 0; i < n; i++)
                put_words(c, "RUN", commands[i].words.at, commands[i].words.n);
}

static void put_packages(struct recipe *c) {
        struct build *b = c->b;
        struct str *words = arena_array(b->arena, b->packages.n + 4, struct str);
        size_t n = 0;

        if (b->packages.n == 0)
                return;

        words[n++] = STR("/bin/sh");
        words[n++] = STR("-c");
        words[n++] = STR("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes "
                         "--no-install-recommends -- \"$@\" && rm -rf /var/lib/apt/lists/*");
        words[n++] = STR("sh");
        VEC_EACH(package, &b->packages)
                words[n++] = *package;
        put_words(c, "RUN", words, n);
}

static void put_manager(struct recipe *c) {
        struct build *b = c->b;

        if (b->manager == BUILD_UV) {
                PUT(c, "RUN", STR("/bin/sh"), STR("-c"),
                    STR("command -v uv >/dev/null || exec pip install --no-cache-dir uv"));
                if (c->has_lock)
                        buf_put(&c->out, "ENV UV_PROJECT_ENVIRONMENT=/opt/venv VIRTUAL_ENV=/opt/venv "
                                         "PATH=/opt/venv/bin:$PATH\n");
        }
        if (b->manager == BUILD_CONDA) {
                PUT(c, "RUN", join(c, b->conda, STR("/bin/conda")), STR("create"), STR("--yes"),
                    STR("--name"), b->app, join(c, STR("python="), b->python), STR("pip"));
                buf_put(&c->out, "ENV CONDA_DEFAULT_ENV=");
                buf_put_str(&c->out, b->app);
                buf_put(&c->out, " PATH=");
                buf_put_str(&c->out, b->conda);
                buf_put(&c->out, "/envs/");
                buf_put_str(&c->out, b->app);
                buf_put(&c->out, "/bin:$PATH\n");
        }
}

/* A requirements file may name others beside it. */
static void put_requirements(struct recipe *c) {
        struct str target = arena_join(c->b->arena, c->b->code, STR("/"), c->directory),
                   directory = c->requirements;

        if (c->has_lock) {
                PUT(c, "COPY", join(c, c->directory, STR("pyproject.toml")),
                    join(c, c->directory, STR("uv.lock")), target);
                PUT(c, "RUN", STR("uv"), STR("sync"), STR("--frozen"), STR("--no-dev"),
                    STR("--no-install-project"));
                return;
        }
        if (str_is_absent(c->requirements))
                return;

        while (directory.n > 0 && directory.p[directory.n - 1] != '/')
                directory.n--;
        if (directory.n > 0)
                PUT(c, "COPY", join(c, c->directory, directory), join(c, target, directory));
        else
                PUT(c, "COPY", join(c, c->directory, c->requirements), join(c, c->directory, STR("*.txt")),
                    target);
        if (c->b->manager == BUILD_UV)
                PUT(c, "RUN", STR("uv"), STR("pip"), STR("install"), STR("--system"), STR("--no-cache"),
                    STR("-r"), c->requirements);
        else
                PUT(c, "RUN", STR("pip"), STR("install"), STR("--no-cache-dir"), STR("-r"), c->requirements);
}

static void put_code(struct recipe *c) {
        PUT(c, "COPY", STR("."), join(c, c->b->code, STR("/")));
        if (c->has_lock)
                PUT(c, "RUN", STR("uv"), STR("sync"), STR("--frozen"), STR("--no-dev"));
        else if (is_installable(c) && c->b->manager == BUILD_UV)
                PUT(c, "RUN", STR("uv"), STR("pip"), STR("install"), STR("--system"), STR("--no-cache"),
                    STR("-e"), STR("."));
        else if (is_installable(c))
                PUT(c, "RUN", STR("pip"), STR("install"), STR("--no-cache-dir"), STR("-e"), STR("."));
}

static int find_requirements(struct recipe *c) {
        struct build *b = c->b;

        c->has_lock = b->manager == BUILD_UV && str_is_absent(b->requirements) && is_there(c, STR("uv.lock"));
        c->requirements = b->requirements;
        if (str_is_absent(c->requirements) && is_there(c, STR("pinned-requirements.txt")))
                c->requirements = STR("pinned-requirements.txt");
        if (str_is_absent(c->requirements) || is_there(c, c->requirements))
                return 0;

        b->problem = arena_join(b->arena, STR("the repository has no '"), c->directory, c->requirements,
                                STR("' (requirements)\n"));
        return -ENOENT;
}

int containerfile_make(struct build *b, struct str *ret) {
        struct recipe c = { .b = b, .out = buf_in(b->arena), .directory = STR("") };
        int r;

        if (!str_is_absent(b->subdir))
                c.directory = arena_join(b->arena, b->subdir, STR("/"));
        r = find_requirements(&c);
        if (r < 0)
                return r;

        buf_put(&c.out, "FROM ");
        buf_put_str(&c.out, b->base);
        buf_put_char(&c.out, '\n');
        put_packages(&c);
        put_manager(&c);
        put_commands(&c, b->before.at, b->before.n);
        buf_put(&c.out, "WORKDIR ");
        buf_put_str(&c.out, b->code);
        if (!str_is_absent(b->subdir)) {
                buf_put_char(&c.out, '/');
                buf_put_str(&c.out, b->subdir);
        }
        buf_put_char(&c.out, '\n');
        put_requirements(&c);
        put_code(&c);
        put_commands(&c, b->after.at, b->after.n);
        *ret = buf_str(&c.out);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/walk.h"
#include "output/env.h"
#include "runtime/spawn.h"

static void complain(struct environment *e, struct str text) {
        *vec_push(e->arena, &e->problems) = text;
}

static struct secret_wish *find_wish(struct environment *e, struct str name) {
        VEC_EACH(w, &e->wishes)
                if (str_eq(w->name, name))
                        return w;

        return NULL;
}

/* True for a file name in a directory of ours: not a path out of it, and not our own file. */
static bool is_file_name(struct str s) {
        return s.n > 0 && s.p[0] != '.' && str_find(s, '/') == s.n;
}

static bool take_source(struct secret_wish *w, struct str text) {
        static const struct {
                struct str prefix;
                enum secret_kind kind;
                bool is_path;
        } sources[] = {
                { STR_INIT("credential:"), SECRET_CREDENTIAL, false },
                { STR_INIT("file:"), SECRET_FILE, true },
                { STR_INIT("kms:"), SECRET_KMS, true },
                { STR_INIT("kms-literal:"), SECRET_KMS_OR_LITERAL, true },
                { STR_INIT("podman:"), SECRET_PODMAN, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                if (str_has_prefix(text, sources[i].prefix)) {
                        w->kind = sources[i].kind;
                        w->from = str_from(text, sources[i].prefix.n);
                        return sources[i].is_path ? str_has_prefix(w->from, STR("/")) : is_file_name(w->from);
                }

        return false;
}

/* MODE:UID:GID */
static bool take_access(struct secret_wish *w, struct str text) {
        struct str mode, uid, gid;
        uint64_t user, group;

        if (!str_split(&text, ':', &mode) || !str_split(&text, ':', &uid) || !str_split(&text, ':', &gid) ||
            !str_is_absent(text) || mode.n == 0 || mode.n > 4 || !str_is_made_of(mode, "01234567") ||
            !str_to_u64(uid, UINT32_MAX - 1, &user) || !str_to_u64(gid, UINT32_MAX - 1, &group))
                return false;

        w->mode = 0;
        for (size_t i = 0; i < mode.n; i++)
                w->mode = (w->mode << 3) | (mode_t) (mode.p[i] - '0');
        w->uid = (uid_t) user;
        w->gid = (gid_t) group;
        return true;
}

bool environment_wish(struct environment *e, struct str argument) {
        size_t equals = str_find(argument, '='), colon = str_find((struct str){ argument.p, equals }, ':');
        struct secret_wish w = {
                .name = { argument.p, colon }, .mode = 0444, .uid = geteuid(), .gid = getegid()
        };

        if (colon < equals && !take_access(&w, (struct str){ argument.p + colon + 1, equals - colon - 1 }))
                return false;
        if (equals == argument.n || !is_file_name(w.name) || find_wish(e, w.name))
                return false;

        if (!take_source(&w, str_from(argument, equals + 1)))
                return false;

        w.name = arena_str(e->arena, w.name);
        w.from = arena_str(e->arena, w.from);
        *vec_push(e->arena, &e->wishes) = w;
        return true;
}

/* The value of a secret for a variable, without the line feed with which files end. */
static struct str as_value(struct str content) {
        return str_has_suffix(content, STR("\n")) ? (struct str){ content.p, content.n - 1 } : content;
}

static int read_file_wish(struct environment *e, struct secret_wish *w, struct str *ret) {
        struct str path = arena_join(e->arena, str_of(e->places.root), w->from);
        struct str problem = { 0 };
        int r = walk_read(e->arena, path.p, CREDENTIAL_MAX, ret, &problem);

        if (!str_is_absent(problem)) {
                complain(e, arena_printf(e->arena, "secret '%s' is not read: %s", w->name.p, problem.p));
                return 1;
        }

        switch (r) {
        case -ENOENT:
        case -ENOTDIR:
        case -EISDIR:
        case -ENOTSUP:
        case -EACCES:
        case -ELOOP:
                complain(e, arena_printf(e->arena,
                                         "secret '%s' is missing: %s '%s'; put its value there, "
                                         "or correct the path in the definition's `secrets:`",
                                         w->name.p,
                                         r == -ENOENT ? "there is no file" : "this is not a readable file:",
                                         w->from.p));
                return 1;
        default:
                return r;
        }
}

static int read_credential_wish(struct environment *e, struct secret_wish *w, struct str *ret) {
        struct str text;
        int r = credential_read(e->arena, &e->places, w->from, &text);

        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0) {
                *ret = text;
                return 0;
        }

        if (r == -ENOENT)
                text = credential_advice(e->arena, &e->places, w->from);
        else
                text = arena_printf(e->arena, "cannot decrypt the credential '%s': %.*s", w->from.p,
                                    STR_ARG(text));
        complain(e, arena_printf(e->arena, "secret '%s' is missing: %s", w->name.p, text.p));
        return 1;
}

/* The output of another program: 0 and its output; 1 and the last line of its errors; negative errno. */
static int run(struct environment *e, const char *const *argv, struct str *ret) {
        struct spawn_result result;
        int r = argv[0] ? spawn_run(e->arena, argv, &result) : -ENOPKG;
        struct str line;

        if (r < 0)
                return r;
        if (result.status == 0) {
                *ret = result.out;
                return 0;
        }

        line = str_last_line(result.err);
        if (line.n > 0)
                *ret = line;
        return 1;
}

/* As the component itself decides what it takes for a ciphertext. */
static bool looks_encrypted(struct str text) {
        return str_has_prefix(text, STR("AQEC")) || str_has_prefix(text, STR("AQIC"));
}

/* The file is the bundle's own: it holds one line. */
static int read_kms_wish(struct environment *e, struct secret_wish *w, struct str *ret) {
        struct str path = arena_join(e->arena, str_of(e->places.root), w->from), text,
                   said = STR("it printed nothing");
        int r = fs_read(e->arena, AT_FDCWD, path.p, CREDENTIAL_MAX, &text);

        if (r < 0)
                return r;

        text = as_value(text);
        if (w->kind == SECRET_KMS_OR_LITERAL && !looks_encrypted(text)) {
                *ret = text;
                return 0;
        }

        r = run(e, (const char *const[]){ e->kms, path.p, NULL }, &said);
        if (r <= 0) {
                *ret = r == 0 ? said : *ret;
                return r;
        }
        if (w->kind == SECRET_KMS_OR_LITERAL) {
                *vec_push(e->arena, &e->notes) = arena_printf(
                        e->arena,
                        "cannot decrypt secret '%s', so its text is used as it is (on_error: literal): %.*s",
                        w->name.p, STR_ARG(said));
                *ret = text;
                return 0;
        }

        complain(e, arena_printf(e->arena, "cannot decrypt secret '%s': %.*s", w->name.p, STR_ARG(said)));
        return 1;
}

static int read_podman_wish(struct environment *e, struct secret_wish *w, struct str *ret) {
        struct str program = spawn_find(e->arena, "podman"), said = STR("it printed nothing");
        const char *argv[] = { program.p, "secret", "inspect", "--showsecret", "--format={{.SecretData}}",
                               w->from.p, NULL };
        int r = run(e, argv, &said);

        if (r < 0)
                return r;
        if (r == 0)
                *ret = as_value(said);
        else
                complain(e,
                         arena_printf(
                                 e->arena,
                                 "secret '%s' is missing: Podman has no secret '%s' (%.*s); create it with: "
                                 "podman secret create %s -",
                                 w->name.p, w->from.p, STR_ARG(said), w->from.p));
        return r;
}

static const char *word_of(enum secret_kind kind) {
        return kind == SECRET_FILE         ? "the file"
               : kind == SECRET_CREDENTIAL ? "the credential"
               : kind == SECRET_PODMAN     ? "Podman's secret"
                                           : "the encrypted content of";
}

static int read_wish(struct environment *e, struct secret_wish *w, struct str *ret) {
        switch (w->kind) {
        case SECRET_FILE:
                return read_file_wish(e, w, ret);
        case SECRET_CREDENTIAL:
                return read_credential_wish(e, w, ret);
        case SECRET_PODMAN:
                return read_podman_wish(e, w, ret);
        case SECRET_KMS:
        case SECRET_KMS_OR_LITERAL:
        default:
                return read_kms_wish(e, w, ret);
        }
}

/* Reads all secrets before it fails, so that the user sees everything that is missing at once. */
static int read_wishes(struct environment *e) {
        VEC_EACH(w, &e->wishes) {
                struct str content = { 0 };
                int r = read_wish(e, w, &content);

                if (r == -EFBIG)
                        complain(e, arena_printf(e->arena, "secret '%s' is larger than 1 MiB", w->name.p));
                else if (r < 0)
                        return r;
                else if (r == 0 && as_value(content).n == 0)
                        complain(e, arena_printf(e->arena, "secret '%s' is empty: %s '%s' has no content",
                                                 w->name.p, word_of(w->kind), w->from.p));
                else if (r == 0)
                        w->content = content;
        }

        return e->problems.n > 0;
}

static int get_content(void *userdata, struct str secret, struct str *ret) {
        struct secret_wish *w = find_wish(userdata, secret);

        if (!w)
                return -ENOKEY;

        *ret = as_value(w->content);
        return 0;
}

static void wipe(struct str s) {
        if (s.n > 0)
                explicit_bzero((char *) s.p, s.n);
}

/* The texts of the two files with variables. */
struct composed {
        struct buf unit, podman;
};

static const char *put_variable(struct composed *c, struct str name, struct str value) {
        if (!env_unit_can_name(name)) {
                if (!env_file_can_hold(value))
                        return "has several lines or more than 63 KiB, and a variable with '.' or '-' in its "
                               "name holds one line";
                env_file_put(&c->podman, (struct env_name){ name, NOWHERE }, value);
                return NULL;
        }
        if (name.n + value.n + 2 > ENVIRONMENT_STRING_MAX)
                return "is longer than 128 KiB";

        return env_unit_put(&c->unit, name, value) < 0 ? "contains a NUL or is not UTF-8" : NULL;
}

/* One line of the template; `number` from 1. */
static void compose_line(struct environment *e, struct composed *c, struct str line, size_t number) {
        struct str name, value;
        const char *problem;
        int r;

        r = env_template_compose(e->arena, line, get_content, e, &name, &value);
        if (r < 0) {
                complain(e,
                         arena_printf(e->arena, "line %zu of the template %s", number,
                                      r == -ENOKEY ? "names a secret that was not given" : "is malformed"));
                return;
        }

        problem = put_variable(c, name, value);
        wipe(value);
        if (problem)
                complain(e,
                         arena_printf(e->arena,
                                      "cannot pass variable '%s': its value %s; mount the secret as a file "
                                      "instead",
                                      name.p, problem));
}

static int compose(struct environment *e, struct str template, struct composed *c) {
        struct str line;

        for (size_t number = 1; str_split(&template, '\n', &line); number++)
                if (line.n > 0)
                        compose_line(e, c, line, number);

        return e->problems.n > 0;
}

static int write_files(struct environment *e, struct composed *c, bool has_variables) {
        int r = 0;

        VEC_EACH(w, &e->wishes) {
                const struct stat owner = { .st_uid = w->uid, .st_gid = w->gid };

                if (w->kind != SECRET_PODMAN)
                        r = fs_replace_as(e->directory, w->name.p, w->mode, &owner, w->content);
                if (r < 0)
                        return r;
        }

        if (has_variables)
                r = fs_replace(e->directory, ENVIRONMENT_FILE, 0600, buf_str(&c->unit));
        if (r == 0 && c->podman.n > 0)
                r = fs_replace(e->directory, ENVIRONMENT_PODMAN_FILE, 0600, buf_str(&c->podman));
        return r;
}

static void remove_files(struct environment *e) {
        VEC_EACH(w, &e->wishes)
                (void) unlinkat(e->directory, w->name.p, 0);
        (void) unlinkat(e->directory, ENVIRONMENT_FILE, 0);
        (void) unlinkat(e->directory, ENVIRONMENT_PODMAN_FILE, 0);
}

int environment_prepare(struct environment *e, struct str template) {
        struct composed c = { buf_in(e->arena), buf_in(e->arena) };
        int r;

        r = read_wishes(e);
        if (r == 0 && !str_is_absent(template))
                r = compose(e, template, &c);
        if (r == 0)
                r = write_files(e, &c, !str_is_absent(template));
        if (r != 0)
                remove_files(e);

        VEC_EACH(w, &e->wishes)
                wipe(w->content);
        wipe(buf_str(&c.unit));
        wipe(buf_str(&c.podman));
        return r;
}

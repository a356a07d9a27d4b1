/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "ctl/session.h"
#include "load/load.h"
#include "publish/left-volume.h"

int ctl_fail(const char *context, int r) {
        (void) fprintf(stderr, "pyservicectl: %s: %s\n", context, strerror(-r));
        return EXIT_SYSTEM;
}

int ctl_fail_systemd(int r) {
        bool is_away = r == -ENOENT || r == -ECONNREFUSED || r == -ENOTCONN || r == -ENOMEDIUM;

        if (!is_away)
                return ctl_fail("systemd", r);
        (void) fprintf(stderr,
                       "pyservicectl: systemd does not answer: %s; 'pyservicectl doctor' names the cause\n",
                       strerror(-r));
        return EXIT_SYSTEM;
}

int ctl_usage(const struct ctl *c, const char *format, ...) {
        va_list args;

        (void) fprintf(stderr, "pyservicectl %s: ", c->verb->name);
        va_start(args, format);
        (void) vfprintf(stderr, format, args);
        va_end(args);
        (void) fprintf(stderr, "\nTry 'pyservicectl help %s'.\n", c->verb->name);
        return CTL_USAGE;
}

int ctl_unknown_subcommand(const struct ctl *c, const char *expected) {
        if (c->argc == 0)
                return ctl_usage(c, "missing subcommand; expected one of %s, and the name of an application",
                                 expected);

        return ctl_usage(c, "unknown subcommand '%s'; expected one of %s, and the name of an application",
                         c->argv[0], expected);
}

static void free_text(char **p) {
        free(*p);
}

int ctl_write(FILE *out, struct str text) {
        if (fwrite(text.p, 1, text.n, out) == text.n && fflush(out) == 0)
                return CTL_GOOD;

        /* Who reads it has seen enough, as `grep -q` or `head`. */
        return errno == EPIPE ? CTL_GOOD : ctl_fail("cannot write", -errno);
}

/* A file's path as seen from the root, absolute. */
static int absolute_path(struct ctl *c, const char *path, const char **ret) {
        CLEANUP(free_text) char *whole = realpath(path, NULL);

        if (!whole)
                return -errno;

        *ret = arena_str(&c->arena, str_of(whole)).p;
        return 0;
}

/* `r`: what loading returned. */
static int finish_loading(struct session *s, int r) {
        if (r < 0)
                return ctl_fail("cannot load the definitions", r);

        left_volumes_check(&s->world);
        return 0;
}

/* These files are the user's own, wherever they lie; the root then is only for contracts
 * and networks. */
static int load_files(struct ctl *c, const char *const *files, int n, struct session *s) {
        const char **paths = arena_array(&c->arena, (size_t) n, const char *);
        int r;

        for (int i = 0; i < n; i++) {
                r = absolute_path(c, files[i], &paths[i]);
                if (r < 0) {
                        (void) ctl_fail(files[i], r);
                        return CTL_ERROR;
                }
        }

        s->world.trusts_all = true;
        return finish_loading(s, world_load_files(&s->world, paths, (size_t) n));
}

int ctl_places(struct ctl *c, struct places *ret) {
        const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");

        if (!c->is_user) {
                places_system(ret);
                return 0;
        }
        if (!home || home[0] != '/' || !runtime || runtime[0] != '/') {
                (void) fputs("pyservicectl: --user needs HOME and XDG_RUNTIME_DIR\n", stderr);
                return CTL_USAGE;
        }

        places_user(&c->arena, str_of(home), str_of(runtime), ret);
        return 0;
}

static int begin(struct ctl *c, struct session *s) {
        int r;

        *s = (struct session){ 0 };
        s->ds = (struct diags){ .arena = &c->arena, .sources = &s->sources };
        s->world = (struct world){ .arena = &c->arena, .ds = &s->ds, .sources = &s->sources, .root = -1 };
        r = ctl_places(c, &s->world.places);
        if (r != 0)
                return r;

        r = fs_open_dir(AT_FDCWD, c->root);
        if (r < 0)
                return ctl_fail(c->root, r);
        s->world.root = r;
        return 0;
}

int session_open_with(struct ctl *c, const struct proposed *files, size_t n, struct session *s) {
        int r = begin(c, s);

        if (r != 0)
                return r;

        for (size_t i = 0; i < n; i++)
                *vec_push(&c->arena, &s->world.proposed) = files[i];
        r = world_load(&s->world);
        c->settles = s->world.written + SETTLE_USEC;
        return finish_loading(s, r);
}

int session_open(struct ctl *c, struct session *s) {
        return session_open_with(c, NULL, 0, s);
}

int session_open_files(struct ctl *c, const char *const *files, int n, struct session *s) {
        int r;

        if (n == 0)
                return session_open(c, s);

        r = begin(c, s);
        return r != 0 ? r : load_files(c, files, n, s);
}

struct str session_find_mask(const struct session *s, struct str name) {
        VEC_EACH(mask, &s->world.masks)
                if (str_eq(mask->name, name))
                        return mask->path;

        return (struct str){ 0 };
}

int session_no_definition(struct ctl *c, const struct session *s, struct str name) {
        struct str *names = arena_array(&c->arena, s->world.definitions.n + 1, struct str), hint,
                   mask = session_find_mask(s, name);

        if (!str_is_absent(mask)) {
                (void) fprintf(stderr,
                               "pyservicectl: %.*s is masked by %.*s; remove that link, and the "
                               "definition takes effect again\n",
                               STR_ARG(name), STR_ARG(mask));
                return CTL_ERROR;
        }

        for (size_t i = 0; i < s->world.definitions.n; i++)
                names[i] = s->world.definitions.at[i].name.text;
        hint = diag_hint(&c->arena, name, names, s->world.definitions.n,
                         arena_join(&c->arena, STR("it would be "), s->world.places.definitions[0], STR("/"),
                                    name, STR(".yaml")));
        (void) fprintf(stderr, "pyservicectl: '%.*s' has no definition; %.*s\n", STR_ARG(name),
                       STR_ARG(hint));
        return CTL_ERROR;
}

struct definition *session_find(const struct session *s, struct str name) {
        return world_find(&s->world, name);
}

int session_open_definition(struct ctl *c, struct session *s, struct str name, struct definition **ret) {
        int r = session_open(c, s);

        if (r != 0)
                return r;

        *ret = session_find(s, name);
        return *ret ? 0 : session_no_definition(c, s, name);
}

int session_find_app(struct ctl *c, struct session *s, struct str name, struct app **ret) {
        const struct definition *d = session_find(s, name);

        if (!d)
                return session_no_definition(c, s, name);
        if (!d->is_broken) {
                *ret = d->app;
                return 0;
        }

        session_tell(s, name);
        (void) fprintf(stderr, "pyservicectl: %.*s: %s\n", STR_ARG(name),
                       d->is_hidden ? "its definition cannot be read; run this as root"
                                    : "its definition has errors; fix them first");
        return CTL_ERROR;
}

int session_open_app(struct ctl *c, struct session *s, struct str name, struct app **ret) {
        int r = session_open(c, s);

        return r != 0 ? r : session_find_app(c, s, name, ret);
}

void session_close(struct session *s) {
        close_fd(&s->world.root);
}

void session_tell(struct session *s, struct str app) {
        struct buf text = buf_in(s->world.arena);

        diag_sort(&s->ds);
        diag_print(&text, &s->ds, app, log_is_colored(STDERR_FILENO) ? DIAG_COLOR : 0);
        (void) ctl_write(stderr, buf_str(&text));
}

int session_report(struct ctl *c, struct session *s) {
        struct buf text = buf_in(&c->arena);

        diag_sort(&s->ds);
        if (c->is_json) {
                struct json_writer w = { .out = &text };

                json_open(&w, NULL, '{');
                diag_put_json(&w, &s->ds, (struct str){ 0 });
                json_close(&w, '}');
                buf_put_char(&text, '\n');
        } else
                diag_print(&text, &s->ds, (struct str){ NULL, 0 },
                           log_is_colored(STDERR_FILENO) ? DIAG_COLOR : 0);

        if (ctl_write(c->is_json ? stdout : stderr, buf_str(&text)) != CTL_GOOD)
                return EXIT_SYSTEM;

        return s->ds.n_errors > 0 ? CTL_ERROR : CTL_GOOD;
}

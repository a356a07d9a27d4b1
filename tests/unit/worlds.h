/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A machine in a temporary directory, whose definitions are loaded and finished, and what was said of them.
 *
 * Where the tests do not run as root, the definitions are the user's own. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "load/load.h"
#include "rows.h"

struct site {
        struct arena arena;
        struct sources sources;
        struct diags diags;
        struct world world;
        char path[sizeof("/tmp/pyservice-site-XXXXXX")];
};

static inline void site_open(struct site *s) {
        *s = (struct site) { .path = "/tmp/pyservice-site-XXXXXX" };
        assert_non_null(mkdtemp(s->path));
        s->diags = (struct diags) { .arena = &s->arena, .sources = &s->sources };
        s->world = (struct world) { .arena = &s->arena, .ds = &s->diags, .sources = &s->sources };
        places_system(&s->world.places);
        s->world.places.is_user = geteuid() != 0;
        s->world.root = fs_open_dir(AT_FDCWD, s->path);
        assert_true(s->world.root >= 0);
}

static inline void site_close(struct site *s) {
        close_fd(&s->world.root);
        assert_int_equal(fs_remove_tree(AT_FDCWD, s->path), 0);
        arena_done(&s->arena);
}

/* Paths as the machine has them, absolute. */
static inline void site_write_mode(struct site *s, const char *path, const char *text, mode_t mode) {
        assert_int_equal(fs_make_dirs(s->world.root, path + 1, true), 0);
        assert_int_equal(fs_replace(s->world.root, path + 1, mode, str_of(text)), 0);
}

static inline void site_write(struct site *s, const char *path, const char *text) {
        site_write_mode(s, path, text, 0644);
}

static inline void site_link(struct site *s, const char *path, const char *target) {
        assert_int_equal(fs_make_dirs(s->world.root, path + 1, true), 0);
        assert_int_equal(symlinkat(target, s->world.root, path + 1), 0);
}

/* Exactly that mode, past the umask. */
static inline void site_chmod(struct site *s, const char *path, mode_t mode) {
        assert_int_equal(fs_make_dirs(s->world.root, path + 1, true), 0);
        if (mkdirat(s->world.root, path + 1, 0755) < 0)
                assert_int_equal(errno, EEXIST);
        assert_int_equal(fchmodat(s->world.root, path + 1, mode, 0), 0);
}

static inline void site_load(struct site *s) {
        assert_int_equal(world_load(&s->world), 0);
        diag_sort(&s->diags);
}

static inline struct definition *site_definition(struct site *s, const char *name) {
        VEC_EACH(d, &s->world.definitions)
                if (str_is(d->name.text, name))
                        return d;

        return NULL;
}

/* NULL where it is broken. */
static inline struct app *site_app(struct site *s, const char *name) {
        struct definition *d = site_definition(s, name);

        assert_non_null(d);
        return d->app;
}

/* "unknown-key‹imge› missing-key‹i›": each error with the text that it is about; of a file its path. */
static inline const char *site_diags(struct site *s) {
        struct buf out = buf_in(&s->arena);

        VEC_EACH(d, &s->diags.list) {
                const struct source *source = d->at.file < s->sources.list.n ? &s->sources.list.at[d->at.file] : NULL;

                buf_put(&out, out.n > 0 ? " " : "");
                buf_put(&out, diag_name(d->id));
                buf_put(&out, "‹");
                if (source && diag_is_about_file(d->at))
                        buf_put_str(&out, source->path);
                else if (source && d->at.off + d->at.len <= source->text.n)
                        buf_put_str(&out, (struct str) { source->text.p + d->at.off, d->at.len });
                buf_put(&out, "›");
        }

        return buf_str(&out).p;
}

/* The texts of all diagnostics, a line each. */
static inline const char *site_texts(struct site *s) {
        struct buf out = buf_in(&s->arena);

        VEC_EACH(d, &s->diags.list) {
                buf_put_str(&out, d->text);
                buf_put_char(&out, '\n');
        }

        return buf_str(&out).p;
}

static inline void assert_site(struct site *s, const char *diags, const char *hint) {
        assert_string_equal(site_diags(s), diags);
        if (hint && !strstr(site_texts(s), hint))
                fail_msg("'%s' is not said in: %s", hint, site_texts(s));
}

/* With INSTANCE_MARK as '@'. */
static inline void site_put(struct buf *out, struct str text) {
        for (size_t i = 0; i < text.n; i++)
                buf_put_char(out, text.p[i] == INSTANCE_MARK ? '@' : text.p[i]);
}

/* "A=1, B=x{secret}y{other|urlencode}", sorted; '!' before what holds a secret. */
static inline const char *site_environment(struct site *s, const struct container *c) {
        struct buf out = buf_in(&s->arena);

        LIST_EACH(v, &c->environment) {
                buf_put(&out, out.n > 0 ? ", " : "");
                buf_put(&out, v->is_secret ? "!" : "");
                buf_put_str(&out, v->name.text);
                buf_put(&out, "=");
                LIST_EACH(piece, &v->pieces) {
                        site_put(&out, piece->literal);
                        if (str_is_absent(piece->secret.text))
                                continue;
                        buf_put(&out, "{");
                        buf_put_str(&out, piece->secret.text);
                        buf_put(&out, piece->is_url_encoded ? "|urlencode}" : "}");
                }
        }

        return buf_str(&out).p;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "change/change-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "ctl/session.h"
#include "podman/room.h"

static const char *const drop_ins[] = { "90-pyservicectl.yaml", "95-pyservicectl-runtime.yaml" };

/* Users who cannot read the definition must not read the values that are set in its drop-in. `mode`: of the
 * existing drop-in; 0 if there is none. */
static mode_t mode_of(struct changing *ch, const struct definition *d, mode_t mode) {
        struct stat st;

        if (fstatat(ch->before.world.root, d->path.p + 1, &st, 0) < 0)
                return mode > 0 ? mode : 0644;
        if (mode > 0)
                return mode & (st.st_mode | 0600);

        return (st.st_mode & 0004) == 0 ? 0600 : 0644;
}

static int find_file(struct changing *ch, const struct definition *d, bool is_runtime,
                     struct changed_file **ret) {
        struct arena *a = &ch->ctl->arena;
        struct str path = arena_join(a, ch->before.world.places.definitions[is_runtime], STR("/"),
                                     d->name.text, STR(".yaml.d/"), str_of(drop_ins[is_runtime]));
        struct fs_file *file = arena_new(a, struct fs_file);
        int r;

        VEC_EACH(f, &ch->files)
                if (str_eq(f->path, path)) {
                        *ret = f;
                        return 0;
                }

        r = fs_read_file(a, ch->before.world.root, path.p + 1, SOURCE_MAX, file);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return ctl_fail(path.p, r);

        *ret = vec_push(a, &ch->files);
        **ret = (struct changed_file){ .app = d->name.text,
                                       .path = path,
                                       .before = file->text,
                                       .after = file->text,
                                       .is_runtime = is_runtime,
                                       .mode = mode_of(ch, d, file->stat.st_mode & 0777),
                                       .as = r < 0 ? NULL : &file->stat };
        return 0;
}

static int refuse(const struct change *change, const struct changed_file *f, int r) {
        (void) fprintf(stderr, "pyservicectl: %.*s: %.*s %s; change it by hand\n", STR_ARG(change->app),
                       STR_ARG(f->path),
                       r == -EBADMSG ? "is not valid YAML"
                                     : "is formatted in a way that this command cannot change");
        return CTL_ERROR;
}

static int set_in(struct changing *ch, const struct change *change, struct changed_file *f) {
        struct arena *a = &ch->ctl->arena;
        struct str text = f->after;
        int r;

        if (str_is_absent(text))
                text = arena_join(a, STR("# Written by pyservicectl; a drop-in for the definition of "),
                                  change->app, STR(".\n"));
        r = yaml_edit_set(a, text, &change->key, change->value, &f->after);
        return r < 0 ? refuse(change, f, r) : 0;
}

static bool is_header(struct str text) {
        return str_has_prefix(text, STR("# Written by pyservicectl")) && str_find(text, '\n') + 1 == text.n;
}

/* *ret_count grows if there was something to take back. */
static int take_back_in(struct changing *ch, const struct change *change, struct changed_file *f,
                        size_t *ret_count) {
        bool is_empty = false;
        int r = str_is_absent(f->after)
                        ? -ENOENT
                        : yaml_edit_remove(&ch->ctl->arena, f->after, &change->key, &f->after, &is_empty);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return refuse(change, f, r);

        if (is_empty && is_header(f->after))
                f->after = (struct str){ NULL, 0 };
        (*ret_count)++;
        return 0;
}

static int refuse_nothing(struct changing *ch, const struct change *change, const struct definition *d) {
        const struct node *value = key_find(d->root, &change->key);
        const struct source *source;
        unsigned line, column;

        (void) fprintf(stderr, "pyservicectl: %.*s: '%.*s' was not set with this tool%s",
                       STR_ARG(change->app), STR_ARG(key_text(&ch->ctl->arena, &change->key)),
                       ch->changes->is_runtime ? " for this boot" : "");
        if (value) {
                source = &ch->before.sources.list.at[value->at.file];
                source_position(source, value->at.off, &line, &column);
                (void) fprintf(stderr, "; it is in %.*s:%u", STR_ARG(source->path), line);
        }
        (void) fputc('\n', stderr);
        return CTL_ERROR;
}

/* A permanent change removes the temporary one of this boot, which would hide it. */
static int edit(struct changing *ch, struct change *change, const struct definition *d) {
        bool is_runtime = ch->changes->is_runtime;
        struct changed_file *f = NULL;
        size_t n = 0;
        int r = 0;

        for (int of_runtime = 0; r == 0 && of_runtime < 2; of_runtime++) {
                if (is_runtime && !of_runtime)
                        continue;
                r = find_file(ch, d, of_runtime, &f);
                if (r != 0)
                        return r;

                if (change->value && of_runtime == is_runtime) {
                        change->path = f->path;
                        r = set_in(ch, change, f);
                } else
                        r = take_back_in(ch, change, f, &n);
        }
        if (r == 0 && !change->value && n == 0)
                return refuse_nothing(ch, change, d);
        return r;
}

/* Fills `files`: what all changes make of the drop-ins. Returns 0 or an exit status. */
static int edit_all(struct changing *ch) {
        int r = 0;

        VEC_EACH(change, &ch->changes->list) {
                struct definition *d = session_find(&ch->before, change->app);

                if (!d)
                        return session_no_definition(ch->ctl, &ch->before, change->app);
                r = edit(ch, change, d);
                if (r != 0)
                        return r;
        }
        return r;
}

/* Who may not write the runtime directory may not write definitions either, which is then reported. */
int change_lock(struct ctl *c, int *ret) {
        CLEANUP(close_fd) int root = fs_open_dir(AT_FDCWD, c->root);
        struct places places;
        struct str path;
        int r = ctl_places(c, &places);

        if (r != 0)
                return r;
        if (root < 0)
                return ctl_fail(c->root, root);

        path = arena_join(&c->arena, places.runtime, STR("/" LAYOUT_DEFINITIONS_LOCK));
        r = fs_make_dirs(root, path.p + 1, true);
        if (r >= 0)
                r = *ret = fs_lock(root, path.p + 1);
        return r >= 0 || r == -EACCES || r == -EPERM || r == -EROFS ? 0 : ctl_fail(path.p, r);
}

/* A rename, so that no reader sees an incomplete file, and nothing is lost. */
static int write_new(int directory, struct arena *a, const char *name, const struct changed_file *f) {
        const char *draft = arena_join(a, STR("."), str_of(name), STR(".new")).p;
        int r;

        (void) unlinkat(directory, draft, 0);
        r = fs_write(directory, draft, f->mode, f->after);
        if (r == 0)
                r = linkat(directory, draft, directory, name, 0) < 0 ? -errno : 0;
        (void) unlinkat(directory, draft, 0);
        return r;
}

static int write_file(int root, struct arena *a, const struct changed_file *f) {
        struct str path = str_from(f->path, 1), directory = path;
        CLEANUP(close_fd) int fd = -1;
        const char *name;
        int r;

        while (directory.p[directory.n - 1] != '/')
                directory.n--;
        name = path.p + directory.n;
        directory = arena_str(a, (struct str){ directory.p, directory.n - 1 });
        r = str_is_absent(f->after) ? 0 : fs_make_dirs(root, directory.p, false);
        fd = r < 0 ? r : fs_open_dir(root, directory.p);
        if (fd < 0)
                return fd;
        if (f->is_new)
                return write_new(fd, a, name, f);
        if (!str_is_absent(f->after))
                return fs_replace_as(fd, name, f->mode, f->as, f->after);

        /* The directory stays if it has other files. */
        if (unlinkat(fd, name, 0) < 0)
                return -errno;
        (void) unlinkat(root, directory.p, AT_REMOVEDIR);
        return 0;
}

int change_write(struct changing *ch) {
        VEC_EACH(f, &ch->files) {
                int r = str_is_absent(f->before) == str_is_absent(f->after) && str_eq(f->before, f->after)
                                ? 0
                                : write_file(ch->before.world.root, &ch->ctl->arena, f);

                if (r == -EACCES || r == -EPERM) {
                        (void) fprintf(stderr, "pyservicectl: %.*s: %s; run it as root\n", STR_ARG(f->path),
                                       strerror(-r));
                        return CTL_ERROR;
                }
                if (r == -EEXIST) {
                        (void) fprintf(stderr, "pyservicectl: %.*s exists already; nothing changed\n",
                                       STR_ARG(f->path));
                        return CTL_ERROR;
                }
                if (r < 0)
                        return ctl_fail(f->path.p, r);
        }
        return 0;
}

/* A change of the number of instances alone writes no revision. */
static int check_room(const struct changing *ch) {
        bool writes_revision = false;
        struct str full;

        VEC_EACH(change, &ch->changes->list)
                writes_revision |= !str_is(change->key.words[change->key.n - 1], "scale");
        if (!writes_revision)
                return 0;

        full = room_find_full(&ch->ctl->arena, &ch->before.world);
        if (str_is_absent(full))
                return 0;
        (void) fprintf(stderr, "pyservicectl: nothing changed: %.*s\n", STR_ARG(full));
        return CTL_ERROR;
}

int changes_make(struct ctl *c, struct changes *changes) {
        CLEANUP(close_fd) int locked = -1;
        struct changing ch = { .ctl = c, .changes = changes, .before.world.root = -1 };
        int r = change_lock(c, &locked);

        if (r == 0)
                r = session_open(c, &ch.before);
        if (r == 0)
                r = edit_all(&ch);
        if (r == 0)
                r = change_check(&ch);
        if (r == 0)
                r = check_room(&ch);
        if (r == 0)
                r = change_write(&ch);
        session_close(&ch.before);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "change/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "preview/foresee.h"

bool place_is_file(const char *word) {
        struct str text = str_of(word);

        return strchr(word, '/') || str_has_suffix(text, STR(".yaml")) || str_has_suffix(text, STR(".yml"));
}

static struct str place_of(struct arena *a, const struct places *places, struct str app) {
        return arena_join(a, places->definitions[0], STR("/"), app, STR(".yaml"));
}

static int add(struct changing *ch, const char *path) {
        struct arena *a = &ch->ctl->arena;
        const char *slash = strrchr(path, '/');
        struct str name = str_of(slash ? slash + 1 : path), stem = name;
        struct places places;
        struct fs_file file;
        int r = ctl_places(ch->ctl, &places);

        if (r != 0)
                return r;
        r = fs_read_file(a, AT_FDCWD, path, SOURCE_MAX, &file);
        if (r < 0) {
                (void) ctl_fail(path, r);
                return CTL_ERROR;
        }

        stem.n -= str_has_suffix(name, STR(".yaml")) ? strlen(".yaml") : 0;
        if (stem.n == name.n || !type_accepts(KIND_NAME, stem))
                return ctl_usage(ch->ctl,
                                 "'%s' is not a valid name of a definition: it must be the name of an "
                                 "application with the suffix .yaml",
                                 path);

        VEC_EACH(f, &ch->files)
                if (str_eq(f->app, stem))
                        return ctl_usage(ch->ctl, "two files are named '%.*s'", STR_ARG(name));

        *vec_push(a, &ch->files) = (struct changed_file){
                .app = arena_str(a, stem),
                .path = place_of(a, &places, stem),
                .after = file.text,
                .mode = file.stat.st_mode & 0755,
        };
        return 0;
}

int place_take_word(struct changing *ch, const char *word, struct str *ret_app) {
        int r = 0;

        if (!place_is_file(word))
                return foresee_name(word, ret_app);

        r = add(ch, word);
        if (r == 0)
                *ret_app = ch->files.at[ch->files.n - 1].app;
        return r;
}

struct proposed *place_propose(struct changing *ch) {
        struct arena *a = &ch->ctl->arena;
        struct proposed *files = arena_array(a, ch->files.n + 1, struct proposed);
        struct places places = { 0 };

        (void) ctl_places(ch->ctl, &places);
        for (size_t i = 0; i < ch->files.n; i++) {
                const struct changed_file *f = &ch->files.at[i];

                files[i] = (struct proposed){ place_of(a, &places, f->app), f->after, f->mode };
        }
        return files;
}

static int fail(struct str path, int r) {
        if (r != -EISDIR && r != -ENOTSUP)
                return ctl_fail(path.p, r);

        (void) fprintf(stderr,
                       "pyservicectl: %.*s is not a regular file, but for example a link to /dev/null, which "
                       "masks the application; remove it first\n",
                       STR_ARG(path));
        return CTL_ERROR;
}

static int follow_link(struct changing *ch, struct changed_file *f) {
        char *whole = realpath(f->path.p, NULL);

        if (!whole)
                return -errno;
        f->path = arena_str(&ch->ctl->arena, str_of(whole));
        free(whole);
        return 0;
}

/* Absent: nothing is there. */
static int look(struct changing *ch, struct changed_file *f) {
        struct arena *a = &ch->ctl->arena;
        struct fs_file *there = arena_new(a, struct fs_file);
        struct stat st;
        int root = ch->before.world.root, r = 0;

        if (fstatat(root, world_below(f->path), &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISLNK(st.st_mode))
                r = follow_link(ch, f);
        if (r == 0)
                r = fs_read_file(a, root, world_below(f->path), SOURCE_MAX, there);
        if (r < 0)
                return r;

        f->before = there->text;
        f->mode = there->stat.st_mode & 0777;
        f->as = &there->stat;
        return 0;
}

int place_look(struct changing *ch) {
        int r = ch->before.world.root = fs_open_dir(AT_FDCWD, ch->ctl->root);

        if (r < 0)
                return ctl_fail(ch->ctl->root, r);
        VEC_EACH(f, &ch->files) {
                struct str place = f->path;

                r = look(ch, f);
                if (r < 0)
                        return fail(place, r);
                f->is_new = str_is_absent(f->before);
        }
        return 0;
}

bool place_differs(const struct changing *ch) {
        VEC_EACH(f, &ch->files)
                if (f->is_new || !str_eq(f->before, f->after))
                        return true;

        return false;
}

/* True if another program has written one of them in the meantime. */
static bool is_changed(struct changing *ch) {
        VEC_EACH(f, &ch->files) {
                struct str now = { 0 };
                int r = f->is_new ? 0
                                  : fs_read(&ch->ctl->arena, ch->before.world.root, world_below(f->path),
                                            SOURCE_MAX, &now);

                if (r < 0 || !str_eq(now, f->before)) {
                        (void) fprintf(
                                stderr,
                                "pyservicectl: %.*s: another program changed the file in the meantime; "
                                "nothing done\n",
                                STR_ARG(f->path));
                        return true;
                }
        }
        return false;
}

int place_put(struct changing *ch) {
        CLEANUP(close_fd) int locked = -1;
        int r = change_lock(ch->ctl, &locked);

        if (r == 0 && is_changed(ch))
                r = CTL_ERROR;
        if (r == 0)
                r = change_write(ch);

        VEC_EACH(f, &ch->files)
                if (f->after.n > 0 && f->after.p[f->after.n - 1] != '\n')
                        ch->ctl->settles = clock_usec(CLOCK_REALTIME) + SETTLE_USEC;
        return r;
}

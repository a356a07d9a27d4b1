/* SPDX-License-Identifier: Apache-2.0 */

/* Changes of the generated files. The output has the names of variables and the paths of the app's files,
 * never their values. */

#include <errno.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "output/unit.h"
#include "preview/forecast.h"
#include "runtime/spawn.h"

/* Two files whose names differ only in the hash are one file that changed. */
struct twin {
        const struct tree_file *before, *after; /* NULL if there is none */
};

struct twin_list {
        VEC(struct twin) list;
};

enum { HASH_DIGITS = 8 };

static bool is_hash(struct str path, size_t at) {
        struct str digits = { path.p + at, HASH_DIGITS };

        if (at + HASH_DIGITS > path.n || !str_is_made_of(digits, "0123456789abcdef"))
                return false;

        return at > 0 && strchr("/.-", path.p[at - 1]) &&
               (at + HASH_DIGITS == path.n || strchr(".-", path.p[at + HASH_DIGITS]));
}

static struct str without_hash(struct arena *a, struct str path) {
        for (size_t i = 0; i < path.n; i++)
                if (is_hash(path, i))
                        return arena_join(a, (struct str){ path.p, i }, str_from(path, i + HASH_DIGITS));

        return path;
}

/* The file of the other tree whose name differs only in the hash, and that is in no twin by its own name. */
static const struct tree_file *find_namesake(struct arena *a, const struct tree_file *file,
                                             const struct tree *from, const struct tree *in) {
        struct str name = without_hash(a, file->path);

        if (name.n == file->path.n)
                return NULL;
        VEC_EACH(other, &in->files)
                if (!tree_find(from, other->path) && str_eq(without_hash(a, other->path), name))
                        return other;

        return NULL;
}

static void find_twins(struct arena *a, const struct forecast_app *app, struct twin_list *ret) {
        VEC_EACH(file, &app->before.files) {
                const struct tree_file *after = tree_find(&app->after, file->path);

                if (after && str_eq(after->text, file->text))
                        continue;
                if (!after)
                        after = find_namesake(a, file, &app->before, &app->after);
                *vec_push(a, &ret->list) = (struct twin){ file, after };
        }
        VEC_EACH(file, &app->after.files) {
                bool is_taken = tree_find(&app->before, file->path);

                VEC_EACH(twin, &ret->list)
                        is_taken |= twin->after == file;
                if (!is_taken)
                        *vec_push(a, &ret->list) = (struct twin){ NULL, file };
        }
}

static bool is_hidden(const struct tree_file *file) {
        return str_has_prefix(file->path, STR(LAYOUT_ENV "/")) || file->is_private;
}

static bool is_variables(const struct tree_file *file) {
        return str_has_suffix(file->path, STR(".env")) || str_has_suffix(file->path, STR(".template"));
}

/* How much of a line may be seen: "NAME=" of a file of variables. */
static size_t visible(const struct tree_file *file, struct str line) {
        size_t at = str_find(line, '=');

        if (!is_hidden(file))
                return str_has_prefix(file->path, STR(LAYOUT_QUADLET "/")) ? unit_visible(line) : line.n;

        return at < line.n ? at + 1 : 0;
}

/* The line of the other file that begins like this one; absent if there is none. */
static struct str find_line(const struct tree_file *file, struct str beginning) {
        struct str rest = file ? file->text : (struct str){ 0 }, line;

        while (str_split(&rest, '\n', &line))
                if (str_has_prefix(line, beginning))
                        return line;

        return (struct str){ 0 };
}

static void put_line(struct buf *out, const struct tree_file *file, const struct tree_file *other,
                     struct str line) {
        size_t n = visible(file, line);
        struct str old = n < line.n ? find_line(other, (struct str){ line.p, n }) : (struct str){ 0 };

        buf_put_str(out, utf8_clean(out->arena, (struct str){ line.p, n }));
        if (n < line.n)
                buf_put(out,
                        !str_is_absent(old) && !str_eq(old, line) ? "(hidden, another value)" : "(hidden)");
        buf_put_char(out, '\n');
}

/* `other`: what it is compared with; NULL for nothing. */
static struct str show(struct arena *a, const struct tree_file *file, const struct tree_file *other) {
        struct buf out = buf_in(a);
        struct str rest = file->text, line;

        if (is_hidden(file) && !is_variables(file))
                return other ? STR("(hidden, another content)\n") : STR("(hidden)\n");

        if (rest.n > 0 && rest.p[rest.n - 1] == '\n')
                rest.n--;
        while (str_split(&rest, '\n', &line))
                put_line(&out, file, other, line);
        return buf_str(&out);
}

static struct str label(struct arena *a, char side, const struct forecast_app *app,
                        const struct tree_file *file) {
        if (!file)
                return STR("--label=/dev/null");

        return arena_join(a, STR("--label="), (struct str){ &side, 1 }, STR("/"), app->name, STR("/"),
                          file->path);
}

static int put_twin(struct buf *out, const struct trial *t, const struct forecast_app *app,
                    const struct twin *twin) {
        struct arena *a = out->arena;
        struct str program = spawn_find(a, "diff"), before = arena_join(a, str_of(t->path), STR("/before"));
        struct spawn_result result;
        int r = str_is_absent(program) ? -ENOENT : 0;

        if (r >= 0)
                r = fs_replace(t->publisher.runtime, "before", 0600,
                               twin->before ? show(a, twin->before, NULL) : STR(""));
        if (r >= 0)
                r = spawn_run_on(a,
                                 (const char *const[]){ program.p, "-u", label(a, 'a', app, twin->before).p,
                                                        label(a, 'b', app, twin->after).p, before.p, "-",
                                                        NULL },
                                 twin->after ? show(a, twin->after, twin->before) : STR(""), &result);
        if (r < 0)
                return r;

        buf_put_str(out, result.out);
        return result.status > 1 ? -EIO : 0;
}

int forecast_diff(struct arena *a, const struct trial *t, const struct forecast_app *app, struct str *ret) {
        struct buf out = buf_in(a);
        struct twin_list twins = { 0 };
        int r = 0;

        find_twins(a, app, &twins);
        VEC_EACH(twin, &twins.list)
                if (r >= 0)
                        r = put_twin(&out, t, app, twin);
        *ret = buf_str(&out);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "state/hold.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { HOLD_FILE_MAX = 1 << 20 };

#define ALL STR("*")

static struct str runtime_path(struct arena *a, struct str app) {
        return arena_join(a, STR(LAYOUT_STOPPED "/"), app);
}

static struct str lasting_path(struct arena *a, struct str app) {
        return arena_join(a, app, STR("/" LAYOUT_LASTING));
}

static bool is_unit(struct str text) {
        return text.n > 0 && text.n < 200 && text.p[0] != '-' &&
               str_is_made_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

static bool parse_word(struct str word, struct hold *ret) {
        size_t at = str_find(word, '@');

        if (str_eq(word, ALL))
                return true;

        ret->unit = (struct str){ word.p, at };
        ret->has_number = at < word.n;
        return is_unit(ret->unit) &&
               (!ret->has_number || str_to_u64(str_from(word, at + 1), UINT32_MAX, &ret->number));
}

static bool is_same(const struct hold *a, const struct hold *b) {
        return str_is_absent(a->unit) == str_is_absent(b->unit) && str_eq(a->unit, b->unit) &&
               a->has_number == b->has_number && a->number == b->number;
}

struct hold *hold_take(struct arena *a, struct holds *h, const struct hold *what) {
        VEC_EACH(hold, &h->list)
                if (is_same(hold, what))
                        return hold;

        *vec_push(a, &h->list) =
                (struct hold){ .unit = what->unit, .has_number = what->has_number, .number = what->number };
        return &h->list.at[h->list.n - 1];
}

struct row {
        uint64_t since;
        struct str word;
};

struct content {
        VEC(struct row) now, lasting;
};

static const struct row_kind kinds[] = {
        ROW_LIST("now", struct content, now, ROW_FIELD(ROW_COUNT, struct row, since),
                 ROW_FIELD(ROW_NAME, struct row, word)),
        ROW_LIST("lasting", struct content, lasting, ROW_FIELD(ROW_COUNT, struct row, since),
                 ROW_FIELD(ROW_NAME, struct row, word)),
};

static const struct row_file row_file =
        ROW_FILE(struct content, kinds, .name = "pyservice-stopped", .version = 1);

/* Each at most once. */
static bool take_row(struct arena *a, const struct row *row, bool is_lasting, struct holds *h) {
        struct hold what = { 0 }, *hold;
        uint64_t *since;

        if (!parse_word(row->word, &what))
                return false;

        hold = hold_take(a, h, &what);
        since = is_lasting ? &hold->lasting : &hold->now;
        if (*since > 0 || h->list.n > HOLD_MAX)
                return false;

        *since = row->since;
        return true;
}

static int parse(struct arena *a, struct str text, struct holds *ret) {
        struct content content;
        struct holds h = { 0 };
        bool is_good = rows_parse(a, &row_file, text, &content) >= 0;

        if (!is_good)
                return -EBADMSG;
        VEC_EACH(row, &content.now)
                is_good = is_good && take_row(a, row, false, &h);
        VEC_EACH(row, &content.lasting)
                is_good = is_good && take_row(a, row, true, &h);
        if (!is_good)
                return -EBADMSG;

        *ret = h;
        return 0;
}

static int read_file(struct arena *a, int dir, struct str path, struct holds *ret) {
        struct fs_file file;
        int r = dir < 0 ? -ENOENT : fs_read_file(a, dir, path.p, HOLD_FILE_MAX, &file);

        *ret = (struct holds){ 0 };
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r < 0)
                return r;
        if ((file.stat.st_uid != 0 && file.stat.st_uid != geteuid()) ||
            (file.stat.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return -EPERM;

        return parse(a, file.text, ret);
}

int hold_read(struct arena *a, int dir, struct str app, struct holds *ret) {
        return read_file(a, dir, runtime_path(a, app), ret);
}

int hold_read_lasting(struct arena *a, int dir, struct str app, struct holds *ret) {
        return read_file(a, dir, lasting_path(a, app), ret);
}

static struct str word_of(struct arena *a, const struct hold *hold) {
        if (str_is_absent(hold->unit))
                return ALL;

        return hold->has_number ? arena_join(a, hold->unit, STR("@"), arena_u64(a, hold->number))
                                : hold->unit;
}

/* Absent if there is nothing to be written. */
static int make_text(struct arena *a, const struct holds *h, bool has_now, struct str *ret) {
        struct content content = { 0 };
        struct holds check;

        VEC_EACH(hold, &h->list) {
                struct str word = word_of(a, hold);

                if (has_now && hold->now > 0)
                        *vec_push(a, &content.now) = (struct row){ hold->now, word };
                if (hold->lasting > 0)
                        *vec_push(a, &content.lasting) = (struct row){ hold->lasting, word };
        }

        *ret = content.now.n + content.lasting.n > 0 ? rows_text(a, &row_file, &content) : (struct str){ 0 };
        return !str_is_absent(*ret) && parse(a, *ret, &check) < 0 ? -EINVAL : 0;
}

static int remove_file(int dir, struct str path) {
        return unlinkat(dir, path.p, 0) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

int hold_write(struct arena *a, int dir, struct str app, const struct holds *h) {
        struct str text, path = runtime_path(a, app);
        int r = make_text(a, h, true, &text);

        if (r < 0 || text.n == 0)
                return r < 0 ? r : remove_file(dir, path);

        r = fs_make_dirs(dir, path.p, true);
        return r < 0 ? r : fs_replace(dir, path.p, 0644, text);
}

int hold_write_lasting(struct arena *a, int dir, struct str app, const struct holds *h) {
        CLEANUP(close_fd) int app_dir = -1;
        struct str text;
        int r = make_text(a, h, false, &text);

        if (r < 0 || text.n == 0)
                return r < 0 ? r : remove_file(dir, lasting_path(a, app));

        app_dir = fs_open_dir(dir, app.p);
        return app_dir < 0 ? app_dir : fs_replace_safely(app_dir, LAYOUT_LASTING, 0600, text);
}

/* "shop@1.service" is of "shop", with a number; so is "shop-once@1.target". Other targets do not belong to a
 * part. */
static struct str part_of(struct str unit, struct str *ret_number) {
        struct str once = STR("-once");
        bool is_target = str_has_suffix(unit, STR(".target"));
        size_t at;

        while (unit.n > 0 && unit.p[unit.n - 1] != '.')
                unit.n--;
        unit.n -= unit.n > 0;
        at = str_find(unit, '@');
        *ret_number = at < unit.n ? str_from(unit, at + 1) : (struct str){ 0 };
        unit.n = at;
        if (!is_target)
                return unit;
        if (!str_has_suffix(unit, once))
                return (struct str){ 0 };

        unit.n -= once.n;
        return unit;
}

const struct hold *hold_find(const struct holds *h, struct str unit) {
        struct str number, part = part_of(unit, &number);
        char digits[20];

        VEC_EACH(hold, &h->list) {
                if (hold->now == 0)
                        continue;
                if (str_is_absent(hold->unit))
                        return hold;
                if (!str_is_absent(part) && str_eq(hold->unit, part) &&
                    (!hold->has_number || str_eq(str_u64(hold->number, digits), number)))
                        return hold;
        }

        return NULL;
}

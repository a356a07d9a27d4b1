/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "bundle/layout.h"

enum { TEXT_MAX = 4 << 20 };

static struct progress_unit *find(const struct progress *p, struct str unit) {
        VEC_EACH(u, &p->units)
                if (str_eq(u->name, unit))
                        return u;

        return NULL;
}

void progress_set(struct arena *a, struct progress *p, struct str unit, struct str state) {
        struct progress_unit *u = find(p, unit);

        if (!u) {
                u = vec_push(a, &p->units);
                u->name = unit;
        }
        u->state = state;
}

struct str progress_find(const struct progress *p, struct str unit) {
        const struct progress_unit *u = find(p, unit);

        return u ? u->state : (struct str){ 0 };
}

static void put_line(struct buf *b, const char *key, struct str value) {
        buf_put(b, key);
        buf_put_str(b, value);
        buf_put_char(b, '\n');
}

struct str progress_text(struct arena *a, const struct progress *p) {
        struct buf b = buf_in(a);

        put_line(&b, "revision ", p->revision);
        put_line(&b, "phase ", p->phase);
        put_line(&b, "started ", arena_u64(a, p->started));
        VEC_EACH(u, &p->units)
                put_line(&b, "unit ", arena_join(a, u->name, STR(" "), u->state));
        if (!str_is_absent(p->message))
                put_line(&b, "message ", p->message);
        if (p->since > 0)
                put_line(&b, "since ", arena_u64(a, p->since));

        return buf_str(&b);
}

/* The text behind "KEY ", if the line has that key. */
static bool take(struct arena *a, struct str line, struct str key, struct str *ret) {
        if (!str_has_prefix(line, key))
                return false;

        *ret = arena_str(a, str_from(line, key.n));
        return true;
}

void progress_parse(struct arena *a, struct str text, struct progress *ret) {
        struct progress p = { 0 };
        struct str rest = text, line, value;

        while (str_split(&rest, '\n', &line)) {
                if (take(a, line, STR("revision "), &p.revision) || take(a, line, STR("phase "), &p.phase) ||
                    take(a, line, STR("message "), &p.message))
                        continue;
                if (take(a, line, STR("started "), &value))
                        (void) str_to_u64(value, UINT64_MAX, &p.started);
                else if (take(a, line, STR("since "), &value))
                        (void) str_to_u64(value, UINT64_MAX, &p.since);
                else if (take(a, line, STR("unit "), &value) && str_find(value, ' ') < value.n) {
                        size_t blank = str_find(value, ' ');

                        progress_set(a, &p, arena_str(a, (struct str){ value.p, blank }),
                                     str_from(value, blank + 1));
                }
        }

        *ret = p;
}

int progress_read(struct arena *a, int runtime, struct str app, struct progress *ret) {
        struct str text;
        int r = fs_read(a, runtime, arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app).p, TEXT_MAX, &text);

        if (r < 0)
                return r;

        progress_parse(a, text, ret);
        return 0;
}

int progress_write(struct arena *a, int runtime, struct str app, const struct progress *p) {
        struct str path = arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app);
        int r = fs_make_dirs(runtime, path.p, true);

        return r < 0 ? r : fs_replace(runtime, path.p, 0644, progress_text(a, p));
}

void progress_remove(struct arena *a, int runtime, struct str app) {
        (void) unlinkat(runtime, arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app).p, 0);
}

int progress_open_lock(struct arena *a, int runtime, struct str app) {
        struct str path = arena_join(a, STR(LAYOUT_ROLLOUTS "/"), app, STR(".lock"));
        int r = fs_make_dirs(runtime, path.p, true);

        if (r < 0)
                return r;

        r = openat(runtime, path.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        return r < 0 ? -errno : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/message.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { NOTIFY_MAX = 64 * 1024, TEXT_MAX = 64 * 1024, HOST_SIZE = 256 };

static const struct row_kind notify_kinds[] = {
        ROW_LIST("command", struct notify, command, ROW_WHOLE(ROW_NAME)),
        ROW_ONCE("webhook", ROW_FIELD(ROW_TEXT, struct notify, url),
                 ROW_FIELD(ROW_TEXT, struct notify, credential)),
        ROW_LIST("mail", struct notify, recipients, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("event", struct notify, events, ROW_WHOLE(ROW_NAME)),
};

static const struct row_file notify_file =
        ROW_FILE(struct notify, notify_kinds, .name = "pyservice-notify", .version = 1);

static const struct row_kind kinds[] = {
        ROW_ONCE("event", ROW_FIELD(ROW_NAME, struct message, id), ROW_FIELD(ROW_NAME, struct message, event),
                 ROW_FIELD(ROW_NAME, struct message, app), ROW_FIELD(ROW_TEXT, struct message, part),
                 ROW_FIELD(ROW_TEXT, struct message, revision), ROW_FIELD(ROW_TEXT, struct message, host),
                 ROW_FIELD(ROW_NUMBER, struct message, time), ROW_FIELD(ROW_TEXT, struct message, reason)),
        ROW_LIST("log", struct message, log, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("way", struct message, ways, ROW_FIELD(ROW_NAME, struct message_way, name),
                 ROW_FIELD(ROW_FLAG, struct message_way, is_done),
                 ROW_FIELD(ROW_NUMBER, struct message_way, tries),
                 ROW_FIELD(ROW_NUMBER, struct message_way, next),
                 ROW_FIELD(ROW_TEXT, struct message_way, problem)),
};

static const struct row_file file =
        ROW_FILE(struct message, kinds, .name = "pyservice-message", .version = 1);

struct str notify_text(struct arena *a, const struct notify *n) {
        return rows_text(a, &notify_file, n);
}

int notify_parse(struct arena *a, struct str text, struct notify *ret) {
        return rows_parse(a, &notify_file, text, ret);
}

int notify_read(struct arena *a, int runtime, struct notify *ret) {
        struct str text;
        int r = fs_read(a, runtime, LAYOUT_NOTIFY, NOTIFY_MAX, &text);

        return r < 0 ? r : notify_parse(a, text, ret);
}

bool notify_wants(const struct notify *n, struct str event) {
        return n->events.n == 0 || VEC_HAS(&n->events, event);
}

struct str message_text(struct arena *a, const struct message *m) {
        return rows_text(a, &file, m);
}

int message_parse(struct arena *a, struct str text, struct message *ret) {
        return rows_parse(a, &file, text, ret);
}

/* An empty text tells nobody anything. */
static struct str line_of(struct arena *a, struct str text, size_t max) {
        struct str line = str_is_absent(text) ? text : utf8_clean_line(a, text, max);

        return line.n > 0 ? line : (struct str){ 0 };
}

static struct str host_name(struct arena *a) {
        char name[HOST_SIZE];

        if (gethostname(name, sizeof(name)) < 0)
                return (struct str){ 0 };
        name[sizeof(name) - 1] = '\0';
        return line_of(a, str_of(name), sizeof(name));
}

void message_finish(struct arena *a, struct message *m, struct str occasion) {
        struct hash_state *h = hash_start(a);
        size_t n = 0;

        m->host = host_name(a);
        m->reason = line_of(a, m->reason, MESSAGE_REASON_MAX);
        if (m->log.n > MESSAGE_LINES_MAX) {
                m->log.at += m->log.n - MESSAGE_LINES_MAX;
                m->log.n = MESSAGE_LINES_MAX;
        }
        VEC_EACH(line, &m->log) {
                struct str cut = line_of(a, *line, MESSAGE_LINE_MAX);

                if (!str_is_absent(cut))
                        m->log.at[n++] = cut;
        }
        m->log.n = n;

        hash_add(h, m->host);
        hash_add(h, m->event);
        hash_add(h, m->app);
        hash_add(h, m->part);
        hash_add(h, m->revision);
        hash_add(h, occasion);
        m->id = hash_text(a, h);
}

static int compare_messages(const void *left, const void *right) {
        const struct message *a = left, *b = right;

        return a->time != b->time ? (a->time > b->time) - (a->time < b->time) : str_cmp(a->id, b->id);
}

/* A file that cannot be read, and one whose name is not its id, which no program of ours wrote. */
static bool read_one(struct arena *a, int dir, struct str name, struct message *ret) {
        struct str text;

        return fs_read(a, dir, name.p, TEXT_MAX, &text) >= 0 && message_parse(a, text, ret) >= 0 &&
               str_eq(ret->id, name);
}

int message_list(struct arena *a, int state, struct messages *ret, struct messages *ret_broken) {
        CLEANUP(close_fd) int dir = fs_open_dir(state, LAYOUT_MESSAGES);
        struct fs_names names = { 0 };
        int r = dir < 0 ? dir : fs_list(a, dir, ".", &names);

        *ret = *ret_broken = (struct messages){ 0 };
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        VEC_EACH(name, &names.list) {
                struct message m = { 0 };

                if (name->p[0] == '.')
                        continue;
                if (read_one(a, dir, *name, &m))
                        *vec_push(a, &ret->list) = m;
                else
                        *vec_push(a, &ret_broken->list) = (struct message){ .id = *name };
        }
        if (ret->list.n > 1)
                qsort(ret->list.at, ret->list.n, sizeof(struct message), compare_messages);
        return 0;
}

static struct str path_of(struct arena *a, struct str id) {
        return arena_join(a, STR(LAYOUT_MESSAGES "/"), id);
}

int message_remove(struct arena *a, int state, struct str id) {
        return unlinkat(state, path_of(a, id).p, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int message_write(struct arena *a, int state, const struct message *m) {
        if (faccessat(state, path_of(a, m->id).p, F_OK, 0) < 0)
                return errno == ENOENT ? 0 : -errno;

        return fs_replace(state, path_of(a, m->id).p, 0600, message_text(a, m));
}

static int drop_oldest(struct arena *a, int state) {
        struct messages all, broken;
        int r = message_list(a, state, &all, &broken);
        size_t n = r < 0 ? 0 : all.list.n + broken.list.n, excess = n > MESSAGES_MAX ? n - MESSAGES_MAX : 0;

        for (size_t i = 0; i < excess && r >= 0; i++)
                r = message_remove(a, state,
                                   i < broken.list.n ? broken.list.at[i].id
                                                     : all.list.at[i - broken.list.n].id);
        return r < 0 ? r : (int) excess;
}

int message_add(struct arena *a, int state, const struct message *m) {
        CLEANUP(close_fd) int dir = -1;
        int r = mkdirat(state, LAYOUT_MESSAGES, 0700) < 0 && errno != EEXIST ? -errno : 0;

        if (r >= 0)
                r = dir = fs_open_dir(state, LAYOUT_MESSAGES);
        if (r >= 0)
                r = fs_replace_safely(dir, m->id.p, 0600, message_text(a, m));
        return r < 0 ? r : drop_oldest(a, state);
}

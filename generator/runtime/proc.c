/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"

enum { LISTEN = 0x0a };

int proc_read(struct arena *a, const char *path, struct str *ret) {
        CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct buf b = buf_in(a);
        char piece[4096];

        if (fd < 0)
                return -errno;

        while (b.n + sizeof(piece) <= BUF_MAX) {
                ssize_t n = TEMP_FAILURE_RETRY(read(fd, piece, sizeof(piece)));

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                buf_put_str(&b, (struct str){ piece, (size_t) n });
        }

        *ret = buf_str(&b);
        return 0;
}

int proc_read_children(struct arena *a, struct str pid, struct proc_children *ret) {
        struct str path = arena_join(a, STR("/proc/"), pid, STR("/task/"), pid, STR("/children")), text,
                   child;
        struct proc_children children = { 0 };
        int r = proc_read(a, path.p, &text);

        if (r < 0)
                return r;
        while (str_split(&text, ' ', &child))
                if (child.n > 0)
                        *vec_push(a, &children.list) = arena_str(a, child);
        *ret = children;
        return 0;
}

/* The next word of a line of columns. */
static struct str take_word(struct str *rest) {
        struct str word = { 0 };

        *rest = str_trim(*rest);
        if (rest->n == 0)
                return (struct str){ 0 };

        (void) str_split(rest, ' ', &word);
        if (str_is_absent(*rest))
                *rest = STR("");
        return word;
}

static uint64_t hex_of(struct arena *a, struct str digits) {
        return strtoull(arena_str(a, digits).p, NULL, 16);
}

/* "  0: 0100007F:5A85 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22722474 …": the
 * tenth field is the inode. */
static bool parse_line(struct arena *a, struct str line, struct proc_listener *ret) {
        struct str words[10], address;
        size_t colon;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                words[i] = take_word(&line);
        colon = str_find(words[1], ':');
        if (colon == words[1].n || hex_of(a, words[3]) != LISTEN)
                return false;

        address = (struct str){ words[1].p, colon };
        *ret = (struct proc_listener){
                .port = hex_of(a, str_from(words[1], colon + 1)),
                .is_any = str_is_made_of(address, "0"),
                .is_loopback =
                        str_is(address, "0100007F") || str_is(address, "0000000000000000FFFF00000100007F"),
        };
        return ret->port <= UINT16_MAX && str_to_u64(words[9], UINT64_MAX, &ret->inode);
}

void proc_parse_listeners(struct arena *a, struct str text, struct proc_listeners *ret) {
        struct proc_listener listener;
        struct str line;

        while (str_split(&text, '\n', &line))
                if (parse_line(a, line, &listener))
                        *vec_push(a, &ret->list) = listener;
}

/* The last service in "0::/system.slice/system-shop.slice/shop@0.service/supervisor". */
struct str proc_unit_of(struct str cgroup) {
        struct str line, part, found = { 0 };

        while (str_split(&cgroup, '\n', &line)) {
                if (!str_has_prefix(line, STR("0::/")) && str_find_str(line, STR(":name=systemd:")) == line.n)
                        continue;
                while (str_split(&line, '/', &part))
                        if (str_has_suffix(part, STR(".service")) ||
                            (str_has_suffix(part, STR(".scope")) && !str_has_suffix(found, STR(".service"))))
                                found = part;
        }

        return found;
}

static void take_owner(struct arena *a, struct str pid, uint64_t inode, struct proc_listeners *l) {
        VEC_EACH(listener, &l->list) {
                struct str text;

                if (listener->inode != inode || !str_is_absent(listener->pid))
                        continue;
                listener->pid = pid;
                if (proc_read(a, arena_join(a, STR("/proc/"), pid, STR("/comm")).p, &text) >= 0)
                        listener->process = str_trim((struct str){ text.p, str_find(text, '\n') });
                if (proc_read(a, arena_join(a, STR("/proc/"), pid, STR("/cgroup")).p, &text) >= 0)
                        listener->unit = proc_unit_of(text);
        }
}

/* The sockets that a process has open; without those that it does not show, or closes meanwhile. */
static void look_at_process(struct arena *a, struct str pid, struct proc_listeners *l) {
        static const struct str prefix = STR_INIT("socket:[");
        struct str path = arena_join(a, STR("/proc/"), pid, STR("/fd"));
        CLEANUP(close_fd) int dir = fs_open_dir(AT_FDCWD, path.p);
        struct fs_names names;

        if (dir < 0 || fs_list(a, dir, ".", &names) < 0)
                return;
        VEC_EACH(name, &names.list) {
                char target[64];
                ssize_t n = readlinkat(dir, name->p, target, sizeof(target));
                struct str link = { target, n < 0 ? 0 : (size_t) n };
                uint64_t inode;

                if (str_has_prefix(link, prefix) &&
                    str_to_u64((struct str){ link.p + prefix.n, link.n - prefix.n - 1 }, UINT64_MAX, &inode))
                        take_owner(a, pid, inode, l);
        }
}

int proc_read_listeners(struct arena *a, struct proc_listeners *ret) {
        static const char *const files[] = { "/proc/self/net/tcp", "/proc/net/tcp6" };
        struct proc_listeners listeners = { 0 };
        struct fs_names names = { 0 };
        struct str text;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                r = proc_read(a, files[i], &text);
                if (r < 0 && (i == 0 || r != -ENOENT))
                        return r;
                if (r >= 0)
                        proc_parse_listeners(a, text, &listeners);
        }

        r = fs_list(a, AT_FDCWD, "/proc", &names);
        VEC_EACH(name, &names.list)
                if (isdigit((unsigned char) name->p[0]))
                        look_at_process(a, *name, &listeners);
        if (r >= 0)
                *ret = listeners;
        return r;
}

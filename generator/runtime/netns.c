/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "runtime/proc.h"

static int find_child(struct arena *a, struct str parent, struct str *ret) {
        struct proc_children children;
        int r = proc_read_children(a, parent, &children);

        if (r < 0 || children.list.n == 0)
                return r < 0 ? r : -ESRCH;
        *ret = children.list.at[0];
        return 0;
}

/* Such a process, or one that it starts, can give itself any address. */
static int check_rights(struct arena *a, struct str pid) {
        struct str text, line, value;
        int r = proc_read(a, arena_join(a, STR("/proc/"), pid, STR("/status")).p, &text);

        while (r >= 0 && str_split(&text, '\n', &line)) {
                if (!str_has_prefix(line, STR("CapBnd:")))
                        continue;
                value = str_trim(str_from(line, strlen("CapBnd:")));
                return strtoull(arena_str(a, value).p, NULL, 16) & 1ULL << CAP_NET_ADMIN ? -EPERM : 0;
        }
        return r < 0 ? r : -EPERM;
}

/* In a user namespace of its own, a container can make a network with any address in it, and then give up the
 * rights to change it. */
static int check_maker(int namespace) {
        CLEANUP(close_fd) int maker = ioctl(namespace, NS_GET_USERNS);
        struct stat own, its;

        if (maker < 0 || stat("/proc/self/ns/user", &own) < 0 || fstat(maker, &its) < 0)
                return -errno;

        return own.st_dev == its.st_dev && own.st_ino == its.st_ino ? 0 : -EPERM;
}

static struct str text_of(struct arena *a, const struct sockaddr *address) {
        char text[INET6_ADDRSTRLEN];
        const void *bytes = address->sa_family == AF_INET
                                    ? (const void *) &((const struct sockaddr_in *) address)->sin_addr
                                    : (const void *) &((const struct sockaddr_in6 *) address)->sin6_addr;

        return arena_str(a, str_of(inet_ntop(address->sa_family, bytes, text, sizeof(text))));
}

static bool is_global(const struct sockaddr *address) {
        return address && (address->sa_family == AF_INET ||
                           (address->sa_family == AF_INET6 &&
                            !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *) address)->sin6_addr)));
}

static int choose(struct arena *a, const struct ifaddrs *list, struct str *ret) {
        const struct ifaddrs *found = NULL;

        for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
                if (i->ifa_flags & IFF_LOOPBACK || !is_global(i->ifa_addr))
                        continue;
                if (found && strcmp(found->ifa_name, i->ifa_name) != 0)
                        return -ENOTUNIQ;
                if (!found || (found->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family == AF_INET))
                        found = i;
        }
        if (!found)
                return -EADDRNOTAVAIL;
        *ret = text_of(a, found->ifa_addr);
        return 0;
}

static int look_within(struct arena *a, int namespace, int own, struct str *ret) {
        struct ifaddrs *list = NULL;
        int r;

        if (setns(namespace, CLONE_NEWNET) < 0)
                return -errno;
        r = getifaddrs(&list) < 0 ? -errno : choose(a, list, ret);
        freeifaddrs(list);
        if (setns(own, CLONE_NEWNET) < 0)
                abort(); /* what follows would happen in the network of a container */
        return r;
}

int netns_find_address(struct arena *a, uint64_t parent, struct str *ret) {
        CLEANUP(close_fd) int namespace = -1, own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        struct str pid = arena_u64(a, parent), child, again;
        int r = own < 0 ? -errno : find_child(a, pid, &child);

        if (r >= 0)
                r = check_rights(a, child);
        if (r < 0)
                return r;

        namespace = open(arena_join(a, STR("/proc/"), child, STR("/ns/net")).p, O_RDONLY | O_CLOEXEC);
        if (namespace < 0)
                return -errno;
        r = find_child(a, pid, &again); /* still: the number may have gone to another process */
        if (r >= 0 && !str_eq(child, again))
                r = -ESRCH;
        if (r >= 0)
                r = check_maker(namespace);
        return r < 0 ? r : look_within(a, namespace, own, ret);
}

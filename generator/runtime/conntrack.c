/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdint.h>
#include <time.h>

#include "base/vec.h"

enum {
        QUESTION_MAX = 1024,
        ANSWER_MAX = 32768, /* the most that the kernel puts into one piece of a dump */
};

/* Which members of a tuple a filter means: the kernel's net/netfilter/nf_internals.h, since Linux 5.8. */
#define FILTER_IP_DST (1U << 1)
#define FILTER_PROTO_NUM (1U << 3)
#define FILTER_PROTO_DST_PORT (1U << 5)

/* Those that were found, as the kernel names them. */
struct found {
        struct arena arena;
        unsigned port;
        VEC(struct str) tuples;
};

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct nfgenmsg *family;

        header->nlmsg_type = (uint16_t) (NFNL_SUBSYS_CTNETLINK << 8 | type);
        header->nlmsg_flags = NLM_F_REQUEST | flags;
        header->nlmsg_seq = (uint32_t) time(NULL);
        family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
        family->nfgen_family = AF_INET;
        family->version = NFNETLINK_V0;
        return header;
}

static void put_filter(struct nlmsghdr *header, unsigned port) {
        struct nlattr *filter = mnl_attr_nest_start(header, CTA_FILTER), *tuple, *part;

        mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS,
                         FILTER_IP_DST | FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT);
        mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, 0);
        mnl_attr_nest_end(header, filter);

        tuple = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
        part = mnl_attr_nest_start(header, CTA_TUPLE_IP);
        mnl_attr_put_u32(header, CTA_IP_V4_DST, htonl(INADDR_LOOPBACK));
        mnl_attr_nest_end(header, part);
        part = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
        mnl_attr_put_u8(header, CTA_PROTO_NUM, IPPROTO_TCP);
        mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons((uint16_t) port));
        mnl_attr_nest_end(header, part);
        mnl_attr_nest_end(header, tuple);
}

/* Attributes by their type; NULL for those that are not there. */
struct attributes {
        const struct nlattr *at[CTA_PROTOINFO + 1];
};

static int sort(const struct nlattr *attr, void *data) {
        struct attributes *sorted = data;
        uint16_t type = mnl_attr_get_type(attr);

        if (type < ARRAY_SIZE(sorted->at))
                sorted->at[type] = attr;
        return MNL_CB_OK;
}

static struct attributes open_nest(const struct nlattr *nest) {
        struct attributes sorted = { 0 };

        if (nest)
                (void) mnl_attr_parse_nested(nest, sort, &sorted);
        return sorted;
}

/* Filtered once more: an older kernel returns everything. */
static bool is_meant(const struct nlattr *tuple, unsigned port) {
        struct attributes parts = open_nest(tuple), ip = open_nest(parts.at[CTA_TUPLE_IP]),
                          proto = open_nest(parts.at[CTA_TUPLE_PROTO]);
        const struct nlattr *address = ip.at[CTA_IP_V4_DST], *number = proto.at[CTA_PROTO_NUM],
                            *to = proto.at[CTA_PROTO_DST_PORT];

        return address && number && to && mnl_attr_get_u32(address) == htonl(INADDR_LOOPBACK) &&
               mnl_attr_get_u8(number) == IPPROTO_TCP && mnl_attr_get_u16(to) == htons((uint16_t) port);
}

static int remember(const struct nlmsghdr *header, void *data) {
        struct found *found = data;
        struct attributes entry = { 0 };
        const struct nlattr *tuple;

        (void) mnl_attr_parse(header, sizeof(struct nfgenmsg), sort, &entry);
        tuple = entry.at[CTA_TUPLE_ORIG];
        if (is_meant(tuple, found->port))
                *vec_push(&found->arena, &found->tuples) =
                        arena_str(&found->arena, (struct str){ mnl_attr_get_payload(tuple),
                                                               mnl_attr_get_payload_len(tuple) });

        return MNL_CB_OK;
}

/* Sends, and reads the answer to its end. */
static int ask(struct mnl_socket *socket, const struct nlmsghdr *header, mnl_cb_t on_data, void *data) {
        char buffer[ANSWER_MAX];
        ssize_t n;
        int r;

        if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
                return -errno;

        do {
                n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
                r = n < 0 ? MNL_CB_ERROR
                          : mnl_cb_run(buffer, (size_t) n, header->nlmsg_seq, mnl_socket_get_portid(socket),
                                       on_data, data);
        } while (r > MNL_CB_STOP);

        return r == MNL_CB_ERROR ? -errno : 0;
}

static int list(struct mnl_socket *socket, struct found *found) {
        char buffer[QUESTION_MAX];
        struct nlmsghdr *header = begin(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP);

        put_filter(header, found->port);
        return ask(socket, header, remember, found);
}

static int drop(struct mnl_socket *socket, struct str tuple) {
        char buffer[QUESTION_MAX];
        struct nlmsghdr *header = begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
        int r;

        mnl_attr_put(header, CTA_TUPLE_ORIG | NLA_F_NESTED, tuple.n, tuple.p);
        r = ask(socket, header, NULL, NULL);
        return r == -ENOENT ? 0 : r; /* its time was over */
}

int conntrack_forget(unsigned port) {
        struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
        struct found found = { .port = port };
        int r;

        if (!socket)
                return -errno;

        r = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : list(socket, &found);
        VEC_EACH(tuple, &found.tuples)
                if (r >= 0)
                        r = drop(socket, *tuple);

        mnl_socket_close(socket);
        arena_done(&found.arena);
        return r;
}

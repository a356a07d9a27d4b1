/* SPDX-License-Identifier: Apache-2.0 */

/* Rules that netavark, the network program of Podman, adds when a container starts. A restart of
 * nftables.service or of another firewall removes them, and nothing adds them again before the next start. */

#include "doctor/doctor.h"

static const struct str nobody = { 0 };

/* All rules of the kernel. nft also lists those of iptables, but not all in its own words. */
static bool read_rules(struct doctor *d, struct str *ret) {
        struct str nft = STR(""), iptables = STR("");
        int r = doctor_ask(d, (const char *[]){ "nft", "list", "ruleset", NULL }, &nft),
            s = doctor_ask(d, (const char *[]){ "iptables-save", NULL }, &iptables);

        *ret = arena_join(d->arena, r == 0 ? nft : STR(""), STR("\n"), s == 0 ? iptables : STR(""));
        return r == 0 || s == 0;
}

/* True for a rule that redirects the port. An administrator may have other rules for it. */
static bool has_port(struct doctor *d, struct str rules, struct str port) {
        static const char *const marks[] = { "nv_", "NETAVARK", "dnat", "DNAT" };
        struct str wanted = arena_join(d->arena, STR("dport "), port), line;

        while (str_split(&rules, '\n', &line)) {
                struct str rest = str_from(line, str_find_str(line, wanted));

                if (rest.n == 0 || (rest.n > wanted.n && rest.p[wanted.n] >= '0' && rest.p[wanted.n] <= '9'))
                        continue;
                for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
                        if (str_find_str(line, str_of(marks[i])) < line.n)
                                return true;
        }

        return false;
}

struct missing {
        VEC(struct str) list;
};

static void look_at_ports(struct doctor *d, const struct podman_container *c, struct str rules,
                          struct missing *ret) {
        struct str rest = c->ports, piece;

        while (str_split(&rest, ',', &piece)) {
                struct str port = { piece.p, str_find_str(piece, STR("->")) };
                const char *colon = memrchr(port.p, ':', port.n);

                if (port.n == piece.n || !colon)
                        continue;
                port = str_from(port, (size_t) (colon - port.p) + 1);
                port.n = str_find(port, '-'); /* of a range the first */
                if (!has_port(d, rules, port))
                        *vec_push(d->arena, &ret->list) =
                                arena_join(d->arena, STR("port "), port, STR(" of "), c->name);
        }
}

static bool is_used(const struct doctor *d, struct str network) {
        VEC_EACH(c, &d->now.containers.list)
                if (str_is(c->state, "running") && str_list_has(c->networks, network))
                        return true;

        return false;
}

/* The subnet of a network is part of the rules that let its containers reach others. An internal network has
 * fewer rules. */
static void look_at_networks(struct doctor *d, struct str rules, struct missing *ret) {
        static const char format[] =
                "{{.Name}}\t{{if not .Internal}}{{range .Subnets}}{{.Subnet}}\t{{end}}{{end}}";
        struct str text, line, name, subnet;

        if (doctor_ask(d, (const char *[]){ d->podman, "network", "ls", "--format", format, NULL }, &text) !=
            0)
                return;
        while (str_split(&text, '\n', &line))
                if (str_split(&line, '\t', &name) && str_split(&line, '\t', &subnet) && subnet.n > 0 &&
                    is_used(d, name) && str_find_str(rules, subnet) == rules.n)
                        *vec_push(d->arena, &ret->list) = arena_join(d->arena, STR("network "), name);
}

void doctor_firewall(struct doctor *d) {
        struct missing missing = { 0 };
        struct str rules, text = STR("");
        bool has_bridge = false;

        VEC_EACH(c, &d->now.containers.list)
                has_bridge = has_bridge || (str_is(c->state, "running") && c->networks.n > 0);
        if (!has_bridge)
                return;
        if (!read_rules(d, &rules)) {
                doctor_skip(d, "need nft or iptables-save, which do not answer");
                return;
        }

        look_at_networks(d, rules, &missing);
        VEC_EACH(c, &d->now.containers.list)
                if (str_is(c->state, "running") && (str_is_absent(d->only) || str_eq(c->app, d->only)))
                        look_at_ports(d, c, rules, &missing);
        VEC_EACH(label, &missing.list)
                text = arena_join(d->arena, text, text.n > 0 ? STR(", ") : STR(""), *label);
        if (text.n == 0)
                return;
        doctor_bad(d, nobody, arena_join(d->arena, STR("firewall rules of Podman are missing: "), text),
                   STR("another program removed them; podman network reload --all"));
        doctor_fix(d, (const char *[]){ "podman", "network", "reload", "--all", NULL });
}

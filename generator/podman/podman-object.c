/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/podman-object.h"

#include "runtime/spawn.h"
#include "schema/syntax.h"

enum { WORDS_MAX = 7 };

/* The differences from the wanted object so far. */
struct comparing {
        struct arena *arena;
        struct str found;
};

/* "no device (wanted: '/srv/data')" */
static void add(struct comparing *c, const char *key, struct str actual, struct str wanted) {
        struct arena *a = c->arena;
        struct str has = actual.n > 0 ? arena_join(a, str_of(key), STR(" '"), actual, STR("'"))
                                      : arena_join(a, STR("no "), str_of(key));
        struct str wants = wanted.n > 0 ? arena_join(a, STR("'"), wanted, STR("'")) : STR("none");

        c->found = arena_join(a, c->found, c->found.n > 0 ? STR(", ") : STR(""), has, STR(" (desired: "),
                              wants, STR(")"));
}

static void compare_text(struct comparing *c, const char *key, struct str actual, struct str wanted) {
        if (!str_eq(actual, str_is_absent(wanted) ? STR("") : wanted))
                add(c, key, actual, wanted);
}

static void compare_flag(struct comparing *c, const char *key, bool actual, bool wanted) {
        if (actual != wanted)
                add(c, key, actual ? STR("true") : STR("false"), wanted ? STR("true") : STR("false"));
}

static struct str or_default(struct str driver, const char *usual) {
        return str_is_absent(driver) ? str_of(usual) : driver;
}

static void compare_volume(struct comparing *c, const struct podman_object *o, const struct str *words) {
        compare_text(c, "driver", words[1], or_default(o->driver, "local"));
        compare_text(c, "type", words[2], o->type);
        compare_text(c, "device", words[3], o->device);
        compare_text(c, "options", words[4], o->options);
}

/* Both ways of writing one network. */
static bool is_same_subnet(struct str actual, struct str wanted) {
        size_t a = str_find(actual, '/'), w = str_find(wanted, '/');

        return str_eq(str_from(actual, a), str_from(wanted, w)) &&
               syntax_is_within((struct str){ wanted.p, w }, actual);
}

static bool is_same_address(struct arena *a, struct str actual, struct str wanted) {
        bool is_v6 = str_find(actual, ':') < actual.n;

        return actual.n > 0 &&
               syntax_is_within(wanted, arena_join(a, actual, is_v6 ? STR("/128") : STR("/32")));
}

/* `subnets`: "SUBNET GATEWAY,…". Podman chooses what the definition leaves open. */
static void compare_subnets(struct comparing *c, const struct podman_object *o, struct str subnets) {
        struct str rest = subnets, one, subnet;

        if (str_is_absent(o->subnet))
                return;

        while (str_split(&rest, ',', &one)) {
                (void) str_split(&one, ' ', &subnet);
                if (subnet.n == 0 || !is_same_subnet(subnet, o->subnet))
                        continue;
                if (!str_is_absent(o->gateway) && !is_same_address(c->arena, one, o->gateway))
                        add(c, "gateway", one, o->gateway);
                return;
        }
        add(c, "subnet", (struct str){ subnets.p, str_find(subnets, ' ') }, o->subnet);
}

/* Podman has options of its own too. */
static void compare_options(struct comparing *c, const struct podman_object *o, struct str options) {
        struct str rest = o->options, option;

        while (!str_is_absent(o->options) && str_split(&rest, ',', &option))
                if (option.n > 0 && !str_list_has(options, option)) {
                        add(c, "options", (struct str){ options.p, options.n - (options.n > 0) }, o->options);
                        return;
                }
}

/* An IPv6 subnet switches IPv6 on; another driver than the bridge has no DNS. */
static void compare_network(struct comparing *c, const struct podman_object *o, const struct str *words) {
        bool is_bridge = str_is(words[1], "bridge"), has_dns = str_is(words[5], "true");

        compare_text(c, "driver", words[1], or_default(o->driver, "bridge"));
        compare_subnets(c, o, words[2]);
        compare_flag(c, "internal", str_is(words[3], "true"), o->is_internal);
        if (o->has_ipv6)
                compare_flag(c, "ipv6", str_is(words[4], "true"), true);
        if (is_bridge || o->has_no_dns)
                compare_flag(c, "disable_dns", !has_dns, o->has_no_dns);
        compare_options(c, o, words[6]);
}

static const struct podman_object *find(const struct podman_objects *wanted, bool is_network,
                                        struct str name) {
        VEC_EACH(o, &wanted->list)
                if (o->is_network == is_network && str_eq(o->name, name))
                        return o;

        return NULL;
}

static void compare_line(struct arena *a, const struct podman_objects *wanted, bool is_network,
                         struct str line, struct podman_differences *ret) {
        struct str words[WORDS_MAX] = { 0 };
        struct comparing c = { a, STR("") };
        const struct podman_object *o;
        size_t n = 0;

        while (n < WORDS_MAX && str_split(&line, '\t', &words[n]))
                n++;
        o = n == (is_network ? 7 : 5) ? find(wanted, is_network, words[0]) : NULL;
        if (!o)
                return;

        if (is_network)
                compare_network(&c, o, words);
        else
                compare_volume(&c, o, words);
        if (c.found.n > 0) {
                struct str kind = is_network ? STR("network ") : STR("volume ");

                *vec_push(a, &ret->list) = (struct podman_difference){
                        .object = o,
                        .text = arena_join(a, STR("the "), kind, o->name, STR(" exists, and keeps "),
                                           c.found),
                        .advice = arena_join(a, STR("pyservicectl stop "), o->app, STR(" && podman "), kind,
                                             STR("rm "), o->name, STR(" && pyservicectl start "), o->app),
                };
        }
}

struct str podman_difference_advice(struct arena *a, const struct podman_difference *d) {
        return arena_join(a, STR("to remove it with its content and create it again: "), d->advice);
}

void podman_compare_text(struct arena *a, const struct podman_objects *wanted, bool is_network,
                         struct str text, struct podman_differences *ret) {
        struct str line;

        while (str_split(&text, '\n', &line))
                compare_line(a, wanted, is_network, line, ret);
}

/* Podman prints what it has, and fails for what it has not. */
static void compare_all(struct arena *a, const struct podman_objects *wanted, bool is_network,
                        struct podman_differences *ret) {
        const char **argv = arena_array(a, wanted->list.n + 8, const char *);
        struct spawn_result result;
        size_t n = 0, n_fixed;

        argv[n++] = spawn_find(a, "podman").p;
        argv[n++] = is_network ? "network" : "volume";
        argv[n++] = "inspect";
        argv[n++] = "--format";
        argv[n++] = is_network ? PODMAN_NETWORK_FORMAT : PODMAN_VOLUME_FORMAT;
        argv[n++] = "--";
        n_fixed = n;
        VEC_EACH(o, &wanted->list)
                if (o->is_network == is_network)
                        argv[n++] = arena_str(a, o->name).p;
        if (argv[0] && n > n_fixed && spawn_as_root(a, argv, &result) >= 0)
                podman_compare_text(a, wanted, is_network, result.out, ret);
}

void podman_compare(struct arena *a, const struct podman_objects *wanted, struct podman_differences *ret) {
        compare_all(a, wanted, false, ret);
        compare_all(a, wanted, true, ret);
}

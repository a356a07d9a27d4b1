/* SPDX-License-Identifier: Apache-2.0 */

/* Keys of a Compose service that are settings of its container (app/settings.h), or raw keys of Quadlet. */

#include "import/compose.h"

static struct yaml_text *list(struct compose *c, struct draft_part *p, const char *key) {
        return yaml_text_put(c->draft.arena, p->map, str_of(key), YAML_TEXT_LIST);
}

static struct yaml_text *map(struct compose *c, struct draft_part *p, const char *key) {
        return yaml_text_put(c->draft.arena, p->map, str_of(key), YAML_TEXT_MAP);
}

void compose_put_flag(struct compose *c, struct draft_part *p, const char *key, const struct node *n) {
        bool is_set = compose_is_true(c, p, n);

        if (is_set || strcmp(key, "init") == 0)
                (void) yaml_text_put_plain(c->draft.arena, p->map, str_of(key),
                                           is_set ? STR("true") : STR("false"));
}

void compose_put_texts(struct compose *c, struct draft_part *p, const char *key, const struct node *n) {
        const struct node *one = n;
        struct node *const *items = n->kind == NODE_LIST ? n->items : (struct node *const *) &one;
        size_t count = n->kind == NODE_LIST ? n->n : 1;

        for (size_t i = 0; i < count; i++) {
                struct str text = compose_text(c, items[i]);

                if (!str_is_absent(text))
                        (void) yaml_text_add_text(c->draft.arena, list(c, p, key), text);
                else
                        compose_drop(c, p, key, items[i]);
        }
}

/* SOURCE[:TARGET[:PERMISSIONS]], or a map of these. */
void compose_put_devices(struct compose *c, struct draft_part *p, const struct node *n) {
        static const char *const keys[] = { "source", "target", "permissions" };

        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = compose_text(c, n->items[i]);

                for (size_t k = 0; n->items[i]->kind == NODE_MAP && k < ARRAY_SIZE(keys); k++) {
                        const struct node *value = node_get(n->items[i], keys[k]);

                        if (value && k > 0)
                                text = arena_join(c->draft.arena, text, STR(":"), compose_text(c, value));
                        else if (value)
                                text = compose_text(c, value);
                }
                if (!str_is_absent(text))
                        (void) yaml_text_add_text(c->draft.arena, list(c, p, "devices"), text);
        }
}

static void put_host(struct compose *c, struct draft_part *p, struct str name, const struct node *value) {
        struct str address = value ? compose_text(c, value) : (struct str){ NULL, 0 };

        if (str_is_absent(address)) { /* NAME:ADDRESS, the older form */
                address = str_from(name, str_find(name, ':') + (str_find(name, ':') < name.n));
                name.n -= address.n + (address.n < name.n);
        }
        if (address.n > 2 && address.p[0] == '[' && address.p[address.n - 1] == ']')
                address = (struct str){ address.p + 1, address.n - 2 };
        (void) yaml_text_add_text(c->draft.arena, list(c, p, "extra_hosts"),
                                  arena_join(c->draft.arena, name, STR(":"), address));
}

void compose_put_hosts(struct compose *c, struct draft_part *p, const struct node *n) {
        compose_pairs(c, p, n, put_host);
}

static void put_sysctl(struct compose *c, struct draft_part *p, struct str key, const struct node *value) {
        if (value)
                import_put_scalar(c->draft.arena, map(c, p, "sysctls"), key, compose_text(c, value));
}

void compose_put_sysctls(struct compose *c, struct draft_part *p, const struct node *n) {
        compose_pairs(c, p, n, put_sysctl);
}

void compose_put_ulimits(struct compose *c, struct draft_part *p, const struct node *n) {
        static const char *const keys[] = { "soft", "hard" };

        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
                const struct node *value = n->pairs[i].value;
                struct yaml_text *one;

                if (value->kind == NODE_SCALAR) {
                        import_put_scalar(c->draft.arena, map(c, p, "ulimits"), n->pairs[i].key->text,
                                          compose_text(c, value));
                        continue;
                }
                one = yaml_text_put(c->draft.arena, map(c, p, "ulimits"), n->pairs[i].key->text,
                                    YAML_TEXT_MAP);
                for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
                        if (node_get(value, keys[k]))
                                import_put_scalar(c->draft.arena, one, str_of(keys[k]),
                                                  compose_text(c, node_get(value, keys[k])));
        }
}

void compose_put_shm_size(struct compose *c, struct draft_part *p, const struct node *n) {
        import_put_scalar(c->draft.arena, p->map, STR("shm_size"), compose_size(c, compose_text(c, n)));
}

void compose_put_gpus(struct compose *c, struct draft_part *p, const struct node *n) {
        if (str_is(node_text(n), "all"))
                (void) yaml_text_put_text(c->draft.arena, p->map, STR("gpus"), STR("all"));
        else
                draft_lost(&c->draft, p->map, n->at,
                           "'gpus' could not be carried over; write 'gpus: all', or 'devices: "
                           "[nvidia.com/gpu=NUMBER]'");
}

/* The journal has the output, journald.conf(5) limits its size, and 'pyservicectl logs' reads only it. */
void compose_put_logging(struct compose *c, struct draft_part *p, const struct node *n) {
        const struct node *driver = node_get(n, "driver"), *options = node_get(n, "options");
        const struct node *tag = options ? node_get(options, "tag") : NULL;
        struct str name = driver ? node_text(driver) : STR("json-file");
        bool is_journal = str_is(name, "journald");

        if (is_journal || str_is(name, "none"))
                (void) yaml_text_put_text(c->draft.arena, map(c, p, "log"), STR("driver"), name);
        else if (str_is(name, "json-file") || str_is(name, "local"))
                draft_note(
                        &c->draft, p->map, n->at,
                        "'logging: %.*s': here the journal has the output, and journald.conf(5) limits its "
                        "size",
                        STR_ARG(name));
        else
                compose_drop(c, p, "logging", n);
        if (is_journal && tag)
                import_put_scalar(
                        c->draft.arena,
                        yaml_text_put(c->draft.arena, map(c, p, "log"), STR("options"), YAML_TEXT_MAP),
                        STR("tag"), compose_text(c, tag));
}

/* Options and what they are here; the text behind the sign is the value if there is none. */
static const struct {
        const char *option, *key, *value;
} security_options[] = {
        { "no-new-privileges", "no_new_privileges", "true" },
        { "seccomp", "seccomp", "" },
        { "apparmor", "apparmor", "" },
        { "label:disable", "selinux_disable", "true" },
        { "label:type", "selinux_type", "" },
        { "label:level", "selinux_level", "" },
};

/* OPTION, or OPTION and a value behind ':' or '='. */
static bool put_security_option(struct compose *c, struct draft_part *p, struct str text,
                                const struct node *at) {
        for (size_t i = 0; i < ARRAY_SIZE(security_options); i++) {
                struct str name = str_of(security_options[i].option),
                           value = str_of(security_options[i].value);

                if (!str_has_prefix(text, name) ||
                    (text.n > name.n && text.p[name.n] != ':' && text.p[name.n] != '='))
                        continue;
                if (text.n > name.n)
                        value = str_from(text, name.n + 1);
                if (str_is(name, "seccomp") && !str_is(value, "unconfined"))
                        value = compose_path(c, p, value, at);
                import_put_scalar(c->draft.arena, map(c, p, "security"), str_of(security_options[i].key),
                                  value);
                return true;
        }

        return false;
}

void compose_put_security(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = compose_text(c, n->items[i]);

                if (str_has_prefix(text, STR("label=")))
                        text = arena_join(c->draft.arena, STR("label:"), str_from(text, 6));
                if (!put_security_option(c, p, text, n->items[i]))
                        compose_drop(c, p, "security_opt", n->items[i]);
        }
}

/* --- raw keys --- */

static const struct {
        const char *key, *section, *raw, *prefix;
} raw_keys[] = {
        { "annotations", "Container", "Annotation", "" },
        { "cgroup", "Container", "PodmanArgs", "--cgroupns=" },
        { "cpu_shares", "Container", "PodmanArgs", "--cpu-shares=" },
        { "cpuset", "Service", "AllowedCPUs", "" },
        { "dns_opt", "Container", "DNSOption", "" },
        { "dns_search", "Container", "DNSSearch", "" },
        { "ipc", "Container", "PodmanArgs", "--ipc=" },
        { "mac_address", "Container", "PodmanArgs", "--mac-address=" },
        { "mem_reservation", "Container", "PodmanArgs", "--memory-reservation=" },
        { "memswap_limit", "Container", "PodmanArgs", "--memory-swap=" },
        { "oom_score_adj", "Service", "OOMScoreAdjust", "" },
        { "pid", "Container", "PodmanArgs", "--pid=" },
        { "storage_opt", "Container", "PodmanArgs", "--storage-opt=" },
        { "uts", "Container", "PodmanArgs", "--uts=" },
};

/* A namespace of another container, which has another name here. */
static bool is_of_container(struct str text) {
        return str_has_prefix(text, STR("service:")) || str_has_prefix(text, STR("container:")) ||
               str_find(text, ' ') < text.n || str_find(text, '\n') < text.n;
}

static void put_raw(struct compose *c, struct draft_part *p, size_t row, struct str text,
                    const struct node *at) {
        if (raw_keys[row].prefix[0] && is_of_container(text))
                compose_drop(c, p, raw_keys[row].key, at);
        else if (!str_is_absent(text))
                draft_raw(&c->draft, p,
                          (struct raw_key){ raw_keys[row].section, str_of(raw_keys[row].raw),
                                            arena_join(c->draft.arena, str_of(raw_keys[row].prefix), text),
                                            at->at });
}

bool compose_put_raw(struct compose *c, struct draft_part *p, struct str key, const struct node *n) {
        for (size_t row = 0; row < ARRAY_SIZE(raw_keys); row++) {
                if (!str_is(key, raw_keys[row].key))
                        continue;

                put_raw(c, p, row, compose_text(c, n), n);
                for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
                        put_raw(c, p, row, compose_text(c, n->items[i]), n->items[i]);
                for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
                        put_raw(c, p, row,
                                arena_join(c->draft.arena, n->pairs[i].key->text, STR("="),
                                           compose_text(c, n->pairs[i].value)),
                                n);
                return true;
        }

        return false;
}

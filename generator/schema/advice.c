/* SPDX-License-Identifier: Apache-2.0 */

/* Unknown keys, and what to write instead. */

#include "schema/decode.h"

/* "auth_tracking" → "auth tracking" */
struct str decode_name(struct arena *a, const struct schema *s) {
        struct str rest = str_of(s->name), part, name = { NULL, 0 };

        while (str_split(&rest, '_', &part))
                name = str_is_absent(name) ? part : arena_join(a, name, STR(" "), part);

        return name;
}

/* The row below which `key` would be right: wrong indentation is the most common error of all. */
static const struct field *find_parent(const struct schema *s, struct str key) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i],
                                   *parent = f->shape == SHAPE_INLINE ? find_parent(f->schema, key) : NULL;
                size_t offset = 0;

                if (parent)
                        return parent;
                if (f->shape == SHAPE_STRUCT && schema_find(f->schema, key, &offset))
                        return f;
        }

        return NULL;
}

/* True if it is a key of the whole file, and of no map below. */
static bool is_of_top(const struct decoder *d, const struct schema *s, struct str key) {
        for (size_t i = 0; s != d->top && i < d->top->n; i++)
                if (d->top->fields[i].shape != SHAPE_INLINE && str_is(key, d->top->fields[i].key))
                        return true;

        return false;
}

/* Names in other formats for keys of ours. */
static const char *find_ours(const struct schema *s, struct str theirs) {
        static const char *const names[][2] = {
                { "cmd", "command" },
                { "depends_on", "requires" },
                { "environment", "env" },
                { "path", "http" },
                { "group_add", "groups" },
                { "healthcheck", "health" },
                { "imagePullPolicy", "pull" },
                { "logging", "log" },
                { "livenessProbe", "health" },
                { "ports", "publish" },
                { "readinessProbe", "health" },
                { "replicas", "scale" },
                { "restart_policy", "restart" },
                { "security_opt", "security" },
                { "userns_mode", "userns" },
                { "working_dir", "workdir" },
        };
        size_t offset = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_is(theirs, names[i][0]) && schema_find(s, str_of(names[i][1]), &offset))
                        return names[i][1];

        return NULL;
}

/* Keys of other formats that a definition says in another way. */
static const char *find_instead(const struct schema *s, struct str theirs) {
        static const char *const texts[][2] = {
                { "container_name", "aliases: [NAME]" },
                { "annotations", "quadlet: {Container: {Annotation: [NAME=VALUE]}}" },
                { "cpu_shares", "quadlet: {Service: {CPUWeight: NUMBER}}" },
                { "cpus", "resources: {cpus: NUMBER}" },
                { "cpuset", "quadlet: {Service: {AllowedCPUs: NUMBERS}}" },
                { "dns_opt", "quadlet: {Container: {DNSOption: [OPTION]}}" },
                { "dns_search", "quadlet: {Container: {DNSSearch: [DOMAIN]}}" },
                { "ipc", "quadlet: {Container: {PodmanArgs: --ipc=MODE}}" },
                { "mac_address", "quadlet: {Container: {PodmanArgs: --mac-address=ADDRESS}}" },
                { "mem_limit", "resources: {memory: SIZE}" },
                { "memswap_limit", "quadlet: {Service: {MemorySwapMax: SIZE}}" },
                { "network_mode", "network: NAME' or 'network_of: PART" },
                { "oom_score_adj", "quadlet: {Service: {OOMScoreAdjust: NUMBER}}" },
                { "pid", "quadlet: {Container: {PodmanArgs: --pid=MODE}}" },
                { "pids_limit", "resources: {pids: NUMBER}" },
                { "pull_policy", "pull: WHEN" },
                { "stdin_open", "quadlet: {Container: {PodmanArgs: --interactive}}" },
                { "stop_grace_period", "stop_timeout: TIME" },
                { "uts", "quadlet: {Container: {PodmanArgs: --uts=MODE}}" },
        };
        size_t offset = 0;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (str_is(theirs, texts[i][0]) && schema_find(s, STR("quadlet"), &offset))
                        return texts[i][1];

        return str_is(theirs, "key") && schema_find(s, STR("certificate"), &offset)
                       ? "certificate: FILE, a file that ends with the key"
                       : NULL;
}

static struct str advise(const struct decoder *d, const struct schema *s, struct str key,
                         const struct field *parent, struct str near) {
        const char *ours = find_ours(s, key), *instead = find_instead(s, key);

        if (ours)
                return arena_join(d->arena, STR("; write '"), str_of(ours), STR("'"));
        if (instead)
                return arena_join(d->arena, STR("; write '"), str_of(instead), STR("'"));
        if (parent)
                return arena_join(d->arena, STR(", but of '"), str_of(parent->key), STR(":'; move it there"));
        if (!str_is_absent(near))
                return arena_join(d->arena, STR("; did you mean '"), near, STR("'?"));
        if (is_of_top(d, s, key))
                return arena_join(d->arena, STR(", but of "), decode_name(d->arena, d->top),
                                  STR("; move it to the top of the file"));
        if (s == d->top && str_is(key, "name"))
                return STR("; the file's name is its name, so remove it");

        return arena_join(d->arena, STR("; see "), str_of(d->top->page ? d->top->page : "pyservice.d(5)"),
                          STR(" for the known keys"));
}

void decode_unknown(struct decoder *d, const struct schema *s, const struct pair *pair) {
        const struct node *key = pair->key;
        const struct field *parent = find_parent(s, key->text);
        struct str name = decode_name(d->arena, s), near = schema_nearest_key(d->arena, s, key->text),
                   advice = advise(d, s, key->text, parent, near);
        size_t offset = 0;

        decode_hide_value(d->ds,
                          parent ? schema_find(parent->schema, key->text, &offset)
                                 : schema_find(s, near, &offset),
                          pair->value);
        (void) diag_add(d->ds, DIAG_UNKNOWN_KEY, key->at, "'%.*s' is not a key of %.*s%.*s",
                        STR_ARG(key->text), STR_ARG(name), STR_ARG(advice));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Quadlet's .volume, .network, .pod and .build files. */

#include "import/quadlet.h"

struct key {
        const char *name, *to;
        bool is_flag;
};

static const struct key volume_keys[] = {
        { "Driver", "driver", false },
        { "Device", "device", false },
        { "Type", "type", false },
        { "Options", "options", false },
};
static const struct key network_keys[] = {
        { "Driver", "driver", false },   { "Subnet", "subnet", false },
        { "Gateway", "gateway", false }, { "Internal", "internal", true },
        { "IPv6", "ipv6", true },        { "DisableDNS", "disable_dns", true },
        { "Options", "options", false },
};

struct object {
        const char *section, *top, *name_key, *what;
        const struct key *keys;
        size_t n;
};

static const struct object volume_object = { "Volume", "volumes",   "VolumeName",
                                             "volume", volume_keys, ARRAY_SIZE(volume_keys) };
static const struct object network_object = { "Network", "networks",   "NetworkName",
                                              "network", network_keys, ARRAY_SIZE(network_keys) };

static bool put_line(struct quadlet_import *q, struct yaml_text *map, const struct object *o,
                     const struct unit_line *line) {
        for (size_t i = 0; i < o->n; i++) {
                if (!str_is(line->key, o->keys[i].name))
                        continue;

                /* A definition has only one of several. */
                if (yaml_text_find(map, str_of(o->keys[i].to)))
                        return false;
                if (o->keys[i].is_flag)
                        quadlet_put_flag(q, map, o->keys[i].to, line);
                else
                        quadlet_put_text(q, map, o->keys[i].to, line);
                return true;
        }

        return str_is(line->key, o->name_key);
}

static void put_object(struct quadlet_import *q, const struct unit_file *u, const struct object *o) {
        struct draft *d = &q->draft;
        struct str name = import_name(d->arena, u->prefix), own = unit_file_value(u, o->section, o->name_key);
        struct yaml_text *map =
                yaml_text_put(d->arena, yaml_text_put(d->arena, d->root, str_of(o->top), YAML_TEXT_MAP), name,
                              YAML_TEXT_MAP);

        q->unit = u;
        VEC_EACH(line, &u->lines)
                if (!str_is(line->section, o->section)
                            ? !str_is(line->section, "Install") && !str_is(line->key, "Description")
                            : !put_line(q, map, o, line))
                        quadlet_drop(q, line);
        own = quadlet_podman_name(q, u, own);
        draft_note(d, map, u->at, "the %s is '%.*s-%.*s' here, not '%.*s'", o->what, STR_ARG(d->name),
                   STR_ARG(name), STR_ARG(own));
}

struct str quadlet_podman_name(const struct quadlet_import *q, const struct unit_file *u, struct str own) {
        return str_is_absent(own) ? arena_join(q->draft.arena, STR("systemd-"), u->prefix) : own;
}

bool quadlet_keeps_volume(const struct unit_file *u) {
        VEC_EACH(line, &u->lines)
                if (str_is(line->section, "Volume") && !str_is(line->key, "VolumeName") &&
                    !str_is(line->key, "ServiceName"))
                        return false;

        return !u->is_template;
}

const struct unit_file *quadlet_pod(const struct quadlet_import *q, const struct unit_file *u) {
        struct str pod = unit_file_value(u, "Container", "Pod");

        return str_has_suffix(pod, STR(".pod")) ? quadlet_file(q, (struct str){ pod.p, pod.n - 4 }, "pod")
                                                : NULL;
}

/* Keys of [Unit] that make a container wait. */
static bool is_order(struct str key) {
        static const struct str keys[] = { STR_INIT("After"), STR_INIT("BindsTo"), STR_INIT("Requires"),
                                           STR_INIT("Wants") };

        return str_is_among(key, keys, ARRAY_SIZE(keys));
}

static bool waits_for_pod(const struct quadlet_import *q, const struct unit_file *u,
                          const struct unit_file *pod) {
        VEC_EACH(line, &u->lines) {
                struct unit_words words = unit_split(q->draft.arena, line->value);

                if (!str_is(line->section, "Unit") || !is_order(line->key))
                        continue;
                VEC_EACH(word, &words.list) {
                        const struct unit_file *other = quadlet_container(q, *word);

                        if (other && quadlet_pod(q, other) == pod)
                                return true;
                }
        }

        return false;
}

/* The first container of the pod that waits for no other one of it: its network is the one that all share. */
static const struct unit_file *pod_owner(const struct quadlet_import *q, const struct unit_file *pod) {
        VEC_EACH(u, &q->files) {
                enum part_kind kind;

                if (!str_is(u->suffix, "container") || quadlet_pod(q, u) != pod || u->is_template)
                        continue;
                kind = quadlet_kind(q, u);
                if ((kind == PART_SERVICE || kind == PART_SIDECAR) && !waits_for_pod(q, u, pod))
                        return u;
        }

        return NULL;
}

/* Settings of the pod's network, which its owner has here, */
static bool is_network(struct str key) {
        static const struct str keys[] = { STR_INIT("AddHost"),    STR_INIT("DNS"),
                                           STR_INIT("DNSOption"),  STR_INIT("DNSSearch"),
                                           STR_INIT("Network"),    STR_INIT("NetworkAlias"),
                                           STR_INIT("PublishPort") };

        return str_is_among(key, keys, ARRAY_SIZE(keys));
}

/* and others, which each of its containers has. */
static bool is_shared(struct str key) {
        static const struct str keys[] = { STR_INIT("GIDMap"), STR_INIT("SubGIDMap"), STR_INIT("SubUIDMap"),
                                           STR_INIT("UIDMap"), STR_INIT("UserNS"),    STR_INIT("Volume") };

        return str_is_among(key, keys, ARRAY_SIZE(keys));
}

void quadlet_put_pod_of(struct quadlet_import *q, const struct unit_file *u) {
        const struct unit_file *pod = quadlet_pod(q, u), *owner = pod ? pod_owner(q, pod) : NULL;

        if (!pod)
                return;
        if (owner && owner != u)
                (void) yaml_text_put_text(q->draft.arena, q->part->map, STR("network_of"),
                                          quadlet_part_name(q, owner));
        VEC_EACH(line, &pod->lines) {
                if (!str_is(line->section, "Pod") ||
                    !(is_shared(line->key) || (is_network(line->key) && owner == u)))
                        continue;
                if (!quadlet_put_container(q, line))
                        quadlet_put_raw(q, "Container", line);
        }
}

static void put_pod(struct quadlet_import *q, const struct unit_file *u) {
        const struct unit_file *owner = pod_owner(q, u);
        size_t n = 0;

        VEC_EACH(other, &q->files)
                n += str_is(other->suffix, "container") && quadlet_pod(q, other) == u;
        if (owner && n > 1)
                draft_note(&q->draft, NULL, u->at,
                           "the containers of the pod share the network of '%.*s' here, and restart with it",
                           STR_ARG(quadlet_part_name(q, owner)));
        else if (n > 1)
                draft_lost(&q->draft, NULL, u->at,
                           "the pod could not be carried over: each of its containers waits for another, so "
                           "none can start first and share its network; each has its own");
        q->unit = u;
        VEC_EACH(line, &u->lines)
                if (str_is(line->section, "Pod") && !str_is(line->key, "PodName") && !is_shared(line->key) &&
                    !(is_network(line->key) && owner))
                        quadlet_drop(q, line);
}

void quadlet_put_objects(struct quadlet_import *q) {
        VEC_EACH(u, &q->files) {
                if (str_is(u->suffix, "volume") && !quadlet_keeps_volume(u))
                        put_object(q, u, &volume_object);
                else if (str_is(u->suffix, "network"))
                        put_object(q, u, &network_object);
                else if (str_is(u->suffix, "pod"))
                        put_pod(q, u);
                else if (str_is(u->suffix, "build"))
                        draft_lost(&q->draft, NULL, u->at,
                                   "the build of the image could not be carried over; 'podman build' or "
                                   "'source:' "
                                   "with a Git repository builds one");
        }
}

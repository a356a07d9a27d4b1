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
        if (str_is_absent(own))
                own = arena_join(d->arena, STR("systemd-"), u->prefix);
        draft_note(d, map, u->at, "the %s is '%.*s-%.*s' here, not '%.*s'", o->what, STR_ARG(d->name),
                   STR_ARG(name), STR_ARG(own));
}

/* Containers of a pod share their network, and so their ports. */
static void put_pod(struct quadlet_import *q, const struct unit_file *u) {
        draft_lost(&q->draft, NULL, u->at,
                   "the pod could not be carried over: its containers reached each other at localhost; here "
                   "each has the name of its unit");
        q->unit = u;
        VEC_EACH(line, &u->lines)
                if (str_is(line->section, "Pod") && !str_is(line->key, "PodName"))
                        quadlet_drop(q, line);
}

void quadlet_put_objects(struct quadlet_import *q) {
        VEC_EACH(u, &q->files) {
                if (str_is(u->suffix, "volume"))
                        put_object(q, u, &volume_object);
                else if (str_is(u->suffix, "network"))
                        put_object(q, u, &network_object);
                else if (str_is(u->suffix, "pod"))
                        put_pod(q, u);
                else if (str_is(u->suffix, "build"))
                        draft_lost(&q->draft, NULL, u->at,
                                   "the build of the image could not be carried over; 'source:' builds "
                                   "one from a Git repository");
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/layout.h"
#include "render/parts.h"

static void put_description(struct rendering *r, struct unit *u, struct name name, bool is_volume) {
        unit_open(u, UNIT_DESCRIPTION);
        if (is_volume)
                unit_const(u, "Volume ");
        else
                unit_const(u, "Network ");
        unit_part(u, name);
        unit_const(u, " of ");
        unit_part(u, r->app->name);
        unit_close(u);
        if (r->is_plain)
                return;

        unit_put(u, UNIT_SOURCE_PATH, ((struct abs_path){ r->app->path, NOWHERE }));
        /* It goes with the last container that uses it; what is in a volume stays. */
        unit_put_const(u, UNIT_STOP_WHEN_UNNEEDED, "yes");
}

static struct name object_name(struct rendering *r, struct name name) {
        return (struct name){ arena_join(r->arena, r->app->name.text, STR("-"), name.text), name.at };
}

static void put_label(struct rendering *r, struct unit *u, enum unit_key key) {
        if (r->is_plain)
                return;

        unit_open(u, key);
        unit_word_const(u, "io.pyservice.app=");
        unit_part(u, r->app->name);
        unit_close(u);
}

/* "a=b,c=d": an option each. */
static void put_options(struct unit *u, struct option_text options) {
        struct str rest = options.text, part;

        if (str_is_absent(options.text))
                return;

        unit_open(u, NETWORK_OPTIONS);
        while (str_split(&rest, ',', &part)) {
                if (part.n == 0)
                        continue;
                unit_word_part(u, ((struct option_text){ part, options.at }));
        }
        unit_close(u);
}

void render_networks(struct rendering *r) {
        LIST_EACH(n, &r->app->networks) {
                struct name name = object_name(r, n->key);
                struct unit *u = unit_new(r->arena);

                put_description(r, u, n->key, false);
                unit_put(u, NETWORK_NAME, name);
                unit_put(u, NETWORK_DRIVER, n->value.driver);
                unit_put(u, NETWORK_SUBNET, n->value.subnet);
                unit_put(u, NETWORK_GATEWAY, n->value.gateway);
                unit_put_flag(u, NETWORK_INTERNAL, n->value.internal);
                unit_put_flag(u, NETWORK_IPV6, n->value.ipv6);
                unit_put_flag(u, NETWORK_DISABLE_DNS, n->value.disable_dns);
                put_options(u, n->value.options);
                put_label(r, u, NETWORK_LABEL);
                (void) unit_finish(u, r->tree, layout_quadlet(r->arena, name.text, STR(".network")));
        }
}

void render_volumes(struct rendering *r) {
        LIST_EACH(v, &r->app->volumes) {
                struct name name = object_name(r, v->key);
                struct unit *u = unit_new(r->arena);

                put_description(r, u, v->key, true);
                /* Podman mounts it when the first container starts, which waits for this unit. */
                if (!str_is_absent(v->value.device.text) && v->value.device.text.p[0] == '/')
                        unit_put(u, UNIT_REQUIRES_MOUNTS, v->value.device);
                unit_put(u, VOLUME_NAME, name);
                unit_put(u, VOLUME_DRIVER, v->value.driver);
                unit_put(u, VOLUME_DEVICE, v->value.device);
                unit_put(u, VOLUME_TYPE, v->value.type);
                unit_put(u, VOLUME_OPTIONS, v->value.options);
                put_label(r, u, VOLUME_LABEL);
                (void) unit_finish(u, r->tree, layout_quadlet(r->arena, name.text, STR(".volume")));
        }
}

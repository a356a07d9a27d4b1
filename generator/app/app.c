/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ports-parts.h"

/* Two instances cannot both have a port of the machine that is written down. */
static bool has_fixed_port(const struct service *s) {
        struct claim claim;
        uint16_t port;

        LIST_EACH(spec, &s->publish)
                if (claims_parse(*spec, &claim, &port))
                        return true;

        return false;
}

static bool is_beat(const struct service *s) {
        return s->container.run_mode.at.len > 0 && s->container.run_mode.index == RUN_MODE_BEAT;
}

bool has_spare(const struct app *app, const struct service *s) {
        return app->rollout->spare.yes && app->rollout->strategy.index == STRATEGY_ROLLING && s->proxy && !has_fixed_port(s) && !is_beat(s);
}

bool has_ports(const struct service *s) {
        if (s->port.n == 0)
                return false;

        return s->proxy ? s->proxy->via.index == VIA_PORT : s->host_port.n > 0;
}

/* Podman refuses an init in a PID namespace that is not the container's own. */
static bool has_raw_namespace(const struct app *app) {
        LIST_EACH(entry, &app->quadlet->container)
                if (str_is(entry->key.text, "PodmanArgs") && str_find_str(entry->value.text, STR("--pid")) < entry->value.text.n)
                        return true;

        return false;
}

bool has_init(const struct app *app, const struct container *c) {
        if (c->init.at.len > 0)
                return c->init.yes;

        return (is_built(app, c) || c->command.n > 0 || c->entrypoint.n > 0) && !(app->quadlet && has_raw_namespace(app));
}

struct image_ref app_pinned(const struct app *app, struct image_ref image) {
        LIST_EACH(pin, &app->pins)
                if (str_eq(pin->reference, image.text) && type_accepts(KIND_IMAGE_REF, pin->pinned))
                        return (struct image_ref) { pin->pinned, image.at };

        return image;
}

bool has_order_units(const struct start_order *o) {
        return o->requires.n + o->after.n > 0;
}

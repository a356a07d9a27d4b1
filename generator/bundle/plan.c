/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle/plan.h"

#include <errno.h>

#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"

enum { PLAN_MAX = 4 << 20 };

static const char *const strategies[] = { "rolling", "recreate", NULL };
static const char *const failures[] = { "revert", "stop", NULL };
static const char *const spares[] = { "plain", "spare", NULL };

static const struct row_kind kinds[] = {
        ROW_ONCE("strategy", ROW_WORD(ROW_FLAG, struct plan, is_recreate, strategies)),
        ROW_ONCE("max-unavailable", ROW_FIELD(ROW_COUNT, struct plan, max_unavailable)),
        ROW_ONCE("pause", ROW_FIELD(ROW_NUMBER, struct plan, pause)),
        ROW_ONCE("ready-timeout", ROW_FIELD(ROW_NUMBER, struct plan, ready_timeout)),
        ROW_ONCE("min-ready", ROW_FIELD(ROW_NUMBER, struct plan, min_ready)),
        ROW_ONCE("keep-images", ROW_FIELD(ROW_COUNT, struct plan, keep_images)),
        ROW_ONCE("on-failure", ROW_WORD(ROW_FLAG, struct plan, stops_on_failure, failures)),
        ROW_LIST("early", struct plan, early, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("task", struct plan, tasks, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("after", struct plan, after, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("failure", struct plan, failure, ROW_WHOLE(ROW_NAME)),
        ROW_LIST("service", struct plan, services, ROW_FIELD(ROW_NAME, struct plan_part, unit),
                 ROW_FIELD(ROW_NAME, struct plan_part, label),
                 ROW_WORD(ROW_FLAG, struct plan_part, has_spare, spares)),
        ROW_LIST("sidecar", struct plan, sidecars, ROW_FIELD(ROW_NAME, struct plan_part, unit),
                 ROW_FIELD(ROW_NAME, struct plan_part, label)),
        ROW_LIST("volume", struct plan, volumes.list, ROW_FIELD(ROW_NAME, struct podman_object, name),
                 ROW_FIELD(ROW_TEXT, struct podman_object, driver),
                 ROW_FIELD(ROW_TEXT, struct podman_object, type),
                 ROW_FIELD(ROW_TEXT, struct podman_object, device),
                 ROW_FIELD(ROW_TEXT, struct podman_object, options)),
        ROW_LIST("network", struct plan, networks.list, ROW_FIELD(ROW_NAME, struct podman_object, name),
                 ROW_FIELD(ROW_TEXT, struct podman_object, driver),
                 ROW_FIELD(ROW_TEXT, struct podman_object, subnet),
                 ROW_FIELD(ROW_TEXT, struct podman_object, gateway),
                 ROW_FIELD(ROW_TEXT, struct podman_object, options),
                 ROW_FIELD(ROW_FLAG, struct podman_object, is_internal),
                 ROW_FIELD(ROW_FLAG, struct podman_object, has_ipv6),
                 ROW_FIELD(ROW_FLAG, struct podman_object, has_no_dns)),
};

static const struct row_file file = ROW_FILE(struct plan, kinds, .name = "pyservice-plan", .version = 1);

struct str plan_text(struct arena *a, const struct plan *plan) {
        return rows_text(a, &file, plan);
}

int plan_parse(struct arena *a, struct str text, struct plan *ret) {
        int r = rows_parse(a, &file, text, ret);

        if (r < 0)
                return r;

        ret->max_unavailable += ret->max_unavailable == 0;
        ret->keep_images = ret->keep_images > 0 ? ret->keep_images : PLAN_KEPT_MAX;
        VEC_EACH(network, &ret->networks.list)
                network->is_network = true;
        return 0;
}

int plan_read(struct arena *a, int runtime, struct str app, struct plan *ret) {
        struct str text;
        int r = fs_read(a, runtime, layout_app_file(a, app, STR(LAYOUT_PLAN)).p, PLAN_MAX, &text);

        return r < 0 ? r : plan_parse(a, text, ret);
}

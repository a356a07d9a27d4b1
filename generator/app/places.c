/* SPDX-License-Identifier: Apache-2.0 */
#include "app/world.h"
#include "bundle/layout.h"
#include "config.h"

void places_system(struct places *ret) {
        *ret = (struct places){
                .definitions = { STR("/etc/pyservice.d"), STR("/run/pyservice.d"),
                                 STR("/usr/lib/pyservice.d") },
                .contracts = { STR("/etc/pyservice/contracts"), STR(DATADIR "/contracts") },
                .host = STR("/etc/pyservice/host.yaml"),
                .units = { STR("/etc/systemd/system"), STR("/run/systemd/system"),
                           STR("/usr/local/lib/systemd/system"), STR("/usr/lib/systemd/system"),
                           STR("/lib/systemd/system") },
                .quadlets = { STR("/etc/containers/systemd"), STR("/run/containers/systemd"),
                              STR("/usr/share/containers/systemd") },
                .runtime = STR(LAYOUT_RUNTIME),
                .state = STR(LAYOUT_STATE),
                .volumes = STR("/var/lib/containers/storage/volumes"),
        };
}

void places_user(struct arena *a, struct str home, struct str runtime, struct places *ret) {
        *ret = (struct places){
                .definitions = { arena_join(a, home, STR("/.config/pyservice.d")),
                                 arena_join(a, runtime, STR("/pyservice.d")) },
                .contracts = { arena_join(a, home, STR("/.config/pyservice/contracts")),
                               STR(DATADIR "/contracts") },
                .host = arena_join(a, home, STR("/.config/pyservice/host.yaml")),
                .units = { arena_join(a, home, STR("/.config/systemd/user")), STR("/etc/systemd/user"),
                           STR("/usr/lib/systemd/user") },
                .quadlets = { arena_join(a, home, STR("/.config/containers/systemd")),
                              STR("/etc/containers/systemd/users") },
                .runtime = arena_join(a, runtime, STR("/pyservice")),
                .state = arena_join(a, home, STR("/.local/state/pyservice")),
                .volumes = arena_join(a, home, STR("/.local/share/containers/storage/volumes")),
                .is_user = true,
        };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "model/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void snapshot_begin(struct snapshot *s, struct ctl *c) {
        *s = (struct snapshot){ .c = c, .is_live = strcmp(c->root, "/") == 0, .counters_error = -ENOENT };
}

void snapshot_close(struct snapshot *s) {
        bus_close(&s->bus);
}

static int compare_units(const void *left, const void *right) {
        return str_cmp(((const struct bus_listed *) left)->name, ((const struct bus_listed *) right)->name);
}

int snapshot_take_units(struct snapshot *s) {
        int r = s->is_live ? bus_open(&s->c->arena, s->c->is_user, -1, &s->bus) : 0;

        if (r < 0 || !s->bus)
                return r;

        r = bus_list_units(s->bus, &s->c->arena, STR("*"), &s->units);
        if (r < 0) {
                bus_close(&s->bus);
                return r;
        }

        s->has_units = true;
        if (s->units.list.n > 1)
                qsort(s->units.list.at, s->units.list.n, sizeof(struct bus_listed), compare_units);
        return 0;
}

size_t snapshot_lower_bound(const struct snapshot *s, struct str name) {
        size_t low = 0, high = s->units.list.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (str_cmp(s->units.list.at[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

const struct bus_listed *snapshot_find_unit(const struct snapshot *s, struct str name) {
        size_t i = snapshot_lower_bound(s, name);

        return i < s->units.list.n && str_eq(s->units.list.at[i].name, name) ? &s->units.list.at[i] : NULL;
}

struct str snapshot_unit_state(const struct snapshot *s, struct str name) {
        const struct bus_listed *found = snapshot_find_unit(s, name);

        return found ? found->active : STR("inactive");
}

bool snapshot_is_active(const struct snapshot *s, struct str name) {
        struct str state = snapshot_unit_state(s, name);

        return str_is(state, "active") || str_is(state, "reloading");
}

static int compare_containers(const void *left, const void *right) {
        return str_cmp(((const struct podman_container *) left)->name,
                       ((const struct podman_container *) right)->name);
}

int snapshot_take_containers(struct snapshot *s, struct str app, bool is_all, struct str *ret_problem) {
        struct podman_containers all = { 0 };
        int r = geteuid() != 0 && !s->c->is_user ? -EACCES
                                                 : podman_list(&s->c->arena, app, is_all, &all, ret_problem);

        s->has_containers = r >= 0;
        VEC_EACH(c, &all.list)
                if (!c->is_by_hand)
                        *vec_push(&s->c->arena, &s->containers.list) = *c;
        if (s->containers.list.n > 1)
                qsort(s->containers.list.at, s->containers.list.n, sizeof(struct podman_container),
                      compare_containers);
        return r;
}

const struct podman_container *snapshot_find_container(const struct snapshot *s, struct str name) {
        const struct podman_container key = { .name = name };

        return s->containers.list.n > 0 ? bsearch(&key, s->containers.list.at, s->containers.list.n,
                                                  sizeof(key), compare_containers)
                                        : NULL;
}

int snapshot_take_servers(struct snapshot *s, const struct host_haproxy *settings, int runtime,
                          bool is_recent) {
        s->haproxy = haproxy_client_of(&s->c->arena, settings);
        if (s->is_live)
                s->counters_error = haproxy_count_all(&s->haproxy, &s->counters);
        haproxy_add_saved_counters(&s->c->arena, runtime, is_recent, &s->counters);
        return s->counters_error;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Facts of Podman, the balancer and the kernel. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "model/facts-parts.h"
#include "state/stored.h"

enum { CGROUP_FILE_MAX = 4096 };

/* "Up 3 minutes (healthy)" */
static struct str health_of(struct arena *a, struct str status) {
        size_t open = str_find(status, '(');
        struct str rest = open < status.n ? str_from(status, open + 1) : STR("");
        size_t close = str_find(rest, ')');

        return close < rest.n ? utf8_clean(a, (struct str){ rest.p, close }) : (struct str){ 0 };
}

/* A container of a revision that neither runs as a whole nor is wanted: the previous one. Only root can find
 * it. */
static struct str find_stored(struct facts *f, const struct fact_app *app, const struct fact_part *part,
                              struct str label) {
        struct arena *a = &f->c->arena;
        struct fs_names names;

        if (f->places.state < 0 || fs_list(a, f->places.state, layout_bundles(a, app->name).p, &names) < 0)
                return (struct str){ 0 };

        VEC_EACH(name, &names.list) {
                CLEANUP(close_fd)
                int bundle = fs_open_dir(f->places.state, layout_bundle(a, app->name, *name).p);
                struct record record = { 0 };
                const struct record_part *found;

                if (!state_is_revision(*name) || bundle < 0 || stored_record(a, bundle, &record) < 0)
                        continue;
                found = record_find(&record, part->unit);
                if (found && str_eq(found->label, label))
                        return *name;
        }

        return (struct str){ 0 };
}

static void take_container(struct facts *f, const struct fact_place *place) {
        const struct fact_app *app = place->app;
        const struct fact_part *part = place->part;
        struct fact_unit *u = place->unit;
        const struct podman_container *c = snapshot_find_container(&f->now, u->container);

        if (!c)
                return;

        u->health = health_of(&f->c->arena, c->status);
        if (c->commit.n > 0)
                u->commit = utf8_clean(&f->c->arena, c->commit);
        if (c->label.n == 0)
                return;

        u->label = utf8_clean(&f->c->arena, c->label);
        if (str_eq(u->label, part->label))
                u->revision = str_is_absent(app->view.runs) ? app->view.wanted : app->view.runs;
        else if (str_eq(u->label, part->label_wanted))
                u->revision = app->view.wanted;
        else
                u->revision = find_stored(f, app, part, u->label);
}

void facts_ask_podman(struct facts *f) {
        struct str one = f->apps.n == 1 ? f->apps.at[0].name : (struct str){ 0 }, problem = STR("");
        int r;

        if (!(f->about & FACTS_CONTAINERS) || !f->now.is_live || f->apps.n == 0)
                return;

        r = snapshot_take_containers(&f->now, one, false, &problem);
        if (r == -EACCES) {
                facts_hide(f, STR("the revision and health of containers"));
                return;
        }
        if (r < 0) {
                (void) fprintf(stderr, "pyservicectl: cannot list containers: %.*s\n",
                               STR_ARG(r == -EIO ? problem : str_of(strerror(-r))));
                return;
        }

        VEC_EACH(place, &f->all)
                take_container(f, place);
}

/* Only root may query it; for other users a socket that they cannot see has no meaning. */
static void explain_silence(struct facts *f, const struct host_haproxy *settings) {
        bool may_run =
                !str_is_absent(settings->container.text) || snapshot_is_active(&f->now, settings->unit.text);

        if (geteuid() == 0)
                f->haproxy_gap = may_run ? STR("HAProxy does not answer; see 'pyservicectl doctor'")
                                         : STR("HAProxy is not running");
}

static void ask_haproxy(struct facts *f) {
        const struct host_haproxy *settings = f->session.world.host.haproxy;
        int r = snapshot_take_servers(&f->now, settings, f->places.runtime, false);

        if (r == -EACCES) {
                facts_hide(f, STR("HAProxy"));
                return;
        }

        f->servers.counters = f->now.counters;
        haproxy_sort_counters(&f->servers.counters);
        if (r < 0)
                explain_silence(f, settings);
        if (r < 0 && r != -ENOENT && r != -ECONNREFUSED)
                (void) fprintf(stderr, "pyservicectl: cannot query HAProxy's servers: %s\n", strerror(-r));
}

bool facts_has_backend(const struct facts *f, struct str backend) {
        return f->now.counters_error < 0 ||
               haproxy_find_server(&f->servers.counters, STR("BACKEND"), backend);
}

static bool has_haproxy(const struct facts *f) {
        VEC_EACH(place, &f->all)
                if (place->part->balancer == &balancer_haproxy)
                        return true;

        return false;
}

void facts_ask_balancer(struct facts *f) {
        if (!(f->about & FACTS_BALANCER) || !f->now.is_live)
                return;

        f->servers.arena = &f->c->arena;
        f->servers.runtime = f->places.runtime;
        if (has_haproxy(f) && !f->c->is_user)
                ask_haproxy(f);
        VEC_EACH(place, &f->all) {
                const struct fact_part *part = place->part;
                struct fact_unit *u = place->unit;

                if (part->balancer)
                        part->balancer->state(&f->servers, part->backend, u->container, u->name, &u->server);
        }
}

/* The kernel's files do not report their size. */
static struct str read_cgroup(struct facts *f, int cgroups, struct str cgroup, struct str file) {
        struct str path = arena_join(&f->c->arena, cgroup, file);
        CLEANUP(close_fd) int fd = openat(cgroups, path.p + 1, O_RDONLY | O_CLOEXEC);
        char text[CGROUP_FILE_MAX];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

        return n < 0 ? (struct str){ 0 } : arena_str(&f->c->arena, (struct str){ text, (size_t) n });
}

static void read_use(struct facts *f, int cgroups, struct fact_unit *u) {
        struct str memory = read_cgroup(f, cgroups, u->detail.cgroup, STR("/memory.current")),
                   cpu = read_cgroup(f, cgroups, u->detail.cgroup, STR("/cpu.stat")), line;
        struct str usage = STR("usage_usec ");
        uint64_t n;

        if (str_split(&memory, '\n', &line) && str_to_u64(line, UINT64_MAX, &n))
                u->memory = n;
        while (str_split(&cpu, '\n', &line))
                if (str_has_prefix(line, usage) && str_to_u64(str_from(line, usage.n), UINT64_MAX, &n))
                        u->cpu = n;
}

struct str facts_oom_place(struct arena *a, struct str part, struct str cgroup) {
        struct str parent = cgroup, rest = part, piece, slice = STR("");

        while (parent.n > 1 && parent.p[parent.n - 1] != '/')
                parent.n--;
        parent.n -= parent.n > 1;
        while (str_split(&rest, '-', &piece))
                slice = arena_join(a, slice, slice.n > 0 ? STR("\\x2d") : STR("-"), piece);
        return str_has_suffix(parent, arena_join(a, slice, STR(".slice"))) ? parent : cgroup;
}

uint64_t facts_oom_kills(struct str events) {
        struct str key = STR("oom_kill "), line;
        uint64_t n;

        while (str_split(&events, '\n', &line))
                if (str_has_prefix(line, key) && str_to_u64(str_from(line, key.n), UINT64_MAX, &n))
                        return n;

        return FACT_NOT_KNOWN;
}

/* A slice that several units share counts once. */
static void read_oom(struct facts *f, int cgroups, const struct fact_place *place) {
        struct str own = place->unit->detail.cgroup,
                   path = facts_oom_place(&f->c->arena, place->part->unit, own);
        uint64_t n = facts_oom_kills(read_cgroup(f, cgroups, path, STR("/memory.events"))),
                 *all = &place->part->n_oom_kills;

        if (n != FACT_NOT_KNOWN)
                *all = n + (*all == FACT_NOT_KNOWN || !str_eq(path, own) ? 0 : *all);
}

static int compare_samples(const void *left, const void *right) {
        return str_cmp(((const struct fact_sample *) left)->unit, ((const struct fact_sample *) right)->unit);
}

const struct fact_sample *facts_find_sample(const struct facts *f, struct str unit) {
        struct fact_sample key = { .unit = unit };

        return f->samples.n > 0 ? bsearch(&key, f->samples.at, f->samples.n, sizeof(key), compare_samples)
                                : NULL;
}

/* A unit's cgroup holds its container's. */
void facts_read_use(struct facts *f) {
        CLEANUP(close_fd) int cgroups = fs_open_dir(AT_FDCWD, "/sys/fs/cgroup");

        f->taken_at = bus_now();
        if (!(f->about & FACTS_USE) || !f->now.is_live || cgroups < 0)
                return;

        VEC_EACH(place, &f->all) {
                struct fact_unit *u = place->unit;

                if (u->detail.cgroup.n <= 1)
                        continue;
                read_use(f, cgroups, u);
                if (f->about & FACTS_OOM)
                        read_oom(f, cgroups, place);
                *vec_push(&f->c->arena, &f->samples) =
                        (struct fact_sample){ u->name, u->detail.cgroup, u->cpu, u->server.n_requests };
        }
        if (f->samples.n > 1)
                qsort(f->samples.at, f->samples.n, sizeof(struct fact_sample), compare_samples);
}

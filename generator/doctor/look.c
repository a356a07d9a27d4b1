/* SPDX-License-Identifier: Apache-2.0 */

/* The facts that the checks share, and their further queries. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "ctl/session.h"
#include "doctor/doctor.h"
#include "model/check-machine.h"
#include "podman/podman.h"
#include "runtime/spawn.h"

enum { DOCTOR_FILE_MAX = 4 << 20 };

struct app *doctor_next_app(struct doctor *d, size_t *at) {
        struct world *w = doctor_world(d);

        while (*at < w->definitions.n) {
                struct definition *definition = &w->definitions.at[(*at)++];

                if (definition->app && (str_is_absent(d->only) || str_eq(definition->name.text, d->only)))
                        return definition->app;
        }

        return NULL;
}

bool doctor_is_defined(const struct doctor *d, struct str app) {
        return session_find(&d->session, app) || !str_is_absent(session_find_mask(&d->session, app));
}

static const struct bus_listed *find_unit(const struct doctor *d, struct str unit) {
        size_t low = 0, high = d->units.list.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = str_cmp(d->units.list.at[middle].name, unit);

                if (r == 0)
                        return &d->units.list.at[middle];
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return NULL;
}

struct str doctor_unit(const struct doctor *d, struct str unit) {
        const struct bus_listed *found = find_unit(d, unit);

        return found ? found->active : STR("inactive");
}

bool doctor_is_active(const struct doctor *d, struct str unit) {
        struct str state = doctor_unit(d, unit);

        return str_is(state, "active") || str_is(state, "reloading");
}

int doctor_ask(struct doctor *d, const char *const *argv, struct str *ret_out) {
        struct str program = argv[0][0] == '/' ? str_of(argv[0]) : spawn_find(d->arena, argv[0]);
        const char *words[16] = { program.p };
        struct spawn_result result;
        int r;

        if (str_is_absent(program))
                return -ENOENT;
        for (size_t i = 1; i + 1 < ARRAY_SIZE(words) && argv[i]; i++)
                words[i] = argv[i];

        r = spawn_run(d->arena, words, &result);
        if (r < 0)
                return r;

        *ret_out = result.out;
        while (ret_out->n > 0 && ret_out->p[ret_out->n - 1] == '\n')
                ret_out->n--;
        if (result.status != 0 || ret_out->n == 0)
                *ret_out = str_trim((struct str){ result.err.p, str_find(result.err, '\n') });
        return result.status;
}

bool doctor_has(const struct doctor *d, struct str path) {
        return path.n > 1 && faccessat(d->session.world.root, path.p + 1, F_OK, 0) == 0;
}

bool doctor_is_mask(const struct doctor *d, struct str path) {
        char target[16];
        ssize_t n = readlinkat(d->session.world.root, path.p + 1, target, sizeof(target));

        return n >= 0 && str_is((struct str){ target, (size_t) n }, "/dev/null");
}

bool doctor_read(struct doctor *d, struct str path, struct str *ret) {
        return fs_read(d->arena, d->session.world.root, path.p + 1, DOCTOR_FILE_MAX, ret) >= 0;
}

static int compare_units(const void *a, const void *b) {
        return str_cmp(((const struct bus_listed *) a)->name, ((const struct bus_listed *) b)->name);
}

/* If systemd doesn't answer, a check reports it. */
static void look_at_units(struct doctor *d) {
        d->bus_error = bus_open(d->arena, d->ctl->is_user, -1, &d->bus);
        if (d->bus_error < 0)
                return;

        d->bus_error = bus_list_units(d->bus, d->arena, STR("*"), &d->units);
        if (d->bus_error < 0)
                bus_close(&d->bus);
        if (d->units.list.n > 1)
                qsort(d->units.list.at, d->units.list.n, sizeof(struct bus_listed), compare_units);
}

static void look_at_containers(struct doctor *d) {
        static const char format[] = "{{.Names}}\t{{.State}}\t{{.Ports}}\t{{.Networks}}\t{{printf \"%q\" "
                                     "(index .Labels \"io.pyservice.app\")}}\t"
                                     "{{printf \"%q\" (index .Labels \"PODMAN_SYSTEMD_UNIT\")}}\t"
                                     "{{printf \"%q\" (index .Labels \"io.pyservice.run\")}}";
        struct str text, line;

        d->podman = spawn_find(d->arena, "podman").p;
        if (!d->podman || (geteuid() != 0 && !d->ctl->is_user) ||
            doctor_ask(d,
                       (const char *[]){ d->podman, "ps", "--all", "--no-trunc", "--filter",
                                         "label=io.pyservice.app", "--format", format, NULL },
                       &text) != 0)
                return;

        d->knows_containers = true;
        while (str_split(&text, '\n', &line)) {
                struct doctor_container container = { .name = podman_take_field(d->arena, &line) };
                struct str run;

                container.state = podman_take_field(d->arena, &line);
                container.ports = podman_take_field(d->arena, &line);
                container.networks = podman_take_field(d->arena, &line);
                container.app = podman_take_label(d->arena, &line);
                container.unit = podman_take_label(d->arena, &line);
                run = podman_take_label(d->arena, &line);
                /* A container that a user started by hand (`pyservicectl run`) is not an error. */
                if (container.name.n > 0 && run.n == 0)
                        *vec_push(d->arena, &d->containers) = container;
        }
}

static void look_at_haproxy(struct doctor *d) {
        d->haproxy = haproxy_client_of(d->arena, doctor_world(d)->host.haproxy);
        d->counters_error = -ENOENT;
        if (d->uses_haproxy && strcmp(d->ctl->root, "/") == 0)
                d->counters_error = haproxy_count_all(&d->haproxy, &d->counters);
        haproxy_add_saved_counters(d->arena, d->places.runtime, true, &d->counters);
}

/* HAProxy serves all applications, not only the selected one. */
static void look_at_fronts(struct doctor *d) {
        VEC_EACH(definition, &doctor_world(d)->definitions) {
                if (!definition->app || d->ctl->is_user)
                        continue;
                APP_EACH_KEPT(s, definition->app) {
                        d->uses_haproxy =
                                d->uses_haproxy || (s->proxy && s->proxy->kind.index == PROXY_HAPROXY);
                        d->uses_nginx = d->uses_nginx || (s->proxy && s->proxy->kind.index == PROXY_NGINX);
                }
        }
}

static int check_name(struct doctor *d) {
        struct str *names = arena_array(d->arena, doctor_world(d)->definitions.n + 1, struct str), hint;
        size_t n = 0;

        if (str_is_absent(d->only) || session_find(&d->session, d->only))
                return 0;
        if (doctor_is_defined(d, d->only))
                return session_no_definition(d->ctl, &d->session, d->only);

        VEC_EACH(definition, &doctor_world(d)->definitions)
                names[n++] = definition->name.text;
        hint = diag_hint(d->arena, d->only, names, n,
                         STR("'pyservicectl doctor' without a name checks the whole machine"));
        (void) fprintf(stderr, "pyservicectl: '%.*s' has no definition; %.*s\n", STR_ARG(d->only),
                       STR_ARG(hint));
        return CTL_ERROR;
}

int doctor_look(struct doctor *d) {
        int r = session_open(d->ctl, &d->session);

        if (r == 0)
                r = view_open(d->ctl, &d->places);
        if (r == 0)
                r = check_name(d);
        if (r != 0)
                return r;

        check_machine(&d->session);
        look_at_fronts(d);
        doctor_look_at_own(d);
        if (ports_assign(doctor_world(d), d->places.runtime, &d->ports) < 0)
                d->ports = (struct ports){ 0 };
        if (strcmp(d->ctl->root, "/") == 0) {
                look_at_units(d);
                look_at_containers(d);
        }
        look_at_haproxy(d);
        return 0;
}

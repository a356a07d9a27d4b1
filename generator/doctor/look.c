/* SPDX-License-Identifier: Apache-2.0 */

/* The facts that the checks share, and their further queries. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "ctl/session.h"
#include "doctor/doctor.h"
#include "model/check-machine.h"
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

bool doctor_describe(struct doctor *d, struct str unit, struct described *ret) {
        const struct describing q = { d->arena, d->now.bus, d->ctl->is_user, 0, unit };
        struct doctor_described *one;

        VEC_EACH(known, &d->described)
                if (str_eq(known->unit, unit)) {
                        *ret = known->found;
                        return known->is_there;
                }

        one = vec_push(d->arena, &d->described);
        one->unit = unit;
        one->is_there = describe_now(&q, &one->found);
        *ret = one->found;
        return one->is_there;
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

/* Checks report what does not answer. */
static void take_snapshot(struct doctor *d) {
        struct str problem;

        snapshot_begin(&d->now, d->ctl);
        d->bus_error = snapshot_take_units(&d->now);
        if (d->now.is_live)
                d->podman = spawn_find(d->arena, "podman").p;
        if (d->podman)
                (void) snapshot_take_containers(&d->now, (struct str){ 0 }, true, &problem);
        if (d->uses_haproxy)
                (void) snapshot_take_servers(&d->now, doctor_world(d)->host.haproxy, d->places.runtime, true);
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
        take_snapshot(d);
        return 0;
}

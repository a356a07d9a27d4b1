/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl update: finds the images that are behind the tags now, and rolls out new ones like any
 * change. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "control/update.h"
#include "ctl/session.h"
#include "model/view.h"
#include "runtime/spawn.h"
#include "verbs/rollout.h"
#include "verbs/verbs.h"

static struct { bool is_local, is_auto; } options;

const struct option_row update_options[] = {
        { "local", NULL, "Check only the images of this machine, not a registry", .flag = &options.is_local },
        { "auto", NULL, "Update all applications that have auto_update", .flag = &options.is_auto },
        { 0 },
};

struct update {
        struct ctl *ctl;
        struct session session;
        struct view_places places;
        struct podman podman;
        VEC(struct str) changed; /* apps whose state has another image */
};

/* One app. */
struct turn {
        struct update *u;
        struct app *app;
        struct str name;
        struct view view;
        struct container_list containers;
        struct image_users users;
        struct image_moves moves;
        bool is_local; /* no registry is queried */
};

static void update_close(struct update *u) {
        view_close(&u->places);
        session_close(&u->session);
}

/* Podman, or what a test has in its place. */
static const char *find_podman(struct ctl *c) {
        return strcmp(c->root, "/") == 0 ? spawn_find(&c->arena, "podman").p
                                         : secure_getenv("PYSERVICE_PODMAN");
}

static int update_open(struct ctl *c, struct update *u) {
        int r;

        u->ctl = c;
        u->podman = (struct podman){ .arena = &c->arena, .program = find_podman(c) };
        if (!u->podman.program && strcmp(c->root, "/") != 0)
                return ctl_usage(c, "--root is not supported: it updates the images of this machine");
        if (!u->podman.program)
                return ctl_fail("podman", -ENOENT);

        r = session_open(c, &u->session);
        return r != 0 ? r : view_open(c, &u->places);
}

static int complain(const struct turn *t, const char *what, int r) {
        struct str problem = r == -EIO ? t->u->podman.problem : str_of(strerror(-r));

        (void) fprintf(stderr, "pyservicectl: %.*s: %s: %.*s\n", STR_ARG(t->name), what, STR_ARG(problem));
        return r == -EIO ? CTL_ERROR : EXIT_SYSTEM;
}

/* "hello" or "hello-3" of unit "hello". */
static bool is_of_unit(struct str container, struct str unit) {
        uint64_t number;

        if (!str_has_prefix(container, unit))
                return false;

        container = str_from(container, unit.n);
        return container.n == 0 ||
               (container.p[0] == '-' && str_to_u64(str_from(container, 1), INSTANCES_MAX, &number));
}

/* The image of a container that runs by this reference, if it is not `id`; absent if there is none. */
static struct str find_other_id(const struct turn *t, struct str reference, struct str id) {
        VEC_EACH(ref, &t->containers.list) {
                if (!str_eq(ref->container->image.text, reference))
                        continue;
                VEC_EACH(user, &t->users.list)
                        if (is_of_unit(user->name, ref->container->unit.text) && !str_eq(user->id, id))
                                return user->id;
        }

        return (struct str){ 0 };
}

static struct str find_pin(const struct state *s, struct str reference) {
        VEC_EACH(image, &s->images)
                if (str_eq(image->reference, reference))
                        return image->pinned;

        return (struct str){ 0 };
}

/* True if the running or pinned image differs from the one behind the tag. */
static int has_moved(struct turn *t, struct str reference, const struct image_facts *now, bool *ret) {
        struct str pinned = find_pin(&t->view.state, reference);
        struct image_facts old;
        int r;

        if (str_is_absent(pinned)) {
                *ret = !str_is_absent(find_other_id(t, reference, now->id));
                return 0;
        }

        r = image_inspect(&t->u->podman, pinned, &old);
        if (r < 0 && r != -ENOENT)
                return r;

        *ret = !str_eq(pinned, image_pin(t->u->podman.arena, reference, now)) &&
               (r == -ENOENT || !str_eq(old.id, now->id));
        return 0;
}

/* A tag that is moved leaves the image without a name: Podman then finds it by no digest, and may remove
 * it. */
static int keep_names(struct turn *t, const struct container *c, const struct image_move *move,
                      struct str id) {
        struct podman *p = &t->u->podman;
        int r = str_find(move->pinned, '@') < move->pinned.n && !t->is_local ? image_pull(p, c, move->pinned)
                                                                             : image_keep(p, id);

        return r < 0 || str_is_absent(move->old_id) ? r : image_keep(p, move->old_id);
}

static int look_behind(struct turn *t, const struct container *c) {
        struct podman *p = &t->u->podman;
        struct str reference = c->image.text;
        struct image_facts before, now;
        struct image_move move = { .reference = reference };
        bool is_moved = false, is_local;
        int r = image_inspect(p, reference, &before);

        if (r < 0 && r != -ENOENT)
                return r;

        is_local = t->is_local || container_pull(c) == PULL_NEVER ||
                   image_is_local(p->arena, reference, r == 0 ? &before : NULL);
        if (!is_local)
                r = image_pull(p, c, reference);
        if (r == 0)
                r = image_inspect(p, reference, &now);
        if (r == 0)
                r = has_moved(t, reference, &now, &is_moved);
        if (r < 0 || !is_moved)
                return r == -ENOENT ? 0 : r;

        move.pinned = image_pin(p->arena, reference, &now);
        if (str_is_absent(find_pin(&t->view.state, reference)))
                move.old_id = find_other_id(t, reference, now.id);
        *vec_push(p->arena, &t->moves.list) = move;
        return keep_names(t, c, &move, now.id);
}

/* Podman's own update already pulls it and restarts its unit. */
static bool is_podmans(const struct container *c) {
        LIST_EACH(label, &c->labels)
                if (str_is(label->key.text, "io.containers.autoupdate"))
                        return true;

        return false;
}

/* Each reference once; what has a digest never changes. */
static int look_behind_all(struct turn *t) {
        for (size_t i = 0; i < t->containers.list.n; i++) {
                const struct container *c = t->containers.list.at[i].container;
                bool is_done = is_built(t->app, c) || str_find(c->image.text, '@') < c->image.text.n ||
                               (options.is_auto && is_podmans(c));
                int r;

                for (size_t j = 0; j < i; j++)
                        is_done = is_done ||
                                  str_eq(t->containers.list.at[j].container->image.text, c->image.text);
                r = is_done ? 0 : look_behind(t, c);
                if (r < 0)
                        return complain(t, c->image.text.p, r);
        }

        return 0;
}

/* A branch that has moved, or a tag. The image is another name then, so what runs needs no holding. */
static int look_behind_ref(struct turn *t) {
        struct image_move move = { .reference = t->app->source->image.text };
        struct str pinned = find_pin(&t->view.state, move.reference);
        int r = update_build(t->u->ctl, t->u->places.runtime, t->app, &move.pinned);

        if (r == 0 && !str_eq(move.pinned, str_is_absent(pinned) ? move.reference : pinned))
                *vec_push(t->u->podman.arena, &t->moves.list) = move;
        return r;
}

static void set_pin(struct arena *a, struct state *s, struct str reference, struct str pinned) {
        VEC_EACH(image, &s->images)
                if (str_eq(image->reference, reference)) {
                        image->pinned = pinned;
                        return;
                }

        *vec_push(a, &s->images) = (struct state_image){ reference, pinned };
}

static bool is_used(const struct turn *t, struct str reference) {
        VEC_EACH(ref, &t->containers.list)
                if (str_eq(ref->container->image.text, reference))
                        return true;

        return false;
}

static void drop_unused_pins(const struct turn *t, struct state *s) {
        size_t n = 0;

        for (size_t i = 0; i < s->images.n; i++)
                if (is_used(t, s->images.at[i].reference))
                        s->images.at[n++] = s->images.at[i];
        s->images.n = n;
}

static int write_moves(struct turn *t) {
        CLEANUP(close_fd) int lock = -1;
        struct arena *a = t->u->podman.arena;
        int dir = t->u->places.state, r = dir < 0 ? -ENOENT : state_lock(dir, t->name, &lock);
        struct state state;

        if (r >= 0)
                r = state_read(a, dir, t->name, &state);
        if (r >= 0)
                r = update_hold(a, dir, t->name, &t->moves);
        if (r < 0)
                return view_fail(t->u->ctl, &t->u->places, t->name, r);

        VEC_EACH(move, &t->moves.list)
                set_pin(a, &state, move->reference, move->pinned);
        drop_unused_pins(t, &state);
        r = state_write(a, dir, t->name, &state);
        return r < 0 ? view_fail(t->u->ctl, &t->u->places, t->name, r) : 0;
}

static int tell_moves(const struct turn *t) {
        if (t->moves.list.n == 0)
                (void) printf("%.*s: up to date\n", STR_ARG(t->name));
        VEC_EACH(move, &t->moves.list)
                (void) printf("%.*s: %.*s is now %.*s\n", STR_ARG(t->name), STR_ARG(move->reference),
                              STR_ARG(move->pinned));

        return CTL_GOOD;
}

/* An update would be a new revision, and so would end an undo unintentionally. */
static int refuse_pinned(const struct turn *t) {
        (void) fprintf(stderr,
                       "pyservicectl: %.*s is pinned to %.*s and not updated; 'pyservicectl rollout resume "
                       "%.*s' ends that\n",
                       STR_ARG(t->name), STR_ARG(t->view.state.pinned), STR_ARG(t->name));
        return options.is_auto ? CTL_GOOD : CTL_ERROR;
}

static int update_app(struct update *u, const struct definition *d) {
        struct turn t = { .u = u, .app = d->app, .name = d->name.text };
        int r = view_read_all(u->ctl, &u->places, t.name, &t.view);

        if (r != 0)
                return r;
        if (!str_is_absent(t.view.state.pinned) && str_eq(t.view.state.pinned, t.view.wanted))
                return refuse_pinned(&t);

        t.is_local = options.is_local || (options.is_auto && d->app->auto_update.index == AUTO_UPDATE_LOCAL);
        t.containers = app_containers(&u->ctl->arena, d->app);
        r = image_find_users(&u->podman, t.name, &t.users);
        if (r < 0)
                return complain(&t, "podman ps", r);

        r = look_behind_all(&t);
        if (r == 0 && t.app->source && !t.is_local)
                r = look_behind_ref(&t);
        if (r == 0 && t.moves.list.n > 0)
                r = write_moves(&t);
        if (r != 0)
                return r;

        if (t.moves.list.n > 0)
                *vec_push(&u->ctl->arena, &u->changed) = t.name;
        return tell_moves(&t);
}

static int update_named(struct update *u, const char *name) {
        const struct definition *d = session_find(&u->session, str_of(name));

        if (d && d->app)
                return update_app(u, d);

        (void) fprintf(stderr, "pyservicectl: '%s' %s\n", name,
                       d ? "has errors in its definition; 'pyservicectl check' shows them"
                         : "has no definition");
        return CTL_ERROR;
}

static int update_all(struct update *u) {
        int status = CTL_GOOD;

        for (int i = 0; !options.is_auto && i < u->ctl->argc; i++) {
                int r = update_named(u, u->ctl->argv[i]);

                status = r > status ? r : status;
        }
        VEC_EACH(d, &u->session.world.definitions)
                if (options.is_auto && d->app && has_auto_update(d->app)) {
                        int r = update_app(u, d);

                        status = r > status ? r : status;
                }

        return status;
}

int ctl_update(struct ctl *c) {
        CLEANUP(update_close) struct update u = { .session.world.root = -1, .places = { -1, -1, { 0 } } };
        int r, status;

        if (options.is_auto ? c->argc > 0 || options.is_local : c->argc == 0)
                return ctl_usage(c, "give names of applications, or --auto alone");

        r = update_open(c, &u);
        if (r != 0)
                return r;

        status = update_all(&u);
        r = u.changed.n > 0 ? ctl_reload(c) : 0;
        if (r != 0)
                return r;

        VEC_EACH(app, &u.changed) {
                r = options.is_auto ? CTL_GOOD : rollout_follow_change(c, *app);
                status = r > status ? r : status;
        }
        return status;
}

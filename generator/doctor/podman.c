/* SPDX-License-Identifier: Apache-2.0 */

/* Missing images; unused containers, images and states. */

#include <fcntl.h>
#include <sys/stat.h>

#include "app/machine.h"
#include "app/resolve.h"
#include "base/fs.h"
#include "doctor/doctor.h"
#include "podman/podman-object.h"
#include "podman/podman.h"

static const struct str nobody = { 0 };

#define BUILT STR("localhost/pyservice-")

struct image {
        struct str repository, tag;
};

struct images {
        VEC(struct image) list;
};

/* One that is to be there. */
struct wanted_image {
        struct app *app;
        const struct container *container;
        struct str reference;
        bool is_kept; /* a service or sidecar runs it, so that it should be there */
};

struct wanted_images {
        VEC(struct wanted_image) list;
};

/* "quay.io/a/b:1" is b's tag 1 of quay.io/a; without a registry it may be any registry's. */
static bool is_listed(struct doctor *d, const struct images *images, struct str reference) {
        size_t colon = reference.n, slash;
        struct str name, tag = STR("latest"), suffix;

        if (str_find(reference, '@') < reference.n)
                return false;
        for (size_t i = reference.n; i > 0 && reference.p[i - 1] != '/'; i--)
                if (reference.p[i - 1] == ':')
                        colon = i - 1;
        name = (struct str){ reference.p, colon };
        if (colon < reference.n)
                tag = str_from(reference, colon + 1);
        suffix = arena_join(d->arena, STR("/"), name);
        slash = str_find(name, '/');

        VEC_EACH(image, &images->list) {
                bool has_registry = slash < name.n && (str_find((struct str){ name.p, slash }, '.') < slash ||
                                                       str_find((struct str){ name.p, slash }, ':') < slash ||
                                                       str_is((struct str){ name.p, slash }, "localhost"));

                if (str_eq(image->tag, tag) && (str_eq(image->repository, name) ||
                                                (!has_registry && str_has_suffix(image->repository, suffix))))
                        return true;
        }

        return false;
}

/* By Podman itself, which knows digests, short names and platforms. */
static bool is_there(struct doctor *d, const struct images *images, const struct wanted_image *w) {
        struct platform platform = w->container->settings.platform;

        return (str_is_absent(platform.text) && is_listed(d, images, w->reference)) ||
               podman_has_image(d->arena, d->podman, w->reference, platform);
}

/* Each once; the first that runs it always counts. */
static void add_wanted(struct doctor *d, struct wanted_images *w, struct wanted_image image) {
        VEC_EACH(known, &w->list)
                if (str_eq(known->reference, image.reference)) {
                        known->is_kept = known->is_kept || image.is_kept;
                        return;
                }

        *vec_push(d->arena, &w->list) = image;
}

/* The image that `pyservicectl update` found behind a tag. */
static struct str pinned(const struct state *s, struct str reference) {
        VEC_EACH(image, &s->images)
                if (str_eq(image->reference, reference))
                        return image->pinned;

        return reference;
}

static void collect(struct doctor *d, struct wanted_images *ret) {
        DOCTOR_EACH_APP(d, app) {
                struct container_list all = app_containers(d->arena, app);
                struct state state = { 0 };

                if (state_read(d->arena, d->places.state, app->name.text, &state) < 0)
                        state = (struct state){ 0 };
                for (size_t i = 0; i < all.list.n; i++) {
                        const struct container *c = all.list.at[i].container;

                        if (c->image.text.n > 0 && machine_is_among(doctor_world(d), c->hosts.at, c->hosts.n))
                                add_wanted(d, ret,
                                           (struct wanted_image){ app, c, pinned(&state, c->image.text),
                                                                  i < app->services.n + app->sidecars.n });
                }
        }
}

static void complain(struct doctor *d, const struct wanted_image *w) {
        struct str platform = w->container->settings.platform.text, app = w->app->name.text,
                   text = arena_join(d->arena, STR("the image "), w->reference, STR(" does not exist"));

        if (!str_is_absent(platform))
                text = arena_join(d->arena, text, STR(" for "), platform);

        if (is_built(w->app, w->container)) {
                doctor_warn(
                        d, app, arena_join(d->arena, text, STR("; it is built at the next start")),
                        arena_join(d->arena, STR("see its build: systemctl status '"), app, STR("*-build'")));
                doctor_alike(d, w->reference, STR("images do not exist; they are built at the next start"));
        } else if (container_pull(w->container) == PULL_NEVER ||
                   str_has_prefix(w->reference, STR("localhost/"))) {
                doctor_bad(d, app, arena_join(d->arena, text, STR(", and cannot be pulled")),
                           STR("build it, or 'podman load' it, under that name; is the name correct?"));
                doctor_alike(d, w->reference, STR("images do not exist, and cannot be pulled"));
        } else if (w->is_kept) {
                doctor_warn(d, app, arena_join(d->arena, text, STR("; it is pulled at the next start")),
                            arena_join(d->arena, STR("podman pull "),
                                       str_is_absent(platform)
                                               ? STR("")
                                               : arena_join(d->arena, STR("--platform="), platform, STR(" ")),
                                       w->reference));
                doctor_alike(d, w->reference, STR("images do not exist; they are pulled at the next start"));
        }
}

static bool read_images(struct doctor *d, struct images *ret) {
        struct str text = { 0 }, line;

        if (!d->podman || doctor_ask(d,
                                     (const char *[]){ d->podman, "image", "ls", "--format",
                                                       "{{.Repository}}\t{{.Tag}}", NULL },
                                     &text) != 0)
                return false;

        while (str_split(&text, '\n', &line)) {
                struct image image = { 0 };

                if (str_split(&line, '\t', &image.repository) && str_split(&line, '\t', &image.tag))
                        *vec_push(d->arena, &ret->list) = image;
        }
        return true;
}

/* Images that were built for an application that is gone. */
static void look_for_kept(struct doctor *d, const struct images *images) {
        struct str last = { 0 };

        VEC_EACH(image, &images->list) {
                struct str app = str_has_prefix(image->repository, BUILT)
                                         ? str_from(image->repository, BUILT.n)
                                         : nobody;

                if (app.n == 0 || str_eq(app, last) || doctor_is_defined(d, app) ||
                    !type_accepts(KIND_NAME, app) || !str_is_absent(d->only))
                        continue;
                last = app;
                doctor_warn(d, app,
                            arena_join(d->arena,
                                       STR("its definition was removed, but an image that was built for it "
                                           "remains: "),
                                       image->repository),
                            arena_join(d->arena, STR("pyservicectl purge "), app));
                doctor_alike(d, app,
                             STR("definitions were removed, but images that were built for them remain"));
        }
}

void doctor_images(struct doctor *d) {
        struct wanted_images wanted = { 0 };
        struct images images = { 0 };

        if (!read_images(d, &images)) {
                doctor_skip(d, "need Podman, which does not answer");
                return;
        }

        collect(d, &wanted);
        VEC_EACH(w, &wanted.list)
                if (!is_there(d, &images, w))
                        complain(d, w);
        look_for_kept(d, &images);
}

void doctor_objects(struct doctor *d) {
        struct podman_objects wanted = { 0 };
        struct podman_differences differences = { 0 };

        if (!d->podman) {
                doctor_skip(d, "need Podman, which does not answer");
                return;
        }

        DOCTOR_EACH_APP(d, app)
                app_add_objects(d->arena, app, &wanted, &wanted);
        podman_compare(d->arena, &wanted, &differences);
        VEC_EACH(difference, &differences.list)
                doctor_warn(d, difference->object->app, difference->text,
                            podman_difference_advice(d->arena, difference));
}

/* A container and its unit appear and disappear together, except for moments. */
static void look_at_container(struct doctor *d, const struct podman_container *c) {
        struct str state = c->unit.n > 0 ? snapshot_unit_state(&d->now, c->unit) : STR("inactive");
        struct str owner =
                c->unit.n > 0 ? arena_join(d->arena, c->unit, STR(", which is "), state) : STR("no unit");

        if (!str_is(state, "inactive") && !str_is(state, "failed"))
                return;
        if (str_is(c->state, "running")) {
                doctor_bad(d, c->app,
                           arena_join(d->arena, STR("the container "), c->name, STR(" runs, and belongs to "),
                                      owner, STR(": systemd does not control it")),
                           arena_join(d->arena, STR("podman rm --force "), c->name));
                doctor_alike(d, c->name,
                             STR("containers run without a running unit; systemd does not control them"));
        } else {
                doctor_warn(d, c->app,
                            arena_join(d->arena, STR("the container "), c->name, STR(" is left over ("),
                                       c->state, STR("), and belongs to "), owner),
                            arena_join(d->arena, STR("podman rm "), c->name));
                doctor_alike(d, c->name, STR("containers are left over, without a running unit"));
        }
}

void doctor_leftovers(struct doctor *d) {
        if (!d->now.has_containers) {
                doctor_skip(d, "need Podman, which does not answer");
                return;
        }

        VEC_EACH(c, &d->now.containers.list)
                if (str_is_absent(d->only) || str_eq(c->app, d->only))
                        look_at_container(d, c);
}

static bool is_directory(int dir, struct str name) {
        struct stat st;

        return fstatat(dir, name.p, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

void doctor_removed(struct doctor *d) {
        struct fs_names names = { 0 };

        if (d->places.state < 0 || !str_is_absent(d->only) ||
            fs_list(d->arena, d->places.state, ".", &names) < 0)
                return;
        VEC_EACH(name, &names.list)
                if (type_accepts(KIND_NAME, *name) && is_directory(d->places.state, *name) &&
                    !doctor_is_defined(d, *name)) {
                        doctor_warn(d, *name,
                                    arena_join(d->arena,
                                               STR("its definition was removed, but its state remains in "),
                                               doctor_world(d)->places.state, STR("/"), *name),
                                    arena_join(d->arena, STR("if it will not return: pyservicectl "),
                                               d->ctl->is_user ? STR("--user ") : STR(""), STR("purge "),
                                               *name));
                        doctor_alike(d, *name,
                                     arena_join(d->arena,
                                                STR("definitions were removed, but their state remains in "),
                                                doctor_world(d)->places.state));
                }
}

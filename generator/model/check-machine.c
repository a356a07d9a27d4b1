/* SPDX-License-Identifier: Apache-2.0 */
#include "model/check-machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "app/home.h"
#include "app/machine.h"
#include "app/resolve.h"
#include "base/fs.h"
#include "ctl/session.h"
#include "model/cdi.h"
#include "podman/podman.h"
#include "schema/syntax.h"

enum { REGISTRIES_MAX = 1 << 20, NUMBERS_MAX = 1 << 20, IMAGES_MAX = 1 << 24 };

struct checking {
        struct session *s;
        const struct app *app;
        struct str stores;     /* of storage.conf, "one", "another" */
        struct str registries; /* all files that containers-registries.conf(5) names, one after another */
};

/* --- Files and directories --- */

static bool is_missing(const struct checking *k, struct str path) {
        struct str relative = path.n > 1 ? arena_str(k->s->world.arena, str_from(path, 1)) : STR(".");
        struct stat st;

        return path.n > 0 && path.p[0] == '/' && !has_instance_mark(path) && !path_is_machines(path) &&
               fstatat(k->s->world.root, relative.p, &st, 0) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static void check_path(const struct checking *k, struct str path, struct span at, const char *advice) {
        if (is_missing(k, path))
                (void) diag_add(&k->s->ds, DIAG_MISSING_PATH, at, "this machine has no '%.*s'; %s",
                                STR_ARG(path), advice);
}

/* The app's own directories and files are made before it starts. */
static bool is_made_by_app(const struct app *app, struct str path) {
        const struct home *h = app->home;

        return h && (home_has_file(app, path) || str_eq(path, h->config.text) || str_eq(path, h->data.text) ||
                     str_eq(path, h->app.text) || str_eq(path, h->root.text) ||
                     (app->source && str_eq(path, h->code.text)));
}

static void check_mount(const struct checking *k, const struct mount *m) {
        struct str source = syntax_volume_split(m->spec.text).source;

        if (!m->is_made && !is_made_by_app(k->app, source))
                check_path(k, source, m->spec.at, "create the directory, or add the option 'create'");
}

static void check_container(const struct checking *k, const struct container *c) {
        LIST_EACH(file, &c->env_files)
                check_path(k, file->text, file->at,
                           "write the file, or put '-' before its path if it may be missing");
        check_path(k, c->auth_file.text, c->auth_file.at, "'podman login --authfile' writes it");
        LIST_EACH(m, &c->mounts)
                check_mount(k, m);
}

/* --- Users --- */

/* True if subuid(5) or subgid(5) has numbers of this name. */
static bool has_numbers(const struct checking *k, const char *path, struct str name) {
        struct str text, line, first;

        if (fs_read(k->s->world.arena, k->s->world.root, path, NUMBERS_MAX, &text) < 0)
                return false;
        while (str_split(&text, '\n', &line))
                if (str_split(&line, ':', &first) && str_eq(first, name))
                        return true;

        return false;
}

/* False after the warning. The numbers are an example. */
static bool check_name(const struct checking *k, struct str name, struct span at, const char *numbers) {
        if (k->s->world.places.is_user ||
            (has_numbers(k, "etc/subuid", name) && has_numbers(k, "etc/subgid", name)))
                return true;

        (void) diag_add(&k->s->ds, DIAG_NO_SUBORDINATE_IDS, at,
                        "this machine has no user ids for such containers; add the line '%.*s:%s' to "
                        "/etc/subuid and to /etc/subgid",
                        STR_ARG(name), numbers);
        return false;
}

/* Once for each application, and for each name that it gives. Podman takes the numbers for UserNS=auto from
 * those of `containers` (podman-run(1)). */
static void check_numbers(const struct checking *k, const struct container_list *all) {
        bool is_good = true;

        VEC_EACH(ref, &all->list) {
                const struct container *c = ref->container;
                const struct userns *ns = c->settings.userns;

                if (is_good && has_own_users(c))
                        is_good = check_name(k, STR("containers"),
                                             c->hardening.index == HARDENING_STRICT
                                                     ? c->hardening.at
                                                     : settings_mode(&c->settings).at,
                                             "2147483648:2147418112");
                if (ns && !str_is_absent(ns->subids.text))
                        (void) check_name(k, ns->subids.text, ns->subids.at, "100000:65536");
        }
}

static void report_owners(const struct checking *k, const struct container *c, struct volume_spec at,
                          const char *name) {
        if (name)
                (void) diag_add(&k->s->ds, DIAG_FIXED_OWNERS, at.at,
                                "this is on %s, which Linux cannot mount with other owners, so the container "
                                "will not start; %s",
                                name,
                                c->hardening.index == HARDENING_STRICT
                                        ? "add 'userns: host', which keeps the other restrictions of "
                                          "'hardening: strict'"
                                        : "remove 'userns: auto'");
}

/* Podman's volumes on a disk are below its own directory, where its images are too. */
static void check_owners(const struct checking *k, const struct container *c) {
        const struct world *w = &k->s->world;

        if (!has_own_users(c) || w->places.is_user)
                return;

        LIST_EACH(spec, &c->volumes) {
                struct str source = syntax_volume_split(spec->text).source;

                LIST_EACH(v, &k->app->volumes)
                        if (str_eq(v->key.text, source)) {
                                report_owners(k, c, *spec, machine_owners_fixed_by(v->value.type.text));
                                report_owners(k, c, *spec, machine_owners_fixed_at(w, v->value.device.text));
                        }
        }
        LIST_EACH(m, &c->mounts)
                report_owners(k, c, m->spec,
                              machine_owners_fixed_at(w, syntax_volume_split(m->spec.text).source));
}

/* The quoted texts of a list in TOML, which may continue in the lines that follow its key. */
static struct str toml_list(struct str text, struct str key) {
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line)) {
                struct str list = str_trim(line);

                if (!str_has_prefix(list, key))
                        continue;

                list.n = text.n - (size_t) (list.p - text.p);
                list.n = str_find(list, ']');
                return str_from(list, str_find(list, '[') < list.n ? str_find(list, '[') + 1 : list.n);
        }

        return (struct str){ 0 };
}

/* Podman lists the images of a store with their names in one file. */
static bool has_image(const struct checking *k, struct str store, struct str image) {
        struct arena *a = k->s->world.arena;
        struct str path = arena_join(a, str_from(store, 1), STR("/overlay-images/images.json")), text;

        return fs_read(a, k->s->world.root, path.p, IMAGES_MAX, &text) >= 0 &&
               str_find_str(text, arena_join(a, STR("\""), image, STR("\""))) < text.n;
}

/* If the file system of Podman's own store cannot be mounted with other owners, Podman copies the image. It
 * does not examine the additional stores (containers-storage.conf(5)). */
static void check_stores(const struct checking *k, const struct container *c) {
        struct str stores = k->stores, store;
        struct user_namespace mode = settings_mode(&c->settings);
        bool has_users = has_own_users(c) || settings_has_map(&c->settings) ||
                         str_has_prefix(mode.text, STR("keep-id"));

        while (has_users && str_split(&stores, '"', &store)) {
                const char *name = machine_owners_fixed_at(&k->s->world, store);

                if (name && has_image(k, store, c->image.text))
                        (void) diag_add(
                                &k->s->ds, DIAG_FIXED_OWNERS, c->image.at,
                                "this image is in %.*s, on %s, which Linux cannot mount with other "
                                "owners, so the container will not start; add 'userns: host', or keep "
                                "the image elsewhere (containers-storage.conf(5))",
                                STR_ARG(store), name);
        }
}

/* --- Devices --- */

static void check_device(const struct checking *k, struct str device, struct span at, const char *advice) {
        if (device.p[0] != '/' && !cdi_has(k->s->world.arena, k->s->world.root, device))
                (void) diag_add(&k->s->ds, DIAG_UNKNOWN_DEVICE, at,
                                "no file in " CDI_DIRECTORIES
                                " describes the device '%.*s', so the container will not start; %s",
                                STR_ARG(device), advice);
}

static void check_devices(const struct checking *k, const struct container *c) {
        static const char nvidia[] = "'nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml' writes one";

        if (!machine_is_among(&k->s->world, c->hosts.at, c->hosts.n))
                return;

        LIST_EACH(device, &c->settings.devices)
                check_device(k, device->text, device->at,
                             str_has_prefix(device->text, STR("nvidia.com/"))
                                     ? nvidia
                                     : "the tool of its driver writes one; is the name correct?");
        if (c->settings.gpus.at.len > 0)
                check_device(k, STR("nvidia.com/gpu=all"), c->settings.gpus.at, nvidia);
}

static void check_app(const struct checking *k) {
        const struct app *app = k->app;

        LIST_EACH(f, &app->files)
                check_path(k, f->source.text, f->source.at, "put the file there");
        LIST_EACH(v, &app->volumes)
                if (str_is_absent(v->value.type.text) || str_is(v->value.type.text, "none"))
                        check_path(k, v->value.device.text, v->value.device.at, "make the directory");
        if (app->source) {
                check_path(k, app->source->ssh_key.text, app->source->ssh_key.at, "put the key there");
                check_path(k, app->source->repo.text, app->source->repo.at, "put the repository there");
        }
}

/* --- Images --- */

/* The part of a name that Podman takes for a registry: a first part with a domain, a port, or this
 * machine. */
static bool has_registry(struct str image) {
        struct str first = { image.p, str_find(image, '/') };

        return first.n < image.n && (str_find(first, '.') < first.n || str_find(first, ':') < first.n ||
                                     str_is(first, "localhost"));
}

static void add_registries(struct checking *k, struct str path) {
        struct str text;

        if (fs_read(k->s->world.arena, k->s->world.root, path.p, REGISTRIES_MAX, &text) >= 0)
                k->registries = arena_join(k->s->world.arena, k->registries, STR("\n"), text);
}

static void read_registries(struct checking *k, struct str directory) {
        struct arena *a = k->s->world.arena;
        struct str drop_ins = arena_join(a, directory, STR("/registries.conf.d"));
        struct fs_names names = { 0 };

        add_registries(k, arena_join(a, directory, STR("/registries.conf")));
        if (fs_list(a, k->s->world.root, drop_ins.p, &names) < 0)
                return;
        VEC_EACH(name, &names.list)
                if (str_has_suffix(*name, STR(".conf")))
                        add_registries(k, arena_join(a, drop_ins, STR("/"), *name));
}

/* From TOML, only the settings with which a name can be completed: a list of registries that is not empty, or
 * an alias. */
static bool is_completed(const struct checking *k, struct str name) {
        static const struct str search = STR_INIT("unqualified-search-registries");
        struct str alias = arena_join(k->s->world.arena, STR("\""), name, STR("\"")), rest = k->registries,
                   line;

        while (str_split(&rest, '\n', &line)) {
                struct str list = str_trim(line);

                if (str_has_prefix(list, alias) &&
                    str_has_prefix(str_trim(str_from(list, alias.n)), STR("=")))
                        return true;
                if (!str_has_prefix(list, search))
                        continue;

                /* It may continue in the lines that follow. */
                list.n = k->registries.n - (size_t) (list.p - k->registries.p);
                list.n = str_find(list, ']');
                if (str_find(list, '"') < list.n || str_find(list, '\'') < list.n)
                        return true;
        }

        return false;
}

static void check_image(const struct checking *k, struct image_ref image) {
        struct str name = { image.text.p, str_find(image.text, '@') };
        size_t slash = str_find(name, '/');
        bool has_slash = slash < name.n;

        /* A ':' in the first of several parts would make that a registry. */
        name.n = str_find(name, ':');
        if (name.n == 0 || has_registry(image.text) || is_completed(k, name))
                return;

        (void) diag_add(&k->s->ds, DIAG_SHORT_IMAGE, image.at,
                        "'%.*s' has no registry, and this machine has no registries to search; write "
                        "'%s%.*s'",
                        STR_ARG(image.text), has_slash ? "docker.io/" : "docker.io/library/",
                        STR_ARG(image.text));
}

void check_machine(struct session *s) {
        struct checking k = { .s = s, .registries = STR("") };

        if (s->world.trusts_all)
                return;

        if (!s->world.places.is_user)
                k.stores = toml_list(podman_storage_conf(s->world.arena, s->world.root),
                                     STR("additionalimagestores"));
        read_registries(&k, STR("usr/share/containers"));
        read_registries(&k, STR("etc/containers"));
        VEC_EACH(d, &s->world.definitions) {
                struct container_list all;

                if (!d->app)
                        continue;

                k.app = d->app;
                s->ds.owner = d->name.text;
                all = app_containers(s->world.arena, d->app);
                VEC_EACH(ref, &all.list) {
                        const struct container *c = ref->container;

                        check_container(&k, c);
                        check_owners(&k, c);
                        check_stores(&k, c);
                        check_devices(&k, c);
                        if (!is_built(d->app, c) && container_pull(c) != PULL_NEVER)
                                check_image(&k, c->image);
                }
                check_numbers(&k, &all);
                check_app(&k);
        }
}

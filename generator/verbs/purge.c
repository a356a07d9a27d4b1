/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl purge: removes what an application leaves behind when its definition is gone. This never
 * happens automatically: a definition is also removed to be moved, or by accident.
 *
 * The bundles list the application's own directories and files (setup/places); volumes have Podman's label,
 * images their name. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <unistd.h>

#include "app/app.h"
#include "app/home.h"
#include "app/resolve.h"
#include "base/fs.h"
#include "base/macro.h"
#include "base/path.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/walk.h"
#include "bundle/layout.h"
#include "bundle/record.h"
#include "ctl/session.h"
#include "model/view.h"
#include "podman/podman.h"
#include "runtime/spawn.h"
#include "schema/syntax.h"
#include "state/stored.h"
#include "verbs/verbs.h"

/* Files, volumes and images that other applications use: purge leaves them alone, no matter who created them.
 * A definition that was renamed keeps using the old one's. */

struct purge_use {
        struct str what, app; /* an absolute path, a volume or an image; whose */
};

struct purge_uses {
        struct arena *arena;
        int root;
        VEC(struct purge_use) list;
};

/* Where a descriptor leads, seen from here. */
static bool read_place(struct arena *a, int fd, struct str *ret) {
        char link[64], path[PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path));
        if (n < 0 || (size_t) n == sizeof(path))
                return false;

        *ret = arena_str(a, (struct str){ path, (size_t) n });
        return true;
}

/* Opens a path without links on the way, below the root; false if it does not exist. */
static bool resolve(const struct purge_uses *uses, struct str path, struct str *ret) {
        CLEANUP(close_fd)
        int fd = fs_open_resolved(uses->root, arena_str(uses->arena, path).p, O_PATH, RESOLVE_IN_ROOT);
        struct str root, place;

        if (fd < 0 || !read_place(uses->arena, uses->root, &root) || !read_place(uses->arena, fd, &place))
                return false;
        if (str_is(root, "/"))
                root = STR("");

        *ret = str_from(place, root.n);
        return path_is_below(place, root);
}

/* A path is noted as it is written, and as it is without links. */
static void purge_uses_add(struct purge_uses *uses, struct str what, struct str app) {
        struct str place;

        if (what.n == 0)
                return;
        *vec_push(uses->arena, &uses->list) = (struct purge_use){ what, app };
        if (what.p[0] == '/' && resolve(uses, what, &place) && !str_eq(place, what))
                *vec_push(uses->arena, &uses->list) = (struct purge_use){ place, app };
}

/* "SOURCE:TARGET"; of one for each instance the directory where all are. */
static struct str source_of(struct str volume) {
        struct str source = syntax_volume_split(volume).source;
        size_t end = str_find(source, INSTANCE_MARK);

        if (end == source.n)
                return source;
        while (end > 1 && source.p[end - 1] != '/')
                end--;
        return (struct str){ source.p, end > 1 ? end - 1 : end };
}

/* Collects what the definition names: directories, files, mounts, images. */
static void purge_uses_add_all(struct purge_uses *uses, struct app *app) {
        struct container_list all = app_containers(uses->arena, app);

        if (app->home) {
                const struct home *h = app->home;
                const struct str own[] = {
                        h->root.text, h->app.text, h->code.text, h->config.text, h->data.text,
                };

                for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                        purge_uses_add(uses, own[i], app->name.text);
        }
        LIST_EACH(f, &app->files) {
                purge_uses_add(uses, f->dest.text, app->name.text);
                purge_uses_add(uses, f->source.text, app->name.text);
        }
        VEC_EACH(ref, &all.list) {
                purge_uses_add(uses, ref->container->image.text, app->name.text);
                purge_uses_add(uses, arena_join(uses->arena, ref->container->image.text, STR(":latest")),
                               app->name.text);
                LIST_EACH(mount, &ref->container->mounts)
                        purge_uses_add(uses, source_of(mount->spec.text), app->name.text);
        }
}

/* Who mounts "/" or "/var" does not mean what applications have there. */
static bool is_all(struct str path) {
        return str_find(str_from(path, 1), '/') == path.n - 1;
}

static bool is_touched(struct str what, struct str by) {
        if (what.p[0] != '/' || by.p[0] != '/')
                return str_eq(what, by);

        return path_is_within(by, what) || (path_is_below(what, by) && !is_all(by));
}

/* Finds a use of `what`, or of a path in it or above it; NULL if there is none. */
static const struct purge_use *purge_uses_find(const struct purge_uses *uses, struct str what) {
        VEC_EACH(use, &uses->list)
                if (is_touched(what, use->what))
                        return use;

        return NULL;
}

/* THING_ROOT: a directory where others may have something too; it goes when it is empty. */
enum thing_kind { THING_DIRECTORY, THING_ROOT, THING_FILE, THING_VOLUME, THING_IMAGE, THING_STATE };

struct thing {
        enum thing_kind kind;
        struct str name;
};

struct purge {
        struct ctl *ctl;
        struct arena *arena;
        struct str app;
        int root;
        struct view_places places;
        struct purge_uses uses;
        VEC(struct thing) things;
        struct record record; /* of its bundles: the volumes of instances, which have no label */
};

static void add(struct purge *p, enum thing_kind kind, struct str name) {
        VEC_EACH(thing, &p->things)
                if (thing->kind == kind && str_eq(thing->name, name))
                        return;

        *vec_push(p->arena, &p->things) = (struct thing){ kind, name };
}

/* The type of the file at `path` as in st_mode, or negative errno. */
static int kind_at(struct purge *p, struct str path) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        int r = walk_to(&w, p->arena, p->root, path.p, 0);
        struct stat st;

        if (r < 0)
                return r;
        return fstatat(w.dir, w.name.p, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : (int) (st.st_mode & S_IFMT);
}

/* A directory that is there, or behind a link that is not followed: its removal reports the link. */
static void add_directory(struct purge *p, enum thing_kind kind, struct str path) {
        int type = kind_at(p, path);

        if (type >= 0 || type == -ELOOP)
                add(p, type == S_IFDIR || type == -ELOOP ? kind : THING_FILE, path);
}

static void add_file(struct purge *p, struct str path) {
        int type = kind_at(p, path);

        if (type == -ELOOP || (type >= 0 && type != S_IFDIR))
                add(p, THING_FILE, path);
}

/* "root PATH", "tree PATH" and "file PATH" lines. */
static void add_places(struct purge *p, struct str text) {
        struct str line, path;

        while (str_split(&text, '\n', &line)) {
                bool is_root = str_has_prefix(line, STR("root /"));
                bool is_tree = str_has_prefix(line, STR("tree /"));

                if (!is_root && !is_tree && !str_has_prefix(line, STR("file /")))
                        continue;
                path = arena_str(p->arena, str_from(line, strlen("root ")));
                if (is_tree)
                        add_directory(p, THING_DIRECTORY, path);
                else if (!is_root)
                        add_file(p, path);
                else {
                        add_directory(p, THING_DIRECTORY, arena_join(p->arena, path, STR("/app")));
                        add_directory(p, THING_DIRECTORY, arena_join(p->arena, path, STR("/data")));
                        add_directory(p, THING_ROOT, path);
                }
        }
}

static int read_bundle(struct purge *p, int dir, struct str path) {
        struct str text, file = arena_join(p->arena, path, STR("/" LAYOUT_SETUP_PLACES));
        struct record record = { 0 };
        int r = dir < 0 ? -ENOENT : fs_read(p->arena, dir, file.p, BUF_MAX, &text);

        if (r >= 0)
                add_places(p, text);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;

        /* One that an earlier version wrote names no volumes. */
        file = arena_join(p->arena, path, STR("/" LAYOUT_RECORD));
        r = dir < 0 ? -ENOENT : fs_read(p->arena, dir, file.p, BUF_MAX, &text);
        if (r >= 0 && record_parse(p->arena, text, &record) >= 0)
                VEC_EACH(volume, &record.volumes)
                        record_add_volume(p->arena, &p->record, *volume);
        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static int find_places(struct purge *p) {
        struct str bundles = layout_bundles(p->arena, p->app);
        struct fs_names names = { 0 };
        int r = p->places.state < 0 ? -ENOENT : fs_list(p->arena, p->places.state, bundles.p, &names);

        if (r < 0 && r != -ENOENT)
                return r;
        VEC_EACH(name, &names.list) {
                r = read_bundle(p, p->places.state, arena_join(p->arena, bundles, STR("/"), *name));
                if (r < 0)
                        return r;
        }

        r = read_bundle(p, p->places.runtime, layout_app(p->arena, p->app));
        add_directory(p, THING_DIRECTORY, arena_join(p->arena, STR(LAYOUT_CACHE "/"), p->app));
        return r;
}

/* Each line of what a program prints is such a thing. */
static int find_listed(struct purge *p, enum thing_kind kind, const char *const *argv) {
        struct spawn_result result;
        struct str line;
        int r = spawn_run(p->arena, argv, &result);

        if (r < 0)
                return ctl_fail("podman", r);
        if (result.status != 0) {
                (void) fprintf(stderr, "pyservicectl: podman: %.*s\n", STR_ARG(str_trim(result.err)));
                return EXIT_SYSTEM;
        }

        while (str_split(&result.out, '\n', &line))
                if (line.n > 0)
                        add(p, kind, arena_str(p->arena, line));
        return 0;
}

/* For podman-volume-ls(1), whose filter is a regular expression. */
static struct str filter_of(struct arena *a, struct str volume) {
        struct buf out = buf_in(a);

        buf_put(&out, "name=^");
        for (size_t i = 0; i < volume.n; i++)
                if (volume.p[i] == '*')
                        buf_put(&out, "([0-9]+|next)");
                else if (volume.p[i] == '.')
                        buf_put(&out, "[.]");
                else
                        buf_put_char(&out, volume.p[i]);
        buf_put_char(&out, '$');
        return buf_str(&out);
}

static int find_volumes(struct purge *p, const char *podman) {
        struct str label = arena_join(p->arena, STR("label=io.pyservice.app="), p->app);
        int r = find_listed(
                p, THING_VOLUME,
                (const char *const[]){ podman, "volume", "ls", "--quiet", "--filter", label.p, NULL });

        VEC_EACH(volume, &p->record.volumes)
                if (r == 0)
                        r = find_listed(p, THING_VOLUME,
                                        (const char *const[]){ podman, "volume", "ls", "--quiet", "--filter",
                                                               filter_of(p->arena, *volume).p, NULL });
        return r;
}

static int find_podmans(struct purge *p) {
        struct str program = spawn_find(p->arena, "podman"), problem = STR("it failed");
        struct str image = arena_join(p->arena, STR("reference=localhost/pyservice-"), p->app);
        struct podman_containers running = { 0 };
        int r;

        if (str_is_absent(program))
                return 0;

        r = podman_list(p->arena, p->app, false, &running, &problem);
        if (r < 0) {
                (void) fprintf(stderr, "pyservicectl: podman: %.*s\n", STR_ARG(problem));
                return EXIT_SYSTEM;
        }
        if (running.list.n > 0) {
                (void) fprintf(stderr,
                               "pyservicectl: %.*s: its container %.*s is still running; run "
                               "'systemctl daemon-reload', and wait until all its containers have "
                               "stopped\n",
                               STR_ARG(p->app), STR_ARG(running.list.at[0].name));
                return CTL_ERROR;
        }

        r = find_volumes(p, program.p);
        if (r == 0)
                r = find_listed(p, THING_IMAGE,
                                (const char *const[]){ program.p, "image", "ls", "--filter", image.p,
                                                       "--format", "{{.Repository}}:{{.Tag}}", NULL });
        return r;
}

/* Whatever `purge` would take away of it. */
static int find_uses_of(struct purge *p, struct str app) {
        struct purge other = {
                .ctl = p->ctl, .arena = p->arena, .app = app, .root = p->root, .places = p->places
        };
        int r = find_places(&other);

        VEC_EACH(thing, &other.things)
                purge_uses_add(&p->uses, thing->name, app);
        return r < 0 ? view_fail(p->ctl, &p->places, app, r) : 0;
}

static int refuse_unknown(const struct purge *p, const struct definition *d) {
        (void) fprintf(stderr,
                       "pyservicectl: %.*s: cannot determine what other applications use, because "
                       "%.*s %s\n",
                       STR_ARG(p->app), STR_ARG(str_is_absent(d->path) ? d->name.text : d->path),
                       d->is_hidden ? "cannot be read; run this as root"
                                    : "has errors; fix them first ('pyservicectl check' shows them)");
        return CTL_ERROR;
}

/* The other applications, including masked ones. */
static int find_uses(struct purge *p, const struct session *s) {
        int r = 0;

        p->uses = (struct purge_uses){ .arena = p->arena, .root = p->root };
        VEC_EACH(d, &s->world.definitions) {
                if (!d->app)
                        return refuse_unknown(p, d);
                purge_uses_add_all(&p->uses, d->app);
                r = find_uses_of(p, d->name.text);
                if (r != 0)
                        return r;
        }
        VEC_EACH(mask, &s->world.masks) {
                r = find_uses_of(p, arena_str(p->arena, mask->name));
                if (r != 0)
                        return r;
        }
        return r;
}

/* Refuses an application that still has a definition or is used. */
static int check_gone(struct purge *p, const struct session *s) {
        const struct definition *d = session_find(s, p->app);

        if (!str_is_absent(session_find_mask(s, p->app)))
                return session_no_definition(p->ctl, s, p->app);
        if (!d)
                return find_uses(p, s);

        (void) fprintf(stderr,
                       "pyservicectl: %.*s is defined by %.*s; remove that first, and run 'systemctl "
                       "daemon-reload'\n",
                       STR_ARG(p->app), STR_ARG(d->path));
        return CTL_ERROR;
}

/* Reports which objects stay, and why. */
static void leave_used(struct purge *p) {
        size_t n = 0;

        VEC_EACH(thing, &p->things) {
                const struct purge_use *use = purge_uses_find(&p->uses, thing->name);

                if (use)
                        (void) fprintf(stderr, "pyservicectl: %.*s is kept, because %.*s uses %.*s\n",
                                       STR_ARG(thing->name), STR_ARG(use->app), STR_ARG(use->what));
                else
                        p->things.at[n++] = *thing;
        }
        p->things.n = n;
}

static bool ask(struct purge *p) {
        static const char *const words[] = { "directory", "directory (if it is empty then)",
                                             "file",      "volume",
                                             "image",     "directory" };
        char answer[8] = "";

        (void) printf("This removes, with everything in it:\n");
        VEC_EACH(thing, &p->things)
                (void) printf("  %s %.*s\n", words[thing->kind], STR_ARG(thing->name));
        if (p->ctl->is_sure)
                return true;

        (void) fputs("Remove all this? [y/N] ", stdout);
        (void) fflush(stdout);
        return fgets(answer, sizeof(answer), stdin) &&
               (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

/* Podman's volumes and images. */
static int remove_podmans(struct purge *p, const struct thing *thing) {
        const char *object = thing->kind == THING_VOLUME ? "volume" : "image";
        struct spawn_result result;
        int r = spawn_run(p->arena,
                          (const char *const[]){ spawn_find(p->arena, "podman").p, object, "rm", "--",
                                                 thing->name.p, NULL },
                          &result);

        if (r == 0 && result.status != 0) {
                (void) fprintf(stderr, "pyservicectl: podman: %.*s\n", STR_ARG(str_trim(result.err)));
                return -EIO;
        }

        return r;
}

static bool is_tree(const struct thing *thing) {
        return thing->kind == THING_DIRECTORY || thing->kind == THING_STATE;
}

static int remove_path(struct purge *p, const struct thing *thing, struct str *ret_problem) {
        CLEANUP(walk_close) struct walk w = WALK_INIT;
        int r = walk_to(&w, p->arena, p->root, thing->name.p, 0);

        *ret_problem = w.problem;
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (is_tree(thing))
                return fs_remove_tree(w.dir, w.name.p);

        return unlinkat(w.dir, w.name.p, thing->kind == THING_ROOT ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT
                       ? -errno
                       : 0;
}

/* A mount below a directory of the application may contain foreign data: nothing is removed until it is
 * unmounted. */
static int refuse_mounts(struct purge *p) {
        int status = CTL_GOOD;

        VEC_EACH(thing, &p->things) {
                CLEANUP(walk_close) struct walk w = WALK_INIT;
                int r = is_tree(thing) ? walk_to(&w, p->arena, p->root, thing->name.p, 0) : -ENOENT;
                struct str mount;

                r = r < 0 ? r : fs_find_mount(p->arena, w.dir, w.name.p, &mount);

                if (r > 0) {
                        (void) fprintf(stderr,
                                       "pyservicectl: '%.*s' is a mount point, at or below '%.*s'; nothing "
                                       "was removed: "
                                       "unmount it, then try again\n",
                                       STR_ARG(mount), STR_ARG(thing->name));
                        status = CTL_ERROR;
                } else if (r < 0 && r != -ENOENT && r != -ELOOP)
                        status = ctl_fail(thing->name.p, r);
        }

        return status;
}

/* Returns CTL_GOOD, or what remains of it is reported. */
static int remove_thing(struct purge *p, const struct thing *thing, bool *is_complete) {
        bool is_podmans = thing->kind == THING_VOLUME || thing->kind == THING_IMAGE;
        struct str problem = { 0 };
        int r = is_podmans ? remove_podmans(p, thing) : remove_path(p, thing, &problem);

        if (r >= 0)
                return CTL_GOOD;
        if (r == -ENOTEMPTY && thing->kind == THING_ROOT) {
                (void) fprintf(stderr, "pyservicectl: %s is kept, because it contains other files\n",
                               thing->name.p);
                return CTL_GOOD;
        }

        *is_complete = *is_complete && r == -ELOOP; /* a link that the user made will stay there */
        if (str_is_absent(problem))
                return ctl_fail(thing->name.p, r);

        (void) fprintf(stderr, "pyservicectl: %s\n", utf8_clean(p->arena, problem).p);
        return EXIT_SYSTEM;
}

static int remove_all(struct purge *p) {
        bool is_complete = true;
        int status = refuse_mounts(p);

        if (status != CTL_GOOD)
                return status;

        VEC_EACH(thing, &p->things) {
                int r;

                /* Removed last: only this file names the objects that remain to be removed. */
                if (thing->kind == THING_STATE && !is_complete)
                        continue;
                r = remove_thing(p, thing, &is_complete);
                status = r == CTL_GOOD ? status : r;
        }

        /* The marks of the setup and of stopped parts are no longer true. */
        if (p->places.runtime >= 0) {
                (void) unlinkat(p->places.runtime, arena_join(p->arena, STR(LAYOUT_SETUP_DONE "/"), p->app).p,
                                0);
                (void) unlinkat(p->places.runtime, arena_join(p->arena, STR(LAYOUT_STOPPED "/"), p->app).p,
                                0);
        }
        return status;
}

static int find_all(struct purge *p) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        int r = session_open(p->ctl, &s);

        if (r == 0)
                r = view_open(p->ctl, &p->places);
        if (r != 0)
                return r;

        p->root = fs_open_dir(AT_FDCWD, p->ctl->root);
        if (p->root < 0)
                return ctl_fail(p->ctl->root, p->root);
        r = check_gone(p, &s);
        if (r != 0)
                return r;
        r = find_places(p);
        if (r < 0)
                return view_fail(p->ctl, &p->places, p->app, r);

        /* Podman has no other root. */
        r = strcmp(p->ctl->root, "/") == 0 ? find_podmans(p) : 0;
        add_directory(p, THING_STATE, arena_join(p->arena, p->places.state_path, STR("/"), p->app));
        if (r == 0)
                leave_used(p);
        return r;
}

static int run(struct purge *p) {
        int r = find_all(p);

        if (r != 0)
                return r;
        if (p->things.n == 0) {
                (void) fprintf(stderr, "pyservicectl: nothing of '%.*s' exists\n", STR_ARG(p->app));
                return CTL_ERROR;
        }
        if (!ask(p)) {
                (void) fputs("Nothing was removed.\n", stderr);
                return CTL_ERROR;
        }

        return remove_all(p);
}

int ctl_purge(struct ctl *c) {
        struct purge p = {
                .ctl = c, .arena = &c->arena, .root = -1, .places = { .runtime = -1, .state = -1 }
        };
        int r;

        if (c->argc != 1 || !type_accepts(KIND_NAME, str_of(c->argv[0])))
                return ctl_usage(c, "give the name of one application");

        p.app = str_of(c->argv[0]);
        r = run(&p);
        view_close(&p.places);
        close_fd(&p.root);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Paths that root or Podman opens by name, in a directory where an application can write. The application
 * could put a link there, and root would mount, read or write what the link names. */

#include <stdlib.h>

#include "app/resolve.h"
#include "base/path.h"
#include "check/check-parts.h"
#include "schema/syntax.h"

/* A directory that belongs to an application's user, and that its containers may write. */
struct own {
        struct str path;
        const struct app *app;
};

struct opened {
        struct world *w;
        VEC(struct own) owns; /* by path */
        struct definition *definition;
};

static int compare_owns(const void *a, const void *b) {
        const struct own *x = a, *y = b;

        return str_cmp(x->path, y->path);
}

static const struct own *find_own(const struct opened *o, struct str path) {
        for (size_t i = 1; i < path.n; i++) {
                struct own key = { { path.p, i }, NULL };
                const struct own *own = path.p[i] == '/' ? bsearch(&key, o->owns.at, o->owns.n,
                                                                   sizeof(struct own), compare_owns)
                                                         : NULL;

                if (own)
                        return own;
        }

        return NULL;
}

static void check_path(struct opened *o, struct str path, struct span at, const char *advice) {
        const struct own *own = find_own(o, path);

        if (!own)
                return;

        path.n -= str_has_suffix(path, STR("/"));
        o->w->ds->owner = o->definition->name.text;
        (void) diag_add(o->w->ds, DIAG_BAD_VALUE, at,
                        "'%.*s' is in '%.*s', where the application '%.*s' can put a link to any file of the "
                        "machine in its place; %s",
                        STR_ARG(path), STR_ARG(own->path), STR_ARG(own->app->name.text), advice);
        o->definition->is_broken = true;
}

static void check_read(struct opened *o, struct abs_path path) {
        check_path(o, path.text, path.at, "keep it in a directory where only root can write");
}

/* conmon opens it for writing, as root. */
static void check_log(struct opened *o, const struct log *log) {
        if (!log)
                return;
        LIST_EACH(option, &log->options)
                if (str_is(option->key.text, "path"))
                        check_read(o, (struct abs_path){ option->value.text, option->value.at });
}

static void check_container(struct opened *o, const struct container *c) {
        LIST_EACH(volume, &c->volumes)
                check_path(o, syntax_volume_split(volume->text).source, volume->at,
                           "mount that directory itself, or another one beside it");
        LIST_EACH(secret, &c->secrets)
                check_read(o, secret->value.file);
        LIST_EACH(file, &c->env_files)
                check_read(o, (struct abs_path){ str_from(file->text, str_has_prefix(file->text, STR("-"))),
                                                 file->at });
        check_read(o, c->auth_file);
        LIST_EACH(device, &c->settings.devices)
                check_path(o, (struct str){ device->text.p, str_find(device->text, ':') }, device->at,
                           "name the device in /dev");
        if (c->settings.security)
                check_read(o, (struct abs_path){ c->settings.security->seccomp.text,
                                                 c->settings.security->seccomp.at });
        check_log(o, c->settings.log);
}

/* pyservice-proxy writes into the directory, and HAProxy checks what it finds there, both as root. */
static void check_proxy(struct opened *o, const struct proxy *p) {
        struct str file = arena_join(o->w->arena, p->config_dir.text, STR("/"));

        check_read(o, (struct abs_path){ file, p->config_dir.at });
        if (p->tls)
                check_read(o, p->tls->certificate);
}

static void check_one(struct opened *o) {
        struct app *app = o->definition->app;
        struct container_list all = app_containers(o->w->arena, app);

        VEC_EACH(ref, &all.list)
                check_container(o, ref->container);
        LIST_EACH(file, &app->files)
                check_read(o, file->source);
        LIST_EACH(volume, &app->volumes)
                check_path(o, volume->value.device.text, volume->value.device.at,
                           "name a directory beside it");
        APP_EACH_KEPT(s, app)
                if (s->proxy)
                        check_proxy(o, s->proxy);
        if (app->source)
                check_read(o, app->source->ssh_key);
}

void check_opened(struct world *w) {
        struct opened o = { .w = w };

        VEC_EACH(d, &w->definitions) {
                const struct home *h = d->app ? d->app->home : NULL;

                if (!h)
                        continue;
                *vec_push(w->arena, &o.owns) = (struct own){ h->config.text, d->app };
                *vec_push(w->arena, &o.owns) = (struct own){ h->data.text, d->app };
        }
        if (o.owns.n == 0)
                return;

        qsort(o.owns.at, o.owns.n, sizeof(struct own), compare_owns);
        VEC_EACH(d, &w->definitions) {
                o.definition = d;
                if (d->app && !d->is_broken)
                        check_one(&o);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Files that people write: definitions and what they refer to, and what `import` reads. */

#include <fcntl.h>
#include <unistd.h>

#include "app/ports.h"
#include "base/fs.h"
#include "ctl/session.h"
#include "doctor/doctor.h"
#include "import/import.h"
#include "load/load.h"
#include "parsers.h"
#include "render/render.h"
#include "verbs/verbs.h"

/* Bundles are texts that other programs read by lines. */
static void check_tree(const struct tree *t) {
        VEC_EACH(file, &t->files) {
                require(file->path.n > 0 && file->path.p[0] != '/');
                for (size_t i = 0; i < file->text.n; i++)
                        require(file->text.p[i] != '\0');
                if (str_has_prefix(file->path, STR("units/")) || str_has_prefix(file->path, STR("quadlet/")) ||
                    str_has_prefix(file->path, STR("haproxy/")) || str_has_prefix(file->path, STR("nginx/")))
                        require_clean(file->text);
        }
}

/* Equal input gives equal bytes. */
static void render(struct fuzz *f, const struct world *w, const struct app *app, const struct ports *ports) {
        struct tree trees[2] = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
                render_app(&f->arena, w, app, ports, &trees[i]);
        check_tree(&trees[0]);
        require(str_eq(tree_hash(&trees[0], STR("")), tree_hash(&trees[1], STR(""))));
}

static void check_diags(struct fuzz *f, struct diags *ds) {
        struct buf text = buf_in(&f->arena), json = buf_in(&f->arena);
        struct json_writer w = { .out = &json };

        diag_sort(ds);
        diag_print(&text, ds, (struct str) { NULL, 0 }, 0);
        json_open(&w, NULL, '{');
        diag_put_json(&w, ds, (struct str) { NULL, 0 });
        require_clean(buf_str(&text));
        require_clean(buf_str(&json));
}

void fuzz_definition(struct fuzz *f) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = &f->arena, .sources = &sources };
        struct world w = { .arena = &f->arena, .ds = &ds, .sources = &sources, .root = f->root };
        struct ports ports = { 0 };

        places_system(&w.places);
        w.places.is_user = geteuid() != 0;      /* whose definitions count */
        require(world_load(&w) == 0);
        require(ports_assign(&w, -1, &ports) == 0);
        VEC_EACH(d, &w.definitions)
                if (d->app && !d->is_broken)
                        render(f, &w, d->app, &ports);
        check_diags(f, &ds);
}

/* A verb of pyservicectl ends with one of its exit statuses for every content of the directory. */
static void run_verb_in(struct fuzz *f, const char *directory, int (*verb)(struct ctl *c), const char *const *names,
                        size_t n) {
        struct ctl c = { .root = f->path, .no_pager = true, .is_sure = true, .n_tail = -1, .argc = (int) n };
        int r;

        c.argv = arena_array(&c.arena, n + 1, char *);
        for (size_t i = 0; i < n; i++)
                c.argv[i] = (char *) (uintptr_t) arena_join(&c.arena, str_of(f->path), STR("/"), str_of(directory), STR("/"),
                                                            str_of(names[i])).p;
        r = verb(&c);
        arena_done(&c.arena);
        require(r == CTL_GOOD || r == CTL_ERROR || r == CTL_LOST);
}

static void run_verb(struct fuzz *f, int (*verb)(struct ctl *c), const char *const *names, size_t n) {
        run_verb_in(f, "in", verb, names, n);
}

void fuzz_machine(struct fuzz *f) {
        run_verb(f, ctl_check, NULL, 0);
        run_verb(f, ctl_doctor, NULL, 0);
}

void fuzz_compose(struct fuzz *f) {
        static const char *const names[] = { "compose.yaml", "compose.yaml" };

        run_verb(f, import_compose, names, 1);
        run_verb(f, import_compose, names, ARRAY_SIZE(names));
        /* These take any bytes, too. */
        run_verb(f, import_kamal, names, 1);
        run_verb(f, import_procfile, names, 1);
}

void fuzz_compose_env(struct fuzz *f) {
        run_verb_in(f, "env", import_compose, (const char *const[]) { "compose.yaml" }, 1);
}

void fuzz_quadlet(struct fuzz *f) {
        static const char *const names[] = { "web@.container", "shop.container", "shop.volume", "shop.network",
                                             "shop.image", "shop.build", "shop.pod", "shop.kube" };

        run_verb(f, import_quadlet, names, 1);
        run_verb(f, import_quadlet, names, ARRAY_SIZE(names));
}

void fuzz_ansible(struct fuzz *f) {
        run_verb(f, import_ansible, (const char *const[]) { "vars.yml" }, 1);
}

void fuzz_dci_api(struct fuzz *f) {
        run_verb(f, import_dci_api, (const char *const[]) { "vars.yml" }, 1);
}

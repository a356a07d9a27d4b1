/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl secret list: what the definition names, where it comes from, and whether it is there. */

#include <errno.h>
#include <unistd.h>

#include "hooks/credential.h"
#include "model/secret.h"
#include "runtime/spawn.h"
#include "terminal/table.h"

static struct str explain(struct ctl *c, int r) {
        return r == -ENOENT ? STR("missing") : r == -EACCES ? STR("visible only to root") : str_of(strerror(-r));
}

static struct str look_for_credential(struct ctl *c, struct str name) {
        struct credential_place place;
        int r = secret_find(c, name, &place);

        return r < 0 ? explain(c, r) : arena_join(&c->arena, place.is_encrypted ? STR("encrypted, ") : STR("in clear, "), place.path);
}

static struct str look_for_podman(struct ctl *c, struct str name) {
        struct str program = strcmp(c->root, "/") == 0 ? spawn_find(&c->arena, "podman") : (struct str) { 0 };
        const char *argv[] = { program.p, "secret", "exists", arena_str(&c->arena, name).p, NULL };
        struct spawn_result result;

        if (!program.p || spawn_run(&c->arena, argv, &result) < 0 || result.status > 1)
                return STR("not known");

        return result.status == 0 ? STR("there") : STR("missing");
}

static struct str path_for(struct ctl *c, struct str file, uint64_t instance) {
        struct str path = instance_mark_replace(&c->arena, file, arena_u64(&c->arena, instance));

        return strcmp(c->root, "/") == 0 ? path : arena_join(&c->arena, str_of(c->root), path);
}

static struct str look_for_file(struct ctl *c, const struct secret_use *use) {
        struct str file = use->from->file.text;
        uint64_t n = has_instance_mark(file) ? use->scale : 1;

        for (uint64_t i = 0; i < n; i++)
                if (access(path_for(c, file, i).p, R_OK) < 0)
                        return has_instance_mark(file) ? arena_join(&c->arena, STR("missing for instance "), arena_u64(&c->arena, i)) : explain(c, -errno);

        return STR("there");
}

static struct str file_source(struct ctl *c, struct str file) {
        return arena_join(&c->arena, STR("file "), instance_mark_show(&c->arena, file));
}

static struct str users_of(struct ctl *c, const struct secret_use *use) {
        struct str text = STR("");

        for (size_t i = 0; i < use->users.n; i++)
                text = arena_join(&c->arena, text, i > 0 ? STR(", ") : STR(""), use->users.at[i]->unit.text);
        return text;
}

static int add_line(struct ctl *c, struct table *t, const struct secret_use *use) {
        const struct secret *s = use->from;
        struct str cells[4] = { use->name, { 0 }, { 0 }, users_of(c, use) };

        if (!str_is_absent(s->credential.text)) {
                cells[1] = arena_join(&c->arena, STR("credential "), s->credential.text);
                cells[2] = look_for_credential(c, s->credential.text);
        } else if (!str_is_absent(s->file.text)) {
                cells[1] = file_source(c, s->file.text);
                cells[2] = look_for_file(c, use);
        } else if (!str_is_absent(s->podman.text)) {
                cells[1] = arena_join(&c->arena, STR("podman "), s->podman.text);
                cells[2] = look_for_podman(c, s->podman.text);
        } else {
                cells[1] = STR("kms");
                cells[2] = STR("in the definition");
        }

        return table_add(t, cells);
}

int secret_print_list(struct ctl *c, struct secret_uses *u) {
        static const struct table_column columns[] = {
                { "SECRET", "secret", 0 }, { "SOURCE", "source", TABLE_WRAP }, { "STATE", "state", TABLE_WRAP }, { "USED BY", "users", TABLE_WRAP },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r;

        if (u->list.n == 0 && !c->is_json) {
                (void) fprintf(stderr, "pyservicectl: %.*s has no secrets\n", STR_ARG(u->app->name.text));
                return CTL_GOOD;
        }

        r = table_new(c, "secrets", columns, ARRAY_SIZE(columns), &t);
        VEC_EACH(use, &u->list)
                if (r == 0)
                        r = add_line(c, t, use);

        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(c, t);
}

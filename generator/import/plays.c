/* SPDX-License-Identifier: Apache-2.0 */
#include "import/plays.h"

struct reading {
        struct import *import;
        const char *role;
        struct node *below; /* what all uses of the role know; NULL for nothing */
        bool has_own;       /* … since the play has variables */
        struct plays_apps *apps;
};

static struct str app_name(const struct node *vars) {
        return node_text(node_get(vars, "app_name"));
}

static void add_app(struct reading *r, struct node *vars) {
        struct arena *a = &r->import->ctl->arena;
        struct node *all = schema_merge(a, &r->import->ds, NULL, r->below, vars);

        VEC_EACH(other, &r->apps->list)
                if (str_eq(app_name(*other), app_name(all))) {
                        *other = schema_merge(a, &r->import->ds, NULL, (struct node *) (uintptr_t) *other,
                                              vars);
                        return;
                }

        *vec_push(a, &r->apps->list) = all;
}

static void add_use(struct reading *r, struct node *vars) {
        if (vars || r->has_own)
                add_app(r, vars);
}

static struct node *map_at(const struct node *n, const char *key) {
        struct node *value = node_get(n, key);

        return value && value->kind == NODE_MAP && value->n > 0 ? value : NULL;
}

/* Keys beside the role's name that are not keywords are variables, too. */
static struct node *variables_beside(struct reading *r, const struct node *entry) {
        static const char *const keywords[] = { "role",        "name",       "vars",        "tags",
                                                "when",        "become",     "become_user", "become_method",
                                                "delegate_to", "environment" };
        struct node *map = arena_new(&r->import->ctl->arena, struct node);

        *map = *entry;
        map->pairs = arena_array(&r->import->ctl->arena, entry->n + 1, struct pair);
        map->n = 0;
        for (size_t i = 0; i < entry->n; i++) {
                bool is_keyword = false;

                for (size_t k = 0; k < ARRAY_SIZE(keywords); k++)
                        is_keyword = is_keyword || str_is(entry->pairs[i].key->text, keywords[k]);
                if (!is_keyword)
                        map->pairs[map->n++] = entry->pairs[i];
        }
        return map->n > 0 ? map : NULL;
}

/* One of `roles:`. */
static void read_entry(struct reading *r, const struct node *entry) {
        const struct node *name = entry;

        if (entry->kind == NODE_MAP)
                name = node_get(entry, "role") ?: node_get(entry, "name");
        if (!plays_is_role(node_text(name), r->role))
                return;

        add_use(r, entry->kind == NODE_MAP ? schema_merge(&r->import->ctl->arena, &r->import->ds, NULL,
                                                          map_at(entry, "vars"), variables_beside(r, entry))
                                           : NULL);
}

static bool is_list(const struct node *n) {
        return n && n->kind == NODE_LIST;
}

void plays_apps(struct import *m, const struct node *play, const char *role, const struct node *vars,
                struct plays_apps *ret) {
        static const char *const lists[] = { "pre_tasks", "tasks", "post_tasks" };
        struct node *own = map_at(play, "vars");
        struct reading r = { .import = m, .role = role, .has_own = own, .apps = ret };
        const struct node *roles = node_get(play, "roles");

        *ret = (struct plays_apps){ 0 };
        r.below = schema_merge(&m->ctl->arena, &m->ds, NULL, (struct node *) (uintptr_t) vars, own);
        for (size_t i = 0; is_list(roles) && i < roles->n; i++)
                read_entry(&r, roles->items[i]);
        for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
                const struct node *list = node_get(play, lists[k]);

                for (size_t i = 0; is_list(list) && i < list->n; i++)
                        if (plays_is_role(plays_role_of_task(list->items[i]), role))
                                add_use(&r, map_at(list->items[i], "vars"));
        }
        if (ret->list.n == 0)
                add_use(&r, NULL);
}

struct str plays_role_of_task(const struct node *task) {
        static const char *const words[] = { "import_role", "include_role", "ansible.builtin.import_role",
                                             "ansible.builtin.include_role" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (node_get(task, words[i]))
                        return node_text(node_get(node_get(task, words[i]), "name"));

        return (struct str){ NULL, 0 };
}

bool plays_is_role(struct str name, const char *role) {
        struct str end = str_of(role);

        return str_eq(name, end) ||
               (name.n > end.n && str_has_suffix(name, end) && name.p[name.n - end.n - 1] == '.');
}

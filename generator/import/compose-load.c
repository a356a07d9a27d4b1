/* SPDX-License-Identifier: Apache-2.0 */

/* Reads the files of a Compose project: those of the command line, and those that they include and extend
 * (compose-spec, "include" and "extends"). All may be by others than the user, so that all is limited. */

#include "import/compose.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

/* A file takes these from one that it includes. */
static const char *const included_keys[] = { "services", "volumes", "networks", "secrets", "configs" };

enum { FILES_MAX = 64, EXTENDS_MAX = 16 };

/* One that another file names. */
struct other_file {
        struct str path;
        struct node *root;
        bool is_loading, is_complete; /* … with what it extends and includes */
};

struct loader {
        struct compose *c;
        struct import *m;
        VEC(struct other_file) files;
        size_t n_values; /* of services that extend others */
};

/* A service, and the one that extends it. */
struct visit {
        const struct visit *from;
        const struct node *root;
        struct str name;
};

/* --- several files as one, by the rules for merging of the Compose Specification (compose-spec.io) --- */

/* A list of these replaces the earlier one. */
static const struct str replaced = STR_INIT("command,entrypoint,test");
/* A list of these may be written as a map: KEY=VALUE, or keys alone. */
static const struct str maps = STR_INIT("environment,labels,annotations,sysctls,args,depends_on,networks");
/* Items of these with one place in the container are one. */
static const struct str placed = STR_INIT("volumes,devices,secrets,configs");

static struct node *merge(struct arena *a, struct str key, struct node *base, struct node *over);

static struct node *new_scalar(struct arena *a, struct span at, struct str text, bool is_plain) {
        struct node *node = arena_new(a, struct node);

        *node = (struct node){ .kind = NODE_SCALAR, .plain = is_plain, .at = at, .text = arena_str(a, text) };
        return node;
}

/* The list ["A=b", "C"] as the map {A: b, C: }. */
static struct node *as_map(struct arena *a, struct node *list) {
        struct node *map;

        if (list->kind != NODE_LIST)
                return list;

        map = arena_new(a, struct node);
        *map = (struct node){ .kind = NODE_MAP, .at = list->at, .tag = list->tag };
        map->pairs = arena_array(a, list->n + 1, struct pair);
        for (size_t i = 0; i < list->n; i++) {
                const struct node *item = list->items[i];
                size_t sign = str_find(item->text, '=');
                bool has_value = item->kind == NODE_SCALAR && sign < item->text.n;

                if (item->kind == NODE_SCALAR)
                        map->pairs[map->n++] = (struct pair){
                                new_scalar(a, item->at, (struct str){ item->text.p, sign }, false),
                                new_scalar(a, item->at, has_value ? str_from(item->text, sign + 1) : STR(""),
                                           !has_value),
                        };
        }
        return map;
}

static struct node *as_list(struct arena *a, struct node *node) {
        struct node *list;

        if (node->kind == NODE_LIST)
                return node;

        list = arena_new(a, struct node);
        *list = (struct node){ .kind = NODE_LIST, .at = node->at, .n = 1 };
        list->items = arena_array(a, 1, struct node *);
        list->items[0] = node;
        return list;
}

/* Where an item is in the container: `target`, or what is behind the first colon of SOURCE:TARGET:OPTIONS. */
static struct str place_of(const struct node *item) {
        struct str rest = item->text, source = { NULL, 0 }, target = { NULL, 0 };

        if (item->kind != NODE_SCALAR) {
                const struct node *node = node_get(item, "target");

                return node_text(node ? node : node_get(item, "source"));
        }

        (void) str_split(&rest, ':', &source);
        return str_split(&rest, ':', &target) ? target : source;
}

static bool is_same(struct str key, const struct node *x, const struct node *y) {
        if (str_list_has(placed, key))
                return str_eq(place_of(x), place_of(y));

        return x->kind == NODE_SCALAR && y->kind == NODE_SCALAR && str_eq(x->text, y->text);
}

static struct node *merge_lists(struct arena *a, struct str key, const struct node *base,
                                const struct node *over) {
        struct node *merged = arena_new(a, struct node);

        *merged = *base;
        merged->items = arena_array(a, base->n + over->n + 1, struct node *);
        for (size_t i = 0; i < base->n; i++)
                merged->items[i] = base->items[i];
        for (size_t i = 0; i < over->n; i++) {
                size_t at = 0;

                while (at < merged->n && !is_same(key, merged->items[at], over->items[i]))
                        at++;
                merged->items[at] = over->items[i];
                merged->n += at == merged->n;
        }
        return merged;
}

static struct node *merge_maps(struct arena *a, const struct node *base, const struct node *over) {
        struct node *merged = node_copy_map(a, base, over->n);

        for (size_t i = 0; i < over->n; i++) {
                struct str key = over->pairs[i].key->text;
                struct pair *pair = node_find_pair(merged, key);

                if (!pair) {
                        pair = &merged->pairs[merged->n++];
                        *pair = (struct pair){ over->pairs[i].key, NULL };
                }
                pair->value = merge(a, key, pair->value, over->pairs[i].value);
        }
        return merged;
}

/* `base`: NULL if the key is new. */
static struct node *merge(struct arena *a, struct str key, struct node *base, struct node *over) {
        if (!base || str_is(over->tag, "!override") || str_is(over->tag, "!reset"))
                return over;
        if (str_list_has(maps, key)) {
                base = as_map(a, base);
                over = as_map(a, over);
        }
        if (base->kind == NODE_MAP && over->kind == NODE_MAP)
                return merge_maps(a, base, over);
        if ((base->kind == NODE_LIST || over->kind == NODE_LIST) && !str_list_has(replaced, key))
                return merge_lists(a, key, as_list(a, base), as_list(a, over));

        return over;
}

/* Without the keys that !reset takes away. */
static struct node *without_reset(struct arena *a, struct node *node) {
        struct node *copy;

        if (node->kind != NODE_MAP)
                return node;

        copy = node_copy_map(a, node, 0);
        copy->n = 0;
        for (size_t i = 0; i < node->n; i++)
                if (!str_is(node->pairs[i].value->tag, "!reset"))
                        copy->pairs[copy->n++] =
                                (struct pair){ node->pairs[i].key, without_reset(a, node->pairs[i].value) };
        return copy;
}

/* The file `over` laid over the file `base`, NULL for none, which comes before it on the command line. Keys
 * with !reset are gone from the result. */
static struct node *merge_files(struct arena *a, struct node *base, struct node *over) {
        return without_reset(a, merge(a, STR(""), base, over));
}

/* --- reading them --- */

static int load_all_of(struct loader *l, struct node **root);

static void remove_key(struct node *map, const char *key) {
        size_t n = 0;

        for (size_t i = 0; i < map->n; i++)
                if (!str_is(map->pairs[i].key->text, key))
                        map->pairs[n++] = map->pairs[i];
        map->n = n;
}

static size_t count(const struct node *node) {
        size_t n = 1;

        for (size_t i = 0; node->kind != NODE_SCALAR && i < node->n; i++)
                n += count(node->kind == NODE_MAP ? node->pairs[i].value : node->items[i]);
        return n;
}

static struct node *service_of(const struct loader *l, const struct node *root, struct str name) {
        return node_get(node_get(root, "services"), arena_str(l->c->draft.arena, name).p);
}

/* The file that `named` names, from the directory of the file that it stands in. */
static int find_file(struct loader *l, const struct node *named, size_t *ret) {
        struct draft *d = &l->c->draft;
        struct compose_variable v = { 0 };
        const char *error = compose_value(l->c, node_text(named), &v);
        struct str path = import_path(d, named->at, v.value);
        struct node *root = NULL;
        int r;

        for (*ret = 0; *ret < l->files.n; (*ret)++)
                if (str_eq(l->files.at[*ret].path, path))
                        return CTL_GOOD;
        if (error || v.value.n == 0 || v.is_secret)
                return compose_fail(l->c, named->at, "%s", error ?: "expected the path of a file");
        if (str_find_str(v.value, STR("://")) < v.value.n)
                return compose_fail(l->c, named->at, "a file of another machine is not read; copy it here");
        if (l->files.n == FILES_MAX)
                return compose_fail(l->c, named->at, "more than %d files are included or extended",
                                    FILES_MAX);
        if (access(path.p, R_OK) < 0)
                return compose_fail(l->c, named->at, "cannot read '%s': %s", path.p, strerror(errno));

        r = import_read_yaml(l->m, path.p, &root);
        if (r == CTL_GOOD && root->kind != NODE_MAP)
                return compose_fail(l->c, root->at, "expected a map, as every Compose file is");
        if (r == CTL_GOOD)
                *vec_push(d->arena, &l->files) = (struct other_file){ .path = path, .root = root };
        return r;
}

static int check_visit(struct loader *l, const struct visit *v, const struct node *extends) {
        size_t depth = 0;

        if (!service_of(l, v->root, v->name))
                return compose_fail(
                        l->c, extends->at, "unknown service '%.*s'; 'extends' names a service of %s",
                        STR_ARG(v->name),
                        node_get(extends, "file") ? "the other file" : "this file, or has 'file:'");
        for (const struct visit *from = v->from; from; from = from->from, depth++)
                if (from->root == v->root && str_eq(from->name, v->name))
                        return compose_fail(l->c, extends->at, "'%.*s' extends itself", STR_ARG(v->name));
        if (depth > EXTENDS_MAX)
                return compose_fail(l->c, extends->at, "more than %d services extend one another",
                                    EXTENDS_MAX);

        return CTL_GOOD;
}

/* The service with all that it takes from others. */
static int extend(struct loader *l, const struct visit *v, struct node **ret) {
        struct node *service = service_of(l, v->root, v->name), *extends = node_get(service, "extends"),
                    *base;
        const struct node *name = extends && extends->kind == NODE_MAP ? node_get(extends, "service")
                                                                       : extends,
                          *file = extends ? node_get(extends, "file") : NULL;
        struct visit next = { v, v->root, node_text(name) };
        size_t index;
        int r = CTL_GOOD;

        *ret = service;
        if (!extends)
                return CTL_GOOD;
        if (file) {
                r = find_file(l, file, &index);
                next.root = r == CTL_GOOD ? l->files.at[index].root : NULL;
        }
        if (r == CTL_GOOD)
                r = check_visit(l, &next, extends);
        if (r == CTL_GOOD)
                r = extend(l, &next, &base);
        if (r != CTL_GOOD)
                return r;

        l->n_values += count(base) + count(service);
        if (l->n_values > YAML_FOREIGN_NODES_MAX)
                return compose_fail(l->c, extends->at,
                                    "the services that extend others have more than %d values",
                                    YAML_FOREIGN_NODES_MAX);
        *ret = merge_files(l->c->draft.arena, base, service);
        remove_key(*ret, "extends");
        return CTL_GOOD;
}

static int extend_all(struct loader *l, struct node **root) {
        struct arena *a = l->c->draft.arena;
        const struct node *services = node_get(*root, "services");
        struct node *copy;
        int r = CTL_GOOD;

        if (!services || services->kind != NODE_MAP)
                return CTL_GOOD;

        copy = node_copy_map(a, services, 0);
        for (size_t i = 0; r == CTL_GOOD && i < copy->n; i++)
                r = extend(l, &(struct visit){ NULL, *root, copy->pairs[i].key->text },
                           &copy->pairs[i].value);
        *root = node_copy_map(a, *root, 0);
        node_find_pair(*root, STR("services"))->value = copy;
        return r;
}

/* Compose rejects two different ones of a name. */
static int add_objects(struct loader *l, struct node *to, const struct node *from) {
        for (size_t i = 0; i < from->n; i++) {
                const struct pair *pair = &from->pairs[i];
                const struct node *other = node_get(to, pair->key->text.p);

                if (other && !node_is_equal(other, pair->value))
                        return compose_fail(l->c, other->at, "'%.*s' is in an included file too, and differs",
                                            STR_ARG(pair->key->text));
                if (!other)
                        to->pairs[to->n++] = *pair;
        }
        return CTL_GOOD;
}

/* `root` has room for the keys. */
static int add_included(struct loader *l, struct node *root, const struct node *included) {
        int r = CTL_GOOD;

        for (size_t i = 0; r == CTL_GOOD && i < ARRAY_SIZE(included_keys); i++) {
                const struct pair *from = node_find_pair(included, str_of(included_keys[i]));
                struct pair *to = node_find_pair(root, str_of(included_keys[i]));

                if (!from || from->value->kind != NODE_MAP)
                        continue;
                if (!to) {
                        root->pairs[root->n++] = *from;
                        continue;
                }
                if (to->value->kind != NODE_MAP) {
                        to->value = from->value;
                        continue;
                }
                to->value = node_copy_map(l->c->draft.arena, to->value, from->value->n);
                r = add_objects(l, to->value, from->value);
        }
        return r;
}

/* A file that `include` names, with all that it includes and extends itself. */
static int load_file(struct loader *l, const struct node *named, struct node **ret) {
        size_t index = 0;
        int r = find_file(l, named, &index);

        if (r != CTL_GOOD)
                return r;
        if (l->files.at[index].is_loading)
                return compose_fail(l->c, named->at, "'%s' includes itself", l->files.at[index].path.p);

        *ret = l->files.at[index].root;
        if (l->files.at[index].is_complete)
                return CTL_GOOD;

        l->files.at[index].is_loading = true;
        r = load_all_of(l, ret);
        l->files.at[index].is_loading = false;
        l->files.at[index].is_complete = true;
        l->files.at[index].root = *ret;
        return r;
}

static struct str path_of(struct loader *l, const struct node *n) {
        struct compose_variable v = { 0 };

        return compose_value(l->c, node_text(n), &v) ? STR("/") : import_path(&l->c->draft, n->at, v.value);
}

/* `env_file` of an include, or else .env beside the included file; the project's own files come first. */
static int read_variables(struct loader *l, const struct node *include, const struct node *path) {
        const struct node *files = node_get(include, "env_file");
        struct str file = path_of(l, path);
        int r = CTL_GOOD;

        for (size_t i = 0; files && files->kind == NODE_LIST && r == CTL_GOOD && i < files->n; i++)
                r = compose_read_defaults(l->c, l->m, path_of(l, files->items[i]));
        if (files && files->kind == NODE_SCALAR)
                return compose_read_defaults(l->c, l->m, path_of(l, files));
        if (files)
                return r;

        while (file.n > 0 && file.p[file.n - 1] != '/')
                file.n--;
        file = arena_join(l->c->draft.arena, file, STR(".env"));
        return access(file.p, F_OK) == 0 ? compose_read_defaults(l->c, l->m, file) : r;
}

/* PATH, or a map with `path`; several paths are merged. */
static int load_include(struct loader *l, const struct node *include, struct node **ret) {
        const struct node *path = include->kind == NODE_MAP ? node_get(include, "path") : include;
        size_t n = path && path->kind == NODE_LIST ? path->n : 1;
        struct node *file = NULL;
        int r = CTL_GOOD;

        if (!path || path->kind == NODE_MAP || n == 0)
                return compose_fail(l->c, include->at,
                                    "expected the path of a file, or 'path:' with one or more");
        if (node_get(include, "project_directory"))
                return compose_fail(
                        l->c, node_get(include, "project_directory")->at,
                        "'project_directory' is not supported; paths are taken from the directory "
                        "of the file that they are in");
        r = read_variables(l, include, path->kind == NODE_LIST ? path->items[0] : path);
        if (r != CTL_GOOD)
                return r;
        if (path->kind == NODE_SCALAR)
                return load_file(l, path, ret);

        for (size_t i = 0; r == CTL_GOOD && i < n; i++) {
                r = load_file(l, path->items[i], &file);
                if (r == CTL_GOOD)
                        *ret = merge_files(l->c->draft.arena, *ret, file);
        }
        return r;
}

static int include_all(struct loader *l, struct node **root) {
        const struct node *includes = node_get(*root, "include");
        int r = CTL_GOOD;

        if (!includes || node_is_null(includes))
                return CTL_GOOD;
        if (includes->kind != NODE_LIST)
                return compose_fail(l->c, includes->at, "expected a list of files");

        *root = node_copy_map(l->c->draft.arena, *root, ARRAY_SIZE(included_keys));
        remove_key(*root, "include");
        for (size_t i = 0; r == CTL_GOOD && i < includes->n; i++) {
                struct node *included = NULL;

                r = load_include(l, includes->items[i], &included);
                if (r == CTL_GOOD)
                        r = add_included(l, *root, included);
        }
        return r;
}

/* A file includes others first, so that what it has itself is not taken twice. */
static int load_all_of(struct loader *l, struct node **root) {
        int r = extend_all(l, root);

        return r == CTL_GOOD ? include_all(l, root) : r;
}

static bool is_wanted(const struct compose *c, struct str profile) {
        const struct compose_variable *v = compose_variable(c, STR("COMPOSE_PROFILES"));
        struct str rest = v ? v->value : (struct str){ NULL, 0 }, word;
        bool is_given = false;

        VEC_EACH(given, &c->draft.ctl->given) {
                if (strcmp(given->name, "profile") != 0)
                        continue;
                is_given = true;
                if (str_is(profile, given->value) || strcmp(given->value, "*") == 0)
                        return true;
        }
        while (!is_given && str_split(&rest, ',', &word))
                if (str_eq(str_trim(word), profile) || str_is(str_trim(word), "*"))
                        return true;
        return false;
}

/* A service without profiles is in all of them. Adds the name of one that is left out to *left_out. */
static bool is_in_profile(struct compose *c, const struct pair *service, struct str *left_out) {
        const struct node *profiles = node_get(service->value, "profiles");
        struct arena *a = c->draft.arena;
        struct str names = { NULL, 0 };

        if (!profiles || profiles->kind != NODE_LIST || profiles->n == 0)
                return true;
        for (size_t i = 0; i < profiles->n; i++) {
                struct compose_variable v = { 0 };

                if (!compose_value(c, node_text(profiles->items[i]), &v) && is_wanted(c, v.value))
                        return true;
                names = arena_join(a, names, str_is_absent(names) ? STR("") : STR(", "),
                                   node_text(profiles->items[i]));
        }

        *left_out = arena_join(a, *left_out, str_is_absent(*left_out) ? STR("'") : STR(", '"),
                               service->key->text, STR("' ("), names, STR(")"));
        return false;
}

static int choose_services(struct compose *c, struct node **root) {
        struct node *services = node_get(*root, "services");
        size_t n = 0;

        if (!services || services->kind != NODE_MAP)
                return CTL_GOOD;

        services = node_copy_map(c->draft.arena, services, 0);
        for (size_t i = 0; i < services->n; i++)
                if (is_in_profile(c, &services->pairs[i], &c->left_out))
                        services->pairs[n++] = services->pairs[i];
        services->n = n;
        *root = node_copy_map(c->draft.arena, *root, 0);
        node_find_pair(*root, STR("services"))->value = services;
        if (n > 0 || str_is_absent(c->left_out))
                return CTL_GOOD;

        return compose_fail(c, services->at,
                            "each service is in a profile, and --profile chooses none of %.*s",
                            STR_ARG(c->left_out));
}

int compose_load(struct compose *c, struct import *m) {
        struct loader l = { .c = c, .m = m };
        struct node *root = NULL;
        int r = compose_read_env(c, m, m->files[0]);

        for (int i = 0; r == CTL_GOOD && i < m->n_files; i++) {
                struct node *file = NULL;

                r = import_read_yaml(m, m->files[i], &file);
                if (r == CTL_GOOD)
                        r = load_all_of(&l, &file);
                if (r == CTL_GOOD)
                        root = merge_files(&m->ctl->arena, root, file);
        }
        if (r == CTL_GOOD)
                r = choose_services(c, &root);
        c->root = root;
        return r;
}

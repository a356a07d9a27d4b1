/* SPDX-License-Identifier: Apache-2.0 */
#include "model/effective.h"

#include "app/rows.h"
#include "ctl/session.h"
#include "load/contract.h"
#include "schema/export-parts.h"
#include "schema/syntax.h"

struct filling {
        struct session *session;
        struct arena *arena;
        struct app *app;
        const struct node *base; /* the top of the definition, from which services inherit */
};

static struct node *new_scalar(struct arena *a, struct str text, bool is_plain, struct span at) {
        struct node *node = arena_new(a, struct node);

        *node = (struct node){ .kind = NODE_SCALAR, .plain = is_plain, .text = text, .at = at };
        return node;
}

static void add(struct arena *a, struct node *map, struct str key, struct node *value) {
        struct pair *pairs = arena_array(a, map->n + 1, struct pair);

        if (map->n > 0)
                memcpy(pairs, map->pairs, map->n * sizeof(struct pair));
        pairs[map->n] = (struct pair){ new_scalar(a, key, !type_is_ambiguous(key), NOWHERE), value };
        map->pairs = pairs;
        map->n++;
}

static struct node *empty_map(struct arena *a) {
        struct node *map = arena_new(a, struct node);

        *map = (struct node){ .kind = NODE_MAP, .at = NOWHERE };
        return map;
}

static struct node *fill(struct filling *f, const struct schema *schema, const struct node *own,
                         const struct node *base);

/* Entries of `base` that are not in `own` come first. */
static struct node *join_maps(struct filling *f, const struct node *base, const struct node *own) {
        struct node *map = empty_map(f->arena);

        map->at = own->at;
        for (size_t i = 0; i < base->n; i++)
                if (!node_get(own, base->pairs[i].key->text.p))
                        add(f->arena, map, base->pairs[i].key->text, base->pairs[i].value);
        for (size_t i = 0; i < own->n; i++)
                add(f->arena, map, own->pairs[i].key->text, own->pairs[i].value);
        return map;
}

static size_t count(const struct node *list) {
        return list->kind == NODE_LIST ? list->n : 1;
}

/* Where an item of 'volumes', in either form, is mounted. */
static struct str target_of(const struct node *volume) {
        const struct node *dest = node_get(volume, "dest");

        return dest ? dest->text : syntax_volume_split(volume->text).target;
}

static bool is_mounted_over(const struct node *own, const struct node *volume) {
        for (size_t i = 0; i < own->n; i++)
                if (str_eq(target_of(own->items[i]), target_of(volume)))
                        return true;

        return false;
}

/* A list of one may be written without brackets. */
static struct node *join_lists(struct filling *f, const struct field *row, struct node *base,
                               struct node *own) {
        struct node *list = arena_new(f->arena, struct node);

        *list = (struct node){ .kind = NODE_LIST, .at = own->at };
        list->items = arena_array(f->arena, count(base) + count(own), struct node *);
        for (size_t i = 0; i < count(base); i++) {
                struct node *item = base->kind == NODE_LIST ? base->items[i] : base;

                if (row->kind != KIND_VOLUME_SPEC || !is_mounted_over(own, item))
                        list->items[list->n++] = item;
        }
        for (size_t i = 0; i < count(own); i++)
                list->items[list->n++] = own->kind == NODE_LIST ? own->items[i] : own;
        return list;
}

static struct node *inherit(struct filling *f, const struct field *row, struct node *base, struct node *own) {
        bool is_list = row->shape == SHAPE_LIST || row->shape == SHAPE_COMMANDS;

        /* Hosts of its own stand instead of the app's. */
        if (is_list && strcmp(row->key, "hosts") != 0)
                return join_lists(f, row, base, own);
        if (base->kind == NODE_MAP && own->kind == NODE_MAP && row->shape != SHAPE_STRUCT)
                return join_maps(f, base, own);

        return own;
}

/* The part that is item `i` of the list `key`; NULL for other lists. */
static const struct container *find_part(const struct app *app, const char *key, size_t i) {
        return strcmp(key, "services") == 0   ? &app->services.at[i].container
               : strcmp(key, "sidecars") == 0 ? &app->sidecars.at[i].container
               : strcmp(key, "tasks") == 0    ? &app->tasks.at[i].container
               : strcmp(key, "timers") == 0   ? &app->timers.at[i].task.container
                                              : NULL;
}

static bool has_secret(const struct container *c, struct str name) {
        LIST_EACH(secret, &c->secrets)
                if (str_eq(secret->key.text, name))
                        return true;

        return false;
}

static struct node *secrets_for(struct filling *f, const struct container *c, const struct node *secrets) {
        struct node *map = empty_map(f->arena);

        for (size_t i = 0; i < secrets->n; i++)
                if (has_secret(c, secrets->pairs[i].key->text))
                        add(f->arena, map, secrets->pairs[i].key->text, secrets->pairs[i].value);
        return map;
}

/* The top without what the part does not take over. */
static const struct node *base_for(struct filling *f, const char *key, size_t i) {
        const struct container *c = find_part(f->app, key, i);
        struct node *map = empty_map(f->arena);

        for (size_t k = 0; c && k < f->base->n; k++) {
                const struct pair *pair = &f->base->pairs[k];
                bool is_env = str_is(pair->key->text, "env") || str_is(pair->key->text, "env_files");
                struct node *value = pair->value;

                if (is_env && !c->takes[INHERITED_ENV])
                        continue;
                if (str_is(pair->key->text, "secrets"))
                        value = secrets_for(f, c, value);
                if (value->kind != NODE_MAP || value->n > 0)
                        add(f->arena, map, pair->key->text, value);
        }
        return c ? map : f->base;
}

/* `theirs` may be NULL. A struct takes over those of its keys that are inherited. */
static struct node *fill_value(struct filling *f, const struct field *row, struct node *value,
                               const struct node *theirs) {
        struct node *filled;

        if (row->shape == SHAPE_STRUCT && value->kind == NODE_MAP)
                return fill(f, row->schema, value, theirs);
        if (row->shape == SHAPE_LIST_OF_STRUCT && value->kind == NODE_LIST) {
                filled = arena_new(f->arena, struct node);
                *filled = *value;
                filled->items = arena_array(f->arena, value->n + 1, struct node *);
                for (size_t i = 0; i < value->n; i++)
                        filled->items[i] =
                                value->items[i]->kind == NODE_MAP
                                        ? fill(f, row->schema, value->items[i], base_for(f, row->key, i))
                                        : value->items[i];
                return filled;
        }
        if (row->shape != SHAPE_MAP_OF_STRUCT || value->kind != NODE_MAP)
                return value;

        filled = empty_map(f->arena);
        for (size_t i = 0; i < value->n; i++) {
                struct node *one = value->pairs[i].value;

                add(f->arena, filled, value->pairs[i].key->text,
                    one->kind == NODE_MAP ? fill(f, row->schema, one, NULL) : one);
        }
        return filled;
}

/* The inherited values; a map 'volumes:' of the app makes volumes, and is mounted nowhere. */
static struct node *find_theirs(const struct node *base, const struct field *row) {
        struct node *theirs = base && row && row->flags & FIELD_INHERIT ? node_get(base, row->key) : NULL;

        return theirs && field_accepts(row, theirs) ? theirs : NULL;
}

/* Several rows may have one key; the definition has no errors, so one of them takes it. */
static const struct field *row_for(const struct export_rows *rows, struct str key, const struct node *value) {
        const struct field *found = NULL;

        VEC_EACH(row, &rows->list)
                if (str_is(key, (*row)->key) && (!found || field_accepts(*row, value)))
                        found = *row;
        return found;
}

/* `health`, `tls` and others mean something by being there; these do not. */
static bool is_always_there(const struct field *row) {
        return row->shape == SHAPE_STRUCT &&
               (strcmp(row->key, "rollout") == 0 || strcmp(row->key, "timeouts") == 0);
}

/* Rows: a key with a default that is refused without another key, or together with it; the value of that
 * other key, NULL for any. */
static const struct {
        const char *key, *other, *value;
        bool is_needed;
} uses[] = {
        { "on_error", "kms", NULL, true },
        { "scheme", "http", NULL, true },
        { "conda_base", "manager", "conda", true },
        { "python", "containerfile", NULL, false },
        { "manager", "containerfile", NULL, false },
        { "order", "kind", "nginx", false },
        { "sticky", "kind", "nginx", false },
        { "sticky", "mode", "tcp", false },
        { "protocol", "kind", "nginx", false },
        { "protocol", "mode", "tcp", false },
        { "path", "mode", "tcp", false },
        { "strip", "mode", "tcp", false },
};

static bool is_refused(const struct node *own, const struct field *row) {
        for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
                const struct node *other = node_get(own, uses[i].other);
                bool is_there = other && (!uses[i].value ||
                                          (other->kind == NODE_SCALAR && str_is(other->text, uses[i].value)));

                if (strcmp(row->key, uses[i].key) == 0 && is_there != uses[i].is_needed)
                        return true;
        }
        return false;
}

/* Keys that only mean something with others. */
static bool is_without_use(const struct filling *f, const struct node *own, const struct field *row) {
        size_t offset = 0;

        if (is_refused(own, row))
                return true;
        if (own != f->base)
                return false;
        if (strcmp(row->key, "ensure_user") == 0)
                return !f->app->home || !f->app->home->has_owner;

        return node_get(own, "services") && schema_find(&base_schema, str_of(row->key), &offset);
}

static struct node *fill(struct filling *f, const struct schema *schema, const struct node *own,
                         const struct node *base) {
        struct export_rows rows = { 0 };
        struct node *map = empty_map(f->arena);

        export_collect_rows(f->arena, schema, &rows);
        for (size_t i = 0; i < own->n; i++) {
                struct str key = own->pairs[i].key->text;
                const struct field *row = row_for(&rows, key, own->pairs[i].value);
                struct node *value = own->pairs[i].value, *theirs = find_theirs(base, row);

                if (theirs)
                        value = inherit(f, row, theirs, value);
                add(f->arena, map, key, row ? fill_value(f, row, value, theirs) : value);
        }

        VEC_EACH(row, &rows.list) {
                struct node *theirs = find_theirs(base, *row);

                if (node_get(map, (*row)->key))
                        continue;
                if (theirs)
                        add(f->arena, map, str_of((*row)->key), fill_value(f, *row, theirs, NULL));
                else if (is_always_there(*row))
                        add(f->arena, map, str_of((*row)->key),
                            fill(f, (*row)->schema, empty_map(f->arena), NULL));
                else if ((*row)->def && !is_without_use(f, own, *row))
                        add(f->arena, map, str_of((*row)->key),
                            new_scalar(f->arena, str_of((*row)->def), true, NOWHERE));
        }
        return map;
}

static bool is_plain_default(const struct contract_variable *v) {
        return v->type.index == CONTRACT_INTEGER || v->type.index == CONTRACT_BOOLEAN ||
               !type_is_ambiguous(v->def.text);
}

static struct node *with_contract(struct filling *f, const struct node *config) {
        struct contract *contract = contract_find(&f->session->world, f->app->contract);
        struct node *map = config ? arena_new(f->arena, struct node) : empty_map(f->arena);

        if (config)
                *map = *config;
        LIST_EACH(v, &contract->variables) {
                struct any_text def = contract_default(&f->session->world, f->app, contract, v);

                if (!str_is_absent(def.text))
                        add(f->arena, map, v->name.text,
                            new_scalar(f->arena, def.text, is_plain_default(v), def.at));
        }
        return map;
}

static void add_text(struct filling *f, struct node *map, const char *key, struct text text) {
        if (!str_is_absent(text.text) && !node_get(map, key))
                add(f->arena, map, str_of(key),
                    new_scalar(f->arena, text.text, !type_is_ambiguous(text.text), text.at));
}

static struct node *without_key(struct filling *f, const struct node *map, const char *key) {
        struct node *rest = empty_map(f->arena);

        for (size_t i = 0; i < map->n; i++)
                if (!str_is(map->pairs[i].key->text, key))
                        add(f->arena, rest, map->pairs[i].key->text, map->pairs[i].value);
        return rest;
}

const struct node *effective_of(struct session *s, struct app *app) {
        struct filling f = { .session = s, .arena = s->world.arena, .app = app };
        const struct host *host = &s->world.host;
        struct node *top = arena_new(f.arena, struct node), *config;

        *top = *app->node;
        if (!str_is_absent(app->contract.text)) {
                config = with_contract(&f, node_get(top, "config"));
                top = without_key(&f, top, "config");
                if (config->n > 0)
                        add(f.arena, top, STR("config"), config);
        }
        add_text(&f, top, "network", (struct text){ host->network.text, host->network.at });
        add_text(&f, top, "auth_file", (struct text){ host->auth_file.text, host->auth_file.at });
        f.base = top;
        return fill(&f, &app_schema, top, NULL);
}

struct str effective_origin(struct session *s, const struct node *node) {
        const struct places *places = &s->world.places;
        const struct source *source;
        struct str path;
        unsigned line, column;

        if (node->at.file == SPAN_NOWHERE)
                return STR("default");

        source = &s->sources.list.at[node->at.file];
        path = source->path;
        source_position(source, node->at.off, &line, &column);
        for (size_t i = 0; i < ARRAY_SIZE(places->definitions) && !str_is_absent(places->definitions[i]); i++)
                if (str_has_prefix(path, places->definitions[i]) && path.p[places->definitions[i].n] == '/')
                        path = str_from(path, places->definitions[i].n + 1);
        return arena_printf(s->world.arena, "%.*s:%u", STR_ARG(path), line);
}

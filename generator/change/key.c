/* SPDX-License-Identifier: Apache-2.0 */
#include "change/key.h"

#include "app/app.h"
#include "schema/export-parts.h"

/* The character that may come next. */
enum step {
        STEP_KEY,  /* a key of the schema */
        STEP_NAME, /* the name of an item, or a key of a map; then `after` */
        STEP_FREE, /* anything */
        STEP_END,
};

struct walk {
        struct ctl *ctl;
        const char *text;
        struct str rest;
        enum step step, after;
        const struct schema *schema;
        enum kind kind; /* of the name */
        bool is_text;   /* what the value is, if the path ends there */
        bool is_silent;
};

static int refuse(const struct walk *w, struct str word, const char *what, struct str hint) {
        if (!w->is_silent)
                (void) fprintf(stderr, "pyservicectl: '%s': '%.*s' %s; %.*s\n", w->text, STR_ARG(word), what,
                               STR_ARG(hint));
        return CTL_ERROR;
}

/* True if there is a key below it. */
static bool is_deep(const struct field *f) {
        return f->shape == SHAPE_STRUCT || f->shape == SHAPE_MAP ||
               (f->shape == SHAPE_LIST_OF_STRUCT && !(f->flags & FIELD_ONE_OK)) ||
               f->shape == SHAPE_MAP_OF_VALUE || f->shape == SHAPE_MAP_OF_STRUCT;
}

/* The row of a key, out of several, that the rest of the path fits. */
static const struct field *find_row(struct walk *w, struct str key) {
        struct export_rows rows = { 0 };
        const struct field *found = NULL;

        export_collect_rows(&w->ctl->arena, w->schema, &rows);
        VEC_EACH(f, &rows.list)
                if (str_is(key, (*f)->key) && (!found || (!is_deep(found) && !str_is_absent(w->rest))))
                        found = *f;
        return found;
}

static void go_below(struct walk *w, const struct field *f) {
        size_t offset = 0;

        w->step = STEP_END;
        w->after = STEP_KEY;
        w->is_text = f->shape == SHAPE_MAP_OF_VALUE || f->shape == SHAPE_MAP
                             ? !(f->flags & FIELD_ALLOW_LIST)
                             : f->shape == SHAPE_SCALAR && f->kind >= KIND_TEXT;
        w->kind = KIND_NAME;
        if (f->shape == SHAPE_STRUCT ||
            (f->shape == SHAPE_LIST_OF_STRUCT && schema_find(f->schema, STR("name"), &offset)) ||
            f->shape == SHAPE_MAP_OF_STRUCT) {
                w->schema = f->schema;
                w->step = f->shape == SHAPE_STRUCT ? STEP_KEY : STEP_NAME;
        }
        if (f->shape == SHAPE_MAP || f->shape == SHAPE_MAP_OF_VALUE) {
                w->step = STEP_NAME;
                w->after = f->shape == SHAPE_MAP ? STEP_END : STEP_FREE;
        }
        if (is_deep(f) && f->shape != SHAPE_STRUCT && f->shape != SHAPE_LIST_OF_STRUCT)
                w->kind = f->key_kind;
        if (f->shape == SHAPE_VALUE)
                w->step = STEP_FREE;
}

static int take_key(struct walk *w, struct str word) {
        struct arena *a = &w->ctl->arena;
        const struct field *f = find_row(w, word);
        struct str near;

        if (str_has_prefix(word, STR("x-"))) {
                w->step = STEP_FREE;
                return 0;
        }
        if (!f) {
                near = schema_nearest_key(a, w->schema, word);
                return refuse(w, word, "is not a key",
                              str_is_absent(near) ? STR("see pyservice.d(5) for the known keys")
                                                  : arena_join(a, STR("did you mean '"), near, STR("'?")));
        }

        go_below(w, f);
        return 0;
}

static int take_name(struct walk *w, struct str word) {
        if (!type_accepts(w->kind, word))
                return refuse(w, word, "is not a valid name", str_of(type_of(w->kind)->rule));

        w->step = w->after;
        return 0;
}

static int take_word(struct walk *w, struct str word) {
        switch (w->step) {
        case STEP_KEY:
                return take_key(w, word);
        case STEP_NAME:
                return take_name(w, word);
        case STEP_FREE:
                return word.n > 0 ? 0
                                  : refuse(w, word, "is not a key", STR("write something between the dots"));
        case STEP_END:
                return refuse(w, word, "is below a value, which has no keys", STR("leave it out"));
        }

        return 0;
}

/* Labels and variables have dots in their names. Only `secret` is below a variable. */
static struct str next_word(struct walk *w) {
        static const struct str below = STR_INIT(".secret");
        struct str word = w->rest;

        if (w->step == STEP_NAME && w->after != STEP_KEY) {
                bool is_secret = w->after == STEP_FREE && str_has_suffix(word, below);

                word.n -= is_secret ? below.n : 0;
                w->rest = is_secret ? str_from(w->rest, word.n + 1) : (struct str){ NULL, 0 };
        } else
                (void) str_split(&w->rest, '.', &word);
        return word;
}

int key_parse(struct ctl *c, const char *text, struct key_path *ret) {
        struct walk w = { .ctl = c, .text = text, .rest = str_of(text), .schema = &app_schema };
        int r = 0;

        *ret = (struct key_path){ 0 };
        while (r == 0 && !str_is_absent(w.rest)) {
                struct str word;

                if (ret->n == KEY_PATH_MAX)
                        return refuse(&w, w.rest, "is too deep", STR("no key is"));
                word = next_word(&w);
                r = take_word(&w, word);
                ret->words[ret->n++] = arena_str(&c->arena, word);
        }
        ret->is_text = w.is_text;
        return r;
}

static const struct node *find_item(const struct node *list, struct str name) {
        for (size_t i = 0; i < list->n; i++) {
                const struct node *own = node_get(list->items[i], "name");

                if (own && str_eq(own->text, name))
                        return list->items[i];
        }

        return NULL;
}

const struct node *key_find(const struct node *root, const struct key_path *key) {
        for (size_t i = 0; root && i < key->n; i++)
                root = root->kind == NODE_LIST ? find_item(root, key->words[i])
                                               : node_get(root, key->words[i].p);
        return root;
}

static const struct node *step_into(const struct node *root, struct arena *a, struct str word) {
        const struct key_path one = { .words = { arena_str(a, word) }, .n = 1 };

        return key_find(root, &one);
}

static void add_name(const struct walk *w, struct key_names *names, struct str name, struct str doc) {
        struct arena *a = &w->ctl->arena;

        VEC_EACH(known, &names->list)
                if (str_has_prefix(known->text, name) && known->text.n <= name.n + 1)
                        return;
        *vec_push(a, &names->list) =
                (struct key_name){ w->step == STEP_END ? name : arena_join(a, name, STR(".")), doc };
}

static void add_keys(const struct walk *w, struct key_names *ret) {
        struct export_rows rows = { 0 };

        export_collect_rows(&w->ctl->arena, w->schema, &rows);
        VEC_EACH(f, &rows.list) {
                struct walk below = *w;
                struct str key = str_of((*f)->key), doc = str_of((*f)->doc);

                below.rest = STR(""); /* if a key has several rows, the one with keys below it */
                go_below(&below, find_row(&below, key));
                doc.n = str_find_str(doc, STR(". "));
                add_name(&below, ret, key, doc);
        }
}

static void add_names(const struct walk *w, const struct node *node, struct key_names *ret) {
        struct walk below = *w;

        below.step = w->after == STEP_KEY && w->step == STEP_NAME ? STEP_KEY : STEP_END;
        for (size_t i = 0; i < node->n && node->kind == NODE_MAP; i++)
                add_name(&below, ret, node->pairs[i].key->text, STR(""));
        for (size_t i = 0; i < node->n && node->kind == NODE_LIST; i++) {
                const struct node *name = node_get(node->items[i], "name");

                if (name)
                        add_name(&below, ret, name->text, STR(""));
        }
}

void key_list(struct ctl *c, struct str path, const struct node *root, struct key_names *ret) {
        struct walk w = { .ctl = c, .is_silent = true, .rest = path, .schema = &app_schema };
        struct str word;

        while (w.rest.n > 0 && str_split(&w.rest, '.', &word)) {
                if (take_word(&w, word) != 0)
                        return;
                root = root ? step_into(root, &c->arena, word) : NULL;
        }

        if (w.step == STEP_KEY)
                add_keys(&w, ret);
        else if (w.step != STEP_END && root)
                add_names(&w, root, ret);
}

struct str key_text(struct arena *a, const struct key_path *key) {
        struct str text = key->words[0];

        for (size_t i = 1; i < key->n; i++)
                text = arena_join(a, text, STR("."), key->words[i]);

        return text;
}

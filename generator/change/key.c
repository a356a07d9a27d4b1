/* SPDX-License-Identifier: Apache-2.0 */
#include "change/key.h"

#include "app/app.h"
#include "schema/export-parts.h"

/* What may come next. */
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
};

static int refuse(const struct walk *w, struct str word, const char *what, struct str hint) {
        (void) fprintf(stderr, "pyservicectl: '%s': '%.*s' %s; %.*s\n", w->text, STR_ARG(word), what,
                       STR_ARG(hint));
        return CTL_MISTAKE;
}

/* Does something stand below it? */
static bool is_deep(const struct field *f) {
        return f->shape == SHAPE_STRUCT || f->shape == SHAPE_LIST_OF_STRUCT || f->shape == SHAPE_MAP ||
               f->shape == SHAPE_MAP_OF_VALUE || f->shape == SHAPE_MAP_OF_STRUCT;
}

/* Of several rows of one key, one that the rest of the path fits. */
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
        w->is_text = f->shape == SHAPE_MAP_OF_VALUE
                             ? !(f->flags & FIELD_ALLOW_LIST)
                             : (f->shape == SHAPE_SCALAR || f->shape == SHAPE_MAP) && f->kind >= KIND_TEXT;
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

int key_parse(struct ctl *c, const char *text, struct key_path *ret) {
        struct walk w = { .ctl = c, .text = text, .rest = str_of(text), .schema = &app_schema };
        int r = 0;

        *ret = (struct key_path){ 0 };
        while (r == 0 && !str_is_absent(w.rest)) {
                struct str word = w.rest;

                if (ret->n == KEY_PATH_MAX)
                        return refuse(&w, w.rest, "is too deep", STR("no key is"));
                /* Labels have dots in their names. */
                if (w.step == STEP_NAME && w.after == STEP_END)
                        w.rest = (struct str){ NULL, 0 };
                else
                        (void) str_split(&w.rest, '.', &word);
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

struct str key_text(struct arena *a, const struct key_path *key) {
        struct str text = key->words[0];

        for (size_t i = 1; i < key->n; i++)
                text = arena_join(a, text, STR("."), key->words[i]);

        return text;
}

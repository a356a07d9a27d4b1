/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl cat: the files of a definition, and what they come to. */

#include "base/json.h"
#include "base/utf8.h"
#include "change/node-text.h"
#include "ctl/session.h"
#include "model/effective.h"
#include "terminal/pager.h"
#include "verbs/verbs.h"

/* A file with errors may have bytes that a terminal would obey. */
static void put_harmless(struct buf *out, struct str text) {
        buf_put_str(out, utf8_clean(out->arena, text));
        if (text.n > 0 && text.p[text.n - 1] != '\n')
                buf_put_char(out, '\n');
}

static bool is_drop_in(const struct world *w, const struct source *source, struct str name) {
        for (size_t i = 0; i < ARRAY_SIZE(w->places.definitions) && !str_is_absent(w->places.definitions[i]);
             i++)
                if (str_has_prefix(source->path, arena_join(w->arena, w->places.definitions[i], STR("/"),
                                                            name, STR(".yaml.d/"))))
                        return true;

        return false;
}

/* The sources are in the order in which they were read, which is that in which they count. */
static bool belongs_to(const struct world *w, const struct source *source, const struct definition *d) {
        return str_eq(source->path, d->path) || is_drop_in(w, source, d->name.text);
}

static struct str note_origin(void *from, const struct node *node) {
        return effective_origin(from, node);
}

static int show_text(struct ctl *c, struct session *s, const struct definition *d) {
        const struct node_notes notes = { .of = note_origin, .from = s };
        struct buf text = buf_in(&c->arena);

        VEC_EACH(source, &s->sources.list)
                if (belongs_to(&s->world, source, d)) {
                        buf_put(&text, text.n > 0 ? "\n# " : "# ");
                        buf_put_str(&text, source->path);
                        buf_put_char(&text, '\n');
                        put_harmless(&text, source->text);
                }
        if (d->app) {
                buf_put(&text, "\n# The resulting values, and where each is set\n");
                node_put_lines(&text, effective_of(s, d->app), 0, &notes);
        }
        return pager_print(c, buf_str(&text));
}

/* --- JSON --- */

struct listing {
        struct session *session;
        struct json_writer out;
};

static void put_origin(struct listing *l, const struct node *node) {
        json_text(&l->out, "origin", effective_origin(l->session, node));
        diag_put_place(&l->out, &l->session->sources, node->at);
}

static void put_value(struct listing *l, struct str key, const struct node *node) {
        struct arena *a = l->session->world.arena;

        for (size_t i = 0; i < node->n; i++) {
                const struct node *item = node->kind == NODE_MAP ? node->pairs[i].value : node->items[i];
                const struct node *name = node->kind == NODE_LIST ? node_get(item, "name") : NULL;
                struct str word = node->kind == NODE_MAP ? node->pairs[i].key->text
                                  : name                 ? name->text
                                                         : arena_u64(a, i);

                if (node->kind == NODE_LIST && item->kind == NODE_SCALAR)
                        break;
                put_value(l, key.n > 0 ? arena_join(a, key, STR("."), word) : word, item);
        }
        if (node->n > 0 && (node->kind == NODE_MAP || node->items[0]->kind != NODE_SCALAR))
                return;

        json_open(&l->out, NULL, '{');
        json_text(&l->out, "key", key);
        node_put_json(&l->out, "value", node);
        put_origin(l, node);
        json_close(&l->out, '}');
}

static int show_json(struct ctl *c, struct session *s, const struct definition *d) {
        struct buf text = buf_in(&c->arena);
        struct listing l = { .session = s, .out = { .out = &text } };

        json_open(&l.out, NULL, '{');
        json_text(&l.out, "app", d->name.text);
        json_open(&l.out, "files", '[');
        VEC_EACH(source, &s->sources.list)
                if (belongs_to(&s->world, source, d))
                        json_text(&l.out, NULL, source->path);
        json_close(&l.out, ']');
        json_open(&l.out, "values", '[');
        if (d->app)
                put_value(&l, STR(""), effective_of(s, d->app));
        json_close(&l.out, ']');
        json_close(&l.out, '}');
        buf_put_char(&text, '\n');
        return ctl_write(stdout, buf_str(&text));
}

int ctl_cat(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        struct definition *d;
        int r;

        if (c->argc != 1)
                return ctl_usage(c, "give the name of an application");

        r = session_open_definition(c, &s, str_of(c->argv[0]), &d);
        if (r != 0)
                return r;

        r = c->is_json ? show_json(c, &s, d) : show_text(c, &s, d);
        if (r != 0 || !d->is_broken)
                return r;

        session_tell(&s, d->name.text);
        return CTL_ERROR;
}

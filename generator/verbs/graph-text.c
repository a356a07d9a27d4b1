/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "verbs/graph.h"

static void put_indent(struct buf *out, unsigned depth) {
        for (unsigned i = 0; i < depth; i++)
                buf_put_char(out, '\t');
}

/* Within quotes: a quote and a backslash are escaped (labels are escStrings), an ampersand would begin an entity. */
static void put_escaped(struct buf *out, struct str text) {
        unsigned n;

        for (size_t at = 0; at < text.n; at += n > 0 ? n : 1) {
                uint32_t character = 0;

                n = utf8_decode(text, at, &character);
                if (n > 0 && character == INSTANCE_MARK)
                        buf_put(out, "{{ instance }}");
                else if (n == 0 || utf8_is_control(character) || character == '\n' || character == '\t')
                        buf_put_char(out, n == 0 ? '?' : ' ');
                else if (character == '&')
                        buf_put(out, "&amp;");
                else {
                        if (character == '"' || character == '\\')
                                buf_put_char(out, '\\');
                        buf_put_str(out, (struct str) { text.p + at, n });
                }
        }
}

static void put_quoted(struct buf *out, struct str text) {
        buf_put_char(out, '"');
        put_escaped(out, text);
        buf_put_char(out, '"');
}

static void put_label(struct buf *out, const struct graph_label *label) {
        bool is_first = true;

        buf_put(out, "label=\"");
        for (size_t i = 0; i < ARRAY_SIZE(label->lines) + label->more.n; i++) {
                struct str line = i < ARRAY_SIZE(label->lines) ? label->lines[i] : label->more.at[i - ARRAY_SIZE(label->lines)];

                if (str_is_absent(line))
                        continue;
                buf_put(out, is_first ? "" : "\\n");
                put_escaped(out, line);
                is_first = false;
        }
        buf_put_char(out, '"');
}

static void put_node(struct buf *out, struct str id, const struct graph_label *label, const char *look) {
        put_quoted(out, id);
        buf_put(out, " [");
        put_label(out, label);
        buf_put(out, look[0] ? ", " : "");
        buf_put(out, look);
        buf_put(out, "];\n");
}

void graph_open(struct graph *g, struct str id, struct str label) {
        const struct graph_label whole = { { label } };

        put_indent(&g->out, ++g->depth);
        buf_put(&g->out, "subgraph ");
        put_quoted(&g->out, arena_join(g->arena, STR("cluster/"), id));
        buf_put(&g->out, " {\n");
        put_indent(&g->out, g->depth + 1);
        put_label(&g->out, &whole);
        buf_put(&g->out, ";\n");
}

void graph_close(struct graph *g) {
        put_indent(&g->out, g->depth--);
        buf_put(&g->out, "}\n");
}

void graph_node(struct graph *g, struct str id, const struct graph_label *label, const char *look) {
        put_indent(&g->out, g->depth + 1);
        put_node(&g->out, id, label, look);
}

void graph_shared(struct graph *g, struct str id, const struct graph_label *label, const char *look) {
        VEC_EACH(known, &g->shared_ids)
                if (str_eq(*known, id))
                        return;

        *vec_push(g->arena, &g->shared_ids) = id;
        put_indent(&g->shared, 1);
        put_node(&g->shared, id, label, look);
}

void graph_edge(struct graph *g, struct str from, struct str to, struct str label, const char *look) {
        const struct graph_label whole = { { label } };

        put_indent(&g->edges, 1);
        put_quoted(&g->edges, from);
        buf_put(&g->edges, " -> ");
        put_quoted(&g->edges, to);
        if (!str_is_absent(label) || look[0]) {
                buf_put(&g->edges, " [");
                if (!str_is_absent(label))
                        put_label(&g->edges, &whole);
                buf_put(&g->edges, !str_is_absent(label) && look[0] ? ", " : "");
                buf_put(&g->edges, look);
                buf_put_char(&g->edges, ']');
        }
        buf_put(&g->edges, ";\n");
}

struct str graph_text(struct graph *g) {
        struct buf text = buf_in(g->arena);

        buf_put(&text, "digraph pyservice {\n"
                       "\tgraph [rankdir=LR, fontname=\"sans-serif\", fontsize=12, style=rounded, color=gray];\n"
                       "\tnode [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
                       "\tedge [fontname=\"sans-serif\", fontsize=9];\n");
        buf_put_str(&text, buf_str(&g->out));
        buf_put_str(&text, buf_str(&g->shared));
        buf_put_str(&text, buf_str(&g->edges));
        buf_put(&text, "}\n");
        return buf_str(&text);
}

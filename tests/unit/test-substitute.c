/* SPDX-License-Identifier: Apache-2.0 */

/* {{ name }} in definitions. Expectations write INSTANCE_MARK as '@'. */

#include "app/substitute.h"
#include "decoding.h"

/* A tree as one line of flow style; plain scalars as they are, others in quotes. */
static void put_node(struct buf *out, const struct node *node) {
        if (node->kind == NODE_SCALAR) {
                buf_put(out, node->plain ? "" : "'");
                for (size_t i = 0; i < node->text.n; i++)
                        if (node->text.p[i] == INSTANCE_MARK || !mark_name(node->text.p[i]))
                                buf_put_char(out, node->text.p[i] == INSTANCE_MARK ? '@' : node->text.p[i]);
                        else
                                buf_put(out, mark_name(node->text.p[i]));
                buf_put(out, node->plain ? "" : "'");
                return;
        }

        buf_put_char(out, node->kind == NODE_LIST ? '[' : '{');
        for (size_t i = 0; i < node->n; i++) {
                buf_put(out, i > 0 ? ", " : "");
                if (node->kind == NODE_MAP) {
                        put_node(out, node->pairs[i].key);
                        buf_put(out, ": ");
                }
                put_node(out, node->kind == NODE_MAP ? node->pairs[i].value : node->items[i]);
        }
        buf_put_char(out, node->kind == NODE_LIST ? ']' : '}');
}

struct substitute_row {
        const char *name, *yaml, *tree, *diags, *hint;
};

static const struct substitute_row substitute_rows[] = {
        { "substitute: nothing", "a: b\nc: [d, {e: f}]\n", "{a: b, c: [d, {e: f}]}", "", NULL },
        { "substitute: the app's name", "a: x-{{ app_name }}-y\n", "{a: 'x-shop-y'}", "", NULL },
        { "substitute: without blanks", "a: 'x{{app_name}}y'\n", "{a: 'xshopy'}", "", NULL },
        { "substitute: with more blanks", "a: 'x{{   app_name  }}y'\n", "{a: 'xshopy'}", "", NULL },
        { "substitute: twice", "a: '{{ app_name }}/{{ app_name }}'\n", "{a: 'shop/shop'}", "", NULL },
        { "substitute: next to each other", "a: '{{ app_name }}{{ app_name }}'\n", "{a: 'shopshop'}", "", NULL },
        { "substitute: at any depth", "a: [b, {c: ['{{ app_name }}']}]\n", "{a: [b, {c: ['shop']}]}", "", NULL },
        { "substitute: a block", "a: |\n  x: {{ app_name }}\n  y\n", "{a: 'x: shop\ny\n'}", "", NULL },
        { "substitute: keys stay", "'{{ app_name }}': b\n", "{'{{ app_name }}': b}", "", NULL },
        { "substitute: a number", "scale: 4\nport: '{{ scale }}'\n", "{scale: 4, port: '4'}", "", NULL },

        { "names: of the app", "a: '{{ app_module }} {{ app_user }} {{ app_group }}'\n", "{a: 'shop shop shop'}", "", NULL },
        { "names: given", "module: m\nuser: u\ngroup: g\na: '{{ app_module }} {{ app_user }} {{ app_group }}'\n",
          "{module: m, user: u, group: g, a: 'm u g'}", "", NULL },
        { "names: the group follows the user", "user: u\na: '{{ app_group }}'\n", "{user: u, a: 'u'}", "", NULL },
        { "names: directories", "a: '{{ app_root }} {{ app_dir }} {{ app_code_dir }} {{ app_config_dir }} {{ app_config }} {{ app_data_dir }}'\n",
          "{a: '/applications/shop /applications/shop/app /applications/shop/app/code /applications/shop/app/config "
          "/applications/shop/app/config/config.yaml /applications/shop/data'}", "", NULL },
        { "names: directories elsewhere", "data_dir: '/srv/{{ app_name }}'\napp_dir: /opt/x\ncode_dir: /opt/y\n"
          "a: '{{ app_dir }} {{ app_code_dir }} {{ app_config }} {{ app_data_dir }}'\n",
          "{data_dir: '/srv/shop', app_dir: /opt/x, code_dir: /opt/y, "
          "a: '/opt/x /opt/y /opt/x/config/config.yaml /srv/shop'}", "", NULL },
        { "names: directories of another root", "root: /srv\na: '{{ app_dir }} {{ app_data_dir }}'\n",
          "{root: /srv, a: '/srv/app /srv/data'}", "", NULL },
        { "names: Python", "source: {python: '3.12'}\na: '{{ python_version }}'\n", "{source: {python: '3.12'}, a: '3.12'}", "", NULL },
        { "names: the service of the short form", "scale: 3\na: '{{ service }} {{ scale }}'\n", "{scale: 3, a: 'shop 3'}", "", NULL },
        { "names: of each service", "services: [{name: web, scale: 2, a: '{{ service }} {{ scale }}'}, {name: job, a: '{{ service }} {{ scale }}'}]\n"
          "a: '{{ service }}'\n", "{services: [{name: web, scale: 2, a: 'web 2'}, {name: job, a: 'job 1'}], a: 'shop'}", "", NULL },
        { "names: of sidecars and tasks", "sidecars: [{name: s, a: '{{ service }}'}]\ntasks: [{name: t, a: '{{ service }}'}]\n",
          "{sidecars: [{name: s, a: 's'}], tasks: [{name: t, a: 't'}]}", "", NULL },
        { "names: the instance", "a: w-{{ instance }}\nb: '{{ instance }}{{ instance }}'\n", "{a: 'w-@', b: '@@'}", "", NULL },

        { "vars: one", "vars: {v: x}\na: '{{ v }}'\n", "{vars: {v: x}, a: 'x'}", "", NULL },
        { "vars: behind their use", "a: '{{ v }}'\nvars: {v: x}\n", "{a: 'x', vars: {v: x}}", "", NULL },
        { "vars: of others", "vars: {v: x, w: '{{ v }}y', z: '{{ w }}{{ app_name }}'}\na: '{{ z }}'\n",
          "{vars: {v: x, w: '{{ v }}y', z: '{{ w }}{{ app_name }}'}, a: 'xyshop'}", "", NULL },
        { "vars: of a later one", "vars: {w: '{{ v }}', v: x}\na: '{{ w }}'\n",
          "{vars: {w: '{{ v }}', v: x}, a: ''}", "unknown-variable‹'{{ v }}'›", NULL },
        { "vars: of itself", "vars: {v: '{{ v }}'}\n", "{vars: {v: '{{ v }}'}}", "unknown-variable‹'{{ v }}'›", NULL },
        { "names: only known when the unit is loaded", "a: 'x{{ hostname }}, {{ revision }}, {{ image }}'\n", "{a: 'xhostname, revision, image'}", "", NULL },
        { "vars: with a name that systemd knows else", "vars: {image: 'x/{{ image }}', hostname: h}\na: '{{ image }} {{ hostname }}'\n",
          "{vars: {image: 'x/{{ image }}', hostname: h}, a: 'x/image h'}", "", NULL },
        { "vars: with the instance", "vars: {v: 'n{{ instance }}'}\na: '{{ v }}'\n", "{vars: {v: 'n{{ instance }}'}, a: 'n@'}", "", NULL },
        { "vars: a value is not read again", "vars: {v: \"{{ '{{' }} app_name }}\"}\na: '{{ v }}'\n",
          "{vars: {v: '{{ '{{' }} app_name }}'}, a: '{{ app_name }}'}", "", NULL },
        { "vars: a name of pyservice's own", "vars: {app_name: x}\na: '{{ app_name }}'\n", "{vars: {app_name: x}, a: 'shop'}",
          "reserved-name‹app_name›", NULL },
        { "vars: an error is told once", "vars: {v: '{{ no }}'}\na: '{{ v }}{{ v }}'\n", "{vars: {v: '{{ no }}'}, a: ''}",
          "unknown-variable‹'{{ no }}'›", NULL },

        { "vars: of a name that uses another", "root: '/srv/{{ app_name }}'\nvars: {m: '{{ app_data_dir }}/media'}\na: '{{ m }}'\n",
          "{root: '/srv/shop', vars: {m: '{{ app_data_dir }}/media'}, a: '/srv/shop/data/media'}", "", NULL },
        { "vars: of a name that uses a variable", "root: '/srv/{{ v }}'\nvars: {v: x, m: '{{ app_dir }}'}\na: '{{ m }}'\n",
          "{root: '/srv/x', vars: {v: x, m: '{{ app_dir }}'}, a: '/srv/x/app'}", "", NULL },
        { "vars: of a name that uses a later variable", "root: '/srv/{{ v }}'\nvars: {m: '{{ app_dir }}', v: x}\na: '{{ app_dir }}'\n",
          "{root: '/srv/x', vars: {m: '{{ app_dir }}', v: x}, a: '/srv/x/app'}", "unknown-variable‹'{{ app_dir }}'›", "'app_dir' uses an unknown variable" },
        { "names: of each other, twice", "module: '{{ app_user }}'\nuser: 'u{{ app_group }}'\ngroup: '{{ service }}'\na: '{{ app_module }}'\n",
          "{module: 'ushop', user: 'ushop', group: 'shop', a: 'ushop'}", "", NULL },
        { "names: of itself", "root: '{{ app_root }}/x'\n", "{root: '/x'}", "bad-substitution‹'{{ app_root }}/x'›", "refers to itself" },
        { "names: an error is told once", "root: '/{{ no }}'\na: '{{ app_dir }}'\n", "{root: '/', a: '//app'}", "unknown-variable‹'/{{ no }}'›", NULL },

        { "braces: two", "a: \"{{ '{{' }} app_name }}\"\n", "{a: '{{ app_name }}'}", "", NULL },
        { "braces: two, without blanks", "a: \"{{'{{'}}x\"\n", "{a: '{{x'}", "", NULL },
        { "braces: a pair", "a: \"{{ '{{ x }}' }}\"\n", "{a: '{{ x }}'}", "", NULL },
        { "braces: only closing ones", "a: 'x }} y'\n", "{a: 'x }} y'}", "", NULL },
        { "braces: one", "a: '{x}'\n", "{a: '{x}'}", "", NULL },
        { "braces: in front of others", "a: \"{{ '{{' }}{{ app_name }}\"\n", "{a: '{{shop'}", "", NULL },

        { "diags: unknown, with a hint", "a: '{{ app_nmae }}'\n", "{a: ''}", "unknown-variable‹'{{ app_nmae }}'›", "'app_name'" },
        { "diags: unknown, with a variable as hint", "vars: {region: x}\na: '{{ regoin }}'\n", "{vars: {region: x}, a: ''}",
          "unknown-variable‹'{{ regoin }}'›", "'region'" },
        { "diags: unknown, without a hint", "a: '{{ frobnicate }}'\n", "{a: ''}", "unknown-variable‹'{{ frobnicate }}'›", "vars:" },
        { "diags: not closed", "a: 'x {{ app_name'\n", "{a: 'x '}", "bad-substitution‹'x {{ app_name'›", "has no '}}'" },
        { "diags: nothing between", "a: 'x{{ }}'\n", "{a: 'x'}", "bad-substitution‹'x{{ }}'›", NULL },
        { "diags: a filter", "a: '{{ app_name | upper }}'\n", "{a: ''}", "bad-substitution‹'{{ app_name | upper }}'›", NULL },
        { "diags: an expression", "a: '{{ 1 + 1 }}'\n", "{a: ''}", "bad-substitution‹'{{ 1 + 1 }}'›", NULL },
        { "diags: each is told", "a: '{{ frob }} {{ nicate }}'\nb: '{{ x y }}'\n", "{a: ' ', b: ''}",
          "unknown-variable‹'{{ frob }} {{ nicate }}'› unknown-variable‹'{{ frob }} {{ nicate }}'› bad-substitution‹'{{ x y }}'›", NULL },
        { "diags: no map at all", "- '{{ app_name }}'\n", "['{{ app_name }}']", "", NULL },
};

static void test_substitute(void **state) {
        const struct substitute_row *row = *state;
        struct buf tree;
        struct bench b;

        bench_init(&b);
        tree = buf_in(&b.arena);
        put_node(&tree, substitute_definition(&b.arena, &b.diags, STR("shop"), bench_parse(&b, row->yaml)));
        assert_string_equal(buf_str(&tree).p, row->tree);
        assert_diags(&b, row->diags, row->hint);
        bench_done(&b);
}

/* The parsed tree stays as it was: messages show it, and drop-ins share its nodes. */
static void test_unchanged(void **state) {
        struct node *root, *copy;
        struct buf before, after;
        struct bench b;

        (void) state;
        bench_init(&b);
        before = after = buf_in(&b.arena);
        root = bench_parse(&b, "a: '{{ app_name }}'\nb: [c, '{{ instance }}']\nd: {e: f}\n");
        put_node(&before, root);
        copy = substitute_definition(&b.arena, &b.diags, STR("shop"), root);
        put_node(&after, root);
        assert_string_equal(buf_str(&before).p, buf_str(&after).p);

        assert_ptr_not_equal(copy, root);
        assert_int_equal(node_get(copy, "a")->at.off, node_get(root, "a")->at.off);
        assert_ptr_equal(node_get(node_get(copy, "d"), "e"), node_get(node_get(root, "d"), "e"));
        bench_done(&b);
}

/* What goes into a container is shown nowhere, so neither is the line of an error in it. */
static void test_secret(void **state) {
        struct bench b;

        (void) state;
        bench_init(&b);
        (void) substitute_definition(&b.arena, &b.diags, STR("shop"), bench_parse(&b, "a: '{{ x y }}'\nenv: {B: 'hunter2{{'}\nservices: [{config: {C: 'hunter2{{'}}]\n"));
        assert_int_equal(b.diags.list.n, 3);
        assert_false(b.diags.list.at[0].is_secret);
        assert_true(b.diags.list.at[1].is_secret);
        assert_true(b.diags.list.at[2].is_secret);
        assert_null(strstr(bench_texts(&b), "hunter2"));
        bench_done(&b);
}

/* Variables that each double the one above, and hand on what is over the ceiling: said once, at the line that is too much. */
static void test_ceiling(void **state) {
        const char *yaml = "vars: {a0: 0123456789abcdef";
        struct node *root;
        struct bench b;

        (void) state;
        bench_init(&b);
        for (int i = 1; i < 40; i++)
                yaml = arena_printf(&b.arena, "%s, a%d: '{{ a%d }}{{ a%d }}'", yaml, i, i - 1, i - 1).p;
        root = substitute_definition(&b.arena, &b.diags, STR("shop"), bench_parse(&b, arena_printf(&b.arena, "%s}\nroot: '{{ a39 }}'\nc: '{{ app_dir }}'\n", yaml).p));
        assert_diags(&b, "bad-substitution‹'{{ a15 }}{{ a15 }}'›", "larger than 1 MiB");
        assert_true(node_get(root, "c")->is_refused);
        assert_true(b.arena.total < (size_t) 8 << 20);
        bench_done(&b);
}

struct next_row {
        const char *name, *text;
        const char *before, *inside, *rest;     /* of the first; inside NULL: there is none */
        size_t off;
        bool is_broken;
};

static const struct next_row next_rows[] = {
        { "next: none", "abc", "abc", NULL, "", 0, false },
        { "next: one", "ab{{ c }}d", "ab", "c", "d", 2, false },
        { "next: at the start", "{{ c }}", "", "c", "", 0, false },
        { "next: the first of two", "{{ a }}{{ b }}", "", "a", "{{ b }}", 0, false },
        { "next: with a filter", "x{{ a | urlencode }}", "x", "a | urlencode", "", 1, false },
        { "next: empty", "{{}}", "", "", "", 0, false },
        { "next: blanks", "{{  }}x", "", "", "x", 0, false },
        { "next: a quoted pair", "{{ '}}' }}x", "", "'}}'", "x", 0, false },
        { "next: broken", "ab{{ c", "ab", NULL, "", 2, true },
        { "next: broken by a quote", "{{ ' }}", "", NULL, "", 0, true },
        { "next: braces at the end", "ab{{", "ab", NULL, "", 2, true },
        { "next: three braces", "{{{ a }}", "", "{ a", "", 0, false },
};

static void test_next(void **state) {
        const struct next_row *row = *state;
        struct str text = str_of(row->text), rest = text;
        struct placeholder p;
        bool is_broken;

        assert_true(substitute_next(text, &rest, &p, &is_broken));
        assert_true(str_is(p.before, row->before));
        assert_int_equal(str_is_absent(p.inside), !row->inside);
        if (row->inside)
                assert_true(str_is(p.inside, row->inside));
        assert_true(str_is(rest, row->rest));
        assert_int_equal(p.off, row->off);
        assert_int_equal(is_broken, row->is_broken);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_substitute, substitute_rows);
        rows_add(&rows, test_next, next_rows);
        rows_add_one(&rows, test_unchanged);
        rows_add_one(&rows, test_secret);
        rows_add_one(&rows, test_ceiling);
        return rows_run(&rows, "substitute");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "output/tree.h"
#include "rows.h"

struct order_row {
        const char *name;
        const char *paths[4];           /* as added */
        const char *sorted[4];
};

static const struct order_row order_rows[] = {
        { "order: nothing", { NULL }, { NULL } },
        { "order: one", { "a" }, { "a" } },
        { "order: three", { "c", "a", "b" }, { "a", "b", "c" } },
        { "order: by byte, not by directory", { "a/b", "a.d/c", "a" }, { "a", "a.d/c", "a/b" } },
        { "order: bytes are unsigned", { "\xc3\xa9", "z", "Z" }, { "Z", "z", "\xc3\xa9" } },
};

static void test_order(void **state) {
        const struct order_row *row = *state;
        struct arena a = { 0 };
        struct tree t = { .arena = &a };
        size_t n = 0;

        for (; n < ARRAY_SIZE(row->paths) && row->paths[n]; n++)
                (void) tree_add(&t, str_of(row->paths[n]), 0644, str_of(row->paths[n]));
        tree_sort(&t);

        assert_int_equal(t.files.n, n);
        for (size_t i = 0; i < n; i++) {
                assert_true(str_is(t.files.at[i].path, row->sorted[i]));
                assert_ptr_equal(tree_find(&t, str_of(row->paths[i]))->text.p, tree_find(&t, str_of(row->paths[i]))->path.p);
        }
        assert_null(tree_find(&t, STR("missing")));
        assert_null(tree_find(&t, STR("")));
        arena_done(&a);
}

static void test_many(void **state) {
        struct arena a = { 0 };
        struct tree t = { .arena = &a };

        for (unsigned i = 0; i < 1000; i++)
                (void) tree_add(&t, arena_printf(&a, "f%u", i * 7919 % 1000), 0644, STR(""));
        tree_sort(&t);
        for (unsigned i = 0; i < 1000; i++)
                assert_non_null(tree_find(&t, arena_printf(&a, "f%u", i)));
        for (size_t i = 1; i < t.files.n; i++)
                assert_true(str_cmp(t.files.at[i - 1].path, t.files.at[i].path) < 0);
        arena_done(&a);
}

struct file {
        const char *path, *text, *link;
        mode_t mode;
};

struct hash_row {
        const char *name;
        struct file a[2], b[2];
        const char *prefix;
        bool are_equal;
};

static const struct hash_row hash_rows[] = {
        { "hash: the same", { { "a", "1", NULL, 0644 } }, { { "a", "1", NULL, 0644 } }, "", true },
        { "hash: another text", { { "a", "1", NULL, 0644 } }, { { "a", "2", NULL, 0644 } }, "", false },
        { "hash: another path", { { "a", "1", NULL, 0644 } }, { { "b", "1", NULL, 0644 } }, "", false },
        { "hash: another mode", { { "a", "1", NULL, 0644 } }, { { "a", "1", NULL, 0600 } }, "", false },
        { "hash: another link", { { "a", NULL, "x", 0 } }, { { "a", NULL, "y", 0 } }, "", false },
        { "hash: a text is no link", { { "a", NULL, "x", 0 } }, { { "a", "x", NULL, 0 } }, "", false },
        { "hash: fields do not run together", { { "a", "b", NULL, 0644 } }, { { "ab", "", NULL, 0644 } }, "", false },
        { "hash: one file more", { { "a", "", NULL, 0644 } }, { { "a", "", NULL, 0644 }, { "b", "", NULL, 0644 } }, "", false },
        { "hash: outside the prefix", { { "env/a", "1", NULL, 0644 }, { "x", "1", NULL, 0644 } },
          { { "env/a", "1", NULL, 0644 }, { "x", "2", NULL, 0644 } }, "env/", true },
        { "hash: inside the prefix", { { "env/a", "1", NULL, 0644 } }, { { "env/a", "2", NULL, 0644 } }, "env/", false },
        { "hash: the order of adding is nothing", { { "a", "1", NULL, 0644 }, { "b", "2", NULL, 0644 } },
          { { "b", "2", NULL, 0644 }, { "a", "1", NULL, 0644 } }, "", true },
};

static struct str hash_of(struct arena *a, const struct file *files, const char *prefix) {
        struct tree t = { .arena = a };

        for (size_t i = 0; i < 2 && files[i].path; i++)
                tree_add(&t, str_of(files[i].path), files[i].mode, str_of(files[i].text))->link = str_of(files[i].link);
        tree_sort(&t);
        return tree_hash(&t, str_of(prefix));
}

static void test_hash(void **state) {
        const struct hash_row *row = *state;
        struct arena a = { 0 };

        assert_int_equal(str_eq(hash_of(&a, row->a, row->prefix), hash_of(&a, row->b, row->prefix)), row->are_equal);
        arena_done(&a);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_order, order_rows);
        rows_add_one(&rows, test_many);
        rows_add(&rows, test_hash, hash_rows);
        return rows_run(&rows, "tree");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/vec.h"
#include "rows.h"

struct shape {
        const char *name;
        size_t size, align;
};

static const struct shape shapes[] = {
        { "alloc: nothing", 0, 1 },
        { "alloc: a byte", 1, 1 },
        { "alloc: a number", 8, 8 },
        { "alloc: an odd size", 13, 4 },
        { "alloc: the widest alignment", 48, alignof(max_align_t) },
        { "alloc: a large one", 100 * 1000, 8 },
        { "alloc: larger than a block", 3 * 1000 * 1000, alignof(max_align_t) },
};

/* Zeroed, aligned, and nobody else's. */
static void test_alloc(void **state) {
        const struct shape *shape = *state;
        struct arena a = { 0 };

        for (int i = 0; i < 20; i++) {
                unsigned char *p = arena_alloc(&a, shape->size, shape->align);
                unsigned char *odd = arena_alloc(&a, 1, 1);

                assert_non_null(p);
                assert_int_equal((uintptr_t) p % shape->align, 0);
                assert_int_equal(*odd, 0);
                for (size_t k = 0; k < shape->size; k++)
                        assert_int_equal(p[k], 0);
                memset(p, 0xaa, shape->size);
                *odd = 0xbb;
        }
        arena_done(&a);
        assert_null(a.blocks);
        assert_int_equal(a.total, 0);
}

static void test_use_after_done(void **state) {
        struct arena a = { 0 };

        (void) state;
        arena_done(&a);
        (void) arena_new(&a, int);
        arena_done(&a);
        assert_int_equal(*arena_new(&a, int), 0);
        arena_done(&a);
}

/* A large object must not waste what is left of the current block. */
static void test_large_beside_small(void **state) {
        struct arena a = { 0 };
        size_t before;

        (void) state;
        (void) arena_alloc(&a, 1, 1);
        (void) arena_alloc(&a, 1000 * 1000, 1);
        before = a.total;
        (void) arena_alloc(&a, 1, 1);
#ifndef DEBUG_ARENA
        assert_int_equal(a.total, before);
#else
        assert_int_equal(a.total, before + 1);
#endif
        arena_done(&a);
}

static void test_text(void **state) {
        struct arena a = { 0 };
        struct str s = arena_str(&a, (struct str) { "abc", 2 });

        (void) state;
        assert_string_equal(s.p, "ab");
        assert_int_equal(s.n, 2);
        s = arena_str(&a, (struct str) { NULL, 0 });
        assert_string_equal(s.p, "");
        s = arena_join(&a, STR("a"), (struct str) { NULL, 0 }, s, STR("bc"));
        assert_string_equal(s.p, "abc");
        assert_int_equal(s.n, 3);
        s = arena_printf(&a, "%s-%d", "x", 7);
        assert_string_equal(s.p, "x-7");
        assert_int_equal(s.n, 3);
        s = arena_printf(&a, "%5000d", 1);
        assert_int_equal(s.n, 5000);
        assert_int_equal(s.p[4999], '1');
        arena_done(&a);
}

static void test_vec(void **state) {
        struct arena a = { 0 };
        VEC(struct str) v = { 0 };
        size_t n = 0;

        (void) state;
        VEC_EACH(item, &v)
                fail();
        for (size_t i = 0; i < 1000; i++) {
                struct str *fresh = vec_push(&a, &v);

                assert_null(fresh->p);
                fresh->p = "x";
                fresh->n = i;
        }
        VEC_EACH(item, &v)
                assert_int_equal(item->n, n++);
        assert_int_equal(n, 1000);
        arena_done(&a);
}

static void test_buf(void **state) {
        struct arena a = { 0 };
        struct buf b = buf_in(&a);

        (void) state;
        assert_string_equal(buf_str(&b).p, "");
        buf_put(&b, "a");
        buf_put_char(&b, '\0');
        buf_put_str(&b, (struct str) { NULL, 0 });
        buf_put_u64(&b, 0);
        buf_put_u64(&b, UINT64_MAX);
        assert_true(str_eq(buf_str(&b), STR("a\0" "018446744073709551615")));
        for (int i = 0; i < 5000; i++)
                buf_put(&b, "xyz");
        assert_int_equal(buf_str(&b).n, 23 + 15000);
        assert_int_equal(buf_str(&b).p[23 + 15000], '\0');
        arena_done(&a);
}

static void wish_too_much(struct arena *a) {
        (void) arena_alloc(a, ARENA_MAX + 1, 1);
}

static void wish_a_product(struct arena *a) {
        (void) arena_alloc_array(a, SIZE_MAX / 2, 3, 1);
}

static void wish_a_sum(struct arena *a) {
        const struct str halves[] = { { "", SIZE_MAX / 2 + 1 }, { "", SIZE_MAX / 2 + 1 } };

        (void) arena_join_n(a, halves, 2);
}

static void wish_step_by_step(struct arena *a) {
        a->total = ARENA_MAX - 1000;
        (void) arena_alloc(a, 1024 * 1024, 1);
}

static void wish_for_a_file(struct arena *a) {
        a->subject = STR("/etc/shop.yaml");
        wish_too_much(a);
}

static void write_too_much(struct arena *a) {
        struct buf b = buf_in(a);

        buf_put_str(&b, (struct str) { "", BUF_MAX + 1 });
}

struct death {
        const char *name;
        void (*wish)(struct arena *a);
        const char *last_words;
};

static const struct death deaths[] = {
        { "exhausted: one wish", wish_too_much, "pyservice: out of memory\n" },
        { "exhausted: an array", wish_a_product, "pyservice: out of memory\n" },
        { "exhausted: a text", wish_a_sum, "pyservice: out of memory\n" },
        { "exhausted: in all", wish_step_by_step, "pyservice: out of memory\n" },
        { "exhausted: with a file", wish_for_a_file, "pyservice: out of memory on '/etc/shop.yaml'; make that file smaller, or split the application\n" },
        { "exhausted: a file", write_too_much, "pyservice: a generated file is larger than 16 MiB\n" },
};

static void test_death(void **state) {
        const struct death *death = *state;
        char words[200] = "";
        ssize_t n;
        int ends[2], status;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                struct arena a = { 0 };

                (void) dup2(ends[1], STDERR_FILENO);
                death->wish(&a);
                _exit(0);
        }

        (void) close(ends[1]);
        n = read(ends[0], words, sizeof(words) - 1);
        (void) close(ends[0]);
        assert_true(n > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EXIT_SYSTEM);
        assert_string_equal(words, death->last_words);
}

int main(void) {
        static struct rows rows;

        rows_add(&rows, test_alloc, shapes);
        rows_add_one(&rows, test_use_after_done);
        rows_add_one(&rows, test_large_beside_small);
        rows_add_one(&rows, test_text);
        rows_add_one(&rows, test_vec);
        rows_add_one(&rows, test_buf);
        rows_add(&rows, test_death, deaths);
        return rows_run(&rows, "arena");
}

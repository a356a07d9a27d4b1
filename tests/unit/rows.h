/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables as tests: each row is a test of its own, with the row's name, so that a failure tells which one it was.
 *
 * A row is a struct that begins with `const char *name`; the test function gets the row by `*state`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macro.h"

enum { ROWS_MAX = 1024 };

struct rows {
        struct CMUnitTest tests[ROWS_MAX];
        size_t n;
};

static inline void rows_add_n(struct rows *rows, CMUnitTestFunction function, char *first, size_t n, size_t size) {
        for (size_t i = 0; i < n; i++) {
                void *row = first + i * size;

                assert_true(rows->n < ROWS_MAX);
                rows->tests[rows->n++] = (struct CMUnitTest) {
                        .name = *(const char **) row, .test_func = function, .initial_state = row };
        }
}

/* All rows of a table. */
#define rows_add(rows, function, table) \
        rows_add_n((rows), (function), (char *) (uintptr_t) (table), ARRAY_SIZE(table), sizeof((table)[0]))

/* A test without a table. */
#define rows_add_one(rows, function) \
        ((rows)->tests[(rows)->n++] = (struct CMUnitTest) cmocka_unit_test(function))

static inline int rows_run(struct rows *rows, const char *group) {
        return _cmocka_run_group_tests(group, rows->tests, rows->n, NULL, NULL);
}

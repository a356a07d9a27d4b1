/* SPDX-License-Identifier: Apache-2.0 */

/* The helper that git calls. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "git/git.h"

struct shelf {
        struct arena arena;
        char path[32];
        int dir;
};

static int open_shelf(void **state) {
        struct shelf *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        (void) snprintf(s->path, sizeof(s->path), "/tmp/test-git-XXXXXX");
        assert_non_null(mkdtemp(s->path));
        s->dir = fs_open_dir(AT_FDCWD, s->path);
        *state = s;
        return 0;
}

static int close_shelf(void **state) {
        struct shelf *s = *state;

        close_fd(&s->dir);
        (void) fs_remove_tree(AT_FDCWD, s->path);
        arena_done(&s->arena);
        free(s);
        return 0;
}

/* The answer to git's question: the empty text if there is none. */
static struct str answer(struct shelf *s, const char *question) {
        int out = openat(s->dir, "answer", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), kept;
        struct str text;

        assert_int_equal(fflush(stdout), 0);
        kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        assert_int_not_equal(kept, -1);
        assert_int_not_equal(dup2(out, STDOUT_FILENO), -1);
        (void) git_help(&s->arena, 2, (char *[]) { NULL, (char *) (uintptr_t) question });
        assert_int_equal(fflush(stdout), 0);
        assert_int_not_equal(dup2(kept, STDOUT_FILENO), -1);
        close_fd(&kept);
        close_fd(&out);
        assert_int_equal(fs_read(&s->arena, s->dir, "answer", 100, &text), 0);
        return text;
}

/* A submodule's URL is the repository's choice, and git before 2.48.1 asks with the user's name of it as it
 * is, without "%": "https://git.example.com%2F@other.example/x". */
static void test_a_credential_is_for_its_own_server(void **state) {
        static const struct {
                const char *question, *wanted;
        } rows[] = {
                { "Username for 'https://git.example.com': ", "deploy\n" },
                { "Password for 'https://deploy@git.example.com': ", "word:1\n" },
                { "Password for 'https://deploy@git.example.com/team/shop.git': ", "word:1\n" },
                { "Password for 'https://other.example': ", "" },
                { "Password for 'https://git.example.com/@other.example': ", "" },
                { "Password for 'https://a@git.example.com/@other.example': ", "" },
                { "Password for 'https://git.example.com': @other.example': ", "" },
                { "Password for 'https://git.example.com'@other.example': ", "" },
                { "Password for 'http://git.example.com': ", "" },
                { "Password for 'https://git.example.com:8443': ", "" },
                { "Password for 'https://git.example.com", "" },
                { "Password for '", "" },
                { "Password", "" },
        };
        struct shelf *s = *state;

        assert_int_equal(fs_write(s->dir, "git", 0644, STR("deploy:word:1\n")), 0);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", s->path, 1), 0);
        assert_int_equal(setenv("PYSERVICE_BUILD_CREDENTIAL", "git", 1), 0);
        assert_int_equal(setenv("PYSERVICE_BUILD_REPO", "https://git.example.com/team/shop.git", 1), 0);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                assert_string_equal(answer(s, rows[i].question).p, rows[i].wanted);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_credential_is_for_its_own_server, open_shelf, close_shelf),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

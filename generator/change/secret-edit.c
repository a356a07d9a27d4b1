/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/fs.h"
#include "change/editor.h"
#include "ctl/interrupt.h"
#include "model/secret.h"
#include "systemd/credential.h"

/* --- an editor --- */

/* Editors end a text with a line feed that a password has not. */
static struct str without_added_line_end(struct str before, struct str after) {
        bool had_one = str_has_suffix(before, STR("\n")) || str_find(before, '\n') < before.n;

        return !had_one && after.n > 0 && str_find(after, '\n') == after.n - 1
                       ? (struct str){ after.p, after.n - 1 }
                       : after;
}

static int edit_in(struct ctl *c, struct str directory, struct str name, struct str *value) {
        struct str path = arena_join(&c->arena, directory, STR("/"), name), after;
        const char *editor = editor_find();
        int r;

        if (!editor) {
                (void) fputs("pyservicectl: no editor found; set EDITOR\n", stderr);
                return CTL_ERROR;
        }

        r = fs_write(AT_FDCWD, path.p, 0600, str_is_absent(*value) ? STR("") : *value);
        if (r < 0)
                return ctl_fail(path.p, r);

        r = editor_run(editor, path.p);
        if (r < 0)
                return ctl_fail(editor, r);
        if (r > 0) {
                (void) fputs("pyservicectl: the editor failed; nothing changed\n", stderr);
                return CTL_ERROR;
        }

        r = fs_read(&c->arena, AT_FDCWD, path.p, CREDENTIAL_MAX + 1, &after);
        if (r < 0)
                return ctl_fail(path.p, r);
        *value = without_added_line_end(*value, after);
        return 0;
}

int secret_edit_text(struct ctl *c, struct str name, struct str value, struct str *ret) {
        const char *runtime = c->is_user ? getenv("XDG_RUNTIME_DIR") : "/run";
        struct str directory = arena_join(&c->arena, str_of(runtime), STR("/pyservice-edit-XXXXXX"));
        struct statfs fs;
        sigset_t before;
        int r;

        if (statfs(runtime, &fs) < 0)
                return ctl_fail(runtime, -errno);
        if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC) {
                (void) fprintf(stderr,
                               "pyservicectl: '%s' is not in memory; a secret must not reach a disk\n",
                               runtime);
                return CTL_ERROR;
        }
        if (!mkdtemp((char *) directory.p))
                return ctl_fail(directory.p, -errno);

        (void) sigprocmask(SIG_SETMASK, NULL, &before);
        r = edit_in(c, directory, name, &value);
        (void) fs_remove_tree(AT_FDCWD, directory.p);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        if (r == 0)
                *ret = value;
        return r;
}

/* --- standard input --- */

static bool read_line(const char *prompt, struct str name, char *text, size_t room) {
        bool is_good;

        (void) fprintf(stderr, "%s '%.*s': ", prompt, STR_ARG(name));
        is_good = fgets(text, (int) room, stdin) != NULL;
        (void) fputc('\n', stderr);

        text[strcspn(text, "\n")] = '\0';
        return is_good;
}

/* The terminal as it was. */
static struct termios shown;

static void show_again(void) {
        (void) tcsetattr(STDIN_FILENO, TCSANOW, &shown);
}

static int ask_terminal(struct ctl *c, struct str name, struct str *ret) {
        char first[4096] = "", second[4096] = "";
        struct termios quiet;
        bool is_same;

        if (tcgetattr(STDIN_FILENO, &shown) < 0)
                return ctl_fail("cannot read the value", -errno);

        /* It is not shown while it is typed. */
        quiet = shown;
        quiet.c_lflag &= ~(tcflag_t) ECHO;
        interrupt_begin(show_again);
        (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
        is_same = read_line("Value of", name, first, sizeof(first)) &&
                  read_line("Once more", name, second, sizeof(second)) && strcmp(first, second) == 0;
        show_again();
        interrupt_end();

        *ret = arena_str(&c->arena, str_of(first));
        explicit_bzero(first, sizeof(first));
        explicit_bzero(second, sizeof(second));
        if (is_same)
                return 0;

        (void) fputs("pyservicectl: the two are not the same; nothing changed\n", stderr);
        return CTL_ERROR;
}

int secret_ask(struct ctl *c, struct str name, struct str *ret) {
        size_t n = 0;
        char *text;

        if (isatty(STDIN_FILENO))
                return ask_terminal(c, name, ret);

        text = arena_alloc(&c->arena, CREDENTIAL_MAX + 2, 1);
        n = fread(text, 1, CREDENTIAL_MAX + 1, stdin);
        if (ferror(stdin))
                return ctl_fail("cannot read the value", -EIO);

        *ret = (struct str){ text, n };
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl edit: a copy of the definition in an editor, checked before it takes its place. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "change/change-parts.h"
#include "change/editor.h"
#include "change/new.h"
#include "ctl/interrupt.h"
#include "ctl/session.h"
#include "terminal/ask.h"
#include "verbs/verbs.h"

struct editing {
        struct ctl *ctl;
        struct str app;
        struct str from;             /* the file that counts now, as seen from the root */
        struct str directory, draft; /* of the draft; seen from here */
        struct changing changing;    /* its one file: where the definition is to be */
        bool keeps_draft;
};

static int fail(const char *path, int r) {
        (void) ctl_fail(path, r);
        return r == -EACCES || r == -EPERM ? CTL_ERROR : EXIT_SYSTEM;
}

static struct changed_file *file_of(struct editing *e) {
        return &e->changing.files.at[0];
}

/* A package's file is not changed: the administrator's file of that name comes first. */
static int choose_file(struct editing *e, const struct definition *d) {
        struct session *s = &e->changing.before;
        struct arena *a = &e->ctl->arena;
        struct str own = s->world.places.definitions[0];
        bool is_own = str_has_prefix(d->path, arena_join(a, own, STR("/")));
        struct fs_file *file = arena_new(a, struct fs_file);
        int r = fs_read_file(a, s->world.root, d->path.p + 1, SOURCE_MAX, file);

        if (r < 0)
                return fail(d->path.p, r);

        e->from = d->path;
        *vec_push(a, &e->changing.files) = (struct changed_file){
                .app = e->app,
                .path = is_own ? d->path : arena_join(a, own, STR("/"), e->app, STR(".yaml")),
                .before = file->text,
                .mode = file->stat.st_mode & 0777,
                .as = is_own ? &file->stat : NULL,
        };
        *vec_push(a, &e->changing.changes->list) = (struct change){ .app = e->app };
        return 0;
}

/* The message with the draft's place, for the signal handler. */
static struct str farewell;

static void tell_draft(void) {
        (void) !write(STDERR_FILENO, farewell.p, farewell.n);
}

/* In memory if possible: it may contain passwords. */
static int make_draft(struct editing *e) {
        struct arena *a = &e->ctl->arena;
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        struct str place = geteuid() == 0                 ? STR("/run")
                           : runtime && runtime[0] == '/' ? str_of(runtime)
                                                          : STR("/tmp");
        int r;

        e->directory = arena_join(a, place, STR("/pyservice-edit-XXXXXX"));
        if (!mkdtemp((char *) e->directory.p))
                return ctl_fail(e->directory.p, -errno);

        e->draft = arena_join(a, e->directory, STR("/"), e->app, STR(".yaml"));
        farewell = arena_join(a, STR("\npyservicectl: "), e->app, STR(": interrupted; your text is in "),
                              e->draft, STR("\n"));
        interrupt_begin(tell_draft);
        r = fs_write(AT_FDCWD, e->draft.p, 0600, file_of(e)->before);
        return r < 0 ? ctl_fail(e->draft.p, r) : 0;
}

/* The draft is no longer needed, or its place was printed. */
static void leave_draft(struct editing *e) {
        if (str_is_absent(e->draft))
                return;

        if (!e->keeps_draft)
                (void) fs_remove_tree(AT_FDCWD, e->directory.p);
        interrupt_end();
        e->draft = (struct str){ NULL, 0 };
}

static int run_editor(struct editing *e) {
        const char *editor = editor_find();
        sigset_t before;
        int r;

        if (!editor) {
                (void) fputs("pyservicectl: no editor found; set EDITOR\n", stderr);
                return CTL_ERROR;
        }

        (void) sigprocmask(SIG_SETMASK, NULL, &before);
        r = editor_run(editor, e->draft.p);
        if (r == 0)
                r = fs_read(&e->ctl->arena, AT_FDCWD, e->draft.p, SOURCE_MAX, &file_of(e)->after);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                return ctl_fail(e->draft.p, r);
        if (r == 0)
                return 0;

        (void) fputs("pyservicectl: the editor failed; nothing changed\n", stderr);
        return CTL_ERROR;
}

static int keep_draft(struct editing *e, const char *why) {
        e->keeps_draft = true;
        (void) fprintf(stderr, "pyservicectl: %.*s: %s; your text is in %s\n", STR_ARG(e->app), why,
                       e->draft.p);
        return CTL_ERROR;
}

/* True: once more. */
static bool ask_again(struct editing *e) {
        struct str answer;

        while (ask_can() &&
               ask_line(&e->ctl->arena, "[e]dit again, [t]hrow the draft away, or [k]eep it? ", &answer)) {
                if (str_is(answer, "e") || str_is(answer, "t")) {
                        if (str_is(answer, "t"))
                                (void) fputs("Thrown away.\n", stderr);
                        return str_is(answer, "e");
                }
                if (str_is(answer, "k"))
                        break;
        }

        (void) keep_draft(e, "nothing changed");
        return false;
}

/* Returns 0 when there is something that checks. */
static int edit_until_good(struct editing *e) {
        for (;;) {
                int r = run_editor(e);

                if (r != 0)
                        return r;
                if (str_eq(file_of(e)->before, file_of(e)->after))
                        return 0;
                r = change_check(&e->changing);
                if (r != CTL_ERROR)
                        return r;
                if (!ask_again(e))
                        return CTL_ERROR;
        }
}

/* Where a link leads to is what is written, not the link. */
static int follow_link(struct editing *e) {
        struct changed_file *f = file_of(e);
        int root = e->changing.before.world.root;
        struct stat st;
        char *whole;

        if (fstatat(root, f->path.p + 1, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode))
                return 0;
        if (strcmp(e->ctl->root, "/") != 0)
                return keep_draft(e, "its file is a link, which is not followed below --root");

        whole = realpath(f->path.p, NULL);
        if (!whole)
                return ctl_fail(f->path.p, -errno);
        f->path = arena_str(&e->ctl->arena, str_of(whole));
        free(whole);
        return 0;
}

static int put_in_place(struct editing *e) {
        CLEANUP(close_fd) int locked = -1;
        struct changed_file *f = file_of(e);
        struct str now;
        int r = change_lock(e->ctl, &locked);

        if (r != 0)
                return r;
        r = fs_read(&e->ctl->arena, e->changing.before.world.root, e->from.p + 1, SOURCE_MAX, &now);
        if (r < 0 || !str_eq(now, f->before))
                return keep_draft(e, "another program changed the file in the meantime");

        if (!str_eq(f->path, e->from))
                f->before = (struct str){ NULL, 0 };
        r = follow_link(e);
        if (r == 0 && change_write(&e->changing) != 0)
                r = keep_draft(e, "nothing changed");
        if (r == 0)
                (void) printf("%.*s: %.*s written; it takes effect at the next reload\n", STR_ARG(e->app),
                              STR_ARG(f->path));
        return r;
}

static int edit(struct editing *e, const struct definition *d) {
        int r = choose_file(e, d);

        if (r == 0)
                r = make_draft(e);
        if (r == 0)
                r = edit_until_good(e);
        if (r != 0)
                return r;
        if (str_eq(file_of(e)->before, file_of(e)->after)) {
                (void) printf("%.*s: nothing changed\n", STR_ARG(e->app));
                return CTL_GOOD;
        }

        r = put_in_place(e);
        leave_draft(e);
        return r != 0 ? r : ctl_apply(e->ctl);
}

static int offer_new(struct ctl *c, const struct session *s, struct str app) {
        if (!ask_can() || !str_is_absent(session_find_mask(s, app)))
                return session_no_definition(c, s, app);

        (void) fprintf(stderr, "'%.*s' has no definition. ", STR_ARG(app));
        return ask_yes(&c->arena, "Write one? [y/N] ") ? ctl_new(c) : CTL_ERROR;
}

int ctl_edit(struct ctl *c) {
        struct changes changes = { 0 };
        struct editing e = { .ctl = c,
                             .changing = { .ctl = c, .changes = &changes, .before.world.root = -1 } };
        const struct definition *d;
        int r;

        if (c->argc != 1 || !type_accepts(KIND_NAME, str_of(c->argv[0])))
                return ctl_usage(c, "give the name of one application");

        e.app = str_of(c->argv[0]);
        r = session_open(c, &e.changing.before);
        if (r == 0) {
                d = session_find(&e.changing.before, e.app);
                r = d && !str_is_absent(d->path) ? edit(&e, d) : offer_new(c, &e.changing.before, e.app);
        }
        leave_draft(&e);
        session_close(&e.changing.before);
        return r;
}

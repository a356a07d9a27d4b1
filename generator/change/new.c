/* SPDX-License-Identifier: Apache-2.0 */
#include "change/new.h"

#include "base/fs.h"
#include "change/change-parts.h"

static int refuse(const struct definition *d) {
        (void) fprintf(stderr,
                       "pyservicectl: %.*s is defined by %.*s; 'pyservicectl edit %.*s' changes that\n",
                       STR_ARG(d->name.text), STR_ARG(d->path), STR_ARG(d->name.text));
        return CTL_ERROR;
}

static void tell_next(struct ctl *c, struct str app, struct str path) {
        const char *user = c->is_user ? " --user" : "";

        (void) printf("%.*s written. Next:\n", STR_ARG(path));
        (void) printf("  pyservicectl%s edit %.*s   check it and change it\n", user, STR_ARG(app));
        (void) printf("  pyservicectl%s plan %.*s   show what a reload would do\n", user, STR_ARG(app));
        (void) printf("  pyservicectl%s apply %.*s  run it\n", user, STR_ARG(app));
}

static int write_text(struct changing *ch, struct str app, struct str text, mode_t mode) {
        struct ctl *c = ch->ctl;
        struct str path =
                arena_join(&c->arena, ch->before.world.places.definitions[0], STR("/"), app, STR(".yaml"));
        CLEANUP(close_fd) int locked = -1;
        int r;

        *vec_push(&c->arena, &ch->changes->list) = (struct change){ .app = app };
        *vec_push(&c->arena, &ch->files) = (struct changed_file){
                .app = app, .path = path, .after = text, .mode = mode, .is_new = true
        };
        r = change_lock(c, &locked);
        if (r == 0)
                r = change_check(ch);
        if (r == 0)
                r = change_write(ch);
        if (r == 0)
                tell_next(c, app, path);
        return r;
}

int new_write(struct ctl *c, new_make make, mode_t mode) {
        struct changes changes = { 0 };
        struct changing ch = { .ctl = c, .changes = &changes, .before.world.root = -1 };
        const struct definition *d;
        struct str app, text;
        int r, written;

        if (c->argc != 1)
                return ctl_usage(c, "give the name of the new application");
        app = str_of(c->argv[0]);
        if (!type_accepts(KIND_NAME, app)) {
                return ctl_usage(c, "invalid application name '%s'; %s", c->argv[0],
                                 type_of(KIND_NAME)->rule);
        }

        r = session_open(c, &ch.before);
        d = r == 0 ? session_find(&ch.before, app) : NULL;
        if (d)
                r = refuse(d);
        if (r == 0 && !str_is_absent(session_find_mask(&ch.before, app)))
                r = session_no_definition(c, &ch.before, app);
        if (r == 0)
                r = make(c, app, &text);
        if (r == 0 || r == CTL_LOST) {
                written = write_text(&ch, app, text, mode);
                r = written == 0 ? r : written;
        }
        session_close(&ch.before);
        return r;
}

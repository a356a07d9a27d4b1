/* SPDX-License-Identifier: Apache-2.0 */
#include "change/new.h"

#include "base/fs.h"
#include "change/change-parts.h"
#include "ctl/convert.h"
#include "schema/type.h"
#include "terminal/ask.h"

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

static int answer(struct ctl *c, struct new_answers *ret) {
        const char *image = ctl_given(c, "image");
        bool has_machine = strcmp(c->root, "/") == 0;

        *ret = (struct new_answers){ .image = str_of(image) };
        if (image && !type_accepts(KIND_IMAGE_REF, ret->image)) {
                return ctl_usage(c, "invalid image '%s'; %s", image, type_of(KIND_IMAGE_REF)->rule);
        }
        if (image && has_machine)
                new_look(&c->arena, ret->image, ret);
        if (image)
                return 0;

        if (!ask_can()) {
                return ctl_usage(c, "standard input is not a terminal; give --image=IMAGE or --from=…");
        }
        return new_ask(&c->arena, ret) ? 0 : CTL_ERROR;
}

/* A new_make(). */
static int make(struct ctl *c, struct str app, struct str *ret) {
        struct new_answers answers;
        int r = answer(c, &answers);

        if (r == 0)
                *ret = new_text(&c->arena, app, &answers);
        return r;
}

int ctl_new(struct ctl *c) {
        bool is_converted = ctl_given(c, "from") != NULL;

        if (is_converted && ctl_given(c, "image"))
                return ctl_usage(c, "--from and --image exclude each other");
        return is_converted ? ctl_convert(c) : new_write(c, make, 0644);
}

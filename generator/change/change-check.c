/* SPDX-License-Identifier: Apache-2.0 */
#include "change/change-parts.h"
#include "ctl/session.h"
#include "preview/check.h"

static bool is_changed(const struct changing *ch, struct str app) {
        VEC_EACH(change, &ch->changes->list)
                if (str_eq(change->app, app))
                        return true;

        return false;
}

static struct str path_of(const struct session *s, struct span at) {
        return at.file == SPAN_NOWHERE ? (struct str){ NULL, 0 } : s->sources.list.at[at.file].path;
}

static bool is_old(const struct changing *ch, const struct session *after, const struct diag *d) {
        VEC_EACH(old, &ch->before.ds.list)
                if (old->id == d->id && str_eq(old->text, d->text) && str_eq(old->owner, d->owner) &&
                    str_eq(path_of(&ch->before, old->at), path_of(after, d->at)))
                        return true;

        return false;
}

/* Other applications may already have errors, but the change must not add any. Returns the number of apps
 * whose errors prevent the change, after printing these. */
static size_t report_errors(const struct changing *ch, struct session *after) {
        VEC(struct str) owners = { 0 };

        VEC_EACH(d, &after->ds.list) {
                bool is_told =
                        d->severity != SEVERITY_ERROR || (!is_changed(ch, d->owner) && is_old(ch, after, d));

                if (!is_told && !VEC_HAS(&owners, d->owner))
                        *vec_push(after->world.arena, &owners) = d->owner;
        }
        VEC_EACH(owner, &owners)
                session_tell(after, *owner);
        return owners.n;
}

/* Drop-ins with later names may override it. A map is merged with others of its key, key by key. */
static int check_counts(const struct changing *ch, struct session *after, const struct change *change) {
        const struct definition *d = session_find(after, change->app);
        const struct node *value = d ? key_find(d->root, &change->key) : NULL;
        const struct source *source;
        unsigned line, column;

        if (!change->value || !value || value->kind == NODE_MAP)
                return 0;
        source = &after->sources.list.at[value->at.file];
        if (str_eq(source->path, change->path))
                return 0;

        source_position(source, value->at.off, &line, &column);
        (void) fprintf(stderr,
                       "pyservicectl: %.*s: the change of '%.*s' would have no effect because of "
                       "%.*s:%u, which overrides it; change it there\n",
                       STR_ARG(change->app), STR_ARG(key_text(&ch->ctl->arena, &change->key)),
                       STR_ARG(source->path), line);
        return CTL_ERROR;
}

/* For example, a secret in a file that all users can read. */
static void tell_warnings(const struct changing *ch, struct session *after) {
        VEC_EACH(f, &ch->files)
                VEC_EACH(d, &after->ds.list)
                        if (d->severity == SEVERITY_WARNING && str_eq(path_of(after, d->at), f->path)) {
                                session_tell(after, d->owner);
                                return;
                        }
}

static int judge(struct changing *ch, struct session *after) {
        int r;

        /* Computed only now: usually there is nothing to compare with. */
        if (after->ds.n_errors > 0) {
                r = check_session(ch->ctl, &ch->before);
                if (r != 0)
                        return r;
        }
        if (report_errors(ch, after) > 0) {
                (void) fputs("pyservicectl: the result has errors; nothing changed\n", stderr);
                return CTL_ERROR;
        }

        VEC_EACH(change, &ch->changes->list) {
                r = check_counts(ch, after, change);
                if (r != 0)
                        return r;
        }
        tell_warnings(ch, after);
        return 0;
}

int change_check(struct changing *ch) {
        CLEANUP(session_close) struct session after = { .world.root = -1 };
        struct proposed *files = arena_array(&ch->ctl->arena, ch->files.n + 1, struct proposed);
        int r;

        for (size_t i = 0; i < ch->files.n; i++)
                files[i] = (struct proposed){ ch->files.at[i].path, ch->files.at[i].after,
                                              ch->files.at[i].mode };

        r = session_open_with(ch->ctl, files, ch->files.n, &after);
        if (r == 0)
                r = check_session(ch->ctl, &after);
        return r != 0 ? r : judge(ch, &after);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* `source:`: what excludes what. */

#include "app/place.h"
#include "app/source.h"
#include "check/check-parts.h"

static void check_image(struct world *w, const struct app *app) {
        if (node_get(app->node, "image"))
                (void) diag_add(w->ds, DIAG_IMAGE_AND_SOURCE, place_of_key(app, "image"),
                                "'image:' and 'source:' exclude each other: the image is built from "
                                "'source:'; remove one of the two");
        for (size_t i = 0; node_get(app->node, "services") && i < app->services.n; i++)
                if (node_get(place_of_part(app, "services", i), "image"))
                        (void) diag_add(w->ds, DIAG_IMAGE_AND_SOURCE,
                                        place_in_part(app, "services", i, "image"),
                                        "services run the image that is built from 'source:'; remove this, "
                                        "or make it a sidecar");
}

static struct span place_of(const struct app *app, const char *key) {
        const struct node *map = node_get(app->node, "source");

        for (size_t i = 0; i < map->n; i++)
                if (str_is(map->pairs[i].key->text, key))
                        return map->pairs[i].key->at;

        return map->at;
}

/* The repository's own Containerfile decides all of these. */
static void check_containerfile(struct world *w, const struct app *app) {
        static const char *const generated[] = { "requirements", "python",   "base",   "manager",
                                                 "conda_base",   "packages", "before", "after" };
        const struct node *map = node_get(app->node, "source");

        if (str_is_absent(app->source->containerfile.text))
                return;

        for (size_t i = 0; i < ARRAY_SIZE(generated); i++)
                if (node_get(map, generated[i]))
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_of(app, generated[i]),
                                        "'%s:' applies only to the generated Containerfile; remove it, or "
                                        "'containerfile:'",
                                        generated[i]);
}

static void refuse_mark(struct world *w, struct str text, struct span at) {
        if (mark_name_in(text))
                (void) diag_add(
                        w->ds, DIAG_INSTANCE_NOT_HERE, at,
                        "all instances share the built image; write {{ %s }} only in keys of services",
                        mark_name_in(text));
}

static void check_commands(struct world *w, const struct command *commands, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (commands[i].words.n == 0)
                        (void) diag_add(w->ds, DIAG_BAD_COMMAND, commands[i].at,
                                        "the command is empty; write one, or remove it");
                LIST_EACH(word, &commands[i].words)
                        refuse_mark(w, word->text, word->at);
        }
}

void check_source(struct world *w, struct app *app) {
        const struct repository *s = app->source;

        if (!s)
                return;

        check_image(w, app);
        check_containerfile(w, app);
        if (!str_is_absent(s->ssh_key.text) && !source_is_over_ssh(s))
                (void) diag_add(
                        w->ds, DIAG_MISPLACED_KEY, place_of(app, "ssh_key"),
                        "'ssh_key:' is for a repository over SSH; remove it, or write USER@HOST:PATH");
        refuse_mark(w, s->ssh_key.text, s->ssh_key.at);
        refuse_mark(w, s->conda_base.text, s->conda_base.at);
        if (!str_is_absent(s->credential.text) && !str_has_prefix(s->repo.text, STR("https://")))
                (void) diag_add(
                        w->ds, DIAG_MISPLACED_KEY, place_of(app, "credential"),
                        "'credential:' is for a repository over HTTPS; remove it, or write https://…");
        if (node_get(node_get(app->node, "source"), "conda_base") && s->manager.index != MANAGER_CONDA &&
            str_is_absent(s->containerfile.text))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_of(app, "conda_base"),
                                "'conda_base:' needs 'manager: conda'; remove it, or add that");
        check_commands(w, s->before.at, s->before.n);
        check_commands(w, s->after.at, s->after.n);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/check-parts.h"
#include "app/place.h"
#include "app/resolve.h"

/* Two schedulers would do everything twice. */
static void check_beat(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services)
                if (s->container.run_mode.at.len > 0 && s->container.run_mode.index == RUN_MODE_BEAT && s->scale.n > 1)
                        (void) diag_add(w->ds, DIAG_BEAT_SCALE, s->scale.at, "a service with 'run_mode: BEAT' runs once; set 'scale: 1', or leave it out");
}

/* Units that rollouts will have. */
static bool is_reserved(struct str name) {
        return str_is(name, "next") || str_is(name, "rollout");
}

static void check_names(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);
        bool is_short_form = !node_get(app->node, "services");

        for (size_t i = 0; i < all.list.n; i++) {
                struct name name = all.list.at[i].name;

                /* The short form's one part has the app's own name. */
                if (is_reserved(name.text) && (i > 0 || !is_short_form))
                        (void) diag_add(w->ds, DIAG_RESERVED_NAME, name.at, "'%.*s' is a name of pyservice's own; choose another", STR_ARG(name.text));

                for (size_t k = is_short_form; k < i; k++)
                        if (str_eq(all.list.at[k].name.text, name.text)) {
                                struct diag *d = diag_add(w->ds, DIAG_DUPLICATE_NAME, name.at, "'%.*s' is the name of two parts; rename one", STR_ARG(name.text));

                                diag_note(w->ds, d, all.list.at[k].name.at, "'%.*s' is first defined here", STR_ARG(name.text));
                        }
        }
}

/* A task's work is its command, its commands, or what the image does by itself. */
static void check_commands(struct world *w, struct app *app) {
        for (size_t i = 0; i < app->tasks.n; i++) {
                const struct node *part = place_of_part(app, "tasks", i);

                if (part && node_get(part, "command") && node_get(part, "commands"))
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_in_part(app, "tasks", i, "commands"),
                                        "a task has either 'command:' or 'commands:'; remove one");
                LIST_EACH(command, &app->tasks.at[i].commands)
                        if (command->words.n == 0)
                                (void) diag_add(w->ds, DIAG_BAD_COMMAND, command->at, "the command is empty; write one, or remove it");
        }
}

void check_app(struct world *w, struct app *app) {
        static void (*const checks[])(struct world *, struct app *) = {
                check_names, check_beat, check_commands, check_proxies, check_references, check_containers, check_objects, check_raw_keys,
        };

        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
                checks[i](w, app);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/place.h"
#include "app/resolve.h"
#include "check/check-parts.h"

static void check_beat(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services)
                if (container_is_single(&s->container) && s->scale.n > 1)
                        (void) diag_add(w->ds, DIAG_BEAT_SCALE, s->scale.at,
                                        "a service with 'run_mode: BEAT' must have one instance; set "
                                        "'scale: 1', or omit it");
}

bool is_reserved_name(struct str name) {
        return str_is(name, "next") || str_is(name, "rollout") || str_is(name, "health");
}

/* …-HASH-image.service is what pulls an image, …-HASH-build.service what builds one, …-HASH-setup.service
 * what makes the app's files, …-HASH-creds.service what decrypts them. */
static bool is_like_image(struct str unit) {
        static const size_t n = sizeof("01234567-image") - 1;
        struct str end = unit.n >= n ? str_from(unit, unit.n - n) : STR("");

        return (str_has_suffix(end, STR("-image")) || str_has_suffix(end, STR("-build")) ||
                str_has_suffix(end, STR("-setup")) || str_has_suffix(end, STR("-creds"))) &&
               str_is_made_of((struct str){ end.p, 8 }, "0123456789abcdef");
}

/* By name; elements of one array, so their addresses are their order. */
static int compare_refs(const void *left, const void *right) {
        const struct container_ref *a = *(const struct container_ref *const *) left,
                                   *b = *(const struct container_ref *const *) right;
        int r = str_cmp(a->name.text, b->name.text);

        return r != 0 ? r : a < b ? -1 : a > b;
}

static void check_duplicates(struct world *w, const struct container_ref *refs, size_t n) {
        const struct container_ref **order = arena_array(w->arena, n, const struct container_ref *),
                                   *first = NULL;

        for (size_t i = 0; i < n; i++)
                order[i] = &refs[i];
        if (n > 1)
                qsort(order, n, sizeof(*order), compare_refs);

        for (size_t i = 0; i < n; i++) {
                struct name name = order[i]->name;
                struct diag *d;

                if (!first || !str_eq(first->name.text, name.text)) {
                        first = order[i];
                        continue;
                }

                d = diag_add(w->ds, DIAG_DUPLICATE_NAME, name.at,
                             "'%.*s' is the name of two parts; rename one", STR_ARG(name.text));
                diag_note(w->ds, d, first->name.at, "'%.*s' is first defined here", STR_ARG(name.text));
        }
}

static void check_names(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);
        bool is_short_form = !node_get(app->node, "services");

        for (size_t i = 0; i < all.list.n; i++) {
                struct name name = all.list.at[i].name;

                /* The short form's one part has the app's own name. */
                if ((is_reserved_name(name.text) && (i > 0 || !is_short_form)) ||
                    is_like_image(all.list.at[i].container->unit.text))
                        (void) diag_add(w->ds, DIAG_RESERVED_NAME, name.at,
                                        "the name '%.*s' is reserved; choose another", STR_ARG(name.text));
        }

        /* The short form's one part has no name of its own, which another could have too. */
        check_duplicates(w, all.list.at + is_short_form, all.list.n - is_short_form);
}

/* A task's work is its command, its commands, or what the image does by itself. */
static void check_commands_of(struct world *w, struct app *app, const char *list, size_t i,
                              const struct task *t) {
        const struct node *part = place_of_part(app, list, i);

        if (part && node_get(part, "command") && node_get(part, "commands"))
                (void) diag_add(w->ds, DIAG_MISPLACED_KEY, place_in_part(app, list, i, "commands"),
                                "'command:' and 'commands:' exclude each other; remove one");
        LIST_EACH(command, &t->commands)
                if (command->words.n == 0)
                        (void) diag_add(w->ds, DIAG_BAD_COMMAND, command->at,
                                        "the command is empty; write one, or remove it");
}

static void check_commands(struct world *w, struct app *app) {
        for (size_t i = 0; i < app->tasks.n; i++)
                check_commands_of(w, app, "tasks", i, &app->tasks.at[i]);
        for (size_t i = 0; i < app->timers.n; i++)
                check_commands_of(w, app, "timers", i, &app->timers.at[i].task);
}

/* `spare: false` is a deliberate choice. */
static void check_spares(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services) {
                struct span at;
                enum spare spare = s->scale.n == 1 ? service_spare(app, s, &at) : SPARE_RUNS;

                if (spare == SPARE_HAS_NO_PORT)
                        (void) diag_add(w->ds, DIAG_NO_SPARE, at,
                                        "'%.*s' has no spare, because two instances cannot have this port: "
                                        "requests fail while it restarts; leave out the machine's port, or "
                                        "write 'rollout: {spare: false}'",
                                        STR_ARG(s->name.text));
                else if (spare == SPARE_IS_ALONE)
                        (void) diag_add(w->ds, DIAG_NO_SPARE, at,
                                        "'%.*s' has no spare, because this part shares its network and would "
                                        "not be in the spare's: requests fail while both restart; write "
                                        "'rollout: {spare: false}'",
                                        STR_ARG(s->name.text));
                else if (spare == SPARE_WOULD_WRITE)
                        (void) diag_add(w->ds, DIAG_NO_SPARE, at,
                                        "'%.*s' has no spare, because two instances would write this at the "
                                        "same time: requests fail while it restarts; write "
                                        "'rollout: {spare: true}' if they may, "
                                        "else 'rollout: {spare: false}'",
                                        STR_ARG(s->name.text));
        }
}

void check_app(struct world *w, struct app *app) {
        static void (*const checks[])(struct world *, struct app *) = {
                check_names,           check_beat,    check_commands,   check_processes,
                check_spares,          check_proxies, check_references, check_containers,
                check_health,          check_timers,  check_trusted,    check_source,
                check_objects,         check_home,    check_settings,   check_raw_keys,
                check_shared_networks,
        };

        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
                checks[i](w, app);
}

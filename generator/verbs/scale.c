/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl scale: how many instances, for this boot or for good. */

#include "change/change.h"
#include "ctl/session.h"
#include "ctl/target.h"
#include "terminal/table.h"
#include "verbs/apply.h"
#include "verbs/verbs.h"

static struct { bool is_runtime; } options;

const struct option_row scale_options[] = {
        { "runtime", NULL, "Change it only until the next boot", .flag = &options.is_runtime },
        { 0 },
};

static int refuse(const struct ctl *c, const char *word, const char *what) {
        return ctl_usage(c, "'%s': %s", word, what);
}

/* "web", "web or worker" */
static struct str list_services(struct arena *a, const struct node *services) {
        struct str text = { NULL, 0 };

        for (size_t i = 0; i < services->n; i++) {
                const struct node *name = node_get(services->items[i], "name");

                if (name)
                        text = str_is_absent(text)
                                       ? name->text
                                       : arena_join(a, text, i + 1 < services->n ? STR(", ") : STR(" or "),
                                                    name->text);
        }
        return str_is_absent(text) ? STR("") : text;
}

/* A single service needs no name; with several services, the command line must name one. */
static int choose_key(struct ctl *c, const struct definition *d, const struct target *target,
                      struct key_path *ret) {
        const struct node *services = d->root ? node_get(d->root, "services") : NULL, *name = NULL;
        struct str part = target->part;

        if (!services || services->kind != NODE_LIST) {
                if (!str_is_absent(part) && !str_eq(part, target->app)) {
                        (void) fprintf(stderr,
                                       "pyservicectl: %.*s: it has no service '%.*s', because it "
                                       "has only one; give %.*s=N\n",
                                       STR_ARG(target->app), STR_ARG(part), STR_ARG(target->app));
                        return CTL_ERROR;
                }
                *ret = (struct key_path){ .words = { STR("scale") }, .n = 1 };
                return 0;
        }

        if (str_is_absent(part) && services->n == 1)
                name = node_get(services->items[0], "name");
        for (size_t i = 0; i < services->n && !str_is_absent(part); i++) {
                const struct node *own = node_get(services->items[i], "name");

                if (own && str_eq(own->text, part))
                        name = own;
        }
        if (!name) {
                (void) fprintf(
                        stderr, "pyservicectl: %.*s: %s%.*s%s; its services are %.*s\n", STR_ARG(target->app),
                        str_is_absent(part) ? "name a service, as in " : "unknown service '",
                        STR_ARG(str_is_absent(part) ? arena_join(&c->arena, target->app, STR("/SERVICE=N"))
                                                    : part),
                        str_is_absent(part) ? "" : "'", STR_ARG(list_services(&c->arena, services)));
                return CTL_ERROR;
        }

        *ret = (struct key_path){ .words = { STR("services"), name->text, STR("scale") }, .n = 3 };
        return 0;
}

static int parse(struct ctl *c, struct session *s, const char *word, struct change *ret) {
        struct str text = str_of(word), number;
        size_t at = str_find(text, '=');
        struct target target;
        struct definition *d;
        uint64_t n;
        int r;

        if (at == text.n)
                return refuse(c, word, "give the number, as in APP=4 or APP/SERVICE=4");
        number = str_from(text, at + 1);
        if (!str_to_u64(number, INSTANCES_MAX, &n))
                return refuse(c, word, "invalid number of instances; expected 0 to 10000");

        r = target_parse(c, arena_str(&c->arena, (struct str){ text.p, at }).p, &target);
        if (r != 0)
                return r;
        if (!str_is_absent(target.instance))
                return refuse(c, word, "an instance has no scale; give APP=N or APP/SERVICE=N");

        d = session_find(s, target.app);
        if (!d)
                return session_no_definition(c, s, target.app);
        ret->app = target.app;
        ret->value = arena_new(&c->arena, struct node);
        *ret->value = (struct node){ .kind = NODE_SCALAR, .plain = true, .text = number, .at = NOWHERE };
        return choose_key(c, d, &target, &ret->key);
}

static int parse_all(struct ctl *c, struct changes *ret) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        int r = session_open(c, &s);

        for (int i = 0; r == 0 && i < c->argc; i++)
                r = parse(c, &s, c->argv[i], vec_push(&c->arena, &ret->list));
        return r;
}

static int tell(struct ctl *c, const struct changes *changes) {
        static const struct table_column columns[] = {
                { "APP", "app", 0 },
                { "SERVICE", "service", 0 },
                { "SCALE", "scale", TABLE_RIGHT | TABLE_NUMBER },
                { "FILE", "file", 0 },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r = table_new(c, "scales", columns, ARRAY_SIZE(columns), &t);

        VEC_EACH(change, &changes->list)
                if (r == 0)
                        r = table_add(t, (const struct str[]){ change->app,
                                                               change->key.n > 1 ? change->key.words[1]
                                                                                 : change->app,
                                                               change->value->text, change->path });
        return r < 0 ? ctl_fail("cannot print", r) : table_print(c, t);
}

int ctl_scale(struct ctl *c) {
        struct changes changes = { .is_runtime = options.is_runtime };
        int r;

        if (c->argc == 0)
                return ctl_usage(c, "give APP=N or APP/SERVICE=N");

        r = parse_all(c, &changes);
        if (r == 0)
                r = changes_make(c, &changes);
        if (r == 0)
                r = tell(c, &changes);
        return r != 0 ? r : apply_changes(c, &changes);
}

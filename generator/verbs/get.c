/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl get: a value of a definition as it counts. */

#include "app/rows.h"
#include "base/json.h"
#include "change/key.h"
#include "change/node-text.h"
#include "ctl/session.h"
#include "model/effective.h"
#include "verbs/verbs.h"

static void tell_unset(const struct app *app, const struct key_path *key, const char *text) {
        size_t offset = 0;

        (void) fprintf(stderr, "pyservicectl: %.*s: '%s' is not set; ", STR_ARG(app->name.text), text);
        if (key->n > 0 && app->services.n > 0 && node_get(app->node, "services") &&
            schema_find(&service_schema, key->words[0], &offset))
                (void) fprintf(stderr, "each service has its own: services.%.*s.%s\n",
                               STR_ARG(app->services.at[0].name.text), text);
        else
                (void) fprintf(stderr, "'pyservicectl get %.*s' shows all values\n", STR_ARG(app->name.text));
}

static int find(struct ctl *c, struct session *s, struct app *app, const struct node **ret) {
        const struct node *root = effective_of(s, app);
        struct key_path key;
        int r;

        *ret = root;
        if (c->argc < 2)
                return 0;

        r = key_parse(c, c->argv[1], &key);
        if (r != 0)
                return r;

        *ret = key_find(root, &key);
        if (*ret)
                return 0;

        tell_unset(app, &key, c->argv[1]);
        return CTL_ERROR;
}

static int show(struct ctl *c, const struct node *value) {
        struct buf text = buf_in(&c->arena);
        struct json_writer e = { .out = &text };

        if (!c->is_json)
                node_put_bare(&text, value);
        else {
                node_put_json(&e, NULL, value);
                buf_put_char(&text, '\n');
        }
        return ctl_write(stdout, buf_str(&text));
}

int ctl_get(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        const struct node *value;
        struct app *app;
        int r;

        if (c->argc < 1 || c->argc > 2)
                return ctl_usage(
                        c,
                        "give the name of an application, and optionally a key such as services.web.scale");

        r = session_open_app(c, &s, str_of(c->argv[0]), &app);
        if (r == 0)
                r = find(c, &s, app, &value);
        return r != 0 ? r : show(c, value);
}

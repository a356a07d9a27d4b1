/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl set: a value of a definition, in a drop-in of the tool's own. */

#include "change/change.h"
#include "ctl/session.h"
#include "model/secret.h"
#include "terminal/table.h"
#include "verbs/apply.h"
#include "verbs/verbs.h"

static struct { bool is_runtime; } options;

const struct option_row set_options[] = {
        { "runtime", NULL, "Change it only until the next boot", .flag = &options.is_runtime },
        { 0 },
};

/* As the user typed it, for messages. */
static const char value_name[] = "VALUE";

static struct node *empty_text(struct arena *a) {
        struct node *node = arena_new(a, struct node);

        *node = (struct node){ .kind = NODE_SCALAR, .text = STR(""), .at = NOWHERE };
        return node;
}

/* True if the whole text is that value. YAML joins a value that spans lines, and takes text behind " #" for a
 * comment. */
static bool is_whole(const struct key_path *key, const struct node *node, struct str text) {
        struct str trimmed = str_trim(text);

        if (node->kind != NODE_SCALAR)
                return true;
        if (node->plain)
                return str_eq(node->text, key->is_text ? text : trimmed);

        return (trimmed.p[0] != '"' && trimmed.p[0] != '\'') ||
               text.p + node->at.off + node->at.len == trimmed.p + trimmed.n;
}

/* Returns 0 or an exit status. */
static int take(const struct key_path *key, const char *text, struct node *value) {
        if (is_whole(key, value, str_of(text))) {
                /* VERSION=010 does not mean a number. */
                value->plain = value->plain && !(key->is_text && type_is_ambiguous(value->text));
                return 0;
        }

        /* A text without quotes is taken unchanged. */
        if (value->plain && key->is_text) {
                value->text = str_of(text);
                value->plain = false;
                return 0;
        }

        (void) fprintf(stderr,
                       "pyservicectl set: YAML would read only '%.*s' of this value; quote the text for "
                       "YAML: '\"…\"'\n",
                       STR_ARG(value->text));
        return CTL_ERROR;
}

/* Returns 0 or an exit status; *ret is NULL for "null". */
static int parse_value(struct ctl *c, const struct key_path *key, const char *text, struct node **ret) {
        struct session s = { .world = { .arena = &c->arena } };

        /* An empty word of a shell is an empty text, not nothing. */
        if (text[0] == '\0') {
                *ret = empty_text(&c->arena);
                return 0;
        }
        if (strcmp(text, "null") == 0) {
                *ret = NULL;
                return 0;
        }

        s.ds = (struct diags){ .arena = &c->arena, .sources = &s.sources };
        yaml_parse(&c->arena, &s.ds, source_add(&c->arena, &s.sources, str_of(value_name), str_of(text)),
                   ret);
        if (s.ds.n_errors > 0) {
                session_tell(&s, (struct str){ NULL, 0 });
                (void) fputs("pyservicectl set: the value is not valid YAML; a text may need quotes of "
                             "YAML's own: '\"…\"'\n",
                             stderr);
                return CTL_ERROR;
        }
        if (*ret)
                return take(key, text, *ret);

        (void) fprintf(stderr, "pyservicectl set: '%s' is an empty value in YAML; write '\"%s\"'\n", text,
                       text);
        return CTL_ERROR;
}

/* The drop-in has it in clear, and the shell's history too. */
static void tell_secret(const struct change *change, struct str key) {
        const struct key_path *path = &change->key;

        if (path->n > 1 && str_is(path->words[path->n - 2], "env") && change->value &&
            change->value->kind == NODE_SCALAR && secret_is_likely(path->words[path->n - 1]))
                (void) fprintf(
                        stderr,
                        "pyservicectl set: %.*s looks like a secret, and is not encrypted here; store it "
                        "with 'pyservicectl secret set %.*s NAME', and set {secret: NAME}\n",
                        STR_ARG(key), STR_ARG(change->app));
}

static int tell(struct ctl *c, const struct change *change) {
        static const struct table_column columns[] = { { "APP", "app", 0 },
                                                       { "KEY", "key", 0 },
                                                       { "FILE", "file", 0 } };
        CLEANUP(table_free) struct table *t = NULL;
        struct str key = key_text(&c->arena, &change->key);
        int r;

        if (!c->is_json && change->value)
                (void) printf("%.*s: %.*s is set%s, in %.*s\n", STR_ARG(change->app), STR_ARG(key),
                              options.is_runtime ? " until the next boot" : "", STR_ARG(change->path));
        else if (!c->is_json)
                (void) printf("%.*s: %.*s is reset\n", STR_ARG(change->app), STR_ARG(key));
        tell_secret(change, key);
        if (!c->is_json)
                return CTL_GOOD;

        r = table_new(c, "changes", columns, ARRAY_SIZE(columns), &t);
        if (r == 0)
                r = table_add(t, (const struct str[]){ change->app, key, change->path });
        return r < 0 ? ctl_fail("cannot print", r) : table_print(c, t);
}

int ctl_set(struct ctl *c) {
        struct changes changes = { .is_runtime = options.is_runtime };
        struct change *change = vec_push(&c->arena, &changes.list);
        int r;

        if (c->argc != 3)
                return ctl_usage(c, "give the name of an application, a key such as services.web.scale, and "
                                    "a value ('null' resets it)");

        change->app = str_of(c->argv[0]);
        r = key_parse(c, c->argv[1], &change->key);
        if (r == 0)
                r = parse_value(c, &change->key, c->argv[2], &change->value);
        if (r == 0)
                r = changes_make(c, &changes);
        if (r == 0)
                r = tell(c, change);
        return r != 0 ? r : apply_changes(c, &changes);
}

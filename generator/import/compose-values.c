/* SPDX-License-Identifier: Apache-2.0 */

/* Keys of a Compose service that are about its process. */

#include "import/compose.h"
#include "model/secret.h"

static void put(struct compose *c, struct draft_part *p, const char *key, struct str text) {
        if (!str_is_absent(text))
                (void) yaml_text_put_text(c->draft.arena, p->map, str_of(key), text);
}

static struct yaml_text *list(struct compose *c, struct draft_part *p, const char *key) {
        return yaml_text_put(c->draft.arena, p->map, str_of(key), YAML_TEXT_LIST);
}

static void put_label(struct compose *c, struct draft_part *p, struct str key, const struct node *value) {
        struct str text = value ? compose_text(c, value) : STR("");
        struct yaml_text *labels = yaml_text_put(c->draft.arena, p->map, STR("labels"), YAML_TEXT_MAP);

        (void) yaml_text_put_text(c->draft.arena, labels, key, str_is_absent(text) ? STR("") : text);
}

/* Without `put`, as labels. */
void compose_pairs(struct compose *c, struct draft_part *p, const struct node *n, compose_pair one) {
        if (!one)
                one = put_label;
        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
                one(c, p, n->pairs[i].key->text, node_is_null(n->pairs[i].value) ? NULL : n->pairs[i].value);

        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = n->items[i]->text, key = { text.p, str_find(text, '=') };
                struct node *value = arena_new(c->draft.arena, struct node);

                *value = *n->items[i];
                value->plain = false;
                if (key.n < text.n)
                        value->text = arena_str(c->draft.arena, str_from(text, key.n + 1));
                one(c, p, arena_str(c->draft.arena, key), key.n < text.n ? value : NULL);
        }
}

static bool is_of_host(struct str key) {
        return str_find_str(key, STR("HOST")) < key.n || str_find_str(key, STR("SERVER")) < key.n ||
               str_find_str(key, STR("ADDR")) < key.n;
}

/* Names of secrets have no '_' here, and so have their files. */
static struct str rename_secret_file(struct compose *c, struct draft_part *p, struct str text,
                                     const struct node *at) {
        const struct str directory = STR("/run/secrets/");
        struct draft *d = &c->draft;
        struct str name, fresh;

        if (!str_has_prefix(text, directory))
                return text;
        name = str_from(text, directory.n);
        fresh = import_name(d->arena, name);
        if (str_eq(name, fresh))
                return text;

        draft_note(d, p->map, at->at, "the secret '%.*s' is '%.*s' here", STR_ARG(name), STR_ARG(fresh));
        return arena_join(d->arena, directory, fresh);
}

static void put_variable(struct compose *c, struct draft_part *p, struct str key, const struct node *value) {
        struct draft *d = &c->draft;
        struct yaml_text *env = yaml_text_put(d->arena, p->map, STR("env"), YAML_TEXT_MAP);
        struct str name = key, text;
        const struct compose_variable *known;
        bool is_variable = !value || compose_is_variable(c, value->text, &name);

        known = is_variable ? compose_variable(c, name) : NULL;
        if (is_variable && (secret_is_likely(name) || secret_is_likely(key) || (known && known->is_secret))) {
                struct str secret = draft_secret(d, name);

                draft_put_secret(d, env, key, secret);
                draft_note(d, yaml_text_find(env, key), value ? value->at : p->at,
                           "the value of '%.*s' looks like a secret: store it with 'pyservicectl "
                           "secret set %.*s %.*s'",
                           STR_ARG(name), STR_ARG(d->name), STR_ARG(secret));
                return;
        }
        if (!value && known) {
                (void) yaml_text_put_text(d->arena, env, key, compose_known(c, known, p->at));
                return;
        }
        if (!value) {
                draft_lost(d, p->map, p->at,
                           "the value of '%.*s' could not be carried over: Compose takes it from its own "
                           "environment; write its value",
                           STR_ARG(key));
                text = STR("CHANGE-ME");
                if (type_accepts(KIND_VAR_NAME, key)) {
                        (void) draft_var(d, key, text);
                        text = arena_join(d->arena, STR("{{ "), key, STR(" }}"));
                }
                (void) yaml_text_put_text(d->arena, env, key, text);
                return;
        }

        text = compose_text(c, value);
        if (str_is_absent(text)) {
                compose_drop(c, p, key.p, value);
                return;
        }
        text = rename_secret_file(c, p, compose_hosts(c, p, text, is_of_host(key), value), value);
        (void) yaml_text_put_text(d->arena, env, key, text);
}

void compose_put_environment(struct compose *c, struct draft_part *p, const struct node *n) {
        compose_pairs(c, p, n, put_variable);
}

static void put_env_file(struct compose *c, struct draft_part *p, const struct node *n) {
        const struct node *path = n->kind == NODE_MAP ? node_get(n, "path") : n,
                          *required = node_get(n, "required");
        struct str text = path ? compose_text(c, path) : (struct str){ NULL, 0 };

        if (str_is_absent(text))
                return;
        text = compose_path(c, p, text, n);
        if (str_is_absent(text))
                return;
        if (required && !node_is_true(required))
                text = arena_join(c->draft.arena, STR("-"), text);
        (void) yaml_text_add_text(c->draft.arena, list(c, p, "env_files"), text);
}

void compose_put_env_file(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
                put_env_file(c, p, n->items[i]);
        if (n->kind != NODE_LIST)
                put_env_file(c, p, n);
}

void compose_put_depends_on(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; i < n->n && n->kind != NODE_SCALAR; i++) {
                struct str name = n->kind == NODE_MAP ? n->pairs[i].key->text : n->items[i]->text;
                const struct node *options = n->kind == NODE_MAP ? n->pairs[i].value : NULL;
                const struct node *required = options ? node_get(options, "required") : NULL;

                if (compose_kind(c, name) == PART_TASK)
                        (void) yaml_text_put_text(
                                c->draft.arena,
                                yaml_text_add(c->draft.arena, list(c, p, "requires"), YAML_TEXT_MAP),
                                compose_name(c, name), STR("done"));
                else
                        (void) yaml_text_add_text(
                                c->draft.arena,
                                list(c, p, required && !node_is_true(required) ? "after" : "requires"),
                                compose_name(c, name));
        }
}

static struct str health_command(struct compose *c, const struct node *test) {
        struct str words[64], text = compose_text(c, test), first;
        size_t n = 0;

        if (!str_is_absent(text) || test->kind != NODE_LIST || test->n == 0)
                return text;

        first = node_text(test->items[0]);
        if (str_is(first, "CMD-SHELL") && test->n > 1)
                return compose_text(c, test->items[1]);
        for (size_t i = 1; str_is(first, "CMD") && i < test->n && n < ARRAY_SIZE(words); i++) {
                words[n] = compose_text(c, test->items[i]);
                n += !str_is_absent(words[n]);
        }
        return n > 0 ? import_quote(c->draft.arena, words, n) : (struct str){ NULL, 0 };
}

void compose_put_healthcheck(struct compose *c, struct draft_part *p, const struct node *n) {
        static const char *const texts[] = { "interval", "timeout", "start_period" };
        const struct node *test = node_get(n, "test"), *disable = node_get(n, "disable"),
                          *retries = node_get(n, "retries");
        struct yaml_text *health;
        struct str command;

        if (node_is_true(disable) || p->kind == PART_TASK)
                return;
        command = test ? health_command(c, test) : (struct str){ NULL, 0 };
        if (str_is_absent(command)) {
                if (!test)
                        draft_lost(&c->draft, p->map, n->at,
                                   "the health check of the image itself could not be carried over; write it "
                                   "here");
                return;
        }

        health = yaml_text_put(c->draft.arena, p->map, STR("health"), YAML_TEXT_MAP);
        (void) yaml_text_put_text(c->draft.arena, health, STR("command"), str_trim(command));
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                const struct node *value = node_get(n, texts[i]);

                if (value && !str_is_absent(node_text(value)))
                        (void) yaml_text_put_text(c->draft.arena, health, str_of(texts[i]),
                                                  compose_text(c, value));
        }
        if (retries && str_is_made_of(retries->text, "0123456789"))
                (void) yaml_text_put_plain(c->draft.arena, health, STR("retries"), retries->text);
        if (node_get(n, "start_interval"))
                compose_drop(c, p, "start_interval", node_get(n, "start_interval"));
}

void compose_put_limit(struct compose *c, struct draft_part *p, const char *key, const struct node *n) {
        struct str text = compose_text(c, n);
        struct yaml_text *resources;

        if (str_is_absent(text) || str_is(text, "0") || str_is(text, "-1"))
                return;
        if (strcmp(key, "memory") == 0)
                text = compose_size(c, text);
        resources = yaml_text_put(c->draft.arena, p->map, STR("resources"), YAML_TEXT_MAP);
        import_put_scalar(c->draft.arena, resources, str_of(key), text);
}

/* unless-stopped: `pyservicectl stop` is for that. */
void compose_put_restart(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = compose_text(c, n);

        if (p->kind == PART_TASK)
                return;
        if (str_has_prefix(text, STR("on-failure")))
                put(c, p, "restart", STR("on-failure"));
        else if (str_is(text, "no") || str_is(text, "none"))
                put(c, p, "restart", STR("no"));
        else if (!str_is(text, "always") && !str_is(text, "unless-stopped") && !str_is(text, "any"))
                compose_drop(c, p, "restart", n);
}

static void put_limits(struct compose *c, struct draft_part *p, const struct node *n) {
        const struct node *limits = node_get(n, "limits"), *reservations = node_get(n, "reservations");

        for (size_t i = 0; limits && limits->kind == NODE_MAP && i < limits->n; i++)
                compose_put_limit(c, p, limits->pairs[i].key->text.p, limits->pairs[i].value);
        if (reservations)
                compose_drop(c, p, "deploy: resources: reservations", reservations);
}

void compose_put_deploy(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
                const struct node *value = n->pairs[i].value;
                struct str key = n->pairs[i].key->text;

                if (str_is(key, "replicas") && str_is_made_of(node_text(value), "0123456789"))
                        (void) yaml_text_put_plain(c->draft.arena, p->map, STR("scale"), value->text);
                else if (str_is(key, "replicas"))
                        put(c, p, "scale", compose_text(c, value));
                else if (str_is(key, "resources"))
                        put_limits(c, p, value);
                else if (str_is(key, "restart_policy") && node_get(value, "condition"))
                        compose_put_restart(c, p, node_get(value, "condition"));
                else
                        compose_drop(c, p, arena_join(c->draft.arena, STR("deploy: "), key).p, value);
        }
}

static struct str text_of(struct compose *c, const struct node *n, const char *key, const char *otherwise) {
        const struct node *value = n->kind == NODE_MAP ? node_get(n, key) : NULL;
        struct str text = value ? compose_text(c, value) : (struct str){ NULL, 0 };

        return str_is_absent(text) ? str_of(otherwise) : text;
}

static bool is_git(struct str context) {
        return str_find_str(context, STR("://")) < context.n || str_has_prefix(context, STR("git@"));
}

static struct str context_of(struct compose *c, const struct node *build) {
        return build->kind == NODE_SCALAR ? compose_text(c, build) : text_of(c, build, "context", ".");
}

/* An app has one source, and all its services run what is built of it. */
static bool is_one_source(struct compose *c, struct str context) {
        const struct node *services = node_get(c->root, "services");

        for (size_t i = 0; i < services->n; i++) {
                const struct node *service = services->pairs[i].value, *build = node_get(service, "build");

                if (compose_kind(c, services->pairs[i].key->text) == PART_SERVICE &&
                    (!build || node_get(service, "image") || !str_eq(context_of(c, build), context)))
                        return false;
        }

        return is_git(context);
}

/* REPOSITORY[#REF[:DIRECTORY]]: what pyservice builds itself. */
static void put_source(struct compose *c, const struct node *n, struct str context) {
        struct arena *a = c->draft.arena;
        struct yaml_text *source = yaml_text_put(a, c->draft.root, STR("source"), YAML_TEXT_MAP);
        struct str fragment = context, repo = { NULL, 0 }, ref = { NULL, 0 };

        (void) str_split(&fragment, '#', &repo);
        (void) str_split(&fragment, ':', &ref);
        (void) yaml_text_put_text(a, source, STR("repo"), repo);
        (void) yaml_text_put_text(a, source, STR("ref"), ref.n > 0 ? ref : STR("HEAD"));
        if (fragment.n > 0)
                (void) yaml_text_put_text(a, source, STR("subdir"), fragment);
        (void) yaml_text_put_text(a, source, STR("containerfile"), text_of(c, n, "dockerfile", "Dockerfile"));
}

/* Steps that the user has to do by hand. */
static struct str build_command(struct compose *c, struct draft_part *p, const struct node *n,
                                struct str image) {
        struct str context = context_of(c, n), file = text_of(c, n, "dockerfile", "Dockerfile");
        const struct str git[] = { STR("podman"), STR("build"), STR("-t"), image, STR("-f"), file, context };
        struct str local[ARRAY_SIZE(git)];

        if (is_git(context))
                return import_quote(c->draft.arena, git, ARRAY_SIZE(git));

        memcpy(local, git, sizeof(git));
        context = compose_path(c, p, context, n);
        if (str_is_absent(context))
                context = STR("/CHANGE-ME");
        local[5] = import_path(&c->draft, n->at, arena_join(c->draft.arena, context, STR("/"), file));
        local[6] = context;
        return import_quote(c->draft.arena, local, ARRAY_SIZE(local));
}

void compose_put_build(struct compose *c, struct draft_part *p, const struct node *n) {
        struct draft *d = &c->draft;
        struct yaml_text *image = yaml_text_find(p->map, STR("image"));
        struct str context = context_of(c, n);

        if (node_get(n, "args") || node_get(n, "target"))
                draft_lost(d, p->map, n->at, "'args' and 'target' of 'build' could not be carried over");
        if (!image && p->kind == PART_SERVICE && is_one_source(c, context)) {
                put_source(c, n, context);
                return;
        }

        if (!image)
                image = yaml_text_put_text(
                        d->arena, p->map, STR("image"),
                        arena_join(d->arena, STR("localhost/"), d->name, STR("-"), p->name, STR(":latest")));
        put(c, p, "pull", STR("never"));
        draft_note(d, p->map, n->at, "build its image by hand, %s; or write 'source:' with a Git repository",
                   build_command(c, p, n, image->text).p);
}

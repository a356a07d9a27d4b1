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

/* The name in an item of a list, which has no place for a variable in a definition. */
static struct str key_of(struct compose *c, struct str key) {
        struct compose_variable v = { 0 };

        return str_find(key, '$') == key.n || compose_value(c, key, &v) || v.is_secret
                       ? arena_str(c->draft.arena, key)
                       : arena_str(c->draft.arena, v.value);
}

/* Where KEY ends: '=' within ${…} belongs to the variable. */
static size_t find_sign(struct str text) {
        bool is_inside = false;

        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] == '=' && !is_inside)
                        return i;
                is_inside = (is_inside || (text.p[i] == '{' && i > 0 && text.p[i - 1] == '$')) &&
                            text.p[i] != '}';
        }
        return text.n;
}

void compose_pairs(struct compose *c, struct draft_part *p, const struct node *n, compose_pair one) {
        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
                one(c, p, n->pairs[i].key->text, node_is_null(n->pairs[i].value) ? NULL : n->pairs[i].value);

        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
                struct str text = node_text(n->items[i]), key = { text.p, find_sign(text) };
                struct node *value = arena_new(c->draft.arena, struct node);

                *value = *n->items[i];
                value->plain = false;
                if (key.n < text.n)
                        value->text = arena_str(c->draft.arena, str_from(text, key.n + 1));
                one(c, p, key_of(c, key), key.n < text.n ? value : NULL);
        }
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

static void put_secret(struct compose *c, struct draft_part *p, struct str key, struct str name,
                       struct span at) {
        struct draft *d = &c->draft;
        struct yaml_text *env = yaml_text_put(d->arena, p->map, STR("env"), YAML_TEXT_MAP);
        struct str secret = draft_secret(d, p->map, name);

        draft_put_secret(d, env, key, secret);
        draft_note(
                d, yaml_text_find(env, key), at,
                "the value of '%.*s' looks like a secret: store it with 'pyservicectl secret set %.*s %.*s'",
                STR_ARG(name), STR_ARG(d->name), STR_ARG(secret));
}

static void put_variable(struct compose *c, struct draft_part *p, struct str key, const struct node *value) {
        struct draft *d = &c->draft;
        struct yaml_text *env;
        struct str name = key, text;
        const struct compose_variable *known;
        bool is_variable = !value || compose_is_variable(c, value->text, &name);

        known = is_variable ? compose_variable(c, name) : NULL;
        if (!value && !known) {
                compose_enumerate(c, &c->unset, key);
                return;
        }
        env = yaml_text_put(d->arena, p->map, STR("env"), YAML_TEXT_MAP);
        if (is_variable && (secret_is_likely(name) || secret_is_likely(key) || (known && known->is_secret))) {
                put_secret(c, p, key, name, value ? value->at : p->at);
                return;
        }
        if (!value) {
                (void) yaml_text_put_text(d->arena, env, key, compose_known(c, known, p->at));
                return;
        }

        text = compose_text(c, value);
        if (str_is_absent(text)) {
                compose_drop(c, p, key.p, value);
                return;
        }
        text = rename_secret_file(c, p, text, value);
        (void) yaml_text_put_text(d->arena, env, key, text);
}

void compose_put_environment(struct compose *c, struct draft_part *p, const struct node *n) {
        c->unset = (struct str){ NULL, 0 };
        compose_pairs(c, p, n, put_variable);
        if (!str_is_absent(c->unset))
                draft_note(&c->draft, p->map, n->at,
                           "left out, as Compose does, since no environment file sets them: %.*s",
                           STR_ARG(c->unset));
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
        if (text.p[0] == '/' && !(n->kind == NODE_MAP && node_get(n, "format")))
                compose_read_for_podman(c, text);
        if (required && !compose_is_true(c, p, required))
                text = arena_join(c->draft.arena, STR("-"), text);
        (void) yaml_text_add_text(c->draft.arena, list(c, p, "env_files"), text);
}

void compose_put_env_file(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
                put_env_file(c, p, n->items[i]);
        if (n->kind != NODE_LIST)
                put_env_file(c, p, n);
}

/* Variables of `environment` count more than those of files, here and in Compose. */
void compose_put_misread(struct compose *c, struct draft_part *p, const struct node *n) {
        struct draft *d = &c->draft;
        struct yaml_text *env = yaml_text_put(d->arena, p->map, STR("env"), YAML_TEXT_MAP);
        struct str names = { NULL, 0 };

        for (size_t i = 0; i < c->of_files.n; i++) {
                const struct compose_variable *v = &c->of_files.at[i];
                bool is_set = yaml_text_find(env, v->name);

                for (size_t k = i + 1; k < c->of_files.n; k++)
                        is_set = is_set || str_eq(c->of_files.at[k].name, v->name);
                if (is_set || !v->is_misread)
                        continue;
                if (v->is_secret) {
                        put_secret(c, p, v->name, v->name, n->at);
                        continue;
                }
                (void) yaml_text_put_text(d->arena, env, v->name, import_literal(d->arena, v->value));
                compose_enumerate(c, &names, v->name);
        }
        if (!str_is_absent(names))
                draft_note(d, p->map, n->at,
                           "these are written here, because Podman takes quotes, comments and '$' of an "
                           "environment file as they stand: %.*s",
                           STR_ARG(names));
        c->of_files.n = 0;
}

/* `disable: false` alone: the check that is in the image, which Podman runs too. */
static bool is_of_image(const struct node *n) {
        return n->kind == NODE_MAP && n->n == 1 && node_get(n, "disable");
}

/* A part whose check is in its image is ready here as soon as it runs. */
static void check_condition(struct compose *c, struct draft_part *p, const struct pair *on) {
        const struct node *service = compose_service(c, on->key->text), *check;

        if (!service || !str_is(node_text(node_get(on->value, "condition")), "service_healthy"))
                return;

        check = node_get(service, "healthcheck");
        if (!check || is_of_image(check))
                draft_lost(
                        &c->draft, p->map, on->value->at,
                        "'service_healthy' of '%.*s' could not be carried over, because the check is in the "
                        "image; write 'health:' there",
                        STR_ARG(on->key->text));
}

void compose_put_depends_on(struct compose *c, struct draft_part *p, const struct node *n) {
        for (size_t i = 0; i < n->n && n->kind != NODE_SCALAR; i++) {
                struct str name = n->kind == NODE_MAP ? n->pairs[i].key->text : n->items[i]->text;
                const struct node *options = n->kind == NODE_MAP ? n->pairs[i].value : NULL;
                const struct node *required = options ? node_get(options, "required") : NULL;
                const struct node *service = compose_service(c, name);

                if (!service && (!required || compose_is_true(c, p, required)) &&
                    str_find_str(c->left_out, name) == c->left_out.n)
                        draft_lost(
                                &c->draft, p->map, n->at,
                                "'depends_on: %.*s' could not be carried over: the file has no such service",
                                STR_ARG(name));
                if (!service || node_get(service, "provider"))
                        continue;
                if (n->kind == NODE_MAP)
                        check_condition(c, p, &n->pairs[i]);
                if (compose_kind(c, name) == PART_TASK)
                        (void) yaml_text_put_text(
                                c->draft.arena,
                                yaml_text_add(c->draft.arena, list(c, p, "requires"), YAML_TEXT_MAP),
                                compose_name(c, name), STR("done"));
                else
                        (void) yaml_text_add_text(
                                c->draft.arena,
                                list(c, p,
                                     required && !compose_is_true(c, p, required) ? "after" : "requires"),
                                compose_name(c, name));
        }
}

/* A program with its arguments, or a text for the shell; one of several lines needs a list. */
static bool put_test(struct compose *c, struct draft_part *p, const struct node *test) {
        const struct node *first = test->kind == NODE_LIST && test->n > 0 ? test->items[0] : test;
        bool is_exec = first != test && str_is(node_text(first), "CMD") && test->n > 2;
        struct str text = first == test ? compose_text(c, test)
                          : test->n > 1 ? compose_text(c, test->items[1])
                                        : (struct str){ NULL, 0 };
        struct yaml_text *health, *words;

        if (str_is_absent(text))
                return false;

        if (first != test && str_is(node_text(first), "CMD") && !is_exec)
                text = import_quote(c->draft.arena, &text,
                                    1); /* Podman takes a list of one word for a text */
        text = is_exec ? text : str_trim(text);
        health = yaml_text_put(c->draft.arena, p->map, STR("health"), YAML_TEXT_MAP);
        if (!is_exec && str_find(text, '\n') == text.n) {
                (void) yaml_text_put_text(c->draft.arena, health, STR("command"), text);
                return true;
        }

        words = yaml_text_put(c->draft.arena, health, STR("command"), YAML_TEXT_LIST);
        for (size_t i = 1; is_exec && i < test->n; i++)
                (void) yaml_text_add_text(c->draft.arena, words, compose_text(c, test->items[i]));
        if (!is_exec) {
                (void) yaml_text_add_text(c->draft.arena, words, STR("/bin/sh"));
                (void) yaml_text_add_text(c->draft.arena, words, STR("-c"));
                (void) yaml_text_add_text(c->draft.arena, words, text);
        }
        return true;
}

static bool is_disabled(struct compose *c, struct draft_part *p, const struct node *n,
                        const struct node *test) {
        const struct node *first = test && test->kind == NODE_LIST && test->n > 0 ? test->items[0] : test;

        return compose_is_true(c, p, node_get(n, "disable")) || (first && str_is(node_text(first), "NONE"));
}

/* Compose's defaults are written out, because pyservice has others. */
void compose_put_healthcheck(struct compose *c, struct draft_part *p, const struct node *n) {
        static const struct {
                const char *key, *by_default;
        } times[] = { { "interval", "30s" }, { "timeout", "30s" }, { "start_period", "0s" } };
        const struct node *test = node_get(n, "test"), *retries = node_get(n, "retries");
        struct yaml_text *health;

        if (is_disabled(c, p, n, test)) {
                draft_raw(&c->draft, p,
                          (struct raw_key){ "Container", STR("PodmanArgs"), STR("--no-healthcheck"), n->at });
                return;
        }
        if (p->kind == PART_TASK || is_of_image(n))
                return;
        if (!test || !put_test(c, p, test)) {
                draft_lost(
                        &c->draft, p->map, n->at,
                        "the settings of the image's own health check could not be carried over; write the "
                        "check here");
                return;
        }

        health = yaml_text_find(p->map, STR("health"));
        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                const struct node *value = node_get(n, times[i].key);
                struct str text = value ? compose_text(c, value) : (struct str){ NULL, 0 };

                (void) yaml_text_put_text(c->draft.arena, health, str_of(times[i].key),
                                          str_is_absent(text) ? str_of(times[i].by_default) : text);
        }
        /* Docker lets an unhealthy container run. */
        (void) yaml_text_put_text(c->draft.arena, health, STR("on_failure"), STR("none"));
        import_put_scalar(c->draft.arena, health, STR("retries"),
                          retries ? compose_text(c, retries) : STR("3"));
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

/* A first start and so many restarts. */
static void put_attempts(struct compose *c, struct draft_part *p, struct str number, const struct node *n) {
        uint64_t count = 0;

        if (!str_to_u64(number, 1000000 - 1, &count)) {
                compose_drop(c, p, "restart", n);
                return;
        }
        import_put_scalar(c->draft.arena,
                          yaml_text_put(c->draft.arena, p->map, STR("restart"), YAML_TEXT_MAP),
                          STR("max_starts"), arena_u64(c->draft.arena, count + 1));
}

/* unless-stopped: `pyservicectl stop` is for that. */
void compose_put_restart(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = compose_choice(c, p, n), attempts = text, policy = text;

        (void) str_split(&attempts, ':', &policy);
        if (p->kind == PART_TASK) {
                if (!str_is(text, "no"))
                        draft_note(&c->draft, p->map, n->at,
                                   "'restart: %.*s' has no effect: a task that fails ends the update",
                                   STR_ARG(text));
                return;
        }
        if (str_is(policy, "none"))
                policy = STR("no");
        if (str_is(policy, "on-failure") && attempts.n > 0) {
                (void) yaml_text_put_text(
                        c->draft.arena, yaml_text_put(c->draft.arena, p->map, STR("restart"), YAML_TEXT_MAP),
                        STR("policy"), policy);
                put_attempts(c, p, attempts, n);
        } else if (str_is(policy, "on-failure") || str_is(policy, "no"))
                put(c, p, "restart", policy);
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

/* It counts more than `restart`. */
static void put_restart_policy(struct compose *c, struct draft_part *p, const struct node *n) {
        const struct node *condition = node_get(n, "condition"), *delay = node_get(n, "delay"),
                          *attempts = node_get(n, "max_attempts"), *window = node_get(n, "window");
        struct str policy = condition ? compose_choice(c, p, condition) : STR("any");
        struct yaml_text *restart;

        if (p->kind == PART_TASK || str_is(policy, "none") || (!delay && !attempts)) {
                if (condition)
                        compose_put_restart(c, p, condition);
                return;
        }

        restart = yaml_text_put(c->draft.arena, p->map, STR("restart"), YAML_TEXT_MAP);
        if (str_is(policy, "on-failure"))
                (void) yaml_text_put_text(c->draft.arena, restart, STR("policy"), policy);
        if (delay)
                (void) yaml_text_put_text(c->draft.arena, restart, STR("delay"), compose_text(c, delay));
        if (attempts)
                put_attempts(c, p, compose_choice(c, p, attempts), attempts);
        if (window)
                compose_drop(c, p, "deploy: restart_policy: window", window);
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
                else if (str_is(key, "restart_policy"))
                        put_restart_policy(c, p, value);
                else if (!str_is(key, "mode") || !str_is(node_text(value), "replicated"))
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
        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
                if (!str_is(n->pairs[i].key->text, "context") && !str_is(n->pairs[i].key->text, "dockerfile"))
                        compose_drop(c, NULL, arena_join(a, STR("build: "), n->pairs[i].key->text).p,
                                     n->pairs[i].value);
}

/* --OPTION=VALUE for each item of a key of `build`. */
static void put_build_options(struct compose *c, struct str *command, const char *option,
                              const struct node *n) {
        struct str one = node_text(n);

        for (size_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++) {
                if (n->kind == NODE_LIST) {
                        put_build_options(c, command, option, n->items[i]);
                        continue;
                }
                one = arena_join(c->draft.arena, n->pairs[i].key->text,
                                 node_is_null(n->pairs[i].value) ? STR("") : STR("="),
                                 node_text(n->pairs[i].value));
                put_build_options(c, command, option,
                                  &(struct node){ .kind = NODE_SCALAR, .text = one, .at = n->at });
        }
        if (n->kind != NODE_SCALAR || str_is_absent(one))
                return;

        one = arena_join(c->draft.arena, str_of(option), one);
        *command = arena_join(c->draft.arena, *command, STR(" "), import_quote(c->draft.arena, &one, 1));
}

/* Those that podman-build(1) has too; the rest is lost. */
static void put_all_build_options(struct compose *c, struct draft_part *p, const struct node *build,
                                  struct str *command) {
        static const struct {
                const char *key, *option;
        } known[] = {
                { "additional_contexts", "--build-context=" },
                { "args", "--build-arg=" },
                { "cache_from", "--cache-from=" },
                { "extra_hosts", "--add-host=" },
                { "labels", "--label=" },
                { "network", "--network=" },
                { "no_cache", "--no-cache=" },
                { "platforms", "--platform=" },
                { "pull", "--pull=" },
                { "shm_size", "--shm-size=" },
                { "ssh", "--ssh=" },
                { "tags", "--tag=" },
                { "target", "--target=" },
        };

        for (size_t i = 0; build->kind == NODE_MAP && i < build->n; i++) {
                const struct pair *pair = &build->pairs[i];
                bool is_known = str_has_prefix(pair->key->text, STR("dockerfile")) ||
                                str_is(pair->key->text, "context");

                for (size_t k = 0; k < ARRAY_SIZE(known); k++)
                        if (str_is(pair->key->text, known[k].key)) {
                                put_build_options(c, command, known[k].option, pair->value);
                                is_known = true;
                        }
                if (!is_known && !str_has_prefix(pair->key->text, STR("x-")))
                        compose_drop(c, p, arena_join(c->draft.arena, STR("build: "), pair->key->text).p,
                                     pair->value);
        }
}

/* Steps that the user has to do by hand. */
static struct str build_command(struct compose *c, struct draft_part *p, const struct node *n,
                                struct str image) {
        struct arena *a = c->draft.arena;
        struct str context = context_of(c, n), file = text_of(c, n, "dockerfile", "Dockerfile"),
                   command = arena_join(a, STR("podman build -t "), import_quote(a, &image, 1), STR(" -f "));

        if (n->kind == NODE_MAP && node_get(n, "dockerfile_inline"))
                file = STR("-");
        if (!is_git(context)) {
                context = compose_path(c, p, context, n);
                if (str_is_absent(context))
                        context = STR("/CHANGE-ME");
                if (!str_is(file, "-"))
                        file = import_path(&c->draft, n->at, arena_join(a, context, STR("/"), file));
        }
        command = arena_join(a, command, import_quote(a, &file, 1));
        put_all_build_options(c, p, n, &command);
        return arena_join(a, command, STR(" "), import_quote(a, &context, 1));
}

void compose_put_build(struct compose *c, struct draft_part *p, const struct node *n) {
        struct draft *d = &c->draft;
        struct yaml_text *image = yaml_text_find(p->map, STR("image"));
        struct str context = context_of(c, n);

        if (!image && p->kind == PART_SERVICE && is_one_source(c, context)) {
                put_source(c, n, context);
                return;
        }

        if (!image)
                image = yaml_text_put_text(
                        d->arena, p->map, STR("image"),
                        arena_join(d->arena, STR("localhost/"), d->name, STR("-"), p->name, STR(":latest")));
        put(c, p, "pull", STR("never"));
        draft_note(d, p->map, n->at,
                   "build its image by hand, %s%s; or write 'source:' with a Git repository",
                   build_command(c, p, n, image->text).p,
                   n->kind == NODE_MAP && node_get(n, "dockerfile_inline")
                           ? ", with the text of 'dockerfile_inline' as its input"
                           : "");
}

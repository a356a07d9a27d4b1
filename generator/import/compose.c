/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import compose: a Compose file becomes one application. A service of the file that others need
 * in order to start, and that is neither built here nor scaled, becomes a sidecar; one that others wait for
 * until it has ended becomes a task; every other becomes a service. */

#include "import/compose.h"

#include <unistd.h>

/* For a key that is a text, a flag or a list of texts in a definition too. */
enum form { FORM_TEXT, FORM_WORDS, FORM_FLAG, FORM_LIST, FORM_HOOK, FORM_CHOICE };

struct key {
        const char *name;
        compose_put put; /* NULL: see the rest */
        const char *to;  /* the definition's key */
        enum form form;
};

static const struct key keys[] = {
        { "build", compose_put_build },
        { "cap_add", .to = "cap_add", .form = FORM_LIST },
        { "cap_drop", .to = "cap_drop", .form = FORM_LIST },
        { "command", .to = "command", .form = FORM_WORDS },
        { "configs", compose_put_configs },
        { "depends_on", compose_put_depends_on },
        { "deploy", compose_put_deploy },
        { "devices", compose_put_devices },
        { "dns", .to = "dns", .form = FORM_LIST },
        { "entrypoint", .to = "entrypoint", .form = FORM_WORDS },
        { "env_file", compose_put_env_file },
        { "environment", compose_put_environment },
        { "expose", compose_put_expose },
        { "extra_hosts", compose_put_hosts },
        { "gpus", compose_put_gpus },
        { "group_add", .to = "groups", .form = FORM_LIST },
        { "healthcheck", compose_put_healthcheck },
        { "hostname", .to = "hostname" },
        { "init", .to = "init", .form = FORM_FLAG },
        { "labels", compose_put_labels },
        { "logging", compose_put_logging },
        { "network_mode", compose_put_network_mode },
        { "networks", compose_put_networks },
        { "platform", .to = "platform", .form = FORM_CHOICE },
        { "ports", compose_put_ports },
        { "post_start", .to = "after_start", .form = FORM_HOOK },
        { "pre_stop", .to = "before_stop", .form = FORM_HOOK },
        { "privileged", .to = "privileged", .form = FORM_FLAG },
        { "read_only", .to = "read_only", .form = FORM_FLAG },
        { "restart", compose_put_restart },
        { "scale", .to = "scale" },
        { "secrets", compose_put_secrets },
        { "security_opt", compose_put_security },
        { "shm_size", compose_put_shm_size },
        { "stop_grace_period", .to = "stop_timeout" },
        { "stop_signal", .to = "stop_signal" },
        { "sysctls", compose_put_sysctls },
        { "tmpfs", .to = "tmpfs", .form = FORM_LIST },
        { "tty", .to = "tty", .form = FORM_FLAG },
        { "ulimits", compose_put_ulimits },
        { "user", .to = "user" },
        { "userns_mode", .to = "userns" },
        { "volumes", compose_put_volumes },
        { "working_dir", .to = "workdir" },
};

void compose_drop(struct compose *c, struct draft_part *p, const char *key, const struct node *n) {
        struct str text = node_text(n);

        if (str_is_absent(text))
                draft_lost(&c->draft, p ? p->map : NULL, n->at, "'%s' could not be carried over", key);
        else
                draft_lost(&c->draft, p ? p->map : NULL, n->at, "'%s: %.*s' could not be carried over", key,
                           STR_ARG(text));
}

const struct node *compose_service(const struct compose *c, struct str name) {
        const struct node *services = node_get(c->root, "services");

        return services ? node_get(services, arena_str(c->draft.arena, name).p) : NULL;
}

/* True if another service depends on it, under this condition (NULL: any). */
static bool is_needed(const struct compose *c, struct str name, const char *condition) {
        const struct node *services = node_get(c->root, "services");
        const char *key = arena_str(c->draft.arena, name).p;

        for (size_t i = 0; i < services->n; i++) {
                const struct node *on = node_get(services->pairs[i].value, "depends_on");
                const struct node *one = on ? node_get(on, key) : NULL;

                for (size_t k = 0; on && on->kind == NODE_LIST && !condition && k < on->n; k++)
                        if (str_eq(on->items[k]->text, name))
                                return true;
                if (one && (!condition || str_is(node_text(node_get(one, "condition")), condition)))
                        return true;
        }

        return false;
}

struct str compose_name(const struct compose *c, struct str service) {
        const struct node *services = node_get(c->root, "services");

        for (size_t i = 0; i < services->n; i++)
                if (str_eq(services->pairs[i].key->text, service))
                        return c->names[i];

        return import_name(c->draft.arena, service);
}

enum part_kind compose_kind(const struct compose *c, struct str name) {
        static const char *const signs[] = { "build", "scale" };
        const struct node *service = compose_service(c, name), *deploy = node_get(service, "deploy");

        if (is_needed(c, name, "service_completed_successfully"))
                return PART_TASK;
        for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
                if (node_get(service, signs[i]))
                        return PART_SERVICE;
        if ((deploy && node_get(deploy, "replicas")) || compose_has_route(service))
                return PART_SERVICE;

        return is_needed(c, name, NULL) ? PART_SIDECAR : PART_SERVICE;
}

static bool is_number(struct str s) {
        return s.n > 0 && s.n < 10 && str_is_made_of(s, "0123456789");
}

/* A text is split as a shell does, a list is one of words. */
static void put_words(struct compose *c, struct yaml_text *map, const char *key, const struct node *n) {
        struct draft *d = &c->draft;
        struct str text = compose_text(c, n);
        struct yaml_text *list;

        if (!str_is_absent(text)) {
                (void) yaml_text_put_text(d->arena, map, str_of(key), str_trim(text));
                return;
        }
        if (n->kind != NODE_LIST)
                return;
        if (n->n == 0 && strcmp(key, "entrypoint") == 0) {
                (void) yaml_text_put_text(d->arena, map, str_of(key), STR(""));
                return;
        }

        list = yaml_text_put(d->arena, map, str_of(key), YAML_TEXT_LIST);
        for (size_t i = 0; i < n->n; i++) {
                text = compose_text(c, n->items[i]);
                if (!str_is_absent(text))
                        (void) yaml_text_add_text(d->arena, list, text);
        }
}

/* A list of commands with options; a definition has one command, with its user. */
static void put_hook(struct compose *c, struct draft_part *p, const struct key *row, const struct node *n) {
        const struct node *first = n->kind == NODE_LIST && n->n > 0 ? n->items[0] : NULL;
        const struct node *command = first && first->kind == NODE_MAP ? node_get(first, "command") : NULL;
        const struct node *user = command ? node_get(first, "user") : NULL;

        if (!command || p->kind == PART_TASK) {
                compose_drop(c, p, row->name, n);
                return;
        }
        if (user) {
                struct yaml_text *map = yaml_text_put(c->draft.arena, p->map, str_of(row->to), YAML_TEXT_MAP);

                put_words(c, map, "command", command);
                (void) yaml_text_put_text(c->draft.arena, map, STR("user"), compose_text(c, user));
        } else
                put_words(c, p->map, row->to, command);
        for (size_t i = 0; i < first->n; i++)
                if (first->pairs[i].value != command && first->pairs[i].value != user)
                        compose_drop(c, p,
                                     arena_join(c->draft.arena, str_of(row->name), STR(": "),
                                                first->pairs[i].key->text)
                                             .p,
                                     first->pairs[i].value);
        for (size_t i = 1; i < n->n; i++)
                draft_lost(&c->draft, p->map, n->items[i]->at,
                           "command %zu of '%s' could not be carried over; a part has one", i + 1, row->name);
}

static void put_by_row(struct compose *c, struct draft_part *p, const struct key *row, const struct node *n) {
        struct str text;

        if (row->put) {
                row->put(c, p, n);
                return;
        }
        if (row->form == FORM_FLAG) {
                compose_put_flag(c, p, row->to, n);
                return;
        }
        if (row->form == FORM_LIST) {
                compose_put_texts(c, p, row->to, n);
                return;
        }
        if (row->form == FORM_HOOK) {
                put_hook(c, p, row, n);
                return;
        }
        if (row->form == FORM_WORDS) {
                put_words(c, p->map, row->to, n);
                return;
        }

        text = row->form == FORM_CHOICE ? compose_choice(c, p, n) : compose_text(c, n);
        if (row->form == FORM_CHOICE && text.n == 0)
                return;
        if (is_number(text) && strcmp(row->to, "scale") == 0)
                (void) yaml_text_put_plain(c->draft.arena, p->map, str_of(row->to), text);
        else if (!str_is_absent(text))
                (void) yaml_text_put_text(c->draft.arena, p->map, str_of(row->to), text);
}

/* A variable may hold the registry: its value shows if one has to be put in front. */
static void put_image(struct compose *c, struct draft_part *p, const struct node *n) {
        struct arena *a = c->draft.arena;
        struct compose_variable v = { 0 };
        struct str image, whole;

        c->placeholder = "change-me";
        image = compose_text(c, n);
        c->placeholder = NULL;
        if (str_is_absent(image))
                return;
        if (compose_value(c, node_text(n), &v) || v.value.n == 0 || strchr("/:", v.value.p[0]))
                v.value = image;
        whole = import_image(a, v.value);
        image = arena_join(a, (struct str){ whole.p, whole.n - v.value.n }, image);
        (void) yaml_text_put_text(a, p->map, STR("image"), image);
}

/* A built image is never pulled here. */
static void put_pull(struct compose *c, struct draft_part *p, const struct node *n) {
        struct str text = compose_choice(c, p, n);

        if (str_is(text, "if_not_present"))
                text = STR("missing");
        if (str_is(text, "build") && node_get(c->service->value, "build"))
                return;
        if (str_is(text, "always") || str_is(text, "never") || str_is(text, "missing"))
                (void) yaml_text_put_text(c->draft.arena, p->map, STR("pull"), text);
        else
                compose_drop(c, p, "pull_policy", n);
}

static bool put_special(struct compose *c, struct draft_part *p, struct str key, const struct node *n) {
        static const char *const silent[] = { "image", "attach", "profiles", "links", "container_name" };

        if (str_is(key, "develop"))
                draft_note(&c->draft, p->map, n->at, "'develop' is for 'docker compose watch'");
        else if (str_is(key, "pull_policy"))
                put_pull(c, p, n);
        else if (str_is(key, "stdin_open") && compose_is_true(c, p, n))
                draft_raw(&c->draft, p,
                          (struct raw_key){ "Container", STR("PodmanArgs"), STR("--interactive"), n->at });
        else if (str_is(key, "mem_limit"))
                compose_put_limit(c, p, "memory", n);
        else if (str_is(key, "cpus"))
                compose_put_limit(c, p, "cpus", n);
        else if (str_is(key, "pids_limit"))
                compose_put_limit(c, p, "pids", n);
        else {
                for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
                        if (str_is(key, silent[i]))
                                return true;
                return str_has_prefix(key, STR("x-")) || compose_put_raw(c, p, key, n);
        }

        return true;
}

static void put_key(struct compose *c, struct draft_part *p, const struct pair *pair) {
        if (node_is_null(pair->value))
                return;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (str_is(pair->key->text, keys[i].name)) {
                        put_by_row(c, p, &keys[i], pair->value);
                        return;
                }
        if (!put_special(c, p, pair->key->text, pair->value))
                compose_drop(c, p, pair->key->text.p, pair->value);
}

static bool has_restart(const struct node *service) {
        const struct node *deploy = node_get(service, "deploy");

        return node_get(service, "restart") || (deploy && node_get(deploy, "restart_policy"));
}

static void put_service(struct compose *c, const struct pair *service) {
        struct draft *d = &c->draft;
        struct str given = service->key->text, name = compose_name(c, given);
        enum part_kind kind = compose_kind(c, given);
        struct draft_part *p = draft_part(d, kind, name, service->key->at);

        c->service = service;
        if (!str_eq(name, given))
                draft_note(d, p->map, service->key->at, "'%.*s' is '%.*s' here", STR_ARG(given),
                           STR_ARG(name));
        /* A built image may have this name. */
        for (size_t i = 0; i < service->value->n; i++)
                if (str_is(service->value->pairs[i].key->text, "image"))
                        put_image(c, p, service->value->pairs[i].value);
        for (size_t i = 0; i < service->value->n; i++)
                put_key(c, p, &service->value->pairs[i]);
        if (c->of_files.n > 0)
                compose_put_misread(c, p, node_get(service->value, "env_file"));
        compose_put_aliases(c, p);
        if (kind != PART_TASK && !has_restart(service->value)) {
                (void) yaml_text_put_text(d->arena, p->map, STR("restart"), STR("no"));
                compose_enumerate(c, &c->unstarted, given);
        }
        if (!yaml_text_find(p->map, STR("image")) && !yaml_text_find(d->root, STR("source")))
                draft_note(d, p->map, service->key->at, "'%.*s' has neither an image nor a build",
                           STR_ARG(given));
}

static void choose_names(struct compose *c, const struct node *services) {
        c->names = arena_array(c->draft.arena, services->n, struct str);
        for (size_t i = 0; i < services->n; i++)
                c->names[i] = draft_part_name(&c->draft, services->pairs[i].key->text);
}

static bool is_service_list(const struct node *services) {
        for (size_t i = 0; services && services->kind == NODE_MAP && i < services->n; i++)
                if (services->pairs[i].value->kind != NODE_MAP)
                        return false;

        return services && services->kind == NODE_MAP && services->n > 0;
}

/* In the order of Compose. */
static struct str project_name(struct compose *c) {
        const struct compose_variable *given = compose_variable(c, STR("COMPOSE_PROJECT_NAME"));
        struct str name = node_text(node_get(c->root, "name"));
        struct compose_variable v = { 0 };

        if (given && given->value.n > 0)
                return given->value;
        if (str_is_absent(name) || compose_value(c, name, &v) || v.is_secret || v.value.n == 0)
                return import_directory(&c->draft, c->root->at);

        return v.value;
}

/* Compose reads NAME.override.yaml too, unless files are named. */
static void note_override(struct compose *c, struct str path) {
        struct str name = path, part = { NULL, 0 }, extension = { NULL, 0 };
        const char *other;

        while (str_split(&name, '.', &part))
                extension = part;
        if (extension.n + 1 >= path.n)
                return;

        other = arena_join(c->draft.arena, (struct str){ path.p, path.n - extension.n }, STR("override."),
                           extension)
                        .p;
        if (access(other, F_OK) == 0)
                draft_note(&c->draft, NULL, c->root->at,
                           "Compose lays '%s' over this file; name both to import both", other);
}

static void put_all(struct compose *c) {
        static const char *const known[] = { "name",     "version", "services", "volumes",
                                             "networks", "secrets", "configs" };
        const struct node *root = c->root, *services = node_get(root, "services");

        c->needs_network = services->n > 1;
        choose_names(c, services);
        compose_put_top(c);
        for (size_t i = 0; i < services->n; i++) {
                const struct node *provider = node_get(services->pairs[i].value, "provider");

                if (provider)
                        compose_drop(
                                c, NULL,
                                arena_join(c->draft.arena, services->pairs[i].key->text, STR(": provider")).p,
                                provider);
                else
                        put_service(c, &services->pairs[i]);
        }
        for (size_t i = 0; i < root->n; i++) {
                bool is_known = str_has_prefix(root->pairs[i].key->text, STR("x-"));

                for (size_t k = 0; k < ARRAY_SIZE(known); k++)
                        is_known = is_known || str_is(root->pairs[i].key->text, known[k]);
                if (!is_known)
                        compose_drop(c, NULL, root->pairs[i].key->text.p, root->pairs[i].value);
        }
        if (!str_is_absent(c->files))
                draft_note(&c->draft, NULL, NOWHERE,
                           "these do not exist here, and no container that mounts them starts without "
                           "them: %.*s",
                           STR_ARG(c->files));
        if (!str_is_absent(c->unstarted))
                draft_note(&c->draft, NULL, NOWHERE,
                           "Compose does not restart these; remove 'restart: no', and systemd does: %.*s",
                           STR_ARG(c->unstarted));
        if (!str_is_absent(c->left_out))
                draft_note(&c->draft, NULL, services->at, "left out, since no --profile chooses them: %.*s",
                           STR_ARG(c->left_out));
}

static bool is_used(const struct draft *d, const struct str name) {
        struct str use = arena_join(d->arena, STR("{{ "), name, STR(" }}"));
        struct buf text = buf_in(d->arena);

        yaml_text_write(&text, d->root, true);
        VEC_EACH(p, &d->parts) {
                yaml_text_write(&text, (*p)->map, true);
                VEC_EACH(raw, &(*p)->raw)
                        buf_put_str(&text, raw->value);
        }
        return str_find_str(buf_str(&text), use) < text.n;
}

/* Variables of which only compose_unfold() took the value: a change of theirs would change nothing. */
static void drop_unused(struct draft *d) {
        struct yaml_text *vars = yaml_text_find(d->root, STR("vars"));
        size_t n = 0;

        if (!vars)
                return;
        VEC_EACH(var, &vars->items)
                if ((*var)->text.n == 0 || !strchr(".~", (*var)->text.p[0]) ||
                    !str_is_absent((*var)->comment) || is_used(d, (*var)->key))
                        vars->items.at[n++] = *var;
        vars->items.n = n;
        if (n > 0)
                return;
        VEC_EACH(item, &d->root->items)
                if (*item != vars)
                        d->root->items.at[n++] = *item;
        d->root->items.n = n;
}

int compose_fill(struct import *m, struct draft **ret) {
        struct compose *c = arena_new(&m->ctl->arena, struct compose);
        const struct node *services;
        int r;

        c->draft = (struct draft){
                .ctl = m->ctl, .arena = &m->ctl->arena, .sources = &m->sources, .ds = &m->ds
        };
        r = compose_load(c, m);
        if (r != CTL_GOOD)
                return r;
        if (!is_service_list(node_get(c->root, "services"))) {
                (void) fprintf(stderr, "pyservicectl: %s: a Compose file has 'services:', a map of maps\n",
                               m->files[0]);
                return CTL_ERROR;
        }

        services = node_get(c->root, "services");
        if (!draft_can_have(&m->ds, services->n, services->at))
                return import_report(m);

        draft_begin(&c->draft, m, project_name(c));
        put_all(c);
        drop_unused(&c->draft);
        if (m->n_files == 1)
                note_override(c, str_of(m->files[0]));
        *ret = &c->draft;
        return CTL_GOOD;
}

int import_compose(struct ctl *ctl) {
        return import_with(ctl, compose_fill);
}

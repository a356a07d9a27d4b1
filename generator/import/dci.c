/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import dci-api: variables of the Ansible role quadlet.dci_api, or a playbook that uses it. The
 * contract dci-api lists the variables that are the application's own. */

#include <fcntl.h>

#include "base/fs.h"
#include "import/jinja.h"
#include "import/plays.h"
#include "load/contract.h"

static struct str own_name(const struct jinja *j, struct str name) {
        (void) j;
        (void) name;
        return (struct str){ NULL, 0 };
}

struct row {
        const char *variable, *path[2];
        bool is_plain;
};

/* Variables of the role that are about the container. */
static const struct row rows[] = {
        { "dci_api_container_image", { "image" }, false },
        { "dci_api_container_network", { "network" }, false },
        { "dci_api_container_scale", { "scale" }, true },
        { "haproxy_config_dir", { "proxy", "config_dir" }, false },
        { "dci_redis_url", { "auth_tracking", "redis_url" }, false },
};

static void put_path(struct draft *d, const struct row *row, struct str text) {
        struct yaml_text *map =
                row->path[1] ? yaml_text_put(d->arena, d->root, str_of(row->path[0]), YAML_TEXT_MAP)
                             : d->root;
        struct str key = str_of(row->path[1] ? row->path[1] : row->path[0]);

        if (row->is_plain && text.n > 0 && str_is_made_of(text, "0123456789"))
                (void) yaml_text_put_plain(d->arena, map, key, text);
        else
                (void) yaml_text_put_text(d->arena, map, key, text);
}

/* The settings in the role's templates, and its defaults. */
static void put_constants(struct draft *d) {
        static const struct row constants[] = {
                { "DCI control server API", { "description" }, false },
                { "quay.io/distributedci/dci-control-server:latest", { "image" }, false },
                { "quadlet.network", { "network" }, false },
                { "4", { "scale" }, true },
                { "5000", { "port" }, true },
                { "dci_api", { "labels", "io.distributed-ci.app" }, false },
                { "curl --head http://localhost:5000/api/v1/", { "health", "command" }, false },
                { "5s", { "health", "interval" }, false },
                { "5s", { "health", "timeout" }, false },
                { "5", { "health", "retries" }, true },
                { "10s", { "health", "start_period" }, false },
                { "dci-api", { "proxy", "backend" }, false },
                { "dns", { "proxy", "via" }, false },
                { "dci-api", { "contract" }, false },
                { "true", { "auth_tracking", "enabled" }, false },
        };
        struct yaml_text *check;

        for (size_t i = 0; i < ARRAY_SIZE(constants); i++)
                put_path(d, &constants[i], str_of(constants[i].variable));
        yaml_text_find(yaml_text_find(d->root, STR("auth_tracking")), STR("enabled"))->is_plain = true;

        check = yaml_text_put(d->arena, yaml_text_find(d->root, STR("proxy")), STR("check"), YAML_TEXT_MAP);
        (void) yaml_text_put_text(d->arena, check, STR("method"), STR("HEAD"));
        (void) yaml_text_put_text(d->arena, check, STR("path"), STR("/api/v1/"));
}

/* The image's entry point migrates the database in each instance: if all do it at once, all except one
 * fail. */
static void put_migration(struct draft *d) {
        struct yaml_text *tasks = yaml_text_put(d->arena, d->root, STR("tasks"), YAML_TEXT_LIST);
        struct yaml_text *before = yaml_text_put(d->arena, d->root, STR("before_update"), YAML_TEXT_LIST);
        struct yaml_text *task = yaml_text_add(d->arena, tasks, YAML_TEXT_MAP);

        (void) yaml_text_put_text(d->arena, task, STR("name"), STR("migrate"));
        (void) yaml_text_put_text(d->arena, task, STR("entrypoint"), STR(""));
        (void) yaml_text_put_text(d->arena, task, STR("command"), STR("python3 bin/dci-dbsync"));
        (void) yaml_text_add_text(d->arena, before, STR("migrate"));
}

static void put_list(const struct jinja *j, struct yaml_text *map, struct str key, const struct node *n) {
        struct yaml_text *list = yaml_text_put(j->draft->arena, map, key, YAML_TEXT_LIST);

        for (size_t i = 0; i < n->n; i++) {
                struct str text = jinja_text(j, n->items[i]);

                if (!str_is_absent(text))
                        (void) yaml_text_add_text(j->draft->arena, list, text);
        }
}

static void put_secret(struct draft *d, struct yaml_text *config, const struct contract_variable *v,
                       const struct node *n) {
        struct str secret = draft_secret(d, d->root, v->name.text);

        draft_put_secret(d, config, v->name.text, secret);
        draft_lost(d, yaml_text_find(config, v->name.text), n->at,
                   "%s could not be carried over: store it with 'pyservicectl secret set %.*s %.*s'",
                   str_is_absent(n->tag) ? arena_str(d->arena, n->text).p : "a value of Ansible's vault",
                   STR_ARG(d->name), STR_ARG(secret));
}

/* Usual names for variables of a vault. */
static bool is_vaults(struct str text) {
        return str_find_str(text, STR("vault")) < text.n;
}

static void put_config(const struct jinja *j, const struct contract_variable *v, const struct node *n) {
        struct draft *d = j->draft;
        struct yaml_text *config = yaml_text_put(d->arena, d->root, STR("config"), YAML_TEXT_MAP);
        struct str text;

        if (n->kind == NODE_LIST) {
                put_list(j, config, v->name.text, n);
                return;
        }
        if (jinja_is_secret(j, n) && (v->secret.yes || !str_is_absent(n->tag) || is_vaults(n->text))) {
                put_secret(d, config, v, n);
                return;
        }

        text = jinja_text(j, n);
        if (str_is(v->name.text, "dbpassword") && str_find(text, '%') < text.n)
                draft_note(
                        d, NULL, n->at,
                        "the role put 'dbpassword' into the URI as it is; here the URI encodes it: if it was "
                        "encoded, write the password itself, such as '@' for '%%40'");
        if (str_is_absent(text))
                draft_lost(d, NULL, n->at, "'%.*s' could not be carried over", STR_ARG(v->name.text));
        else if (v->type.index == CONTRACT_BOOLEAN && n->plain)
                (void) yaml_text_put_plain(d->arena, config, v->name.text,
                                           node_is_true(n) ? STR("true") : STR("false"));
        else if (v->type.index == CONTRACT_INTEGER && text.n > 0 && str_is_made_of(text, "0123456789"))
                (void) yaml_text_put_plain(d->arena, config, v->name.text, text);
        else
                (void) yaml_text_put_text(d->arena, config, v->name.text, text);
}

/* The role gives gunicorn as long as it wants, and Podman ten seconds. */
static void put_stop_timeout(const struct jinja *j) {
        struct str given = node_text(jinja_var(j, "gunicorn_graceful_timeout"));
        uint64_t seconds = 90;

        (void) (!str_is_absent(given) && str_to_u64(given, 86400, &seconds));
        (void) yaml_text_put_text(j->draft->arena, j->draft->root, STR("stop_timeout"),
                                  arena_printf(j->draft->arena, "%llus", (unsigned long long) seconds + 10));
}

static const struct row *find_row(struct str name) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (str_is(name, rows[i].variable))
                        return &rows[i];

        return NULL;
}

static void put_variable(const struct jinja *j, const struct contract *contract, const struct pair *p) {
        struct draft *d = j->draft;
        const struct contract_variable *v = contract_variable(contract, p->key->text);
        const struct row *row = find_row(p->key->text);
        struct str text;

        if (node_is_null(p->value))
                return;
        if (v)
                put_config(j, v, p->value);
        if (row) {
                text = jinja_text(j, p->value);
                if (!str_is_absent(text))
                        put_path(d, row, text);
        } else if (str_is(p->key->text, "dci_api_auth_tracking_enabled"))
                (void) yaml_text_put_plain(
                        d->arena, yaml_text_put(d->arena, d->root, STR("auth_tracking"), YAML_TEXT_MAP),
                        STR("enabled"), node_is_true(p->value) ? STR("true") : STR("false"));
}

/* True if it is a value of Ansible's vault behind another variable, which has a note of its own. */
static bool is_value_of_another(const struct node *vars, const struct pair *p) {
        for (size_t i = 0; str_is(p->value->tag, "!vault") && i < vars->n; i++)
                if (vars->pairs[i].value->kind == NODE_SCALAR && &vars->pairs[i] != p &&
                    str_find_str(vars->pairs[i].value->text, p->key->text) < vars->pairs[i].value->text.n)
                        return true;

        return false;
}

/* Variables that have no key of their own, by the beginning of their names. */
static const struct {
        const char *prefix, *instead;
} hints[] = {
        { "dci_api_", "see 'quadlet:', 'publish:', 'user:' and 'volumes:'" },
        { "dci_mail_worker_",
          "a sidecar with 'entrypoint: \"\"' and 'command: bin/run-mail-worker' runs the mail worker" },
        { "haproxy_", "HAProxy's settings belong to /etc/pyservice/host.yaml and to HAProxy's files" },
        { "", "the contract dci-api does not know it; if the application reads it, add it to 'env:'" },
};

/* Names a variable of the input that became no key of the definition. Variables that other variables are
 * made of are in `vars:`. */
static void note_unused(struct draft *d, const struct contract *contract, const struct node *all,
                        const struct pair *p) {
        struct yaml_text *vars = yaml_text_find(d->root, STR("vars"));
        struct str name = p->key->text;
        size_t i = 0;

        if (contract_variable(contract, name) || find_row(name) || (vars && yaml_text_find(vars, name)) ||
            str_is(name, "dci_api_auth_tracking_enabled") || is_value_of_another(all, p))
                return;

        while (!str_has_prefix(name, str_of(hints[i].prefix)))
                i++;
        draft_lost(d, NULL, p->key->at, "'%.*s' could not be carried over; %s", STR_ARG(name),
                   hints[i].instead);
}

static int with_contract(struct import *m, const struct node *vars, struct world *w) {
        const struct contract *contract = contract_find(w, (struct name){ STR("dci-api"), NOWHERE });
        struct draft draft;
        struct jinja j = { .draft = &draft, .vars = vars, .own = own_name };

        if (!contract) {
                (void) fprintf(stderr,
                               "pyservicectl: import dci-api: the contract dci-api is not installed; it "
                               "belongs to %.*s\n",
                               STR_ARG(w->places.contracts[1]));
                return CTL_ERROR;
        }

        draft_begin(&draft, m, STR("dci-api"));
        put_constants(&draft);
        put_migration(&draft);
        put_stop_timeout(&j);
        for (size_t i = 0; i < vars->n; i++)
                put_variable(&j, contract, &vars->pairs[i]);
        for (size_t i = 0; i < vars->n; i++)
                note_unused(&draft, contract, vars, &vars->pairs[i]);
        if (!node_get(vars, "dci_api_container_scale"))
                draft_note(&draft, yaml_text_find(draft.root, STR("scale")), NOWHERE,
                           "'dci_api_container_scale' is not defined; this is the role's default");
        draft_note(&draft, NULL, NOWHERE,
                   "the role backs the database up before an upgrade, with a tool that its variables do not "
                   "name: add a task, and name it in 'before_update:', before 'migrate'");
        if (!str_is(yaml_text_find(yaml_text_find(draft.root, STR("auth_tracking")), STR("enabled"))->text,
                    "false"))
                draft_note(&draft, yaml_text_find(draft.root, STR("auth_tracking")), NOWHERE,
                           "with several machines, select one with 'host: NAME'");
        return draft_print(&draft, false);
}

/* Only the contract of the world is used. */
int import_dci_api(struct ctl *c) {
        struct world w = { .arena = &c->arena, .root = -1, .trusts_all = true };
        CLEANUP(close_fd) int root = -1;
        const struct node *vars = NULL, *plays = NULL;
        struct import m;
        int r;

        import_begin(&m, c);
        r = jinja_read(&m, &vars, &plays);
        for (size_t i = 0; plays && i < plays->n; i++) {
                struct plays_apps apps;

                plays_apps(&m, plays->items[i], "dci_api", vars, &apps);
                VEC_EACH(app, &apps.list)
                        vars = *app;
        }
        if (r == CTL_GOOD && !vars) {
                (void) fputs("pyservicectl: import dci-api: no variables are defined here\n", stderr);
                return CTL_ERROR;
        }
        if (r == CTL_GOOD)
                r = ctl_places(c, &w.places);
        if (r != CTL_GOOD)
                return r;

        w.root = root = fs_open_dir(AT_FDCWD, c->root);
        if (root < 0)
                return ctl_fail(c->root, root);
        w.ds = &m.ds;
        w.sources = &m.sources;
        return with_contract(&m, vars, &w);
}

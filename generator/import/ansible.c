/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import ansible-pyservice: variables of the Ansible role for Python applications, or a
 * playbook that uses it. */

#include "import/jinja.h"
#include "import/plays.h"

struct role {
        struct draft draft;
        struct jinja jinja;
        struct str app_name; /* as the role has it */
        bool has_uv;         /* the role as it is since 2025 */
};

struct row {
        const char *variable, *key;
        bool is_source, is_flag;
};

static const struct row rows[] = {
        { "app_description", "description", false, false },
        { "app_module", "module", false, false },
        { "app_user", "user", false, false },
        { "app_group", "group", false, false },
        { "app_ensure_user", "ensure_user", false, true },
        { "app_repo", "repo", true, false },
        { "app_tag", "ref", true, false },
        { "app_ssh_key_path", "ssh_key", true, false },
        { "python_version", "python", true, false },
        { "app_dir", "app_dir", false, false },
        { "app_code_dir", "code_dir", false, false },
        { "app_config_dir", "config_dir", false, false },
        { "app_data_dir", "data_dir", false, false },
};

/* Variables of the role that a definition does not need. */
static const struct {
        const char *variable, *instead;
} dropped[] = {
        { "conda_base", "the image contains the installed packages; with 'source: {manager: conda}' conda "
                        "is in it" },
        { "conda_version", "the base image selects the version of conda ('source: {base: …}')" },
        { "conda_isolate", "each application has its own image" },
        { "conda_force_recreate", "an image is built again when its sources change" },
        { "app_uv_isolate", "each application has its own image" },
        { "app_uv_location", "uv is in the image" },
        { "app_uv_version", "the base image selects the version of uv ('source: {base: …}')" },
};

/* Other variables that the role reads. */
static const char *const read_elsewhere[] = {
        "app_config", "app_files",    "app_name",    "app_root",
        "app_run",    "app_services", "app_ssh_key", "app_ssh_key_default_path",
        "app_timers",
};

static bool is_in(struct str name, const char *const *names, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (str_is(name, names[i]))
                        return true;

        return false;
}

/* Names that the role gives a value by itself. */
static struct str own_name(const struct jinja *j, struct str name) {
        static const char *const keys[] = {
                "app_module",   "app_user",       "app_group",    "app_root",       "app_dir",
                "app_code_dir", "app_config_dir", "app_data_dir", "python_version",
        };
        struct draft *d = j->draft;
        struct str app_name = node_text(jinja_var(j, "app_name"));

        if (str_is(name, "app_name") && !str_is_absent(app_name) && !str_eq(app_name, d->name))
                return app_name;
        if (str_is(name, "app_name") || is_in(name, keys, ARRAY_SIZE(keys)) ||
            (str_is(name, "app_config") && !jinja_var(j, "app_config")))
                return arena_join(d->arena, STR("{{ "), name, STR(" }}"));
        if (str_is(name, "conda_run") || str_is(name, "app_run"))
                return STR(""); /* the command runs in the image that was made for it */
        if (str_is(name, "global_app_root") && !jinja_var(j, "global_app_root"))
                return STR("/applications");

        return (struct str){ NULL, 0 };
}

static void put(struct role *r, struct yaml_text *map, const char *key, const struct node *n) {
        struct str text = n ? jinja_text(&r->jinja, n) : (struct str){ NULL, 0 };

        if (!str_is_absent(text))
                (void) yaml_text_put_text(r->draft.arena, map, str_of(key), str_trim(text));
        else if (n && !node_is_null(n) && n->kind != NODE_SCALAR)
                draft_lost(&r->draft, map, n->at, "'%s' could not be carried over: it is not a text", key);
}

static void put_missing(struct draft *d, struct yaml_text *source, const char *key, const char *value,
                        const char *variable) {
        if (!yaml_text_find(source, str_of(key)))
                draft_note(d, yaml_text_put_text(d->arena, source, str_of(key), str_of(value)), NOWHERE,
                           "'%s' is not defined here; write it", variable);
}

static void put_source(struct role *r) {
        struct draft *d = &r->draft;
        struct yaml_text *source = yaml_text_put(d->arena, d->root, STR("source"), YAML_TEXT_MAP);
        const struct node *key = jinja_var(&r->jinja, "app_ssh_key");

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct node *n = jinja_var(&r->jinja, rows[i].variable);
                struct yaml_text *map = rows[i].is_source ? source : d->root;

                if (n && rows[i].is_flag)
                        (void) yaml_text_put_plain(d->arena, map, str_of(rows[i].key),
                                                   node_is_true(n) ? STR("true") : STR("false"));
                else if (n)
                        put(r, map, rows[i].key, n);
        }
        put_missing(d, source, "repo", "https://CHANGE-ME/CHANGE-ME.git", "app_repo");
        put_missing(d, source, "ref", "CHANGE-ME", "app_tag");
        if (r->has_uv)
                (void) yaml_text_put_text(d->arena, source, STR("manager"), STR("uv"));
        else
                (void) yaml_text_put_text(d->arena, source, STR("requirements"),
                                          STR("pinned-requirements.txt"));
        if (key && !jinja_var(&r->jinja, "app_ssh_key_path")) {
                struct yaml_text *path =
                        yaml_text_put_text(d->arena, source, STR("ssh_key"),
                                           arena_join(d->arena, STR("/etc/pyservice/keys/"), d->name));

                draft_lost(d, path, key->at,
                           "'app_ssh_key' could not be carried over: write the key into this file, which "
                           "only root may read");
        }
        if (!jinja_var(&r->jinja, "app_group") && jinja_var(&r->jinja, "ansible_common_remote_group"))
                put(r, d->root, "group", jinja_var(&r->jinja, "ansible_common_remote_group"));
}

static void put_root(struct role *r) {
        struct draft *d = &r->draft;
        const struct node *root = jinja_var(&r->jinja, "app_root"),
                          *global = jinja_var(&r->jinja, "global_app_root");
        struct str base = global ? jinja_text(&r->jinja, global) : STR("/applications");

        if (root)
                put(r, d->root, "root", root);
        else if ((global && !str_is_absent(base)) || !str_eq(r->app_name, d->name))
                (void) yaml_text_put_text(d->arena, d->root, STR("root"),
                                          arena_join(d->arena, base, STR("/"), r->app_name));
        if (str_eq(r->app_name, d->name))
                return;

        draft_note(d, NULL, NOWHERE, "the application is '%.*s' here, because '%.*s' is not a valid name",
                   STR_ARG(d->name), STR_ARG(r->app_name));
        if (!yaml_text_find(d->root, STR("user")))
                (void) yaml_text_put_text(d->arena, d->root, STR("user"), r->app_name);
        if (!yaml_text_find(d->root, STR("module")))
                (void) yaml_text_put_text(d->arena, d->root, STR("module"), r->app_name);
}

static void put_part(struct role *r, enum part_kind kind, const struct node *n) {
        struct draft *d = &r->draft;
        struct str given = n->kind == NODE_MAP && node_get(n, "name")
                                   ? jinja_text(&r->jinja, node_get(n, "name"))
                                   : (struct str){ NULL, 0 },
                   name;
        struct draft_part *p;

        if (str_is_absent(given)) {
                draft_lost(d, NULL, n->at, "this could not be carried over: it has no name");
                return;
        }

        name = draft_part_name(d, given);
        p = draft_part(d, kind, name, n->at);
        if (!str_eq(name, given))
                draft_note(d, p->map, n->at, "'%.*s' is '%.*s' here", STR_ARG(given), STR_ARG(name));
        for (size_t i = 0; i < n->n; i++) {
                struct str key = n->pairs[i].key->text;

                if (str_is(key, "description") || str_is(key, "command") ||
                    (kind == PART_TIMER && str_is(key, "schedule")))
                        put(r, p->map, arena_str(d->arena, key).p, n->pairs[i].value);
                else if (!str_is(key, "name"))
                        draft_lost(d, p->map, n->pairs[i].key->at, "'%.*s' could not be carried over",
                                   STR_ARG(key));
        }
}

/* False, after reporting it, if they are too many. */
static bool put_parts(struct role *r, const char *variable, enum part_kind kind) {
        const struct node *list = jinja_var(&r->jinja, variable);

        if (list && list->kind == NODE_LIST &&
            !draft_can_have(r->draft.ds, r->draft.parts.n + list->n, list->at))
                return false;

        for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
                put_part(r, kind, list->items[i]);
        if (list && list->kind != NODE_LIST)
                draft_lost(&r->draft, NULL, list->at, "'%s' could not be carried over: it is not a list",
                           variable);
        return true;
}

/* The last part of a path. */
static struct str base_name(struct str path) {
        for (size_t i = path.n; i-- > 0;)
                if (path.p[i] == '/')
                        return str_from(path, i + 1);

        return path;
}

static void put_file(struct role *r, struct yaml_text *files, const struct node *n) {
        struct draft *d = &r->draft;
        const struct node *dest = node_get(n, "dest"), *content = node_get(n, "content");
        struct yaml_text *file;

        if (!dest || !content || node_is_null(content)) {
                draft_lost(d, NULL, n->at,
                           "this file could not be carried over: without 'dest' or 'content' the role "
                           "ignores it");
                return;
        }

        file = yaml_text_add(d->arena, files, YAML_TEXT_MAP);
        put(r, file, "dest", dest);
        if (jinja_is_secret(&r->jinja, content)) {
                struct yaml_text *text = yaml_text_find(file, STR("dest"));
                struct str secret = draft_secret(d, d->root, text ? base_name(text->text) : STR("file"));

                draft_put_secret(d, file, STR("content"), secret);
                draft_lost(d, file, content->at,
                           "%s could not be carried over: store it with 'pyservicectl secret set %.*s "
                           "%.*s'",
                           str_is_absent(content->tag) ? arena_str(d->arena, content->text).p
                                                       : "a value of Ansible's vault",
                           STR_ARG(d->name), STR_ARG(secret));
        } else
                /* Not put(): blanks at its ends are part of it. */
                (void) yaml_text_put_text(d->arena, file, STR("content"),
                                          content->kind == NODE_SCALAR ? jinja_text(&r->jinja, content)
                                                                       : STR(""));
        if (content->kind != NODE_SCALAR)
                draft_lost(d, file, content->at, "'content' could not be carried over: it is not a text");

        for (size_t i = 0; i < n->n; i++) {
                struct str key = n->pairs[i].key->text;

                if (str_is(key, "mode") || str_is(key, "owner") || str_is(key, "group"))
                        put(r, file, arena_str(d->arena, key).p, n->pairs[i].value);
                else if (!str_is(key, "dest") && !str_is(key, "content"))
                        draft_lost(d, file, n->pairs[i].key->at, "'%.*s' could not be carried over",
                                   STR_ARG(key));
        }
}

static void put_files(struct role *r) {
        const struct node *list = jinja_var(&r->jinja, "app_files");

        for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
                put_file(r, yaml_text_put(r->draft.arena, r->draft.root, STR("files"), YAML_TEXT_LIST),
                         list->items[i]);
}

/* Other work of the playbook itself. */
static void note_tasks(struct role *r, const struct node *play) {
        static const char *const lists[] = { "pre_tasks", "tasks", "post_tasks", "handlers" };

        for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
                const struct node *list = node_get(play, lists[k]);

                for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
                        const struct node *task = list->items[i], *name = node_get(task, "name");

                        if (plays_is_role(plays_role_of_task(task), "pyservice"))
                                continue;
                        draft_lost(&r->draft, NULL, task->at,
                                   "the playbook's task '%.*s' could not be carried over; a file that "
                                   "it writes may become an entry of 'files:'",
                                   STR_ARG(node_text(name)));
                }
        }
}

/* `text` with `from` as `to`. */
static struct str replace(struct arena *a, struct str text, struct str from, struct str to) {
        struct str done = { NULL, 0 };

        for (size_t at; (at = str_find_str(text, from)) < text.n; text = str_from(text, at + from.n))
                done = arena_join(a, done, (struct str){ text.p, at }, to);
        return arena_join(a, done, text);
}

/* The role's variables were app_X, and are pyservice_X now. True if one was renamed to app_X. */
static bool rename_variables(struct arena *a, struct node *n) {
        static const struct str fresh = STR_INIT("pyservice_"), old = STR_INIT("app_");
        bool is_any = false;

        for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
                is_any = rename_variables(a, n->items[i]) || is_any;
        for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
                struct node *key = n->pairs[i].key;

                if (str_is(key->text, "pyservice_global_root"))
                        key->text = STR("global_app_root");
                else if (str_has_prefix(key->text, fresh)) {
                        key->text = arena_join(a, old, str_from(key->text, fresh.n));
                        is_any = true;
                }
                is_any = rename_variables(a, n->pairs[i].value) || is_any;
        }
        if (n->kind == NODE_SCALAR && str_find_str(n->text, fresh) < n->text.n) {
                n->text = replace(a, n->text, STR("{{ pyservice_global_root"), STR("{{ global_app_root"));
                n->text = replace(a, n->text, STR("{{ pyservice_"), STR("{{ app_"));
                n->text = replace(a, n->text, STR("{{pyservice_"), STR("{{app_"));
        }
        return is_any;
}

/* The text of a variable that is only another one. */
static struct str resolve(const struct node *vars, struct arena *a, struct str text) {
        for (unsigned i = 0; i < 8 && str_has_prefix(text, STR("{{")) && str_has_suffix(text, STR("}}"));
             i++) {
                struct str name = str_trim((struct str){ text.p + 2, text.n - 4 }),
                           value = node_text(node_get(vars, arena_str(a, name).p));

                if (str_is_absent(value))
                        return text;
                text = value;
        }
        return text;
}

static bool has_role_variable(const struct node *vars) {
        for (size_t i = 0; i < vars->n; i++)
                if (str_has_prefix(vars->pairs[i].key->text, STR("app_")))
                        return true;

        return false;
}

/* A variable of the role that nothing read. */
static void note_unread(struct role *r, const struct node *vars) {
        struct yaml_text *used = yaml_text_find(r->draft.root, STR("vars"));

        for (size_t i = 0; i < vars->n; i++) {
                struct str name = vars->pairs[i].key->text;
                bool is_read = !str_has_prefix(name, STR("app_")) || node_is_null(vars->pairs[i].value) ||
                               (used && yaml_text_find(used, name)) ||
                               is_in(name, read_elsewhere, ARRAY_SIZE(read_elsewhere));

                for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
                        is_read = is_read || str_is(name, rows[k].variable);
                for (size_t k = 0; k < ARRAY_SIZE(dropped); k++)
                        is_read = is_read || str_is(name, dropped[k].variable);
                if (!is_read)
                        draft_lost(&r->draft, NULL, vars->pairs[i].key->at,
                                   "'%.*s' could not be carried over", STR_ARG(name));
        }
}

static int import_one(struct import *m, const struct node *vars, const struct node *play, bool has_uv,
                      bool is_next) {
        struct role r = { .jinja.vars = vars, .jinja.own = own_name, .has_uv = has_uv };
        const struct node *name = node_get(vars, "app_name");

        if (!has_role_variable(vars)) {
                (void) fprintf(
                        stderr,
                        "pyservicectl: %.*s: there is no variable of the role here: app_… or pyservice_…\n",
                        STR_ARG(m->sources.list.at[vars->at.file].path));
                return CTL_ERROR;
        }
        if (!str_is_absent(node_text(name)))
                ((struct node *) name)->text = resolve(vars, &m->ctl->arena, name->text);
        r.jinja.draft = &r.draft;
        r.app_name = node_text(name);
        if (str_is_absent(r.app_name)) {
                struct str path = base_name(m->sources.list.at[vars->at.file].path);

                r.app_name = (struct str){ path.p, str_find(path, '.') };
        }
        draft_begin(&r.draft, m, r.app_name);
        if (!name)
                draft_note(&r.draft, NULL, vars->at,
                           "'app_name' is not defined here; the application is named like the file");

        put_source(&r);
        put_root(&r);
        if (!put_parts(&r, "app_services", PART_SERVICE) || !put_parts(&r, "app_timers", PART_TIMER))
                return import_report(m);

        put_files(&r);
        for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
                if (jinja_var(&r.jinja, dropped[i].variable))
                        draft_note(&r.draft, NULL, jinja_var(&r.jinja, dropped[i].variable)->at,
                                   "'%s' is not carried over: %s", dropped[i].variable, dropped[i].instead);
        note_unread(&r, vars);
        if (play)
                note_tasks(&r, play);
        draft_note(&r.draft, NULL, NOWHERE,
                   "the role has neither ports nor health checks; services that "
                   "answer requests need 'port:', 'health:' and 'proxy:'");
        return draft_print(&r.draft, is_next);
}

/* One application for each play that has variables, and for each that the role is given. */
int import_ansible(struct ctl *c) {
        const struct node *vars = NULL, *plays = NULL;
        struct import m;
        bool is_next = false, has_uv = false;
        int r, worst = CTL_GOOD;

        import_begin(&m, c);
        r = jinja_read(&m, &vars, &plays);
        if (r != CTL_GOOD)
                return r;

        has_uv = vars && rename_variables(&c->arena, (struct node *) vars);
        has_uv = (plays && rename_variables(&c->arena, (struct node *) plays)) || has_uv;
        for (size_t i = 0; plays && i < plays->n; i++) {
                struct plays_apps apps;

                plays_apps(&m, plays->items[i], "pyservice", vars, &apps);
                VEC_EACH(app, &apps.list) {
                        r = import_one(&m, *app, app == apps.list.at ? plays->items[i] : NULL, has_uv,
                                       is_next);
                        is_next = true;
                        if (r != CTL_GOOD && (worst == CTL_GOOD || worst == CTL_LOST))
                                worst = r;
                }
        }
        if (is_next)
                return worst;
        if (vars)
                return import_one(&m, vars, NULL, has_uv, false);

        (void) fputs("pyservicectl: import ansible-pyservice: no variables are defined here\n", stderr);
        return CTL_ERROR;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "load/environment.h"

#include <stdlib.h>

#include "app/inherit.h"
#include "app/resolve.h"
#include "load/contract.h"

struct environment {
        struct arena *arena;
        VEC(struct variable) list;
};

bool environment_is_podmans(struct str name) {
        static const char *const prefixes[] = {
                "LD_",      "CONTAINER", "PODMAN_", "XDG_",     "DBUS_",
                "SYSTEMD_", "NOTIFY_",   "LISTEN_", "BUILDAH_", "PYSERVICE_"
        };
        static const char *const names[] = {
                "PATH",
                "HOME",
                "TMPDIR",
                "USER",
                "SHELL",
                "REGISTRY_AUTH_FILE",
                "STORAGE_DRIVER",
                "STORAGE_OPTS",
                "HTTP_PROXY",
                "HTTPS_PROXY",
                "NO_PROXY",
                "http_proxy",
                "https_proxy",
                "no_proxy",
                "SSL_CERT_FILE",
                "SSL_CERT_DIR",
                "CREDENTIALS_DIRECTORY",
                "RUNTIME_DIRECTORY",
                "MAINPID",
                "IFS",
                "BASH_ENV",
                "ENV",
                "GODEBUG",
                "GOGC",
                "GOMAXPROCS",
                "GOMEMLIMIT",
                "GORACE",
                "GOTRACEBACK",
                "GOCOVERDIR",
        };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
                if (str_has_prefix(name, str_of(prefixes[i])))
                        return true;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_is(name, names[i]))
                        return true;

        return false;
}

/* One of the same name counts instead of those before it; settle() sees to that. */
static void put(struct environment *env, struct variable v) {
        *vec_push(env->arena, &env->list) = v;
}

static void put_one(struct environment *env, struct env_name name, struct piece piece) {
        struct piece *at = arena_new(env->arena, struct piece);

        *at = piece;
        put(env, (struct variable){
                         .name = name, .pieces = { at, 1 }, .is_secret = !str_is_absent(piece.secret.text) });
}

static struct env_name program_name(struct str text) {
        return (struct env_name){ text, NOWHERE };
}

static void put_run_mode(struct environment *env, const struct container *c) {
        static const char *const words[] = { "WEB", "TASK", "WORKER", "BEAT" };

        if (c->run_mode.at.len > 0)
                put_one(env, program_name(STR("APP_RUN_MODE")),
                        (struct piece){ .literal = str_of(words[c->run_mode.index]) });
        if (c->worker_count.at.len > 0)
                put_one(env, program_name(STR("APP_WORKER_COUNT")),
                        (struct piece){ .literal = arena_printf(env->arena, "%llu",
                                                                (unsigned long long) c->worker_count.n) });
}

static bool has_secret(const struct container *c, struct str name) {
        LIST_EACH(secret, &c->secrets)
                if (str_eq(secret->key.text, name))
                        return true;

        return false;
}

static void check_secret(struct world *w, const struct container *c, const struct piece *piece) {
        struct str names[64], hint;
        size_t n = 0;

        if (str_is_absent(piece->secret.text) || has_secret(c, piece->secret.text))
                return;

        LIST_EACH(secret, &c->secrets)
                if (n < ARRAY_SIZE(names))
                        names[n++] = secret->key.text;

        hint = diag_hint(w->arena, piece->secret.text, names, n, STR("add it to 'secrets:'"));
        (void) diag_add(w->ds, DIAG_UNKNOWN_SECRET, piece->secret.at, "unknown secret '%.*s'; %.*s",
                        STR_ARG(piece->secret.text), STR_ARG(hint));
}

static void check_variable(struct world *w, const struct container *c, const struct variable *v) {
        LIST_EACH(piece, &v->pieces)
                check_secret(w, c, piece);

        if (v->is_secret && environment_is_podmans(v->name.text))
                (void) diag_add(w->ds, DIAG_SECRET_VARIABLE, v->name.at,
                                "'%.*s' cannot contain a secret, because Podman itself reads that variable; "
                                "let the container read the secret's file in /run/secrets instead",
                                STR_ARG(v->name.text));
}

/* Elements of one array: their addresses are their order. */
static int compare_variables(const void *left, const void *right) {
        const struct variable *a = *(const struct variable *const *) left,
                              *b = *(const struct variable *const *) right;
        int r = str_cmp(a->name.text, b->name.text);

        return r != 0 ? r : a < b ? -1 : a > b;
}

/* Sorted by name, the last of each. */
static void settle(struct environment *env) {
        const struct variable **order = arena_array(env->arena, env->list.n, const struct variable *);
        struct environment settled = { .arena = env->arena };

        for (size_t i = 0; i < env->list.n; i++)
                order[i] = &env->list.at[i];
        if (env->list.n > 1)
                qsort(order, env->list.n, sizeof(*order), compare_variables);

        for (size_t i = 0; i < env->list.n; i++)
                if (i + 1 == env->list.n || !str_eq(order[i]->name.text, order[i + 1]->name.text))
                        *vec_push(env->arena, &settled.list) = *order[i];
        *env = settled;
}

static void resolve_one(struct world *w, const struct environment *common, struct container *c) {
        struct environment env = { .arena = w->arena };

        for (size_t i = 0; c->takes[INHERITED_CONFIG] && i < common->list.n; i++)
                put(&env, common->list.at[i]);
        put_run_mode(&env, c);
        LIST_EACH(entry, &c->env)
                put_one(&env, entry->key,
                        (struct piece){ .literal = entry->value.text.text, .secret = entry->value.secret });

        settle(&env);
        VEC_EACH(v, &env.list)
                check_variable(w, c, v);

        c->environment.at = env.list.at;
        c->environment.n = env.list.n;
}

static void apply_contract(struct world *w, struct app *app, struct environment *common) {
        struct contract *contract;
        struct variable *variables = NULL;
        size_t n = 0;

        if (str_is_absent(app->contract.text)) {
                if (app->config.n > 0)
                        (void) diag_add(w->ds, DIAG_CONFIG_WITHOUT_CONTRACT, app->config.at[0].key.at,
                                        "'config:' needs a contract, which defines its variables; add "
                                        "'contract: NAME', or use 'env:'");
                return;
        }

        contract = contract_find(w, app->contract);
        if (!contract)
                return;

        contract_apply(w, app, contract, &variables, &n);
        for (size_t i = 0; i < n; i++)
                put(common, variables[i]);
}

static bool has_variable(const struct environment *env, struct str name) {
        VEC_EACH(v, &env->list)
                if (str_eq(v->name.text, name))
                        return true;

        return false;
}

/* The API sets the mark that the sidecar reads. A URL that is written under `auth_tracking:` counts more than
 * the contract's, its default less. */
static void put_tracking(const struct app *app, struct environment *common) {
        const struct env_name name = program_name(STR("DCI_REDIS_URL"));
        const struct auth_tracking *t = app->auth_tracking;

        if (t && (t->redis_url.at.file != SPAN_NOWHERE || !has_variable(common, name.text)))
                put_one(common, name, (struct piece){ .literal = t->redis_url.text });
}

void resolve_environment(struct world *w, struct app *app) {
        struct environment common = { .arena = w->arena };
        struct container_list all = app_containers(w->arena, app);

        apply_contract(w, app, &common);
        put_tracking(app, &common);

        VEC_EACH(ref, &all.list)
                resolve_one(w, &common, ref->container);
        inherit_check(w, app, common.list.at, common.list.n);
}

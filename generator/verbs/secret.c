/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl secret list, set, rm, edit: manages the credentials behind the secrets of an application. */

#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "app/resolve.h"
#include "ctl/session.h"
#include "model/secret.h"
#include "runtime/spawn.h"
#include "systemd/credential.h"
#include "terminal/table.h"
#include "verbs/verbs.h"

/* --- list: the secrets of the definition, where each comes from, and whether it exists --- */

static struct str explain(struct ctl *c, int r) {
        return r == -ENOENT   ? STR("missing")
               : r == -EACCES ? STR("visible only to root")
                              : str_of(strerror(-r));
}

static struct str look_for_credential(struct ctl *c, struct str name) {
        struct credential_place place;
        int r = secret_find(c, name, &place);

        return r < 0 ? explain(c, r)
                     : arena_join(&c->arena, place.is_encrypted ? STR("encrypted, ") : STR("in clear, "),
                                  place.path);
}

static struct str look_for_podman(struct ctl *c, struct str name) {
        struct str program = strcmp(c->root, "/") == 0 ? spawn_find(&c->arena, "podman") : (struct str){ 0 };
        const char *argv[] = { program.p, "secret", "exists", arena_str(&c->arena, name).p, NULL };
        struct spawn_result result;

        if (!program.p || spawn_run(&c->arena, argv, &result) < 0 || result.status > 1)
                return STR("not known");

        return result.status == 0 ? STR("there") : STR("missing");
}

static struct str path_for(struct ctl *c, struct str file, uint64_t instance) {
        struct str path = instance_mark_replace(&c->arena, file, arena_u64(&c->arena, instance));

        return strcmp(c->root, "/") == 0 ? path : arena_join(&c->arena, str_of(c->root), path);
}

static struct str look_for_file(struct ctl *c, const struct secret_use *use) {
        struct str file = use->from->file.text;
        uint64_t n = has_instance_mark(file) ? use->scale : 1;

        for (uint64_t i = 0; i < n; i++)
                if (access(path_for(c, file, i).p, R_OK) < 0)
                        return has_instance_mark(file) ? arena_join(&c->arena, STR("missing for instance "),
                                                                    arena_u64(&c->arena, i))
                                                       : explain(c, -errno);

        return STR("there");
}

static struct str file_source(struct ctl *c, struct str file) {
        return arena_join(&c->arena, STR("file "), marks_show(&c->arena, file));
}

static struct str users_of(struct ctl *c, const struct secret_use *use) {
        struct str text = STR("");

        for (size_t i = 0; i < use->users.n; i++)
                text = arena_join(&c->arena, text, i > 0 ? STR(", ") : STR(""), use->users.at[i]->unit.text);
        return text;
}

static int add_line(struct ctl *c, struct table *t, const struct secret_use *use) {
        const struct secret *s = use->from;
        struct str cells[4] = { use->name, { 0 }, { 0 }, users_of(c, use) };

        if (!str_is_absent(s->credential.text)) {
                cells[1] = arena_join(&c->arena, STR("credential "), s->credential.text);
                cells[2] = look_for_credential(c, s->credential.text);
        } else if (!str_is_absent(s->file.text)) {
                cells[1] = file_source(c, s->file.text);
                cells[2] = look_for_file(c, use);
        } else if (!str_is_absent(s->podman.text)) {
                cells[1] = arena_join(&c->arena, STR("podman "), s->podman.text);
                cells[2] = look_for_podman(c, s->podman.text);
        } else {
                cells[1] = STR("kms");
                cells[2] = STR("in the definition");
        }

        return table_add(t, cells);
}

static int secret_print_list(struct ctl *c, struct secret_uses *u) {
        static const struct table_column columns[] = {
                { "SECRET", "secret", 0 },
                { "SOURCE", "source", TABLE_WRAP },
                { "STATE", "state", TABLE_WRAP },
                { "USED BY", "users", TABLE_WRAP },
        };
        CLEANUP(table_free) struct table *t = NULL;
        int r;

        if (u->list.n == 0 && !c->is_json) {
                (void) fprintf(stderr, "pyservicectl: %.*s has no secrets\n", STR_ARG(u->app->name.text));
                return CTL_GOOD;
        }

        r = table_new(c, "secrets", columns, ARRAY_SIZE(columns), &t);
        VEC_EACH(use, &u->list)
                if (r == 0)
                        r = add_line(c, t, use);

        return r < 0 ? ctl_fail("cannot make the table", r) : table_print(c, t);
}

static void secret_close(struct secret_uses *u) {
        session_close(&u->session);
}

static bool is_same(const struct secret *a, const struct secret *b) {
        return str_eq(a->credential.text, b->credential.text) && str_eq(a->file.text, b->file.text) &&
               str_eq(a->kms.text, b->kms.text) && str_eq(a->podman.text, b->podman.text);
}

static struct secret_use *find_use(struct secret_uses *u, const struct secret_entry *entry) {
        VEC_EACH(use, &u->list)
                if (str_eq(use->name, entry->key.text) && is_same(use->from, &entry->value))
                        return use;

        return NULL;
}

static uint64_t scale_of(const struct app *app, const struct container *c) {
        LIST_EACH(s, &app->services)
                if (&s->container == c)
                        return s->scale.n;

        return 0;
}

static void collect(struct arena *a, struct secret_uses *u) {
        struct container_list all = app_containers(a, u->app);

        VEC_EACH(ref, &all.list)
                LIST_EACH(entry, &ref->container->secrets) {
                        struct secret_use *use = find_use(u, entry);
                        uint64_t scale = scale_of(u->app, ref->container);

                        if (!use) {
                                use = vec_push(a, &u->list);
                                *use = (struct secret_use){ .name = entry->key.text, .from = &entry->value };
                        }
                        if (scale > use->scale)
                                use->scale = scale;
                        *vec_push(a, &use->users) = ref->container;
                }
}

/* The app's definition, and the secrets in it. Returns 0 or an exit status; close it in any case. */
static int secret_open(struct ctl *c, struct str app, struct secret_uses *ret) {
        int r = session_open_app(c, &ret->session, app, &ret->app);

        if (r != 0)
                return r;

        collect(&c->arena, ret);
        return 0;
}

static int refuse_source(struct secret_uses *u, const struct secret_use *use) {
        const struct secret *s = use->from;

        (void) fprintf(stderr, "pyservicectl: %.*s: the secret '%.*s' is not a credential: ",
                       STR_ARG(u->app->name.text), STR_ARG(use->name));
        if (!str_is_absent(s->file.text))
                (void) fputs("it is read from a file; change that file\n", stderr);
        else if (!str_is_absent(s->podman.text))
                (void) fprintf(stderr,
                               "it is a Podman secret; change it with: podman secret create "
                               "--replace %.*s -\n",
                               STR_ARG(s->podman.text));
        else
                (void) fputs("its ciphertext is in the definition; create a new one with 'aws kms encrypt'\n",
                             stderr);
        return CTL_ERROR;
}

/* The credential behind a secret's name, or behind a credential's. Returns 0 or an exit status. */
static int secret_pick(struct secret_uses *u, struct str name, const struct secret_use **ret) {
        const struct secret_use *found = NULL;
        struct str names[64], near;
        size_t n = 0, n_found = 0;

        VEC_EACH(use, &u->list) {
                if (str_eq(use->from->credential.text, name) && name.n > 0) {
                        *ret = use;
                        return 0;
                }
                if (str_eq(use->name, name)) {
                        found = use;
                        n_found++;
                }
                if (n < ARRAY_SIZE(names))
                        names[n++] = use->name;
        }

        if (n_found == 1 && !str_is_absent(found->from->credential.text)) {
                *ret = found;
                return 0;
        }
        if (n_found == 1)
                return refuse_source(u, found);
        if (n_found > 1) {
                (void) fprintf(stderr,
                               "pyservicectl: %.*s: the secret '%.*s' has several sources in its services; "
                               "give the name of a credential instead\n",
                               STR_ARG(u->app->name.text), STR_ARG(name));
                return CTL_ERROR;
        }

        near = diag_nearest(name, names, n);
        (void) fprintf(stderr, "pyservicectl: %.*s: its definition has no secret '%.*s'%s%.*s%s\n",
                       STR_ARG(u->app->name.text), STR_ARG(name), near.n > 0 ? "; did you mean '" : "",
                       STR_ARG(near), near.n > 0 ? "'?" : "");
        return CTL_ERROR;
}

/* Reports that running parts keep the old value, and how to restart them. */
static void secret_tell_restart(struct ctl *c, const struct secret_uses *u, const struct secret_use *use) {
        const char *user = c->is_user ? " --user" : "";

        (void) puts("Running instances keep their value. To restart them, one after another:");
        VEC_EACH(ref, &use->users) {
                struct str unit = (*ref)->unit.text;

                LIST_EACH(s, &u->app->services)
                        if (&s->container == *ref && s->scale.n > 0)
                                (void) printf("  for i in $(seq 0 %llu); do systemctl%s restart "
                                              "%.*s@$i.service || break; done\n",
                                              (unsigned long long) s->scale.n - 1, user, STR_ARG(unit));
                LIST_EACH(s, &u->app->sidecars)
                        if (&s->container == *ref)
                                (void) printf("  systemctl%s restart %.*s.service\n", user, STR_ARG(unit));
        }
}

static int set(struct ctl *c, struct secret_uses *u, const struct secret_use *use) {
        struct str credential = use->from->credential.text, value;
        int r = secret_check(c, credential);

        if (r == 0)
                r = secret_ask(c, use->name, &value);
        if (r == 0)
                r = secret_write(c, credential, value);
        if (r != 0)
                return r;

        (void) printf("%.*s: the secret '%.*s' is set, as the credential %.*s\n", STR_ARG(u->app->name.text),
                      STR_ARG(use->name), STR_ARG(credential));
        secret_tell_restart(c, u, use);
        return CTL_GOOD;
}

static int edit(struct ctl *c, struct secret_uses *u, const struct secret_use *use) {
        struct str credential = use->from->credential.text, before, after;
        int r = secret_read(c, credential, &before);

        if (r == 0)
                r = secret_edit_text(c, use->name, before, &after);
        if (r == 0 && !str_is_absent(before) && str_eq(before, after)) {
                (void) printf("%.*s: the secret '%.*s' is unchanged\n", STR_ARG(u->app->name.text),
                              STR_ARG(use->name));
                return CTL_GOOD;
        }
        if (r == 0)
                r = secret_write(c, credential, after);
        if (r != 0)
                return r;

        (void) printf("%.*s: the secret '%.*s' is changed, as the credential %.*s\n",
                      STR_ARG(u->app->name.text), STR_ARG(use->name), STR_ARG(credential));
        secret_tell_restart(c, u, use);
        return CTL_GOOD;
}

static int take_out(struct ctl *c, struct secret_uses *u, const struct secret_use *use) {
        int r = secret_remove(c, use->from->credential.text);

        if (r != 0)
                return r;

        (void) printf("%.*s: the secret '%.*s' is removed; running instances keep it, but parts that need "
                      "it do not start until it is set\n",
                      STR_ARG(u->app->name.text), STR_ARG(use->name));
        return CTL_GOOD;
}

static const struct {
        const char *name;
        int (*run)(struct ctl *c, struct secret_uses *u, const struct secret_use *use);
        bool needs_key;
} verbs[] = {
        { "list", NULL, false },
        { "set", set, true },
        { "rm", take_out, false },
        { "edit", edit, true },
};

static int run_verb(struct ctl *c, size_t i) {
        CLEANUP(secret_close) struct secret_uses u = { .session.world.root = -1 };
        const struct secret_use *use;
        int r;

        if (verbs[i].needs_key && strcmp(c->root, "/") != 0)
                return ctl_usage(c,
                                 "%s: --root is not supported: secrets are encrypted with this machine's key",
                                 verbs[i].name);

        /* A core dump would be a copy of the secret on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);

        r = secret_open(c, str_of(c->argv[1]), &u);
        if (r != 0)
                return r;
        if (!verbs[i].run)
                return secret_print_list(c, &u);

        r = secret_pick(&u, str_of(c->argv[2]), &use);
        return r != 0 ? r : verbs[i].run(c, &u, use);
}

int ctl_secret(struct ctl *c) {
        for (size_t i = 0; c->argc > 0 && i < ARRAY_SIZE(verbs); i++) {
                if (strcmp(c->argv[0], verbs[i].name) != 0)
                        continue;
                if (c->argc == (verbs[i].run ? 3 : 2))
                        return run_verb(c, i);
                return ctl_usage(c, "%s: give the name of an application%s", verbs[i].name,
                                 verbs[i].run ? " and of its secret" : "");
        }

        return ctl_unknown_subcommand(c, "list, set, rm and edit");
}

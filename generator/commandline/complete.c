/* SPDX-License-Identifier: Apache-2.0 */

/* Which kind of word comes next: read from the tables of verbs and options, whose texts are those of
 * --help. */

#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "change/key.h"
#include "commandline/commandline.h"
#include "commandline/complete.h"
#include "commandline/find.h"
#include "ctl/session.h"

static void complete_put(struct complete *k, struct str text, struct str doc) {
        buf_put_str(&k->out, text);
        buf_put_char(&k->out, '\t');
        buf_put_str(&k->out, doc);
        buf_put_char(&k->out, '\n');
}

/* Errors of its definition do not matter here. */
static struct app *find_app(const struct session *s, struct str name) {
        const struct definition *d = session_find(s, name);

        return d ? d->app : NULL;
}

static void offer_names_in(struct complete *k, int dir, const char *path, struct str doc) {
        struct fs_names names = { 0 };

        if (fs_list(&k->ctl->arena, dir, path, &names) < 0)
                return;
        VEC_EACH(name, &names.list)
                if (name->p[0] != '.')
                        complete_offer(k, *name, doc);
}

/* Apps without a definition that still run or left something. */
static void offer_published(struct complete *k, const struct session *s) {
        struct str path = arena_join(&k->ctl->arena, s->world.places.runtime, STR("/" LAYOUT_APPS));
        struct fs_names names = { 0 };

        if (fs_list(&k->ctl->arena, s->world.root, path.p + 1, &names) < 0)
                return;
        VEC_EACH(name, &names.list)
                if (type_accepts(KIND_NAME, *name) && !session_find(s, *name))
                        complete_offer(k, *name, STR("without a definition"));
}

static void offer_apps(struct complete *k, const struct session *s) {
        VEC_EACH(d, &s->world.definitions)
                if (k->verb->apps != VERB_APPS_GONE && !str_is_absent(d->name.text))
                        complete_offer(k, d->name.text,
                                       d->app ? d->app->description.text : STR("its definition has errors"));
        if (k->verb->apps != VERB_APPS_DEFINED)
                offer_published(k, s);
}

/* 0 if there is something to offer. */
static int open_session(struct complete *k, struct session *s) {
        return k->is_elsewhere ? CTL_ERROR : session_open(k->ctl, s);
}

/* The names of applications; with their parts and instances once one is named and '/' or '@' written. */
static void complete_apps(struct complete *k) {
        CLEANUP(session_close) struct session s = { .world = { .root = -1 } };

        if (open_session(k, &s) == 0)
                offer_apps(k, &s);
}

static void offer_part(struct complete *k, struct str app, struct str part, struct str doc) {
        if (!str_eq(app, part))
                complete_offer(k, arena_join(&k->ctl->arena, app, STR("/"), part), doc);
}

static void offer_instances(struct complete *k, struct str prefix, uint64_t n) {
        for (uint64_t i = 0; i < n; i++)
                complete_offer(k, arena_join(&k->ctl->arena, prefix, STR("@"), arena_u64(&k->ctl->arena, i)),
                               STR("instance"));
}

static void offer_services(struct complete *k, const struct app *app, struct str part) {
        struct str name = app->name.text;

        LIST_EACH(s, &app->services)
                if (str_is_absent(part) ? str_eq(s->name.text, name) : str_eq(s->name.text, part))
                        offer_instances(
                                k,
                                str_is_absent(part) ? name : arena_join(&k->ctl->arena, name, STR("/"), part),
                                s->scale.n);
}

static void complete_targets(struct complete *k) {
        CLEANUP(session_close) struct session s = { .world = { .root = -1 } };
        struct str name = { k->word.p, str_find(k->word, '/') };
        struct app *app;

        name.n = str_find(name, '@');
        if (open_session(k, &s) != 0)
                return;
        if (name.n == k->word.n) {
                offer_apps(k, &s);
                return;
        }

        app = find_app(&s, name);
        if (!app)
                return;
        if (str_find(k->word, '@') < k->word.n) {
                struct str part = { k->word.p + name.n + 1, str_find(k->word, '@') - name.n - 1 };

                offer_services(k, app, k->word.p[name.n] == '@' ? (struct str){ 0 } : part);
                return;
        }

        LIST_EACH(service, &app->services)
                offer_part(k, name, service->name.text, STR("service"));
        LIST_EACH(sidecar, &app->sidecars)
                offer_part(k, name, sidecar->name.text, STR("sidecar"));
        LIST_EACH(timer, &app->timers)
                offer_part(k, name, timer->task.name.text, STR("timer"));
}

static void offer_secrets(struct complete *k, struct app *app) {
        struct container_list all = app_containers(&k->ctl->arena, app);
        VEC(struct str) seen = { 0 };

        VEC_EACH(ref, &all.list)
                LIST_EACH(entry, &ref->container->secrets) {
                        if (!VEC_HAS(&seen, entry->key.text))
                                complete_offer(k, entry->key.text, STR("secret"));
                        *vec_push(&k->ctl->arena, &seen) = entry->key.text;
                }
}

static void complete_keys(struct complete *k) {
        CLEANUP(session_close) struct session s = { .world = { .root = -1 } };
        const struct definition *d;
        struct key_names names = { 0 };
        struct str path = k->word;

        if (open_session(k, &s) != 0)
                return;

        d = session_find(&s, k->app);
        while (path.n > 0 && path.p[path.n - 1] != '.')
                path.n--;
        key_list(k->ctl, path, d ? d->root : NULL, &names);
        VEC_EACH(name, &names.list)
                complete_offer(k, arena_join(&k->ctl->arena, path, name->text), name->doc);
}

/* Offers the secrets, tasks or revisions of k->app. */
static void complete_parts(struct complete *k, const char *kind) {
        CLEANUP(session_close) struct session s = { .world = { .root = -1 } };
        struct app *app;

        if (open_session(k, &s) != 0)
                return;
        app = find_app(&s, k->app);
        if (!app)
                return;
        if (kind[0] == 'S') {
                if (!str_is(k->sub, "list"))
                        offer_secrets(k, app);
                return;
        }

        LIST_EACH(task, &app->tasks)
                complete_offer(k, task->name.text, task->description.text);
        LIST_EACH(timer, &app->timers)
                complete_offer(k, timer->task.name.text, timer->task.description.text);
}

static void complete_revisions(struct complete *k) {
        CLEANUP(close_fd) int root = fs_open_dir(AT_FDCWD, k->ctl->root);
        struct places places;

        if (root < 0 || k->is_elsewhere || !str_is(k->sub, "undo") || ctl_places(k->ctl, &places) != 0)
                return;

        offer_names_in(k, root,
                       arena_join(&k->ctl->arena, places.state, STR("/"), k->app, STR("/" LAYOUT_BUNDLES)).p +
                               1,
                       STR("kept"));
}

/* Definitions by the name of their application, and the shell's files. */
static void complete_files(struct complete *k) {
        CLEANUP(session_close) struct session s = { .world = { .root = -1 } };

        if (open_session(k, &s) == 0)
                VEC_EACH(d, &s.world.definitions)
                        if (str_has_prefix(d->name.text, k->word) || str_has_prefix(d->path, k->word))
                                complete_put(k,
                                             arena_join(&k->ctl->arena,
                                                        strcmp(k->ctl->root, "/") == 0 ? STR("")
                                                                                       : str_of(k->ctl->root),
                                                        d->path),
                                             STR("definition"));
        complete_put(k, STR(":files"), STR(""));
}

void complete_offer(struct complete *k, struct str text, struct str doc) {
        if (str_has_prefix(text, k->word))
                complete_put(k, text, doc);
}

static void complete_verbs(struct complete *k) {
        for (size_t i = 0; i < k->ctl->n_verbs; i++)
                if (k->ctl->verbs[i].task != VERB_INTERNAL)
                        complete_offer(k, str_of(k->ctl->verbs[i].name), str_of(k->ctl->verbs[i].doc));
}

static void offer_choices(struct complete *k, struct str choices) {
        struct str word;

        choices.n = str_find(choices, ']');
        while (str_split(&choices, '|', &word))
                complete_offer(k, word, STR(""));
}

/* One token of a verb's `arguments`, without its brackets. */
static void offer_token(struct complete *k, struct str token) {
        static const struct {
                const char *name;
                void (*offer)(struct complete *k);
        } kinds[] = {
                { "APP[/", complete_targets }, { "APP/", complete_targets },
                { "APP", complete_apps },      { "REVISION", complete_revisions },
                { "FILE", complete_files },    { "COMMAND]", complete_verbs },
                { "KEY", complete_keys },
        };

        if (islower((unsigned char) token.p[0])) {
                offer_choices(k, token);
                return;
        }
        if (str_has_prefix(token, STR("TASK")) || str_has_prefix(token, STR("SECRET"))) {
                complete_parts(k, token.p[0] == 'T' ? "TASK" : "SECRET");
                return;
        }

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_has_prefix(token, str_of(kinds[i].name))) {
                        kinds[i].offer(k);
                        break;
                }
        if (str_find_str(token, STR("|FILE")) < token.n)
                complete_files(k);
}

/* The token for the argument number `n`: the last one for all that follow if it ends with an ellipsis. Absent
 * if there is none. */
static struct str find_token(const struct verb *verb, size_t n) {
        struct str rest = str_of(verb->arguments), token, found = { 0 };

        for (size_t i = 0; str_split(&rest, ' ', &token);) {
                if (str_has_prefix(token, STR("[")))
                        token = (struct str){ token.p + 1, token.n - 1 };
                if (!isalpha((unsigned char) token.p[0]))
                        continue;
                found = i == n || str_find_str(token, STR("…")) < token.n ? token : (struct str){ 0 };
                if (i++ == n)
                        break;
        }

        return found;
}

/* The words before the current word: the verb, and the number of arguments. */
struct before {
        const struct verb *verb;
        size_t n;
        bool is_unknown; /* a verb that there is not */
        bool is_value;   /* the next word belongs to the option before it */
};

static void take_word(struct complete *k, struct before *b, struct str word) {
        struct ctl *c = k->ctl;
        struct str root = STR("--root=");

        if (b->is_value)
                b->is_value = false;
        else if (str_has_prefix(word, STR("-H")) || str_has_prefix(word, STR("--host"))) {
                k->is_elsewhere = true;
                b->is_value = str_is(word, "-H") || str_is(word, "--host");
        } else if (str_has_prefix(word, root))
                c->root = arena_str(&c->arena, (struct str){ word.p + root.n, word.n - root.n }).p;
        else if (str_is(word, "--user"))
                c->is_user = true;
        else if (word.n > 0 && word.p[0] == '-')
                return;
        else if (!b->verb) {
                b->verb = verb_find(c, word);
                b->is_unknown = !b->verb;
        } else {
                if (b->n++ == 0)
                        k->sub = word;
                if (type_accepts(KIND_NAME, word))
                        k->app = word;
        }
}

static void offer(struct complete *k, const struct before *b) {
        struct str token;

        k->verb = b->verb;
        if (b->is_value)
                return;
        if (b->verb && b->verb->n_words > 0 && b->n > (size_t) b->verb->n_words)
                return;
        if (k->word.n > 0 && k->word.p[0] == '-') {
                if (str_has_prefix(k->word, STR("--host=")))
                        return;
                if (str_find(k->word, '=') < k->word.n)
                        complete_put(k, STR(":directories"), STR(""));
                else
                        options_complete(k, b->verb);
                return;
        }
        if (!b->verb) {
                complete_verbs(k);
                return;
        }

        token = find_token(b->verb, b->n);
        if (!str_is_absent(token))
                offer_token(k, token);
}

int ctl_completion(struct ctl *c) {
        struct complete k = { .ctl = c, .word = STR(""), .out = buf_in(&c->arena) };
        char **words = c->argv + c->argc - c->n_tail;
        struct before b = { 0 };
        int n = c->n_tail;

        if (n < 1 || n != c->argc)
                return ctl_usage(c, "write '--' and the words of the command line, the incomplete word last");

        k.word = str_of(words[n - 1]);
        for (int i = 0; i < n - 1; i++)
                take_word(&k, &b, str_of(words[i]));
        if (!b.is_unknown)
                offer(&k, &b);
        return ctl_write(stdout, buf_str(&k.out));
}

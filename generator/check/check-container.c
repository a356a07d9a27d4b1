/* SPDX-License-Identifier: Apache-2.0 */

/* Rules for every single container, and for the networks and volumes of the app. */

#include <stdlib.h>

#include "app/place.h"
#include "app/resolve.h"
#include "base/base64.h"
#include "check/check-parts.h"
#include "schema/syntax.h"

static void check_ciphertext(struct world *w, const struct secret *s) {
        struct str ignored;

        if (str_is_absent(s->kms.text)) {
                if (s->on_error.at.len > 0 && s->on_error.at.file != SPAN_NOWHERE)
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, s->on_error.at,
                                        "'on_error:' needs 'kms:'; remove it");
                return;
        }

        if (s->on_error.index == ON_ERROR_FAIL && !base64_decode(w->arena, s->kms.text, &ignored))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, s->kms.at,
                                "this is not base64; %s, or add 'on_error: literal' for plain text",
                                type_of(KIND_CIPHERTEXT)->rule);
}

static void check_secrets(struct world *w, const struct container *c) {
        LIST_EACH(secret, &c->secrets) {
                const struct secret *s = &secret->value;
                int n = !str_is_absent(s->credential.text) + !str_is_absent(s->file.text) +
                        !str_is_absent(s->kms.text) + !str_is_absent(s->podman.text);

                if (n > 1)
                        (void) diag_add(w->ds, DIAG_SECRET_SOURCE, secret->key.at,
                                        "the secret '%.*s' has %s sources; keep one",
                                        STR_ARG(secret->key.text),
                                        n == 2   ? "two"
                                        : n == 3 ? "three"
                                                 : "four");
                else if (n == 0)
                        (void) diag_add(w->ds, DIAG_SECRET_SOURCE, secret->key.at,
                                        "the secret '%.*s' has no source; write {credential: NAME}, {file: "
                                        "PATH}, {kms: CIPHERTEXT} or {podman: NAME}",
                                        STR_ARG(secret->key.text));
                check_ciphertext(w, s);
                if (w->places.is_user && str_is_absent(s->podman.text) && s->uid.n + s->gid.n > 0)
                        (void) diag_add(w->ds, DIAG_MISPLACED_KEY, s->uid.n > 0 ? s->uid.at : s->gid.at,
                                        "a user's manager cannot give this file to another user; write "
                                        "{podman: NAME}");
        }
}

/* A user namespace of its own has the numbers from 0 to 65535 (render/container.c). */
static void check_numbers(struct world *w, const struct container *c) {
        struct str user = { c->user.text.p, str_find(c->user.text, ':') };
        uint64_t n;

        if (c->hardening.index == HARDENING_STRICT && has_own_users(c) && str_to_u64(user, UINT32_MAX, &n) &&
            n > UINT16_MAX)
                (void) diag_add(w->ds, DIAG_OUT_OF_RANGE, c->user.at,
                                "user %.*s is above 65535, the highest number in a container with "
                                "'hardening: strict'; "
                                "choose another user, or write 'hardening: none'",
                                STR_ARG(user));
}

static void check_labels(struct world *w, const struct container *c) {
        LIST_EACH(label, &c->labels)
                if (str_has_prefix(label->key.text, STR("io.pyservice.")))
                        (void) diag_add(
                                w->ds, DIAG_RESERVED_NAME, label->key.at,
                                "labels that begin with 'io.pyservice.' are reserved; choose another name");
}

/* Podman's default network and its modes have no name server. */
static void check_aliases(struct world *w, const struct container *c) {
        if (c->aliases.n > 0 && !shares_network(c) && c->attached.at[0].names.n == 0)
                (void) diag_add(w->ds, DIAG_ALIAS_NEEDS_NETWORK, c->aliases.at[0].at,
                                "'aliases:' has no effect on this network, which has no names; set "
                                "'network:' to one of 'networks:'");
}

static void refuse_instance(struct world *w, struct str text, struct span at) {
        if (has_instance_mark(text))
                (void) diag_add(w->ds, DIAG_INSTANCE_NOT_HERE, at,
                                "a sidecar, task or timer has no {{ instance }}; write this only in keys "
                                "that only services use");
}

/* A part that stands alone; what it took over from the app counts too. */
static void check_no_instance(struct world *w, const struct container *c) {
        LIST_EACH(word, &c->entrypoint)
                refuse_instance(w, word->text, word->at);
        LIST_EACH(entry, &c->env)
                refuse_instance(w, entry->value.text.text, entry->value.at);
        LIST_EACH(label, &c->labels)
                refuse_instance(w, label->value.text, label->value.at);
        LIST_EACH(volume, &c->volumes)
                refuse_instance(w, volume->text, volume->at);
        LIST_EACH(secret, &c->secrets)
                refuse_instance(w, secret->value.file.text, secret->value.file.at);
        refuse_instance(w, c->workdir.text, c->workdir.at);
}

static void check_task(struct world *w, const struct task *t) {
        check_no_instance(w, &t->container);
        LIST_EACH(command, &t->commands)
                LIST_EACH(word, &command->words)
                        refuse_instance(w, word->text, word->at);
        for (size_t i = 0; i < t->container.command.n && t->commands.n == 0; i++)
                refuse_instance(w, t->container.command.at[i].text, t->container.command.at[i].at);
}

/* `is_alone`: it has no instances. */
static void check_hook(struct world *w, const struct hook *h, bool is_alone) {
        bool is_empty = h->command.n > 0 && h->command.at[0].text.n == 0;
        bool is_left_out = h->command.n == 0 && !str_is_absent(h->user.text);

        if (is_empty || is_left_out)
                (void) diag_add(w->ds, DIAG_BAD_COMMAND, is_empty ? h->command.at[0].at : h->user.at,
                                "the command is empty; write one, or remove it");
        for (size_t i = 0; is_alone && i < h->command.n; i++)
                refuse_instance(w, h->command.at[i].text, h->command.at[i].at);
}

static void check_hooks(struct world *w, const struct hooks *h, bool is_alone) {
        check_hook(w, &h->before_start, is_alone);
        check_hook(w, &h->after_start, is_alone);
        check_hook(w, &h->before_stop, is_alone);
}

static void check_lone_parts(struct world *w, struct app *app) {
        LIST_EACH(s, &app->services)
                check_hooks(w, &s->hooks, false);
        LIST_EACH(s, &app->sidecars) {
                check_no_instance(w, &s->container);
                check_hooks(w, &s->hooks, true);
                LIST_EACH(word, &s->container.command)
                        refuse_instance(w, word->text, word->at);
        }
        LIST_EACH(t, &app->tasks)
                check_task(w, t);
        LIST_EACH(t, &app->timers)
                check_task(w, &t->task);

        if (app->sidecars.n + app->tasks.n + app->timers.n > 0)
                LIST_EACH(entry, &app->config)
                        refuse_instance(w, entry->value.text.text, entry->value.at);
}

/* One file or directory that all instances share. */
static void refuse_instance_path(struct world *w, struct abs_path path) {
        if (has_instance_mark(path.text))
                (void) diag_add(w->ds, DIAG_INSTANCE_NOT_HERE, path.at,
                                "{{ instance }} cannot be used here, because all instances share this");
}

static void check_shared_paths(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list)
                refuse_instance_path(w, ref->container->auth_file);
        APP_EACH_KEPT(s, app) {
                if (!s->proxy)
                        continue;
                refuse_instance_path(w, s->proxy->config_dir);
                if (s->proxy->tls)
                        refuse_instance_path(w, s->proxy->tls->certificate);
        }
}

/* By what they are mounted at; elements of one array, so their addresses are their order. */
static int compare_specs(const void *left, const void *right) {
        const struct volume_spec *a = *(const struct volume_spec *const *) left,
                                 *b = *(const struct volume_spec *const *) right;
        int r = str_cmp(syntax_volume_split(a->text).target, syntax_volume_split(b->text).target);

        return r != 0 ? r : a < b ? -1 : a > b;
}

static void check_targets(struct world *w, const struct container *c) {
        const struct volume_spec **order =
                arena_array(w->arena, c->volumes.n + 1, const struct volume_spec *);

        for (size_t i = 0; i < c->volumes.n; i++)
                order[i] = &c->volumes.at[i];
        if (c->volumes.n > 1)
                qsort(order, c->volumes.n, sizeof(*order), compare_specs);

        for (size_t i = 1; i < c->volumes.n; i++) {
                struct str target = syntax_volume_split(order[i]->text).target;
                struct diag *d;

                if (!str_eq(syntax_volume_split(order[i - 1]->text).target, target))
                        continue;
                d = diag_add(w->ds, DIAG_FILE_TAKEN, order[i]->at,
                             "two volumes are mounted at '%.*s'; keep one", STR_ARG(target));
                diag_note(w->ds, d, order[i - 1]->at, "the other one is here");
        }
}

void check_mounts(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list)
                check_targets(w, ref->container);
}

void check_containers(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);

        VEC_EACH(ref, &all.list) {
                check_secrets(w, ref->container);
                check_labels(w, ref->container);
                check_numbers(w, ref->container);
                check_aliases(w, ref->container);
        }

        check_lone_parts(w, app);
        check_shared_paths(w, app);
}

static void check_network(struct world *w, const struct network *n) {
        bool has_bits = n->subnet.text.n > 0 && str_find(n->subnet.text, '/') < n->subnet.text.n;

        if (!str_is_absent(n->subnet.text) && !has_bits)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, n->subnet.at,
                                "'%.*s' is one address; a subnet ends in /BITS", STR_ARG(n->subnet.text));
        if (str_is_absent(n->gateway.text))
                return;
        if (str_find(n->gateway.text, '/') < n->gateway.text.n)
                (void) diag_add(w->ds, DIAG_BAD_VALUE, n->gateway.at,
                                "'%.*s' is a subnet; a gateway is one address, without /BITS",
                                STR_ARG(n->gateway.text));
        else if (has_bits && !syntax_is_within(n->gateway.text, n->subnet.text))
                (void) diag_add(w->ds, DIAG_BAD_VALUE, n->gateway.at,
                                "'%.*s' is not an address of the subnet %.*s; write one that is",
                                STR_ARG(n->gateway.text), STR_ARG(n->subnet.text));
        if (str_is_absent(n->subnet.text))
                (void) diag_add(w->ds, DIAG_MISSING_KEY, n->gateway.at, "'gateway:' needs 'subnet:'; add it");
}

/* Quadlet refuses them without a device. */
static void check_volume(struct world *w, const struct volume *v) {
        if (str_is_absent(v->device.text) && !str_is_absent(v->type.text))
                (void) diag_add(w->ds, DIAG_MISSING_KEY, v->type.at,
                                "'type:' needs 'device:', the source of the mount; add it");
        if (str_is_absent(v->device.text) && !str_is_absent(v->options.text))
                (void) diag_add(w->ds, DIAG_MISSING_KEY, v->options.at,
                                "'options:' needs 'device:', the source of the mount; add it");
}

static bool is_mounted(const struct container_list *all, struct str name) {
        VEC_EACH(ref, &all->list)
                LIST_EACH(spec, &ref->container->volumes)
                        if (str_eq(syntax_volume_split(spec->text).source, name))
                                return true;

        return false;
}

void check_objects(struct world *w, struct app *app) {
        struct container_list all = app_containers(w->arena, app);
        bool has_services = node_get(app->node, "services");

        LIST_EACH(network, &app->networks)
                check_network(w, &network->value);
        LIST_EACH(volume, &app->volumes) {
                check_volume(w, &volume->value);
                /* Easily meant as a mount, above all in the short form, which has no place for one beside
                 * it. */
                if (!is_mounted(&all, volume->key.text))
                        (void) diag_add(
                                w->ds, DIAG_UNUSED_VOLUME, volume->key.at,
                                "no part mounts the volume '%.*s'; write volumes: [\"%.*s:/PATH\"] %s",
                                STR_ARG(volume->key.text), STR_ARG(volume->key.text),
                                has_services ? "in one of 'services:'" : "instead");
        }
}

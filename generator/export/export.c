/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl export; here is kubernetes APP: the application for those who outgrow one machine. */

#include "app/resolve.h"
#include "base/json.h"
#include "ctl/convert.h"
#include "ctl/session.h"
#include "ctl/target.h"
#include "export/export.h"
#include "export/kube.h"

void export_put_missing(struct buf *out, struct str app, struct str what) {
        buf_put(out, "pyservicectl: ");
        buf_put_str(out, app);
        buf_put(out, ": not carried over: ");
        buf_put_str(out, what);
        buf_put_char(out, '\n');
}

static void put_json(struct arena *a, struct json_writer *e, const struct yaml_text *item) {
        const char *key = str_is_absent(item->key) ? NULL : arena_str(a, item->key).p;
        bool is_map = item->shape == YAML_TEXT_MAP;
        uint64_t number;

        if (item->shape != YAML_TEXT_SCALAR) {
                json_open(e, key, is_map ? '{' : '[');
                VEC_EACH(below, &item->items)
                        put_json(a, e, *below);
                json_close(e, is_map ? '}' : ']');
        } else if (!item->is_plain)
                json_text(e, key, item->text);
        else if (str_to_u64(item->text, UINT64_MAX, &number))
                json_number(e, key, number);
        else
                json_bool(e, key, str_is(item->text, "true"));
}

static void print_yaml(struct kube *k, struct buf *out) {
        yaml_text_write(out, k->header, false);
        for (unsigned rank = 0; rank < KUBE_RANKS; rank++)
                VEC_EACH(d, &k->documents)
                        if ((*d)->rank == rank) {
                                buf_put(out, "---\n");
                                yaml_text_write(out, (*d)->root, false);
                        }
}

static void print_json(struct kube *k, struct buf *out) {
        struct json_writer e = { .out = out };

        json_open(&e, NULL, '{');
        json_text(&e, "apiVersion", STR("v1"));
        json_text(&e, "kind", STR("List"));
        json_open(&e, "items", '[');
        for (unsigned rank = 0; rank < KUBE_RANKS; rank++)
                VEC_EACH(d, &k->documents)
                        if ((*d)->rank == rank)
                                put_json(k->arena, &e, (*d)->root);
        json_close(&e, ']');
        json_close(&e, '}');
        buf_put_char(out, '\n');
}

static bool has_raw_keys(struct arena *a, struct app *app) {
        struct container_list all = app_containers(a, app);

        VEC_EACH(ref, &all.list)
                if (ref->container->quadlet)
                        return true;

        return false;
}

/* Settings of the whole app, not of one of its parts. */
static void tell_app(struct kube *k) {
        struct app *app = k->app;

        if (app->rollout->on_failure.index == ON_FAILURE_REVERT)
                KUBE_SAY(k, NULL,
                         STR("Kubernetes keeps the old pods when a rollout fails, but does not "
                             "roll back by itself: kubectl rollout undo deployment/NAME"));
        if (has_raw_keys(k->arena, app))
                kube_miss(k, NULL, STR("quadlet: raw keys apply to systemd and Podman only"));
        LIST_EACH(network, &app->networks)
                KUBE_MISS(k, NULL, STR("networks: "), network->key.text,
                          STR(": all pods of a cluster reach each other, unless a NetworkPolicy forbids "
                              "it"));
        if (has_auto_update(app))
                kube_miss(k, NULL, STR("auto_update: nothing checks for a new image of the same tag"));
}

static void make_all(struct kube *k) {
        struct app *app = k->app;

        KUBE_SAY(k, NULL, STR("Made by 'pyservicectl export kubernetes "), app->name.text, STR("' of "),
                 app->path, STR(" for Kubernetes 1.30 and later."));
        kube_say(k, NULL, STR("Check it, then run: kubectl apply -f FILE"));
        tell_app(k);
        kube_config(k);
        APP_EACH_KEPT(s, app)
                kube_service(k, s);
        LIST_EACH(t, &app->tasks)
                kube_task(k, t);
        LIST_EACH(t, &app->timers)
                kube_timer(k, t);
        kube_policy(k);
        kube_claims_finish(k);
        kube_secret_comment(k);
}

static int print(struct ctl *c, struct kube *k) {
        struct buf out = buf_in(&c->arena), said = buf_in(&c->arena);

        if (c->is_json)
                print_json(k, &out);
        else
                print_yaml(k, &out);

        VEC_EACH(line, &k->missing)
                export_put_missing(&said, k->app->name.text, *line);
        if (ctl_write(stderr, buf_str(&said)) != CTL_GOOD)
                return EXIT_SYSTEM;

        return ctl_write(stdout, buf_str(&out));
}

static int export_kubernetes(struct ctl *c) {
        CLEANUP(session_close) struct session s = { .world.root = -1 };
        struct kube k = { .arena = &c->arena, .world = &s.world };
        struct target target;
        int r;

        if (c->argc != 2)
                return ctl_usage(c, "give one application");
        r = target_parse(c, c->argv[1], &target);
        if (r != 0)
                return r;
        if (!str_is_absent(target.part) || !str_is_absent(target.instance)) {
                return ctl_usage(c, "'%s' is a part of an application; give the application", c->argv[1]);
        }

        r = session_open_app(c, &s, target.app, &k.app);
        if (r != 0)
                return r;

        k.name = kube_name(&c->arena, k.app->name.text, 63);
        k.header = yaml_text_new(&c->arena, YAML_TEXT_SCALAR);
        make_all(&k);
        return print(c, &k);
}

int ctl_export(struct ctl *c) {
        const char *output = ctl_given(c, "output");

        if (c->argc > 0 && strcmp(c->argv[0], "kubernetes") == 0)
                return output ? ctl_usage(c, "--output is for 'quadlet'") : export_kubernetes(c);
        if (c->argc > 0 && strcmp(c->argv[0], "quadlet") == 0)
                return c->is_json ? ctl_usage(c, "--json is for 'kubernetes'") : export_quadlet(c, output);

        return ctl_unknown_subcommand(c, "kubernetes and quadlet");
}

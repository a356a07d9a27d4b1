/* SPDX-License-Identifier: Apache-2.0 */

/* README: where the files belong, the steps that put them into use, and the settings that are lost. A line
 * that begins with four blanks is a command; a test runs them in this order. */

#include "app/health.h"
#include "app/home.h"
#include "app/resolve.h"
#include "base/path.h"
#include "export/plain.h"
#include "render/parts.h"
#include "schema/syntax.h"

void plain_miss(struct plain *p, const struct app *app, struct str text) {
        VEC_EACH(note, &p->missing)
                if (str_eq(note->app, app->name.text) && str_eq(note->text, text))
                        return;

        *vec_push(p->arena, &p->missing) = (struct plain_note){ app->name.text, text };
}

static void need(struct plain *p, struct str text) {
        if (!VEC_HAS(&p->needs, text))
                *vec_push(p->arena, &p->needs) = text;
}

#define NEED(p, ...) need((p), arena_join((p)->arena, __VA_ARGS__))

/* --- what is lost --- */

/* A port for health alone is not published, so HAProxy reaches it only by the container's own name. */
static bool is_checked(struct plain *p, const struct service *s) {
        return s->proxy && !is_nginx(s) &&
               (s->proxy->via.index == VIA_DNS || !health_request(p->arena, s).has_own_port);
}

static void note_health(struct plain *p, const struct app *app, const struct service *s) {
        if (!s->health || str_is_absent(s->health->http.text) || has_health_command(s->health))
                return;

        if (!is_checked(p, s))
                PLAIN_MISS(p, app, s->name.text, STR(": health.http: nothing checks it"));
        else if (s->health->on_failure.index == HEALTH_RESTART)
                PLAIN_MISS(p, app, s->name.text,
                           STR(": health.http: HAProxy checks it and sends no requests to an instance that "
                               "fails, but nothing restarts that instance"));
}

static void note_nginx(struct plain *p, const struct app *app, const struct service *s) {
        struct str servers = STR("");

        for (uint32_t i = 0; i < s->scale.n; i++)
                servers = arena_join(
                        p->arena, servers, STR(" 127.0.0.1:"),
                        arena_u64(p->arena, ports_find(&p->ports, app->name, s->container.unit, i)));
        PLAIN_MISS(p, app, s->name.text, STR(": proxy.kind nginx: write an upstream with these servers:"),
                   servers);
}

static void note_proxy(struct plain *p, const struct app *app, const struct service *s) {
        struct certificate_paths certificates;

        if (!s->proxy)
                return;
        if (is_nginx(s)) {
                note_nginx(p, app, s);
                return;
        }

        PLAIN_MISS(p, app, s->name.text,
                   STR(": timeouts.drain: HAProxy learns from its checks that an instance stops. "
                       "Before you stop one: echo 'set server "),
                   backend_of(s).text, STR("/"), s->container.unit.text, s->is_sidecar ? STR("") : STR("-0"),
                   STR(" state drain' | socat stdio "), p->world->host.haproxy->socket.text);
        certificates = proxy_certificates(p->arena, s->proxy);
        if (s->proxy->domains.n == 0 && str_is_absent(s->proxy->listen.text))
                PLAIN_MISS(p, app, s->name.text,
                           STR(": a proxy without domains: your own frontend is to use the backend"));
        VEC_EACH(certificate, &certificates.list)
                NEED(p, STR("certificate "), certificate->text);
        if (has_auto_tls(s->proxy))
                PLAIN_MISS(p, app, s->name.text,
                           STR(": tls: auto: nothing orders its certificates; write them to these files"));
}

static void note_rollout(struct plain *p, const struct app *app) {
        plain_miss(
                p, app,
                STR("rollout: nothing tries a new version on a spare instance or reverts it; run systemctl "
                    "restart for one instance after another"));
        LIST_EACH(task, &app->before_update)
                PLAIN_MISS(p, app, STR("before_update: before a new version, run: systemctl start "),
                           app->name.text, STR("-"), task->text, STR(".service"));
        LIST_EACH(task, &app->after_update)
                PLAIN_MISS(p, app,
                           STR("after_update: after all instances run a new version, run: systemctl start "),
                           app->name.text, STR("-"), task->text, STR(".service"));
        LIST_EACH(task, &app->on_failure)
                PLAIN_MISS(
                        p, app,
                        STR("on_failure: after you returned to the previous version, run: systemctl start "),
                        app->name.text, STR("-"), task->text, STR(".service"));
        plain_miss(p, app,
                   STR("scale: a further instance needs a link, a drop-in with its port, and its name in the "
                       "target and in HAProxy's file"));
}

static void note_source(struct plain *p, const struct app *app) {
        if (!app->source)
                return;
        if (has_plain_build(app)) {
                NEED(p, STR("Podman 5.2 or later, for "), app->name.text, STR(".build"));
                return;
        }

        PLAIN_MISS(p, app,
                   STR("source: Quadlet cannot build the image. Take the one of this machine: podman save "),
                   app->source->image.text, STR(" | ssh MACHINE podman load"));
}

/* A command as the first process does not end at SIGTERM, unless it handles the signal. */
static void note_init(struct plain *p, const struct app *app, const struct container_ref *ref) {
        if (has_init(app, ref->container) && !has_plain_init(ref->container))
                PLAIN_MISS(p, app, ref->name.text,
                           STR(": init: the command is the container's first process. If it does not end at "
                               "SIGTERM, install catatonit and add RunInit=yes"));
}

static void note_order(struct plain *p, const struct app *app, const struct start_order *o) {
        if (o->requires.n > 0)
                plain_miss(p, app,
                           STR("requires: systemd waits until the required container runs, and until it is "
                               "healthy only if its health is a command"));
}

static void note_restart(struct plain *p, const struct app *app, const struct restart_policy *how) {
        if (how && how->max_starts.n > 0)
                plain_miss(p, app,
                           STR("restart.max_starts: a long good run resets no count; systemctl "
                               "reset-failed does"));
}

static void note_hooks(struct plain *p, const struct app *app, const struct hooks *h) {
        if (h->before_start.command.n > 0)
                plain_miss(p, app, STR("before_start: write ExecStartPre=podman run …"));
        if (h->after_start.command.n > 0)
                plain_miss(p, app, STR("after_start: write ExecStartPost=podman exec …"));
        if (h->before_stop.command.n > 0)
                plain_miss(p, app, STR("before_stop: write ExecStop=podman exec … before Quadlet's"));
}

/* --- what is needed --- */

static struct str find_object(const struct plain *p, struct unit_name unit) {
        VEC_EACH(q, &p->world->quadlets)
                if (str_eq(q->unit.text, unit.text))
                        return q->file;

        return (struct str){ 0 };
}

static void need_object(struct plain *p, struct unit_name unit) {
        struct str file = str_is_absent(unit.text) ? unit.text : find_object(p, unit);

        if (!str_is_absent(file))
                NEED(p, STR("Quadlet file "), file);
}

/* True if systemd-tmpfiles makes it. */
static bool makes(const struct app *app, struct str path) {
        const struct home *h = app->home;

        return h && (home_has_file(app, path) || path_is_within(path, h->root.text) ||
                     path_is_within(path, h->config.text) || path_is_within(path, h->data.text));
}

static void need_container(struct plain *p, const struct app *app, const struct container *c) {
        if (!str_is_absent(c->auth_file.text))
                NEED(p, STR("file "), c->auth_file.text);
        LIST_EACH(file, &c->env_files)
                NEED(p, STR("file "), file->text);
        LIST_EACH(a, &c->attached) {
                need_object(p, a->unit);
                if (str_is_absent(a->unit.text) && !network_is_mode(a->network.text))
                        NEED(p, STR("network "), a->network.text);
        }
        LIST_EACH(m, &c->mounts) {
                struct str source = syntax_volume_split(m->spec.text).source;

                need_object(p, m->unit);
                if (!m->is_made && str_has_prefix(source, STR("/")) && !makes(app, source))
                        NEED(p, STR("path "), marks_show(p->arena, source));
        }
}

/* --- commands --- */

static void add_command(struct plain *p, struct str command) {
        *vec_push(p->arena, &p->files) = command;
}

#define ADD_COMMAND(p, ...) add_command((p), arena_join((p)->arena, __VA_ARGS__))

static bool is_number(struct str text) {
        return str_is_made_of(text, "0123456789");
}

static struct str number_of(struct plain *p, struct str account, bool is_group) {
        if (is_number(account))
                return account;

        return is_group ? arena_join(p->arena, STR("\"$(getent group "), account, STR(" | cut -d: -f3)\""))
                        : arena_join(p->arena, STR("\"$(id -u "), account, STR(")\""));
}

/* Only the machine that makes the user knows its number. */
static void add_owner(struct plain *p, const struct app *app, const struct container *c) {
        const struct home *h = app->home;
        struct str file = arena_join(p->arena, STR("/"), plain_quadlets(p), STR("/"), c->unit.text);

        if (!c->runs_as_owner || (is_number(h->user.text) && is_number(h->group.text)))
                return;

        LIST_EACH(s, &app->services)
                if (&s->container == c)
                        file = arena_join(p->arena, file, STR("@"));
        file = arena_join(p->arena, file, STR(".container.d"));
        ADD_COMMAND(p, STR("mkdir -p "), file);
        ADD_COMMAND(p, STR("printf '[Container]\\nUser=%s\\nGroup=%s\\n' "),
                    number_of(p, h->user.text, false), STR(" "), number_of(p, h->group.text, true), STR(" >"),
                    file, STR("/20-user.conf"));
}

static void add_file(struct plain *p, const struct app *app, const struct app_file *f) {
        struct str owner = str_is_absent(f->owner.text) ? app->home->user.text : f->owner.text;
        struct str group = str_is_absent(f->group.text) ? app->home->group.text : f->group.text;

        if (file_is_skipped(f) || file_is_literal(f))
                return;
        if (str_is_absent(f->source.text)) {
                PLAIN_MISS(p, app, STR("files: write the secret "), f->content.secret.text, STR(" to "),
                           f->dest.text, STR(" yourself, with mode "), f->mode.text, STR(", for "), owner,
                           STR(":"), group);
                return;
        }

        NEED(p, STR("file "), f->source.text);
        ADD_COMMAND(p, STR("install -m "), f->mode.text, STR(" -o "), owner, STR(" -g "), group, STR(" "),
                    f->source.text, STR(" "), f->dest.text);
}

static void note_parts(struct plain *p, const struct app *app) {
        APP_EACH_KEPT(s, app) {
                note_health(p, app, s);
                note_proxy(p, app, s);
                note_order(p, app, &s->order);
                note_hooks(p, app, &s->hooks);
                note_restart(p, app, s->restart_policy);
        }
        LIST_EACH(t, &app->tasks)
                *vec_push(p->arena, &p->tasks) = t->container.unit.text;
}

void plain_notes(struct plain *p, const struct app *app) {
        /* app_containers() only reads. */
        struct container_list all = app_containers(p->arena, (struct app *) app);

        note_rollout(p, app);
        note_source(p, app);
        note_parts(p, app);
        VEC_EACH(ref, &all.list) {
                note_init(p, app, ref);
                need_container(p, app, ref->container);
                add_owner(p, app, ref->container);
        }
        if (app->home && app->home->has_owner && !app->home->makes_user && !is_number(app->home->user.text))
                NEED(p, STR("user "), app->home->user.text);
        LIST_EACH(f, &app->files)
                add_file(p, app, f);
}

/* --- README --- */

struct readme {
        struct plain *plain;
        struct buf out;
        unsigned step;
};

static void put(struct readme *r, struct str text) {
        buf_put_str(&r->out, text);
        buf_put_char(&r->out, '\n');
}

#define PUT(r, ...) put((r), arena_join((r)->plain->arena, __VA_ARGS__))

static void put_step(struct readme *r, const char *text) {
        buf_put_char(&r->out, '\n');
        buf_put_u64(&r->out, ++r->step);
        buf_put(&r->out, ". ");
        put(r, str_of(text));
        buf_put_char(&r->out, '\n');
}

static void put_command(struct readme *r, struct str command) {
        PUT(r, STR("    "), command);
}

/* "etc/tmpfiles.d" belongs to "/etc/tmpfiles.d", ".config/user-tmpfiles.d" to "~/.config/user-tmpfiles.d". */
static void put_place(struct readme *r, struct str directory, const char *content) {
        PUT(r, STR("- "), r->plain->world->places.is_user ? STR("~/") : STR("/"), directory, STR(": "),
            str_of(content));
}

static void put_places(struct readme *r) {
        const struct plain *p = r->plain;

        put(r, STR("\nThe files belong to these directories, and lie here in directories of the same "
                   "names:\n"));
        put_place(r, plain_quadlets(p), "containers, images, networks, volumes and variables, for Quadlet");
        put_place(r, plain_units(p), "the target of the application, its timers, and how images are pulled");
        if (p->has_haproxy)
                put_place(r, STR(PLAIN_HAPROXY), "backends and frontend, for HAProxy");
        if (p->has_users)
                put_place(r, STR("etc/sysusers.d"), "users");
        if (p->has_files)
                put_place(r,
                          p->world->places.is_user ? STR(".config/user-tmpfiles.d") : STR("etc/tmpfiles.d"),
                          "directories and files");
}

static void put_files(struct readme *r) {
        const struct plain *p = r->plain;
        bool is_user = p->world->places.is_user;

        put_step(r, "Where pyservice runs the applications now, delete their definitions, run\n"
                    "   systemctl daemon-reload, and wait until podman ps shows none of their\n"
                    "   containers. Volumes remain, and have the same names. Then copy the files;\n"
                    "   those of the same names are replaced:");
        put_command(r, is_user ? STR("cp -r .config/. ~/.config/") : STR("cp -r etc/. /etc/"));
        if (!p->has_users && !p->has_files && p->files.n == 0)
                return;

        put_step(r, "Make the users, directories and files of the application:");
        if (p->has_users)
                put_command(r, STR("systemd-sysusers"));
        VEC_EACH(app, &p->apps)
                if ((*app)->home)
                        PUT(r,
                            is_user ? STR("    systemd-tmpfiles --user --create ")
                                    : STR("    systemd-tmpfiles --create "),
                            (*app)->name.text, STR(".conf"));
        VEC_EACH(command, &p->files)
                put_command(r, *command);
}

static void put_secrets(struct readme *r) {
        if (r->plain->secrets.n == 0)
                return;

        put_step(r, "Create the secrets, from files of your choice where it says FILE. Only the\n"
                    "   machine that encrypted a credential can decrypt it: from there, use\n"
                    "   ... | ssh MACHINE podman secret create NAME -\n"
                    "   A variable gets the line feed at the end of a secret, too.");
        VEC_EACH(s, &r->plain->secrets)
                put_command(r, s->command);
}

static void put_haproxy(struct readme *r) {
        if (!r->plain->has_haproxy)
                return;

        put_step(r, "Debian's HAProxy does not read its directory conf.d by itself. Fedora's does:\n"
                    "   leave out the first command there. haproxy.cfg needs a section \"defaults\"\n"
                    "   with timeouts. If HAProxy has a frontend for these ports already, as with\n"
                    "   pyservice, leave out 20_frontend_pyservice.cfg:");
        put_command(r, STR("grep -qs 'f /etc/haproxy/conf.d' /etc/default/haproxy || echo 'EXTRAOPTS=\"-S "
                           "/run/haproxy-master.sock -f /etc/haproxy/conf.d\"' >>/etc/default/haproxy"));
        put_command(r, STR("haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d"));
        put_command(r, STR("systemctl restart haproxy.service"));
        if (r->plain->has_frontend)
                put(r, STR("\n   The frontend has the routes of these applications only. Give several\n"
                           "   applications to one command, or add the lines of the maps by hand."));
}

static void put_start(struct readme *r) {
        const struct plain *p = r->plain;
        struct str systemctl = p->world->places.is_user ? STR("systemctl --user ") : STR("systemctl ");

        put_step(r, "Start it, now and at each boot:");
        PUT(r, STR("    "), systemctl, STR("daemon-reload"));
        VEC_EACH(app, &p->apps) {
                PUT(r, STR("    "), systemctl, STR("enable --now "), (*app)->name.text, STR(".target"));
                if (has_auto_update(*app))
                        PUT(r, STR("    "), systemctl, STR("enable --now podman-auto-update.timer"));
        }
        if (p->tasks.n > 0)
                put(r, STR("\nTasks run when you start them:\n"));
        VEC_EACH(task, &p->tasks)
                PUT(r, STR("- "), systemctl, STR("start "), *task, STR(".service"));
}

struct str plain_readme(struct plain *p) {
        struct readme r = { .plain = p, .out = buf_in(p->arena) };

        buf_put(&r.out, "Made by 'pyservicectl export quadlet");
        VEC_EACH(app, &p->apps) {
                buf_put_char(&r.out, ' ');
                buf_put_str(&r.out, (*app)->name.text);
        }
        put(&r, STR("'.\nA machine without pyservice runs it with systemd 252, Podman 5.0 and HAProxy 2.4,\n"
                    "or later versions of these."));
        put_places(&r);
        put_files(&r);
        put_secrets(&r);
        put_haproxy(&r);
        put_start(&r);
        if (p->needs.n > 0)
                put(&r, STR("\nThe files also name these, which are not here:\n"));
        VEC_EACH(text, &p->needs)
                PUT(&r, STR("- "), *text);
        put(&r, STR("\nNot carried over:\n"));
        VEC_EACH(note, &p->missing)
                PUT(&r, STR("- "), note->app, STR(": "), note->text);
        return buf_str(&r.out);
}

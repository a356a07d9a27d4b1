/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "bundle/layout.h"
#include "bundle/message.h"
#include "output/unit.h"
#include "publish/parts.h"
#include "state/stored.h"

enum { SETTINGS_MAX = 64 * 1024 };

static void put_events(struct arena *a, const struct host_notify *host, struct notify *n) {
        struct str rest = STR(MESSAGE_EVENTS), name;

        for (unsigned i = 0; str_split(&rest, '|', &name); i++)
                LIST_EACH(event, &host->events)
                        if (event->index == i)
                                *vec_push(a, &n->events) = name;
}

struct str notify_published(const struct publisher *p) {
        struct str text;

        return fs_read(p->arena, p->runtime, LAYOUT_NOTIFY, SETTINGS_MAX, &text) < 0 ? (struct str){ 0 }
                                                                                     : text;
}

/* A user's applications send no messages: the user sees their failures. */
struct str notify_settings(const struct publisher *p, const struct world *w) {
        const struct host_notify *host = w->host.notify;
        struct notify n = { 0 };

        if (w->is_host_broken)
                return notify_published(p);
        if (!host || p->is_user)
                return (struct str){ 0 };

        LIST_EACH(word, &host->command)
                *vec_push(p->arena, &n.command) = word->text;
        if (host->webhook) {
                n.url = host->webhook->url.text;
                n.credential = host->webhook->credential.text;
        }
        for (size_t i = 0; host->mail && i < host->mail->to.n; i++)
                *vec_push(p->arena, &n.recipients) = host->mail->to.at[i].text;
        put_events(p->arena, host, &n);
        return notify_text(p->arena, &n);
}

static int write_drop_in(const struct publisher *p) {
        struct unit *u = unit_new(p->arena);

        if (faccessat(p->runtime, LAYOUT_NOTIFY_DROP_IN, F_OK, 0) >= 0)
                return 0;

        unit_put_const(u, UNIT_ON_FAILURE, "pyservice-notify@%n.service");
        return fs_replace(p->runtime, LAYOUT_NOTIFY_DROP_IN, 0644, unit_text(u));
}

int notify_write(const struct publisher *p) {
        int r;

        if (str_is_absent(p->notify))
                return unlinkat(p->runtime, LAYOUT_NOTIFY, 0) < 0 && errno != ENOENT ? -errno : 0;
        if (str_eq(p->notify, notify_published(p)))
                return 0;

        r = write_drop_in(p);
        return r < 0 ? r : fs_replace(p->runtime, LAYOUT_NOTIFY, 0600, p->notify);
}

/* `unit`: "shop-migrate.service". */
static int link_drop_in(const struct publisher *p, struct str unit) {
        struct str name = arena_join(p->arena, unit, STR(".d/80-" LAYOUT_NOTIFY_DROP_IN));
        struct path path;
        int r = link_make_parent(p->output, name);

        if (r >= 0)
                r = link_file(p->runtime, LAYOUT_NOTIFY_DROP_IN, p->output, name.p,
                              path_join(&path, p->runtime_path, STR("/" LAYOUT_NOTIFY_DROP_IN)));
        return r == -EEXIST ? 0 : r;
}

/* Hooks of its own see the failures of a part that systemd always starts again (hooks/lifecycle.c). */
static int link_part(const struct publisher *p, const struct record_part *part) {
        bool is_work = part->kind == RECORD_TASK || part->kind == RECORD_TIMER,
             has_instances = part->kind == RECORD_SERVICE;

        if (!is_work && !part->runs_once)
                return 0;

        return link_drop_in(
                p, arena_join(p->arena, part->unit, has_instances ? STR("@.service") : STR(".service")));
}

/* systemd reads and decrypts the key of the signature, and only for that unit (systemd < 254 does not know
 * the setting; the program then finds the key in the stores). */
static int link_credential(const struct publisher *p) {
        struct str name = STR("pyservice-notify.service.d/50-pyservice.conf");
        struct unit *u = unit_new(p->arena);
        struct notify n = { 0 };
        int r = notify_parse(p->arena, p->notify, &n);

        if (r < 0 || str_is_absent(n.credential))
                return r;

        unit_put(u, SERVICE_IMPORT_CREDENTIAL, ((struct credential){ n.credential, NOWHERE }));
        r = link_make_parent(p->output, name);
        return r < 0 ? r : fs_replace(p->output, name.p, 0644, unit_text(u));
}

static int link_app(const struct publisher *p, int apps, const struct linkable *l) {
        CLEANUP(close_fd) int bundle = fs_open_dir(apps, l->app.p);
        struct record record = { 0 };
        int r = bundle < 0 ? bundle : stored_record(p->arena, bundle, &record);

        VEC_EACH(part, &record.parts)
                r = r < 0 ? r : link_part(p, part);
        VEC_EACH(unit, &l->stamp.units) {
                struct str name;

                if (r >= 0 && layout_is_unit(*unit, &name) && str_has_suffix(name, STR("-build.service")))
                        r = link_drop_in(p, name);
        }
        /* Its bundle was never published, or is of an older pyservice. */
        return r == -ENOENT || r == -EPROTONOSUPPORT ? 0 : r;
}

int notify_link(const struct publisher *p, int apps, const struct linkables *l) {
        int error = str_is_absent(p->notify) ? 0 : link_credential(p);

        VEC_EACH(app, &l->list) {
                int r = app->is_alive && !str_is_absent(p->notify) ? link_app(p, apps, app) : 0;

                error = error < 0 ? error : r;
        }
        return error;
}

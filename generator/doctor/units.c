/* SPDX-License-Identifier: Apache-2.0 */

/* Units that are not as they should be, and definitions with errors. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "doctor/doctor.h"
#include "hooks/start-record.h"
#include "rollout/reasons.h"

static const struct str nobody = { 0 };

static bool is_asked(const struct doctor *d, struct str app) {
        return str_is_absent(d->only) || str_is_absent(app) || str_eq(app, d->only);
}

static struct str reload_after(struct doctor *d, struct str path) {
        return arena_join(d->arena, STR("if this is not intended: rm '"), path,
                          d->ctl->is_user ? STR("' && systemctl --user daemon-reload")
                                          : STR("' && systemctl daemon-reload"));
}

/* A file in the place of a unit of ours. */
static void look_at_file(struct doctor *d, struct str directory, struct str name) {
        const struct doctor_own *own = doctor_find_own(d, name);
        struct str path = arena_join(d->arena, directory, STR("/"), name);

        if (!own || !is_asked(d, own->app))
                return;
        if (doctor_is_mask(d, path))
                doctor_bad(d, own->app,
                           arena_join(d->arena, STR("the unit "), name, STR(" is masked by "), path),
                           reload_after(d, path));
        else
                doctor_bad(d, own->app,
                           arena_join(d->arena, path, STR(" hides pyservice's unit "), own->path),
                           reload_after(d, path));
}

/* An administrator may add drop-ins, except one that replaces ours. */
static void look_at_drop_ins(struct doctor *d, struct str directory, struct str name) {
        struct str path = arena_join(d->arena, directory, STR("/"), name);
        struct fs_names names = { 0 };

        if (fs_list(d->arena, doctor_world(d)->root, path.p + 1, &names) < 0)
                return;
        VEC_EACH(file, &names.list) {
                const struct doctor_own *own =
                        doctor_find_file(d, arena_join(d->arena, name, STR("/"), *file));

                if (own && is_asked(d, own->app))
                        doctor_bad(d, own->app,
                                   arena_join(d->arena, path, STR("/"), *file,
                                              STR(" hides pyservice's drop-in of the same name")),
                                   reload_after(d, arena_join(d->arena, path, STR("/"), *file)));
        }
}

static void look_into(struct doctor *d, struct str directory) {
        struct fs_names names = { 0 };

        if (fs_list(d->arena, doctor_world(d)->root, directory.p + 1, &names) < 0)
                return;
        VEC_EACH(name, &names.list)
                if (str_has_suffix(*name, STR(".d")))
                        look_at_drop_ins(d, directory, *name);
                else
                        look_at_file(d, directory, *name);
}

/* The directories that count before those of generators (systemd.unit(5)). */
void doctor_shadowed(struct doctor *d) {
        static const char *const system[] = {
                "/etc/systemd/system.control",  "/run/systemd/system.control",  "/run/systemd/transient",
                "/etc/systemd/system",          "/etc/systemd/system.attached", "/run/systemd/system",
                "/run/systemd/system.attached",
        };
        const struct places *places = &doctor_world(d)->places;
        struct str runtime = { places->runtime.p, places->runtime.n - strlen("/pyservice") };

        for (size_t i = 0; !d->ctl->is_user && i < ARRAY_SIZE(system); i++)
                look_into(d, str_of(system[i]));
        if (!d->ctl->is_user)
                return;

        look_into(d, arena_join(d->arena, places->units[0], STR(".control")));
        look_into(d, arena_join(d->arena, runtime, STR("/systemd/user.control")));
        look_into(d, arena_join(d->arena, runtime, STR("/systemd/transient")));
        look_into(d, places->units[0]);
        look_into(d, STR("/etc/systemd/user"));
        look_into(d, arena_join(d->arena, runtime, STR("/systemd/user")));
        look_into(d, STR("/run/systemd/user"));
}

/* "FILE:LINE:COLUMN: error: … [id]" */
static struct str line_of(struct doctor *d, struct diag *diag) {
        struct diags one = { .arena = d->arena,
                             .sources = d->session.ds.sources,
                             .list = { diag, 1, 1 },
                             .hidden = { d->session.ds.hidden.at, d->session.ds.hidden.n, 0 } };
        struct buf text = buf_in(d->arena);
        struct str line;

        diag_print(&text, &one, nobody, DIAG_BRIEF);
        line = buf_str(&text);
        line.n = str_find(line, '\n');
        return line;
}

/* The definition may have errors in a file that this user may not read. */
static bool is_hidden(struct doctor *d, const struct diag *diag) {
        return doctor_world(d)->n_hidden > 0 && diag->id == DIAG_FILE_UNREADABLE;
}

void doctor_errors(struct doctor *d) {
        diag_sort(&d->session.ds);
        VEC_EACH(diag, &d->session.ds.list) {
                if (!is_asked(d, diag->owner))
                        continue;
                if (is_hidden(d, diag))
                        doctor_skip(d, "need root");
                else if (diag->severity == SEVERITY_ERROR)
                        doctor_bad(d, diag->owner, line_of(d, diag),
                                   STR("fix it; 'pyservicectl check' shows the line. The last good version "
                                       "keeps running"));
                else
                        doctor_warn(d, diag->owner, line_of(d, diag), STR(""));
        }
}

/* The app is shop in "pyservice-config@shop.service". */
static struct str app_of(const struct doctor_own *own, struct str unit) {
        static const struct str prefix = STR_INIT("pyservice-config@");
        struct str rest;

        if (!str_has_prefix(unit, prefix))
                return own->app;

        rest = str_from(unit, prefix.n);
        for (size_t i = rest.n; i > 0; i--)
                if (rest.p[i - 1] == '.')
                        return (struct str){ rest.p, i - 1 };
        return own->app;
}

static bool is_config(struct str unit) {
        return str_has_prefix(unit, STR("pyservice-config@"));
}

static bool is_rollout(struct doctor *d, struct str app, struct str unit) {
        return app.n > 0 && str_has_prefix(unit, arena_join(d->arena, app, STR("-rollout@")));
}

static struct str advice_for(struct doctor *d, struct str app, struct str unit) {
        struct str user = d->ctl->is_user ? STR(" --user") : STR("");

        if (is_config(unit))
                return arena_join(d->arena, STR("pyservicectl"), user, STR(" check"));
        if (is_rollout(d, app, unit))
                return arena_join(d->arena, STR("pyservicectl"), user, STR(" rollout status "), app);
        return arena_join(d->arena, STR("see the log: journalctl"), user, STR(" -b -u '"), unit, STR("'"));
}

/* A pull that failed fails the image's unit only if the image is missing. */
static void look_at_pull(struct doctor *d, const struct doctor_own *own, struct str unit) {
        struct bus_unit u = { 0 };

        if (str_has_suffix(unit, STR("-image.service")) && is_asked(d, own->app) &&
            bus_get_unit(d->now.bus, d->arena, unit, &u) >= 0 && str_is(u.active, "active") &&
            u.exit_status != 0)
                doctor_warn(d, own->app,
                            arena_join(d->arena, STR("the pull of "), unit,
                                       STR(" failed; the existing image is used")),
                            advice_for(d, own->app, unit));
}

void doctor_stops(struct doctor *d) {
        struct str directory = arena_join(d->arena, doctor_world(d)->places.runtime, STR("/" START_RECORDS));
        struct fs_names names = { 0 };

        (void) fs_list(d->arena, doctor_world(d)->root, directory.p + 1, &names);
        VEC_EACH(name, &names.list) {
                const struct doctor_own *own = doctor_find_own(d, *name);
                struct str path = arena_join(d->arena, directory, STR("/"), *name);
                struct start_record record;

                if (!own || !is_asked(d, own->app) ||
                    start_record_read(d->arena, doctor_world(d)->root, path.p + 1, &record) < 0 ||
                    !record.was_killed)
                        continue;
                doctor_warn(d, own->app,
                            arena_join(d->arena, STR("the last stop of "), *name,
                                       STR(" ended with SIGKILL, after its 'stop_timeout'")),
                            STR("make the process handle its stop signal, or set 'init: true', the right "
                                "'stop_signal' or a longer 'stop_timeout'"));
                doctor_alike(d, *name,
                             STR("units ended with SIGKILL at their last stop, after 'stop_timeout'"));
        }
}

/* The reason for which the app's revision was rejected. */
static struct str rejected(struct doctor *d, struct str app) {
        struct view view;
        struct str reason = STR("");

        if (view_look(d->ctl, &d->places, app, &view) < 0 || view_judge(&view, &reason) != VIEW_FAILED)
                return STR("");

        return arena_join(d->arena, STR(": revision "), view_failed_revision(&view), STR(" was rejected: "),
                          reason);
}

/* True for what a rollout that failed leaves behind, and for what reports it: that is described once. */
static bool is_rejected(struct doctor *d, struct str app, struct str unit) {
        if (!str_has_suffix(unit, STR("@next.service")) && !is_config(unit))
                return false;

        VEC_EACH(other, &d->now.units.list)
                if (str_is(other->active, "failed") && is_rollout(d, app, other->name))
                        return true;

        return false;
}

/* `words`: ": REASON", or empty. */
static struct str with_reason(struct doctor *d, struct str many, struct str words) {
        return words.n > 0 ? arena_join(d->arena, many, STR(" ("), str_from(words, strlen(": ")), STR(")"))
                           : many;
}

static void look_at_unit(struct doctor *d, struct str app, const struct bus_listed *unit) {
        bool is_failed = str_is(unit->active, "failed"), is_restarting = bus_waits_for_restart(unit->sub);
        struct described found = { .text = STR("") };
        struct str words = STR(""), advice = advice_for(d, app, unit->name);

        if (str_is(unit->active, "active") || (str_is(unit->active, "inactive") && unit->job.n == 0) ||
            is_rejected(d, app, unit->name))
                return;
        if (is_rollout(d, app, unit->name))
                words = is_failed ? rejected(d, app) : words;
        else if (!is_config(unit->name) && doctor_describe(d, unit->name, &found) &&
                 str_eq(found.unit, unit->name))
                words = arena_join(d->arena, STR(": "), reason_words(d->arena, &found));

        if (is_failed && app.n > 0 && !doctor_is_defined(d, app)) {
                doctor_warn(
                        d, app,
                        arena_join(d->arena, unit->name, STR(" has failed, and its definition was removed")),
                        arena_join(d->arena, STR("systemctl"), d->ctl->is_user ? STR(" --user") : STR(""),
                                   STR(" reset-failed "), unit->name));
                doctor_alike(d, unit->name, STR("units have failed, and their definitions were removed"));
                doctor_fix_by_systemctl(d, "reset-failed", unit->name.p);
        } else if (is_failed) {
                doctor_bad(d, app, arena_join(d->arena, unit->name, STR(" has failed"), words), advice);
                doctor_alike(d, unit->name, with_reason(d, STR("units have failed"), words));
        } else if (app.n > 0 && !doctor_is_defined(d, app))
                return; /* it ends with its next start */
        else if (found.n_failed >= BUS_FAILING) {
                doctor_bad(d, app, arena_join(d->arena, unit->name, STR(" fails repeatedly"), words), advice);
                doctor_alike(d, unit->name, with_reason(d, STR("units fail repeatedly"), words));
        } else if (is_restarting)
                doctor_warn(d, app,
                            arena_join(d->arena, unit->name, STR(" has exited, and is about to be restarted"),
                                       words),
                            advice);
        else if (words.n > 0 && found.age == 0) {
                doctor_warn(d, app, arena_join(d->arena, unit->name, STR(" is not ready"), words), advice);
                doctor_alike(d, unit->name, with_reason(d, STR("units are not ready"), words));
        }
}

void doctor_failed(struct doctor *d) {
        VEC_EACH(unit, &d->now.units.list) {
                const struct doctor_own *own = doctor_find_own(d, unit->name);
                struct str app;

                if (!own)
                        continue;
                look_at_pull(d, own, unit->name);
                app = app_of(own, unit->name);
                if (is_asked(d, app))
                        look_at_unit(d, app, unit);
        }
}

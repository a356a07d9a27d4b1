/* SPDX-License-Identifier: Apache-2.0 */

/* Checks that pyservice itself is installed, and that systemd has run it. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "bundle/alive.h"
#include "bundle/layout.h"
#include "config.h"
#include "ctl/session.h"
#include "doctor/doctor.h"

static const struct str nobody = { 0 };

/* In order of precedence (systemd.generator(7)). */
static const char *const system_generators[] = {
        "/run/systemd/system-generators/",           "/etc/systemd/system-generators/",
        "/usr/local/lib/systemd/system-generators/", "/usr/lib/systemd/system-generators/",
        "/lib/systemd/system-generators/",
};
static const char *const user_generators[] = {
        "/run/systemd/user-generators/",           "/etc/systemd/user-generators/",
        "/usr/local/lib/systemd/user-generators/", "/usr/lib/systemd/user-generators/",
        "/lib/systemd/user-generators/",
};

void doctor_generator(struct doctor *d) {
        const char *const *directories = d->ctl->is_user ? user_generators : system_generators;
        struct str path = { 0 };
        size_t i = 0;

        for (; i < ARRAY_SIZE(system_generators); i++) {
                struct stat st;

                path = arena_join(d->arena, str_of(directories[i]), STR("pyservice-generator"));
                if (fstatat(doctor_world(d)->root, path.p + 1, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        break;
        }

        if (i == ARRAY_SIZE(system_generators))
                doctor_bad(d, nobody, STR("pyservice-generator is not in systemd's directory for generators"),
                           STR("install pyservice again"));
        else if (doctor_is_mask(d, path))
                doctor_bad(d, nobody, arena_join(d->arena, STR("the generator is masked by "), path),
                           arena_join(d->arena, STR("rm "), path, STR(" && systemctl daemon-reload")));
        else if (strcmp(d->ctl->root, "/") == 0 && access(path.p, X_OK) < 0)
                doctor_bad(d, nobody, arena_join(d->arena, path, STR(" cannot be executed")),
                           STR("install pyservice again"));
        if (!doctor_has(d, STR(QUADLET)))
                doctor_bad(
                        d, nobody, STR("Quadlet is missing (" QUADLET ")"),
                        STR("install podman, 5.0 or later; some systems have Quadlet in a separate package"));
}

static bool has_unit(const struct doctor *d, struct str unit) {
        const struct places *places = &d->session.world.places;

        for (size_t i = 0; i < ARRAY_SIZE(places->units) && !str_is_absent(places->units[i]); i++)
                if (doctor_has(d, arena_join(d->arena, places->units[i], STR("/"), unit)))
                        return true;

        return false;
}

const struct doctor_unit_row doctor_unit_rows[] = {
        { "pyservice.target", false },
        { "pyservice-acme@.service", true },
        { "pyservice-acme@.timer", true },
        { "pyservice-certificate@.path", true },
        { "pyservice-certificate@.service", true },
        { "pyservice-config@.path", false },
        { "pyservice-config@.service", false },
        { "pyservice-expiry.service", true },
        { "pyservice-expiry.timer", true },
        { "pyservice-keep.path", false },
        { "pyservice-keep.service", false },
        { "pyservice-metrics.socket", true },
        { "pyservice-metrics@.service", true },
        { "pyservice-notify.path", true },
        { "pyservice-notify.service", true },
        { "pyservice-notify@.service", true },
        { "pyservice-proxy@.service", true },
        { "pyservice-proxy@.timer", true },
        { "pyservice-settle.service", false },
        { "pyservice-settle.timer", false },
        { "pyservice-state.service", true },
        { "pyservice-update.service", false },
        { "pyservice-watch.path", false },
        { "pyservice-watch.service", false },
        { NULL, false },
};

void doctor_units(struct doctor *d) {
        static const char *const programs[] = { "pyservice-acme",        "pyservice-build",
                                                "pyservice-environment", "pyservice-instance",
                                                "pyservice-kms",         "pyservice-notify",
                                                "pyservice-proxy",       "pyservice-rollout",
                                                "pyservice-setup" };

        const struct host_haproxy *haproxy = doctor_world(d)->host.haproxy;
        bool has_drop_in = has_unit(d, STR("haproxy.service.d/pyservice.conf"));
        struct str missing = STR("");

        for (const struct doctor_unit_row *row = doctor_unit_rows; row->name; row++)
                if (!(row->is_system && d->ctl->is_user) && !has_unit(d, str_of(row->name)))
                        missing = arena_join(d->arena, missing, missing.n > 0 ? STR(", ") : STR(""),
                                             str_of(row->name));
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
                if (!doctor_has(d, arena_join(d->arena, STR(LIBEXECDIR "/"), str_of(programs[i]))))
                        missing = arena_join(d->arena, missing, missing.n > 0 ? STR(", ") : STR(""),
                                             STR(LIBEXECDIR "/"), str_of(programs[i]));
        if (d->uses_haproxy && !has_drop_in && str_is_absent(haproxy->container.text) &&
            str_is(haproxy->unit.text, "haproxy.service"))
                missing = arena_join(d->arena, missing, missing.n > 0 ? STR(", ") : STR(""),
                                     STR("haproxy.service.d/pyservice.conf"));
        if (missing.n > 0)
                doctor_bad(d, nobody, arena_join(d->arena, STR("not installed: "), missing),
                           STR("install pyservice again"));
}

/* True if it is started at boot. Its link may be in any target's directory, or a preset's. */
static bool is_enabled(struct doctor *d) {
        const struct places *places = &doctor_world(d)->places;

        for (size_t i = 0; i < ARRAY_SIZE(places->units) && !str_is_absent(places->units[i]); i++) {
                struct fs_names names = { 0 };

                if (fs_list(d->arena, doctor_world(d)->root, places->units[i].p + 1, &names) < 0)
                        continue;
                VEC_EACH(name, &names.list) {
                        struct str link = arena_join(d->arena, places->units[i], STR("/"), *name,
                                                     STR("/pyservice.target"));
                        struct stat st;

                        if ((str_has_suffix(*name, STR(".wants")) ||
                             str_has_suffix(*name, STR(".requires")) ||
                             str_has_suffix(*name, STR(".upholds"))) &&
                            fstatat(doctor_world(d)->root, link.p + 1, &st, AT_SYMLINK_NOFOLLOW) == 0)
                                return true;
                }
        }

        return false;
}

static void look_at_directory(struct doctor *d, struct str path, const char *why) {
        if (doctor_has(d, path))
                return;
        doctor_warn(d, nobody, arena_join(d->arena, path, STR(" does not exist: "), str_of(why)),
                    arena_join(d->arena, STR("install -d -m 0755 "), path));
        doctor_fix(d, (const char *[]){ "install", "-d", "-m", "0755", arena_str(d->arena, path).p, NULL });
}

void doctor_directories(struct doctor *d) {
        look_at_directory(d, doctor_world(d)->places.definitions[0], "definitions belong there");
        look_at_directory(d, doctor_world(d)->places.state, "the generator publishes nothing new without it");
}

void doctor_target(struct doctor *d) {
        const char *user = d->ctl->is_user ? " --user" : "";

        if (!is_enabled(d)) {
                doctor_warn(d, nobody, STR("pyservice.target is not enabled: no application starts at boot"),
                            arena_printf(d->arena, "systemctl%s enable pyservice.target", user));
                doctor_fix_by_systemctl(d, "enable", "pyservice.target");
        }
        if (d->now.bus && !snapshot_is_active(&d->now, STR("pyservice.target")) &&
            doctor_world(d)->definitions.n > 0)
                doctor_bad(d, nobody,
                           STR("pyservice.target is not active, so no application is kept running"),
                           arena_printf(d->arena, "systemctl%s start pyservice.target", user));
}

/* The time when systemd last ran its generators: it makes their directories again each time. */
static bool read_generation(struct doctor *d, struct timespec *ret) {
        struct str path =
                d->ctl->is_user
                        ? arena_join(d->arena,
                                     (struct str){ doctor_world(d)->places.runtime.p,
                                                   doctor_world(d)->places.runtime.n - strlen("/pyservice") },
                                     STR("/systemd/generator/pyservice.target.d"))
                        : STR("/run/systemd/generator/pyservice.target.d");
        struct stat st;

        if (fstatat(doctor_world(d)->root, path.p + 1, &st, 0) < 0)
                return false;

        *ret = st.st_mtim;
        return true;
}

/* Text that is moved into place keeps its time, but not that of its inode. */
static bool is_newer(struct doctor *d, struct str path, struct timespec than) {
        struct stat st;

        return fstatat(doctor_world(d)->root, path.p + 1, &st, 0) == 0 &&
               (st.st_ctim.tv_sec > than.tv_sec ||
                (st.st_ctim.tv_sec == than.tv_sec && st.st_ctim.tv_nsec > than.tv_nsec));
}

/* True if one of its drop-ins is newer, or one was added or removed. */
static bool has_newer_drop_in(struct doctor *d, struct str name, struct timespec than) {
        const struct places *places = &doctor_world(d)->places;

        for (size_t i = 0; i < ARRAY_SIZE(places->definitions) && !str_is_absent(places->definitions[i]);
             i++) {
                struct str directory =
                        arena_join(d->arena, places->definitions[i], STR("/"), name, STR(".yaml.d"));
                struct fs_names names = { 0 };

                if (is_newer(d, directory, than))
                        return true;
                if (fs_list(d->arena, doctor_world(d)->root, directory.p + 1, &names) < 0)
                        continue;
                VEC_EACH(file, &names.list)
                        if (is_newer(d, arena_join(d->arena, directory, STR("/"), *file), than))
                                return true;
        }

        return false;
}

/* Those of which something is published, and no definition is there; alive.conf names what is upheld, or
 * would be if it were not stopped. */
static void look_for_gone(struct doctor *d, struct str advice) {
        struct str text, mask;
        struct alive alive;

        if (!doctor_read(d, arena_join(d->arena, doctor_world(d)->places.runtime, STR("/" LAYOUT_ALIVE)),
                         &text))
                return;

        alive_parse(d->arena, text, &alive);
        VEC_EACH(one, &alive.apps) {
                struct str app = arena_str(d->arena, one->name);

                if (session_find(&d->session, app) || !(str_is_absent(d->only) || str_eq(app, d->only)))
                        continue;
                mask = session_find_mask(&d->session, app);
                doctor_warn(d, app,
                            arena_join(d->arena,
                                       str_is_absent(mask)
                                               ? STR("its definition was removed")
                                               : arena_join(d->arena, STR("it is masked by "), mask),
                                       STR(", and systemd has not been reloaded since")),
                            advice);
                doctor_alike(d, app, STR("definitions are gone, and systemd has not been reloaded since"));
        }
}

static bool is_changed(struct doctor *d, const struct definition *definition, struct timespec then) {
        return is_newer(d, definition->path, then) || has_newer_drop_in(d, definition->name.text, then);
}

/* Units whose files changed in another way than by their definition: that is reported once. */
static void add_stale(struct doctor *d, struct bus_question *questions, size_t n, struct timespec then) {
        struct str names = STR("");
        size_t n_stale = 0;

        for (size_t i = 0; i < n; i++) {
                const struct doctor_own *own = doctor_find_own(d, questions[i].unit);
                const struct definition *definition = own ? session_find(&d->session, own->app) : NULL;

                if (!questions[i].detail->is_outdated || (definition && is_changed(d, definition, then)))
                        continue;
                names = arena_join(d->arena, names, n_stale > 0 ? STR(", ") : STR(""), questions[i].unit);
                n_stale++;
        }
        if (n_stale == 0)
                return;
        doctor_warn(d, d->only,
                    arena_join(d->arena, STR("systemd has not read the current files of "), names),
                    d->ctl->is_user ? STR("systemctl --user daemon-reload") : STR("systemctl daemon-reload"));
        /* It would also roll out definitions that changed. */
        if (doctor_is_good(d, "generated"))
                doctor_fix_by_systemctl(d, "daemon-reload", NULL);
}

void doctor_stale(struct doctor *d) {
        struct bus_question *questions = arena_array(d->arena, d->now.units.list.n, struct bus_question);
        struct timespec then = { 0 };
        size_t n = 0;

        (void) read_generation(d, &then);
        VEC_EACH(unit, &d->now.units.list) {
                const struct doctor_own *own = doctor_find_own(d, unit->name);
                bool is_front =
                        d->uses_haproxy && str_eq(unit->name, doctor_world(d)->host.haproxy->unit.text);

                if (is_front || (own && (str_is_absent(d->only) || str_eq(own->app, d->only))))
                        questions[n++] = (struct bus_question){ unit->name, BUS_ABOUT_FILES,
                                                                arena_new(d->arena, struct bus_detail) };
        }
        if (bus_ask(d->now.bus, d->arena, questions, n) < 0) {
                doctor_skip(d, "need systemd, which does not answer");
                return;
        }

        add_stale(d, questions, n, then);
}

void doctor_generated(struct doctor *d) {
        struct str advice =
                d->ctl->is_user ? STR("systemctl --user daemon-reload") : STR("systemctl daemon-reload");
        struct timespec then;

        if (doctor_has(d,
                       arena_join(d->arena, doctor_world(d)->places.runtime, STR("/" LAYOUT_WITHOUT_STATE))))
                doctor_bad(
                        d, nobody,
                        arena_join(d->arena, STR("the generator could not read "),
                                   doctor_world(d)->places.state, STR(", and published nothing new")),
                        STR("see 'systemctl status pyservice-state.service': is the file system mounted?"));
        if (!read_generation(d, &then) && strcmp(d->ctl->root, "/") != 0) {
                doctor_skip(d, "need a system that has booted");
                return;
        }
        if (!read_generation(d, &then)) {
                if (doctor_world(d)->definitions.n > 0)
                        doctor_bad(
                                d, nobody, STR("the generator has not run since the boot"),
                                arena_join(
                                        d->arena, advice,
                                        STR("; if that does not help: journalctl -t pyservice-generator")));
                return;
        }

        VEC_EACH(definition, &doctor_world(d)->definitions)
                if ((str_is_absent(d->only) || str_eq(definition->name.text, d->only)) &&
                    is_changed(d, definition, then)) {
                        doctor_warn(d, definition->name.text,
                                    STR("its definition was changed since systemd read it"),
                                    arena_join(d->arena, STR("pyservicectl plan, and then: "), advice));
                        doctor_alike(d, definition->name.text,
                                     STR("definitions were changed since systemd read them"));
                }
        if (is_newer(d, doctor_world(d)->places.host, then))
                doctor_warn(d, nobody,
                            arena_join(d->arena, doctor_world(d)->places.host,
                                       STR(" was changed since systemd read its units")),
                            advice);
        look_for_gone(d, advice);
}

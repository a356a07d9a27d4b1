/* SPDX-License-Identifier: Apache-2.0 */

/* Settings of the machine that everything needs that runs on it. */

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "app/resolve.h"
#include "base/fs.h"
#include "doctor/doctor.h"
#include "podman/room.h"
#include "runtime/proc.h"
#include "schema/syntax.h"

static const struct str nobody = { 0 };

/* Shares of a file system that are free, in percent. */
enum { FREE_WARNING = 10, FREE_BAD = 3 };

/* In a container it is the host's matter; systemd writes this file there (systemd.io/CONTAINER_INTERFACE). */
void doctor_clock(struct doctor *d) {
        struct timex t = { 0 };

        if (faccessat(d->session.world.root, "run/systemd/container", F_OK, 0) == 0)
                return;
        if (adjtimex(&t) == TIME_ERROR || t.status & STA_UNSYNC)
                doctor_warn(d, nobody,
                            STR("the clock is not synchronised: timers, certificates and logs "
                                "depend on it"),
                            STR("systemctl enable --now systemd-timesyncd (or chrony)"));
}

static void look_at_room(struct doctor *d, struct str path, const char *advice) {
        struct room room;
        unsigned left;
        struct str text;

        if (room_read(doctor_world(d)->root, path, &room) < 0)
                return;
        left = room.space < room.files ? room.space : room.files;
        if (left >= FREE_WARNING)
                return;

        text = room_text(d->arena, path, &room);
        if (left < FREE_BAD)
                doctor_bad(d, nobody, text, str_of(advice));
        else
                doctor_warn(d, nobody, text, str_of(advice));
}

/* Each file system once, by the first that lies on it. */
void doctor_disk(struct doctor *d) {
        const char *home = d->ctl->is_user ? getenv("HOME") : NULL;
        const struct {
                struct str path;
                const char *advice;
        } rows[] = {
                { home ? str_of(home) : room_storage(d->arena, doctor_world(d)->root), ROOM_STORAGE_ADVICE },
                { doctor_world(d)->places.state, ROOM_STATE_ADVICE },
                { STR("/var"), "journalctl --vacuum-size=500M; 'du -xh -d2 /var' shows what uses the space" },
                { STR("/etc"), "no definition can be written: 'du -xh -d2 /' shows what uses the space" },
                { STR("/run"), ROOM_RUN_ADVICE },
        };
        struct stat seen[ARRAY_SIZE(rows)] = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                bool is_new = fstatat(doctor_world(d)->root, rows[i].path.p + 1, &seen[i], 0) == 0;

                for (size_t k = 0; k < i; k++)
                        is_new = is_new && seen[k].st_dev != seen[i].st_dev;
                if (is_new)
                        look_at_room(d, rows[i].path, rows[i].advice);
        }
}

void doctor_journal(struct doctor *d) {
        if (!doctor_has(d, STR("/var/log/journal")))
                doctor_warn(d, nobody, STR("the journal is only in memory: it is lost after a crash"),
                            STR("mkdir /var/log/journal && systemctl restart systemd-journald"));
}

/* A path of the machine, without the option that gives it the label of containers. */
static bool is_unlabelled(struct str spec) {
        struct syntax_volume v = syntax_volume_split(spec);

        return v.source.n > 0 && v.source.p[0] == '/' && !str_is_absent(v.target) &&
               !str_list_has(v.options, STR("z")) && !str_list_has(v.options, STR("Z"));
}

static void look_at_mounts(struct doctor *d, const struct app *app, const struct container *c) {
        LIST_EACH(mount, &c->mounts)
                if (is_unlabelled(mount->spec.text))
                        doctor_warn(d, app->name.text,
                                    arena_join(d->arena, c->unit.text, STR(" mounts '"), mount->spec.text,
                                               STR("', which SELinux may forbid")),
                                    STR("add ':z' (shared) or ':Z' (private) to the volume, unless it is a "
                                        "directory of the system"));
}

void doctor_selinux(struct doctor *d) {
        struct str text;

        if (proc_read(d->arena, "/sys/fs/selinux/enforce", &text) < 0 || !str_has_prefix(text, STR("1")))
                return;

        DOCTOR_EACH_APP(d, app) {
                struct container_list all = app_containers(d->arena, app);

                VEC_EACH(ref, &all.list)
                        look_at_mounts(d, app, ref->container);
        }
}

void doctor_linger(struct doctor *d) {
        const struct passwd *user = getpwuid(geteuid());
        struct str path =
                arena_join(d->arena, STR("/var/lib/systemd/linger/"), str_of(user ? user->pw_name : "-"));

        if (!doctor_has(d, path))
                doctor_warn(d, nobody,
                            STR("your applications stop when you log out, and none starts at boot"),
                            STR("loginctl enable-linger"));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Which parts of an application would run under `hardening: strict`, from what their containers did so far.
 * For one application only: Podman needs a while for each container, and nothing is wrong with one that would
 * not. */

#include "app/resolve.h"
#include "base/path.h"
#include "doctor/doctor.h"
#include "schema/syntax.h"

/* In memory with ReadOnlyTmpfs (podman-run(1)), or not the image's. */
static const char *const in_memory[] = { "/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp" };

/* Podman itself writes these, if the image is not read-only. */
static const char *const podmans[] = {
        "/etc", "/etc/group", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/passwd", "/etc/resolv.conf",
};

static bool is_no_trace(struct str path, struct str mounts) {
        struct str mount;

        for (size_t i = 0; i < ARRAY_SIZE(in_memory); i++)
                if (path_is_within(path, str_of(in_memory[i])))
                        return true;
        for (size_t i = 0; i < ARRAY_SIZE(podmans); i++)
                if (str_is(path, podmans[i]))
                        return true;
        while (str_split(&mounts, '\n', &mount))
                if (mount.n > 0 && path_is_within(path, mount))
                        return true;

        return false;
}

/* "A /var/cache/x": a directory is listed too if something in it changed. Podman itself makes what mounts
 * need. */
static bool is_directory_of_another(struct str path, struct str lines, struct str mounts) {
        struct str line;

        while (str_split(&lines, '\n', &line))
                if (line.n > 2 && path_is_below(str_from(line, 2), path))
                        return true;
        while (str_split(&mounts, '\n', &line))
                if (path_is_within(line, path))
                        return true;

        return false;
}

/* The first path that it wrote in its image; absent if there is none. */
static struct str find_written(struct str changes, struct str mounts) {
        struct str rest = changes, line;

        while (str_split(&rest, '\n', &line)) {
                struct str path = line.n > 2 ? str_from(line, 2) : STR("/");

                if (!is_no_trace(path, mounts) && !is_directory_of_another(path, changes, mounts))
                        return path;
        }

        return (struct str){ 0 };
}

/* `podman top` prints a heading, and a line for each process. */
static bool has_capabilities(struct str lines) {
        struct str line;

        (void) str_split(&lines, '\n', &line);
        while (str_split(&lines, '\n', &line))
                if (!str_is(str_trim(line), "none"))
                        return true;

        return false;
}

static void judge(struct doctor *d, struct str part, struct str name) {
        struct str changes = { 0 }, mounts = { 0 }, capabilities = { 0 }, written,
                   text = arena_join(d->arena, part, STR(" "));
        const char *container = arena_str(d->arena, name).p;

        if (doctor_ask(d, (const char *[]){ d->podman, "diff", "--", container, NULL }, &changes) != 0 ||
            doctor_ask(d,
                       (const char *[]){ d->podman, "inspect", "--type=container", "--format",
                                         "{{range .Mounts}}{{println .Destination}}{{end}}", "--", container,
                                         NULL },
                       &mounts) != 0 ||
            doctor_ask(d, (const char *[]){ d->podman, "top", container, "capeff", NULL }, &capabilities) !=
                    0)
                return;

        written = find_written(changes, mounts);
        if (!str_is_absent(written))
                doctor_note(d, d->only,
                            arena_join(d->arena, text, STR("wrote "), written,
                                       STR(", which is read-only with 'hardening: strict'")),
                            STR("mount a volume there first"));
        else if (has_capabilities(capabilities))
                doctor_note(d, d->only,
                            arena_join(d->arena, text,
                                       STR("writes only to its volumes, but runs with capabilities; whether "
                                           "it needs them is unknown")),
                            STR("set 'hardening: strict', and 'user' if necessary; if the new revision "
                                "fails, the previous one keeps running"));
        else
                doctor_note(d, d->only,
                            arena_join(d->arena, text,
                                       STR("would run with 'hardening: strict': it has no capability, and "
                                           "wrote only to its volumes so far")),
                            STR("set it; if the new revision fails, the previous one keeps running"));
}

static const struct doctor_container *find_running(const struct doctor *d, const struct container *c) {
        VEC_EACH(one, &d->containers) {
                struct str unit = { one->unit.p, str_find(one->unit, '@') };

                if (unit.n == one->unit.n && str_has_suffix(unit, STR(".service")))
                        unit.n -= strlen(".service");
                if (str_is(one->state, "running") && str_eq(unit, c->unit.text))
                        return one;
        }

        return NULL;
}

void doctor_hardening(struct doctor *d) {
        if (str_is_absent(d->only))
                return;

        DOCTOR_EACH_APP(d, app) {
                struct container_list all = app_containers(d->arena, app);

                VEC_EACH(ref, &all.list) {
                        const struct doctor_container *one = find_running(d, ref->container);

                        if (one && ref->container->hardening.index != HARDENING_STRICT)
                                judge(d, ref->name.text, one->name);
                }
        }
}

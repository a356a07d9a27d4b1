/* SPDX-License-Identifier: Apache-2.0 */

/* Which parts of an application would run under `hardening: strict`, from what their containers did so far.
 * For one application only: Podman needs a while for each container, and nothing is wrong with one that would
 * not. */

#include "app/machine.h"
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

/* Facts from `podman inspect`: a line each, which begins with a letter and a blank. */
#define INSPECTED                                                                 \
        "C {{len .EffectiveCaps}}\nI {{.HostConfig.Init}}\n"                      \
        "{{range .Mounts}}D {{println .Destination}}S {{println .Source}}{{end}}" \
        "{{range $path, $options := .HostConfig.Tmpfs}}D {{println $path}}{{end}}"

/* A part with a running container. */
struct judged {
        const struct container *part;
        struct str name, container;
        struct str changes, inspected, processes; /* of `podman diff`, `inspect` and `top` */
};

/* The next line of this letter, without it. */
static bool next_fact(struct str *rest, char letter, struct str *ret) {
        while (str_split(rest, '\n', ret))
                if (ret->n > 2 && ret->p[0] == letter && ret->p[1] == ' ') {
                        *ret = str_from(*ret, 2);
                        return true;
                }

        return false;
}

/* Python runs without them. */
static bool is_bytecode(struct str path) {
        return str_has_suffix(path, STR("/__pycache__")) || str_find_str(path, STR("/__pycache__/")) < path.n;
}

static bool is_no_trace(struct str path, struct str inspected) {
        struct str mount;

        for (size_t i = 0; i < ARRAY_SIZE(in_memory); i++)
                if (path_is_within(path, str_of(in_memory[i])))
                        return true;
        for (size_t i = 0; i < ARRAY_SIZE(podmans); i++)
                if (str_is(path, podmans[i]))
                        return true;
        while (next_fact(&inspected, 'D', &mount))
                if (path_is_within(path, mount))
                        return true;

        return is_bytecode(path);
}

/* "A /var/cache/x": a directory is listed too if something in it changed. Podman itself makes what mounts
 * need. */
static bool is_directory_of_another(struct str path, const struct judged *j) {
        struct str rest = j->changes, line;

        while (str_split(&rest, '\n', &line))
                if (line.n > 2 && path_is_below(str_from(line, 2), path))
                        return true;
        rest = j->inspected;
        while (next_fact(&rest, 'D', &line))
                if (path_is_within(line, path))
                        return true;

        return false;
}

/* The first path that it wrote in its image; absent if there is none. */
static struct str find_written(const struct judged *j) {
        struct str rest = j->changes, line;

        while (str_split(&rest, '\n', &line)) {
                struct str path = str_from(line, line.n > 3 ? 2 : line.n);

                if (path.n > 0 && path.p[0] == '/' && !is_no_trace(path, j->inspected) &&
                    !is_directory_of_another(path, j))
                        return path;
        }

        return (struct str){ 0 };
}

/* More than `cap_add` gives it, which it keeps. */
static bool begins_with_capabilities(const struct judged *j) {
        struct str rest = j->inspected, text = STR("");
        uint64_t n = 0;

        (void) next_fact(&rest, 'C', &text);
        return !str_to_u64(text, UINT32_MAX, &n) || n > j->part->settings.cap_add.n;
}

static struct str next_word(struct str *rest) {
        struct str word = STR("");

        *rest = str_trim(*rest);
        (void) str_split(rest, ' ', &word);
        return word;
}

/* The user whom the container's first process became, if all processes are that user's and none has a
 * capability; absent else. An init remains who it was. `podman top` prints a heading, and a line for each
 * process. */
static struct str find_new_user(const struct judged *j) {
        struct str rest = j->inspected, line = STR(""), user = { 0 };
        bool has_init = next_fact(&rest, 'I', &line) && str_is(line, "true");

        rest = j->processes;
        (void) str_split(&rest, '\n', &line);
        while (str_split(&rest, '\n', &line)) {
                struct str pid = next_word(&line), its_user = next_word(&line),
                           capabilities = next_word(&line);

                if (has_init && str_is(pid, "1"))
                        continue;
                if (!str_is(capabilities, "none") || str_is(its_user, "root") ||
                    (!str_is_absent(user) && !str_eq(user, its_user)))
                        return (struct str){ 0 };

                user = its_user;
        }

        return user;
}

/* The keys that it needs, "'hardening: strict'" at least. */
static struct str needed_keys(struct doctor *d, const struct judged *j) {
        struct str keys = STR("'hardening: strict'"), rest = j->inspected, source;

        while (!d->ctl->is_user && next_fact(&rest, 'S', &source)) {
                const char *name = machine_owners_fixed_at(doctor_world(d), source);

                if (name)
                        return arena_join(d->arena, keys, STR(" and 'userns: host' ("), source,
                                          STR(" is on "), str_of(name), STR(")"));
        }

        return keys;
}

static void note_written(struct doctor *d, const struct judged *j, struct str path) {
        struct str directory = { path.p, path.n - path_name(path).n };

        if (directory.n > 1)
                directory.n--;
        doctor_note(
                d, d->only,
                arena_join(d->arena, j->name, STR(" wrote "), path,
                           STR(", which is read-only with 'hardening: strict'")),
                directory.n > 1
                        ? arena_join(d->arena, STR("add 'tmpfs: "), directory,
                                     STR(":mode=1777' if a stop may remove these files, or mount a volume"))
                        : STR("mount a volume there first"));
}

static void judge(struct doctor *d, struct judged *j) {
        const char *container = arena_str(d->arena, j->container).p;
        struct str written, keys, user;

        if (doctor_ask(d, (const char *[]){ d->podman, "diff", "--", container, NULL }, &j->changes) != 0 ||
            doctor_ask(d,
                       (const char *[]){ d->podman, "inspect", "--type=container", "--format", INSPECTED,
                                         "--", container, NULL },
                       &j->inspected) != 0 ||
            doctor_ask(d, (const char *[]){ d->podman, "top", container, "pid,user,capeff", NULL },
                       &j->processes) != 0)
                return;

        written = find_written(j);
        keys = needed_keys(d, j);
        user = find_new_user(j);
        if (!str_is_absent(written))
                note_written(d, j, written);
        else if (!begins_with_capabilities(j))
                doctor_note(d, d->only,
                            arena_join(d->arena, j->name,
                                       STR(" would run with 'hardening: strict': it has no capability that "
                                           "this takes away, and "
                                           "wrote only to its volumes so far")),
                            arena_join(d->arena, STR("set "), keys,
                                       STR("; if the new revision fails, the previous one keeps running")));
        else if (!str_is_absent(user))
                doctor_note(d, d->only,
                            arena_join(d->arena, j->name, STR(" begins as root and becomes the user "), user,
                                       STR(", for which it needs capabilities")),
                            arena_join(d->arena, STR("set "), keys, STR(" and 'user: "), user,
                                       STR("', who must own its volumes")));
        else
                doctor_note(d, d->only,
                            arena_join(d->arena, j->name,
                                       STR(" writes only to its volumes, but runs with capabilities; whether "
                                           "it needs them is unknown")),
                            arena_join(d->arena, STR("set "), keys,
                                       STR("; if the new revision fails, the previous one keeps running, and "
                                           "'user' or 'cap_add' is missing")));
}

static const struct podman_container *find_running(const struct doctor *d, const struct container *c) {
        VEC_EACH(one, &d->now.containers.list) {
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
                        const struct podman_container *one = find_running(d, ref->container);

                        if (one && ref->container->hardening.index != HARDENING_STRICT)
                                judge(d, &(struct judged){
                                                 .part = ref->container,
                                                 .name = ref->name.text,
                                                 .container = one->name,
                                         });
                }
        }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Checks that the front runs, reads the generated files, and takes commands. */

#include <errno.h>

#include "doctor/doctor.h"
#include "runtime/proc.h"

static const struct str nobody = { 0 };

static const struct host_haproxy *settings_of(const struct doctor *d) {
        return d->session.world.host.haproxy;
}

static bool is_container(const struct doctor *d) {
        return !str_is_absent(settings_of(d)->container.text);
}

bool doctor_knows_haproxy(struct doctor *d) {
        if (d->uses_haproxy && d->now.counters_error < 0)
                doctor_skip(d, d->haproxy_runs ? "need HAProxy, which does not answer"
                                               : "need HAProxy, which is not running");

        return d->uses_haproxy && d->now.counters_error >= 0;
}

/* As it is on this machine; NULL if that is unknown. */
static const struct haproxy_program *find_program(struct doctor *d) {
        const struct own_front *f = doctor_front(d);

        return f->is_found ? &f->program : NULL;
}

static void look_at_container(struct doctor *d) {
        const struct haproxy_program *b = find_program(d);

        if (!b || !b->is_active)
                doctor_bad(d, nobody,
                           arena_join(d->arena, STR("HAProxy's container '"), settings_of(d)->container.text,
                                      STR("' does not run")),
                           STR("start the unit that runs it; host.yaml has its name"));
        else
                d->haproxy_runs = true;
}

static void report_stopped(struct doctor *d, struct str unit) {
        doctor_bad(d, nobody,
                   arena_join(d->arena, unit, STR(" is "), snapshot_unit_state(&d->now, unit),
                              STR(": no application can be reached through it")),
                   arena_join(d->arena, STR("systemctl start "), unit,
                              STR("; if that fails: journalctl -b -u "), unit));
}

void doctor_haproxy_runs(struct doctor *d) {
        struct str unit = settings_of(d)->unit.text;

        if (!d->uses_haproxy)
                return;
        d->haproxy_runs = !is_container(d) && snapshot_is_active(&d->now, unit);
        if (is_container(d))
                look_at_container(d);
        else if (!d->haproxy_runs)
                report_stopped(d, unit);
}

/* Directories that HAProxy has to read: of all services with `proxy`. */
struct directories {
        VEC(struct str) list;
};

static void collect_directories(struct doctor *d, struct directories *ret) {
        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app) {
                        struct str directory;

                        if (!s->proxy || s->proxy->kind.index != PROXY_HAPROXY)
                                continue;
                        directory = str_is_absent(s->proxy->config_dir.text) ? settings_of(d)->directory.text
                                                                             : s->proxy->config_dir.text;
                        if (!VEC_HAS(&ret->list, directory))
                                *vec_push(d->arena, &ret->list) = directory;
                }
}

/* Debian's unit lets this file win over our drop-in. */
static void look_at_options(struct doctor *d, struct str directory) {
        struct str text, line;

        if (!doctor_read(d, STR("/etc/default/haproxy"), &text))
                return;
        while (str_split(&text, '\n', &line))
                if (str_has_prefix(str_trim(line), STR("EXTRAOPTS=")) &&
                    str_find_str(line, directory) == line.n)
                        doctor_bad(d, nobody,
                                   arena_join(d->arena,
                                              STR("EXTRAOPTS= in /etc/default/haproxy does not name "),
                                              directory, STR(", and overrides pyservice's drop-in")),
                                   arena_join(d->arena, STR("add '-f "), directory,
                                              STR("' there, and restart HAProxy")));
}

/* The command line of the running program: words, each with a NUL behind it. */
static bool read_command(struct doctor *d, struct str *ret) {
        const struct haproxy_program *b = find_program(d);

        return b && b->is_active &&
               proc_read(d->arena, arena_join(d->arena, STR("/proc/"), b->master, STR("/cmdline")).p, ret) >=
                       0;
}

/* "-f" and the directory, with or without a slash at its end. */
static bool is_named(struct str command, struct str directory) {
        struct str word;

        while (str_split(&command, '\0', &word)) {
                while (word.n > 1 && word.p[word.n - 1] == '/')
                        word.n--;
                if (str_eq(word, directory))
                        return true;
        }

        return false;
}

static void look_at_service(struct doctor *d, const struct directories *directories) {
        struct str command;

        if (!snapshot_is_active(&d->now, settings_of(d)->unit.text) || !read_command(d, &command))
                return;

        VEC_EACH(directory, &directories->list)
                if (!is_named(command, *directory))
                        doctor_bad(d, nobody,
                                   arena_join(d->arena, STR("HAProxy is running without '-f "), *directory,
                                              STR("', and does not read the generated files")),
                                   arena_join(d->arena, STR("see 'systemctl cat "), settings_of(d)->unit.text,
                                              STR("': its command needs that option; then restart it")));
}

static void look_at_mounts(struct doctor *d, const struct directories *directories) {
        const struct haproxy_program *b = find_program(d);
        struct str seen;

        if (!b || !b->is_active)
                return;
        VEC_EACH(directory, &directories->list)
                if (!haproxy_sees(b, *directory, &seen))
                        doctor_bad(d, nobody,
                                   arena_join(d->arena, STR("HAProxy's container does not see "), *directory),
                                   STR("mount it there, and add '-f' for it to HAProxy's command: see "
                                       "/usr/share/pyservice/haproxy/haproxy.container"));
}

void doctor_haproxy_reads(struct doctor *d) {
        struct directories directories = { 0 };
        bool is_here = strcmp(d->ctl->root, "/") == 0;

        collect_directories(d, &directories);
        if (directories.list.n == 0)
                return;
        if (!is_container(d)) {
                if (str_is(settings_of(d)->unit.text, "haproxy.service"))
                        VEC_EACH(directory, &directories.list)
                                look_at_options(d, *directory);
                if (is_here)
                        look_at_service(d, &directories);
        } else if (is_here)
                look_at_mounts(d, &directories);
}

/* The administrator's file, and the directories of generated files: what the next start of HAProxy reads. */
void doctor_haproxy_config(struct doctor *d) {
        const struct haproxy_program *b = find_program(d);
        struct directories directories = { 0 };
        struct str seen, message = { 0 };
        size_t n = 0;

        collect_directories(d, &directories);
        if (directories.list.n == 0 || !b || !b->can_check)
                return;

        VEC_EACH(directory, &directories.list)
                if (doctor_has(d, *directory) && haproxy_sees(b, *directory, &seen))
                        directories.list.at[n++] = seen;
        if (haproxy_check(b, directories.list.at, n, &message) > 0)
                doctor_bad(d, nobody,
                           arena_join(d->arena,
                                      STR("HAProxy rejects its configuration, and the next start or "
                                          "boot fails: "),
                                      (struct str){ message.p, str_find(message, '\n') }),
                           arena_join(d->arena, STR("fix "), settings_of(d)->config.text,
                                      STR(", and do not restart HAProxy before")));
}

void doctor_haproxy_socket(struct doctor *d) {
        struct haproxy_client client = d->now.haproxy;
        struct str level = { 0 }, advice;
        int r;

        client.master = NULL;
        if (!d->uses_haproxy)
                return;
        if (!d->haproxy_runs) {
                doctor_skip(d, "need HAProxy, which is not running");
                return;
        }

        advice = arena_printf(d->arena,
                              "HAProxy's section 'global' needs: stats socket %s mode 660 level "
                              "admin; without it pyservice cannot enable or drain instances",
                              client.socket);
        r = haproxy_ask_worker(&client, STR("show cli level"), &level);
        if (r < 0)
                doctor_bad(d, nobody,
                           arena_printf(d->arena, "HAProxy does not answer on %s: %s", client.socket,
                                        strerror(-r)),
                           r == -ETIMEDOUT || r == -ENODATA
                                   ? STR("it hangs, and instances can be neither enabled nor drained: "
                                         "journalctl -u haproxy; then systemctl restart haproxy")
                                   : advice);
        else if (str_find_str(level, STR("admin")) == level.n)
                doctor_bad(d, nobody,
                           arena_printf(d->arena, "HAProxy's socket %s does not have level admin",
                                        client.socket),
                           advice);
}

void doctor_haproxy_master(struct doctor *d) {
        struct haproxy_client client = d->now.haproxy;
        struct str text;
        int r;

        if (!doctor_knows_haproxy(d))
                return;

        client.socket = NULL;
        r = client.master ? haproxy_ask_worker(&client, STR("show info"), &text) : -ENOENT;
        if (r < 0)
                doctor_warn(
                        d, nobody,
                        arena_printf(
                                d->arena,
                                "HAProxy's master does not answer on %s: %s; a stop of an instance does not "
                                "wait for requests that HAProxy accepted before a reload",
                                client.master, strerror(-r)),
                        arena_printf(d->arena,
                                     "start HAProxy with '-S %s', or set haproxy.master_socket in host.yaml",
                                     client.master));
}

void doctor_nginx(struct doctor *d) {
        const struct host_nginx *settings = doctor_world(d)->host.nginx;
        struct str text = { 0 };
        int r;

        if (!d->uses_nginx)
                return;
        if (!snapshot_is_active(&d->now, settings->unit.text))
                report_stopped(d, settings->unit.text);

        r = doctor_ask(d, (const char *[]){ "nginx", "-T", NULL }, &text);
        if (r > 0)
                doctor_bad(d, nobody, arena_join(d->arena, STR("nginx rejects its configuration: "), text),
                           STR("nginx -t"));
        else if (r == 0 && str_find_str(text, settings->directory.text) == text.n)
                doctor_bad(d, nobody,
                           arena_join(d->arena, STR("nginx does not include "), settings->directory.text),
                           STR("cp /usr/share/pyservice/nginx/pyservice.conf /etc/nginx/conf.d && systemctl "
                               "reload nginx"));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The installed versions, compared with the oldest that pyservice works with. */

#include <errno.h>
#include <unistd.h>

#include "app/source.h"
#include "doctor/doctor.h"
#include "runtime/spawn.h"

struct version_number {
        uint64_t parts[3];
};

/* The first number in the text: "HAProxy version 3.0.11-1" is 3.0.11. False if there is none. */
static bool parse(struct str text, struct version_number *ret) {
        struct version_number v = { 0 };
        size_t at = 0, i = 0;

        while (at < text.n && (text.p[at] < '0' || text.p[at] > '9'))
                at++;
        if (at == text.n)
                return false;

        for (; at < text.n && i < ARRAY_SIZE(v.parts); at++)
                if (text.p[at] >= '0' && text.p[at] <= '9' && v.parts[i] < 1000000)
                        v.parts[i] = v.parts[i] * 10 + (uint64_t) (text.p[at] - '0');
                else if (text.p[at] == '.')
                        i++;
                else
                        break;

        *ret = v;
        return true;
}

static bool is_older(const struct version_number *v, const struct version_number *floor) {
        for (size_t i = 0; i < ARRAY_SIZE(v->parts); i++)
                if (v->parts[i] != floor->parts[i])
                        return v->parts[i] < floor->parts[i];

        return false;
}

static void compare(struct doctor *d, const char *name, struct str text, struct str floor) {
        struct version_number is = { 0 }, wanted = { 0 };

        (void) parse(floor, &wanted);
        if (!parse(text, &is))
                doctor_warn(
                        d, (struct str){ 0 },
                        arena_printf(d->arena, "cannot read the version of %s: %.*s", name, STR_ARG(text)),
                        arena_printf(d->arena, "pyservice needs %.*s or later", STR_ARG(floor)));
        else if (is_older(&is, &wanted))
                doctor_bad(d, (struct str){ 0 },
                           arena_printf(d->arena, "%s %llu.%llu is too old", name,
                                        (unsigned long long) is.parts[0], (unsigned long long) is.parts[1]),
                           arena_printf(d->arena, "install %s %.*s or later", name, STR_ARG(floor)));
}

void doctor_systemd(struct doctor *d) {
        struct str text = { 0 };
        int r = d->now.bus ? bus_get_version(d->now.bus, d->arena, &text) : d->bus_error;

        if (r < 0)
                doctor_bad(
                        d, (struct str){ 0 },
                        arena_join(d->arena, STR("systemd does not answer: "), str_of(strerror(-r))),
                        d->ctl->is_user
                                ? STR("log in, so that 'systemctl --user' works; with sudo or su it does not")
                                : STR("pyservice needs systemd as the init system"));
        else
                compare(d, "systemd", text, STR("252"));
}

void doctor_podman(struct doctor *d) {
        struct str text = { 0 };
        int r = d->podman ? doctor_ask(d, (const char *[]){ d->podman, "--version", NULL }, &text) : -ENOENT;

        if (!d->podman)
                doctor_bad(d, (struct str){ 0 },
                           STR("Podman is not installed; no application can run without it"),
                           STR("install podman, 5.0 or later"));
        else if (r == 0)
                compare(d, "Podman", text, STR("5.0"));
        else if (geteuid() != 0 && !d->ctl->is_user)
                doctor_skip(d, "need root"); /* it wants to read in a home directory, even for that */
        else
                doctor_bad(d, (struct str){ 0 },
                           arena_join(d->arena, STR("'podman --version' fails: "),
                                      r < 0 ? str_of(strerror(-r)) : text),
                           STR("run 'podman info' to see why"));
}

/* The version that runs, else the one that is installed. */
void doctor_haproxy_version(struct doctor *d) {
        struct str text = { 0 }, key = STR("Version: ");
        bool is_container = !str_is_absent(doctor_world(d)->host.haproxy->container.text);
        size_t at;
        int r;

        if (!d->uses_haproxy)
                return;

        r = haproxy_ask_worker(&d->now.haproxy, STR("show info"), &text);
        at = r == 0 ? str_find_str(text, key) : text.n;
        if (r == 0 && at < text.n) {
                compare(d, "HAProxy", str_from(text, at + key.n), STR("2.4"));
                return;
        }
        if (is_container)
                return; /* whether it runs is another check's */

        r = doctor_ask(d, (const char *[]){ "haproxy", "-v", NULL }, &text);
        if (r == -ENOENT)
                doctor_bad(d, (struct str){ 0 },
                           STR("HAProxy is not installed, and there are definitions with 'proxy'"),
                           STR("install haproxy, 2.4 or later; or set its container in host.yaml: see "
                               "pyservice-host(5)"));
        else
                compare(d, "HAProxy", text, STR("2.4"));
}

void doctor_nginx_version(struct doctor *d) {
        struct str text = { 0 };

        if (!d->uses_nginx)
                return;
        if (doctor_ask(d, (const char *[]){ "nginx", "-v", NULL }, &text) == -ENOENT)
                doctor_bad(
                        d, (struct str){ 0 },
                        STR("nginx is not installed, and there are definitions with 'proxy: {kind: nginx}'"),
                        STR("install nginx, 1.15.9 or later"));
        else
                compare(d, "nginx", text, STR("1.15.9"));
}

/* Each build would report it, but only after the reload. */
void doctor_git(struct doctor *d) {
        DOCTOR_EACH_APP(d, app) {
                if (!app->source)
                        continue;
                if (str_is_absent(spawn_find_below(d->arena, doctor_world(d)->root, "git")))
                        doctor_bad(d, app->name.text,
                                   STR("git is not installed, and its image is built from a repository"),
                                   STR("install git"));
                if (source_is_over_ssh(app->source) &&
                    str_is_absent(spawn_find_below(d->arena, doctor_world(d)->root, "ssh")))
                        doctor_bad(d, app->name.text,
                                   STR("ssh is not installed, and its repository is reached with it"),
                                   STR("install OpenSSH's client"));
        }
}

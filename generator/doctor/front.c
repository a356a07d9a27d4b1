/* SPDX-License-Identifier: Apache-2.0 */

/* The effect of the administrator's own configuration of HAProxy and nginx on the applications. */

#include <sys/stat.h>

#include "doctor/doctor.h"
#include "preview/check-front.h"

void doctor_haproxy_front(struct doctor *d) {
        struct own_front f;
        const struct front_listen *by;
        const struct proxy_directory *lacking;

        own_front_read(d->arena, doctor_world(d), d->ctl->root, &f);
        lacking = own_front_lacking(&f, &by);
        if (lacking)
                doctor_bad(d, (struct str){ 0 }, front_problem(d->arena, by),
                           own_front_advice(d->arena, lacking, by));
}

void doctor_haproxy_stop(struct doctor *d) {
        struct own_front f;

        own_front_read(d->arena, doctor_world(d), d->ctl->root, &f);
        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app)
        if (own_front_cuts(&f, s))
                doctor_warn(d, app->name.text,
                            arena_join(d->arena,
                                       STR("after a reload HAProxy closes open "
                                           "connections before the drain of "),
                                       s->container.unit.text, STR(" ends: '"), STR("hard-stop-after "),
                                       f.front.config.hard_stop, STR("'")),
                            arena_printf(d->arena, "set a longer time in %.*s:%zu, or a shorter 'drain'",
                                         STR_ARG(f.front.config.hard_stop_file),
                                         f.front.config.hard_stop_line));
}

static const char *const soon = "1209600"; /* two weeks, in seconds */

/* The output of openssl for the certificate and `option`; its status, or negative errno. */
static int ask_openssl(struct doctor *d, struct str path, const char *option, const char *value,
                       struct str *ret) {
        return doctor_ask(d,
                          (const char *[]){ "openssl", "x509", "-noout", "-in", arena_str(d->arena, path).p,
                                            "-enddate", option, value, NULL },
                          ret);
}

/* The digits behind '=' or ':' without colons, up to the line's end. */
static struct str digits_after(struct arena *a, struct str text, struct str heading) {
        size_t at = str_find_str(text, heading);
        struct str out = STR(""), piece;

        if (at == text.n)
                return out;
        text = str_from(text, at + heading.n);
        text.n = str_find(text, '\n');
        while (str_split(&text, ':', &piece))
                out = arena_join(a, out, str_trim(piece));
        return out;
}

static void look_at_served(struct doctor *d, struct str app, struct str path) {
        struct str file, served, in_file, in_use;

        if (d->counters_error < 0 || ask_openssl(d, path, "-fingerprint", "-sha1", &file) != 0 ||
            haproxy_ask_worker(&d->haproxy, arena_join(d->arena, STR("show ssl cert "), path), &served) < 0)
                return;

        in_file = digits_after(d->arena, file, STR("Fingerprint="));
        in_use = digits_after(d->arena, served, STR("SHA1 FingerPrint: "));
        if (in_file.n > 0 && in_use.n > 0 && !str_eq(in_file, in_use))
                doctor_bad(d, app,
                           arena_join(d->arena, STR("HAProxy does not serve the certificate in "), path),
                           arena_join(d->arena, STR("/usr/libexec/pyservice/pyservice-proxy --certificate="),
                                      path));
}

static void look_at_certificate(struct doctor *d, struct str app, struct str path) {
        struct str date = { 0 };
        int r = ask_openssl(d, path, "-checkend", "0", &date);
        bool is_expired = r > 0;

        if (r < 0) {
                doctor_skip(d, "need openssl, which is not installed");
                return;
        }
        if (r == 0)
                r = ask_openssl(d, path, "-checkend", soon, &date);
        date.n = str_find(date, '\n');
        if (is_expired && str_has_prefix(date, STR("notAfter=")))
                doctor_bad(d, app, arena_join(d->arena, path, STR(" has expired: "), date),
                           STR("renew the certificate"));
        else if (is_expired)
                doctor_bad(d, app, arena_join(d->arena, path, STR(" is not a certificate: "), date),
                           STR("write a PEM file there"));
        else if (r > 0)
                doctor_warn(d, app, arena_join(d->arena, path, STR(" expires soon: "), date),
                            STR("renew the certificate"));
}

void doctor_certificates(struct doctor *d) {
        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app) {
                        struct stat st;
                        struct str path;

                        if (!s->proxy || !s->proxy->tls)
                                continue;
                        path = arena_str(d->arena, s->proxy->tls->certificate.text);
                        if (stat(path.p, &st) < 0 || S_ISDIR(st.st_mode))
                                continue;
                        look_at_certificate(d, app->name.text, path);
                        if (s->proxy->kind.index == PROXY_HAPROXY)
                                look_at_served(d, app->name.text, path);
                }
}

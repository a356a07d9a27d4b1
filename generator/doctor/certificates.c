/* SPDX-License-Identifier: Apache-2.0 */

/* The files of `proxy.tls`, as openssl(1) reads them, and the certificates that the front serves. */

#include <errno.h>

#include "balancer/acme.h"
#include "balancer/certificates.h"
#include "base/buf.h"
#include "base/path.h"
#include "bundle/layout.h"
#include "config.h"
#include "doctor/doctor.h"
#include "render/parts.h"
#include "runtime/openssl.h"

struct certificate {
        struct str app, path, domain; /* domain: the first; absent for none */
        struct str file;              /* below the root */
        struct str text;              /* openssl's: end, fingerprint, public key and names */
        struct str names;             /* "a.example.com, *.example.com"; empty for none */
        bool is_nginx, is_good;       /* is_good: it is a certificate that has not expired */
};

struct certificates {
        VEC(struct certificate) list;
};

/* The exit status of `openssl WORDS`, or negative errno. */
static int ask_openssl(struct doctor *d, const char *const *words, struct spawn_result *ret) {
        int r = openssl_run(d->arena, words, (struct str){ 0 }, ret);

        return r < 0 ? r : ret->status;
}

static int describe(struct doctor *d, struct str file, const char *seconds, struct spawn_result *ret) {
        return ask_openssl(d,
                           (const char *[]){ "x509", "-noout", "-in", file.p, "-enddate", "-fingerprint",
                                             "-sha1", "-pubkey", "-ext", "subjectAltName", "-checkend",
                                             seconds, NULL },
                           ret);
}

/* The rest of the line behind the heading, without colons. */
static struct str field_of(struct arena *a, struct str text, struct str heading) {
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

static struct str listed(struct arena *a, struct str list, struct str item) {
        return item.n == 0 ? list : arena_join(a, list, list.n > 0 ? STR(", ") : STR(""), item);
}

/* The host names in what openssl or HAProxy print: "DNS:a.example.com, DNS:b.example.com". */
static struct str names_of(struct arena *a, struct str text) {
        struct str rest = str_from(text, str_find_str(text, STR("Subject Alternative Name"))), name;
        struct buf out = buf_in(a); /* there may be 100,000 */

        while (str_split(&rest, ',', &name)) {
                name = str_from(name, str_find_str(name, STR("DNS:")));
                if (name.n == 0)
                        continue;
                name = str_from(name, strlen("DNS:"));
                name.n = str_find(name, '\n');
                buf_put(&out, out.n > 0 ? ", " : "");
                buf_put_str(&out, str_trim(name));
        }
        return buf_str(&out);
}

/* "*." stands for one label (RFC 9525). */
static bool names_domain(struct str names, struct str domain) {
        struct str parent = str_from(domain, str_find(domain, '.')), name;

        while (str_split(&names, ',', &name)) {
                name = str_trim(name);
                if (str_eq(name, domain) ||
                    (str_has_prefix(name, STR("*.")) && str_eq(str_from(name, 1), parent)))
                        return true;
        }
        return false;
}

static struct str end_of(const struct certificate *c) {
        struct str date = str_from(c->text, str_find(c->text, '=') + 1);

        date.n = str_find(date, '\n');
        return date;
}

/* False if the other checks would add nothing. */
static bool look_at_end(struct doctor *d, struct certificate *c) {
        struct str soon = arena_u64(d->arena, CERTIFICATE_SOON);
        struct spawn_result found = { .out = STR("") };
        int r = certificate_is_file(c->file) ? describe(d, c->file, soon.p, &found) : 1;

        if (r < 0) {
                doctor_skip(d, "need openssl, which is not installed");
                return false;
        }
        c->text = found.out;
        if (!str_has_prefix(c->text, STR("notAfter="))) {
                doctor_bad(d, c->app, arena_join(d->arena, c->path, STR(" is not a certificate")),
                           STR("write a PEM file with the certificate, its chain and its key there"));
                return false;
        }
        c->names = names_of(d->arena, c->text);
        c->is_good = true;
        if (r == 0)
                return true;

        r = describe(d, c->file, "0", &found);
        if (r > 0)
                doctor_bad(d, c->app, arena_join(d->arena, c->path, STR(" expired on "), end_of(c)),
                           STR("renew the certificate"));
        else if (r == 0 && str_is_absent(layout_acme_domain(c->path)))
                doctor_warn(d, c->app, arena_join(d->arena, c->path, STR(" expires soon, on "), end_of(c)),
                            STR("renew the certificate; if a timer should do that, see its log"));
        c->is_good = r == 0;
        return c->is_good;
}

/* Without an empty passphrase openssl requests one at the terminal. */
static bool read_public_key(struct doctor *d, struct str file, struct str *ret) {
        struct spawn_result found = { 0 };
        int r = !certificate_is_file(file) ? -EINVAL
                                           : ask_openssl(d,
                                                         (const char *[]){ "pkey", "-pubout", "-in", file.p,
                                                                           "-passin", "pass:", NULL },
                                                         &found);

        *ret = found.out;
        return r == 0;
}

static void look_at_key(struct doctor *d, const struct certificate *c) {
        struct str apart = arena_join(d->arena, c->file, STR(".key")), key; /* HAProxy reads that too */

        if (!read_public_key(d, c->file, &key) && (c->is_nginx || !read_public_key(d, apart, &key)))
                doctor_bad(
                        d, c->app, arena_join(d->arena, c->path, STR(" has no key that can be read")),
                        STR("append the key to the file, after the certificates and without a passphrase"));
        else if (str_find_str(c->text, key) == c->text.n)
                doctor_bad(d, c->app,
                           arena_join(d->arena, STR("the key in "), c->path,
                                      STR(" does not belong to the certificate")),
                           STR("write the certificate and the key of the same renewal there"));
}

/* An issuer that is neither in the file nor known to this machine. Issuers of issuers do not matter: clients
 * of a private authority may know its root, and this machine need not. */
static void look_at_chain(struct doctor *d, const struct certificate *c) {
        struct spawn_result found = { 0 };

        if (ask_openssl(
                    d,
                    (const char *[]){ "verify", "-no_check_time", "-untrusted", c->file.p, c->file.p, NULL },
                    &found) <= 0)
                return;
        if (str_find_str(found.err, STR("error 20 at 0 depth")) < found.err.n)
                doctor_warn(
                        d, c->app,
                        arena_join(d->arena, c->path,
                                   STR(" has an incomplete chain: the issuer of the certificate is not in "
                                       "the file, and this machine does not know it")),
                        STR("append the intermediate certificates (certbot: fullchain.pem), or the "
                            "certificate of your own authority"));
}

/* The SHA-1 fingerprint, empty if it is unknown. */
static struct str served_by_haproxy(struct doctor *d, const struct certificate *c) {
        struct str text = { 0 };

        if (d->now.counters_error < 0 || haproxy_show_certificate(&d->now.haproxy, c->path, &text) < 0)
                return STR("");

        return field_of(d->arena, text, STR("SHA1 FingerPrint: "));
}

static struct str served_by_nginx(struct doctor *d, const struct certificate *c) {
        const struct host_nginx *nginx = doctor_world(d)->host.nginx;
        struct str port = arena_join(d->arena, STR("127.0.0.1:"), arena_u64(d->arena, nginx->https_port.n)),
                   openssl = spawn_find(d->arena, "openssl"), timeout = spawn_find(d->arena, "timeout");
        const char *connect[] = { timeout.p,  "5",    openssl.p,     "s_client",
                                  "-connect", port.p, "-servername", arena_str(d->arena, c->domain).p,
                                  NULL },
                   *const print[] = { openssl.p, "x509", "-noout", "-fingerprint", "-sha1", NULL };
        struct spawn_result found = { 0 };

        if (strcmp(d->ctl->root, "/") != 0 || !snapshot_is_active(&d->now, nginx->unit.text) ||
            str_is_absent(timeout) || str_is_absent(c->domain) || spawn_run(d->arena, connect, &found) < 0 ||
            spawn_run_on(d->arena, print, found.out, &found) < 0)
                return STR("");

        return field_of(d->arena, found.out, STR("Fingerprint="));
}

static void look_at_served(struct doctor *d, const struct certificate *c) {
        struct str in_file = field_of(d->arena, c->text, STR("Fingerprint=")),
                   in_use = c->is_nginx ? served_by_nginx(d, c) : served_by_haproxy(d, c);

        struct str option = arena_join(d->arena, STR("--certificate="), c->path);

        if (in_use.n == 0 || str_eq(in_file, in_use))
                return;
        doctor_bad(d, c->app,
                   arena_join(d->arena, c->is_nginx ? STR("nginx") : STR("HAProxy"),
                              STR(" does not serve the certificate in "), c->path),
                   arena_join(d->arena, STR(LIBEXECDIR "/pyservice-proxy "), option));
        doctor_fix(d, (const char *[]){ LIBEXECDIR "/pyservice-proxy", option.p, NULL });
}

/* True if the authority issued the certificate. Without it, further checks would add nothing. */
static bool look_at_order(struct doctor *d, const struct certificate_file *c, struct str domain) {
        struct acme_record record = { 0 };
        struct str unit = arena_join(d->arena, STR("pyservice-acme@"), domain, STR(".service")),
                   advice = arena_join(d->arena, STR("see 'journalctl -u "), unit,
                                       STR("'; order it now with: systemctl start "), unit);
        int r = acme_record_read(d->arena, strcmp(d->ctl->root, "/") == 0 ? "" : d->ctl->root, domain,
                                 &record);
        bool is_issued = r == 0 && !str_is_absent(record.directory);

        if (r == 0 && record.failed > 0 && is_issued)
                doctor_warn(d, c->app,
                            arena_join(d->arena, STR("the certificate of "), domain,
                                       STR(" cannot be renewed: "), record.reason),
                            advice);
        else if (r == 0 && record.failed > 0)
                doctor_bad(d, c->app,
                           arena_join(d->arena, STR("no certificate was issued for "), domain, STR(": "),
                                      record.reason),
                           advice);
        else if (!is_issued)
                doctor_warn(d, c->app,
                            arena_join(d->arena, STR("no certificate was issued yet for "), domain), advice);
        return is_issued;
}

static void collect(struct doctor *d, struct certificates *ret) {
        struct certificate_files files = { 0 };

        DOCTOR_EACH_APP(d, app)
                certificate_find(d->arena, d->ctl->root, app, &files);
        VEC_EACH(c, &files.list) {
                struct str domain = layout_acme_domain(c->path);

                if (!str_is_absent(domain) && !look_at_order(d, c, domain))
                        continue;
                if (c->error < 0)
                        doctor_bad(d, c->app,
                                   arena_join(d->arena, STR("its certificate "), c->path, STR(": "),
                                              str_of(strerror(-c->error))),
                                   STR("write a PEM file with the certificate, its chain and its key there"));
                else
                        *vec_push(d->arena, &ret->list) = (struct certificate){
                                .app = c->app,
                                .path = c->path,
                                .domain = str_is_absent(domain) ? c->domain : domain,
                                .file = c->file,
                                .is_nginx = c->is_nginx,
                        };
        }
}

static bool is_listed(const struct certificates *all, struct str path) {
        VEC_EACH(known, &all->list)
                if (str_eq(known->path, path) && !known->is_nginx)
                        return true;

        return false;
}

/* HAProxy has others too, such as the certificates of a frontend that the administrator wrote. */
static void add_loaded(struct doctor *d, struct certificates *all) {
        struct str list, line, text;

        if (d->now.counters_error < 0 || haproxy_ask_worker(&d->now.haproxy, STR("show ssl cert"), &list) < 0)
                return;

        while (str_split(&list, '\n', &line)) {
                struct certificate c = { .path = str_trim(line), .is_good = true };

                if (is_listed(all, c.path) || c.path.n == 0 || strchr("#*", c.path.p[0]) ||
                    haproxy_show_certificate(&d->now.haproxy, c.path, &text) < 0)
                        continue;
                c.names = names_of(d->arena, text);
                *vec_push(d->arena, &all->list) = c;
        }
}

/* Absent without one, and if its certificates are ordered: doctor_certificates() knows more about these. */
static struct str file_of(const struct service *s) {
        return s->proxy->tls && !has_auto_tls(s->proxy) ? s->proxy->tls->certificate.text : (struct str){ 0 };
}

/* HAProxy chooses among all that it has; nginx has those of the service. */
static bool may_serve(const struct certificate *c, const struct service *s) {
        return s->proxy->kind.index == PROXY_HAPROXY ? !c->is_nginx
                                                     : c->is_nginx && path_is_within(c->path, file_of(s));
}

/* Nothing is known if a certificate cannot be read, since that one may name them. */
static void look_at_domains(struct doctor *d, const struct certificates *all, const struct app *app,
                            const struct service *s) {
        struct str names = STR(""), shown = STR(""), missing = STR("");
        struct arena *a = d->arena;

        VEC_EACH(c, &all->list) {
                if (!may_serve(c, s))
                        continue;
                if (!c->is_good)
                        return;
                names = listed(a, names, c->names);
                if (str_is_absent(file_of(s)) || path_is_within(c->path, file_of(s)))
                        shown = listed(a, shown, c->names);
        }
        LIST_EACH(domain, &s->proxy->domains)
                if (!names_domain(names, domain->text))
                        missing = listed(a, missing, domain->text);
        if (missing.n == 0)
                return;

        doctor_warn(d, app->name.text,
                    arena_join(a,
                               str_is_absent(file_of(s)) ? STR("no certificate of HAProxy names ")
                                                         : arena_join(a, file_of(s), STR(" does not name ")),
                               missing, shown.n > 0 ? STR(", only ") : STR(", nor another host"), shown),
                    STR("browsers refuse it: renew it with the names of all domains (certbot: -d NAME for "
                        "each)"));
}

/* True if the certificates of the administrator's own frontend are served for it. */
static bool has_own_front(const struct own_front *f, const struct service *s) {
        const struct front_config *config = &f->front.config;

        return s->proxy->kind.index == PROXY_HAPROXY &&
               front_config_find(config, f->front.https_port, f->front.has_ipv6) &&
               (config->names_routes || front_config_names(config, backend_of(s).text));
}

void doctor_certificates(struct doctor *d) {
        struct certificates all = { 0 };

        collect(d, &all);
        VEC_EACH(c, &all.list) {
                if (!look_at_end(d, c))
                        continue;
                look_at_key(d, c);
                look_at_chain(d, c);
                look_at_served(d, c);
        }

        add_loaded(d, &all);
        if (all.list.n == 0)
                return;
        DOCTOR_EACH_APP(d, app)
                APP_EACH_KEPT(s, app)
                        if (s->proxy && (!str_is_absent(file_of(s)) || has_own_front(doctor_front(d), s)))
                                look_at_domains(d, &all, app, s);
}

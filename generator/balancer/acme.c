/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/acme.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "bundle/rows.h"
#include "runtime/openssl.h"

#define DIRECTORY LAYOUT_STATE "/" LAYOUT_ACME
#define ACCOUNT_KEYS LAYOUT_ACME_CLIENT "/private"
#define ACCOUNT_KEY "key.pem" /* where uacme(1) looks for it */

enum {
        KEY_MAX = 64 << 10,
        RECORD_MAX = 64 << 10,
        REASON_MAX = 1000, /* the words of an authority, which may be any */
        COORDINATE = 32,   /* bytes of each of the two of a P-256 key; they end its DER form */
};

/* Below the root. */
static struct str place(struct arena *a, const char *root) {
        return arena_join(a, str_of(root), STR(DIRECTORY));
}

/* The output of openssl(1) with `input` on its standard input. */
static int openssl(struct proxy_run *p, const char *const *words, struct str input, struct str *ret) {
        struct spawn_result result = { 0 };
        int r = openssl_run(p->arena, words, input, &result);

        if (r == -ENOENT)
                proxy_report(p,
                             STR("openssl is not installed, and certificates of 'tls: auto' need it; install "
                                 "it and uacme"));
        if (r == 0 && result.status != 0) {
                proxy_report(p, arena_join(p->arena, STR("openssl "), str_of(words[0]), STR(" failed: "),
                                           str_last_line(result.err)));
                r = -EIO;
        }
        *ret = result.out;
        return r;
}

static int make_key(struct proxy_run *p, struct str *ret) {
        return openssl(p,
                       (const char *[]){ "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                                         NULL },
                       STR(""), ret);
}

/* RFC 4648, section 5, without padding. */
static struct str base64url(struct arena *a, struct str s) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        struct buf out = buf_in(a);
        unsigned bits = 0, n = 0;

        for (size_t i = 0; i < s.n; i++) {
                bits = bits << 8 | (unsigned char) s.p[i];
                for (n += 8; n >= 6; n -= 6)
                        buf_put_char(&out, digits[bits >> (n - 6) & 63]);
        }
        if (n > 0)
                buf_put_char(&out, digits[bits << (6 - n) & 63]);
        return buf_str(&out);
}

/* RFC 7638: the hash of the public key in its one canonical form. */
static int make_thumbprint(struct proxy_run *p, struct str key, struct str *ret) {
        struct str der = STR(""), hash = STR(""), coordinates;
        int r = openssl(p, (const char *[]){ "pkey", "-pubout", "-outform", "DER", NULL }, key, &der);

        if (r < 0)
                return r;
        if (der.n < 2 * COORDINATE)
                return -EBADMSG;

        coordinates = str_from(der, der.n - 2 * COORDINATE);
        r = openssl(p, (const char *[]){ "dgst", "-sha256", "-binary", NULL },
                    arena_join(p->arena, STR("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""),
                               base64url(p->arena, (struct str){ coordinates.p, COORDINATE }),
                               STR("\",\"y\":\""), base64url(p->arena, str_from(coordinates, COORDINATE)),
                               STR("\"}")),
                    &hash);
        *ret = base64url(p->arena, hash);
        return r;
}

/* The thumbprint exists only when the key does. */
static int make_account(struct proxy_run *p, int dir) {
        CLEANUP(close_fd) int keys = -1;
        struct str key, thumbprint = STR("");
        int r;

        if (faccessat(dir, LAYOUT_ACME_THUMBPRINT, F_OK, 0) == 0)
                return 0;

        r = fs_make_dirs(dir, ACCOUNT_KEYS, false);
        if (r >= 0)
                r = keys = fs_open_dir(dir, ACCOUNT_KEYS);
        if (r >= 0)
                r = fchmod(keys, 0700) < 0 ? -errno : fs_read(p->arena, keys, ACCOUNT_KEY, KEY_MAX, &key);
        if (r == -ENOENT) {
                r = make_key(p, &key);
                if (r >= 0)
                        r = fs_replace_safely(keys, ACCOUNT_KEY, 0600, key);
        }
        if (r >= 0)
                r = make_thumbprint(p, key, &thumbprint);
        return r < 0 ? r : fs_replace_safely(dir, LAYOUT_ACME_THUMBPRINT, 0644, thumbprint);
}

/* Without a record of an order, one is due. */
static int forget_order(struct arena *a, int dir, struct str domain) {
        struct str record = arena_join(a, STR(LAYOUT_ACME_ORDERS "/"), domain);

        return unlinkat(dir, record.p, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* HAProxy starts with it until the authority has issued the real one. */
static int make_certificate(struct proxy_run *p, int dir, struct str domain) {
        struct str name = arena_join(p->arena, domain, STR(".pem")), key = STR(""), certificate = STR(""),
                   names = arena_join(p->arena, STR("subjectAltName=DNS:"), domain);
        CLEANUP(close_fd) int certificates = fs_open_dir(dir, LAYOUT_ACME_CERTIFICATES);
        int r = certificates;

        if (r >= 0 && faccessat(certificates, name.p, F_OK, 0) == 0)
                return 0;

        if (r >= 0)
                r = make_key(p, &key);
        if (r >= 0)
                r = openssl(p,
                            (const char *[]){ "req", "-x509", "-new", "-key", "/dev/stdin", "-days", "3650",
                                              "-subj", "/CN=self-signed until one is issued", "-addext",
                                              names.p, NULL },
                            key, &certificate);
        if (r >= 0)
                r = forget_order(p->arena, dir, domain);
        return r < 0 ? r
                     : fs_replace_safely(certificates, name.p, 0600, arena_join(p->arena, certificate, key));
}

static int prepare(struct proxy_run *p, struct str domain) {
        struct str path = place(p->arena, p->root),
                   certificates = arena_join(p->arena, path, STR("/" LAYOUT_ACME_CERTIFICATES));
        CLEANUP(close_fd) int dir = -1;
        int r = fs_make_dirs(AT_FDCWD, certificates.p, false);

        if (r >= 0)
                r = dir = fs_open_dir(AT_FDCWD, path.p);
        if (r >= 0)
                r = make_account(p, dir);
        return r < 0 ? r : make_certificate(p, dir, domain);
}

static void report_failure(struct proxy_run *p, struct str domain, int r) {
        proxy_report(p, arena_join(p->arena, STR("cannot make a first certificate for "), domain, STR(": "),
                                   str_of(strerror(-r))));
}

static void prepare_part(struct proxy_run *p, const struct proxy_part *part) {
        struct str rest = part->text, line;

        if (!str_has_prefix(part->name, STR("certificates")))
                return;

        while (str_split(&rest, '\n', &line)) {
                struct str domain = layout_acme_domain(line);
                int r = str_is_absent(domain) ? 0 : prepare(p, domain);

                if (r < 0)
                        report_failure(p, domain, r);
        }
}

void acme_prepare(struct proxy_run *p, const struct proxy_state *s) {
        VEC_EACH(app, &s->apps) {
                if (!app->wanted)
                        continue;
                VEC_EACH(part, &app->wanted->list)
                        prepare_part(p, part);
        }
}

struct str acme_thumbprint(struct arena *a, const char *root) {
        struct str path = arena_join(a, place(a, root), STR("/" LAYOUT_ACME_THUMBPRINT)), text;

        return fs_read(a, AT_FDCWD, path.p, RECORD_MAX, &text) < 0 ? (struct str){ 0 } : text;
}

/* Empty if there is none. */
static struct record read_record(struct arena *a, int runtime, struct str app) {
        struct record record;
        struct str text;

        if (fs_read(a, runtime, layout_app_file(a, app, STR(LAYOUT_RECORD)).p, BUF_MAX, &text) < 0 ||
            record_parse(a, text, &record) < 0)
                return (struct record){ 0 };

        return record;
}

/* Each site of a domain with 'tls: auto' includes it. */
static int make_challenge(struct proxy_run *p, int dir) {
        struct str old, text = arena_join(p->arena,
                                          STR(PROXY_MARK "if ($uri ~ \"^" ACME_CHALLENGE
                                                         "([A-Za-z0-9_-]+)$\") {\n\treturn 200 \"$1."),
                                          acme_thumbprint(p->arena, p->root), STR("\";\n}\n"));

        if (fs_read(p->arena, dir, LAYOUT_ACME_CHALLENGE, RECORD_MAX, &old) >= 0 && str_eq(old, text))
                return 0;
        return fs_replace_safely(dir, LAYOUT_ACME_CHALLENGE, 0644, text);
}

void acme_prepare_nginx(struct proxy_run *p, struct str app) {
        struct record record = read_record(p->arena, p->runtime, app);

        VEC_EACH(acme, &record.acme) {
                CLEANUP(close_fd) int dir = -1;
                int r;

                if (!acme->is_nginx)
                        continue;
                r = prepare(p, acme->domain);
                if (r >= 0)
                        r = dir = fs_open_dir(AT_FDCWD, place(p->arena, p->root).p);
                if (r >= 0)
                        r = make_challenge(p, dir);
                if (r < 0)
                        report_failure(p, acme->domain, r);
        }
}

static bool find_in(struct arena *a, int runtime, struct str app, struct str domain,
                    struct record_acme *ret) {
        struct record record = read_record(a, runtime, app);

        VEC_EACH(acme, &record.acme)
                if (str_eq(acme->domain, domain)) {
                        *ret = *acme;
                        ret->directory = arena_str(a, acme->directory);
                        if (!str_is_absent(acme->email))
                                ret->email = arena_str(a, acme->email);
                        return true;
                }
        return false;
}

bool acme_find(const struct proxy_run *p, struct str domain, struct record_acme *ret) {
        struct str path = arena_join(p->arena, str_of(p->root), p->world->places.runtime);
        CLEANUP(close_fd) int runtime = fs_open_dir(AT_FDCWD, path.p);
        struct fs_names names;

        if (runtime < 0 || fs_list(p->arena, runtime, LAYOUT_APPS, &names) < 0)
                return false;

        VEC_EACH(app, &names.list)
                if (find_in(p->arena, runtime, *app, domain, ret))
                        return true;
        return false;
}

static const struct row_kind record_rows[] = {
        ROW_ONCE("issued", ROW_FIELD(ROW_TEXT, struct acme_record, directory)),
        ROW_ONCE("failed", ROW_FIELD(ROW_NUMBER, struct acme_record, failed),
                 ROW_FIELD(ROW_FLAG, struct acme_record, is_refused),
                 ROW_FIELD(ROW_TEXT, struct acme_record, reason)),
};
static const struct row_file record_file =
        ROW_FILE(struct acme_record, record_rows, .name = "pyservice-acme", .version = 1, .oldest = 1);

static struct str record_path(struct arena *a, const char *root, struct str domain) {
        return arena_join(a, place(a, root), STR("/" LAYOUT_ACME_ORDERS "/"), domain);
}

int acme_record_read(struct arena *a, const char *root, struct str domain, struct acme_record *ret) {
        struct str text;
        int r = fs_read(a, AT_FDCWD, record_path(a, root, domain).p, RECORD_MAX, &text);

        *ret = (struct acme_record){ 0 };
        if (r < 0)
                return r == -ENOENT ? 0 : r;

        if (rows_parse(a, &record_file, text, ret) < 0) /* after a loss of power it may be empty */
                *ret = (struct acme_record){ 0 };
        return 0;
}

int acme_record_write(struct arena *a, const char *root, struct str domain,
                      const struct acme_record *record) {
        struct str path = record_path(a, root, domain);
        struct acme_record short_one = *record;
        int r = fs_make_dirs(AT_FDCWD, path.p, true);

        if (!str_is_absent(record->reason))
                short_one.reason = utf8_clean_line(a, record->reason, REASON_MAX);
        return r < 0 ? r : fs_replace(AT_FDCWD, path.p, 0644, rows_text(a, &record_file, &short_one));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/expiry.h"

#include <errno.h>
#include <fcntl.h>

#include "balancer/acme.h"
#include "balancer/certificates.h"
#include "base/clock.h"
#include "base/fs.h"
#include "bundle/layout.h"
#include "bundle/rows.h"
#include "load/load.h"
#include "rollout/tell.h"

enum { TEXT_MAX = 4 << 20, KEPT_SECONDS = 90 * 86400 };

static const char *const stages[] = { "soon", "expired", NULL };

static const struct row_kind kinds[] = {
        ROW_LIST("certificate", struct expiring, list, ROW_FIELD(ROW_NAME, struct expiring_certificate, path),
                 ROW_FIELD(ROW_NUMBER, struct expiring_certificate, end),
                 ROW_WORD(ROW_FLAG, struct expiring_certificate, has_expired, stages)),
};

static const struct row_file file =
        ROW_FILE(struct expiring, kinds, .name = "pyservice-expiring", .version = 1);

struct str expiring_text(struct arena *a, const struct expiring *e) {
        return rows_text(a, &file, e);
}

int expiring_parse(struct arena *a, struct str text, struct expiring *ret) {
        return rows_parse(a, &file, text, ret);
}

static bool is_listed(const struct expiring *e, const struct expiring_certificate *c) {
        VEC_EACH(known, &e->list)
                if (str_eq(known->path, c->path) && known->end == c->end &&
                    known->has_expired == c->has_expired)
                        return true;

        return false;
}

/* A certificate that is valid for some days is renewed when a third of them is left. */
static bool is_event(time_t start, time_t end, time_t now, struct expiring_certificate *ret) {
        time_t quarter = (end - start) / 4, soon = quarter < CERTIFICATE_SOON ? quarter : CERTIFICATE_SOON;

        ret->end = (uint64_t) end;
        ret->has_expired = end <= now;
        return end - soon <= now;
}

/* "/etc/shop.pem, the certificate of shop.example.com, expires on 2026-12-20T14:03:12Z" */
static struct str reason_of(const struct expiry *e, const struct certificate_file *c,
                            const struct expiring_certificate *x) {
        struct str domain = layout_acme_domain(c->path), text = c->path;
        struct acme_record record = { 0 };

        if (!str_is_absent(c->domain))
                text = arena_join(e->arena, text, STR(", the certificate of "), c->domain, STR(","));
        text = arena_join(e->arena, text, x->has_expired ? STR(" expired on ") : STR(" expires on "),
                          clock_utc(e->arena, x->end * 1000000));
        if (str_is_absent(domain) || acme_record_read(e->arena, e->root, domain, &record) < 0 ||
            str_is_absent(record.reason))
                return text;

        return arena_join(e->arena, text, STR("; it cannot be renewed: "), record.reason);
}

static void tell(const struct expiry *e, const struct certificate_file *c,
                 const struct expiring_certificate *x) {
        struct str occasion = arena_join(e->arena, c->path, STR(" "), arena_u64(e->arena, x->end), STR(" "),
                                         str_of(stages[x->has_expired]));
        struct message m = { .app = c->app,
                             .event = STR(MESSAGE_CERTIFICATE_EXPIRING),
                             .reason = reason_of(e, c, x) };

        tell_event(e->arena, e->runtime, e->state, &m, occasion);
}

static int find(const struct expiry *e, struct certificate_files *ret) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = e->arena, .sources = &sources };
        struct world w = { .arena = e->arena, .ds = &ds, .sources = &sources };
        const char *root = e->root[0] == '\0' ? "/" : e->root;
        CLEANUP(close_fd) int directory = fs_open_dir(AT_FDCWD, root);
        int r = w.root = directory;

        places_system(&w.places);
        if (r >= 0)
                r = world_load(&w);
        for (size_t i = 0; r >= 0 && i < w.definitions.n; i++)
                if (w.definitions.at[i].app)
                        certificate_find(e->arena, root, w.definitions.at[i].app, ret);
        return r;
}

/* A damaged list leads to messages that were sent before. */
static struct str read_list(const struct expiry *e, struct expiring *ret) {
        struct str text = { 0 };

        if (fs_read(e->arena, e->state, LAYOUT_EXPIRING, TEXT_MAX, &text) < 0 ||
            expiring_parse(e->arena, text, ret) < 0)
                *ret = (struct expiring){ 0 };
        return text;
}

/* Recorded last: if this program is killed in between, the message is sent again, with the same id. */
int expiry_report(const struct expiry *e) {
        time_t start, end, now = (time_t) (clock_usec(CLOCK_REALTIME) / 1000000);
        struct expiring told = { 0 }, listed = { 0 };
        struct certificate_files files = { 0 };
        struct notify settings = { 0 };
        struct str before, after;
        int r = notify_read(e->arena, e->runtime, &settings);

        if (r < 0 || !notify_wants(&settings, STR(MESSAGE_CERTIFICATE_EXPIRING)))
                return r == -ENOENT ? 0 : r;
        r = find(e, &files);
        if (r < 0)
                return r;

        before = read_list(e, &told);
        VEC_EACH(c, &files.list) {
                struct expiring_certificate x = { .path = c->path };

                if (!certificate_read_times(e->arena, c->file, &start, &end) ||
                    !is_event(start, end, now, &x) || is_listed(&listed, &x))
                        continue;
                if (!is_listed(&told, &x))
                        tell(e, c, &x);
                *vec_push(e->arena, &listed.list) = x;
        }
        VEC_EACH(x, &told.list)
                if (!is_listed(&listed, x) && x->end + KEPT_SECONDS > (uint64_t) now)
                        *vec_push(e->arena, &listed.list) = *x;

        after = expiring_text(e->arena, &listed);
        return str_eq(before, after) ? 0 : fs_replace_safely(e->state, LAYOUT_EXPIRING, 0644, after);
}

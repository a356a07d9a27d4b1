/* SPDX-License-Identifier: Apache-2.0 */

/* Files of lines below /run/pyservice and /var/lib/pyservice: another version may have written them, a disk may have
 * lost their end. What can be read is written, read and written again: the two texts are the same. */

#include "app/ports-parts.h"
#include "balancer/proxy-closed.h"
#include "base/fs.h"
#include "bundle/message.h"
#include "bundle/plan.h"
#include "bundle/wanted.h"
#include "control/update.h"
#include "hooks/start-record.h"
#include "hooks/watch.h"
#include "notify/body.h"
#include "notify/expiry.h"
#include "parsers.h"
#include "publish/stamp.h"
#include "rollout/progress.h"
#include "state/hold.h"
#include "state/maintenance.h"
#include "state/stored.h"

enum { TEXT_MAX = 1 << 20 };

static const struct str copies[] = { STR_INIT("copy"), STR_INIT("copy2") };

static void require_same(struct fuzz *f, const char *left, const char *right) {
        struct str a, b;
        int r = fs_read(&f->arena, f->root, left, TEXT_MAX, &a), q = fs_read(&f->arena, f->root, right, TEXT_MAX, &b);

        require(r == q && (r < 0 || str_eq(a, b)));
}

static void check_state(struct fuzz *f) {
        struct state s;

        if (state_read(&f->arena, f->root, STR("shop"), &s) < 0)
                return;

        require(state_write(&f->arena, f->root, copies[0], &s) == 0);
        require(state_read(&f->arena, f->root, copies[0], &s) == 0);
        require(state_write(&f->arena, f->root, copies[1], &s) == 0);
        require_same(f, "copy/state", "copy2/state");
}

static void check_holds(struct fuzz *f) {
        struct holds h = { 0 };

        if (hold_read(&f->arena, f->root, STR("shop"), &h) >= 0) {
                require(hold_write(&f->arena, f->root, copies[0], &h) == 0);
                require(hold_read(&f->arena, f->root, copies[0], &h) == 0);
                require(hold_write(&f->arena, f->root, copies[1], &h) == 0);
                require_same(f, "stopped/copy", "stopped/copy2");
                (void) hold_find(&h, STR("shop@1.service"));
        }
        (void) hold_read_lasting(&f->arena, f->root, STR("shop"), &h);
}

/* A page in a value of HAProxy's map is one word, of one command. */
static void check_maintenance(struct fuzz *f) {
        struct maintenance m;
        struct str encoded;

        if (maintenance_read(&f->arena, f->root, STR("shop"), &m) >= 0 && m.since > 0) {
                require(fs_make_dirs(f->root, "copy", false) == 0 && fs_make_dirs(f->root, "copy2", false) == 0);
                require(maintenance_write(&f->arena, f->root, copies[0], &m) == 0);
                require(maintenance_read(&f->arena, f->root, copies[0], &m) == 0);
                require(maintenance_write(&f->arena, f->root, copies[1], &m) == 0);
                require_same(f, "copy/maintenance", "copy2/maintenance");
        }
        if (!proxy_closed_page(&f->arena, f->text, &encoded))
                for (size_t i = 0; i < encoded.n; i++)
                        require(encoded.p[i] > ' ' && encoded.p[i] < 127 && !strchr(":;\\\"#<", encoded.p[i]));
}

static void check_progress(struct fuzz *f) {
        struct progress p, again;
        struct str text;

        if (progress_parse(&f->arena, f->text, &p) < 0)
                return;
        text = progress_text(&f->arena, &p);
        require(progress_parse(&f->arena, text, &again) == 0);
        require(str_eq(text, progress_text(&f->arena, &again)));
}

static void check_messages(struct fuzz *f) {
        struct message m = { 0 }, again = { 0 };
        struct notify n = { 0 }, n_again = { 0 };
        struct str text;

        if (message_parse(&f->arena, f->text, &m) >= 0) {
                text = message_text(&f->arena, &m);
                require(message_parse(&f->arena, text, &again) == 0);
                require(str_eq(text, message_text(&f->arena, &again)));
                (void) body_json(&f->arena, &m);
                (void) body_mail(&f->arena, &n, &m);
        }
        if (notify_parse(&f->arena, f->text, &n) >= 0) {
                text = notify_text(&f->arena, &n);
                require(notify_parse(&f->arena, text, &n_again) == 0);
                require(str_eq(text, notify_text(&f->arena, &n_again)));
        }
}

static void check_expiring(struct fuzz *f) {
        struct expiring e = { 0 }, again = { 0 };
        struct str text;

        if (expiring_parse(&f->arena, f->text, &e) < 0)
                return;

        text = expiring_text(&f->arena, &e);
        require(expiring_parse(&f->arena, text, &again) == 0);
        require(str_eq(text, expiring_text(&f->arena, &again)));
}

static void check_watch(struct fuzz *f) {
        struct watched w, again;
        struct str text;

        if (watch_parse(&f->arena, f->text, &w) < 0)
                return;

        text = watch_text(&f->arena, &w);
        require(watch_parse(&f->arena, text, &again) == 0);
        require(str_eq(text, watch_text(&f->arena, &again)));
}

static void check_bundle(struct fuzz *f) {
        CLEANUP(close_fd) int shop = fs_open_dir(f->root, "shop");
        struct ports ports = { 0 };
        struct wanted wanted;
        struct stamp stamp;
        struct tree tree;
        struct plan plan;

        require(stamp_read(&f->arena, f->root, (struct name) { STR("shop"), NOWHERE }, &stamp) == 0);
        (void) stamp_has_unit(&stamp, STR("units/shop.target"));
        (void) stored_read(&f->arena, shop, &tree);
        (void) plan_parse(&f->arena, f->text, &plan);
        require(ports_read(&f->arena, f->root, &ports) == 0);
        (void) wanted_parse(&f->arena, f->text, &wanted);
}

static void check_proxy(struct fuzz *f) {
        struct proxy_part list[] = {
                { STR("/d"), STR("routes"), f->text }, { STR("/d"), STR("certificates"), f->text },
        };
        struct proxy_parts parts = { { list, ARRAY_SIZE(list), ARRAY_SIZE(list) } };
        struct proxy_app app = { STR("shop"), &parts };
        struct str problem = { 0 };
        struct proxy_set set;

        for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
                parts.list.n = 1;
                parts.list.at = &list[i];
                require(proxy_set_build(&f->arena, &app, 1, &set, &problem) || problem.n > 0);
        }
}

void fuzz_state(struct fuzz *f) {
        struct state_history history;
        struct start_record record;

        check_state(f);
        check_holds(f);
        check_maintenance(f);
        check_progress(f);
        check_messages(f);
        check_expiring(f);
        check_watch(f);
        check_bundle(f);
        check_proxy(f);
        (void) state_read_history(&f->arena, f->root, STR("shop"), &history);
        (void) start_record_read(&f->arena, f->root, "shop/start", &record);
}

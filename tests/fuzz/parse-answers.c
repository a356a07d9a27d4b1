/* SPDX-License-Identifier: Apache-2.0 */

/* What other programs, web services and the kernel answer. Texts for people that are made of it are fit for a
 * terminal. */

#include "balancer/front-config.h"
#include "balancer/haproxy-counters.h"
#include "balancer/haproxy-program.h"
#include "balancer/haproxy-states.h"
#include "base/base64.h"
#include "base/utf8.h"
#include "control/update.h"
#include "hooks/kms.h"
#include "hooks/probe.h"
#include "hooks/watch.h"
#include "image/build.h"
#include "parsers.h"
#include "podman/podman-object.h"
#include "podman/podman.h"
#include "publish/parts.h"
#include "runtime/http-text.h"
#include "runtime/json.h"
#include "runtime/proc.h"
#include "runtime/spawn-tail.h"
#include "systemd/journal.h"
#include "terminal/log-line.h"

/* JSON of any bytes that are UTF-8 gives them back. */
static void check_json_text(struct fuzz *f) {
        static const char digits[] = "0123456789abcdef";
        struct buf b = buf_in(&f->arena);
        struct str got = { 0 };

        buf_put(&b, "{\"a\":[{}],\"k\":\"");
        for (size_t at = 0; at < f->text.n; at++) {
                unsigned char c = (unsigned char) f->text.p[at];

                if (c >= ' ' && c != '"' && c != '\\') {
                        buf_put_char(&b, (char) c);
                        continue;
                }
                buf_put(&b, "\\u00");
                buf_put_char(&b, digits[c >> 4]);
                buf_put_char(&b, digits[c & 15]);
        }
        buf_put(&b, "\"}");
        if (json_get(&f->arena, buf_str(&b), "k", &got) == 0)
                require(str_eq(got, f->text));
        else
                require(!str_eq(utf8_clean(&f->arena, f->text), f->text));
}

void fuzz_json(struct fuzz *f) {
        static const char *const names[] = { "Plaintext", "__type", "message", "Token" };
        struct str got = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (json_get(&f->arena, f->text, names[i], &got) == 0)
                        require(got.p[got.n] == '\0');
        (void) base64_decode(&f->arena, f->text, &got);
        check_json_text(f);
}

void fuzz_kms(struct fuzz *f) {
        struct kms k = { .arena = &f->arena };
        struct str got;
        int r;

        (void) setenv("AWS_REGION", "eu-west-1", 1);
        (void) setenv("AWS_SHARED_CREDENTIALS_FILE", arena_join(&f->arena, str_of(f->path), STR("/credentials")).p, 1);
        r = kms_find_credentials(&k);
        require(r == 0 || (r == 1 && k.problem.n > 0));

        (void) setenv("AWS_ACCESS_KEY_ID", "ID", 1);
        (void) setenv("AWS_SECRET_ACCESS_KEY", "KEY", 1);
        r = kms_decrypt(&k, STR("AAAA"), &got);
        require(r == 0 || (r == 1 && k.problem.n > 0));
        (void) unsetenv("AWS_ACCESS_KEY_ID");
        (void) unsetenv("AWS_SECRET_ACCESS_KEY");
        (void) unsetenv("AWS_REGION");

        r = kms_find_region(&k);
        require(r == 0 || (r == 1 && k.problem.n > 0));
        r = kms_metadata_credentials(&k);
        require(r == 0 || (r == 1 && k.problem.n > 0));
        require_clean(k.problem);
}

static void check_objects(struct fuzz *f) {
        struct podman_object list[] = {
                { .app = STR("shop"), .name = STR("data"), .device = STR("/srv"), .type = STR("none"), .options = STR("bind") },
                { .is_network = true, .app = STR("shop"), .name = STR("net"), .subnet = STR("10.1.0.0/24"),
                  .gateway = STR("10.1.0.1"), .options = STR("mtu=1400"), .has_ipv6 = true },
        };
        struct podman_objects objects = { { list, ARRAY_SIZE(list), ARRAY_SIZE(list) } };
        struct podman_differences found = { 0 };

        podman_compare(&f->arena, &objects, &found);
        VEC_EACH(d, &found.list)
                (void) podman_difference_advice(&f->arena, d);
}

void fuzz_podman(struct fuzz *f) {
        struct podman podman = { .arena = &f->arena, .program = "/nowhere/podman" };
        struct podman_containers containers = { 0 };
        struct image_users users = { 0 };
        struct image_facts facts;
        struct str problem = { 0 };

        require(podman_list(&f->arena, STR("shop"), true, &containers, &problem) == 0);
        (void) podman_find(&containers, STR("shop-0"));
        check_objects(f);
        require(image_find_users(&podman, STR("shop"), &users) == 0);
        require(image_inspect(&podman, STR("registry.example.com/shop:1"), &facts) == 0);
        (void) image_is_local(&f->arena, STR("shop:1"), &facts);
        require(image_pin(&f->arena, STR("registry.example.com/shop:1"), &facts).n > 0);
}

/* What Quadlet, a build and any program that works for long print. */
void fuzz_messages(struct fuzz *f) {
        struct sources sources = { 0 };
        struct diags ds = { .arena = &f->arena, .sources = &sources };
        struct publisher p = { .arena = &f->arena, .ds = &ds };
        struct publishing pub = { .p = &p };
        struct bundle bundle = { .app.text = STR("shop"), .at = NOWHERE, .tree.arena = &f->arena };
        struct job job = { .bundle = &bundle }, *jobs[] = { &job };
        struct conversion_paths paths = { STR("/run/in"), STR("/run/out") };
        struct buf out = buf_in(&f->arena);
        struct tail tail = { 0 };

        tree_add(&bundle.tree, STR("quadlet/shop@.container"), 0644, STR("Image=x\n"))->kind = TREE_REVISION;
        refuse_named(&pub, jobs, 1, f->text, &paths);
        diag_sort(&ds);
        diag_print(&out, &ds, (struct str) { NULL, 0 }, 0);
        require_clean(buf_str(&out));

        tail_add(&tail, f->text.p, f->text.n);
        require_clean(tail_text(&f->arena, &tail));
        require(build_reason(f->text).n <= f->text.n);
}

static void check_states(struct fuzz *f) {
        static const struct haproxy_ready none;
        struct haproxy_states s = { .arena = &f->arena, .path = "/nowhere/shop", .id = 7 };
        struct str with = haproxy_states_edit(&s, f->text, STR("shop-0"), 20000);
        struct str without = haproxy_states_edit(&s, with, STR("shop-0"), 0);
        struct haproxy_ready ready = none, gone = none;
        size_t n = 0;

        haproxy_states_parse(&f->arena, with, &ready);
        VEC_EACH(name, &ready.servers)
                n += str_is(*name, "shop-0");
        require(n == 1);
        haproxy_states_parse(&f->arena, without, &gone);
        VEC_EACH(name, &gone.servers)
                require(!str_is(*name, "shop-0"));
        require(gone.servers.n + 1 == ready.servers.n);
}

void fuzz_haproxy(struct fuzz *f) {
        struct host_haproxy settings = { .container = { STR("haproxy"), NOWHERE } };
        struct haproxy_program b = { .arena = &f->arena, .settings = &settings };
        struct haproxy_workers workers = { 0 };
        struct haproxy_counters counters = { 0 };
        struct str seen;
        uint64_t n;

        haproxy_parse_workers(&f->arena, f->text, &workers);
        VEC_EACH(prefix, &workers.prefixes)
                require(str_find(*prefix, '\n') == prefix->n);
        (void) haproxy_parse_sessions(f->text, STR("shop-0"), &n);
        (void) haproxy_is_unknown(f->text);
        haproxy_parse_counters(&f->arena, f->text, &counters);
        VEC_EACH(c, &counters.list)
                require(haproxy_find_counter(&counters, c->backend, c->server) != NULL);
        (void) haproxy_alerts(&f->arena, f->text);
        haproxy_remember(&b, f->text);
        (void) haproxy_sees(&b, STR("/run/pyservice/haproxy"), &seen);
        check_states(f);
}

/* The administrator's own configuration of HAProxy and nginx. */
void fuzz_front(struct fuzz *f) {
        struct front_config configs[2] = { 0 };

        front_config_add_haproxy(&f->arena, STR("/etc/haproxy/haproxy.cfg"), f->text, STR("routes.map"), &configs[0]);
        front_config_add_nginx(&f->arena, f->text, &configs[1]);
        for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
                VEC_EACH(l, &configs[i].listens)
                        require(l->line > 0 && l->first <= l->last && l->last <= UINT16_MAX);
                VEC_EACH(name, &configs[i].backends)
                        require(front_config_names(&configs[i], *name));
                VEC_EACH(b, &configs[i].own_backends)
                        require(front_config_backend(&configs[i], b->name) != NULL);
                (void) front_config_find(&configs[i], 80, true);
        }
}

static bool is_every_unit(const void *data, struct str unit) {
        return true;
}

static bool is_any_entry(const void *data, const struct journal_entry *entry) {
        return true;
}

static void check_walk(struct fuzz *f, bool is_user) {
        struct journal_filter filter = { .is_user = is_user, .is_meant = is_every_unit, .is_shown = is_any_entry };
        CLEANUP(journal_close) struct journal_walk *walk = NULL;
        struct buf text = buf_in(&f->arena), json = buf_in(&f->arena);
        struct log_style style = { .width = 8 }, style_json = { .is_json = true };
        struct journal_entry e;

        require(journal_open(&f->arena, &filter, &walk) == 0);
        require(journal_seek(walk, 0, UINT64_MAX, 5) == 0 && journal_seek(walk, 0, UINT64_MAX, SIZE_MAX) == 0);
        while (journal_next(walk, &e) > 0) {
                log_put(&text, &style, STR("shop"), &e);
                log_put(&json, &style_json, STR("shop"), &e);
        }
        require_clean(buf_str(&text));
        require_clean(buf_str(&json));
}

void fuzz_journal(struct fuzz *f) {
        struct journal_query query = { .unit = STR("shop@0.service"), .n = 10 };
        struct journal_lines lines;

        require(journal_read(&f->arena, &query, &lines) == 0);
        VEC_EACH(line, &lines.list) {
                require_clean(line->text);
                require(str_find(line->text, '\n') == line->text.n);
        }
        check_walk(f, false);
        check_walk(f, true);
}

/* The part of an answer that libcurl leaves to us, a line at a time, and what becomes of it. */
void fuzz_http(struct fuzz *f) {
        struct http_request q = { .address = STR("127.0.0.1"), .path = STR("/healthz"), .port = 8000 };
        struct http_answer answer = { 0 };
        struct str rest = f->text, line;
        char reason[HTTP_REASON_MAX];
        size_t n = 0;

        while (str_split(&rest, '\n', &line)) {
                answer.status = http_parse_status(line, reason, &n);
                require(answer.status == 0 || (answer.status >= 200 && answer.status <= 999 && n <= sizeof(reason)));
                if (answer.status == 0)
                        continue;
                answer.reason = arena_str(&f->arena, (struct str) { reason, n });
                require_clean(answer.reason);
                require_clean(probe_judge(&f->arena, &q, STR("200,301-399"), &answer));
        }
        (void) probe_accepts(f->text, 200);
        (void) http_is_header(f->text);
}

/* The kernel's files. */
void fuzz_system(struct fuzz *f) {
        struct proc_listeners listeners = { 0 };

        proc_parse_listeners(&f->arena, f->text, &listeners);
        VEC_EACH(l, &listeners.list)
                require(l->port <= UINT16_MAX);
        (void) proc_unit_of(f->text);
}

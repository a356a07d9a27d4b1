/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-notify: messages about events of applications, for those that host.yaml names. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "bundle/layout.h"
#include "notify/deliver.h"
#include "notify/expiry.h"
#include "notify/report.h"
#include "programs/usage.h"

static const char usage_text[] =
        "usage: pyservice-notify [--root=DIR] [--once] deliver\n       pyservice-notify [--root=DIR] report "
        "UNIT\n       pyservice-notify [--root=DIR] certificates\nDelivers messages about events of "
        "applications to those that host.yaml names, and leaves such a message about a unit\nthat failed, or "
        "about certificates that expire soon. Units run it.\n  --root=DIR   work below DIR\n  --once       "
        "try each message once, and do not wait\n";

struct program {
        struct arena arena;
        const char *root; /* "" for none */
        bool is_once;
        int runtime, state;
};

static int fail(const char *what, int r) {
        (void) fprintf(stderr, "pyservice-notify: %s: %s\n", what, strerror(-r));
        return EXIT_SYSTEM;
}

/* Lines of programs and servers. */
static void say(struct str line) {
        struct arena scratch = { 0 };

        (void) fprintf(stderr, "%s\n", utf8_clean(&scratch, line).p);
        arena_done(&scratch);
}

static int open_below(struct program *p, const char *path, int *ret) {
        *ret = fs_open_dir(AT_FDCWD, arena_join(&p->arena, str_of(p->root), str_of(path)).p);
        return *ret;
}

/* Without a runtime directory no application was ever published. 1 then. */
static int open_places(struct program *p) {
        int r = open_below(p, LAYOUT_RUNTIME, &p->runtime);

        if (r == -ENOENT)
                return 1;
        if (r < 0)
                return fail(LAYOUT_RUNTIME, r);

        r = open_below(p, LAYOUT_STATE, &p->state);
        return r < 0 ? fail(LAYOUT_STATE, r) : 0;
}

static int deliver(struct program *p) {
        const struct delivery d = { &p->arena, p->runtime, p->state, p->root, p->is_once, say };
        int r = deliver_run(&d);

        return r < 0 ? fail("delivering messages", r) : 0;
}

static int report(struct program *p, struct str unit) {
        struct reporting reporting = { .arena = &p->arena, .runtime = p->runtime, .state = p->state };
        int r = bus_open(&p->arena, false, -1, &reporting.bus);

        if (r >= 0)
                r = report_unit(&reporting, unit);
        bus_close(&reporting.bus);
        return r < 0 ? fail("reporting a unit", r) : 0;
}

static int report_certificates(struct program *p) {
        const struct expiry e = { &p->arena, p->runtime, p->state, p->root };
        int r = expiry_report(&e);

        return r < 0 ? fail("reporting certificates", r) : 0;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' },
                { "once", no_argument, NULL, 'o' },
                USAGE_OPTIONS,
                { 0 },
        };
        struct program program = { .root = "", .runtime = -1, .state = -1 };
        int r;

        (void) umask(0022);
        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
                switch (c) {
                case 'r':
                        program.root = optarg;
                        break;
                case 'o':
                        program.is_once = true;
                        break;
                default:
                        return usage_answer(c, usage_text);
                }

        argc -= optind;
        argv += optind;
        if (!(argc == 1 && (strcmp(argv[0], "deliver") == 0 || strcmp(argv[0], "certificates") == 0)) &&
            !(argc == 2 && strcmp(argv[0], "report") == 0))
                return usage_answer('?', usage_text);

        r = open_places(&program);
        if (r != 0)
                return r == 1 ? 0 : r;

        if (argc == 2)
                return report(&program, str_of(argv[1]));
        return strcmp(argv[0], "deliver") == 0 ? deliver(&program) : report_certificates(&program);
}

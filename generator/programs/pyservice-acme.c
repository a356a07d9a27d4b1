/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-acme: orders the certificate of a domain with `tls: auto`. */

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "balancer/acme.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "programs/usage.h"

/* uacme(1) runs the program as its hook with METHOD TYPE NAME TOKEN ANSWER. */
enum { HOOK_ARGUMENTS = 5 };

static const char usage_text[] = "usage: pyservice-acme DOMAIN\nOrders the certificate of a domain with "
                                 "'tls: auto' from the certificate "
                                 "authority, if it is due.\npyservice-acme@DOMAIN.service runs it.\n";

static int fail(struct str what, int r) {
        (void) fprintf(stderr, "pyservice-acme: %.*s: %s\n", STR_ARG(what), strerror(-r));
        return EXIT_SYSTEM;
}

/* systemd sets the variable when a timer starts the unit (systemd.exec(5)), and keeps its value in later
 * starts by hand. */
static uint64_t triggered(void) {
        const char *text = getenv("TRIGGER_TIMER_REALTIME_USEC");
        uint64_t usec = 0;

        return text && str_to_u64(str_of(text), UINT64_MAX, &usec) ? usec / 1000000 : 0;
}

static int run(struct str domain) {
        struct arena arena = { 0 };
        struct sources sources = { 0 };
        struct diags ds = { .arena = &arena, .sources = &sources };
        struct world world = { .arena = &arena, .ds = &ds, .sources = &sources };
        struct proxy_run proxy = { .arena = &arena, .world = &world, .root = "" };
        int r;

        places_system(&world.places);
        world.root = fs_open_dir(AT_FDCWD, "/");
        if (world.root < 0)
                return fail(STR("/"), world.root);

        r = proxy_read_host(&proxy);
        if (r == 0)
                r = acme_order(&proxy, domain, triggered());
        VEC_EACH(note, &proxy.notes)
                (void) printf("pyservice-acme: %s\n", utf8_clean(&arena, *note).p);
        (void) fflush(stdout);
        VEC_EACH(problem, &proxy.problems)
                (void) fprintf(stderr, "pyservice-acme: %s\n", utf8_clean(&arena, *problem).p);
        return r < 0 ? fail(proxy.failed, r) : r > 0 ? EXIT_USER : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                USAGE_OPTIONS,
                { 0 },
        };
        int c;

        /* It reads keys: a core dump would be a copy of them on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) umask(0022);

        /* HAProxy answers challenges of this type without any preparation, and no others. */
        if (argc == 1 + HOOK_ARGUMENTS)
                return strcmp(argv[2], "http-01") == 0 ? EXIT_SUCCESS : EXIT_USER;

        c = getopt_long(argc, argv, "h", options, NULL);
        if (c != -1)
                return usage_answer(c, usage_text);
        if (argc - optind != 1 || !type_accepts(KIND_DOMAIN, str_of(argv[optind])) || argv[optind][0] == '*')
                return usage_answer('?', usage_text);

        return run(str_of(argv[optind]));
}

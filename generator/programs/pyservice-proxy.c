/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-proxy: puts HAProxy's files of all applications in place. */

#include <fcntl.h>
#include <sys/stat.h>

#include "balancer/proxy.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "programs/usage.h"

static const char usage_text[] =
        "usage: pyservice-proxy [--root=DIR] HASH\n       pyservice-proxy --states\n       pyservice-proxy "
        "--certificate=FILE\nChecks the HAProxy and nginx files of all applications, puts them in place and "
        "reloads both.\npyservice-proxy@HASH.service runs it; HASH identifies one state of these "
        "files.\nWith --states it only sends HAProxy the state of the servers, after HAProxy has "
        "started.\nWith --certificate both serve the current content of the file.\n";

static int fail(struct str what, int r) {
        (void) fprintf(stderr, "pyservice-proxy: %.*s: %s\n", STR_ARG(what), strerror(-r));
        return EXIT_SYSTEM;
}

static int run(const char *root, const char *certificate, int (*work)(struct proxy_run *p)) {
        struct arena arena = { 0 };
        struct sources sources = { 0 };
        struct diags ds = { .arena = &arena, .sources = &sources };
        struct world world = { .arena = &arena, .ds = &ds, .sources = &sources };
        struct proxy_run proxy = { .arena = &arena,
                                   .world = &world,
                                   .root = strcmp(root, "/") == 0 ? "" : root,
                                   .certificate = str_of(certificate) };
        int r;

        (void) umask(0022);
        places_system(&world.places);
        world.root = fs_open_dir(AT_FDCWD, root);
        if (world.root < 0)
                return fail(str_of(root), world.root);

        r = work(&proxy);
        VEC_EACH(problem, &proxy.problems)
                (void) fprintf(stderr, "pyservice-proxy: %s\n", utf8_clean(&arena, *problem).p);
        VEC_EACH(note, &proxy.notes)
                (void) printf("pyservice-proxy: %s\n", utf8_clean(&arena, *note).p);
        return r < 0 ? fail(proxy.failed, r) : proxy.problems.n > 0 ? EXIT_USER : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' },
                { "states", no_argument, NULL, 's' },
                { "certificate", required_argument, NULL, 'c' },
                USAGE_OPTIONS,
                { 0 },
        };
        int (*work)(struct proxy_run * p) = proxy_apply;
        const char *root = "/", *certificate = NULL;

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
                switch (c) {
                case 'r':
                        root = optarg;
                        break;
                case 's':
                        work = proxy_states;
                        break;
                case 'c':
                        work = proxy_certificate;
                        certificate = optarg;
                        break;
                default:
                        return usage_answer(c, usage_text);
                }

        if (argc - optind != (work == proxy_apply))
                return usage_answer('?', usage_text);

        return run(root, certificate, work);
}

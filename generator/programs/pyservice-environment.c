/* SPDX-License-Identifier: Apache-2.0 */

/* pyservice-environment: makes the secrets of an instance ready before it starts. */

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "hooks/environment.h"
#include "programs/usage.h"

static const char usage_text[] =
        "usage: pyservice-environment [--root=DIR] [--template=FILE] NAME[:MODE:UID:GID]=SOURCE...\n"
        "SOURCE: credential:CREDENTIAL, file:PATH, kms:PATH, kms-literal:PATH or podman:SECRET\n"
        "Writes the secrets of a unit, and the variables made of them, to $RUNTIME_DIRECTORY.\n";

static int fail(const char *what, int r) {
        (void) fprintf(stderr, "pyservice-environment: %s: %s\n", what, strerror(-r));
        return EXIT_SYSTEM;
}

static int usage(const char *what) {
        (void) fprintf(stderr, "pyservice-environment: %s\n%s", what, usage_text);
        return EXIT_USAGE;
}

static int run(struct environment *e, const char *template_path) {
        const char *directory = getenv("RUNTIME_DIRECTORY");
        struct str template = { 0 };
        int r;

        if (!directory || directory[0] != '/' || strchr(directory, ':'))
                return usage(
                        "$RUNTIME_DIRECTORY is not set to one directory; the unit needs RuntimeDirectory=");

        e->directory = fs_open_dir(AT_FDCWD, directory);
        if (e->directory < 0)
                return fail(directory, e->directory);
        r = template_path ? fs_read(e->arena, AT_FDCWD, template_path, BUF_MAX, &template) : 0;
        if (r < 0)
                return fail(template_path, r);

        r = environment_prepare(e, template);
        VEC_EACH(note, &e->notes)
                (void) fprintf(stderr, "pyservice-environment: %s\n", utf8_clean(e->arena, *note).p);
        VEC_EACH(p, &e->problems)
                (void) fprintf(stderr, "pyservice-environment: %s\n", utf8_clean(e->arena, *p).p);
        return r < 0 ? fail("preparing the secrets", r) : r > 0 ? EXIT_USER : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' },
                { "template", required_argument, NULL, 't' },
                USAGE_OPTIONS,
                { 0 },
        };
        struct arena arena = { 0 };
        struct environment e = { .arena = &arena,
                                 .places.directory = getenv("CREDENTIALS_DIRECTORY"),
                                 .places.root = "",
                                 .places.is_user = getuid() != 0,
                                 .kms = LIBEXECDIR "/pyservice-kms" };
        const char *template = NULL;

        (void) umask(0022);
        /* A core dump would be a copy of the secrets on the disk. */
        (void) prctl(PR_SET_DUMPABLE, 0);

        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
                switch (c) {
                case 'r':
                        e.places.root = optarg;
                        break;
                case 't':
                        template = optarg;
                        break;
                case 'h':
                case 'v':
                        return usage_answer(c, usage_text);
                default:
                        return usage("unknown option");
                }

        for (int i = optind; i < argc; i++)
                if (!environment_wish(&e, str_of(argv[i])))
                        return usage("an argument is not NAME=SOURCE, or is given twice");

        return run(&e, template);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>

#include "image/build.h"

enum { TEXT = 256, MANAGER, PACKAGE, BEFORE, AFTER, WORD, NO_TLS };

/* --NAME=TEXT, each for one member. */
static const struct {
        const char *name;
        size_t offset;
} texts[] = {
        { "runtime", offsetof(struct build, runtime) },
        { "repo", offsetof(struct build, clone.repository) },
        { "ref", offsetof(struct build, clone.ref) },
        { "ssh-key", offsetof(struct build, clone.ssh_key) },
        { "credential", offsetof(struct build, clone.credential) },
        { "code", offsetof(struct build, code) },
        { "pull", offsetof(struct build, pull) },
        { "auth-file", offsetof(struct build, auth_file) },
        { "subdir", offsetof(struct build, subdir) },
        { "containerfile", offsetof(struct build, containerfile) },
        { "base", offsetof(struct build, base) },
        { "requirements", offsetof(struct build, requirements) },
        { "conda", offsetof(struct build, conda) },
        { "python", offsetof(struct build, python) },
};

static const struct option others[] = {
        { "manager", required_argument, NULL, MANAGER }, { "package", required_argument, NULL, PACKAGE },
        { "before", no_argument, NULL, BEFORE },         { "after", no_argument, NULL, AFTER },
        { "word", required_argument, NULL, WORD },       { "no-tls-verify", no_argument, NULL, NO_TLS },
};

static bool read_manager(struct build *b, struct str name) {
        b->manager = str_is(name, "uv") ? BUILD_UV : str_is(name, "conda") ? BUILD_CONDA : BUILD_PIP;
        return b->manager != BUILD_PIP || str_is(name, "pip");
}

/* `command`: the one that words go to. */
static bool read_other(struct build *b, int option, struct build_command **command) {
        switch (option) {
        case MANAGER:
                return read_manager(b, str_of(optarg));
        case PACKAGE:
                *vec_push(b->arena, &b->packages) = str_of(optarg);
                return true;
        case BEFORE:
                *command = vec_push(b->arena, &b->before);
                return true;
        case AFTER:
                *command = vec_push(b->arena, &b->after);
                return true;
        case WORD:
                if (*command)
                        *vec_push(b->arena, &(*command)->words) = str_of(optarg);
                return *command;
        case NO_TLS:
                b->skips_tls = true;
                return true;
        default:
                return false;
        }
}

bool build_read_arguments(struct build *b, int argc, char **argv) {
        struct option options[ARRAY_SIZE(texts) + ARRAY_SIZE(others) + 1] = { 0 };
        struct build_command *command = NULL;

        if (argc < 3)
                return false;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                options[i] = (struct option){ texts[i].name, required_argument, NULL, TEXT + 100 + (int) i };
        memcpy(options + ARRAY_SIZE(texts), others, sizeof(others));
        b->app = str_of(argv[1]);
        b->image = str_of(argv[2]);

        for (int c; (c = getopt_long(argc - 2, argv + 2, "", options, NULL)) != -1;)
                if (c >= TEXT + 100)
                        *(struct str *) (void *) ((char *) b + texts[c - TEXT - 100].offset) = str_of(optarg);
                else if (!read_other(b, c, &command))
                        return false;

        return optind == argc - 2 && !str_is_absent(b->runtime);
}

/* The position of the '-' in "…:HASH-COMMIT"; the whole length if there is none. */
static size_t find_commit(struct str image) {
        for (size_t i = image.n; i > 0 && image.p[i - 1] != ':'; i--)
                if (image.p[i - 1] == '-')
                        return git_is_commit(str_from(image, i)) ? i - 1 : image.n;

        return image.n;
}

struct str build_reference(const struct build *b) {
        return arena_str(b->arena, (struct str){ b->image.p, find_commit(b->image) });
}

struct str build_pinned_commit(const struct build *b) {
        size_t at = find_commit(b->image);

        return at < b->image.n ? arena_str(b->arena, str_from(b->image, at + 1)) : (struct str){ 0 };
}

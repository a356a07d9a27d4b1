/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/convert.h"

#include <errno.h>
#include <unistd.h>

#include "base/path.h"
#include "config.h"

#define NAME "pyservice-convert"
#define INSTALLED LIBEXECDIR "/" NAME

const struct option_row export_options[] = {
        { "output", "DIR", "Directory to write to (quadlet)", .letter = 'o' },
        { 0 },
};

const struct option_row import_options[] = {
        { "env-file", "FILE", "Variables of Compose, instead of .env; may be repeated" },
        { "profile", "NAME", "Services of this Compose profile too; may be repeated" },
        { 0 },
};

const struct option_row new_options[] = {
        { "from", "FILE|DIR|URL", "Convert a Compose file, a Procfile or a Git repository" },
        { "image", "IMAGE", "Image of the new application" },
        { 0 },
};

const char *ctl_given(const struct ctl *c, const char *name) {
        const char *value = NULL;

        VEC_EACH(given, &c->given)
                if (strcmp(given->name, name) == 0)
                        value = given->value;
        return value;
}

/* A build directory has it beside this program; there, an installed one may be of another version. */
static const char *find_program(struct ctl *c) {
        struct str self = ctl_self(c);
        const char *built;

        self.n -= path_name(self).n;
        built = arena_join(&c->arena, self, STR(NAME)).p;
        return access(built, X_OK) == 0 ? built : INSTALLED;
}

int ctl_convert(struct ctl *c) {
        const char *program = find_program(c);

        (void) execv(program, c->command);
        if (errno != ENOENT)
                return ctl_fail(program, -errno);

        (void) fprintf(stderr, "pyservicectl: %s: %s is not installed; install the package " NAME "\n",
                       c->verb->name, program);
        return CTL_ERROR;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl help: what verbs there are, and how one is used. */

#include "commandline/help.h"

#include "commandline/commandline.h"
#include "commandline/find.h"
#include "commandline/options.h"

static const char *const tasks[] = {
        [VERB_LOOK] = "Look at applications",
        [VERB_WRITE] = "Write and change definitions",
        [VERB_DEPLOY] = "Deploy",
        [VERB_RUN] = "Start, stop and run",
        [VERB_FIX] = "Fix",
        [VERB_CONVERT] = "Convert",
        [VERB_HELP] = "Help",
};

static void put_line(struct buf *out, const char *name, size_t width, const char *doc) {
        buf_put(out, "  ");
        buf_put(out, name);
        for (size_t i = strlen(name); i < width; i++)
                buf_put_char(out, ' ');
        buf_put(out, "  ");
        buf_put(out, doc);
        buf_put_char(out, '\n');
}

int help_print(struct ctl *c) {
        struct buf out = buf_in(&c->arena);

        buf_put(&out, "pyservicectl [OPTIONS…] COMMAND …\n\n"
                      "Inspects and controls the applications that are defined in /etc/pyservice.d.\n");
        for (size_t task = 0; task < ARRAY_SIZE(tasks); task++) {
                buf_put_char(&out, '\n');
                buf_put(&out, tasks[task]);
                buf_put(&out, ":\n");
                for (size_t i = 0; i < c->n_verbs; i++)
                        if (c->verbs[i].task == task)
                                put_line(&out, c->verbs[i].name, 8, c->verbs[i].doc);
        }
        buf_put(&out, "\nOptions of most commands:\n");
        options_put(c, &out, NULL);
        buf_put(&out, "\n'pyservicectl help COMMAND' shows its arguments, its options and an example.\n"
                      "See pyservicectl(1) and pyservice.d(5).\n");
        return ctl_write(stdout, buf_str(&out));
}

/* A long list of words stands above what follows it. */
static void put_arguments(struct buf *out, const struct verb *verb) {
        struct str all = str_of(verb->arguments), rest = all, word = { NULL, 0 }, last = { NULL, 0 };

        while (str_split(&rest, ' ', &word))
                last = word;
        buf_put(out, "pyservicectl ");
        buf_put(out, verb->name);
        buf_put_char(out, ' ');
        if (strlen(verb->name) + all.n < 65 || last.n == all.n) {
                buf_put_str(out, all);
                return;
        }

        buf_put_str(out, (struct str){ all.p, all.n - last.n - 1 });
        buf_put(out, "\n    ");
        buf_put_str(out, last);
}

int help_print_verb(struct ctl *c, const struct verb *verb) {
        struct buf out = buf_in(&c->arena);

        put_arguments(&out, verb);
        buf_put(&out, "\n\n");
        buf_put(&out, verb->doc);
        buf_put(&out, ".\n");
        if (verb->about)
                buf_put(&out, verb->about);
        buf_put(&out, "\nOptions:\n");
        options_put(c, &out, verb);
        buf_put(&out, "\nExample:\n  pyservicectl ");
        buf_put(&out, verb->example);
        buf_put(&out, "\n\nSee pyservicectl(1).\n");
        return ctl_write(stdout, buf_str(&out));
}

int ctl_help(struct ctl *c) {
        const struct verb *verb;

        if (c->argc == 0)
                return help_print(c);

        /* More words, as in `help rollout undo`, belong to the verb. */
        verb = verb_find(c, str_of(c->argv[0]));
        return verb ? help_print_verb(c, verb) : verb_unknown(c, c->argv[0]);
}

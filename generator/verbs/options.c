/* SPDX-License-Identifier: Apache-2.0 */
#include "verbs/complete.h"

#include <getopt.h>
#include <stddef.h>

/* Rows X(name, letter or 0, what follows '=' or NULL, member of struct ctl, what it does). */
#define OPTIONS(X)                                                                             \
        X("root", 0, "DIR", root, "Work on the system below DIR")                              \
        X("user", 0, NULL, is_user, "Work on the user's own applications")                     \
        X("json", 'j', NULL, is_json, "Print JSON")                                            \
        X("yes", 'y', NULL, is_sure, "Do not ask for confirmation")                            \
        X("output", 'o', "DIR", output, "Directory that render writes to")                     \
        X("no-follow", 0, NULL, no_follow, "Do not wait until it is done")                     \
        X("no-pager", 0, NULL, no_pager, "Do not use a pager")                                 \
        X("diff", 0, NULL, has_diff, "Show how the generated files would change")              \
        X("timeout", 0, "TIME", timeout, "Time to wait for a confirmation (120s)")             \
        X("runtime", 0, NULL, is_runtime, "Change it only until the next boot")                \
        X("lasting", 0, NULL, is_lasting, "Stay stopped across reboots, until started again")  \
        X("now", 0, NULL, is_now, "With --lasting: also stop now")                             \
        X("image", 0, "IMAGE", image, "Image of the new application")                          \
        X("follow", 'f', NULL, follows, "Follow new log entries, or a rollout")                \
        X("since", 0, "TIME", since, "Show only newer entries; TIME as for journalctl")        \
        X("lines", 'n', "N", lines, "Number of lines to show")                                 \
        X("reveal", 0, NULL, reveals, "Show the values too")                                   \
        X("local", 0, NULL, is_local, "Check only the images of this machine, not a registry") \
        X("auto", 0, NULL, is_auto, "Update all applications that have auto_update")           \
        X("man", 0, NULL, is_man, "Print mdoc source")                                         \
        X("fuzz-dict", 0, NULL, is_dictionary, "Print a dictionary for a fuzzer")              \
        X("keys", 0, NULL, is_keys, "Print only the keys")                                     \
        X("help", 'h', NULL, is_help, "Show this help")                                        \
        X("version", 0, NULL, is_version, "Show the version")

struct option_row {
        const char *name, *argument, *doc;
        char letter;
        size_t place;
};

static const struct option_row rows[] = {
#define ROW(name, letter, argument, member, doc) \
        { name, argument, doc, letter, offsetof(struct ctl, member) },
        OPTIONS(ROW)
};

/* Whoever writes it always, as for systemctl(1), writes it for verbs without a pager, too. */
#define EVERYWHERE "no-pager"

enum { FIRST = 256 }; /* what getopt_long() gives for the first row: no letter */

static void take(struct ctl *c, const struct option_row *row, const char *value) {
        char *place = (char *) c + row->place;

        if (row->argument)
                *(const char **) (void *) place = value;
        else
                *(bool *) (void *) place = true;
}

static bool is_given(const struct ctl *c, const struct option_row *row) {
        return c->given & (1u << (row - rows));
}

static const struct option_row *find_letter(int letter) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].letter == letter)
                        return &rows[i];
        return NULL;
}

/* In the form of getopt_long(3). */
static void describe(struct option *ret_options, char *ret_letters) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                ret_options[i] =
                        (struct option){ rows[i].name, rows[i].argument ? required_argument : no_argument,
                                         NULL, FIRST + (int) i };
                if (!rows[i].letter)
                        continue;
                *ret_letters++ = rows[i].letter;
                if (rows[i].argument)
                        *ret_letters++ = ':';
        }
}

/* What stands after "--" is of a command of the user's own. */
static int count_tail(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (strcmp(argv[i], "--") == 0)
                        return argc - i - 1;
        return -1;
}

int options_parse(struct ctl *c, int argc, char **argv) {
        struct option options[ARRAY_SIZE(rows) + 1] = { 0 };
        char letters[2 * ARRAY_SIZE(rows) + 1] = { 0 };

        _Static_assert(ARRAY_SIZE(rows) <= 32, "one bit each");
        describe(options, letters);
        c->n_tail = count_tail(argc, argv);
        for (int o; (o = getopt_long(argc, argv, letters, options, NULL)) >= 0;) {
                const struct option_row *row = o >= FIRST ? &rows[o - FIRST] : find_letter(o);

                if (!row) {
                        (void) fputs("Try 'pyservicectl --help'.\n", stderr);
                        return CTL_USAGE;
                }
                take(c, row, optarg);
                c->given |= 1u << (row - rows);
        }

        c->argc = argc - optind;
        c->argv = argv + optind;
        return CTL_GOOD;
}

/* Is it one of the words of `options`? */
static bool has_word(const char *options, const char *name) {
        struct str rest = str_of(options), word;

        while (str_split(&rest, ' ', &word))
                if (str_is(word, name))
                        return true;
        return false;
}

int options_check(const struct ctl *c, const struct verb *verb) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (is_given(c, &rows[i]) && !has_word(verb->options, rows[i].name) &&
                    !has_word(EVERYWHERE, rows[i].name)) {
                        (void) fprintf(stderr,
                                       "pyservicectl: '%s' has no option --%s; try 'pyservicectl --help'\n",
                                       verb->name, rows[i].name);
                        return CTL_USAGE;
                }
        return CTL_GOOD;
}

void options_complete(struct complete *k, const struct verb *verb) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].name, "help") == 0 ||
                    has_word(verb ? verb->options : "root user json version", rows[i].name))
                        complete_offer(k,
                                       arena_join(&k->ctl->arena, STR("--"), str_of(rows[i].name),
                                                  rows[i].argument ? STR("=") : STR("")),
                                       str_of(rows[i].doc));
}

void options_print(FILE *out) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *sign = rows[i].argument ? "=" : "", *argument = rows[i].argument ?: "";
                int width = 13 - (int) (strlen(rows[i].name) + strlen(sign) + strlen(argument));

                (void) fprintf(out, "  %c%c --%s%s%s%*s %s\n", rows[i].letter ? '-' : ' ',
                               rows[i].letter ?: ' ', rows[i].name, sign, argument, width > 0 ? width : 0, "",
                               rows[i].doc);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "commandline/complete.h"
#include "commandline/find.h"

#include <getopt.h>

/* The options before any verb, and of most verbs. */
#define MOST "root user json host parallel version"

/* Users who always write --no-pager, as with systemctl(1), may write it for verbs without a pager, too. */
#define EVERYWHERE "host no-pager parallel"

enum {
        FIRST = 256, /* what getopt_long() gives for the first row: no letter */
        DOC_COLUMN = 20,
};

struct rows {
        VEC(struct option_row) list;
};

static void add_common(struct ctl *c, struct rows *ret) {
        const struct option_row rows[] = {
                { "root", "DIR", "Work on the system below DIR", .text = &c->root },
                { "user", NULL, "Work on the user's own applications", .flag = &c->is_user },
                { "host", "HOST", "Run the command on other machines: [USER@]HOST,…", .text = &c->hosts,
                  .letter = 'H' },
                { "parallel", "N", "Run it on N of them at once", .text = &c->parallel },
                { "json", NULL, "Print JSON", .flag = &c->is_json, .letter = 'j' },
                { "yes", NULL, "Do not ask for confirmation", .flag = &c->is_sure, .letter = 'y' },
                { "no-follow", NULL, "Do not wait until it is done", .flag = &c->no_follow },
                { "no-pager", NULL, "Do not use a pager", .flag = &c->no_pager },
                { "help", NULL, "Show this help", .flag = &c->is_help, .letter = 'h' },
                { "version", NULL, "Show the version", .flag = &c->is_version },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                *vec_push(&c->arena, &ret->list) = rows[i];
}

static const struct option_row *find_row(const struct rows *rows, const char *name) {
        VEC_EACH(row, &rows->list)
                if (strcmp(row->name, name) == 0)
                        return row;
        return NULL;
}

static void add_own(struct ctl *c, const struct verb *verb, struct rows *ret) {
        for (const struct option_row *row = verb->own; row && row->name; row++)
                if (!find_row(ret, row->name))
                        *vec_push(&c->arena, &ret->list) = *row;
}

static void take(const struct option_row *row, const char *value) {
        if (row->flag)
                *row->flag = true;
        else if (row->text)
                *row->text = value;
}

static const struct option_row *find_letter(const struct rows *rows, int letter) {
        VEC_EACH(row, &rows->list)
                if (row->letter == letter)
                        return row;
        return NULL;
}

/* In the form of getopt_long(3). */
static void describe(const struct rows *rows, struct option *ret_options, char *ret_letters) {
        *ret_letters++ = '+';
        for (size_t i = 0; i < rows->list.n; i++) {
                const struct option_row *row = &rows->list.at[i];

                ret_options[i] = (struct option){ row->name, row->argument ? required_argument : no_argument,
                                                  NULL, FIRST + (int) i };
                if (!row->letter)
                        continue;
                *ret_letters++ = row->letter;
                if (row->argument)
                        *ret_letters++ = ':';
        }
}

/* NULL as long as no verb was read. */
static const struct verb *find_given(const struct ctl *c) {
        return c->argc > 0 ? verb_find(c, str_of(c->argv[0])) : NULL;
}

/* True if the next word begins a command of the user, as in `exec APP ls -l`. */
static bool begins_command(const struct ctl *c) {
        const struct verb *verb = find_given(c);

        return verb && verb->n_words > 0 && c->argc > verb->n_words;
}

/* Notes the next option; -1 in front of another word, and behind "--" or the last word. */
static int next_option(struct ctl *c, const struct rows *rows, int argc, char **argv) {
        struct option *options = arena_array(&c->arena, rows->list.n + 1, struct option);
        char *letters = arena_array(&c->arena, 2 * rows->list.n + 2, char);
        const struct option_row *row;
        const struct verb *verb;
        int o;

        describe(rows, options, letters);
        o = getopt_long(argc, argv, letters, options, NULL);
        if (o < 0)
                return -1;

        row = o >= FIRST ? &rows->list.at[o - FIRST] : find_letter(rows, o);
        if (!row) {
                verb = find_given(c);
                (void) fprintf(stderr, "Try 'pyservicectl help%s%s'.\n", verb ? " " : "",
                               verb ? verb->name : "");
                return CTL_USAGE;
        }
        *vec_push(&c->arena, &c->given) = (struct option_given){ row->name, optarg };
        return CTL_GOOD;
}

/* The places of common options are known before the verb is. */
static void take_common(struct ctl *c) {
        struct rows common = { 0 };

        add_common(c, &common);
        VEC_EACH(given, &c->given) {
                const struct option_row *row = find_row(&common, given->name);

                if (row)
                        take(row, given->value);
        }
}

int options_parse(struct ctl *c, int argc, char **argv) {
        struct rows rows = { 0 };

        add_common(c, &rows);
        for (size_t i = 0; i < c->n_verbs; i++)
                add_own(c, &c->verbs[i], &rows);
        c->command = argv;
        c->argv = arena_array(&c->arena, (size_t) argc + 1, char *);
        c->n_tail = -1;
        while (optind < argc && c->n_tail < 0) {
                int before = optind, r = next_option(c, &rows, argc, argv);

                if (r > CTL_GOOD)
                        return r;
                if (r == CTL_GOOD)
                        continue;
                if (optind > before || begins_command(c))
                        c->n_tail = argc - optind;
                else
                        c->argv[c->argc++] = argv[optind++];
        }
        while (optind < argc)
                c->argv[c->argc++] = argv[optind++];
        take_common(c);
        return CTL_GOOD;
}

/* True if it is one of the words of `options`. */
static bool has_word(const char *options, const char *name) {
        struct str rest = str_of(options), word;

        while (str_split(&rest, ' ', &word))
                if (str_is(word, name))
                        return true;
        return false;
}

int options_check(struct ctl *c) {
        struct rows own = { 0 };

        add_own(c, c->verb, &own);
        VEC_EACH(given, &c->given) {
                const struct option_row *row = find_row(&own, given->name);

                if (row)
                        take(row, given->value);
                else if (!has_word(c->verb->common, given->name) && !has_word(EVERYWHERE, given->name)) {
                        (void) fprintf(stderr,
                                       "pyservicectl: '%s' has no option --%s; try 'pyservicectl help %s'\n",
                                       c->verb->name, given->name, c->verb->name);
                        return CTL_USAGE;
                }
        }
        return CTL_GOOD;
}

/* Those of the verb, or of most verbs if it is NULL. */
static void list_rows(struct ctl *c, const struct verb *verb, struct rows *ret) {
        struct rows common = { 0 };

        add_common(c, &common);
        VEC_EACH(row, &common.list)
                if (strcmp(row->name, "help") == 0 || has_word(verb ? verb->common : MOST, row->name))
                        *vec_push(&c->arena, &ret->list) = *row;
        if (verb)
                add_own(c, verb, ret);
}

void options_complete(struct complete *k, const struct verb *verb) {
        struct arena *a = &k->ctl->arena;
        struct rows rows = { 0 };

        list_rows(k->ctl, verb, &rows);
        VEC_EACH(row, &rows.list)
                complete_offer(
                        k, arena_join(a, STR("--"), str_of(row->name), row->argument ? STR("=") : STR("")),
                        str_of(row->doc));
}

static void put_row(struct buf *out, const struct option_row *row) {
        size_t start = out->n;

        buf_put(out, "  ");
        buf_put_char(out, row->letter ? '-' : ' ');
        buf_put_char(out, row->letter ?: ' ');
        buf_put(out, " --");
        buf_put(out, row->name);
        if (row->argument) {
                buf_put_char(out, '=');
                buf_put(out, row->argument);
        }
        while (out->n - start < DOC_COLUMN)
                buf_put_char(out, ' ');
        buf_put_char(out, ' ');
        buf_put(out, row->doc);
        buf_put_char(out, '\n');
}

void options_put(struct ctl *c, struct buf *out, const struct verb *verb) {
        struct rows rows = { 0 };

        list_rows(c, verb, &rows);
        VEC_EACH(row, &rows.list)
                if (!row->is_internal)
                        put_row(out, row);
}

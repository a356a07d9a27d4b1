/* SPDX-License-Identifier: Apache-2.0 */

/* Which kind of word comes next: read from the tables of verbs and options, whose texts are those of --help. */

#include "verbs/complete.h"
#include "verbs/verbs.h"

#include <ctype.h>

void complete_put(struct complete *k, struct str text, struct str doc) {
        buf_put_str(&k->out, text);
        buf_put_char(&k->out, '\t');
        buf_put_str(&k->out, doc);
        buf_put_char(&k->out, '\n');
}

void complete_offer(struct complete *k, struct str text, struct str doc) {
        if (str_has_prefix(text, k->word))
                complete_put(k, text, doc);
}

static void offer_choices(struct complete *k, struct str choices) {
        struct str word;

        choices.n = str_find(choices, ']');
        while (str_split(&choices, '|', &word))
                complete_offer(k, word, STR(""));
}

/* One token of a verb's `arguments`, without its brackets. */
static void offer_token(struct complete *k, struct str token) {
        static const struct {
                const char *name;
                void (*offer)(struct complete *k);
        } kinds[] = {
                { "APP[/", complete_targets }, { "APP/", complete_targets }, { "APP", complete_apps }, { "REVISION", complete_revisions }, { "FILE", complete_files },
        };

        if (islower((unsigned char) token.p[0])) {
                offer_choices(k, token);
                return;
        }
        if (str_has_prefix(token, STR("TASK")) || str_has_prefix(token, STR("SECRET"))) {
                complete_parts(k, token.p[0] == 'T' ? "TASK" : "SECRET");
                return;
        }

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_has_prefix(token, str_of(kinds[i].name))) {
                        kinds[i].offer(k);
                        break;
                }
        if (str_find_str(token, STR("|FILE")) < token.n)
                complete_files(k);
}

/* The token for the argument number `n`: the last one for all that follow where it ends with an ellipsis. Absent where there is none. */
static struct str find_token(const struct verb *verb, size_t n) {
        struct str rest = str_of(verb->arguments), token, found = { 0 };

        for (size_t i = 0; str_split(&rest, ' ', &token);) {
                if (str_has_prefix(token, STR("[")))
                        token = (struct str) { token.p + 1, token.n - 1 };
                if (!isalpha((unsigned char) token.p[0]))
                        continue;
                found = i == n || str_find_str(token, STR("…")) < token.n ? token : (struct str) { 0 };
                if (i++ == n)
                        break;
        }

        return found;
}

static const struct verb *find_verb(const struct ctl *c, struct str name) {
        for (size_t i = 0; i < c->n_verbs; i++)
                if (str_is(name, c->verbs[i].name))
                        return &c->verbs[i];
        return NULL;
}

/* What stands before the word that is being written: the verb, and how many arguments. */
struct before {
        const struct verb *verb;
        size_t n;
        bool is_unknown;                /* a verb that there is not */
};

static void take_word(struct complete *k, struct before *b, struct str word) {
        struct ctl *c = k->ctl;
        struct str root = STR("--root=");

        if (str_has_prefix(word, root))
                c->root = arena_str(&c->arena, (struct str) { word.p + root.n, word.n - root.n }).p;
        else if (str_is(word, "--user"))
                c->is_user = true;
        else if (word.n > 0 && word.p[0] == '-')
                return;
        else if (!b->verb) {
                b->verb = find_verb(c, word);
                b->is_unknown = !b->verb;
        } else {
                if (b->n++ == 0)
                        k->sub = word;
                if (type_accepts(KIND_NAME, word))
                        k->app = word;
        }
}

static void offer(struct complete *k, const struct before *b) {
        struct ctl *c = k->ctl;
        struct str token;

        if (k->word.n > 0 && k->word.p[0] == '-') {
                if (str_find(k->word, '=') < k->word.n)
                        complete_put(k, STR(":directories"), STR(""));
                else
                        options_complete(k, b->verb);
                return;
        }
        if (!b->verb) {
                for (size_t i = 0; i < c->n_verbs; i++)
                        complete_offer(k, str_of(c->verbs[i].name), str_of(c->verbs[i].doc));
                return;
        }

        token = find_token(b->verb, b->n);
        if (!str_is_absent(token))
                offer_token(k, token);
}

int ctl_completion(struct ctl *c) {
        struct complete k = { .ctl = c, .word = STR(""), .out = buf_in(&c->arena) };
        char **words = c->argv + c->argc - c->n_tail;
        struct before b = { 0 };
        int n = c->n_tail;

        if (n < 1 || n != c->argc) {
                (void) fputs("pyservicectl completion: write '--' and the words of the command line, the "
                             "incomplete word last\n", stderr);
                return CTL_USAGE;
        }

        c->argc = 0;
        k.word = str_of(words[n - 1]);
        for (int i = 0; i < n - 1; i++)
                take_word(&k, &b, str_of(words[i]));
        if (!b.is_unknown)
                offer(&k, &b);
        return ctl_write(stdout, buf_str(&k.out));
}

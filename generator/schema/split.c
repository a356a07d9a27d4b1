/* SPDX-License-Identifier: Apache-2.0 */

/* Command lines into words, by the quoting rules of the POSIX shell (XCU 2.2) and without any expansion. */

#include "schema/decode.h"

struct splitter {
        struct arena *arena;
        struct str text;
        size_t at;
        VEC(char) word;
        bool in_word;
        const char *wrong;
};

static void add_byte(struct splitter *s, char c) {
        *vec_push(s->arena, &s->word) = c;
        s->in_word = true;
}

static void take_single_quoted(struct splitter *s) {
        s->in_word = true;
        for (; s->at < s->text.n && s->text.p[s->at] != '\''; s->at++)
                add_byte(s, s->text.p[s->at]);

        if (s->at++ >= s->text.n)
                s->wrong = "a ' is not closed; add one, or write the command as a list of words";
}

static void take_double_quoted(struct splitter *s) {
        s->in_word = true;
        for (; s->at < s->text.n && s->text.p[s->at] != '"'; s->at++) {
                char c = s->text.p[s->at], next = s->at + 1 < s->text.n ? s->text.p[s->at + 1] : ' ';

                /* Within double quotes a backslash is special only before these; before a line feed it
                 * removes it. */
                if (c == '\\' && next == '\n') {
                        s->at++;
                        continue;
                }
                if (c == '\\' && strchr("$`\"\\", next))
                        c = s->text.p[++s->at];
                add_byte(s, c);
        }

        if (s->at++ >= s->text.n)
                s->wrong = "a \" is not closed; add one, or write the command as a list of words";
}

static void take_byte(struct splitter *s, char c) {
        if (c == '\'')
                take_single_quoted(s);
        else if (c == '"')
                take_double_quoted(s);
        else if (c != '\\')
                add_byte(s, c);
        else if (s->at < s->text.n && s->text.p[s->at] == '\n')
                s->at++; /* a line that continues */
        else if (s->at < s->text.n)
                add_byte(s, s->text.p[s->at++]);
        else
                s->wrong = "nothing follows the \\ at the end; remove it, or write the command as a list of "
                           "words";
}

const char *decode_split(struct arena *a, struct str text, struct span at, struct raw_list *ret_words) {
        struct splitter s = { .arena = a, .text = text };
        VEC(struct word) words = { 0 };

        while (s.at <= text.n && !s.wrong) {
                char c = s.at < text.n ? text.p[s.at] : ' ';

                s.at++;
                if (c != ' ' && c != '\t' && c != '\n') {
                        take_byte(&s, c);
                        continue;
                }
                if (s.in_word)
                        *vec_push(a, &words) =
                                (struct word){ arena_str(a, (struct str){ s.word.at, s.word.n }), at };
                s.word.n = 0;
                s.in_word = false;
        }

        if (s.wrong)
                return s.wrong;

        if (!words.at)
                words.at = arena_new(a, struct word);
        *ret_words = (struct raw_list){ words.at, words.n };
        return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "input/yaml-parts.h"

/* libyaml reports the token that its grammar expected. The rules below name the usual cause: the first rule
 * that fits libyaml's message, and the text at that place, gives our message. No text of the user is quoted:
 * a line that does not parse may hold a password. */

struct rule {
        const char *problem;                                /* libyaml's words; NULL for any */
        const char *context;                                /* a part of libyaml's words; NULL for any */
        bool (*applies)(const struct yaml_failure *f);      /* NULL: always */
        struct span (*where)(const struct yaml_failure *f); /* NULL: the one character */
        enum diag_id id;
        const char *text;
        const char *note; /* libyaml's message about the context's place; NULL for none */
};

static uint32_t line_start(const struct yaml_failure *f, uint32_t at) {
        while (at > 0 && f->text.p[at - 1] != '\n')
                at--;

        return at;
}

static uint32_t line_end(const struct yaml_failure *f, uint32_t at) {
        while (at < f->text.n && f->text.p[at] != '\n')
                at++;

        return at;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static char character(const struct yaml_failure *f, uint32_t at) {
        return at < f->text.n ? f->text.p[at] : '\0';
}

/* The line up to the problem. */
static struct str line_before(const struct yaml_failure *f) {
        uint32_t start = line_start(f, f->problem_at);

        return (struct str){ f->text.p + start, f->problem_at - start };
}

/* The character before the problem on its line, without blanks; NUL if the problem is the first. */
static char previous(const struct yaml_failure *f) {
        struct str before = str_trim(line_before(f));

        return before.n > 0 ? before.p[before.n - 1] : '\0';
}

/* True if a value begins with `{{`. YAML takes it for a map. */
static bool is_template(const struct yaml_failure *f) {
        uint32_t start = line_start(f, f->problem_at);
        struct str line = { f->text.p + start, line_end(f, f->problem_at) - start };
        size_t braces = str_find_str(line, STR("{{"));
        struct str before = { line.p, braces };

        if (braces == line.n)
                return false;

        before = str_trim(before);
        return before.n == 0 || strchr(":-[{,", before.p[before.n - 1]);
}

/* libyaml notices only where the text ended. */
static bool is_template_above(const struct yaml_failure *f) {
        struct yaml_failure above = *f;

        above.problem_at = f->context_at;
        return f->problem_at >= f->text.n && is_template(&above);
}

static bool is_tab(const struct yaml_failure *f) {
        return character(f, f->problem_at) == '\t';
}

static bool is_colon(const struct yaml_failure *f) {
        return character(f, f->problem_at) == ':';
}

static bool is_property(const struct yaml_failure *f) {
        char c = character(f, f->problem_at);

        return c == '!' || c == '&' || c == '*';
}

static bool is_item(const struct yaml_failure *f) {
        return character(f, f->problem_at) == '-' && f->problem_at + 1 < f->text.n &&
               strchr(" \n", f->text.p[f->problem_at + 1]);
}

static bool is_closing(const struct yaml_failure *f) {
        char c = character(f, f->problem_at);

        return c == ']' || c == '}';
}

static bool is_first_on_line(const struct yaml_failure *f) {
        return previous(f) == '\0';
}

static bool is_after_quote(const struct yaml_failure *f) {
        return previous(f) == '"' || previous(f) == '\'';
}

static bool is_after_bracket(const struct yaml_failure *f) {
        return previous(f) == ']' || previous(f) == '}';
}

static bool is_second_colon(const struct yaml_failure *f) {
        struct str before = line_before(f);

        return str_find_str(before, STR(": ")) < before.n;
}

/* True if the line at the context has a colon with no blank after it. */
static bool is_blank_missing(const struct yaml_failure *f) {
        uint32_t end = line_end(f, f->context_at);

        return memchr(f->text.p + f->context_at, ':', end - f->context_at);
}

static bool is_at_end(const struct yaml_failure *f) {
        return f->problem_at >= f->text.n;
}

static bool is_alias(const struct yaml_failure *f) {
        return character(f, f->context_at) == '*';
}

/* The line of the first directive at or before the problem. */
static struct span directive(const struct yaml_failure *f) {
        for (uint32_t at = 0; at < f->text.n && at <= f->problem_at; at = line_end(f, at) + 1)
                if (f->text.p[at] == '%')
                        return (struct span){ f->file, at, line_end(f, at) - at };

        return NOWHERE;
}

static bool is_directive(const struct yaml_failure *f) {
        return directive(f).len > 0;
}

/* True if the last line of text before the problem is `...`. */
static bool is_after_end(const struct yaml_failure *f) {
        uint32_t at = f->problem_at;

        while (at > 0 && (is_blank(f->text.p[at - 1]) || f->text.p[at - 1] == '\n'))
                at--;

        return at >= 4 && memcmp(f->text.p + at - 4, "\n...", 4) == 0;
}

/* From the context to the end of its word, or line. */
static struct span context_word(const struct yaml_failure *f) {
        uint32_t end = f->context_at;

        while (end < f->text.n && !is_blank(f->text.p[end]) && f->text.p[end] != '\n')
                end++;

        return (struct span){ f->file, f->context_at, end - f->context_at };
}

static struct span context_line(const struct yaml_failure *f) {
        struct str line = { f->text.p + f->context_at, line_end(f, f->context_at) - f->context_at };

        return (struct span){ f->file, f->context_at, (uint32_t) str_trim(line).n };
}

static struct span context_character(const struct yaml_failure *f) {
        return (struct span){ f->file, f->context_at, 1 };
}

/* The key whose colon libyaml reports. */
static struct span key(const struct yaml_failure *f) {
        struct str before = line_before(f);
        uint32_t n = (uint32_t) str_trim(before).n;

        return (struct span){ f->file, f->problem_at - n, n + 1 };
}

static struct span braces(const struct yaml_failure *f) {
        uint32_t start = line_start(f, f->problem_at >= f->text.n ? f->context_at : f->problem_at);
        struct str rest = str_from(f->text, start);

        return (struct span){ f->file, start + (uint32_t) str_find_str(rest, STR("{{")), 2 };
}

#define QUOTE_BRACES "a value that begins with '{{' is a map to YAML; write it in quotes: \"{{ … }}\""
#define QUOTE_FIRST "a value can't begin with this character; write it in quotes"
#define NO_DIRECTIVES "directives are not used here; remove the line"
#define NO_TABS "YAML does not allow tabs for indentation; use spaces"
#define AFTER_QUOTE "text follows the closing quote; put the whole value into quotes"
#define ONE_MAP \
        "the definition ended before this; it must be one map: lines of 'key: value' with equal indentation"

static const struct rule rules[] = {
        /* directives, anchors, tags and documents, which are refused anyway */
        { "did not find expected <document start>", NULL, is_directive, directive, DIAG_YAML_DIRECTIVE,
          NO_DIRECTIVES, NULL },
        { NULL, "directive", NULL, directive, DIAG_YAML_DIRECTIVE, NO_DIRECTIVES, NULL },
        { "found incompatible YAML document", NULL, NULL, directive, DIAG_YAML_DIRECTIVE, NO_DIRECTIVES,
          NULL },
        { "found duplicate %YAML directive", NULL, NULL, directive, DIAG_YAML_DIRECTIVE, NO_DIRECTIVES,
          NULL },
        { "found duplicate %TAG directive", NULL, NULL, directive, DIAG_YAML_DIRECTIVE, NO_DIRECTIVES, NULL },
        { "did not find expected <document start>", NULL, is_after_end, NULL, DIAG_YAML_DOCUMENTS,
          "a second document begins; a file has only one", NULL },
        { NULL, "while scanning an a", is_alias, context_word, DIAG_YAML_ALIAS,
          "a value can't begin with '*'; write it in quotes", NULL },
        { NULL, "while scanning an a", NULL, context_word, DIAG_YAML_ANCHOR,
          "a value can't begin with '&'; write it in quotes", NULL },
        { NULL, "a tag", NULL, context_word, DIAG_YAML_TAG,
          "a value can't begin with '!'; write it in quotes", NULL },
        { "found undefined tag handle", NULL, NULL, context_word, DIAG_YAML_TAG,
          "a value can't begin with '!'; write it in quotes", NULL },

        /* characters */
        { NULL, "block", is_tab, NULL, DIAG_YAML_SYNTAX, NO_TABS, NULL },
        { NULL, "plain", is_tab, NULL, DIAG_YAML_SYNTAX, NO_TABS, NULL },
        { "found character that cannot start any token", NULL, is_tab, NULL, DIAG_YAML_SYNTAX, NO_TABS,
          NULL },
        { "found character that cannot start any token", NULL, NULL, NULL, DIAG_YAML_SYNTAX, QUOTE_FIRST,
          NULL },
        { "mapping keys are not allowed in this context", NULL, NULL, NULL, DIAG_YAML_SYNTAX, QUOTE_FIRST,
          NULL },
        { "found unknown escape character", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "unknown escape; write \\\\ for a backslash, or use single quotes", NULL },
        { "did not find expected hexdecimal number", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "the escape needs hexadecimal digits: \\xNN, \\uNNNN or \\UNNNNNNNN", NULL },
        { "found invalid Unicode character escape code", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "the escape is not a Unicode character", NULL },

        /* what was opened and is not closed */
        { NULL, NULL, is_template, braces, DIAG_YAML_SYNTAX, QUOTE_BRACES, NULL },
        { NULL, NULL, is_template_above, braces, DIAG_YAML_SYNTAX, QUOTE_BRACES, NULL },
        { NULL, "a quoted scalar", NULL, context_character, DIAG_YAML_SYNTAX, "this quote is never closed",
          NULL },
        { NULL, "flow sequence", is_at_end, context_character, DIAG_YAML_SYNTAX, "this '[' is never closed",
          NULL },
        { NULL, "flow mapping", is_at_end, context_character, DIAG_YAML_SYNTAX, "this '{' is never closed",
          NULL },
        { "did not find expected node content", NULL, is_colon, NULL, DIAG_YAML_KEY,
          "a key is missing before ':'", NULL },
        { "did not find expected node content", NULL, is_closing, NULL, DIAG_YAML_SYNTAX,
          "this bracket has no opening bracket", NULL },
        { "did not find expected node content", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "a value is missing before this", NULL },
        { NULL, "block", is_after_quote, NULL, DIAG_YAML_SYNTAX, AFTER_QUOTE, NULL },
        { NULL, "block", is_closing, NULL, DIAG_YAML_SYNTAX, "this bracket has no opening bracket", NULL },
        { NULL, "block", is_after_bracket, NULL, DIAG_YAML_SYNTAX,
          "text follows the closing bracket; put the whole value into quotes", NULL },
        { NULL, "flow sequence", NULL, NULL, DIAG_YAML_SYNTAX, "',' or ']' is missing before this",
          "the '[' is here" },
        { NULL, "flow mapping", NULL, NULL, DIAG_YAML_SYNTAX, "',' or '}' is missing before this",
          "the '{' is here" },

        /* keys, items and their indentation */
        { "mapping values are not allowed in this context", NULL, is_second_colon, NULL, DIAG_YAML_SYNTAX,
          "a second ': ' on the line; write a value that contains ': ' in quotes", NULL },
        { "mapping values are not allowed in this context", NULL, NULL, key, DIAG_YAML_SYNTAX,
          "no key can follow here: the text above is a value; check its ': ', and the indentation of this "
          "line",
          NULL },
        { "could not find expected ':'", NULL, is_blank_missing, context_line, DIAG_YAML_SYNTAX,
          "a space is missing after the ':'", NULL },
        { "could not find expected ':'", NULL, NULL, context_line, DIAG_YAML_SYNTAX,
          "a ': ' is missing: lines here are 'key: value'", NULL },
        { "found unexpected ':'", NULL, NULL, NULL, DIAG_YAML_SYNTAX, "a space is missing after the ':'",
          NULL },
        { "block sequence entries are not allowed in this context", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "a list can't begin on the line of its key; write '- ' on the next line, or the value in quotes",
          NULL },
        { "did not find expected key", "block", is_item, NULL, DIAG_YAML_SYNTAX,
          "expected a key, found a list item; give the list a key, or indent the item like the list's other "
          "items",
          "the keys are here" },
        { "did not find expected key", "block", is_colon, NULL, DIAG_YAML_KEY, "a key is missing before ':'",
          NULL },
        { "did not find expected key", "block", is_first_on_line, NULL, DIAG_YAML_SYNTAX,
          "the indentation of this line matches no line above", "the keys that it may belong to begin here" },
        { "did not find expected '-' indicator", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "every item of a list begins with '- '; the indentation of this line makes it part of the list",
          "the list begins here" },
        { "did not find expected key", "block", is_property, NULL, DIAG_YAML_SYNTAX,
          "a value begins with '!', '&' or '*'; write it in quotes", NULL },
        { "did not find expected comment or line break", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "the text of a '|' or '>' block begins on the next line; write a value that begins so in quotes",
          NULL },
        { "found an indentation indicator equal to 0", NULL, NULL, NULL, DIAG_YAML_SYNTAX,
          "the indentation of a block is 1 to 9", NULL },
        { "did not find expected <document start>", NULL, NULL, NULL, DIAG_YAML_SYNTAX, ONE_MAP, NULL },
};

static bool is_fitting(const struct rule *rule, const struct yaml_failure *f) {
        if (rule->problem && (!f->problem || strcmp(rule->problem, f->problem) != 0))
                return false;
        if (rule->context && (!f->context || !strstr(f->context, rule->context)))
                return false;

        return !rule->applies || rule->applies(f);
}

static const struct rule *find_rule(const struct yaml_failure *f) {
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                if (is_fitting(&rules[i], f))
                        return &rules[i];

        return NULL;
}

/* One character; where the text ends too early, its last one. */
static struct span problem_character(const struct yaml_failure *f) {
        uint32_t at = f->problem_at;

        while (at > 0 && (at >= f->text.n || (f->problem_at >= f->text.n && strchr(" \t\n", f->text.p[at]))))
                at--;

        return (struct span){ f->file, at, at < f->text.n ? 1 : 0 };
}

/* `{{ x }}/y` gives a map with a strange key, and then text that fits nowhere: one error, which
 * yaml_check_keys() has reported. Two tags behave in the same way. */
static bool is_told(const struct diags *ds, struct span at) {
        const struct diag *last = ds->list.n > 0 ? &ds->list.at[ds->list.n - 1] : NULL;

        return last && last->severity == SEVERITY_ERROR && last->at.file == at.file && last->at.off == at.off;
}

void yaml_explain(struct diags *ds, const struct yaml_failure *f) {
        const struct rule *rule = find_rule(f);
        struct span at = rule && rule->where ? rule->where(f) : problem_character(f);
        struct diag *d;

        if (is_told(ds, at))
                return;

        if (!rule) {
                (void) diag_add(ds, DIAG_YAML_SYNTAX, at, "not valid YAML: %s%s%s",
                                f->context ? f->context : "", f->context ? ", " : "",
                                f->problem ? f->problem : "unknown error");
                return;
        }

        d = diag_add(ds, rule->id, at, "%s", rule->text);
        if (rule->note)
                diag_note(ds, d, context_character(f), "%s", rule->note);
}

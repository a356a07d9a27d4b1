/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl import procfile: the processes of a Procfile (devcenter.heroku.com/articles/procfile) become
 * services of one application. "web" is the one that is given a port; "release" runs before each update. */

#include "import/import.h"

#define PORT STR("8000")

/* A definition splits a command into words and removes quotes, and nothing else. */
static bool needs_shell(struct str command) {
        for (size_t i = 0; i < command.n; i++)
                if (strchr("$`;&|<>()*?[]~#\\={}!", command.p[i]))
                        return true;

        return false;
}

/* With "exec" before the last command, so that the signal to stop reaches it. A word behind ';' may be one of
 * the shell, such as "done"; a pipe has no last command; "&&" in quotes joins no commands. */
static struct str with_exec(struct draft *d, struct str command) {
        bool is_quoted = false;
        size_t at = 0;

        for (size_t i = 0; i < command.n; i++) {
                is_quoted = is_quoted || strchr("'\"", command.p[i]);
                if (strchr("|()`;", command.p[i]) || (command.p[i] == '&' && is_quoted))
                        return command;
                if (command.p[i] == '&')
                        at = i + 1;
        }
        while (at < command.n && command.p[at] == ' ')
                at++;
        return arena_join(d->arena, (struct str){ command.p, at }, STR("exec "), str_from(command, at));
}

/* NAME=VALUE before a command: env(1) is what "exec" can start then. */
static bool begins_with_variable(struct str command) {
        size_t end = str_find(command, ' ');

        return str_find((struct str){ command.p, end }, '=') < end;
}

static void put_command(struct draft *d, struct draft_part *p, struct str command) {
        struct yaml_text *words;

        if (!needs_shell(command)) {
                (void) yaml_text_put_text(d->arena, p->map, STR("command"), command);
                return;
        }

        words = yaml_text_put(d->arena, p->map, STR("command"), YAML_TEXT_LIST);
        (void) yaml_text_add_text(d->arena, words, STR("sh"));
        (void) yaml_text_add_text(d->arena, words, STR("-c"));
        if (begins_with_variable(command))
                command = arena_join(d->arena, STR("env "), command);
        (void) yaml_text_add_text(d->arena, words, import_literal(d->arena, with_exec(d, command)));
}

static void put_web(struct draft *d, struct draft_part *p) {
        struct arena *a = d->arena;
        struct str domain = arena_join(a, d->name, STR(".example.com"));

        (void) yaml_text_put_text(a, yaml_text_put(a, p->map, STR("env"), YAML_TEXT_MAP), STR("PORT"), PORT);
        (void) yaml_text_put_plain(a, p->map, STR("port"), PORT);
        (void) yaml_text_add_text(a,
                                  yaml_text_put(a, yaml_text_put(a, p->map, STR("proxy"), YAML_TEXT_MAP),
                                                STR("domains"), YAML_TEXT_LIST),
                                  domain);
        draft_note(d, p->map, p->at, "'%.*s' is to be the name that people visit", STR_ARG(domain));
        draft_note(d, p->map, p->at,
                   "an instance is ready when its port is open; with 'health: /PATH' when that path answers");
}

static void put_process(struct draft *d, struct str type, struct str command, struct span at) {
        bool is_release = str_is(type, "release");
        struct str name = draft_part_name(d, type);
        struct draft_part *p = draft_part(d, is_release ? PART_TASK : PART_SERVICE, name, at);

        if (is_release)
                (void) yaml_text_add_text(
                        d->arena, yaml_text_put(d->arena, d->root, STR("before_update"), YAML_TEXT_LIST),
                        name);
        if (str_is(type, "web"))
                put_web(d, p);
        put_command(d, p, command);
}

static bool is_type(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", text.p[i]))
                        return false;

        return text.n > 0;
}

/* TYPE: COMMAND */
static void read_line(struct draft *d, struct str line, struct span at) {
        size_t colon = str_find(line, ':');
        struct str type = str_trim((struct str){ line.p, colon }), command;

        if (str_trim(line).n == 0 || line.p[0] == '#')
                return;

        command = colon < line.n ? str_trim(str_from(line, colon + 1)) : STR("");
        if (!is_type(type) || command.n == 0)
                (void) diag_add(d->ds, DIAG_BAD_VALUE, at,
                                "a line of a Procfile is 'TYPE: COMMAND', such as 'web: gunicorn app:app'");
        else if (draft_can_have(d->ds, d->parts.n + 1, at))
                put_process(d, type, command, at);
}

void procfile_put(struct draft *d, uint32_t file) {
        struct str text = d->sources->list.at[file].text, line;

        for (struct str rest = text; str_split(&rest, '\n', &line);)
                read_line(d, line, (struct span){ file, (uint32_t) (line.p - text.p), (uint32_t) line.n });
        if (d->parts.n == 0 && d->ds->n_errors == 0)
                (void) diag_add(d->ds, DIAG_EMPTY_DEFINITION, (struct span){ file, 0, 0 },
                                "the file has no line 'TYPE: COMMAND'");
}

int procfile_fill(struct import *m, struct draft **ret) {
        struct arena *a = &m->ctl->arena;
        struct draft *d = arena_new(a, struct draft);
        uint32_t file = 0;
        int r = import_read(m, m->files[0], &file);

        if (r != CTL_GOOD)
                return r;

        *d = (struct draft){ .arena = a, .sources = &m->sources };
        draft_begin(d, m, import_directory(d, (struct span){ file, 0, 0 }));
        (void) yaml_text_put_text(a, d->root, STR("image"),
                                  arena_join(a, STR("localhost/"), d->name, STR(":1")));
        draft_note(d, NULL, (struct span){ file, 0, 0 },
                   "a Procfile names no image: build one with 'podman build -t localhost/%.*s:1 .', or write "
                   "'source:' in place of 'image:', and pyservice builds it from the repository",
                   STR_ARG(d->name));
        procfile_put(d, file);
        *ret = d;
        return import_report(m);
}

int import_procfile(struct ctl *ctl) {
        if (ctl->argc > 1)
                return ctl_usage(ctl, "procfile: write one PROCFILE");

        return import_with(ctl, procfile_fill);
}

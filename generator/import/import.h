/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl import: definitions from the configuration of other programs. Each kind of input fills a
 * draft; the code that all kinds share is here.
 *
 * Settings that could not be carried over become a comment of the definition and a line on standard error.
 * Texts that a draft is given may hold {{ name }}; what must not be taken for that goes through
 * import_literal(). A draft may hold values that no definition may: draft_validate() removes them, with a
 * comment each, so that what is printed passes `check`. */

#include "ctl/ctl.h"
#include "output/yaml-text.h"

enum part_kind { PART_SERVICE, PART_SIDECAR, PART_TASK, PART_TIMER };

/* A key of Quadlet's or systemd's that definitions do not have. */
struct raw_key {
        const char *section; /* "Unit", "Container", "Service" */
        struct str key, value;
        struct span at;
};

struct draft_part {
        enum part_kind kind;
        struct str name;
        struct yaml_text *map;
        struct span at;
        VEC(struct raw_key) raw;
};

/* NOTE_CHECK: it is otherwise here, or has to be checked. NOTE_FIX: `check` reports it. */
enum note_kind { NOTE_LOST, NOTE_CHECK, NOTE_FIX };

struct note {
        enum note_kind kind;
        struct span at; /* NOWHERE if draft_validate() found it */
        struct str text;
};

struct draft {
        struct ctl *ctl;
        struct arena *arena;
        struct sources *sources;
        struct diags *ds;
        struct str name; /* of the app */
        struct yaml_text *root;
        VEC(struct draft_part *) parts;
        VEC(struct str) names; /* that draft_part_name() gave */
        VEC(struct note) notes;
        size_t n_copied; /* bytes: draft_has_room() */
};

/* A kind of input: reads c->argv and prints. Returns the exit status. */
int import_ansible(struct ctl *c);
int import_dci_api(struct ctl *c);
int import_compose(struct ctl *c);
int import_kamal(struct ctl *c);
int import_procfile(struct ctl *c);
int import_quadlet(struct ctl *c);

/* The input of an import. */
struct import {
        struct ctl *ctl;
        const char *const *files; /* "-" is standard input */
        int n_files;
        struct str name; /* of the app; absent: as the input has it */
        struct sources sources;
        struct diags ds;
};

/* The files are the words of the command line. */
void import_begin(struct import *m, struct ctl *c);

/* The names of Compose files, in the order of Compose. */
enum { COMPOSE_NAMES = 4 };
extern const char *const import_compose_names[COMPOSE_NAMES];

/* Fills a draft from the files of `m`, without completing it. Returns 0, or an exit status after reporting
 * why. */
typedef int (*import_fill)(struct import *m, struct draft **ret);
int compose_fill(struct import *m, struct draft **ret);
int procfile_fill(struct import *m, struct draft **ret);

/* Fills one from the command line, and prints it. Returns the exit status. */
int import_with(struct ctl *c, import_fill fill);

/* Fills one from the Git repository at the URL files[0]: `source:`, with the services of its Procfile. */
int repository_fill(struct import *m, struct draft **ret);

/* Adds the processes of a Procfile that was read. The errors are in d->ds. */
void procfile_put(struct draft *d, uint32_t file);

/* A file of the command line, "-" for standard input. Returns 0, or an exit status after reporting why. */
int import_read(struct import *m, const char *path, uint32_t *ret_file);

/* Like import_read(), parsed as YAML; *ret is never NULL. */
int import_read_yaml(struct import *m, const char *path, struct node **ret);

/* Prints the errors that were found; the exit status is CTL_ERROR if there are any. */
int import_report(struct import *m);

/* An empty draft; `name` is made one that an app may have. */
void draft_begin(struct draft *d, struct import *m, struct str name);

/* Reports an error at `at` and returns false if the input has more parts than an import takes: imports
 * compare each part with all others, and the input may be by others than the user. */
bool draft_can_have(struct diags *ds, size_t n_parts, struct span at);

/* A name for a part, like `text`, that no other has and that is none of pyservice's own. */
struct str draft_part_name(struct draft *d, struct str text);

struct draft_part *draft_part(struct draft *d, enum part_kind kind, struct str name, struct span at);

/* Reports that something could not be carried over, or needs to be checked: on standard error with its place,
 * and as a comment above `item`, NULL for the top. */
void draft_note(struct draft *d, struct yaml_text *item, struct span at, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* Like draft_note(), for a setting that is missing from the draft: draft_print() then gives CTL_LOST. */
void draft_lost(struct draft *d, struct yaml_text *item, struct span at, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* Like draft_note(), for a value that the user has to write before `check` accepts the draft. */
void draft_fix(struct draft *d, struct yaml_text *item, const char *format, ...) PRINTF_LIKE(3, 4);

/* Adds a key to the part's `quadlet:`. */
void draft_raw(struct draft *d, struct draft_part *p, struct raw_key raw);

/* A secret under the name `name`, from systemd's credential APP.NAME; gives its name. `map` is the app's,
 * whose secrets all parts have, or a part's. */
struct str draft_secret(struct draft *d, struct yaml_text *map, struct str name);

/* Makes {secret: NAME} of the value at `key`. */
void draft_put_secret(struct draft *d, struct yaml_text *map, struct str key, struct str secret);

/* Adds a variable for {{ name }} if there is none yet. Returns its item. */
struct yaml_text *draft_var(struct draft *d, struct str name, struct str value);

/* False if the values of variables that were copied are too many by now: a variable may be made of others,
 * which are made of others. */
bool draft_has_room(struct draft *d, size_t n);

/* Puts the parts where they belong, in the order that people expect, and validates it with draft_validate().
 * Returns the exit status. */
int draft_finish(struct draft *d);

/* Reports how many settings could not be carried over. Returns the exit status: CTL_LOST if there are any and
 * `r` is 0, else `r`. */
int draft_report_lost(const struct draft *d, int r);

/* Finishes it and prints it; with --json, as the value of `definition`, beside the notes. `is_next`: it is
 * not the first. Returns the exit status of draft_report_lost(). */
int draft_print(struct draft *d, bool is_next);

/* Removes values that no definition may have. Returns the exit status: CTL_ERROR if something is left that
 * `check` on this machine would refuse. */
int draft_validate(struct draft *d);

/* The document. */
struct str draft_text(struct draft *d);

/* Adds {volume: NAME, dest: …, options: …} to a list of volumes; `rest` is DESTINATION[:OPTIONS]. */
void import_foreign_volume(struct arena *a, struct yaml_text *list, struct str name, struct str rest);

/* Puts a number, true or false without quotes, and any other text as it is; nothing if it is absent. */
void import_put_scalar(struct arena *a, struct yaml_text *map, struct str key, struct str text);

/* One that parts, volumes, secrets and apps may have: small letters, digits and '-'. */
struct str import_name(struct arena *a, struct str text);

/* `text` with its braces so that they are taken for braces. */
struct str import_literal(struct arena *a, struct str text);

/* The image with its registry: Docker's short names ("postgres:16", "acme/shop") are of docker.io. */
struct str import_image(struct arena *a, struct str image);

/* Words as one text that a shell would split into them again. */
struct str import_quote(struct arena *a, const struct str *words, size_t n);

/* True if {{ … }} has the name without `vars:`. */
bool import_is_built_in(struct str name);

/* `path`, taken from the directory of the file that it is written in. */
struct str import_path(struct draft *d, struct span in, struct str path);

/* The name of the directory of the file that `in` is of. */
struct str import_directory(struct draft *d, struct span in);

/* yes, on and true, as YAML 1.1 has it. */
bool node_is_true(const struct node *n);

/* The text of a scalar that is there and not null; absent for all else. */
struct str node_text(const struct node *n);

/* The verb; gives the exit status. */
int ctl_import(struct ctl *c);

/* The verb `new` with --from: a Compose file, a Procfile, a directory with one of them, or the URL of a Git
 * repository. Gives the exit status. */
int ctl_new_from(struct ctl *c);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of `import quadlet`: podman-systemd.unit(5) into keys of a definition. */

#include "import/unit.h"

struct quadlet_import {
        struct draft draft;
        VEC(struct unit_file) files;
        struct str *names; /* of the parts, as `files` has them */
        size_t n_containers;
        const struct unit_file *unit; /* the one that is carried over */
        struct draft_part *part;
};

/* One of the files; NULL if it is not among them. */
const struct unit_file *quadlet_file(const struct quadlet_import *q, struct str stem, const char *suffix);

/* A line of [Container]. False if a definition has no key for it. */
bool quadlet_put_container(struct quadlet_import *q, const struct unit_line *line);

/* The combined value of several lines. */
void quadlet_put_rest(struct quadlet_import *q);

/* The files other than containers. */
void quadlet_put_objects(struct quadlet_import *q);

/* "could not be carried over" */
void quadlet_drop(struct quadlet_import *q, const struct unit_line *line);

/* The value of a line as Podman gets it. */
struct str quadlet_text(struct quadlet_import *q, const struct unit_line *line, struct str value);
void quadlet_put_text(struct quadlet_import *q, struct yaml_text *map, const char *key,
                      const struct unit_line *line);
void quadlet_put_flag(struct quadlet_import *q, struct yaml_text *map, const char *key,
                      const struct unit_line *line);
void quadlet_put_number(struct quadlet_import *q, struct yaml_text *map, const char *key,
                        const struct unit_line *line);
struct yaml_text *quadlet_map(struct quadlet_import *q, const char *key);
struct yaml_text *quadlet_list(struct quadlet_import *q, const char *key);

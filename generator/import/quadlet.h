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

/* The name that Podman has for what a .volume or a .network file makes. `own`: that of VolumeName= or
 * NetworkName=. */
struct str quadlet_podman_name(const struct quadlet_import *q, const struct unit_file *u, struct str own);

/* A volume without settings is kept under its name, and so is its data; others are made again. */
bool quadlet_keeps_volume(const struct unit_file *u);

/* One of the files; NULL if it is not among them. */
const struct unit_file *quadlet_file(const struct quadlet_import *q, struct str stem, const char *suffix);

/* A line of [Container]. False if a definition has no key for it. */
bool quadlet_put_container(struct quadlet_import *q, const struct unit_line *line);

/* The lines of it that become 'userns:'. */
void quadlet_put_userns(struct quadlet_import *q, const struct unit_line *line);
void quadlet_put_uid_map(struct quadlet_import *q, const struct unit_line *line);
void quadlet_put_gid_map(struct quadlet_import *q, const struct unit_line *line);
void quadlet_put_subids(struct quadlet_import *q, const struct unit_line *line);

/* Adds a raw key; an empty value takes back those before it. */
void quadlet_put_raw(struct quadlet_import *q, const char *section, const struct unit_line *line);

/* Adds an argument of podman-run(1). */
void quadlet_put_argument(struct quadlet_import *q, const struct unit_line *line, struct str argument);

/* The pod among the files that the container is in; NULL for none. */
const struct unit_file *quadlet_pod(const struct quadlet_import *q, const struct unit_file *u);

/* The part that a container's file becomes, and its name. */
enum part_kind quadlet_kind(const struct quadlet_import *q, const struct unit_file *u);
struct str quadlet_part_name(const struct quadlet_import *q, const struct unit_file *u);

/* The container that a unit's name stands for; NULL if it is not among the files. */
const struct unit_file *quadlet_container(const struct quadlet_import *q, struct str unit);

/* The settings of the pod that the container is in. */
void quadlet_put_pod_of(struct quadlet_import *q, const struct unit_file *u);

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

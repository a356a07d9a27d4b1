/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a bundle is: its parts, and how many of each run. The file `record` of a bundle says it, so that
 * nobody has to read units for it. The renderer fills it from the definition; publish/compose.c puts that
 * of what is published together.
 *
 *     pyservice-bundle 1
 *     part KIND UNIT SCALE LABEL ONCE SPARE IMAGE     sorted by unit
 *     stopped UNIT            of what these keep up: the administrator stopped it (publish/withhold.h)
 *     volume NAME             Podman creates one for each instance; '*' stands for the instance's number
 *
 * In a published bundle the container of a part is that of the revision that runs, its scale the one that
 * holds now. Whoever adds a field counts up RECORD_VERSION, and the stamp's layout (publish/stamp.c) so
 * that all bundles are made anew; bundles that were stored before are then read as those without a record
 * are (state/old-bundle.h). */

#include "base/arena.h"
#include "base/vec.h"

enum { RECORD_VERSION = 1 };

enum record_kind { RECORD_SERVICE, RECORD_SIDECAR, RECORD_TIMER, RECORD_TASK };

/* "service", "sidecar", "timer", "task". */
const char *record_kind_name(enum record_kind kind);

struct record_part {
        unsigned kind;    /* enum record_kind */
        struct str unit;  /* "shop-web" */
        uint64_t scale;   /* instances that are kept up on this machine; of a sidecar or a timer 0 or 1 */
        struct str label; /* io.pyservice.revision of its containers; absent where not known */
        bool runs_once;   /* systemd does not start it again whatever happens: UNIT-once.target is kept up */
        bool has_spare;
        struct str image; /* as Podman gets it; absent where not known */
};

struct record {
        VEC(struct record_part) parts;
        VEC(struct str) stopped;
        VEC(struct str) volumes;
};

/* One that is kept up. */
struct record_unit {
        const struct record_part *part;
        uint64_t number; /* of a service's instance; 0 of all else */
        struct str unit; /* "shop-web@2.service", "shop-cache.service", "shop-tidy.timer" */
        /* what systemd keeps up for it: "shop-web-once@2.target" of what runs once, else `unit` */
        struct str upheld;
};

struct record_units {
        VEC(struct record_unit) list;
};

/* NULL where there is none. */
struct record_part *record_find(const struct record *r, struct str unit);

void record_sort(struct record *r);
struct str record_text(struct arena *a, const struct record *r);

/* Takes over how many there are, of the parts that `from` has too. */
void record_rescale(struct record *r, const struct record *from);

/* What is kept up of the parts, also what is stopped; by part, then by number. */
void record_list(struct arena *a, const struct record *r, struct record_units *ret);
void record_add_volume(struct arena *a, struct record *r, struct str name);
bool record_is_stopped(const struct record *r, struct str upheld);

/* -EBADMSG for what is none; -EPROTONOSUPPORT for that of another version. */
int record_parse(struct arena *a, struct str text, struct record *ret);

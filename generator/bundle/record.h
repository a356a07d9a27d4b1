/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The description of a bundle: its parts, how many of each run, and how they are reached. It is the file
 * `record` of a bundle, so that no code has to read units or HAProxy's files for it. The renderer fills it
 * from the definition; publish/compose.c makes the record of what is published, and of that the units that
 * uphold the parts.
 *
 *     pyservice-bundle 3
 *     part KIND UNIT SCALE LABEL ONCE SPARE IMAGE     sorted by unit
 *     stopped UNIT            of what these keep up: the administrator stopped it (state/hold.h)
 *     volume NAME             Podman creates one for each instance; '*' stands for the instance's number
 *     front UNIT HASH         of what HAProxy or nginx read for a service, except the lines of its servers
 *     server UNIT NAME ADDRESS        one of HAProxy's servers of that service
 *     requires UNIT NAME      the part restarts and stops with the unit NAME
 *     image FILE REFERENCE ALWAYS     what quadlet/FILE pulls; ALWAYS: even if it is there
 *     acme UNIT DOMAIN BALANCER DIRECTORY EMAIL       how the certificate of the domain is ordered
 *
 * In a published bundle the container of a part is that of the revision that runs, its scale the one that
 * holds now. When you add a field or a row, increase RECORD_VERSION, and the stamp's layout (publish/stamp.c)
 * so that all bundles are made again. Version 1 had no rows after `volume`, version 2 none after
 * `image`. Bundles without a record are read
 * by state/old-bundle.h. */

#include "base/arena.h"
#include "base/vec.h"

enum { RECORD_VERSION = 3 };

enum record_kind { RECORD_SERVICE, RECORD_SIDECAR, RECORD_TIMER, RECORD_TASK };

/* "service", "sidecar", "timer", "task". */
const char *record_kind_name(enum record_kind kind);

struct record_part {
        unsigned kind;    /* enum record_kind */
        struct str unit;  /* "shop-web" */
        uint64_t scale;   /* instances that are kept up on this machine; of a sidecar or a timer 0 or 1 */
        struct str label; /* io.pyservice.revision of its containers; absent if not known */
        bool runs_once;   /* systemd does not start it again whatever happens: UNIT-once.target is kept up */
        bool has_spare;
        struct str image; /* as Podman gets it; absent if not known */
};

struct record_front {
        struct str unit, hash;
};

struct record_server {
        struct str unit, name, address;
};

struct record_require {
        struct str unit, name;
};

struct record_image {
        struct str file, reference;
        bool is_asked_always;
};

/* `tls: auto` */
struct record_acme {
        struct str unit, domain;
        bool is_nginx;
        struct str directory; /* URL of the certificate authority */
        struct str email;     /* absent for none */
};

struct record {
        VEC(struct record_part) parts;
        VEC(struct str) stopped;
        VEC(struct str) volumes;
        VEC(struct record_front) fronts;
        VEC(struct record_server) servers;
        VEC(struct record_require) requires;
        VEC(struct record_image) images;
        VEC(struct record_acme) acme;
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

/* NULL if there is none. */
struct record_part *record_find(const struct record *r, struct str unit);

void record_sort(struct record *r);
struct str record_text(struct arena *a, const struct record *r);

/* True if the part is reached in the same way: by the same front, and every server has the same address. */
bool record_is_reached_alike(const struct record *a, const struct record *b, struct str unit);

/* Adds how the part is reached. */
void record_add_reach(struct arena *a, struct record *r, const struct record *from, struct str unit);

/* Adds the volumes and images that `from` has and `r` does not. */
void record_add_objects(struct arena *a, struct record *r, const struct record *from);

/* NULL if the file pulls no image. */
const struct record_image *record_find_image(const struct record *r, struct str file);

/* Takes over how many there are, of the parts that `from` has too. */
void record_rescale(struct record *r, const struct record *from);

/* The upheld units of the parts, including stopped ones; sorted by part, then by number. */
void record_list(struct arena *a, const struct record *r, struct record_units *ret);
void record_add_volume(struct arena *a, struct record *r, struct str name);
bool record_is_stopped(const struct record *r, struct str upheld);

/* -EBADMSG if the text is not a record; -EPROTONOSUPPORT if it has another version. */
int record_parse(struct arena *a, struct str text, struct record *ret);

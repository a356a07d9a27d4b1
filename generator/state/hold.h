/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of an app that the administrator stopped (`pyservicectl stop`), until they are started again or
 * the machine is.
 *
 *     /run/pyservice/stopped/APP          parts that are stopped now, and parts that will be stopped after
 *                                         the next boot; all users can read it
 *     /var/lib/pyservice/APP/stopped      only the latter; at boot the generator writes the other file from
 *                                         it, with both
 *
 * pyservicectl writes them, under state_lock(); the generator reads the first, and makes APP.target uphold
 * nothing of what is stopped now. An app that is stopped as a whole is not upheld itself: alive.conf has
 * "X-Stopped=APP.target" instead. They are in the format of bundle/rows.h:
 *
 *     pyservice-stopped 1
 *     now USEC WORD           stopped since then (microseconds since 1970)
 *     lasting USEC WORD       after the next boot
 *
 * WORD: "*" for the whole app; the unit of a service, sidecar or timer ("shop", "shop-worker"); of one
 * instance with its number ("shop-worker@2"). No file is like an empty one. A file with any other line, or
 * that users other than root and the reader can write, is an error: -EBADMSG, -EPERM. */

#include "base/arena.h"
#include "base/vec.h"

enum { HOLD_MAX = 1024 }; /* rows */

struct hold {
        struct str unit; /* absent: the whole app */
        bool has_number; /* one instance */
        uint64_t number;
        uint64_t now, lasting; /* since when; 0 if it is not */
};

struct holds {
        VEC(struct hold) list;
};

/* `dir`: /run/pyservice, open; -1 is like an empty one. */
int hold_read(struct arena *a, int dir, struct str app, struct holds *ret);

/* `dir`: /var/lib/pyservice, open; -1 is like an empty one. */
int hold_read_lasting(struct arena *a, int dir, struct str app, struct holds *ret);

/* Both remove a file that would be empty. -EINVAL for what could not be read again. */
int hold_write(struct arena *a, int dir, struct str app, const struct holds *h);
int hold_write_lasting(struct arena *a, int dir, struct str app, const struct holds *h);

/* The stop that keeps a unit of the app ("shop@1.service", "shop-once@1.target", "shop-cache.service",
 * "shop-nightly.timer", "shop.target") from running now; NULL if nothing does. */
const struct hold *hold_find(const struct holds *h, struct str unit);

/* True if the whole app is stopped now. */
static inline bool hold_has_all(const struct holds *h) {
        VEC_EACH(hold, &h->list)
                if (str_is_absent(hold->unit) && hold->now > 0)
                        return true;

        return false;
}

/* The stop of exactly this; a new one if there is none. Texts are not copied. */
struct hold *hold_take(struct arena *a, struct holds *h, const struct hold *what);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What of an app the administrator stopped (`pyservicectl stop`), until it is started again or the machine
 * is.
 *
 *     /run/pyservice/stopped/APP          what is stopped now, and what will be as from the next boot; everybody may read it
 *     /var/lib/pyservice/APP/stopped      the latter alone. At boot the generator makes the other file of it, where it is both
 *
 * pyservicectl writes them, under state_lock(); the generator reads the first, and makes APP.target uphold
 * nothing of what is stopped now. An app that is stopped as a whole is not upheld itself: alive.conf has
 * "X-Stopped=APP.target" instead. They are lines:
 *
 *     now USEC WORD           stopped since then (microseconds since 1970)
 *     lasting USEC WORD       as from the next boot
 *
 * WORD: "*" for the whole app; the unit of a service, sidecar or timer ("shop", "shop-worker"); of one
 * instance with its number ("shop-worker@2"). No file is like an empty one. One with any other line, or
 * that somebody else than root or the reader could write, is an error: -EBADMSG, -EPERM. */

#include "base/arena.h"
#include "base/vec.h"

enum { HOLD_MAX = 1024 }; /* lines */

struct hold {
        struct str unit; /* absent: the whole app */
        bool has_number; /* one instance */
        uint64_t number;
        uint64_t now, lasting; /* since when; 0 where it is not */
};

struct holds {
        VEC(struct hold) list;
};

/* `dir`: /run/pyservice, open; -1 is like an empty one. */
int hold_read(struct arena *a, int dir, struct str app, struct holds *ret);

/* `dir`: /var/lib/pyservice, likewise. */
int hold_read_lasting(struct arena *a, int dir, struct str app, struct holds *ret);

/* Both remove a file that would be empty. -EINVAL for what could not be read again. */
int hold_write(struct arena *a, int dir, struct str app, const struct holds *h);
int hold_write_lasting(struct arena *a, int dir, struct str app, const struct holds *h);

/* What keeps a unit of the app ("shop@1.service", "shop-once@1.target", "shop-cache.service",
 * "shop-nightly.timer", "shop.target") from running now; NULL where nothing does. */
const struct hold *hold_find(const struct holds *h, struct str unit);

/* Is all of the app stopped now? */
static inline bool hold_has_all(const struct holds *h) {
        VEC_EACH(hold, &h->list)
                if (str_is_absent(hold->unit) && hold->now > 0)
                        return true;

        return false;
}

/* The one of exactly this; a new one where there is none. Texts are not copied. */
struct hold *hold_take(struct arena *a, struct holds *h, const struct hold *what);

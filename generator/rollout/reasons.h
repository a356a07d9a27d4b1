/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of an app that are not ready, each with the reason that is known now: for status, for commands
 * that wait, and for doctor. */

#include "rollout/describe.h"

struct reasons_query {
        struct arena *arena;
        struct bus *bus;
        const struct bus_list *listed; /* all units; NULL: they are queried */
        bool is_user;
        int runtime; /* /run/pyservice, open */
        struct str app;
        bool is_changing; /* its rollout is under way, so spares count too */
};

/* The units are instances of the parts, or other units that they wait for, without the suffix ".service". */
struct reasons {
        VEC(struct described) list;
};

/* One for each part, of its first instance that is not ready; of spares too. A part that waits for another
 * part has none of its own. Negative errno. */
int reasons_find(const struct reasons_query *q, struct reasons *ret);

/* "exited with status 3, failed 6 times; last line: …" */
struct str reason_words(struct arena *a, const struct described *reason);

/* Like reason_words(), after the unit: "shop-web@0: exited with status 3 …". */
struct str reason_line(struct arena *a, const struct described *reason);

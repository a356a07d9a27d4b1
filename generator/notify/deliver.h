/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The program of pyservice-notify.service: delivers the messages of /var/lib/pyservice/.messages.
 *
 * It tries each message once, and if some are left, waits until the next try or until there is a new
 * message. Then it ends, and pyservice-notify.path starts it again as long as there are messages. So each
 * start reads the settings and the key again. A way out that fails is tried again after a pause that doubles,
 * until a message is a day old; a message that one recipient got is not sent to that one again. Its only
 * memory is the files, so it may be ended at any time: a message is then delivered twice at most, with
 * the same id. */

#include "bundle/message.h"

struct delivery {
        struct arena *arena;
        int runtime, state;           /* /run/pyservice and /var/lib/pyservice, open */
        const char *root;             /* prefix of the paths of credentials; "" for none */
        bool is_once;                 /* without waiting */
        void (*say)(struct str line); /* for the journal */
};

/* 0; 1 if messages are left; negative errno. */
int deliver_run(const struct delivery *d);

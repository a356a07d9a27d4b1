/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages about events (bundle/message.h), for programs that see an event. */

#include "bundle/message.h"

/* Lines of a log, the oldest first. */
void tell_add_log(struct arena *a, struct message *m, struct str lines);

/* Completes the message and leaves it to pyservice-notify.service, if host.yaml wants such messages. A
 * message that cannot be stored, and older ones that it displaces, are reported in the journal; the caller
 * continues. `occasion`: see message_finish(). */
void tell_event(struct arena *a, int runtime, int state, struct message *m, struct str occasion);

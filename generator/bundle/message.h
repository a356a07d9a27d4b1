/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages about events, for people and programs outside of this machine.
 *
 * host.yaml (`notify:`) names their recipients. The generator writes these settings to RUNTIME/notify,
 * 0600, so that no other program has to read YAML for it. A program that sees an event writes one file to
 * STATE/.messages; pyservice-notify.path starts the program that delivers them (notify/deliver.h).
 *
 *     pyservice-notify 1
 *     command WORD            one row for each word
 *     webhook URL CREDENTIAL
 *     mail ADDRESS            one row for each
 *     event NAME              those to report; none: all
 *
 *     pyservice-message 1
 *     event ID NAME APP PART REVISION HOST USEC REASON
 *     log LINE                the oldest first
 *     way NAME DONE TRIES NEXT PROBLEM        how often it was tried; the time of the next try
 *
 * The directory is bounded: at most MESSAGES_MAX files, and texts are cut to the sizes below. */

#include "base/arena.h"
#include "base/vec.h"

enum {
        MESSAGES_MAX = 100,
        MESSAGE_REASON_MAX = 1000,
        MESSAGE_LINE_MAX = 500,
        MESSAGE_LINES_MAX = 10,
};

struct notify {
        VEC(struct str) command;    /* empty for none */
        struct str url, credential; /* absent for none */
        VEC(struct str) recipients;
        VEC(struct str) events;
};

/* The names of events, as choices of a schema. */
#define MESSAGE_ACCEPTED "accepted"
#define MESSAGE_REJECTED "rejected"
#define MESSAGE_REVERTED "reverted"
#define MESSAGE_TASK_FAILED "task-failed"
#define MESSAGE_TIMER_FAILED "timer-failed"
#define MESSAGE_BUILD_FAILED "build-failed"
#define MESSAGE_PART_FAILING "part-failing"
#define MESSAGE_CERTIFICATE_EXPIRING "certificate-expiring"
#define MESSAGE_EVENTS                                                                              \
        MESSAGE_ACCEPTED "|" MESSAGE_REJECTED "|" MESSAGE_REVERTED "|" MESSAGE_TASK_FAILED          \
                         "|" MESSAGE_TIMER_FAILED "|" MESSAGE_BUILD_FAILED "|" MESSAGE_PART_FAILING \
                         "|" MESSAGE_CERTIFICATE_EXPIRING

/* One of the three ways out: "command", "webhook", "mail". */
struct message_way {
        struct str name;
        bool is_done;
        uint64_t tries, next; /* next: microseconds since 1970 */
        struct str problem;   /* of the last try, one line without secrets; absent for none */
};

struct message {
        struct str id;                  /* the name of its file; the same for each delivery */
        struct str event;               /* one of MESSAGE_EVENTS */
        struct str app, part, revision; /* part and revision: absent if unknown */
        struct str host, reason;
        uint64_t time; /* microseconds since 1970 */
        VEC(struct str) log;
        VEC(struct message_way) ways;
};

struct messages {
        VEC(struct message) list; /* the oldest first */
};

struct str notify_text(struct arena *a, const struct notify *n);
int notify_parse(struct arena *a, struct str text, struct notify *ret);

/* -ENOENT if there are no recipients. */
int notify_read(struct arena *a, int runtime, struct notify *ret);

/* True if messages about such an event are wanted. */
bool notify_wants(const struct notify *n, struct str event);

/* Completes the message: its id, its host, and texts of one line that are short enough. `occasion` tells
 * apart events that are otherwise alike: when it began, or the start of a unit. */
void message_finish(struct arena *a, struct message *m, struct str occasion);

/* Adds it to the directory, which is made if it is missing; then removes the oldest ones if there are too
 * many, and returns their number. Negative errno. */
int message_add(struct arena *a, int state, const struct message *m);

/* Replaces a message that is still there. */
int message_write(struct arena *a, int state, const struct message *m);

int message_remove(struct arena *a, int state, struct str id);

/* All that can be read. *ret_broken: the names of other files. */
int message_list(struct arena *a, int state, struct messages *ret, struct messages *ret_broken);

struct str message_text(struct arena *a, const struct message *m);
int message_parse(struct arena *a, struct str text, struct message *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservice-instance: the work of an instance's unit besides running the container.
 *
 * After the start it waits until the instance answers and puts it into HAProxy (ready; enter for one that
 * runs already, and may have requests open), before a stop it takes it out and waits for open requests
 * (drain), and after an instance stopped by itself it takes it out at once (leave). Everything that it needs
 * is in the command; it reads no definition.
 *
 * If HAProxy is not running, or does not know the server, this delays nothing and is not an error. After a
 * start, the hook waits for an HAProxy that runs and does not answer. */

#include "balancer/balancer.h"
#include "base/vec.h"
#include "hooks/probe.h"

struct instance {
        struct arena *arena;
        struct balancer_server server;

        /* How to see whether it works: without a path, by a connection to its port; without a port it is
         * believed to. */
        struct http_request request;
        struct str codes;
        uint64_t port;    /* for its clients */
        bool is_unwanted; /* the port was given as nothing: its number was scaled away while it started */
        struct probe probe;
        struct str container,
                network; /* given: the address is the container's on that network, and HAProxy gets it */
        bool has_shared_network; /* others in that network may be able to change its address */
        bool is_published;       /* but its clients use a port of the machine */
        bool has_own_check;      /* HAProxy checks something else, so it must find out by itself */

        /* Settings of all instances, with or without a port (hooks/lifecycle.h). */
        struct str name;    /* the container's; absent: nothing of this is done */
        bool has_health;    /* Podman's health check decides, too */
        const char *record; /* hooks/start-record.h; NULL for none */
        /* milliseconds; how long it must have run until its restarts begin from zero; 0: never */
        uint64_t settled;

        /* A command of the definition (hooks/command.h): words, NULL at their end; NULL for none. */
        const char *const *command;
        uint64_t limit;         /* milliseconds; how long `before_stop` may take */
        struct str unit, image; /* of the container that `before_start` runs in */
        struct str as;          /* the user that runs the command; absent: the container's */

        const char *watch; /* the file with its probe, once it is ready (hooks/watch.h); NULL for none */
        bool is_user;      /* the user's own systemd */

        VEC(struct str) notes; /* for the journal */
};

/* 0; 1 if the instance does not work, with the reason in the last note; negative errno. */
int instance_before(struct instance *i);
int instance_ready(struct instance *i);
int instance_enter(struct instance *i);

void instance_note(struct instance *i, struct str text);

/* Ends at once where the unit's main process has ended. False then. */
bool instance_pause(uint64_t ms);

/* 0; negative errno if its balancer could not be queried. */
int instance_drain(struct instance *i);
int instance_leave(struct instance *i);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservice-instance: what an instance's unit does besides running the container. After the start it waits
 * until the instance answers and puts it into HAProxy (ready; enter for one that runs already, and may
 * have requests open), before a stop it takes it out and waits for what is open (drain), and after one
 * that came by itself it takes it out at once (leave).
 *
 * All that it needs comes with the command; it reads no definition. An HAProxy that is not there, or does
 * not know the server, delays nothing and is no error. One that is there and does not answer is waited for
 * after a start. */

#include "base/vec.h"
#include "hooks/nginx.h"
#include "hooks/probe.h"
#include "runtime/haproxy-socket.h"
#include "runtime/haproxy-states.h"

struct instance {
        struct arena *arena;
        struct haproxy_client haproxy; /* without a server: not proxied */
        struct nginx_instance nginx;   /* without a path: nginx is not its front */
        struct haproxy_states states;  /* without a path: HAProxy has no such file */

        /* How to see whether it works: without a path, by a connection to its port; without a port it is
         * believed to. */
        struct http_request request;
        struct str codes;
        uint64_t port;    /* for its clients */
        bool is_unwanted; /* the port was given as nothing: its number was scaled away while it started */
        struct probe probe;
        struct str container,
                network;   /* given: the address is the container's on that network, and HAProxy is told it */
        bool is_published; /* but for its clients the port is the machine's all the same */
        bool has_own_check; /* HAProxy checks something else, so it must find out by itself */

        /* Of all, with or without a port (hooks/lifecycle.h). */
        struct str name;    /* the container's; absent: nothing of this is done */
        bool has_health;    /* Podman's health check decides, too */
        const char *record; /* hooks/start-record.h; NULL for none */
        /* milliseconds; how long it must have run until its restarts begin from zero; 0: never */
        uint64_t settled;

        const char *
                watch; /* where it says, once it is ready, how it was asked (hooks/watch.h); NULL for nowhere */
        bool is_user; /* the user's own systemd */

        uint64_t drain; /* milliseconds; how long what is open may take */

        VEC(struct str) notes; /* for the journal */
};

/* 0; 1 where the instance does not work, as the last note says; negative errno. */
int instance_ready(struct instance *i);
int instance_enter(struct instance *i);

/* Ends at once where the unit's main process has ended. False then. */
bool instance_pause(uint64_t ms);

/* 0; negative errno where HAProxy could not be asked. */
int instance_drain(struct instance *i);
int instance_leave(struct instance *i);

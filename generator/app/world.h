/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Everything that a run reads: definitions, contracts, host.yaml, and what the machine has. */

#include <sys/types.h>

#include "app/app.h"

/* The places for one manager, in order of precedence, below the root. */
struct places {
        struct str definitions[3]; /* pyservice.d */
        struct str contracts[2];
        struct str host;        /* host.yaml */
        struct str units[6];    /* where the machine's own units lie; absent ones are passed over */
        struct str quadlets[3]; /* where the administrator's .network … lie */
        struct str runtime;     /* /run/pyservice */
        struct str state;       /* /var/lib/pyservice: what outlives a reboot */
        struct str volumes;     /* Podman's directory of volumes, unless storage.conf names another */
        bool is_user;
};

/* For the system manager. */
void places_system(struct places *ret);

/* For the user manager: below ~/.config and $XDG_RUNTIME_DIR (`home`, `runtime`: absolute paths). */
void places_user(struct arena *a, struct str home, struct str runtime, struct places *ret);

struct definition {
        struct name name;  /* absent if the file name is invalid */
        struct str path;   /* of the main file, as it is shown */
        struct node *root; /* merged; NULL if it could not be read or parsed */
        bool is_broken;    /* it has errors */
        bool is_hidden;    /* broken, but only in that this user may not read all of it */
        struct app *app;   /* decoded and finished; NULL if is_broken */
};

/* A link to /dev/null in the place of a definition. */
struct mask {
        struct str name, path; /* "shop", "/etc/pyservice.d/shop.yaml" */
};

/* A network or volume of the administrator's that a definition may name. */
struct quadlet_object {
        struct str file;               /* "quadlet.network" */
        struct network_ref name;       /* "quadlet", or "systemd-quadlet" */
        struct unit_name unit;         /* "quadlet-network.service" */
        VEC(struct ip_prefix) subnets; /* of a network that defines them */
};

/* Ports that an app's instances had before the machine was stopped: the text of a bundle's `ports`. */
struct held_ports {
        struct str app, text;
};

/* A file that is thought to be there, or, where its text is absent, not to be there. */
struct proposed {
        struct str path, text;
        mode_t mode;
};

/* A file without a line feed at its end counts as incomplete for this long: its author may still be
 * writing. */
#define SETTLE_USEC (3 * 1000000ULL)

/* Everything that a run reads. */
struct world {
        struct arena *arena;
        struct diags *ds;
        struct sources *sources;
        int root; /* the root directory; -1 before world_open() */
        struct places places;
        bool trusts_all;               /* check FILE: permissions are not checked */
        VEC(struct proposed) proposed; /* in place of definitions and drop-ins that are there */
        struct host host;
        bool is_host_broken; /* host.yaml has errors; `host` has its valid part, and defaults */
        VEC(struct definition) definitions; /* by name, each name once */
        VEC(struct mask) masks;
        VEC(struct quadlet_object) quadlets;
        VEC(struct str) units; /* of the machine, sorted: "haproxy.service", "ssh@.service" */
        /* absent if the machine has its default name until the network brings one, or is not this machine */
        struct str host_name;
        struct str machine_id; /* machine-id(5); absent if it has none yet, or is not this machine */
        VEC(struct contract *) contracts;   /* loaded so far */
        VEC(struct held_ports) held_ports;  /* if nothing is published yet */
        size_t n_hidden;                    /* errors about files that only root can read */
        uint64_t now;                       /* files without a line feed at their end wait until they are
                                         * SETTLE_USEC old at this time; 0: they only get a warning */
        uint64_t written;                   /* when the last of them was written; 0 for none */
        size_t n_waiting;                   /* of them, those that wait */
        struct attempt *attempt;            /* app/attempt.h; NULL if there is only one attempt */
        VEC(uint32_t) public_files;         /* sources that every user of the machine can read */
        VEC(struct str) unsafe_directories; /* that others may write */
};

/* Paths are absolute for people and relative to the root for openat(). */
static inline const char *world_below(struct str path) {
        return path.n > 1 ? path.p + 1 : ".";
}

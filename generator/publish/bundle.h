/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Publishing: from trees in memory to what systemd loads.
 *
 * A bundle's tree holds `quadlet/NAME.container|.image|…` (what Quadlet reads; no directories below),
 * `units/…` (our own units; drop-ins one directory deeper), and all other files of apps/APP.
 *
 * Below the runtime directory (/run/pyservice):
 *
 *     apps/APP/quadlet/…     input of Quadlet
 *     apps/APP/units/…       output of Quadlet, and our own units
 *     apps/APP/retired/…     units that the app no longer has; kept until the next boot, because a unit whose
 *                            file disappears while it runs forgets how to stop
 *     apps/APP/env/…  haproxy/ABSOLUTE/PATH…  nginx/UNIT.conf  ports         see render/
 *     apps/APP/record  manifest  revision  rollout  wanted/…        see publish/compose.h
 *     apps/APP/stamp         hashes of its sources, and its units; see publish/stamp.h
 *     errors/APP             the errors in the definition, as text; 0600. Errors without an app (host.yaml, a
 *                            bad file name, no Quadlet) are in errors/HOST, which is not a valid name of an
 *                            app
 *     errors-unseen/APP      exists until the errors are reported; empty
 *     proxy                  names of the apps that are alive and have files for HAProxy, one a line: the
 *                            input of pyservice-proxy. Missing before the first such app, empty after the
 *                            last
 *     nginx                  such a list for nginx
 *     unkept/APP             the app is gone, or the number or the addresses of its instances changed: its
 *                            data in /var/lib/pyservice is old; pyservice-keep.service updates it. Empty
 *     stopped/APP            the parts that the administrator stopped; see state/hold.h. Written by
 *                            pyservicectl, and by the generator at boot
 *     without-state          the directory of states was missing, perhaps not mounted yet, and so nothing new
 *                            was published; empty
 *     notify                 the recipients of messages about events, 0600: bundle/message.h; missing if none
 *     notify.conf            the drop-in of units whose failure is such an event
 *     alive.conf             the upheld units: pyservice.target.d/50-pyservice.conf is a link to it
 *     .staging               unfinished bundles; if a run was interrupted, the next one removes them
 *
 * The generator directory gets hard links (symbolic links if it is on another file system) to units/ and
 * retired/ of every bundle, also of those without a definition, and pyservice.target.d/50-pyservice.conf,
 * which upholds
 *
 *     APP.target                      of apps that are alive, which have a definition and a bundle; stopped
 *                                     apps have a line "X-Stopped=APP.target" there instead
 *     pyservice-state.service         if there is without-state: reloads once the states can be read
 *     pyservice-settle.timer          if files were written just now and may be incomplete: reloads once they
 *                                     have settled
 *     pyservice-notify.path           if there is notify: starts what delivers messages
 *     pyservice-expiry.timer          if there is notify: starts what reports certificates
 *     pyservice-config@APP.path       of apps whose definition has errors, and of HOST; starts the service of
 *                                     that name once
 *     pyservice-proxy@HASH.timer      starts the service of that name once. HASH: of the files for HAProxy,
 *                                     so that a change of them is a new unit; not for a user's manager
 *
 * An app's bundle is replaced by one rename, or not at all. */

#include "app/world.h"
#include "output/tree.h"
#include "state/state.h"

/* The revision that the instances of an app get. */
enum bundle_choice {
        BUNDLE_WANTED,    /* the bundle composed of the desired, the accepted and the pinned revision */
        BUNDLE_PUBLISHED, /* what was published last */
        BUNDLE_NONE,      /* nothing: broken, and nothing was ever published */
};

struct bundle {
        struct name app;
        struct tree tree;     /* sorted */
        struct tree fallback; /* instead of it where Quadlet refuses it; empty for none */
        struct tree after;    /* what it comes to when the rollout has gone well; where publisher.foresees */
        struct span at;       /* the definition */
        enum bundle_choice choice;
        bool is_accepted; /* a revision of it is, so that its scale is to be kept */
        bool is_stopped;  /* as a whole, by the administrator */
};

/* The state of an app in /var/lib/pyservice. */
struct bundle_state {
        struct state state;
        int error; /* it can't be read */
};

struct publisher {
        struct arena *arena;
        struct diags *ds;
        int runtime; /* /run/pyservice, made if it was missing; it can be read, not only O_PATH */
        int output;  /* the generator directory */
        int state;   /* /var/lib/pyservice; -1 is like an empty one */
        struct str runtime_path, state_path; /* as units name them */
        bool awaits_state;   /* it is not there, and may come: nothing new is to be published before */
        bool awaits_files;   /* definitions were written just now, and may not be whole */
        const char *quadlet; /* program; argv[0] of it */
        struct str notify;   /* the text of `notify`; absent if host.yaml names no recipients */
        int notify_error;    /* negative errno: messages cannot be prepared, and all else is as usual; or 0 */
        bool is_user;
        bool foresees;                /* the caller reads `bundles` after everything is published */
        const struct bundle *bundles; /* of the last generate_publish() */
        size_t n_bundles;
};

bool bundle_is_published(const struct publisher *p, struct name app);

/* The one function that decides which bundle an app's instances get (publish/choose.h). `b`: app and at.
 * `file`: the bundle of its file, sorted; NULL if it is broken. States and bundles that can't be read give
 * diagnostics, and so does a revision that failed. */
void bundle_choose(const struct publisher *p, struct bundle *b, const struct tree *file,
                   const struct bundle_state *state);

/* Marks the app in unkept/. */
int bundle_mark_unkept(const struct publisher *p, struct str app);

/* Publishes every bundle whose choice is BUNDLE_WANTED and whose stamp differs, running Quadlet once for
 * all of them; links all that is alive, and what is retired, into the output directory. A bundle that
 * Quadlet refuses gets diagnostics at the lines that caused it, and its fallback is published, or its
 * choice is changed to BUNDLE_PUBLISHED or BUNDLE_NONE; so is that of one that could not be written. `n`
 * bundles sorted by app, one for each definition; p->ds is sorted. System failures: negative errno, the
 * first of them; what could be published and linked is, even then. */
int publish_all(struct publisher *p, struct bundle *bundles, size_t n);

/* Links what is there and upholds what was upheld, nothing else: for when the generator itself fails. The
 * output directory may hold what a run linked before it failed. */
int publish_existing(struct publisher *p);

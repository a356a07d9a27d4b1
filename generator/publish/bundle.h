/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Publishing: from trees in memory to what systemd loads.
 *
 * A bundle's tree holds `quadlet/NAME.container|.image|…` (what Quadlet reads; no directories below),
 * `units/…` (our own units; drop-ins one directory deeper), and whatever else is to be in apps/APP.
 *
 * Below the runtime directory (/run/pyservice):
 *
 *     apps/APP/quadlet/…     what Quadlet read              apps/APP/units/…     what it made, and our own units
 *     apps/APP/retired/…     units that the app no longer has; kept, because a unit whose file disappears while it
 *                            runs forgets how to stop; gone at the next boot
 *     apps/APP/env/…  haproxy/ABSOLUTE/PATH…  nginx/UNIT.conf  ports         see render/
 *     apps/APP/record  manifest  revision  rollout  wanted/…        see publish/compose.h
 *     apps/APP/stamp         what it was made from, and the units it has; see publish/stamp.h
 *     errors/APP             what is wrong with the definition, as text; 0600. What belongs to no app (host.yaml, a bad
 *                            file name, no Quadlet) is in errors/HOST, which is no app's name
 *     errors-unseen/APP      there while nobody was told of it; empty
 *     proxy                  names of the apps that are alive and have files for HAProxy, one a line: what
 *                            pyservice-proxy puts together. Not there before the first such app, empty after the last
 *     nginx                  the same for nginx
 *     unkept/APP             the app is gone, or how many instances it has, and how they are reached, changed: what
 *                            /var/lib/pyservice says of that is old; pyservice-keep.service updates it. Empty
 *     stopped/APP            what of it the administrator stopped; see state/hold.h. pyservicectl writes it, and at boot the generator
 *     apps/APP/whole/…       what would be upheld, were nothing of it stopped; see publish/withhold.h
 *     without-state          the directory of states was not there, perhaps not yet, and so nothing new was published; empty
 *     alive.conf             what is upheld: pyservice.target.d/50-pyservice.conf is a link to it
 *     .staging               bundles under way; removed at the next run where one was cut off
 *
 * The generator directory gets hard links (links, where it is on another file system) to units/ and
 * retired/ of every bundle, also of those without a definition, and pyservice.target.d/50-pyservice.conf,
 * which upholds
 *
 *     APP.target                      of apps that are alive: that have a definition and a bundle; but not of those that were stopped,
 *                                     which have a line "X-Stopped=APP.target" there instead
 *     pyservice-state.service         where there is without-state: reloads once the states can be read
 *     pyservice-settle.timer          if files were written just now and may not be whole: reloads once they
 *                                     have settled
 *     pyservice-config@APP.path       of apps whose definition has errors, and of HOST; starts the service of that name
 *                                     once
 *     pyservice-proxy@HASH.timer      likewise. HASH: of the files for HAProxy, so that a change of them is a new unit;
 *                                     not for a user's manager
 *
 * An app's bundle is replaced by one rename, or not at all. */

#include "app/world.h"
#include "output/tree.h"
#include "state/state.h"

/* The revision that the instances of an app get. */
enum bundle_choice {
        BUNDLE_WANTED, /* what is put together of what its file says, what is accepted and what is pinned */
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
        bool is_user;
        bool foresees;                /* somebody looks at `bundles` when all is published */
        const struct bundle *bundles; /* of the last generate_publish() */
        size_t n_bundles;
};

bool bundle_is_published(const struct publisher *p, struct name app);

/* The one function that decides which bundle an app's instances get (publish/choose.h). `b`: app and at.
 * `file`: what its file says, sorted; NULL where it is broken. States and bundles that can't be read give
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

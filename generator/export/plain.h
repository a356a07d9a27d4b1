/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Applications for a machine without pyservice: files for systemd, Quadlet and HAProxy, and a README with
 * the steps that put them into use.
 *
 * plain-secrets.c makes all secrets Podman's, render_plain() makes the files, and plain-files.c gives them
 * their places; plain-notes.c writes the README; quadlet.c is the verb. */

#include "app/ports.h"
#include "app/world.h"
#include "output/tree.h"

/* A secret that the administrator is to create for Podman. */
struct plain_secret {
        struct str name;
        struct str source;  /* to distinguish two that have the same key */
        struct str command; /* that creates it */
};

struct plain_note {
        struct str app, text;
};

struct plain {
        struct arena *arena;
        struct world *world;
        struct ports ports;
        VEC(struct app *) apps;
        struct tree tree; /* paths below the output directory */
        VEC(struct plain_secret) secrets;
        VEC(struct plain_note) missing; /* settings without a counterpart */
        VEC(struct str) needs;          /* files and networks of this machine that the files name */
        VEC(struct str) files;          /* commands that make files and users, after those of systemd */
        VEC(struct str) tasks;          /* units */
        bool has_users, has_files, has_haproxy, has_frontend;
};

/* Notes a setting of `app` that has no counterpart. */
#define PLAIN_MISS(p, app, ...) plain_miss((p), (app), arena_join((p)->arena, __VA_ARGS__))
void plain_miss(struct plain *p, const struct app *app, struct str text);

/* Makes all secrets of the app Podman's: each variable is then a literal or one whole secret. */
void plain_secrets(struct plain *p, struct app *app);

/* Renders the apps into the tree, with a frontend of HAProxy's for all of them. False if two of them want the
 * same file or route; *ret_problem has the reason. */
bool plain_files(struct plain *p, struct str *ret_problem);

/* Directories of the output, and where their files belong: "etc/containers/systemd". */
struct str plain_quadlets(const struct plain *p);
struct str plain_units(const struct plain *p);
#define PLAIN_HAPROXY "etc/haproxy/conf.d"

/* Notes all that `app` loses, and the commands that it needs. */
void plain_notes(struct plain *p, const struct app *app);

/* README. */
struct str plain_readme(struct plain *p);

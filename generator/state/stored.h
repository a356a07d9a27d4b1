/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bundle on disk, as it was rendered (not what Quadlet made of it): its files, and a manifest with the kind
 * of each file. /var/lib/pyservice/APP/bundles/REVISION is one, and so are /run/pyservice/apps/APP and its
 * wanted/.
 *
 *     pyservice-manifest 1
 *     file KIND OWNER MODE PATH       sorted by path; KIND: revision, task, scale or plan; OWNER: "-" for the
 *                                     app's own; MODE: 0644 or 0600
 *
 * An earlier pyservice wrote these rows without "file", and no first line: such a manifest is read too. A
 * bundle without a record (bundle/record.h), which an earlier pyservice made, gets one when it is read.
 *
 * Paths are checked when read: relative, without "." and ".." parts. */

#include "bundle/record.h"
#include "output/tree.h"

/* The manifest of a sorted tree. */
struct str stored_manifest(const struct tree *t);

/* Reads the bundle in the open directory: all files of its manifest, sorted; `ret` is made new. -ENOENT if
 * there is no manifest; -EBADMSG for a bad one, one of a later pyservice, and if a file of it is missing. */
int stored_read(struct arena *a, int dir, struct tree *ret);

/* Gives the tree, which is sorted, that record and its file. */
void stored_set_record(struct tree *t, struct record *record);

/* bundles/REVISION of an app. `dir`: /var/lib/pyservice, open; -1 is like an empty one. */
int stored_load(struct arena *a, int dir, struct str app, struct str revision, struct tree *ret);

/* The record alone of the bundle in the open directory; made of the bundle's files if an earlier pyservice
 * wrote it. -ENOENT if there is no bundle; otherwise like record_parse(). */
int stored_record(struct arena *a, int dir, struct record *ret);

/* Writes bundles/REVISION whole (directories 0700, files 0600), or not at all; one that is there is
 * replaced. fsyncs. */
int stored_save(int dir, struct str app, struct str revision, const struct tree *t);

/* Removes the bundles that are not among the `n` revisions, and what a save that was cut off left. */
int stored_prune(struct arena *a, int dir, struct str app, const struct str *keep, size_t n);

/* The revision of a sorted tree: REVISION_DIGITS of the hash of the paths and texts of its files of kind
 * revision and task. */
struct str stored_revision(const struct tree *t);

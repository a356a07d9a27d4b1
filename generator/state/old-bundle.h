/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bundles that were stored or published before bundles had a record: the only place that reads rendered
 * units. Remove it, with its tests, once upgrades from such a version are no longer supported. */

#include "base/fs.h"
#include "bundle/record.h"
#include "output/tree.h"

/* Makes the record of a sorted tree from its files. */
void record_from_files(const struct tree *t, struct record *ret);

/* Adds the sources that the containers of a bundle mount, as Podman knows them: of the bundle in the
 * directory `path` below `root`. */
void old_bundle_mounts(struct arena *a, int root, const char *path, struct fs_names *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bundles that were stored or published before bundles had a record: the only place that reads rendered
 * units. It can go, with its test, once nobody upgrades from such a version. */

#include "bundle/record.h"
#include "output/tree.h"

/* Makes the record of a sorted tree from its files. */
void record_from_files(const struct tree *t, struct record *ret);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Facts about the machine that do not come from pyservice: its name, units whose names are taken, and
 * networks that definitions may use. */

#include "app/world.h"

/* Reads the host's name, and lists the unit directories and the administrator's Quadlet files. */
int machine_read(struct world *w);

/* True if the unit is one of the machine's own. A mask (a link to /dev/null) is not. */
bool machine_has_unit(const struct world *w, struct str unit);

/* True if there is a time zone of this name, or if it is a short one of the machine's own
 * (systemd.time(7)). */
bool machine_has_zone(const struct world *w, struct str zone);

/* The administrator's NAME.network or NAME.volume; NULL if there is none. */
const struct quadlet_object *machine_quadlet(const struct world *w, struct str file);

/* The name of a file system that Linux cannot mount with other owners, as a container with users of its own
 * needs it (mount_setattr(2), ID-mapped mounts): of a type of mount(8), or the one that has the path. NULL if
 * Linux can, and for a path that does not exist. */
const char *machine_owners_fixed_by(struct str type);
const char *machine_owners_fixed_at(const struct world *w, struct str path);

/* True if a part with these `hosts:` can run here. Also true if the host's name is not known; then its
 * ConditionHost= decides alone. */
bool machine_is_among(const struct world *w, const struct host_glob *hosts, size_t n);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where in a definition something stands, for messages: structs know the places of their values, but not
 * those of maps and keys. */

#include "app/app.h"

/* A key at the top; the definition's beginning if it is not there. */
struct span place_of_key(const struct app *app, const char *key);

/* Item `i` of "services", "sidecars" or "tasks"; the definition itself for the one service of the short
 * form. NULL for what no list holds. */
const struct node *place_of_part(const struct app *app, const char *list, size_t i);

/* That of a service or sidecar. */
const struct node *place_of_kept(const struct app *app, const struct service *s);

/* A key of such an item; its name or beginning if it has no such key. */
struct span place_in_part(const struct app *app, const char *list, size_t i, const char *key);

/* A key of a service or sidecar. */
struct span place_in_kept(const struct app *app, const struct service *s, const char *key);

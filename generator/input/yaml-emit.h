/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* YAML for programs, by libyaml's emitter: documents of maps, lists and values, in blocks, without
 * comments (libyaml has none).
 *
 * Every text comes out as one scalar that YAML 1.1 and 1.2 take for a text. It must be UTF-8 and without NUL.
 * After a failure all further calls are ignored; yaml_emit_end() reports the failure. */

#include "base/buf.h"

struct yaml_emit;

/* Begins one document behind what `out` has. */
struct yaml_emit *yaml_emit_start(struct buf *out);

void yaml_emit_map(struct yaml_emit *e);
void yaml_emit_map_end(struct yaml_emit *e);
void yaml_emit_list(struct yaml_emit *e);
void yaml_emit_list_end(struct yaml_emit *e);

/* A key or a value. */
void yaml_emit_text(struct yaml_emit *e, struct str text);

/* A number, true or false. */
void yaml_emit_plain(struct yaml_emit *e, struct str text);

/* Ends the document; 0 or negative errno. Must be called, it gives libyaml's memory back. */
int yaml_emit_end(struct yaml_emit *e);

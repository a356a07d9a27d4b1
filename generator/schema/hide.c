/* SPDX-License-Identifier: Apache-2.0 */

/* Decoding a secret hides it; here is what is refused before it is decoded. Excerpts show of it what the
 * rows know as no secret, and nothing else. */

#include "schema/decode.h"

void decode_hide_value(struct diags *ds, const struct field *f, const struct node *value) {
        if (!f || (f->flags & FIELD_SECRET))
                diag_hide(ds, value->at);
        else
                decode_hide(ds, f->schema, value);
}

void decode_hide(struct diags *ds, const struct schema *s, const struct node *node) {
        if (!s || node->kind == NODE_SCALAR)
                return;

        for (size_t i = 0; i < node->n; i++) {
                size_t offset = 0;

                if (node->kind == NODE_LIST)
                        decode_hide(ds, s, node->items[i]);
                else
                        decode_hide_value(ds, schema_find(s, node->pairs[i].key->text, &offset),
                                          node->pairs[i].value);
        }
}

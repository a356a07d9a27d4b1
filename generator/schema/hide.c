/* SPDX-License-Identifier: Apache-2.0 */

/* Decoding a secret hides it; here is what is refused before it is decoded. Excerpts show of it what the rows know as no
 * secret, and nothing else. */

#include "schema/decode.h"

void decode_hide(struct diags *ds, const struct schema *s, const struct node *node) {
        if (!s || node->kind == NODE_SCALAR)
                return;

        for (size_t i = 0; i < node->n; i++) {
                const struct node *value = node->kind == NODE_LIST ? node->items[i] : node->pairs[i].value;
                const struct field *f;
                size_t offset = 0;

                if (node->kind == NODE_LIST) {
                        decode_hide(ds, s, value);
                        continue;
                }
                f = schema_find(s, node->pairs[i].key->text, &offset);
                if (!f || (f->flags & FIELD_SECRET))
                        diag_hide(ds, value->at);
                else
                        decode_hide(ds, f->schema, value);
        }
}

void decode_hide_unknown(struct decoder *d, const struct schema *s, const char *parent, const struct pair *pair) {
        struct str meant = parent ? str_of(parent) : schema_nearest_key(d->arena, s, pair->key->text);
        size_t offset = 0;
        const struct field *f = schema_find(s, meant, &offset);

        if (f && parent)
                f = schema_find(f->schema, pair->key->text, &offset);
        if (!f || (f->flags & FIELD_SECRET))
                diag_hide(d->ds, pair->value->at);
        else
                decode_hide(d->ds, f->schema, pair->value);
}

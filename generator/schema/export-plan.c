/* SPDX-License-Identifier: Apache-2.0 */

/* The objects that an export describes, in an order that depends on the rows alone. */

#include "schema/export-parts.h"

struct planner {
        struct arena *arena;
        struct export_plan *plan;
        bool keeps_inlined;
};

void export_collect_rows(struct arena *a, const struct schema *s, struct export_rows *ret) {
        for (size_t i = 0; i < s->n; i++) {
                if (s->fields[i].shape == SHAPE_INLINE)
                        export_collect_rows(a, s->fields[i].schema, ret);
                else
                        *vec_push(a, &ret->list) = &s->fields[i];
        }
}

static void add_row(struct export_plan *plan, const struct field *f) {
        bool is_value = f->shape == SHAPE_VALUE || f->shape == SHAPE_MAP_OF_VALUE;

        plan->kinds[f->kind] = true;
        plan->key_kinds[f->key_kind] = true;
        if (f->shape == SHAPE_WORDS || f->shape == SHAPE_COMMANDS)
                plan->has_command = true;
        if (is_value && (f->flags & FIELD_ALLOW_LIST)) {
                plan->has_list_value = true;
                plan->kinds[KIND_FLAG] = true;
        }
        if (is_value) {
                plan->has_value = true;
                plan->kinds[KIND_NAME] = true; /* {secret: NAME} */
        }
}

static void add_schema(struct planner *p, const struct schema *s);

static void add_rows(struct planner *p, const struct schema *s) {
        for (size_t i = 0; i < s->n; i++) {
                const struct field *f = &s->fields[i];

                if (f->shape == SHAPE_INLINE && !p->keeps_inlined)
                        add_rows(p, f->schema);
                else if (f->schema)
                        add_schema(p, f->schema);
                add_row(p->plan, f);
        }
}

static void add_schema(struct planner *p, const struct schema *s) {
        VEC_EACH(known, &p->plan->schemas)
                if (*known == s)
                        return;

        *vec_push(p->arena, &p->plan->schemas) = s;
        add_rows(p, s);
}

void export_make_plan(struct arena *a, const struct export *e, bool keeps_inlined, struct export_plan *ret) {
        struct planner p = { a, ret, keeps_inlined };

        *ret = (struct export_plan){ 0 };
        add_schema(&p, e->schema);
}

const char *export_kind_name(enum kind kind) {
        static const char *const names[KIND_COUNT] = { [KIND_FLAG] = "flag",
                                                       [KIND_NUMBER] = "number",
                                                       [KIND_DURATION] = "duration",
                                                       [KIND_BYTES] = "byte_size",
                                                       [KIND_CPUS] = "cpus",
#define X(symbol, type) [KIND_##symbol] = #type,
                                                       TEXT_TYPES(X)
#undef X
        };

        return names[kind];
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bench to decode YAML on, and what was said of it. */

#include "rows.h"
#include "schema/decode.h"

struct bench {
        struct arena arena;
        struct sources sources;
        struct diags diags;
};

static inline void bench_init(struct bench *b) {
        *b = (struct bench) { 0 };
        b->diags = (struct diags) { .arena = &b->arena, .sources = &b->sources };
}

static inline void bench_done(struct bench *b) {
        arena_done(&b->arena);
}

/* Parses `yaml`, which must be good. */
static inline struct node *bench_parse(struct bench *b, const char *yaml) {
        struct node *root;

        yaml_parse(&b->arena, &b->diags, source_add(&b->arena, &b->sources, STR("x.yaml"), str_of(yaml)), &root);
        assert_int_equal(b->diags.n_errors, 0);
        assert_non_null(root);
        return root;
}

/* "unknown-key‹imge› missing-key‹i›": each error with the text that it is about. */
static inline const char *bench_diags(struct bench *b) {
        struct buf out = buf_in(&b->arena);

        VEC_EACH(d, &b->diags.list) {
                struct str source = d->at.file < b->sources.list.n ? b->sources.list.at[d->at.file].text : STR("");

                buf_put(&out, out.n > 0 ? " " : "");
                buf_put(&out, diag_name(d->id));
                buf_put(&out, "‹");
                if (d->at.off + d->at.len <= source.n)
                        buf_put_str(&out, (struct str) { source.p + d->at.off, d->at.len });
                buf_put(&out, "›");
        }

        return buf_str(&out).p;
}

/* The texts of all diagnostics, a line each. */
static inline const char *bench_texts(struct bench *b) {
        struct buf out = buf_in(&b->arena);

        VEC_EACH(d, &b->diags.list) {
                buf_put_str(&out, d->text);
                buf_put_char(&out, '\n');
        }

        return buf_str(&out).p;
}

/* These diagnostics, in this order; `hint`, where it is not NULL, is part of a text. */
static inline void assert_diags(struct bench *b, const char *diags, const char *hint) {
        assert_string_equal(bench_diags(b), diags);
        if (hint && !strstr(bench_texts(b), hint))
                fail_msg("'%s' is not said in: %s", hint, bench_texts(b));
}

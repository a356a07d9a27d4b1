/* SPDX-License-Identifier: Apache-2.0 */
#include "input/diag.h"

void diag_put_place(struct json_writer *w, const struct sources *sources, struct span at) {
        const struct source *s = sources && at.file < sources->list.n ? &sources->list.at[at.file] : NULL;
        bool has_line = s && s->text.n > 0 && !diag_is_about_file(at);
        unsigned line = 0, column = 0;

        if (has_line)
                source_position(s, at.off, &line, &column);
        json_text(w, "file", s ? s->path : (struct str){ 0 });
        json_count(w, "line", has_line ? line : UINT64_MAX);
        json_count(w, "column", has_line ? column : UINT64_MAX);
}

static void put_diag(struct json_writer *w, const struct diags *ds, const struct diag *d) {
        json_open(w, NULL, '{');
        json_text(w, "severity", d->severity == SEVERITY_ERROR ? STR("error") : STR("warning"));
        json_text(w, "id", str_of(diag_name(d->id)));
        json_text(w, "app", d->owner.n > 0 ? d->owner : (struct str){ 0 });
        json_text(w, "message", d->text);
        diag_put_place(w, ds->sources, d->at);
        if (d->related_text.n > 0) {
                json_open(w, "note", '{');
                json_text(w, "message", d->related_text);
                diag_put_place(w, ds->sources, d->related);
                json_close(w, '}');
        } else
                json_null(w, "note");
        json_close(w, '}');
}

void diag_put_json(struct json_writer *w, const struct diags *ds, struct str owner) {
        json_open(w, "diagnostics", '[');
        VEC_EACH(d, &ds->list)
                if (str_is_absent(owner) || str_eq(d->owner, owner))
                        put_diag(w, ds, d);
        json_close(w, ']');
}

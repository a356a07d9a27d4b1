/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json-text.h"
#include "input/diag.h"

/* syslog's LOG_ERR and LOG_WARNING */
enum {
        PRIORITY_ERROR = 3,
        PRIORITY_WARNING = 4,
};

static void put_text(struct buf *out, const char *key, struct str value) {
        buf_put(out, ", ");
        json_put_text(out, str_of(key));
        buf_put(out, ": ");
        json_put_text(out, value);
}

static void put_number(struct buf *out, const char *key, uint64_t value) {
        buf_put(out, ", ");
        json_put_text(out, str_of(key));
        buf_put(out, ": ");
        buf_put_u64(out, value);
}

static void put_place(struct buf *out, const struct diags *ds, struct span at) {
        const struct source *s;
        unsigned line, column;

        if (!ds->sources || at.file >= ds->sources->list.n)
                return;

        s = &ds->sources->list.at[at.file];
        put_text(out, "CONFIG_FILE", s->path);
        if (s->text.n == 0 || diag_is_about_file(at))
                return;

        source_position(s, at.off, &line, &column);
        put_number(out, "CONFIG_LINE", line);
        put_number(out, "CONFIG_COLUMN", column);
}

static void put_diag(struct buf *out, const struct diags *ds, const struct diag *d) {
        buf_put(out, "{\"MESSAGE\": ");
        json_put_text(out, d->text);
        put_number(out, "PRIORITY", d->severity == SEVERITY_ERROR ? PRIORITY_ERROR : PRIORITY_WARNING);
        put_text(out, "PYSERVICE_DIAGNOSTIC", str_of(diag_name(d->id)));
        if (d->owner.n > 0)
                put_text(out, "PYSERVICE_APP", d->owner);
        put_place(out, ds, d->at);
        if (d->related_text.n > 0) {
                buf_put(out, ", \"PYSERVICE_NOTE\": {\"MESSAGE\": ");
                json_put_text(out, d->related_text);
                put_place(out, ds, d->related);
                buf_put_char(out, '}');
        }
        buf_put_char(out, '}');
}

void diag_print_json(struct buf *out, const struct diags *ds) {
        const char *before = "[\n";

        VEC_EACH(d, &ds->list) {
                buf_put(out, before);
                put_diag(out, ds, d);
                before = ",\n";
        }
        buf_put(out, ds->list.n > 0 ? "\n]\n" : "[]\n");
}

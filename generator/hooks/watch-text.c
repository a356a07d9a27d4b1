/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "bundle/rows.h"
#include "hooks/watch.h"

static const char *const bits[] = { "0", "1", NULL };

static const struct row_kind kinds[] = {
        ROW_ONCE("invocation", ROW_FIELD(ROW_NAME, struct watched, invocation)),
        ROW_ONCE("address", ROW_FIELD(ROW_NAME, struct watched, request.address)),
        ROW_ONCE("path", ROW_FIELD(ROW_NAME, struct watched, request.path)),
        ROW_LIST("header", struct watched, request.headers, ROW_WHOLE(ROW_NAME)),
        ROW_ONCE("codes", ROW_FIELD(ROW_NAME, struct watched, codes)),
        ROW_ONCE("port", ROW_FIELD(ROW_COUNT, struct watched, request.port)),
        ROW_ONCE("container-port", ROW_FIELD(ROW_NUMBER, struct watched, request.container_port)),
        ROW_ONCE("tls", ROW_WORD(ROW_FLAG, struct watched, request.is_tls, bits)),
        ROW_ONCE("timeout", ROW_FIELD(ROW_NUMBER, struct watched, request.timeout_ms)),
        ROW_ONCE("interval", ROW_FIELD(ROW_COUNT, struct watched, interval)),
        ROW_ONCE("retries", ROW_FIELD(ROW_COUNT, struct watched, retries)),
};

static const struct row_file file = ROW_FILE(struct watched, kinds, .name = "pyservice-watch", .version = 1);

struct str watch_text(struct arena *a, const struct watched *w) {
        return rows_text(a, &file, w);
}

int watch_parse(struct arena *a, struct str text, struct watched *ret) {
        struct watched w;
        int r = rows_parse(a, &file, text, &w);

        if (r < 0)
                return r;
        VEC_EACH(header, &w.request.headers)
                if (!http_is_header(*header))
                        return -EBADMSG;
        if (w.invocation.n == 0 || w.codes.n == 0 || w.interval == 0 || w.retries == 0 ||
            w.request.address.n == 0 || w.request.path.n == 0 || w.request.port == 0)
                return -EBADMSG;

        *ret = w;
        return 0;
}

bool watch_is_due(const struct watched *w, const struct bus_unit *u) {
        return w->n_failed >= w->retries && !u->has_job && str_is(u->active, "active") &&
               str_eq(u->invocation, w->invocation);
}

bool watch_is_sibling(struct str a, struct str b) {
        a.n = str_find(a, '@');
        b.n = str_find(b, '@');
        return str_eq(a, b);
}

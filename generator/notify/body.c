/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/body.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"

/* RFC 5322 allows 998 bytes in a line, and a mail server may refuse the whole mail for a longer one. */
enum { REASON_MAX = 900 };

struct str body_json(struct arena *a, const struct message *m) {
        struct buf out = buf_in(a);
        struct json_writer w = { .out = &out, .is_one_line = true };

        json_open(&w, NULL, '{');
        json_text(&w, "id", m->id);
        json_text(&w, "event", m->event);
        json_text(&w, "time", clock_utc(a, m->time));
        json_text(&w, "host", m->host);
        json_text(&w, "application", m->app);
        json_text(&w, "part", m->part);
        json_text(&w, "revision", m->revision);
        json_text(&w, "reason", m->reason);
        json_open(&w, "log", '[');
        VEC_EACH(line, &m->log)
                json_text(&w, NULL, *line);
        json_close(&w, ']');
        json_close(&w, '}');
        buf_put_char(&out, '\n');
        return buf_str(&out);
}

static void put_line(struct buf *out, const char *key, struct str value) {
        if (str_is_absent(value))
                return;

        buf_put(out, key);
        buf_put(out, ": ");
        buf_put_str(out, value);
        buf_put_char(out, '\n');
}

static struct str joined(struct arena *a, const struct notify *n) {
        struct str text = STR("");

        VEC_EACH(address, &n->recipients)
                text = arena_join(a, text, text.n > 0 ? STR(",\n ") : STR(""), *address);
        return text;
}

/* Names of hosts, applications and events have no characters that a header would have to encode. */
struct str body_mail(struct arena *a, const struct notify *n, const struct message *m) {
        struct buf out = buf_in(a);

        put_line(&out, "To", joined(a, n));
        put_line(&out, "Subject",
                 arena_join(a, STR("["), str_is_absent(m->host) ? STR("pyservice") : m->host, STR("] "),
                            m->app, STR(": "), m->event));
        put_line(&out, "Auto-Submitted", STR("auto-generated"));
        put_line(&out, "MIME-Version", STR("1.0"));
        put_line(&out, "Content-Type", STR("text/plain; charset=utf-8"));
        put_line(&out, "Content-Transfer-Encoding", STR("8bit"));
        put_line(&out, "X-Pyservice-Event-Id", m->id);
        buf_put_char(&out, '\n');
        put_line(&out, "Application", m->app);
        put_line(&out, "Event", m->event);
        put_line(&out, "Part", m->part);
        put_line(&out, "Revision", m->revision);
        if (!str_is_absent(m->reason))
                put_line(&out, "Reason", utf8_clean_line(a, m->reason, REASON_MAX));
        put_line(&out, "Host", m->host);
        put_line(&out, "Time", clock_utc(a, m->time));
        if (m->log.n > 0)
                buf_put(&out, "\nLast lines of its log:\n");
        VEC_EACH(line, &m->log) {
                buf_put(&out, "  ");
                buf_put_str(&out, *line);
                buf_put_char(&out, '\n');
        }
        return buf_str(&out);
}

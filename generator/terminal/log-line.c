/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal/log-line.h"

#include <time.h>

#include "base/json.h"
#include "base/utf8.h"

/* The length of a sequence that sets colours at the front (ESC [ digits and semicolons m); 0 for none. */
static size_t count_color(struct str text) {
        size_t n = 2;

        if (!str_has_prefix(text, STR("\033[")))
                return 0;
        while (n < text.n && str_is_made_of((struct str){ text.p + n, 1 }, "0123456789;"))
                n++;
        return n < text.n && text.p[n] == 'm' ? n + 1 : 0;
}

static void put_escaped(struct buf *out, unsigned char byte) {
        static const char digits[] = "0123456789abcdef";

        buf_put(out, "\\x");
        buf_put_char(out, digits[byte >> 4]);
        buf_put_char(out, digits[byte & 15]);
}

void log_put_text(struct buf *out, struct str text) {
        while (text.n > 0) {
                size_t n_color = count_color(text);
                uint32_t character = 0;
                unsigned n = utf8_decode(text, 0, &character);

                if (n_color > 0) {
                        text = str_from(text, n_color);
                        continue;
                }
                if (text.p[0] == '\t' || (n > 0 && !utf8_is_control(character)))
                        buf_put_str(out, (struct str){ text.p, n });
                else if (text.p[0] != '\r' || text.n > 1)
                        for (unsigned i = 0; i < (n > 0 ? n : 1); i++)
                                put_escaped(out, (unsigned char) text.p[i]);
                text = str_from(text, n > 0 ? n : 1);
        }
}

/* Neighbours differ: the number of an instance counts. */
static unsigned color_of(struct str name) {
        static const unsigned char colors[] = { 36, 33, 32, 35, 34, 96, 93, 92, 95, 94 };
        size_t at = str_find(name, '@');
        uint64_t number = 0;
        unsigned sum = 0;

        for (size_t i = 0; i < at; i++)
                sum = sum * 31 + (unsigned char) name.p[i];
        if (at < name.n)
                (void) str_to_u64(str_from(name, at + 1), UINT32_MAX, &number);
        return colors[(sum + number) % ARRAY_SIZE(colors)];
}

static void put_prefix(struct buf *out, const struct log_style *style, struct str name) {
        if (style->is_colored) {
                buf_put(out, "\033[");
                buf_put_u64(out, color_of(name));
                buf_put_char(out, 'm');
        }
        buf_put_str(out, name);
        for (size_t n = name.n; n < style->width; n++)
                buf_put_char(out, ' ');
        buf_put(out, style->is_colored ? " |\033[0m " : " | ");
}

/* As journalctl has it, or as ISO 8601 has it, with microseconds. */
static void put_time(struct buf *out, uint64_t usec, bool is_iso) {
        time_t seconds = (time_t) (usec / 1000000);
        struct tm tm;
        char text[64];
        size_t n = 0;

        if (is_iso ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm))
                n = strftime(text, sizeof(text), is_iso ? "%Y-%m-%dT%H:%M:%S." : "%b %d %H:%M:%S", &tm);
        buf_put_str(out, (struct str){ text, n });
        if (is_iso) {
                for (uint64_t unit = 100000; unit > 0; unit /= 10)
                        buf_put_char(out, (char) ('0' + usec / unit % 10));
                buf_put_char(out, 'Z');
        }
}

static void put_json(struct buf *out, struct str name, const struct journal_entry *e) {
        struct json_writer emitter = { .out = out, .is_one_line = true };
        struct buf time = buf_in(out->arena);

        put_time(&time, e->time, true);
        json_open(&emitter, NULL, '{');
        json_text(&emitter, "time", buf_str(&time));
        json_text(&emitter, "instance", name);
        json_text(&emitter, "unit", e->unit);
        json_text(&emitter, "by", e->is_systemds ? STR("systemd") : STR("unit"));
        json_number(&emitter, "priority", e->priority);
        json_text(&emitter, "message", e->message);
        json_close(&emitter, '}');
        buf_put_char(out, '\n');
}

void log_put(struct buf *out, const struct log_style *style, struct str name, const struct journal_entry *e) {
        struct str rest = e->message, line;

        if (style->is_json) {
                put_json(out, name, e);
                return;
        }

        while (str_split(&rest, '\n', &line)) {
                put_prefix(out, style, name);
                put_time(out, e->time, false);
                buf_put_char(out, ' ');
                log_put_text(out, line);
                buf_put_char(out, '\n');
        }
}

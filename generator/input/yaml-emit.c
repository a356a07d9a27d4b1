/* SPDX-License-Identifier: Apache-2.0 */
#include "input/yaml-emit.h"

#include <errno.h>
#include <yaml.h>

struct yaml_emit {
        yaml_emitter_t emitter;
        struct buf *out;
        bool is_failed;
};

static int put_bytes(void *out, unsigned char *bytes, size_t n) {
        buf_put_str(out, (struct str){ (const char *) bytes, n });
        return 1;
}

/* The emitter takes the event over, also if it fails. */
static void emit(struct yaml_emit *e, yaml_event_t *event, int is_good) {
        if (is_good && e->is_failed)
                yaml_event_delete(event);
        else if (!is_good || !yaml_emitter_emit(&e->emitter, event))
                e->is_failed = true;
}

struct yaml_emit *yaml_emit_start(struct buf *out) {
        struct yaml_emit *e = arena_new(out->arena, struct yaml_emit);
        yaml_event_t event;

        e->out = out;
        if (!yaml_emitter_initialize(&e->emitter)) {
                e->is_failed = true;
                return e;
        }

        yaml_emitter_set_output(&e->emitter, put_bytes, out);
        yaml_emitter_set_unicode(&e->emitter, 1);
        yaml_emitter_set_width(&e->emitter, -1);
        emit(e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
        emit(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
        return e;
}

void yaml_emit_map(struct yaml_emit *e) {
        yaml_event_t event;

        emit(e, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
}

void yaml_emit_map_end(struct yaml_emit *e) {
        yaml_event_t event;

        emit(e, &event, yaml_mapping_end_event_initialize(&event));
}

void yaml_emit_list(struct yaml_emit *e) {
        yaml_event_t event;

        emit(e, &event,
             yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
}

void yaml_emit_list_end(struct yaml_emit *e) {
        yaml_event_t event;

        emit(e, &event, yaml_sequence_end_event_initialize(&event));
}

static void put_scalar(struct yaml_emit *e, struct str text, yaml_scalar_style_t style) {
        bool is_plain = style == YAML_PLAIN_SCALAR_STYLE;
        yaml_event_t event;

        emit(e, &event,
             yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *) (text.p ? text.p : ""),
                                          (int) text.n, is_plain, 1, style));
}

/* libyaml itself sees if the bytes of a text need quotes; this is for texts that a reader would take for a
 * number, a date or a boolean. */
static bool is_text_to_all(struct str text) {
        static const char *const words[] = { "y",    "n",     "yes",  "no",  "on", "off",
                                             "true", "false", "null", "nan", "inf" };
        char first = text.n > 0 ? (char) (text.p[0] | 0x20) : ' ', lower[6] = { 0 };

        if ((first < 'a' || first > 'z') && text.n > 0 && text.p[0] != '/')
                return false;
        if (text.n >= sizeof(lower))
                return true;

        for (size_t i = 0; i < text.n; i++)
                lower[i] = (char) (text.p[i] | 0x20);
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strcmp(lower, words[i]) == 0)
                        return false;

        return text.n > 0;
}

void yaml_emit_text(struct yaml_emit *e, struct str text) {
        if (str_find(text, '\n') < text.n)
                put_scalar(e, text, YAML_LITERAL_SCALAR_STYLE);
        else
                put_scalar(e, text,
                           is_text_to_all(text) ? YAML_PLAIN_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE);
}

void yaml_emit_plain(struct yaml_emit *e, struct str text) {
        put_scalar(e, text, YAML_PLAIN_SCALAR_STYLE);
}

int yaml_emit_end(struct yaml_emit *e) {
        yaml_event_t event;

        emit(e, &event, yaml_document_end_event_initialize(&event, 1));
        emit(e, &event, yaml_stream_end_event_initialize(&event));
        yaml_emitter_delete(&e->emitter);
        return e->is_failed ? -ENOMEM : 0;
}

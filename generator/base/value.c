/* SPDX-License-Identifier: Apache-2.0 */
#include "base/value.h"

struct str instance_mark_replace(struct arena *a, struct str text, struct str by) {
        struct str rest = text, part, whole = { NULL, 0 };

        while (str_split(&rest, INSTANCE_MARK, &part))
                whole = str_is_absent(whole) ? arena_str(a, part) : arena_join(a, whole, by, part);
        return whole;
}

const char *mark_name(char c) {
        switch (c) {
        case INSTANCE_MARK:
                return "instance";
        case HOSTNAME_MARK:
                return "hostname";
        case REVISION_MARK:
                return "revision";
        case IMAGE_MARK:
                return "image";
        default:
                return NULL;
        }
}

const char *mark_name_in(struct str text) {
        for (size_t i = 0; i < text.n; i++)
                if (mark_name(text.p[i]))
                        return mark_name(text.p[i]);

        return NULL;
}

struct str marks_show(struct arena *a, struct str text) {
        struct str shown = text;
        size_t at = 0;

        for (size_t i = 0; i < text.n; i++)
                if (mark_name(text.p[i])) {
                        struct str before = at > 0 ? shown : STR(""), literal = { text.p + at, i - at };

                        shown = arena_join(a, before, literal, STR("{{ "), str_of(mark_name(text.p[i])),
                                           STR(" }}"));
                        at = i + 1;
                }

        return at > 0 ? arena_join(a, shown, str_from(text, at)) : shown;
}

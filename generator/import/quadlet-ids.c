/* SPDX-License-Identifier: Apache-2.0 */

/* The keys of [Container] that decide which ids its users have on the machine: 'userns:'. */

#include "import/quadlet.h"

/* The map of ids, an item of 'userns:'; NULL if that is a mode, beside which Podman takes no map. */
static struct yaml_text *userns_map(struct quadlet_import *q) {
        const struct yaml_text *one = yaml_text_find(q->part->map, STR("userns"));

        return one && one->shape == YAML_TEXT_SCALAR ? NULL : quadlet_map(q, "userns");
}

/* Podman takes more modes than a definition: those that name another container. */
void quadlet_put_userns(struct quadlet_import *q, const struct unit_line *line) {
        struct str text = quadlet_text(q, line, line->value);

        if (line->value.n > 0 && !type_accepts(KIND_USER_NAMESPACE, text))
                quadlet_put_raw(q, "Container", line);
        else if (line->value.n > 0 && yaml_text_find(q->part->map, STR("userns")) && userns_map(q))
                quadlet_drop(q, line);
        else if (line->value.n > 0)
                quadlet_put_text(q, q->part->map, "userns", line);
}

static void put_ids(struct quadlet_import *q, const struct unit_line *line, const char *key) {
        struct unit_words words = unit_split(q->draft.arena, line->value);
        struct yaml_text *map = userns_map(q), *list;

        if (!map) {
                quadlet_drop(q, line);
                return;
        }
        list = yaml_text_put(q->draft.arena, map, str_of(key), YAML_TEXT_LIST);
        if (line->value.n == 0)
                list->items.n = 0;
        VEC_EACH(word, &words.list)
                (void) yaml_text_add_text(q->draft.arena, list, quadlet_text(q, line, *word));
}

void quadlet_put_uid_map(struct quadlet_import *q, const struct unit_line *line) {
        put_ids(q, line, "uid_map");
}

void quadlet_put_gid_map(struct quadlet_import *q, const struct unit_line *line) {
        put_ids(q, line, "gid_map");
}

/* Two different names stay as they are. (Podman 5.4 takes the ids of users from the second of them.) */
static bool has_two_names(const struct quadlet_import *q) {
        struct str user = unit_file_value(q->unit, "Container", "SubUIDMap"),
                   group = unit_file_value(q->unit, "Container", "SubGIDMap");

        return !str_is_absent(user) && !str_is_absent(group) && !str_eq(user, group);
}

void quadlet_put_subids(struct quadlet_import *q, const struct unit_line *line) {
        struct yaml_text *map = has_two_names(q) ? NULL : userns_map(q),
                         *other = map ? yaml_text_find(map, STR("subids")) : NULL;

        if (has_two_names(q))
                quadlet_put_raw(q, "Container", line);
        else if (!map || (other && !str_eq(other->text, quadlet_text(q, line, line->value))))
                quadlet_drop(q, line);
        else if (line->value.n > 0)
                quadlet_put_text(q, map, "subids", line);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/value.h"

struct str instance_mark_replace(struct arena *a, struct str text, struct str by) {
        struct str rest = text, part, whole = { NULL, 0 };

        while (str_split(&rest, INSTANCE_MARK, &part))
                whole = str_is_absent(whole) ? arena_str(a, part) : arena_join(a, whole, by, part);
        return whole;
}

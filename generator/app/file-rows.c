/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

static const struct field file_fields[] = {
        FIELD(app_file, dest, "dest", "Where it is written, on the machine; it is at the same place in the containers.", .flags = FIELD_REQUIRED),
        FIELD_VALUE(app_file, content, "content", "What is in it: a text, or {secret: NAME} for the bytes of a secret. With null the file is passed over.",
                    .flags = FIELD_SECRET | FIELD_NULL_OK),
        FIELD(app_file, source, "source", "File of the machine that it is a copy of, in place of 'content'; looked at again at each start."),
        FIELD(app_file, mode, "mode", "Its mode, three or four octal digits; in quotes where they begin with 0.", .def = "600"),
        FIELD(app_file, owner, "owner", "User that owns it; without it, the app's."),
        FIELD(app_file, group, "group", "Group that owns it; without it, the app's."),
};
SCHEMA(file, "A file that is written before the app starts.");

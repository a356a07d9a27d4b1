/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rows.h"

static const struct field file_fields[] = {
        FIELD(app_file, dest, "dest", "Path of the file on the machine, and in the containers.",
              .flags = FIELD_REQUIRED),
        FIELD_VALUE(app_file, content, "content",
                    "Content: a text, or {secret: NAME} for the bytes of a secret. With null the file is "
                    "skipped.",
                    .flags = FIELD_SECRET | FIELD_NULL_OK),
        FIELD(app_file, source, "source",
              "File of the machine to copy, instead of 'content'; it is read again at each start."),
        FIELD(app_file, mode, "mode",
              "Mode of the file, three or four octal digits; in quotes if they "
              "begin with 0.",
              .def = "600"),
        FIELD(app_file, owner, "owner", "User that owns it. Default: the app's user."),
        FIELD(app_file, group, "group", "Group that owns it. Default: the app's group."),
};
SCHEMA(file, "A file that is written before the app starts.");

/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/json.h"

#include <errno.h>
#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <limits.h>

enum { DEPTH_MAX = 16 };

/* NULL if it is not JSON, or more than one value. */
static struct json_object *parse(struct str text) {
        struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
        struct json_object *root = NULL;

        if (!tokener || text.n > INT_MAX)
                goto end;

        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        root = json_tokener_parse_ex(tokener, text.p, (int) text.n);
end:
        if (tokener)
                json_tokener_free(tokener);
        return root;
}

int json_get(struct arena *a, struct str text, const char *name, struct str *ret) {
        struct json_object *root = parse(text), *member = NULL;
        int r = 0;

        if (!json_object_is_type(root, json_type_object))
                r = -EBADMSG;
        else if (!json_object_object_get_ex(root, name, &member))
                r = -ENOENT;
        else if (!json_object_is_type(member, json_type_string))
                r = -EBADMSG;
        else
                *ret = arena_str(a, (struct str){ json_object_get_string(member),
                                                  (size_t) json_object_get_string_len(member) });

        (void) json_object_put(root);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl new: a definition with comments, from a few answers, from an image, or from what another tool
 * runs. */

#include "change/new.h"

#include "ctl/convert.h"
#include "schema/type.h"
#include "terminal/ask.h"
#include "verbs/verbs.h"

static int answer(struct ctl *c, struct new_answers *ret) {
        const char *image = ctl_given(c, "image");
        bool has_machine = strcmp(c->root, "/") == 0;

        *ret = (struct new_answers){ .image = str_of(image) };
        if (image && !type_accepts(KIND_IMAGE_REF, ret->image)) {
                return ctl_usage(c, "invalid image '%s'; %s", image, type_of(KIND_IMAGE_REF)->rule);
        }
        if (image && has_machine)
                new_look(&c->arena, ret->image, ret);
        if (image)
                return 0;

        if (!ask_can()) {
                return ctl_usage(c, "standard input is not a terminal; give --image=IMAGE or --from=…");
        }
        return new_ask(&c->arena, ret) ? 0 : CTL_ERROR;
}

/* A new_make(). */
static int make(struct ctl *c, struct str app, struct str *ret) {
        struct new_answers answers;
        int r = answer(c, &answers);

        if (r == 0)
                *ret = new_text(&c->arena, app, &answers);
        return r;
}

int ctl_new(struct ctl *c) {
        bool is_converted = ctl_given(c, "from") != NULL;

        if (is_converted && ctl_given(c, "image"))
                return ctl_usage(c, "--from and --image exclude each other");
        return is_converted ? ctl_convert(c) : new_write(c, make, 0644);
}

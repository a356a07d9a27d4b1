/* SPDX-License-Identifier: Apache-2.0 */
#include "change/new.h"
#include "change/node-text.h"

static void put_scalar(struct buf *out, struct str text, bool is_plain) {
        const struct node node = { .kind = NODE_SCALAR,
                                   .text = text,
                                   .plain = is_plain && !type_is_ambiguous(text) };

        node_put_inline(out, &node);
}

/* A key, or, if it has no value, an example of it as a comment. */
static void put_key(struct buf *out, const char *before, struct str value, const char *behind,
                    const char *example) {
        if (str_is_absent(value)) {
                buf_put(out, "# ");
                buf_put(out, example);
        } else {
                buf_put(out, before);
                put_scalar(out, value, true);
                buf_put(out, behind);
        }
        buf_put_char(out, '\n');
}

struct str new_text(struct arena *a, struct str app, const struct new_answers *answers) {
        struct buf out = buf_in(a);
        bool is_command = str_is_absent(answers->path) && !str_is_absent(answers->command);

        buf_put(&out, "# The application ");
        buf_put_str(&out, app);
        buf_put(&out, ". pyservice.d(5) describes all keys; texts may contain {{ app_name }} and "
                      "others.\n\n# The image to run.\n");
        put_key(&out, "image: ", answers->image, "",
                arena_join(a, STR("image: registry.example.com/"), app, STR(":1.0")).p);
        buf_put(&out, "# command: [serve, --port, \"8000\"]\n\n# The port on which it listens in its "
                      "container.\n");
        put_key(&out, "port: ", answers->port, "", "port: 8000");
        buf_put(&out, "\n# The number of instances. 'pyservicectl scale' changes it without this file.\n");
        put_key(&out, "scale: ", str_is_absent(answers->scale) ? STR("1") : answers->scale, "", "");
        buf_put(&out, "\n# The health check. An instance gets requests once it is healthy, and is restarted "
                      "when it no longer is.\n");
        if (is_command)
                put_key(&out, "health: {command: ", answers->command, "}", "");
        else
                put_key(&out, "health: {http: ", answers->path, "}", "health: {http: /health}");
        buf_put(&out, "\n# The requests that HAProxy sends here.\n");
        put_key(&out, "proxy: {domains: [", answers->domain, "]}",
                arena_join(a, STR("proxy: {domains: ["), app, STR(".example.com]}")).p);
        buf_put_str(&out, arena_join(a, STR("\n# Its environment. 'pyservicectl secret set "), app,
                                     STR(" token' sets the secret.\n"
                                         "# env:\n"
                                         "#   LEVEL: info\n"
                                         "#   TOKEN: {secret: token}\n"
                                         "# secrets:\n"
                                         "#   token: {credential: "),
                                     app, STR(".token}\n")));
        buf_put_str(&out, arena_join(a,
                                     STR("\n# Data that it keeps in its own volume, and the resources that "
                                         "it may use.\n# volumes: [data:/var/lib/"),
                                     app, STR("]\n# resources: {memory: 512M, cpus: 1}\n")));
        return buf_str(&out);
}

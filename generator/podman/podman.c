/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/podman.h"

#include <errno.h>

#include "app/settings.h"
#include "base/fs.h"
#include "runtime/spawn.h"

enum { STORAGE_CONF_MAX = 1 << 20 };

/* The next field of a line with tabs; empty if there is none. */
static struct str take_field(struct arena *a, struct str *line) {
        struct str field;

        return str_split(line, '\t', &field) ? arena_str(a, field) : STR("");
}

/* An image chooses its labels, also one with tabs and line feeds: so each is printed by `printf "%q"` of Go,
 * and its quotes are removed here; escapes stay. */
static struct str take_label(struct arena *a, struct str *line) {
        struct str field = take_field(a, line);

        if (field.n < 2 || field.p[0] != '"' || field.p[field.n - 1] != '"')
                return STR("");
        return arena_str(a, (struct str){ field.p + 1, field.n - 2 });
}

struct str podman_storage_conf(struct arena *a, int root) {
        static const char *const files[] = { "etc/containers/storage.conf",
                                             "usr/share/containers/storage.conf" };
        struct str text;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                if (fs_read(a, root, files[i], STORAGE_CONF_MAX, &text) >= 0)
                        return text;

        return (struct str){ 0 };
}

#define FORMAT                                                                                          \
        "{{.Names}}\t{{printf \"%q\" (index .Labels \"io.pyservice.revision\")}}\t"                     \
        "{{.Status}}\t{{printf \"%q\" (index .Labels \"org.opencontainers.image.revision\")}}\t"        \
        "{{.State}}\t{{.Ports}}\t{{.Networks}}\t{{printf \"%q\" (index .Labels \"io.pyservice.app\")}}" \
        "\t{{printf \"%q\" (index .Labels \"PODMAN_SYSTEMD_UNIT\")}}"                                   \
        "\t{{printf \"%q\" (index .Labels \"io.pyservice.run\")}}"

void podman_parse(struct arena *a, struct str text, struct podman_containers *ret) {
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line)) {
                struct podman_container c = { .name = take_field(a, &line) };

                if (c.name.n == 0 || str_is_absent(line))
                        continue;
                c.label = take_label(a, &line);
                c.status = take_field(a, &line);
                c.commit = take_label(a, &line);
                c.state = take_field(a, &line);
                c.ports = take_field(a, &line);
                c.networks = take_field(a, &line);
                c.app = take_label(a, &line);
                c.unit = take_label(a, &line);
                c.is_by_hand = take_label(a, &line).n > 0;
                *vec_push(a, &ret->list) = c;
        }
}

int podman_run(struct arena *a, const char **argv, struct str *ret_out, struct str *ret_problem) {
        struct str podman = spawn_find(a, "podman");
        struct spawn_result result;
        int r;

        if (str_is_absent(podman)) {
                *ret_problem = STR("podman is not installed");
                return -EIO;
        }

        argv[0] = podman.p;
        r = spawn_as_root(a, argv, &result);
        if (r < 0)
                return r;

        *ret_out = result.out;
        if (result.status != 0) {
                *ret_problem = str_trim((struct str){ result.err.p, str_find(result.err, '\n') });
                return -EIO;
        }

        return 0;
}

int podman_list(struct arena *a, struct str app, bool is_all, struct podman_containers *ret,
                struct str *ret_problem) {
        struct str filter = str_is_absent(app) ? STR("label=io.pyservice.app")
                                               : arena_join(a, STR("label=io.pyservice.app="), app),
                   out;
        int r = podman_run(a,
                           (const char *[]){ NULL, "ps", "--no-trunc", "--filter", filter.p, "--format",
                                             FORMAT, is_all ? "--all" : NULL, NULL },
                           &out, ret_problem);

        *ret = (struct podman_containers){ 0 };
        if (r >= 0)
                podman_parse(a, out, ret);
        return r;
}

int podman_remove(struct arena *a, struct str name, struct str *ret_problem) {
        struct str out;

        return podman_run(a,
                          (const char *[]){ NULL, "rm", "--force", "--ignore", "--volumes", "--",
                                            arena_str(a, name).p, NULL },
                          &out, ret_problem);
}

const struct podman_container *podman_find(const struct podman_containers *c, struct str name) {
        VEC_EACH(container, &c->list)
                if (str_eq(container->name, name))
                        return container;

        return NULL;
}

bool podman_has_image(struct arena *a, const char *podman, struct str reference, struct platform platform) {
        struct platform_parts wanted = platform_split(platform);
        bool is_any = str_is_absent(platform.text);
        struct str text = arena_str(a, reference);
        struct spawn_result result;
        int r = spawn_as_root(a,
                              is_any ? (const char *const[]){ podman, "image", "exists", "--", text.p, NULL }
                                     : (const char *const[]){ podman, "image", "inspect", "--format",
                                                              "{{.Os}}/{{.Architecture}}", "--", text.p,
                                                              NULL },
                              &result);

        return r >= 0 && result.status == 0 &&
               (is_any ||
                str_eq(str_trim(result.out), arena_join(a, wanted.os.text, STR("/"), wanted.arch.text)));
}

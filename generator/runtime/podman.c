/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/podman.h"

#include <errno.h>

#include "runtime/spawn.h"

void podman_parse(struct arena *a, struct str text, struct podman_containers *ret) {
        struct str rest = text, line;

        while (str_split(&rest, '\n', &line)) {
                size_t tab = str_find(line, '\t');

                if (tab == 0 || tab == line.n)
                        continue;
                *vec_push(a, &ret->list) = (struct podman_container) { arena_str(a, (struct str) { line.p, tab }), arena_str(a, str_from(line, tab + 1)) };
        }
}

int podman_list(struct arena *a, struct str app, struct podman_containers *ret, struct str *ret_problem) {
        struct str podman = spawn_find(a, "podman"), filter = arena_join(a, STR("label=io.pyservice.app="), app);
        struct podman_containers containers = { 0 };
        struct spawn_result result;
        int r;

        if (str_is_absent(podman)) {
                *ret_problem = STR("podman is not installed");
                return -EIO;
        }

        r = spawn_run(a,
                      (const char *[]) { podman.p, "ps", "--no-trunc", "--filter", filter.p, "--format",
                                         "{{.Names}}\t{{index .Labels \"io.pyservice.revision\"}}", NULL },
                      &result);
        if (r < 0)
                return r;
        if (result.status != 0) {
                *ret_problem = str_trim((struct str) { result.err.p, str_find(result.err, '\n') });
                return -EIO;
        }

        podman_parse(a, result.out, &containers);
        *ret = containers;
        return 0;
}

const struct podman_container *podman_find(const struct podman_containers *c, struct str name) {
        VEC_EACH(container, &c->list)
                if (str_eq(container->name, name))
                        return container;

        return NULL;
}

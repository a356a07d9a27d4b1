/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/podman-image.h"

#include <errno.h>

#include "podman/podman.h"

/* The tag with which `pyservicectl update` keeps an image whose own tag has moved. */
#define KEPT STR("localhost/pyservice-kept:")
#define BUILT STR("localhost/pyservice-")
#define LOCAL STR("localhost/")

/* True for the reference as it is, and for a short name of the tag. */
static bool is_tag_of(struct arena *a, struct str tag, struct str reference) {
        return str_eq(tag, reference) || str_has_suffix(tag, arena_join(a, STR("/"), reference)) ||
               str_eq(tag, arena_join(a, reference, STR(":latest"))) ||
               str_has_suffix(tag, arena_join(a, STR("/"), reference, STR(":latest")));
}

void podman_image_names(struct arena *a, struct str reference, struct str line,
                        const struct podman_images *taken, struct podman_images *ret) {
        bool is_by_digest = str_find(reference, '@') < reference.n, has_other = false;
        struct str rest = str_last_line(line), id = { 0 }, tag;

        if (!str_split(&rest, ' ', &id) || VEC_HAS(&taken->list, id))
                return;

        while (str_split(&rest, ' ', &tag))
                if (str_has_prefix(tag, KEPT) || (!is_by_digest && is_tag_of(a, tag, reference)))
                        *vec_push(a, &ret->list) = arena_str(a, tag);
                else if (tag.n > 0)
                        has_other = true;
        /* Built by the administrator under a short name: no registry has it. */
        VEC_EACH(name, &ret->list)
                if (str_has_prefix(*name, LOCAL) && !str_has_prefix(*name, BUILT))
                        ret->list.n = 0;
        /* `podman image rm` of a digest also removes the tags of that repository. */
        if (is_by_digest && !has_other)
                *vec_push(a, &ret->list) = reference;
}

/* Adds the ID of each line: with "sha256:" from `podman ps`, and without from `podman image inspect`. */
static void add_ids(struct arena *a, struct str text, struct podman_images *to) {
        struct str line;

        while (str_split(&text, '\n', &line))
                if (line.n > 0)
                        *vec_push(a, &to->list) =
                                str_has_prefix(line, STR("sha256:")) ? str_from(line, 7) : line;
}

/* The IDs of all images that containers, including those that do not run, or the needed references use. */
static int find_taken(struct arena *a, const struct podman_images *needed, struct podman_images *ret,
                      struct str *ret_problem) {
        const char **argv = arena_array(a, needed->list.n + 7, const char *);
        size_t n = 1;
        struct str out;
        int r = podman_run(a,
                           (const char *[]){ NULL, "ps", "--all", "--external", "--no-trunc", "--format",
                                             "{{.ImageID}}", NULL },
                           &out, ret_problem);

        if (r < 0)
                return r;
        add_ids(a, out, ret);

        argv[n++] = "image";
        argv[n++] = "inspect";
        argv[n++] = "--format";
        argv[n++] = "{{.Id}}";
        argv[n++] = "--";
        VEC_EACH(reference, &needed->list)
                argv[n++] = arena_str(a, *reference).p;
        argv[n] = NULL;
        out = (struct str){ 0 };
        r = podman_run(a, argv, &out, ret_problem);
        add_ids(a, out, ret);
        /* It fails for each image that is not here, after it printed the others. */
        return r == -EIO && out.n > 0 ? 0 : r;
}

static int remove_names(struct arena *a, const struct podman_images *names, struct str *ret_problem) {
        const char **argv = arena_array(a, names->list.n + 5, const char *);
        size_t n = 1;
        struct str out;

        argv[n++] = "image";
        argv[n++] = "rm";
        argv[n++] = "--";
        VEC_EACH(name, &names->list)
                argv[n++] = arena_str(a, *name).p;
        argv[n] = NULL;
        return podman_run(a, argv, &out, ret_problem);
}

int podman_remove_images(struct arena *a, const struct podman_images *unneeded,
                         const struct podman_images *needed, struct podman_removals *ret,
                         struct str *ret_problem) {
        struct podman_images taken = { 0 };
        int r = find_taken(a, needed, &taken, ret_problem);

        if (r < 0)
                return r;

        VEC_EACH(reference, &unneeded->list) {
                struct podman_removal removal = { .image = *reference };
                struct podman_images names = { 0 };
                struct str line;

                r = podman_run(a,
                               (const char *[]){ NULL, "image", "inspect", "--format",
                                                 "{{.Id}}{{range .RepoTags}} {{.}}{{end}}", "--",
                                                 arena_str(a, *reference).p, NULL },
                               &line, &removal.problem);
                if (r < 0)
                        continue; /* it is not here */

                podman_image_names(a, *reference, line, &taken, &names);
                if (names.list.n == 0)
                        continue;
                removal.problem = (struct str){ 0 };
                (void) remove_names(a, &names, &removal.problem);
                *vec_push(a, &ret->list) = removal;
        }
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "control/update.h"
#include "podman/room.h"
#include "runtime/spawn.h"

enum { TIMED_OUT = 124 }; /* the exit status of timeout(1) */

/* -EIO if it failed. */
static int ask(struct podman *p, const char *const *argv, struct str *ret_out) {
        struct spawn_result result;
        int r = spawn_as_root(p->arena, argv, &result);

        if (r < 0)
                return r;

        *ret_out = result.out;
        p->status = result.status;
        p->problem = str_last_line(result.err);
        return result.status == 0 ? 0 : -EIO;
}

int image_inspect(struct podman *p, struct str reference, struct image_facts *ret) {
        struct str name = arena_str(p->arena, reference), out, line = { 0 };
        int r = ask(p, (const char *const[]){ p->program, "image", "exists", name.p, NULL }, &out);

        if (r == -EIO && p->status == 1)
                return -ENOENT;
        if (r < 0)
                return r;

        r = ask(p,
                (const char *const[]){ p->program, "image", "inspect", "--format",
                                       "{{.Id}} {{.Digest}}{{range .RepoDigests}}\n{{.}}{{end}}{{range "
                                       ".RepoTags}}\n{{.}}{{end}}",
                                       name.p, NULL },
                &out);
        if (r < 0)
                return r;

        *ret = (struct image_facts){ .digest = STR(""), .names = STR("") };
        (void) str_split(&out, '\n', &line);
        (void) str_split(&line, ' ', &ret->id);
        if (!str_is_absent(line))
                ret->digest = line;
        if (!str_is_absent(out))
                ret->names = out;
        return 0;
}

int image_pull(struct podman *p, const struct container *c, struct str reference) {
        struct str timeout = spawn_find(p->arena, "timeout"), out;
        const char *argv[16] = { timeout.p, "--foreground", "--kill-after=1m", IMAGE_PULL_TIMEOUT };
        size_t n = str_is_absent(timeout) ? 0 : 4;
        int r = room_check(p->arena, p->program, &p->problem) < 0 ? -EIO : 0;

        if (r < 0)
                return r;

        argv[n++] = p->program;
        argv[n++] = "pull";
        argv[n++] = "--quiet";

        if (c->auth_file.text.n > 0)
                argv[n++] = arena_join(p->arena, STR("--authfile="), c->auth_file.text).p;
        if (!c->tls_verify.yes)
                argv[n++] = "--tls-verify=false";
        if (!str_is_absent(c->settings.platform.text))
                argv[n++] = arena_join(p->arena, STR("--platform="), c->settings.platform.text).p;
        argv[n++] = arena_str(p->arena, reference).p;
        argv[n] = NULL;
        r = ask(p, argv, &out);
        if (r == -EIO && p->status == TIMED_OUT)
                p->problem = STR("the registry did not send it within " IMAGE_PULL_TIMEOUT);
        return r;
}

int image_keep(struct podman *p, struct str id) {
        struct str name = arena_join(p->arena, STR("localhost/pyservice-kept:"),
                                     (struct str){ id.p, id.n < 12 ? id.n : 12 }),
                   out;

        return ask(p, (const char *const[]){ p->program, "tag", arena_str(p->arena, id).p, name.p, NULL },
                   &out);
}

int image_find_users(struct podman *p, struct str app, struct image_users *ret) {
        struct str filter = arena_join(p->arena, STR("label=io.pyservice.app="), app), out, line;
        int r = ask(p,
                    (const char *const[]){ p->program, "ps", "--no-trunc", "--filter", filter.p, "--format",
                                           "{{.Names}} {{.ImageID}}", NULL },
                    &out);

        if (r < 0)
                return r;

        while (str_split(&out, '\n', &line)) {
                struct image_user user = { 0 };

                if (str_split(&line, ' ', &user.name) && !str_is_absent(line)) {
                        user.id = str_has_prefix(line, STR("sha256:")) ? str_from(line, 7) : line;
                        *vec_push(p->arena, &ret->list) = user;
                }
        }
        return 0;
}

/* Without tag and digest. */
static struct str repository_of(struct str reference) {
        size_t colon;

        reference.n = str_find(reference, '@');
        colon = reference.n;
        for (size_t i = reference.n; i > 0 && reference.p[i - 1] != '/'; i--)
                if (reference.p[i - 1] == ':')
                        colon = i - 1;

        reference.n = colon;
        return reference;
}

/* A short name stands for one with the registry in front. */
static bool is_same_repository(struct arena *a, struct str whole, struct str given) {
        return str_eq(whole, given) || str_has_suffix(whole, arena_join(a, STR("/"), given));
}

bool image_is_local(struct arena *a, struct str reference, const struct image_facts *facts) {
        struct str rest = facts ? facts->names : STR(""), name, repository = repository_of(reference);

        if (str_has_prefix(reference, STR("localhost/")))
                return true;

        while (str_split(&rest, '\n', &name))
                if (str_has_prefix(name, STR("localhost/")) &&
                    is_same_repository(a, repository_of(name), repository))
                        return true;

        return false;
}

struct str image_pin(struct arena *a, struct str reference, const struct image_facts *facts) {
        struct str rest = facts->names, name, found = { 0 }, repository = repository_of(reference);

        while (str_split(&rest, '\n', &name)) {
                size_t at = str_find(name, '@');

                if (at == name.n || !is_same_repository(a, (struct str){ name.p, at }, repository))
                        continue;
                /* It may have a digest of its own and that of a list for several machines. */
                if (str_is_absent(found) || str_eq(str_from(name, at + 1), facts->digest))
                        found = name;
        }

        return str_is_absent(found) || image_is_local(a, reference, facts)
                       ? arena_join(a, STR("sha256:"), facts->id)
                       : arena_str(a, found);
}

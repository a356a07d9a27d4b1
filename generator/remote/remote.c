/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/remote-parts.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"

enum { PARALLEL_MAX = 64 };

/* The definitions that are named as files, and the words of tar(1) for them. */
struct packing {
        struct ctl *ctl;
        VEC(const char *) argv;
        VEC(struct str) names;
};

/* tar gets ./NAME in an absolute directory, so that no name can be an option. */
static int add_file(struct packing *p, const char *path, struct str name) {
        struct arena *a = &p->ctl->arena;
        char here[PATH_MAX] = "";
        struct stat st;

        if (stat(path, &st) < 0 || (path[0] != '/' && !getcwd(here, sizeof(here)))) {
                (void) ctl_fail(path, -errno);
                return CTL_ERROR;
        }
        if (!S_ISREG(st.st_mode)) {
                (void) fprintf(stderr, "pyservicectl: %s is not a regular file\n", path);
                return CTL_ERROR;
        }
        if (VEC_HAS(&p->names, name))
                return ctl_usage(p->ctl, "two files are named '%.*s'", STR_ARG(name));

        *vec_push(a, &p->names) = name;
        *vec_push(a, &p->argv) = "-C";
        *vec_push(a, &p->argv) =
                arena_join(a, str_of(here), STR("/"), (struct str){ path, strlen(path) - name.n }, STR("."))
                        .p;
        *vec_push(a, &p->argv) = arena_join(a, STR("./"), name).p;
        return 0;
}

/* Once, so that all machines get the same files. */
static int pack(struct remote *r) {
        struct packing p = { .ctl = r->ctl };
        struct str name;
        int status = 0;

        *vec_push(&r->ctl->arena, &p.argv) = "tar";
        *vec_push(&r->ctl->arena, &p.argv) = "-chf-";
        for (int i = 0; i < r->ctl->argc && status == 0; i++)
                if (remote_is_file(r->ctl, i, &name))
                        status = add_file(&p, r->ctl->argv[i], name);
        if (status != 0 || p.names.n == 0)
                return status;

        *vec_push(&r->ctl->arena, &p.argv) = NULL;
        r->archive = memfd_create("archive", MFD_CLOEXEC);
        if (r->archive < 0)
                return ctl_fail("cannot copy the files", -errno);
        return remote_spawn(p.argv.at, -1, r->archive) == 0 ? 0 : CTL_ERROR;
}

/* A command that changes nothing runs on the others, too. */
bool remote_stops(const struct remote *r) {
        return r->ctl->verb->task != VERB_LOOK;
}

void remote_report(const struct remote *r, struct str host, int status, size_t n_left) {
        (void) fprintf(stderr, "pyservicectl: %.*s failed with exit status %d", STR_ARG(host), status);
        for (size_t i = r->hosts.n - n_left; i < r->hosts.n; i++)
                (void) fprintf(stderr, "%s%.*s", i == r->hosts.n - n_left ? "; not run on " : ", ",
                               STR_ARG(r->hosts.at[i]));
        (void) fputc('\n', stderr);
}

/* JSON has no headings in it. */
static void put_heading(const struct remote *r, struct str host) {
        (void) fprintf(r->ctl->is_json ? stderr : stdout, "==> %.*s <==\n", STR_ARG(host));
        (void) fflush(stdout);
}

static int run_in_order(struct remote *r) {
        int first = 0;

        for (size_t i = 0; i < r->hosts.n; i++) {
                int status;

                if (r->hosts.n > 1)
                        put_heading(r, r->hosts.at[i]);
                status = remote_run_one(r, r->hosts.at[i]);
                first = first == 0 ? status : first;
                if (status == 0 || r->hosts.n == 1)
                        continue;

                remote_report(r, r->hosts.at[i], status, remote_stops(r) ? r->hosts.n - i - 1 : 0);
                if (remote_stops(r))
                        break;
        }
        return first;
}

static int run(struct remote *r) {
        struct ctl *c = r->ctl;
        bool has_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        uint64_t n = 0;

        r->is_parallel = c->parallel != NULL;
        if (r->is_parallel && (!str_to_u64(str_of(c->parallel), PARALLEL_MAX, &n) || n == 0))
                return ctl_usage(c, "invalid number '%s' for --parallel: expected 1 to %d", c->parallel,
                                 PARALLEL_MAX);
        if (r->is_parallel && c->is_json)
                return ctl_usage(c, "--parallel and --json exclude each other");
        /* Only one machine can read it, except from a terminal. */
        r->has_input =
                c->verb->is_interactive && !r->is_parallel && (r->hosts.n == 1 || isatty(STDIN_FILENO));
        r->has_terminal = r->has_input && has_terminal;
        return r->is_parallel ? remote_run_parallel(r, n) : run_in_order(r);
}

int remote_run(struct ctl *c) {
        struct remote r = { .ctl = c, .archive = -1 };
        int status = c->hosts ? remote_parse_hosts(c, &r) : ctl_usage(c, "--parallel needs --host");

        if (status == 0)
                status = pack(&r);
        if (status == 0)
                status = run(&r);
        close_fd(&r.archive);
        return status;
}

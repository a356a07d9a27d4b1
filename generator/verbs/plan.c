/* SPDX-License-Identifier: Apache-2.0 */

/* pyservicectl plan: what a daemon-reload would do. */

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "preview/foresee.h"
#include "terminal/pager.h"
#include "verbs/verbs.h"

static struct { bool has_diff; } options;

const struct option_row plan_options[] = {
        { "diff", NULL, "Show how the generated files would change", .flag = &options.has_diff },
        { 0 },
};

static bool is_file(const char *word) {
        struct str text = str_of(word);

        return strchr(word, '/') || str_has_suffix(text, STR(".yaml")) || str_has_suffix(text, STR(".yml"));
}

/* As if the file were in the first directory of definitions, under its own name. */
static int propose(struct ctl *c, const struct places *places, const char *path, struct proposed *ret_file,
                   struct str *ret_app) {
        const char *slash = strrchr(path, '/');
        struct str name = str_of(slash ? slash + 1 : path), stem = name;
        struct fs_file file;
        int r = fs_read_file(&c->arena, AT_FDCWD, path, SOURCE_MAX, &file);

        if (r < 0) {
                (void) ctl_fail(path, r);
                return CTL_ERROR;
        }

        stem.n -= str_has_suffix(name, STR(".yaml")) ? strlen(".yaml") : 0;
        if (stem.n == name.n || !type_accepts(KIND_NAME, stem))
                return ctl_usage(c,
                                 "'%s' is not a valid name of a definition: it must be the name of an "
                                 "application with the suffix .yaml",
                                 path);

        *ret_app = arena_str(&c->arena, stem);
        *ret_file = (struct proposed){ .path = arena_join(&c->arena, places->definitions[0], STR("/"), name),
                                       .text = file.text,
                                       .mode = file.stat.st_mode & 0755 };
        return 0;
}

/* Names of apps, and files. */
static int take_words(struct ctl *c, struct foreseeing *f, struct str *apps) {
        struct proposed *files = arena_array(&c->arena, (size_t) c->argc + 1, struct proposed);
        struct places places;
        size_t n = 0;
        int r = ctl_places(c, &places);

        for (int i = 0; i < c->argc && r == 0; i++) {
                if (is_file(c->argv[i]))
                        r = propose(c, &places, c->argv[i], &files[n++], &apps[i]);
                else
                        r = foresee_name(c->argv[i], &apps[i]);
        }

        return r != 0 ? r : foresee_open(c, files, n, f);
}

static int put_json(struct buf *out, const struct foreseeing *f, const struct forecast_shown *shown) {
        struct json_writer w = { .out = out };
        int r;

        json_open(&w, NULL, '{');
        r = forecast_put_json(&w, &f->trial, &f->forecast, shown);
        json_close(&w, '}');
        buf_put_char(out, '\n');
        return r;
}

int ctl_plan(struct ctl *c) {
        CLEANUP(foresee_close) struct foreseeing f = { 0 };
        struct forecast_shown shown = { .has_diff = options.has_diff, .n = (size_t) c->argc };
        struct str *apps = arena_array(&c->arena, shown.n + 1, struct str);
        struct buf out = buf_in(&c->arena);
        int r = take_words(c, &f, apps);

        shown.apps = apps;
        shown.is_colored = log_is_colored(STDOUT_FILENO);
        if (r == 0)
                r = foresee_check_names(&f, &shown);
        if (r != 0)
                return r;

        r = c->is_json ? put_json(&out, &f, &shown) : forecast_show(&out, &f.trial, &f.forecast, &shown);
        if (r < 0)
                return ctl_fail("cannot show the plan", r);

        foresee_close(&f);
        r = c->is_json ? ctl_write(stdout, buf_str(&out)) : pager_print(c, buf_str(&out));
        return r != CTL_GOOD ? r : foresee_has_errors(&f, &shown) ? CTL_ERROR : CTL_GOOD;
}

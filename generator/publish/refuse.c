/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/path.h"
#include "bundle/layout.h"
#include "publish/parts.h"

/* "'KEY'", as in "unsupported key 'Bogus' in group 'Container'". */
static bool is_quoted_in(struct arena *a, struct str message, struct str word) {
        struct str quoted = arena_join(a, STR("'"), word, STR("'"));

        return word.n > 0 && str_find_str(message, quoted) < message.n;
}

static bool is_word_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* As in "no Image or Rootfs key specified". */
static bool is_word_in(struct str message, struct str word) {
        size_t at = str_find_str(message, word);

        return word.n > 0 && at < message.n && (at == 0 || !is_word_byte(message.p[at - 1])) &&
               (at + word.n == message.n || !is_word_byte(message.p[at + word.n]));
}

/* The bytes of the definition that a key came from. */
static struct str text_at(const struct diags *ds, struct span at) {
        struct str text;

        if (!ds->sources || at.file >= ds->sources->list.n)
                return STR("");

        text = ds->sources->list.at[at.file].text;
        if (at.off > text.n || at.len > text.n - at.off)
                return STR("");
        return (struct str){ text.p + at.off, at.len };
}

static bool names_key(const struct publisher *p, const struct origin *o, struct str message) {
        return is_quoted_in(p->arena, message, o->key);
}

static bool quotes_value(const struct publisher *p, const struct origin *o, struct str message) {
        return is_quoted_in(p->arena, message, text_at(p->ds, o->at));
}

static bool mentions_key(const struct publisher *p, const struct origin *o, struct str message) {
        return is_word_in(message, o->key);
}

/* The place of the key that the message is about. */
static struct span find_place(const struct publisher *p, const struct tree_file *file, struct str message,
                              struct span otherwise) {
        bool (*const signs[])(const struct publisher *, const struct origin *, struct str) = {
                names_key,
                quotes_value,
                mentions_key,
        };

        for (size_t sign = 0; sign < ARRAY_SIZE(signs); sign++)
                for (size_t i = 0; i < file->n_origins; i++)
                        if (signs[sign](p, &file->origins[i], message))
                                return file->origins[i].at;

        return otherwise;
}

void give_up(struct publishing *pub, struct job *job, enum diag_id id, struct span at, struct str text) {
        struct diags *ds = pub->p->ds;
        struct str owner = ds->owner;

        ds->owner = job->bundle->app.text;
        (void) diag_add(ds, id, at, "%.*s", STR_ARG(text));
        ds->owner = owner;
        job->is_given_up = true;
}

void refuse(struct publishing *pub, const struct refusal *refusal) {
        struct arena *a = pub->p->arena;
        struct job *job = refusal->job;
        const struct tree_file *file = tree_find(&job->bundle->tree, layout_quadlet(a, refusal->file));
        struct span at = job->bundle->at;
        struct str text;

        if (file) {
                at = find_place(pub->p, file, refusal->message, at);
                text = arena_join(a, STR("Podman's Quadlet rejects '"), refusal->file, STR("': "),
                                  refusal->message);
        } else
                text = arena_join(a, STR("Podman's Quadlet failed: "), refusal->message);

        give_up(pub, job, DIAG_QUADLET_REFUSED, at, text);
}

/* The names of a job's file in messages: its own name or that of its unit. */
struct entry {
        struct str name, file;
        struct job *job;
};

struct entries {
        VEC(struct entry) list;
};

static int compare(const void *a, const void *b) {
        return str_cmp(((const struct entry *) a)->name, ((const struct entry *) b)->name);
}

static void add_entries(struct arena *a, struct entries *e, struct job *job) {
        VEC_EACH(file, &job->bundle->tree.files) {
                struct str name;

                if (!layout_is_quadlet(file->path, &name))
                        continue;

                *vec_push(a, &e->list) = (struct entry){ name, name, job };
                *vec_push(a, &e->list) = (struct entry){ stamp_unit_of(a, name), name, job };
        }
}

static const struct entry *find_entry(const struct entries *e, struct str name) {
        struct entry key = { .name = name };

        return e->list.n > 0 ? bsearch(&key, e->list.at, e->list.n, sizeof(key), compare) : NULL;
}

/* The part of `s` behind `start` up to `end`; absent if there is no such part. */
static struct str between(struct str s, struct str start, char end) {
        size_t at = str_find_str(s, start);

        if (at == s.n)
                return (struct str){ 0 };

        s = str_from(s, at + start.n);
        return (struct str){ s.p, str_find(s, end) };
}

/* `converting "shop.container": …`, `error loading "/…/shop.container", …`, or what names a file of the
 * output. */
static struct str named_file(struct str line, struct str output) {
        struct str name = between(line, STR("converting \""), '"');

        if (str_is_absent(name))
                name = between(line, STR("loading \""), '"');
        if (str_is_absent(name)) {
                struct str path = between(line, output, ':');

                name = str_has_prefix(path, STR("/")) ? (struct str){ path.p, str_find(path, ' ') }
                                                      : (struct str){ 0 };
        }

        return path_name(name);
}

/* Without the part that names the file, and without our temporary directory. */
static struct str clean(struct arena *a, struct str line, struct str input) {
        struct str start[] = { STR("\": "), STR("\", ") };
        struct str tail = arena_join(a, STR(" in "), input, STR("/"));

        for (size_t i = 0; i < ARRAY_SIZE(start); i++) {
                size_t at = str_find_str(line, start[i]);

                if (at < line.n) {
                        line = str_from(line, at + start[i].n);
                        break;
                }
        }

        line.n = str_find_str(line, tail);
        return line;
}

void refuse_named(struct publishing *pub, struct job **jobs, size_t n, struct str messages,
                  const struct conversion_paths *paths) {
        struct arena *a = pub->p->arena;
        struct entries entries = { 0 };
        struct str line;

        if (messages.n == 0)
                return;

        for (size_t i = 0; i < n; i++)
                add_entries(a, &entries, jobs[i]);
        if (entries.list.n > 1)
                qsort(entries.list.at, entries.list.n, sizeof(struct entry), compare);

        while (str_split(&messages, '\n', &line)) {
                const struct entry *entry = find_entry(&entries, named_file(line, paths->output));

                if (entry)
                        refuse(pub,
                               &(struct refusal){ entry->job, entry->file, clean(a, line, paths->input) });
        }
}

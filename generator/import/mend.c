/* SPDX-License-Identifier: Apache-2.0 */

/* Takes out of a draft what is no part of a definition.
 *
 * The draft is written down and read as by `check`. The tree of what was read has the shape of the draft,
 * so that each mistake leads to the value that it is about. It is taken out, and the mistake stands above
 * what it was in; and again, until there is none, or only such as depend on the machine. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "ctl/session.h"
#include "import/import.h"
#include "preview/check.h"

struct mending {
        struct span at;                  /* of the mistake */
        bool is_of_map;                  /* it is about a map as such, and stands at its first key */
        struct yaml_text *parent, *item; /* what is to be taken out, and what holds it; NULL for nothing */
        struct yaml_text
                *kept; /* what would be lost with all that it holds, for a key that it lacks; NULL for none */
};

/* They say something of the machine, and the definition may be for another one; or nothing can be taken
 * out for them. */
static bool is_of_the_machine(enum diag_id id) {
        static const enum diag_id ids[] = {
                DIAG_UNKNOWN_NETWORK, DIAG_UNKNOWN_VOLUME,  DIAG_UNKNOWN_CONTRACT,
                DIAG_BAD_CONTRACT,    DIAG_UNIT_TAKEN,      DIAG_CONFIG_MISSING,
                DIAG_NO_IMAGE,        DIAG_HAPROXY_REFUSED, DIAG_UNKNOWN_ZONE,
        };

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
                if (id == ids[i])
                        return true;

        return false;
}

static bool is_inside(struct span at, const struct node *n) {
        return at.off >= n->at.off && at.off < n->at.off + (n->at.len > 0 ? n->at.len : 1);
}

/* The deepest value that the mistake is in. A mistake at a key is one of its value. A part or a file as
 * such stays. */
static void find(struct mending *m, struct yaml_text *item, const struct node *node) {
        for (size_t i = 0; i < item->items.n && i < node->n; i++) {
                const struct node *value = node->kind == NODE_MAP ? node->pairs[i].value : node->items[i];
                bool is_at_key = node->kind == NODE_MAP && is_inside(m->at, node->pairs[i].key);

                if (!is_at_key && !is_inside(m->at, value))
                        continue;

                m->parent = item;
                m->item = item->items.at[i];
                if (!is_at_key && value->kind != NODE_SCALAR && !(m->is_of_map && value->at.off == m->at.off))
                        find(m, item->items.at[i], value);
                if (m->item == item->items.at[i] && item->shape == YAML_TEXT_LIST &&
                    value->kind == NODE_MAP) {
                        m->kept = m->item;
                        m->item = NULL;
                }
                return;
        }
}

/* What was said of it is said of what held it. */
static void carry_comments(struct draft *d, struct yaml_text *from, struct yaml_text *to) {
        if (!str_is_absent(from->comment))
                yaml_text_remark(d->arena, to, from->comment);
        VEC_EACH(child, &from->items)
                carry_comments(d, *child, to);
}

/* False where it is not there any more: of two mistakes in one value, the first took it out. */
static bool take_out(struct yaml_text *parent, const struct yaml_text *item) {
        size_t n = 0, before = parent->items.n;

        VEC_EACH(child, &parent->items)
                if (*child != item)
                        parent->items.at[n++] = *child;
        parent->items.n = n;
        return n < before;
}

/* What holds `item`; NULL for the root. */
static struct yaml_text *holder(struct yaml_text *from, const struct yaml_text *item) {
        VEC_EACH(child, &from->items) {
                struct yaml_text *found = *child == item ? from : holder(*child, item);

                if (found)
                        return found;
        }

        return NULL;
}

/* An item of a list of parts, or the root: what a comment may stand above. */
static struct yaml_text *place_of_comment(struct draft *d, struct yaml_text *item) {
        for (struct yaml_text *up; (up = holder(d->root, item)); item = up)
                if (up->shape == YAML_TEXT_LIST && item->shape == YAML_TEXT_MAP)
                        return item;

        return d->root;
}

/* A list that has lost its last item says nothing any more. */
static void take_out_empty(struct draft *d, struct yaml_text *item) {
        struct yaml_text *up;

        while (item->items.n == 0 && item->shape == YAML_TEXT_LIST && (up = holder(d->root, item))) {
                (void) take_out(up, item);
                item = up;
        }
}

static void mend_one(struct draft *d, const struct mending *m, struct str message) {
        struct str key = str_is_absent(m->item->key) ? m->parent->key : m->item->key;
        struct yaml_text *place = place_of_comment(d, m->parent);

        if (!str_is_absent(m->item->key) && !str_is_absent(m->parent->key))
                key = arena_join(d->arena, m->parent->key, STR(": "), m->item->key);
        if (!take_out(m->parent, m->item))
                return;

        carry_comments(d, m->item, place);
        draft_note(d, place, NOWHERE, "'%.*s' could not be carried over: %.*s", STR_ARG(key),
                   STR_ARG(message));
        take_out_empty(d, m->parent);
}

static int open_file(struct draft *d, const char *path, struct session *ret) {
        struct ctl *c = d->ctl;
        int argc = c->argc, r = fs_write(AT_FDCWD, path, 0600, draft_text(d));
        char **argv = c->argv;

        if (r < 0)
                return ctl_fail(path, r);

        c->argc = 1;
        c->argv = (char *[]){ (char *) (uintptr_t) path };
        r = session_open(c, ret);
        c->argc = argc;
        c->argv = argv;
        return r;
}

/* Reads the draft as if it were a file of the command line, and what it comes to. */
static int read_back(struct draft *d, struct session *ret) {
        char directory[] = "/tmp/pyservice-import-XXXXXX";
        int r;

        if (!mkdtemp(directory))
                return ctl_fail("cannot make a directory for the check", -errno);

        r = open_file(d, arena_join(d->arena, str_of(directory), STR("/"), d->name, STR(".yaml")).p, ret);
        (void) fs_remove_tree(AT_FDCWD, directory);
        return r == 0 ? check_session(d->ctl, ret) : r;
}

/* NULL where it could not be read. */
static const struct node *root_of(const struct session *s) {
        return s->world.definitions.n > 0 ? s->world.definitions.at[0].root : NULL;
}

/* Those of host.yaml are nothing new. */
static bool is_ours(const struct draft *d, const struct session *s, const struct diag *mistake) {
        const struct node *root = root_of(s);

        return mistake->severity == SEVERITY_ERROR &&
               (str_eq(mistake->owner, d->name) || (root && mistake->at.file == root->at.file));
}

static struct mending mending_of(struct draft *d, const struct session *s, const struct diag *mistake) {
        struct mending m = { .at = mistake->at, .is_of_map = mistake->id == DIAG_MISSING_KEY };
        const struct node *root = root_of(s);

        if (root && is_ours(d, s, mistake) && mistake->at.file == root->at.file &&
            !is_of_the_machine(mistake->id))
                find(&m, d->root, root);
        return m;
}

/* All places are looked for before the first is taken out. True where one was. */
static bool mend_all(struct draft *d, const struct session *s) {
        struct mending *found = arena_array(d->arena, s->ds.list.n + 1, struct mending);
        bool is_any = false;

        for (size_t i = 0; i < s->ds.list.n; i++)
                found[i] = mending_of(d, s, &s->ds.list.at[i]);
        for (size_t i = 0; i < s->ds.list.n; i++)
                if (found[i].item) {
                        mend_one(d, &found[i], s->ds.list.at[i].text);
                        is_any = true;
                }

        return is_any;
}

static int mend_once(struct draft *d, bool *ret_again) {
        CLEANUP(session_close) struct session session = { .world.root = -1 };
        int r = read_back(d, &session);

        *ret_again = false;
        if (r != 0)
                return r;

        diag_sort(&session.ds);
        *ret_again = mend_all(d, &session);
        if (*ret_again)
                return CTL_GOOD;

        VEC_EACH(mistake, &session.ds.list)
                if (is_ours(d, &session, mistake)) {
                        draft_note(d, mending_of(d, &session, mistake).kept, NOWHERE, "to be fixed: %.*s",
                                   STR_ARG(mistake->text));
                        r = CTL_MISTAKE;
                }
        return r;
}

int import_mend(struct draft *d) {
        bool again = true;
        int r = CTL_GOOD;

        while (again && (r == CTL_GOOD || r == CTL_MISTAKE))
                r = mend_once(d, &again);

        return r;
}

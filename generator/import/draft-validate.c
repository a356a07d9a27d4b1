/* SPDX-License-Identifier: Apache-2.0 */

/* Removes the values from a draft that no definition may have.
 *
 * The draft is written down and read as by `check`. The tree that was read has the shape of the draft, so
 * that each error leads to the value that it is about. The value is removed, and the error becomes a comment
 * above the node that contained the value. This is repeated until there are no errors, or only errors that
 * depend on the machine. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "ctl/session.h"
#include "import/import.h"
#include "preview/check.h"

struct removal {
        struct span at;                  /* position of the error */
        bool is_of_map;                  /* it is about a map as such, and stands at its first key */
        struct yaml_text *parent, *item; /* what is to be taken out, and what holds it; NULL for nothing */
        struct yaml_text
                *kept; /* what would be lost with all that it holds, for a key that it lacks; NULL for none */
};

/* Errors about this machine, while the definition may be for another one; or errors that no removal can
 * fix. */
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

/* The deepest value that contains the error. An error at a key counts as one of its value. A part or a file
 * as such stays. */
static void find(struct removal *m, struct yaml_text *item, const struct node *node) {
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

/* Notes about the removed value move to the node that contained it. */
static void carry_comments(struct draft *d, struct yaml_text *from, struct yaml_text *to) {
        if (!str_is_absent(from->comment))
                yaml_text_remark(d->arena, to, from->comment);
        VEC_EACH(child, &from->items)
                carry_comments(d, *child, to);
}

/* False if it no longer exists: of two errors in one value, the first one removed it. */
static bool take_out(struct yaml_text *parent, const struct yaml_text *item) {
        size_t n = 0, before = parent->items.n;

        VEC_EACH(child, &parent->items)
                if (*child != item)
                        parent->items.at[n++] = *child;
        parent->items.n = n;
        return n < before;
}

/* The node that contains `item`; NULL for the root. */
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

/* A list that has lost its last item has no meaning any longer. */
static void take_out_empty(struct draft *d, struct yaml_text *item) {
        struct yaml_text *up;

        while (item->items.n == 0 && item->shape == YAML_TEXT_LIST && (up = holder(d->root, item))) {
                (void) take_out(up, item);
                item = up;
        }
}

static void remove_one(struct draft *d, const struct removal *m, struct str message) {
        struct str key = str_is_absent(m->item->key) ? m->parent->key : m->item->key;
        struct yaml_text *place = place_of_comment(d, m->parent);

        if (!str_is_absent(m->item->key) && !str_is_absent(m->parent->key))
                key = arena_join(d->arena, m->parent->key, STR(": "), m->item->key);
        if (!take_out(m->parent, m->item))
                return;

        carry_comments(d, m->item, place);
        draft_lost(d, place, NOWHERE, "'%.*s' could not be carried over: %.*s", STR_ARG(key),
                   STR_ARG(message));
        take_out_empty(d, m->parent);
}

static int open_file(struct draft *d, const char *path, struct session *ret) {
        struct ctl *c = d->ctl;
        int r = fs_write(AT_FDCWD, path, 0600, draft_text(d));

        return r < 0 ? ctl_fail(path, r) : session_open_files(c, &path, 1, ret);
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

/* NULL if it could not be read. */
static const struct node *root_of(const struct session *s) {
        return s->world.definitions.n > 0 ? s->world.definitions.at[0].root : NULL;
}

/* Those of host.yaml are nothing new. */
static bool is_ours(const struct draft *d, const struct session *s, const struct diag *error) {
        const struct node *root = root_of(s);

        return error->severity == SEVERITY_ERROR &&
               (str_eq(error->owner, d->name) || (root && error->at.file == root->at.file));
}

static struct removal removal_of(struct draft *d, const struct session *s, const struct diag *error) {
        struct removal m = { .at = error->at, .is_of_map = error->id == DIAG_MISSING_KEY };
        const struct node *root = root_of(s);

        if (root && is_ours(d, s, error) && error->at.file == root->at.file && !is_of_the_machine(error->id))
                find(&m, d->root, root);
        return m;
}

/* All places are looked for before the first is taken out. True if one was. */
static bool remove_all(struct draft *d, const struct session *s) {
        struct removal *found = arena_array(d->arena, s->ds.list.n + 1, struct removal);
        bool is_any = false;

        for (size_t i = 0; i < s->ds.list.n; i++)
                found[i] = removal_of(d, s, &s->ds.list.at[i]);
        for (size_t i = 0; i < s->ds.list.n; i++)
                if (found[i].item) {
                        remove_one(d, &found[i], s->ds.list.at[i].text);
                        is_any = true;
                }

        return is_any;
}

static int validate_once(struct draft *d, bool *ret_again) {
        CLEANUP(session_close) struct session session = { .world.root = -1 };
        int r = read_back(d, &session);

        *ret_again = false;
        if (r != 0)
                return r;

        diag_sort(&session.ds);
        *ret_again = remove_all(d, &session);
        if (*ret_again)
                return CTL_GOOD;

        VEC_EACH(error, &session.ds.list)
                if (is_ours(d, &session, error)) {
                        draft_fix(d, removal_of(d, &session, error).kept, "to be fixed: %.*s",
                                  STR_ARG(error->text));
                        r = CTL_ERROR;
                }
        return r;
}

int draft_validate(struct draft *d) {
        bool again = true;
        int r = CTL_GOOD;

        while (again && (r == CTL_GOOD || r == CTL_ERROR))
                r = validate_once(d, &again);

        return r;
}

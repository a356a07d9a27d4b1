/* SPDX-License-Identifier: Apache-2.0 */

/* Compose's containers find one another by the names of services; here a container has the name of its
 * unit. */

#include "import/compose.h"

#define DIGITS "0123456789"
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "_.-"

static bool has_one_of(struct str s, const char *bytes) {
        return s.n > 0 && s.p[0] != '\0' && strchr(bytes, s.p[0]);
}

/* True if `text` has `name` as a whole word at `at`. A word behind a '/' belongs to a path. */
static bool is_word_at(struct str text, size_t at, struct str name) {
        struct str before = { text.p, at }, behind = str_from(text, at);

        if (!str_has_prefix(behind, name) || (at > 0 && has_one_of(str_from(text, at - 1), NAME_BYTES)))
                return false;
        if (str_has_suffix(before, STR("/")) && !str_has_suffix(before, STR("://")))
                return false;

        return !has_one_of(str_from(behind, name.n), NAME_BYTES);
}

/* True if the text around the word shows that it is a host's name: nothing else comes behind '@' and "://";
 * elsewhere it is one with a port, or, if `is_host` is set, also without. */
static bool is_host_at(struct str text, size_t at, struct str name, bool is_host) {
        struct str before = { text.p, at }, behind = str_from(text, at + name.n);

        if (str_has_suffix(before, STR("@")) || str_has_suffix(before, STR("://")))
                return behind.n == 0 || has_one_of(behind, ":/,?\"') ");
        if (at > 0 && !has_one_of(str_from(text, at - 1), ",=\"'( \t\n"))
                return false;
        if (behind.n > 1 && behind.p[0] == ':')
                return has_one_of(str_from(behind, 1), DIGITS);

        return is_host && (behind.n == 0 || behind.p[0] == ',') && (at == 0 || text.p[at - 1] == ',');
}

static struct str host_of(const struct compose *c, struct str service) {
        bool has_instances = compose_kind(c, service) == PART_SERVICE;

        return arena_join(c->draft.arena, c->draft.name, STR("-"), compose_name(c, service),
                          has_instances ? STR("-0") : STR(""));
}

struct str compose_hosts(struct compose *c, struct draft_part *p, struct str text, bool is_host,
                         const struct node *at) {
        const struct node *services = node_get(c->root, "services");
        struct draft *d = &c->draft;

        for (size_t i = 0; i < services->n; i++) {
                struct str name = services->pairs[i].key->text, host = host_of(c, name);

                for (size_t k = 0; k + name.n <= text.n; k++) {
                        if (!is_word_at(text, k, name))
                                continue;
                        if (!is_host_at(text, k, name, is_host)) {
                                c->is_mentioned[i] = c->is_mentioned[i] || !str_eq(p->name, c->names[i]);
                                continue;
                        }

                        draft_note(d, p->map, at->at, "'%.*s' is the host '%.*s' here", STR_ARG(name),
                                   STR_ARG(host));
                        text = arena_join(d->arena, (struct str){ text.p, k }, host,
                                          str_from(text, k + name.n));
                        k += host.n;
                }
        }
        return text;
}

void compose_note_hosts(struct compose *c) {
        const struct node *services = node_get(c->root, "services");
        struct arena *a = c->draft.arena;
        struct str all = { NULL, 0 };

        for (size_t i = 0; i < services->n; i++) {
                struct str name = services->pairs[i].key->text;

                if (c->is_mentioned[i])
                        all = arena_join(a, all, str_is_absent(all) ? STR("'") : STR(", '"), name,
                                         STR("' is the host '"), host_of(c, name), STR("'"));
        }
        if (!str_is_absent(all))
                draft_note(&c->draft, NULL, NOWHERE,
                           "values and commands may name hosts; write their names here: %.*s", STR_ARG(all));
}

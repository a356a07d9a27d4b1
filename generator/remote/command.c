/* SPDX-License-Identifier: Apache-2.0 */
#include "change/place.h"
#include "remote/remote-parts.h"

/* In "$0": the directory. A connection that breaks ends the shell by SIGHUP. */
#define WITH_FILES "trap 'rm -rf \"$0\"' EXIT; trap 'exit 1' HUP INT TERM; \"$@\""

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

int remote_parse_hosts(struct ctl *c, struct remote *r) {
        struct str rest = str_of(c->hosts), host;

        while (str_split(&rest, ',', &host)) {
                bool is_option = str_has_prefix(host, STR("-")) || str_find_str(host, STR("@-")) < host.n ||
                                 str_find_str(host, STR("/-")) < host.n;

                if (host.n == 0 || is_option || !str_is_made_of(host, LETTERS DIGITS "._-@:/%[]+")) {
                        (void) fprintf(stderr,
                                       "pyservicectl: invalid host '%.*s'; write [USER@]HOST, with commas "
                                       "between several\n",
                                       STR_ARG(host));
                        return CTL_USAGE;
                }
                *vec_push(&c->arena, &r->hosts) = arena_str(&c->arena, host);
        }
        return 0;
}

/* Backslashes and apostrophes stand outside of the apostrophes: inside of them a backslash has a meaning for
 * fish, and none for sh. */
void remote_quote(struct buf *out, struct str word) {
        bool is_open = false;

        if (word.n > 0 && str_is_made_of(word, LETTERS DIGITS "_@+:,./-")) {
                buf_put_str(out, word);
                return;
        }
        for (size_t i = 0; i < word.n; i++) {
                bool is_special = word.p[i] == '\'' || word.p[i] == '\\';

                if (is_open == is_special)
                        buf_put_char(out, '\'');
                is_open = !is_special;
                if (is_special)
                        buf_put_char(out, '\\');
                buf_put_char(out, word.p[i]);
        }
        if (is_open || word.n == 0)
                buf_put(out, is_open ? "'" : "''");
}

static void put(struct buf *out, struct str word) {
        buf_put_char(out, ' ');
        remote_quote(out, word);
}

/* The options of the command line, except those that are about other machines. */
static void put_options(struct buf *out, const struct ctl *c) {
        VEC_EACH(given, &c->given) {
                struct str name = arena_join(out->arena, STR("--"), str_of(given->name));

                if (str_is(name, "--host") || str_is(name, "--parallel"))
                        continue;
                put(out, given->value ? arena_join(out->arena, name, STR("="), str_of(given->value)) : name);
        }
}

bool remote_is_file(const struct ctl *c, int word, struct str *ret_name) {
        const char *path = c->argv[word], *slash = strrchr(path, '/');

        *ret_name = str_of(slash ? slash + 1 : path);
        return word > 0 && c->verb->takes_definitions && place_is_file(path);
}

struct str remote_command(struct ctl *c, struct str directory) {
        struct buf out = buf_in(&c->arena);
        int n_tail = c->n_tail < 0 ? 0 : c->n_tail;

        if (!str_is_absent(directory)) {
                buf_put(&out, "sh -c");
                put(&out, STR(WITH_FILES));
                put(&out, directory);
                buf_put_char(&out, ' ');
        }
        buf_put(&out, "pyservicectl");
        put_options(&out, c);
        for (int i = 0; i < c->argc; i++) {
                struct str name;

                if (c->n_tail >= 0 && i == c->argc - n_tail)
                        buf_put(&out, " --");
                put(&out, remote_is_file(c, i, &name) ? arena_join(&c->arena, directory, STR("/"), name)
                                                      : str_of(c->argv[i]));
        }
        return buf_str(&out);
}

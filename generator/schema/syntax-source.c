/* SPDX-License-Identifier: Apache-2.0 */

/* The parts of `source:`: each ends up as an argument of git, pip or apt-get. */

#include "base/macro.h"
#include "schema/syntax.h"

/* "user@host:port", "host": no password, and nothing that a program could take for an option. */
static bool is_authority(struct str s, bool allows_user) {
        size_t at = str_find(s, '@');
        struct str host = at < s.n ? str_from(s, at + 1) : s;

        if (at < s.n &&
            (!allows_user || at == 0 || s.p[0] == '-' || str_find((struct str){ s.p, at }, ':') < at ||
             str_find((struct str){ s.p, at }, '%') < at))
                return false;

        return host.n > 0 && host.p[0] != '-' && host.p[0] != ':' && str_find(host, '@') == host.n &&
               str_find(host, '%') == host.n;
}

bool syntax_is_git_url(struct str s) {
        static const char *const schemes[] = { "ssh://", "https://", "http://", "git://" };
        size_t colon = str_find(s, ':'), slash = str_find(s, '/');

        if (s.p[0] == '/')
                return syntax_is_path(s);
        if (str_has_prefix(s, STR("file://")))
                return syntax_is_path(str_from(s, strlen("file://")));

        for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
                struct str rest = s;

                if (!str_has_prefix(s, str_of(schemes[i])))
                        continue;
                rest = str_from(s, strlen(schemes[i]));
                slash = str_find(rest, '/');
                return slash + 1 < rest.n && is_authority((struct str){ rest.p, slash }, true);
        }

        /* git@git.example.com:team/app.git; "ext::…" would run a command. */
        return colon < slash && colon + 1 < s.n && s.p[colon + 1] != ':' && s.p[colon + 1] != '-' &&
               str_find_str(s, STR("://")) == s.n && is_authority((struct str){ s.p, colon }, true);
}

/* git-check-ref-format(1), as far as the characters allow more. */
bool syntax_is_git_ref(struct str s) {
        struct str rest = s, part;

        while (str_split(&rest, '/', &part))
                if (part.n == 0 || part.p[0] == '.' || part.p[0] == '-' || part.p[part.n - 1] == '.' ||
                    str_has_suffix(part, STR(".lock")))
                        return false;

        return str_find_str(s, STR("..")) == s.n;
}

bool syntax_is_relative_path(struct str s) {
        struct str rest = s, part;

        while (str_split(&rest, '/', &part))
                if (part.n == 0 || str_is(part, ".") || str_is(part, ".."))
                        return false;

        return true;
}

bool syntax_is_version(struct str s) {
        struct str rest = s, part;

        while (str_split(&rest, '.', &part))
                if (part.n == 0)
                        return false;

        return true;
}

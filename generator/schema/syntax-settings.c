/* SPDX-License-Identifier: Apache-2.0 */

/* Settings of a container, as podman-run(1) has them. */

#include "base/macro.h"
#include "schema/syntax.h"

static bool is_word_char(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The parts of a device of the machine: its path, then perhaps one in the container and the permissions. */
static bool is_machine_device(struct str s) {
        struct str rest = s, part;

        (void) str_split(&rest, ':', &part);
        if (part.n < 2 || !syntax_is_path(part))
                return false;
        if (rest.n > 0 && rest.p[0] == '/' && str_split(&rest, ':', &part) &&
            (part.n < 2 || !syntax_is_path(part)))
                return false;

        return str_is_absent(rest) || (rest.n > 0 && rest.n <= 3 && str_is_made_of(rest, "rwm"));
}

/* Container Device Interface: a vendor and a class. */
static bool is_cdi_kind(struct str s) {
        return s.n > 0 && is_word_char(s.p[0]) &&
               str_is_made_of(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
}

bool syntax_is_device(struct str s) {
        size_t slash = str_find(s, '/'), sign = str_find(s, '=');
        struct str vendor = { s.p, slash }, name = str_from(s, sign < s.n ? sign + 1 : sign);

        if (s.p[0] == '/')
                return is_machine_device(s);

        return slash < sign && is_cdi_kind(vendor) &&
               is_cdi_kind((struct str){ s.p + slash + 1, sign - slash - 1 }) && name.n > 0 &&
               is_word_char(name.p[0]) && str_find(name, '/') == name.n;
}

size_t syntax_host_name(struct str extra_host) {
        size_t colon = str_find(extra_host, ':'), equals = str_find(extra_host, '=');

        return colon < equals ? colon : equals;
}

bool syntax_is_extra_host(struct str s) {
        size_t sign = syntax_host_name(s);
        struct str address = str_from(s, sign < s.n ? sign + 1 : sign);

        return sign > 0 &&
               (str_is(address, "host-gateway") ||
                (address.n > 0 && str_find(address, '/') == address.n && syntax_is_prefix(address)));
}

bool syntax_is_memory_mount(struct str s) {
        struct str options = s, path;

        (void) str_split(&options, ':', &path);
        return path.n > 1 && syntax_is_path(path) &&
               (str_is_absent(options) || (options.n > 0 && str_find(options, ':') == options.n &&
                                           str_find(options, '/') == options.n));
}

bool syntax_is_sysctl(struct str s) {
        static const char *const prefixes[] = { "net.", "fs.mqueue.", "kernel.msg", "kernel.shm" };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
                if (str_has_prefix(s, str_of(prefixes[i])))
                        return true;

        return str_is(s, "kernel.sem");
}

bool syntax_is_limit_name(struct str s) {
        static const char *const names[] = {
                "core", "cpu",    "data",  "fsize",  "locks",  "memlock",    "msgqueue", "nice",
                "rss",  "nofile", "nproc", "rtprio", "rttime", "sigpending", "stack",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_is(s, names[i]))
                        return true;

        return false;
}

bool syntax_is_limit(struct str s) {
        return str_is(s, "-1") || (s.p[0] != '-' && (s.n == 1 || s.p[0] != '0'));
}

bool syntax_is_platform(struct str s) {
        struct str rest = s, word;
        size_t n = 0;

        for (; str_split(&rest, '/', &word); n++)
                if (word.n == 0 || strchr("_.-", word.p[0]))
                        return false;

        return n == 2 || n == 3;
}

bool syntax_is_seccomp(struct str s) {
        return str_is(s, "unconfined") || (s.n > 1 && syntax_is_path(s));
}

/* The highest id is no user's: chown(2) takes it for "do not change". */
bool syntax_id_range(struct str s, struct id_range *ret) {
        struct id_range range = { .n = 1 };
        struct str rest = s, inside, outside;
        size_t flags = 0;

        while (flags < s.n && strchr("+ug", s.p[flags])) {
                if (str_find((struct str){ s.p, flags }, s.p[flags]) < flags)
                        return false;
                flags++;
        }
        range.flags = (struct str){ s.p, flags };
        rest = str_from(s, flags);
        if (!str_split(&rest, ':', &inside) || !str_split(&rest, ':', &outside))
                return false;

        if (str_has_prefix(outside, STR("@")))
                outside = str_from(outside, 1);
        if (!str_to_u64(inside, UINT32_MAX - 1, &range.inside) ||
            !str_to_u64(outside, UINT32_MAX - 1, &range.outside) ||
            (!str_is_absent(rest) && !str_to_u64(rest, UINT32_MAX, &range.n)) || range.n == 0 ||
            range.inside + range.n > UINT32_MAX || range.outside + range.n > UINT32_MAX)
                return false;

        *ret = range;
        return true;
}

bool syntax_is_id_map(struct str s) {
        struct id_range range;

        return syntax_id_range(s, &range);
}

bool syntax_is_user_namespace(struct str s) {
        static const char *const modes[] = { "auto", "host", "keep-id", "nomap" };
        struct str options = s, mode;

        (void) str_split(&options, ':', &mode);
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                if (str_is(mode, modes[i]))
                        return str_is_absent(options) || (options.n > 0 && options.p[0] != ':');

        return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/container-options.h"

/* Quadlet has the value of an option in the next word, PodmanArgs= perhaps behind '='. */
static const struct {
        struct str name;
        bool has_value;
} dropped[] = {
        { STR_INIT("--name"), true },
        { STR_INIT("--hostname"), true },
        { STR_INIT("--cidfile"), true },
        { STR_INIT("--publish"), true },
        { STR_INIT("-p"), true },
        { STR_INIT("--publish-all"), false },
        { STR_INIT("-P"), false },
        { STR_INIT("--sdnotify"), true },
        { STR_INIT("--cgroups"), true },
        { STR_INIT("--log-driver"), true },
        { STR_INIT("--entrypoint"), true },
        { STR_INIT("--restart"), true },
        { STR_INIT("--ip"), true },
        { STR_INIT("--ip6"), true },
        { STR_INIT("--mac-address"), true },
        { STR_INIT("--detach"), false },
        { STR_INIT("-d"), false },
        { STR_INIT("--replace"), false },
        { STR_INIT("--rm"), false },
        { STR_INIT("--no-healthcheck"), false },
};

/* How many words are dropped from this one on. */
static size_t count_dropped(struct str word) {
        struct str name = { word.p, str_find(word, '=') };

        if (str_has_prefix(word, STR("--health-")))
                return name.n < word.n ? 1 : 2;

        for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
                if (str_eq(dropped[i].name, name))
                        return dropped[i].has_value && name.n == word.n ? 2 : 1;

        return 0;
}

bool container_options(struct arena *a, const struct bus_exec *exec, struct str image,
                       struct container_words *ret) {
        for (size_t i = 1; i < exec->start.n; i++) {
                struct str word = bus_expand(a, str_of(exec->start.argv[i]), &exec->environment);
                size_t n = count_dropped(word);

                if (str_eq(word, image))
                        return true;
                if (n == 0)
                        *vec_push(a, &ret->list) = word;
                else
                        i += n - 1;
        }

        return false;
}

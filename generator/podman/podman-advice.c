/* SPDX-License-Identifier: Apache-2.0 */
#include "podman/podman-advice.h"

#include "base/macro.h"

const char *podman_advice(struct str error) {
        static const char *const advice[][2] = {
                { "create mapped mount for", "the file system of its image cannot be mounted with other user "
                                             "ids; add 'userns: host', or "
                                             "keep the image elsewhere (containers-storage.conf(5))" },
                { "idmap mounts",
                  "a volume's file system cannot be mounted with other user ids; add 'userns: "
                  "host', or remove the volume" },
                { "not enough unused IDs",
                  "add the line 'containers:2147483648:2147418112' to /etc/subuid and "
                  "to /etc/subgid" },
                { "ranges found for user", "add a line with this name, such as 'NAME:100000:65536', to "
                                           "/etc/subuid and to /etc/subgid" },
                { "unresolvable CDI devices",
                  "no file in /etc/cdi or /run/cdi describes this device; the tool of "
                  "its driver writes one, such as 'nvidia-ctk cdi generate'" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
                if (str_find_str(error, str_of(advice[i][0])) < error.n)
                        return advice[i][1];

        return NULL;
}

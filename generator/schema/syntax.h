/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules of a type that a set of characters can't express. Each function takes a text that is not empty and is
 * made of its type's characters, and returns true if the text is valid. */

#include "base/str.h"

bool syntax_is_name(struct str s);
bool syntax_is_image(struct str s); /* containers/image docker/reference: NAME[:TAG][@DIGEST] */
bool syntax_is_path(struct str s);
bool syntax_is_env_file(struct str s);
bool syntax_is_unit(struct str s); /* systemd.unit(5) */
bool syntax_is_unit_ref(struct str s);
bool syntax_is_status(struct str s);
bool syntax_is_user(struct str s);
bool syntax_is_volume(struct str s); /* podman-run(1), --volume */
/* SOURCE:TARGET[:OPTIONS] of such a one; absent what is not there. */
struct syntax_volume {
        struct str source, target, options;
        bool is_foreign; /* a volume that is not the application's */
};
struct syntax_volume syntax_volume_split(struct str s);
bool syntax_volume_is_own(struct syntax_volume v); /* the application's: no path, and no NAME.volume */
bool syntax_is_volume_name(struct str s);          /* podman-volume-create(1) */
bool syntax_is_publish(struct str s);              /* podman-run(1), --publish */

/* "8000", or "8000-8010" for all ports from the first to the last. */
bool syntax_port_range(struct str s, uint16_t *ret_first, uint16_t *ret_last);

bool syntax_is_signal(struct str s); /* signal(7) */
bool syntax_is_domain(struct str s); /* RFC 1123 */
bool syntax_is_server(struct str s);
bool syntax_is_listen(struct str s);
/* ADDRESS and PORT of such a text: the address with its brackets, absent for every address. */
struct syntax_listen {
        struct str address;
        uint64_t port;
};
struct syntax_listen syntax_listen_split(struct str s);
bool syntax_is_prefix(struct str s);      /* inet_pton(3) */
bool syntax_is_address_set(struct str s); /* such a one, or the path of a file of them */
/* True if the address `s` is in `prefix`, ADDRESS/BITS. Both are valid. */
bool syntax_is_within(struct str s, struct str prefix);
bool syntax_is_device(struct str s);     /* podman-run(1), --device */
bool syntax_is_extra_host(struct str s); /* podman-run(1), --add-host; Docker's NAME=ADDRESS too */
/* The length of such a line's NAME. */
size_t syntax_host_name(struct str extra_host);
bool syntax_is_memory_mount(struct str s); /* podman-run(1), --tmpfs */
bool syntax_is_sysctl(struct str s);       /* podman-run(1), --sysctl */
bool syntax_is_limit_name(struct str s);   /* podman-run(1), --ulimit */
bool syntax_is_limit(struct str s);
bool syntax_is_platform(struct str s);       /* podman-run(1), --platform */
bool syntax_is_seccomp(struct str s);        /* podman-run(1), --security-opt */
bool syntax_is_user_namespace(struct str s); /* podman-run(1), --userns */
bool syntax_is_id_map(struct str s);         /* podman-run(1), --uidmap */
/* The flags, the first id in the container and the one that it has outside, and their number. */
struct id_range {
        struct str flags;
        uint64_t inside, outside, n;
};
/* False if `s` is not such a map. */
bool syntax_id_range(struct str s, struct id_range *ret);
bool syntax_is_url(struct str s);
bool syntax_is_unit_line(struct str s);
bool syntax_is_git_url(struct str s);
bool syntax_is_git_ref(struct str s);
bool syntax_is_relative_path(struct str s);
bool syntax_is_version(struct str s);
bool syntax_is_mode(struct str s); /* chmod(1) */
bool syntax_is_module(struct str s);

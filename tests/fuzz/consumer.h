/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The readers of what pyservice writes, for tests: written from systemd.syntax(7), systemd.service(5), systemd.exec(5),
 * podman-systemd.unit(5), podman-run(1) and HAProxy's manual (2.2), and checked against their sources where those are
 * silent. They share nothing with generator/output. Each gives 0, or -EBADMSG where the real reader would complain. */

#include "base/arena.h"

/* Usable with vec_push() and VEC_EACH(). */
struct words {
        struct str *at;
        size_t n, room;
};

struct setting {
        struct str section, key, value;
};

struct settings {
        struct setting *at;
        size_t n, room;
};

/* What differs for us: 5.4 strips all quotes at both ends of a whole value, later ones one pair; later ones write blanks as
 * \x20. */
enum quadlet_version { QUADLET_5_4, QUADLET_5_8 };

/* The lines of a .container file, without comments. */
int quadlet_parse(struct arena *a, struct str text, struct settings *ret);

/* The .service that Quadlet makes of a .container: the original sections, and ExecStart=. Of the keys of [Container], those
 * that pyservice writes with text of a user's. */
int quadlet_convert(struct arena *a, struct str text, enum quadlet_version version, struct str *ret);

/* The lines of a unit file. */
int systemd_parse(struct arena *a, struct str text, struct settings *ret);

/* Words as of Environment= (has_escapes) or RequiresMountsFor= (not). */
int systemd_words(struct arena *a, struct str value, bool has_escapes, struct words *ret);

/* What %-specifiers become: %i is `instance`, %d "/run/credentials/UNIT". */
int systemd_specifiers(struct arena *a, struct str text, struct str instance, struct str *ret);

/* The arguments that an ExecStart= line of `unit` gives to a process. */
int systemd_exec(struct arena *a, struct str value, const struct settings *unit, struct str instance, struct words *ret);

/* SetCredential=. */
int systemd_credential(struct arena *a, struct str value, struct str *ret_id, struct str *ret_content);

/* EnvironmentFile=: names and values by turns. */
int systemd_env_file(struct arena *a, struct str text, struct words *ret);

/* The last value of a key; absent where there is none. */
struct str settings_last(const struct settings *s, const char *section, const char *key);

/* podman --env-file: names and values by turns. */
int podman_env_file(struct arena *a, struct str text, struct words *ret);

/* What --entrypoint and --health-cmd read as a list. */
int json_words(struct arena *a, struct str text, struct words *ret);

/* One line of tmpfiles.d: type, path, mode, user, group, age, and the argument where there is one. */
int tmpfiles_words(struct arena *a, struct str line, struct words *ret);

/* The words of one line of HAProxy's configuration. */
int haproxy_words(struct arena *a, struct str line, struct words *ret);

/* nginx's words, and ";", "{" and "}". */
int nginx_tokens(struct arena *a, struct str text, struct words *ret);

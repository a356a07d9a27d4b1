/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Environment in three spellings.
 *
 * - env_file_*: Podman's --env-file (podman-run(1)): NAME=VALUE, one line each, the value taken as it is to
 *   the end of its line. It can't contain a line feed, nor a carriage return at a line's end, nor more than
 *   63 KiB; see env_file_can_hold(). A name has at most 1,000 bytes.
 * - env_template_*: input of pyservice-environment when a unit starts: NAME=TEMPLATE, where the template is
 *   literal text with "%%" for a percent sign, "%n" for a line feed, "%{NAME}" for the content of the secret
 *   NAME and "%u{NAME}" for its content percent-encoded (RFC 3986: all except unreserved bytes), as a URL
 *   needs it.
 * - env_unit_*: systemd's EnvironmentFile= (systemd.exec(5)): NAME="value" with \ before " \ ` and $; it can
 *   contain line feeds, but only UTF-8. */

#include "base/buf.h"
#include "base/value.h"

bool env_file_can_hold(struct str value);
void env_file_put(struct buf *b, struct env_name name, struct str value);

/* A piece of a template; exactly one of the two is set. */
struct env_piece {
        struct str literal;
        struct name secret;
        bool is_url_encoded;
};

void env_template_put(struct buf *b, struct env_name name, const struct env_piece *pieces, size_t n);

/* Gives a secret's content; 0, or negative errno. */
typedef int (*env_secret_fn)(void *userdata, struct str secret, struct str *ret);

struct env_secrets {
        env_secret_fn get;
        void *userdata;
};

/* Reads one line of a template (without its line end) and composes its value in the arena. 0; -EBADMSG if the
 * line is not a template; the result of `get` if it failed. */
#define env_template_compose(a, line, get, userdata, ret_name, ret_value)                            \
        env_template_read((a), (line), &(const struct env_secrets){ (get), (userdata) }, (ret_name), \
                          (ret_value))
int env_template_read(struct arena *a, struct str line, const struct env_secrets *secrets,
                      struct str *ret_name, struct str *ret_value);

/* False if systemd would ignore a variable of that name, with a warning: systemd.exec(5), Environment=. */
bool env_unit_can_name(struct str name);

/* -EILSEQ where systemd could not hold the value: NUL, or not UTF-8 (its UTF-8 has no U+FDD0…U+FDEF,
 * U+..FFFE/F). */
int env_unit_put(struct buf *b, struct str name, struct str value);

/* Takes a variable off the front of such a file, as env_unit_put() writes it: 1; 0 at its end; -EBADMSG
 * for anything else. */
int env_unit_take(struct arena *a, struct str *rest, struct str *ret_name, struct str *ret_value);

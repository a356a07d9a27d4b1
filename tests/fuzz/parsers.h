/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the targets of fuzz-parsers.c share. A target gets a text, and a machine in a temporary directory where the
 * same text lies in the files that its row of the table names. */

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"

struct fuzz {
        struct arena arena;             /* of this input */
        struct str text;                /* without a NUL behind it, so that a sanitizer sees reading too far */
        int root;                       /* the machine's root directory */
        const char *path;               /* of it */
};

/* Not assert(): it must hold in every build. */
static inline void require(bool is_true) {
        if (!is_true)
                abort();
}

/* Requires that the text is UTF-8 without control characters except line feeds and tabs. */
void require_clean(struct str text);

/* The targets, by the kind of text. */
void fuzz_definition(struct fuzz *f);
void fuzz_machine(struct fuzz *f);
void fuzz_compose(struct fuzz *f);
void fuzz_compose_env(struct fuzz *f);
void fuzz_quadlet(struct fuzz *f);
void fuzz_ansible(struct fuzz *f);
void fuzz_dci_api(struct fuzz *f);
void fuzz_state(struct fuzz *f);
void fuzz_json(struct fuzz *f);
void fuzz_kms(struct fuzz *f);
void fuzz_podman(struct fuzz *f);
void fuzz_messages(struct fuzz *f);
void fuzz_haproxy(struct fuzz *f);
void fuzz_front(struct fuzz *f);
void fuzz_journal(struct fuzz *f);
void fuzz_http(struct fuzz *f);
void fuzz_system(struct fuzz *f);

/* What each program prints, and each web service answers, that is asked from here on (fake-programs.c). */
void fake_programs_say(struct str text);

/* The journal as the text has it: lines FIELD=VALUE, an empty line between two entries (fake-journal.c). */
void fake_journal_hold(struct str text);

/* How often the next entry was asked for since the journal was opened. */
extern size_t fake_journal_n_read;

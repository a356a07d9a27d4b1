/* SPDX-License-Identifier: Apache-2.0 */
#include "load/pages.h"

#include <errno.h>

#include "base/fs.h"
#include "base/utf8.h"

static bool is_text(struct str text) {
        uint32_t c;

        for (size_t at = 0; at < text.n;) {
                unsigned n = utf8_decode(text, at, &c);

                if (n == 0 || (utf8_is_control(c) && c != '\r'))
                        return false;
                at += n;
        }

        return true;
}

const char *pages_objection(int r, struct str text) {
        if (r == -EFBIG)
                return "it is larger than 14 KiB, so it does not fit into HAProxy's buffer; make it smaller";
        if (r < 0)
                return strerror(-r);
        if (text.n == 0)
                return "it is empty; write the body of the answer into it";
        if (!is_text(text))
                return "it is not text in UTF-8 without control characters";
        if (str_has_prefix(text, STR("HTTP/")))
                return "it begins with a status line, as a file for HAProxy's 'errorfile' does; write the "
                       "body alone";
        return NULL;
}

/* Root reads it, for every client and into a file that every user can read: the owner of the page, or of a
 * directory above it, must not be able to name another file by a link. */
static const char *privacy_objection(const struct fs_file *read) {
        return read->stat.st_mode & S_IROTH ? NULL
                                            : "not every user can read it, but every client will; run 'chmod "
                                              "a+r' if it is no secret";
}

void pages_read(struct world *w, struct error_pages *pages) {
        for (size_t i = 0; pages && i < ERROR_PAGES; i++) {
                struct abs_path file = pages->files[i];
                struct fs_file read = { .text = STR("") };
                const char *why;
                int r;

                if (str_is_absent(file.text))
                        continue;
                r = fs_read_file(w->arena, w->root, world_below(file.text), PAGE_MAX, &read);
                why = r < 0 ? NULL : privacy_objection(&read);
                why = why ? why : pages_objection(r, read.text);
                pages->files[i] = why ? (struct abs_path){ 0 } : file;
                pages->texts[i] = (struct env_text){ read.text, file.at };
                if (why)
                        (void) diag_add(w->ds,
                                        r == -EFBIG    ? DIAG_FILE_TOO_LARGE
                                        : r == -ENOENT ? DIAG_MISSING_PATH
                                        : r < 0        ? DIAG_FILE_UNREADABLE
                                                       : DIAG_BAD_VALUE,
                                        file.at, "the page '%.*s' cannot be used: %s", STR_ARG(file.text),
                                        why);
        }
}

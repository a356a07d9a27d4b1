/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal/ask.h"

#include <stdio.h>
#include <unistd.h>

bool ask_can(void) {
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool ask_is_possible(const struct ctl *c, const char *verb, const char *undone) {
        if (!c->is_json && ask_can())
                return true;

        (void) fprintf(stderr,
                       "pyservicectl %s: %s: standard input is not a terminal; use --yes to proceed without "
                       "confirmation\n",
                       verb, undone);
        return false;
}

bool ask_line(struct arena *a, const char *prompt, struct str *ret) {
        char line[1024];

        (void) fputs(prompt, stderr);
        (void) fflush(stderr);
        if (!fgets(line, sizeof(line), stdin)) {
                (void) fputc('\n', stderr);
                return false;
        }

        line[strcspn(line, "\n")] = '\0';
        *ret = arena_str(a, str_trim(str_of(line)));
        return true;
}

bool ask_yes(struct arena *a, const char *prompt) {
        struct str answer;

        return ask_line(a, prompt, &answer) && (str_is(answer, "y") || str_is(answer, "yes"));
}

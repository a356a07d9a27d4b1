/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From the command line to a forecast, for the verbs that show one. */

#include "ctl/session.h"
#include "preview/forecast.h"

struct foreseeing {
        struct session session;
        struct trial trial;
        struct forecast forecast;
        bool is_open;
};

/* Loads all definitions, with these files as they would be, and foresees what would come of them. Gives 0,
 * or an exit status after having said why. */
int foresee_open(struct ctl *c, const struct proposed *files, size_t n, struct foreseeing *ret);

/* What was foreseen stays. */
void foresee_close(struct foreseeing *f);

/* A word of the command line as the name of an app: 0, or an exit status after having said why not. */
int foresee_name(const char *word, struct str *ret);

/* Is each of them known? Gives 0, or an exit status after having said which is not. */
int foresee_check_names(const struct foreseeing *f, const struct forecast_shown *shown);

/* Has one of them mistakes, or host.yaml, which is everybody's? */
bool foresee_has_mistakes(const struct foreseeing *f, const struct forecast_shown *shown);

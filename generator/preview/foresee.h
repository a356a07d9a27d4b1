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

/* Loads all definitions, with these files replaced, and computes the result of a reload. Returns 0, or an
 * exit status after reporting why. */
int foresee_open(struct ctl *c, const struct proposed *files, size_t n, struct foreseeing *ret);

/* Keeps the result. */
void foresee_close(struct foreseeing *f);

/* Takes a word of the command line for the name of an app: 0, or an exit status after reporting that it is
 * not one. */
int foresee_name(const char *word, struct str *ret);

/* Checks that each of them is known. Returns 0, or an exit status after reporting the unknown one. */
int foresee_check_names(const struct foreseeing *f, const struct forecast_shown *shown);

/* True if one of them, or host.yaml, which concerns all applications, has errors. */
bool foresee_has_errors(const struct foreseeing *f, const struct forecast_shown *shown);

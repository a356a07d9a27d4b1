/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* pyservicectl status: all apps, a line each, or one app as a whole. */

#include "model/facts.h"

/* One app, for people and for programs. They give an exit status. */
int status_show_app(struct facts *f, const struct fact_app *app);
int status_show_json(struct facts *f, const struct fact_app *app);

/* 0 where all is as declared, or on its way there; CTL_NOT_AS_DECLARED where it is not. */
int status_judge(const struct facts *f);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The few macros that every file may use. */

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Runs `f` on the variable when its scope ends; for resources, never for memory (the arena has that). */
#define CLEANUP(f) __attribute__((cleanup(f)))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args), nonnull(fmt)))
#define MAYBE_UNUSED __attribute__((unused))

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Functions that no code here may call: they do not know the length of a buffer, keep hidden state, or use a
 * shell. The build includes this first into every file; a call does not compile, and the error names it. The
 * headers that declare them come before, so that their declarations are not taken for calls. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(function) sorry_##function##_is_banned_here

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncat
#define strncat(...) BANNED(strncat)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef gets
#define gets(...) BANNED(gets)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef system
#define system(...) BANNED(system)
#undef popen
#define popen(...) BANNED(popen)
#undef alloca
#define alloca(...) BANNED(alloca)

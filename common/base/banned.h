/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that have no safe use, or a safer twin: using one is a compile error. Included before every source by the
 * build. Instead: snprintf, memcpy with a checked length, strtoull with its end checked, strtok_r, localtime_r.
 */
#ifndef VEDETTE_COMMON_BASE_BANNED_H
#define VEDETTE_COMMON_BASE_BANNED_H

/* Declared first, so that the poison below meets only our own code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef strcpy
#define strcpy(...) banned_strcpy_see_banned_h
#undef strcat
#define strcat(...) banned_strcat_see_banned_h
#undef strncpy
#define strncpy(...) banned_strncpy_see_banned_h
#undef strncat
#define strncat(...) banned_strncat_see_banned_h
#undef stpcpy
#define stpcpy(...) banned_stpcpy_see_banned_h
#undef sprintf
#define sprintf(...) banned_sprintf_see_banned_h
#undef vsprintf
#define vsprintf(...) banned_vsprintf_see_banned_h
#undef gets
#define gets(...) banned_gets_see_banned_h
#undef strtok
#define strtok(...) banned_strtok_see_banned_h
#undef atoi
#define atoi(...) banned_atoi_see_banned_h
#undef atol
#define atol(...) banned_atol_see_banned_h
#undef atoll
#define atoll(...) banned_atoll_see_banned_h
#undef atof
#define atof(...) banned_atof_see_banned_h
#undef mktemp
#define mktemp(...) banned_mktemp_see_banned_h
#undef tmpnam
#define tmpnam(...) banned_tmpnam_see_banned_h
#undef tempnam
#define tempnam(...) banned_tempnam_see_banned_h
#undef asctime
#define asctime(...) banned_asctime_see_banned_h
#undef ctime
#define ctime(...) banned_ctime_see_banned_h
#undef gmtime
#define gmtime(...) banned_gmtime_see_banned_h
#undef localtime
#define localtime(...) banned_localtime_see_banned_h

#endif

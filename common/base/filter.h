/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the seccomp filters of all processes share. Left out of sanitizer and coverage builds (VEDETTE_NO_SECCOMP), as
 * the filters are.
 */
#ifndef VEDETTE_COMMON_BASE_FILTER_H
#define VEDETTE_COMMON_BASE_FILTER_H

#include <seccomp.h>
#include <stddef.h>

/* Each of them adds to a filter that is being built: 0 or -errno of libseccomp. */
int filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count);
int filter_allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition);

/* Calls that no honest code of ours comes near, whatever the process: it dies, and its supervisor says so. */
int filter_kill_hostile(scmp_filter_ctx filter);
/* The same, but the program that this descriptor is open on may be executed. */
int filter_kill_hostile_but(scmp_filter_ctx filter, int exec_fd);

/* mmap and mprotect, but memory never becomes code. */
int filter_allow_memory(scmp_filter_ctx filter);

#endif

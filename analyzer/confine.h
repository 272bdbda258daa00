/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up what the analyzer does not need, which is all of it. One-way; before the process has threads. */
#ifndef VEDETTE_ANALYZER_CONFINE_H
#define VEDETTE_ANALYZER_CONFINE_H

#include <stdbool.h>

/* No capability, no_new_privs, not dumpable. 0 or -errno. */
int confine_privilege(void);

/*
 * A system call filter: what is not on the list is refused with EPERM, and what only an intruder would call ends the
 * process. 0; -ENOSYS when it is compiled out (sanitizers and coverage); -errno.
 */
int confine_calls(void);

#endif

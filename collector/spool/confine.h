/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COLLECTOR_SPOOL_CONFINE_H
#define VEDETTE_COLLECTOR_SPOOL_CONFINE_H

/* Loads the thread's system call list for the calling thread alone. 0 or -errno. */
int spool_confine(void);

#endif

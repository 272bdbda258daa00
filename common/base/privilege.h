/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up privilege: what every process of ours does in the same way. One-way; called before the process has threads.
 */
#ifndef VEDETTE_COMMON_BASE_PRIVILEGE_H
#define VEDETTE_COMMON_BASE_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

/* Clears every capability set of this thread, the ambient one included, and sets no_new_privs. 0 or -errno. */
int privilege_forget_capabilities(void);

/* Number or name to id; a number is also its own group. 0 or -ENOENT. */
int privilege_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);
int privilege_group(const char *name, gid_t *ret_gid);

/* Whether this thread may use that capability (CAP_* of linux/capability.h) now. */
bool privilege_has(int capability);

#endif

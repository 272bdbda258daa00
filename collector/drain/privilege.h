/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up what the drain no longer needs once its programs are attached. One-way; called with a single thread, in two
 * steps: a thread that is started between them has the first and makes a system call list of its own.
 */
#ifndef VEDETTE_COLLECTOR_DRAIN_PRIVILEGE_H
#define VEDETTE_COLLECTOR_DRAIN_PRIVILEGE_H

#include <sys/types.h>

enum { PRIVILEGE_ERROR_BYTES = 256 };

/*
 * Empty root (a chroot into `empty_directory`, made if absent; where CAP_SYS_CHROOT is missing the root stays and
 * *ret_confined says so), other user and group, no supplementary group, no capability, no_new_privs, not dumpable. 0,
 * or the negative of an exit code with words.
 */
int privilege_drop(uid_t uid, gid_t gid, const char *empty_directory, const char **ret_confined,
                   char error[PRIVILEGE_ERROR_BYTES]);
/* Then, for the calling thread: a seccomp list without bpf(2), socket(2), open(2) or execve(2). The same results. */
int privilege_filter(char error[PRIVILEGE_ERROR_BYTES]);

#endif

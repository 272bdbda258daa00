/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper gives up before it does anything else; its worker inherits it all. */
#ifndef VEDETTE_COLLECTOR_COURIER_CONFINE_H
#define VEDETTE_COLLECTOR_COURIER_CONFINE_H

#include <stddef.h>
#include <sys/types.h>

#include "collector/courier/courier.h"

/* The terminal's and systemd's signals to the group are not for us; SIGCHLD is read from the returned signalfd. -errno
 * on failure. */
int confine_signals(void);
/* In the worker: takes SIGCHLD's block back. */
void confine_restore_signals(void);
/* stdin and stdout become /dev/null, stderr and `keep` (any order, -1 allowed) stay, all else is closed. 0 or -errno.
 */
int confine_descriptors(int *keep, size_t count);
/* Groups, gid, uid, capabilities, no_new_privs, not dumpable. 0 or -errno. */
int confine_identity(const struct courier_settings *settings);
/*
 * Landlock, where the kernel has it (5.13, and switched on): no file can be opened any more but for reading beneath
 * /sys/devices/system/cpu, where libc counts processors, in the folders of certificates, key and token, and, when the
 * bus names a host, beneath /etc, of which the workers see only the resolver's files (confine_worker_files). None can
 * be executed but the one that `exec_fd` (-1: none) is open on. A unix socket can still be connected to: Landlock does
 * not govern that. After confine_identity, which sets no_new_privs. Returns "Landlock", or "no Landlock" where it could
 * not be had, for the log. With VEDETTE_NO_SECCOMP it does nothing, for the same reason.
 */
const char *confine_files(const struct courier_settings *settings, int exec_fd);
/*
 * In a worker, before its filter: of /etc only the files of the resolver that there are now. Landlock knows files, not
 * names: a worker that cannot connect ends when resolv.conf has been replaced, and the next one sees the new.
 */
void confine_worker_files(const struct courier_settings *settings);
/* SIGKILL when `parent` dies; at once if it has already. 0 or -errno. After confine_identity, which would undo it. */
int confine_to_parent(pid_t parent);

#endif

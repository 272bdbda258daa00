/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper gives up before it does anything else; its worker inherits it all. */
#ifndef VEDETTE_COLLECTOR_COURIER_CONFINE_H
#define VEDETTE_COLLECTOR_COURIER_CONFINE_H

#include <stddef.h>
#include <sys/types.h>

#include "collector/courier/courier.h"

/* The terminal's and systemd's signals to the group are not for us; SIGCHLD is read from the returned signalfd. -errno on failure. */
int confine_signals(void);
/* In the worker: takes SIGCHLD's block back. */
void confine_restore_signals(void);
/* stdin and stdout become /dev/null, stderr and `keep` (any order, -1 allowed) stay, all else is closed. 0 or -errno. */
int confine_descriptors(int *keep, size_t count);
/* Groups, gid, uid, capabilities, no_new_privs, not dumpable. 0 or -errno. */
int confine_identity(const struct courier_settings *settings);
/* SIGKILL when `parent` dies; at once if it has already. 0 or -errno. After confine_identity, which would undo it. */
int confine_to_parent(pid_t parent);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fresh private directory a run, /run/vedette-dev.XXXXXX (0711), because a clone below a 0700 home cannot be
 * traversed by the users that the programs become: collector/  root 0700: the queue, out of reach of every unprivileged
 * process analyzer/   the analyzer's 0700: the outbox bus/        the analyzer's, group 64100, setgid: the courier may
 * enter and finds bus.ipc with its group policies/   root, the analyzer's group may read: copies of the policy files
 *   notify/     the sockets on which the programs say that they are ready
 */
#ifndef VEDETTE_LAUNCHER_DIRECTORY_H
#define VEDETTE_LAUNCHER_DIRECTORY_H

#include <stddef.h>

/* Numbers without names: a development run creates no users. */
enum {
    DIRECTORY_BUS_GROUP = 64100,
    DIRECTORY_DRAIN_UID = 64101,
    DIRECTORY_COURIER_UID = 64102,
    DIRECTORY_ANALYZER_UID = 64103,
};

enum { DIRECTORY_PATH_BYTES = 64, DIRECTORY_POLICY_BYTES = 1 << 20 };

/* Makes the directory and its folders below `parent` ("/run"). 0 or -errno with words; nothing is left behind on
 * failure. */
int directory_make(const char *parent, char ret_path[DIRECTORY_PATH_BYTES], char *error, size_t error_size);

/* Copies a policy file (regular, at most 1 MiB), or those of a directory, to policies/<index>-<its name>; the path is a
 * new string. 0 or -errno with words. */
int directory_add_policy(const char *directory, size_t index, const char *source, char **ret_path, char *error,
                         size_t error_size);

/* Removes it with everything in it; follows no link, because unprivileged programs wrote into it. 0 or -errno. */
int directory_remove(const char *directory);

#endif

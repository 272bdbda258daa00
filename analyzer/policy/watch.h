/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when files, or what directories hold, may have changed: also by a rename over them, by the link ..data of a
 * mounted ConfigMap, and when a directory goes or comes. inotify(7): writes count when the file is closed.
 */
#ifndef VEDETTE_ANALYZER_POLICY_WATCH_H
#define VEDETTE_ANALYZER_POLICY_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch;

/* NULL with errno. */
struct watch *watch_new(void);
void watch_free(struct watch *watch);

/* Readable when something happened; then call watch_read. */
int watch_fd(const struct watch *watch);

/* Begins to watch these paths, and no others; what cannot be watched now is watched for in the nearest directory that
 * is there. Call it again after each change: what was replaced is another inode. */
void watch_paths(struct watch *watch, const char *const *paths, size_t n_paths);

/* Takes what happened; true when some of it concerns the paths. */
bool watch_read(struct watch *watch);

#endif

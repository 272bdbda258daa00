/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line on a terminal that says how far long work has come, written over and over, and wiped at the end. Nothing
 * where no person looks: on a pipe, in a file, on a terminal called dumb. One thread.
 */
#ifndef VEDETTE_COMMON_BASE_PROGRESS_H
#define VEDETTE_COMMON_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { PROGRESS_INTERVAL_MS = 100 };

struct progress {
    int fd; /* -1: nobody looks */
    const char *what;
    uint64_t total, done, told_ns;
    bool shown;
};

/* `what`: plural, as in "files"; kept, not copied. `total` may grow later, 0: not known. */
void progress_begin(struct progress *progress, int fd, const char *what, uint64_t total);
/* One more is done. `now_ns`: any clock that does not go back. */
void progress_step(struct progress *progress, uint64_t now_ns);
/* Before anything else is written to the terminal, and at the end. */
void progress_wipe(struct progress *progress);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output, shared by the stdout sink and the event output: whole lines, never mixed. SIGPIPE must be ignored,
 * or blocked in the calling thread.
 */
#ifndef VEDETTE_ANALYZER_ALERT_STDOUT_H
#define VEDETTE_ANALYZER_ALERT_STDOUT_H

#include <stddef.h>

/*
 * Writes all of `data`, which ends with a newline, waiting for a slow reader. What fits in PIPE_BUF goes out in one
 * write(2). 0; -EPIPE when the reader is gone; -ENOSPC and others of write(2); part may have been written then. Any
 * thread.
 */
int stdout_write(const char *data, size_t size);

/* The same, giving up with -ECANCELED once `cancel_fd` (an eventfd) is readable; -1: never. */
int stdout_write_until(const char *data, size_t size, int cancel_fd);

#endif

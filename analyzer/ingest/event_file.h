/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selected events in a file, whole lines. When it has grown to its limit it becomes PATH.1, in place of the one before,
 * and a new one begins: two of them are all there ever is. What cannot be written is counted and not waited for: events
 * are for looking at, findings have the outbox. Any thread.
 */
#ifndef VEDETTE_ANALYZER_INGEST_EVENT_FILE_H
#define VEDETTE_ANALYZER_INGEST_EVENT_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { EVENT_FILE_ERROR_BYTES = 512 };

struct event_file;

/* Made with mode 0640, less the umask, when it is not there; what is there is kept. 0, -EACCES, -ENOENT, -ELOOP (a symbolic link), ...
 * with words naming path and remedy. */
int event_file_open(const char *path, uint64_t limit_bytes, struct event_file **ret_file,
                    char error[EVENT_FILE_ERROR_BYTES]);
void event_file_close(struct event_file *file);

/* Writes lines; 0, or -errno when nothing of them is there. The first failure and its end are logged. */
int event_file_write(struct event_file *file, const char *lines, size_t size);

/* Another program has moved the file away: the next line begins a new one. */
void event_file_reopen(struct event_file *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people ask of the outbox: alerts by time, severity, detection and node, dead letters, what each sink has had. A
 * connection of its own that only reads, beside a running analyzer or without one. One thread at a time.
 */
#ifndef VEDETTE_ANALYZER_ALERT_READER_H
#define VEDETTE_ANALYZER_ALERT_READER_H

#include "analyzer/alert/outbox.h"
#include "analyzer/alert/text.h"

enum { READER_MAX_ALERTS = 500 }; /* an answer: what is beyond is asked for again */

struct alert_reader;

/* Zero: everything. */
struct alert_query {
    uint64_t since_ns, until_ns; /* of the events; until_ns 0: no end */
    int severity;                /* at least */
    const char *node;            /* NULL any */
    const char *detections;      /* names with commas between them; NULL any */
    const char *id;              /* the beginning of it; NULL any */
    const char *sink;            /* with `dead`: of this one; NULL any */
    bool dead;                   /* only those that are dead letters */
    int64_t after, before;       /* rows between these; before 0: no end */
    bool oldest_first;           /* else the newest */
    unsigned limit;              /* at most READER_MAX_ALERTS; 0: that */
};

/* 0, or as outbox_open: -ENOENT when there is no database, -EBADMSG. Nothing is made or mended. */
int alert_reader_open(const char *path, struct alert_reader **ret_reader, char error[OUTBOX_ERROR_BYTES]);
void alert_reader_close(struct alert_reader *reader);

/*
 * Appends one JSON object a line for each alert: row, id, time_ns (since the epoch, of the event), stored (seconds
 * since the epoch), severity, node, detection, dead_letters [{sink, reason, time, again}] and, last, finding: the
 * alert's own JSON as it was stored. 0, or -errno with words.
 */
int alert_reader_list(struct alert_reader *reader, const struct alert_query *query, struct text *text,
                      char error[OUTBOX_ERROR_BYTES]);

/*
 * Appends a JSON array: of each sink name, start, row, delivered, refused, lost, skipped, redelivered, dead_letters,
 * waiting; row - start is the sum of the four in the middle, and skipped what the others leave of it: never negative.
 */
int alert_reader_sinks(struct alert_reader *reader, struct text *text, char error[OUTBOX_ERROR_BYTES]);

/* The whole id that begins with `prefix`. 0, -ENOENT, -ENOTUNIQ, or -errno. */
int alert_reader_resolve(struct alert_reader *reader, const char *prefix, char ret_id[ALERT_ID_BYTES],
                         char error[OUTBOX_ERROR_BYTES]);

#endif

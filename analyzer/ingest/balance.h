/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations = delivered + lost + in flight, for each session and class: what the collector says it reserved and lost
 * against what was counted here. A negative rest would be an error in our own counting, so it is shown and not hidden.
 */
#ifndef VEDETTE_ANALYZER_INGEST_BALANCE_H
#define VEDETTE_ANALYZER_INGEST_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/events/record.h"
#include "proto/vedette.pb-c.h"

enum { BALANCE_LINE_BYTES = 512 };

struct balance {
    uint64_t session;
    uint64_t from_seq; /* where this life of the analyzer came in: what was before is not in `delivered` */
    uint64_t delivered[CLASS_COUNT];
    uint64_t reserved[CLASS_COUNT], lost[CLASS_COUNT]; /* as of the newest statistics */
    uint64_t recorded[CLASS_COUNT];                    /* of `lost`, what came as exact loss records to this life */
    uint64_t missing;                                  /* sequences skipped: their class is not known */
    uint64_t given_up[CLASS_COUNT];                    /* sequences skipped, of which a loss record tells the class */
    uint64_t told_later; /* lost after it was queued, as a later session said: a torn queue, another boot's */
    bool has_statistics;
    bool ended; /* a final batch came: nothing is in flight any more */
    bool owed;  /* a final batch came, and the lines were kept back */
    bool told;  /* the lines were printed since the last change */
};

/* Takes newer totals; *ret_reserved_more[class] is by how much the reservations grew. */
void balance_take_statistics(struct balance *balance, const Vedette__V1__Statistics *statistics,
                             uint64_t ret_reserved_more[CLASS_COUNT]);

int64_t balance_in_flight(const struct balance *balance, enum event_class class);

/* Of all classes: what was reserved and is neither delivered, lost, missing nor from before this start. */
int64_t balance_rest(const struct balance *balance);

/*
 * What does not add up, NULL when all does. `running`: the session is that of the collector that speaks now, so that
 * what is left may be in flight. `absence`: a loss record tells of a collector that was killed, whose range covers what
 * was in its rings; without one, what is left of a session that is over is missing without a word.
 */
const char *balance_fault(const struct balance *balance, bool running, bool absence);

/* "balance node=... session=... class=critical: reserved=.. delivered=.. lost=.. in_flight=.." */
void balance_line(const struct balance *balance, const char *node, enum event_class class,
                  char line[BALANCE_LINE_BYTES]);

#endif

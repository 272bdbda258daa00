// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/balance.h"

#include <inttypes.h>

#include "common/events/events.h"

static uint64_t at(const uint64_t *column, size_t n, size_t i)
{
    return i < n ? column[i] : 0;
}

void balance_take_statistics(struct balance *balance, const Vedette__V1__Statistics *statistics,
                             uint64_t ret_reserved_more[CLASS_COUNT])
{
    for (size_t class = 0; class < CLASS_COUNT; class ++) {
        uint64_t reserved = at(statistics->attempts, statistics->n_attempts, class);
        /* Totals only grow; an older batch may be sent again. */
        ret_reserved_more[class] = reserved > balance->reserved[class] ? reserved - balance->reserved[class] : 0;
        if (reserved < balance->reserved[class])
            continue;
        balance->reserved[class] = reserved;
        balance->lost[class] = at(statistics->lost_ring, statistics->n_lost_ring, class) +
                               at(statistics->lost_queue, statistics->n_lost_queue, class);
    }
    balance->has_statistics = true;
    balance->told = false;
}

int64_t balance_in_flight(const struct balance *balance, enum event_class class)
{
    return (int64_t)(balance->reserved[class] - balance->delivered[class] - balance->lost[class] -
                     balance->given_up[class]);
}

int64_t balance_rest(const struct balance *balance)
{
    int64_t rest = -(int64_t)(balance->missing + balance->from_seq + balance->told_later);
    for (int class = 0; class < CLASS_COUNT; class ++)
        rest += balance_in_flight(balance, (enum event_class) class);
    return rest;
}

const char *balance_fault(const struct balance *balance, bool running, bool absence)
{
    if (!balance->has_statistics)
        return NULL; /* nothing has been said yet that could be wrong */
    for (int class = 0; class < CLASS_COUNT; class ++) {
        if (balance_in_flight(balance, (enum event_class) class) < 0)
            return "more events of a class were delivered and lost than were produced";
        if (balance->from_seq > 0) /* a former life of ours has had the others */
            continue;
        if (balance->recorded[class] > balance->lost[class])
            return "loss records tell of more events of a class than the collector counts as lost";
        if (balance->ended && balance->recorded[class] < balance->lost[class])
            return "the collector counts events of a class as lost that no loss record tells of";
    }
    int64_t rest = balance_rest(balance);
    if (rest < 0)
        return "more events are missing than were produced and not delivered";
    if (rest > 0 && balance->ended)
        return "the session has ended, and events of it are neither delivered nor lost";
    if (rest > 0 && !running && !absence)
        return "the session is over, and events of it are neither delivered nor in a loss record";
    return NULL;
}

void balance_line(const struct balance *balance, const char *node, enum event_class class,
                  char line[BALANCE_LINE_BYTES])
{
    int n =
        snprintf(line, BALANCE_LINE_BYTES,
                 "balance node=%s session=%016" PRIx64 " class=%s: reserved=%" PRIu64 " delivered=%" PRIu64
                 " lost=%" PRIu64 " in_flight=%" PRId64,
                 node, balance->session, event_class_name(class), balance->reserved[class], balance->delivered[class],
                 balance->lost[class] + balance->given_up[class], balance_in_flight(balance, class));
    if (n > 0 && n < BALANCE_LINE_BYTES && (balance->missing > 0 || balance->from_seq > 0))
        snprintf(line + n, (size_t)(BALANCE_LINE_BYTES - n),
                 " (of all classes: missing=%" PRIu64 " before_this_start=%" PRIu64 ")", balance->missing,
                 balance->from_seq);
}

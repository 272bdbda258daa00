/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a node still sees: what its collector causes of itself (common/events/canaries.def) must keep coming, and so
 * must its requests. Pure: times are passed in. `now_ns` is CLOCK_BOOTTIME here, `event_ns` that of the node; since a
 * backlog comes faster than it happened and an outage makes all of it late, a family is missed by either: none came for
 * three intervals, or the stream went on for three intervals without one.
 */
#ifndef VEDETTE_ANALYZER_INGEST_CANARY_H
#define VEDETTE_ANALYZER_INGEST_CANARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/events/canaries.h"
#include "common/wire/decode.h"

enum {
    CANARY_MISSES = 3,              /* in a row before a family is called blind; the same of heartbeats for silence */
    CANARY_SLACK_MS = 1000,         /* for a batch that is on its way: the longest flush of a quiet drain */
    CANARY_INTERVAL_MAX_MS = 60000, /* no collector may say that it is to be missed later than that */
    CANARY_KEEPERS = 4,             /* lives of a collector whose queued events are known for its own */
};

/* What can stop. A family alone is its hook; the others are places where all of them pass. */
enum canary_part {
    CANARY_PART_RING = CANARY_FAMILIES, /* batches come, no canary: every hook, the rings, or the keeper */
    CANARY_PART_DRAIN,                  /* requests come, batches do not */
    CANARY_PART_BUS,                    /* nothing comes */
    CANARY_PART_STATE,                  /* events come and could not be applied here */
    CANARY_PART_COLLECTOR,              /* none ran: known afterwards, from its loss record */
    CANARY_PARTS,
};

/* "open", "drain": the label of metrics; and in a few words what that means. */
extern const char *const canary_part_names[CANARY_PARTS];
const char *canary_part_words(enum canary_part part);

struct canary_keeper {
    uint64_t start_ns;
    uint32_t tgid;
};

/* Zero-initialise. Only the atomic members may be read by another thread. */
struct canary_watch {
    struct canary_keeper keeper[CANARY_KEEPERS]; /* the newest first */
    size_t n_keepers;
    uint64_t session;
    uint32_t families; /* that the collector says it can cause */
    uint32_t expected; /* and that the plan asks for */
    uint64_t limit_ns; /* 0: it sends none */
    uint64_t silence_ns;
    bool is_active; /* since a hello, until a last batch in good order */
    bool state_failed;

    uint64_t gap_ns;      /* another session began, and nothing has explained why: how far the one before came */
    uint64_t baseline_ns; /* nothing is missed that was due before: hello, or the end of a silence */
    uint64_t seen_ns, batch_ns;
    uint64_t first_event_ns, newest_event_ns; /* of the session, 0: none yet */
    uint64_t arrived_ns[CANARY_FAMILIES], event_ns[CANARY_FAMILIES];
    uint64_t blind_since_ns[CANARY_PARTS]; /* the node's clock; of a part that is blind, or was last */

    _Atomic uint32_t shown_expected, blind;    /* a bit each */
    _Atomic int64_t wall_minus_boot_ns;        /* as the node last said */
    _Atomic uint64_t last_ns[CANARY_FAMILIES]; /* the node's clock, 0: none yet */
};

/* One part went blind, or sees again. */
struct canary_change {
    enum canary_part part;
    bool over;
    uint64_t since_ns, until_ns; /* the node's clock; 0: not known, or not over */
};

/* A hello that was welcomed. `canary` NULL: none are sent, and only silence is told. */
void canary_begin(struct canary_watch *watch, const Vedette__V1__Canary *canary, uint32_t heartbeat_ms,
                  uint64_t session, uint64_t now_ns);
/* What the plan now asks for. */
void canary_expect(struct canary_watch *watch, uint32_t families, uint64_t now_ns);
/* A request came; from the drain, or a heartbeat of its courier. */
void canary_seen(struct canary_watch *watch, bool from_drain, uint64_t now_ns);

/* canary_is_own of an event of the keeper or of a child of it: not what its worker does, nor what the keeper never
 * should. */
bool canary_is_sung(const struct event_view *event, bool by_child);

/* Whether the event is a canary or comes with one: a child's of the keeper, or the keeper's fork. The hot path. */
static inline bool canary_is_own(const struct canary_watch *watch, const struct event_view *event)
{
    for (size_t i = 0; i < watch->n_keepers; i++) {
        const struct canary_keeper *keeper = &watch->keeper[i];
        const struct task_view *task = event->task;
        if (task->ppid == keeper->tgid && task->parent_start_ns == keeper->start_ns)
            return canary_is_sung(event, true);
        if (task->tgid == keeper->tgid && task->leader_start_ns == keeper->start_ns)
            return canary_is_sung(event, false);
    }
    return false;
}

/* Such an event of that session has been applied. */
void canary_take(struct canary_watch *watch, const struct event_view *event, uint64_t session, uint64_t now_ns);
/* One could not be. */
void canary_take_failed(struct canary_watch *watch);
/* The newest event of a batch of that session. */
void canary_stream(struct canary_watch *watch, uint64_t session, uint64_t event_ns);
/* The collector said goodbye: nothing is missed until it says hello. */
void canary_end(struct canary_watch *watch, uint64_t session);

/* This side stood still, not the node: what came meanwhile is still to be handled. */
void canary_forgive(struct canary_watch *watch, uint64_t now_ns);

/* Compares all with the time; what changed, at most CANARY_PARTS. Only when no request of the node waits. */
size_t canary_check(struct canary_watch *watch, uint64_t now_ns, struct canary_change changes[CANARY_PARTS]);
/* The same for a loss record of an absence; false when it is no surprise: in good order, or told as a silence. */
bool canary_absence(struct canary_watch *watch, uint64_t from_ns, uint64_t to_ns, bool in_order,
                    struct canary_change *ret_change);

#endif

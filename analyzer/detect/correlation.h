/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the `correlation` of a detection (detection.h): what its triggers feed, and when that makes a finding. Time is
 * the events'. Belongs to the engine and its thread.
 */
#ifndef VEDETTE_ANALYZER_DETECT_CORRELATION_H
#define VEDETTE_ANALYZER_DETECT_CORRELATION_H

#include "analyzer/detect/engine.h"
#include "analyzer/detect/keyed.h"
#include "analyzer/detect/matcher.h"

enum { CORRELATION_ERROR_BYTES = 256 };

struct correlator;

/* Of a detection whose correlation is not CORRELATE_NOTHING. 0; -ENOMEM; -EINVAL with words. */
int correlator_new(const struct detection *detection, struct correlator **ret_correlator,
                   char words[CORRELATION_ERROR_BYTES]);
void correlator_free(struct correlator *correlator);

/* The fields of one of its triggers, for events of one schema row. */
struct feed;

/* 0; -ENOMEM; -EINVAL with words in matcher_error. */
int feed_new(struct matcher *matcher, const struct schema_event *event, const char *owner,
             const struct detection *detection, const struct trigger *trigger, struct feed **ret_feed);
void feed_free(struct feed *feed);

/* A value of an earlier event. */
struct remembered {
    uint8_t kind; /* enum field_kind: which of the two below */
    uint64_t number;
    struct string_view string;
};

/* What a correlator remembers for one event, looked for when a condition first asks. */
struct recall {
    struct correlator *correlator;
    const struct feed *feed;
    bool is_done;
    const struct remembered *remembered; /* of the correlator, until its next recall; NULL: nothing */
};
/* NULL when nothing is remembered for the event's key, or its detection remembers nothing. */
const struct remembered *event_recall(const struct event_context *context);

/*
 * The trigger's condition held for the event. True when that makes a finding; *ret_from_ns is then the time of the
 * first event that it is about.
 */
bool correlator_feed(struct correlator *correlator, const struct feed *feed, const struct event_context *context,
                     uint64_t *ret_from_ns);

/* Whether an event that was fed is done with: further triggers of the detection that hold for it would count it twice.
 */
bool correlator_takes_event_once(const struct correlator *correlator);
bool correlator_remembers(const struct correlator *correlator);

/* Names the detection as it is written: state of another definition is not read. */
uint64_t correlator_definition(const struct correlator *correlator);

/* Bytes of a key that were kept by a correlator of the same definition. False when they make no sense. */
bool correlator_restore(struct correlator *correlator, const uint8_t key[KEY_BYTES], uint64_t touched_ns,
                        const void *bytes, size_t size);
/* Takes what `from`, of the same definition, keeps. */
void correlator_take(struct correlator *correlator, struct correlator *from);

struct keyed *correlator_keyed(struct correlator *correlator);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that no collector sends: the analyzer makes them from others and from what its state then knows. A derived
 * event is judged, selected and shown like any other; time, sequence, result and acting task are those of the event it
 * was made from. One file a derived event, listed in derivations.def; its row in the event table names its source.
 */
#ifndef VEDETTE_ANALYZER_DERIVE_DERIVE_H
#define VEDETTE_ANALYZER_DERIVE_DERIVE_H

#include "analyzer/detect/engine.h"

/* A derived event while it is made: `event` begins as its source with all arguments absent. */
struct derived {
    struct event_view event;
    const struct container *container; /* whose event it is; begins as the source's */
    char text[64];                     /* for a string that a derivation writes */
};

struct derivation {
    uint16_t event;  /* the derived event's id in the event table */
    uint16_t source; /* of the event that it is made of */
    /* Fills `derived` from a source event that the state has applied; false when nothing comes of it. */
    bool (*make)(const struct event_context *context, struct derived *derived);
};

/* Whether this build makes that event. */
bool derive_makes(const struct event *event);

/* Marks the sources of every derived event that is marked in want[EVENT_ID_LIMIT], and their sources. */
void derive_mark_sources(uint8_t *want);

/*
 * Makes what comes of one event and calls `emit` for each, in table order. `schema` is the node's: an event that it
 * lacks is not made, since its number could mean another one. What `emit` is given is valid during the call.
 */
void derive(const struct schema *schema, const struct event_context *context,
            void (*emit)(void *arg, const struct event_context *derived), void *arg);

/* For derivations. The argument must be in the event's row with that type. The strings are not copied. */
void derived_string(struct derived *derived, const char *argument, const char *value);
void derived_unsigned(struct derived *derived, const char *argument, uint64_t value);
void derived_signed(struct derived *derived, const char *argument, int64_t value);

/* An argument of the source event by name; NULL when its row has none. */
const struct value *source_argument(const struct event_context *context, const char *argument);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the loaded set over events. An engine is compiled for one schema and belongs to one shard thread; the set it was
 * compiled from is constant and shared.
 */
#ifndef VEDETTE_ANALYZER_DETECT_ENGINE_H
#define VEDETTE_ANALYZER_DETECT_ENGINE_H

#include <stdint.h>

#include "analyzer/arguments/tables.h"
#include "analyzer/detect/detection.h"
#include "analyzer/detect/watches.h"
#include "analyzer/state/state.h"
#include "common/wire/decode.h"

/* What the predicates may look at. */
struct event_context {
    const char *node;
    const char *boot_id;
    const char *set; /* version of the loaded set, NULL for none */
    uint64_t session;
    int64_t wall_minus_boot_ns;
    enum architecture architecture; /* of the node's kernel: what the numbers in arguments mean */
    const struct decoder *decoder;
    const struct event_view *event;
    const struct state *state;
    const struct process *process;     /* never NULL after state_apply */
    const struct container *container; /* NULL on the host */
    struct recall *recall; /* the engine's own: what its detection remembers for this event, if asked; NULL: nothing */
};

/* Whether the event is of a container that acts by itself: one that was there before, or that has executed a program of
 * its own since it was made. */
bool event_container_started(const struct event_context *context);

enum field_kind {
    FIELD_SIGNED,
    FIELD_UNSIGNED,
    FIELD_STRING,
    FIELD_STRINGS,
};

/* Value of an extra argument. */
struct finding_data {
    const char *name;
    uint8_t kind;              /* enum field_kind: which of the two below */
    struct string_view string; /* FIELD_STRING */
    uint64_t number;           /* FIELD_SIGNED (sign-extended), FIELD_UNSIGNED */
    bool as_string;            /* the number is to be written as a string */
};

struct finding {
    const struct detection *detection;
    const struct trigger *trigger;
    const struct event_context *context;
    enum severity severity; /* lowered when the attempt failed */
    bool succeeded;
    uint32_t output_index; /* among the findings of this detection on this event */
    size_t n_data;         /* those of the trigger that have a value */
    struct finding_data data[TRIGGER_MAX_DATA];
    uint64_t window_from_ns, window_to_ns; /* for the overlap with losses */
};

struct engine;

/*
 * `selected`: detection names or ids, NULL for all. NULL with errno; *ret_error (the thread's own, until its next
 * engine_new) names what does not compile or is not known. A trigger whose event or field only this schema lacks is
 * left out and listed by engine_gaps: a collector that is older than we are must not stop the other detections.
 */
struct engine *engine_new(const struct schema *schema, const char *const *selected, size_t n_selected,
                          const char **ret_error);
/* The same over a table of the caller's, which must outlive the engine; findings come in its order. */
struct engine *engine_new_from(const struct schema *schema, const struct detection *const *table, size_t n_table,
                               const char **ret_error);
void engine_free(struct engine *engine);

/* What was left out, and why; returns how many there are, of which at most `limit` are written. */
struct engine_gap {
    const struct detection *detection;
    const struct trigger *trigger;
    const char *reason; /* the engine's own */
};
size_t engine_gaps(const struct engine *engine, struct engine_gap *ret, size_t limit);

/* A new batch begins: caches that hold per distinct string of a batch are emptied. */
void engine_begin_batch(struct engine *engine, uint32_t n_strings);

/*
 * Judges one event that the state has applied; calls `emit` for every finding, in table order. A detection gives at
 * most one finding an event: the first of its triggers that fires. What `emit` is given is valid during the call.
 */
void engine_judge(struct engine *engine, const struct event_context *context,
                  void (*emit)(void *arg, const struct finding *finding), void *arg);

/* What is wanted of an event. */
enum {
    WANT_NONE,
    WANT_SOME, /* what detections wait for and policies tell: the kernel may leave out what none of them could */
    WANT_ALL,
};

/* Marks in want[EVENT_ID_LIMIT] the events that the set needs, WANT_SOME; and adds what it waits for of one of them,
 * false when it does not need it. */
void engine_wanted_events(const struct engine *engine, uint8_t *want);
bool engine_watches(const struct engine *engine, const struct schema_event *event, struct watches *watches);

/*
 * Per detection, readable from any thread. Judged is an event that its string did not rule out (guard.h). Time is
 * measured on one event in 64: `nanoseconds` is scaled to all, `timed` and `timed_ns` are those that were measured, by
 * how long they took.
 */
enum { ENGINE_COST_BUCKETS = 8 }; /* up to 250 ns, then four times as long each, the last for all beyond */
struct engine_cost {
    const struct detection *detection;
    uint64_t judged, findings, nanoseconds;
    uint64_t timed[ENGINE_COST_BUCKETS], timed_ns;
    uint64_t patterns_given_up; /* regular expressions that took too long on a string: they count as unknown */
    uint64_t keys, evicted;     /* of its correlation: kept now, given up for want of room */
};
/* The largest time of each bucket but the last, in seconds. */
extern const double engine_cost_bounds[ENGINE_COST_BUCKETS - 1];
/* Adds what `cost` counted, not what it keeps. */
void engine_cost_add(struct engine_cost *sum, const struct engine_cost *cost);

size_t engine_costs(const struct engine *engine, struct engine_cost *ret, size_t limit);

/*
 * What correlations keep, key by key, so that a copy on disk survives a crash. A key's bytes are this build's own
 * layout; `definition` names the detection as it is written and that layout.
 */
struct engine_memory {
    const char *detection;
    uint64_t definition;
    const uint8_t *key; /* ENGINE_KEY_BYTES of them; NULL: every key of the detection is gone */
    uint64_t touched_ns;
    const uint8_t *bytes; /* NULL: the key is gone */
    size_t size;
};
enum { ENGINE_KEY_BYTES = 16 };

/* Calls `each` for what changed since engine_memory_saved, and is to be told so once the copy has it. */
void engine_memory_changes(const struct engine *engine, void (*each)(void *arg, const struct engine_memory *memory),
                           void *arg);
void engine_memory_saved(struct engine *engine);
/* The definition of a detection that keeps something; 0 when there is none of that name in the set. */
uint64_t engine_definition(const struct engine *engine, const char *detection);
/* One key of a copy, those touched first first. False when it is of another definition or makes no sense. */
bool engine_restore(struct engine *engine, const struct engine_memory *memory);
/* Takes over what `from` keeps for detections of the same definition; for each other that keeps something, `dropped`.
 */
void engine_take_memory(struct engine *engine, struct engine *from,
                        void (*dropped)(void *arg, const char *detection, size_t n_keys), void *arg);

/*
 * Keys of correlations that were given up for want of room since this was asked last, as one loss of the stage "state".
 * False when there are none.
 */
bool engine_take_evicted(struct engine *engine, struct loss *ret_loss);

#endif

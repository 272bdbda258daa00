/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a Request to events, checked. The input is hostile: every length is compared with a limit of
 * limits.h before it is used, memory comes from an arena of bounded size, and nothing is believed that was not checked.
 * A decoder belongs to one thread.
 */
#ifndef VEDETTE_COMMON_WIRE_DECODE_H
#define VEDETTE_COMMON_WIRE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/events/events.h"
#include "proto/vedette.pb-c.h"

/* What a session's hello said about its events: the decoder needs argument types, JSON needs names. */
struct schema_event {
    uint16_t id;
    uint8_t class;
    uint8_t n_args;
    const char *name;
    const char *sets;
    const struct event_arg *args; /* n_args */
    const struct event *known; /* our own row of that name; NULL for an event that is newer than we are or whose
                                  arguments are not ours: an index into our row is safe in event_view.args */
};

struct schema;

/* Built from a hello that hello_check accepted. NULL with errno. */
struct schema *schema_new(const Vedette__V1__Hello *hello);
void schema_free(struct schema *schema);
/* The schema of this build's own event table, for tests and benches. */
struct schema *schema_new_builtin(void);
const struct schema_event *schema_event_by_id(const struct schema *schema, uint32_t id);
size_t schema_count(const struct schema *schema);
const struct schema_event *schema_event_at(const struct schema *schema, size_t index);

struct string_view {
    const char *data; /* not NUL terminated; may hold any byte but is bounded by the batch */
    uint32_t length;
    uint32_t index; /* in the batch's string table: equal index, equal bytes; evaluate once a batch */
    uint8_t state;  /* enum item_state, ITEM_USER included */
};

/* One argument's value. Which member holds is said by the schema's type. */
struct value {
    union {
        int64_t i;  /* INT32, INT64 */
        uint64_t u; /* UINT16, UINT32, UINT64, POINTER, BOOL */
        struct string_view string;
        struct {
            uint32_t first; /* in batch_string_list */
            uint32_t count;
            uint8_t state;
        } list;
    };
};

struct task_view {
    uint32_t tgid, tid, ppid, ns_tgid, ns_tid, ns_ppid, uid, mnt_ns, pid_ns;
    uint64_t leader_start_ns, thread_start_ns, parent_start_ns, cgroup_id;
    struct string_view comm, uts;
};

/* Pointers live as long as the decoded request. */
struct event_view {
    const struct schema_event *schema;
    uint64_t seq;
    uint64_t time_ns;
    int64_t ret;
    const struct task_view *task;
    uint32_t cpu;
    uint32_t flags; /* enum record_flag */
    int32_t syscall;
    uint32_t plan_epoch;
    struct value args[EVENT_MAX_ARGS]; /* of schema->n_args; further ones of schema->known are absent: 0, or empty and
                                          unreadable */
};

struct decoder;

/* NULL with errno. max_bytes bounds a request; memory is WIRE_ARENA_FACTOR times that, allocated once. */
struct decoder *decoder_new(size_t max_bytes);
void decoder_free(struct decoder *decoder);

/*
 * Unpacks one Request. On success *ret_request is valid until the next call on this decoder. 0, or a negative errno:
 * -EMSGSIZE over a size limit, -EBADMSG malformed, -ENOMEM over the arena. decoder_error gives the reason in words,
 * naming the field and the limit, fit for the peer and the log. Values of a newer peer are mapped to what we know: a
 * loss stage to LOSS_UNKNOWN, a loss's class to 255, lists of statistics are cut to CLASS_COUNT.
 */
int decoder_unpack(struct decoder *decoder, const uint8_t *bytes, size_t size,
                   const Vedette__V1__Request **ret_request);
const char *decoder_error(const struct decoder *decoder);

/* The same for a Reply, as the courier gets it; at most WIRE_REPLY_BYTES, its plan's length and ids checked. */
int decoder_unpack_reply(struct decoder *decoder, const uint8_t *bytes, size_t size,
                         const Vedette__V1__Reply **ret_reply);

/* Limits of a hello: names, counts, types. 0 or -EBADMSG with decoder_error. */
int decoder_check_hello(struct decoder *decoder, const Vedette__V1__Hello *hello);

/*
 * Prepares the rows of a batch of this decoder's request; checks every column, index and state before the first row is
 * given out, so that a batch is used whole or not at all. An event id that the schema lacks refuses the batch.
 */
int decoder_open_batch(struct decoder *decoder, const Vedette__V1__EventBatch *batch, const struct schema *schema);

/* The next row in sequence order; false at the end. The view is overwritten by the next call. */
bool decoder_next(struct decoder *decoder, struct event_view *ret_event);

/* Item `i` (below count) of a list value. */
struct string_view decoder_list_item(const struct decoder *decoder, const struct value *list, uint32_t i);

/* Number of distinct strings of the open batch, for caches indexed by string_view.index. */
uint32_t decoder_string_count(const struct decoder *decoder);

#endif

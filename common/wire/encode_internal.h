/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch while it is being built. Every part is kept as the bytes that will be sent, so that adding an event is
 * appending a few varints and packing is copying, and what the batch weighs at most is known at any time.
 */
#ifndef VEDETTE_COMMON_WIRE_ENCODE_INTERNAL_H
#define VEDETTE_COMMON_WIRE_ENCODE_INTERNAL_H

#include "common/wire/columns.h"
#include "common/wire/encode.h"
#include "common/wire/strings.h"
#include "common/wire/varint.h"

#define EVENT_COLUMN_INDEX(name_, field_, kind_) EVENT_COLUMN_##name_,
#define TASK_COLUMN_INDEX(name_, field_, kind_)  TASK_COLUMN_##name_,
enum { EVENT_COLUMNS(EVENT_COLUMN_INDEX) N_EVENT_COLUMNS };
enum { TASK_COLUMNS(TASK_COLUMN_INDEX) N_TASK_COLUMNS };

enum {
    STATISTICS_BYTES =
        512,           /* of the packed field: 5 lists of CLASS_COUNT and 14 integers, all at their longest, are 349 */
    FRAME_BYTES = 256, /* tags, lengths and scalars around the columns; all at their longest are 226 */
};

struct column {
    uint8_t *bytes; /* packed varints; only the first is written until the column varies */
    size_t size;    /* of all elements, written or not */
    uint64_t first;
    uint32_t first_size; /* of the first element */
    bool varies;         /* else the first element stands for all */
};

struct task_slot;

/* A record's task fields, as two runs of its header. */
struct task_key {
    uint8_t times[32];
    uint8_t ids[68];
};

struct task_table {
    struct task_slot *slots;
    struct task_key *keys;
    uint64_t seed;
    uint32_t generation;
    uint32_t count;
    uint32_t last; /* the row given last: runs of one task are the rule */
    struct column columns[N_TASK_COLUMNS];
};

struct batch_encoder {
    size_t limit; /* of the packed request */
    size_t used; /* what the parts below weigh at most: a constant column is counted whole, since the next event may end
                    that */
    uint64_t session;
    uint64_t first_seq;
    uint64_t base_ns;
    uint64_t last_ns;
    uint32_t count;
    uint32_t n_args;
    uint32_t n_losses;
    bool is_snapshot;
    bool is_final;
    struct column columns[N_EVENT_COLUMNS];
    struct task_table tasks;
    struct string_table strings;
    uint8_t *args;
    size_t args_size;
    uint8_t *losses; /* whole fields */
    size_t losses_size;
    uint8_t statistics[STATISTICS_BYTES]; /* the whole field */
    size_t statistics_size;
};

/* task_table.c: 0 or -ENOMEM; empties; the row of the record's task, added if it is new. */
int tasks_init(struct task_table *table);
void tasks_fini(struct task_table *table);
void tasks_reset(struct task_table *table);
uint32_t tasks_intern(struct task_table *table, const struct record_header *record, struct string_table *strings,
                      size_t *used);

/* Writes the elements that were only counted while they were equal. */
void column_spread(struct column *column, uint32_t count);

/* Appends to a column that has `count` elements; the bytes it took. Its memory has VARINT_SLACK to spare. */
static inline size_t column_put(struct column *column, uint32_t count, uint64_t value)
{
    if (!column->varies) {
        if (count > 0 && value == column->first) {
            column->size += column->first_size;
            return column->first_size;
        }
        if (count == 0) {
            column->first = value;
            column->size = column->first_size = (uint32_t)(varint_put_fast(column->bytes, value) - column->bytes);
            return column->size;
        }
        column_spread(column, count);
    }
    uint8_t *start = column->bytes + column->size;
    size_t size = (size_t)(varint_put_fast(start, value) - start);
    column->size += size;
    return size;
}

#endif

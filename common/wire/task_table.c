/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/wire/encode_internal.h"
#include "common/wire/limits.h"
#include "common/wire/varint.h"

enum {
    SLOTS = 2 * WIRE_BATCH_TASKS, /* a power of two, at most half full */
    PROBES = 32,                  /* beyond, a task is stored again instead of searched */
    TIMES_AT = offsetof(struct record_header, thread_start_ns),
    IDS_AT = offsetof(struct record_header, tgid),
};

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "masked");
_Static_assert(offsetof(struct record_header, ret) - TIMES_AT == sizeof(((struct task_key *)0)->times),
               "one run of the header");
_Static_assert(sizeof(struct record_header) - IDS_AT == sizeof(((struct task_key *)0)->ids), "one run of the header");

struct task_slot {
    uint32_t generation;
    uint32_t hash;
    uint32_t index;
};

void column_spread(struct column *column, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        memcpy(column->bytes + (size_t)i * column->first_size, column->bytes, column->first_size);
    column->varies = true;
}

int tasks_init(struct task_table *table)
{
    memset(table, 0, sizeof(*table));
    table->slots = calloc(SLOTS, sizeof(*table->slots));
    table->keys = calloc(WIRE_BATCH_TASKS, sizeof(*table->keys));
    bool is_whole = table->slots != NULL && table->keys != NULL;
    for (size_t i = 0; i < N_TASK_COLUMNS; i++)
        is_whole &= (table->columns[i].bytes = malloc(WIRE_BATCH_TASKS * VARINT64_BYTES + VARINT_SLACK)) != NULL;
    if (!is_whole) {
        tasks_fini(table);
        return -ENOMEM;
    }
    table->seed = strings_random_seed();
    tasks_reset(table);
    return 0;
}

void tasks_fini(struct task_table *table)
{
    for (size_t i = 0; i < N_TASK_COLUMNS; i++)
        free(table->columns[i].bytes);
    free(table->slots);
    free(table->keys);
    memset(table, 0, sizeof(*table));
}

void tasks_reset(struct task_table *table)
{
    if (++table->generation == 0) {
        memset(table->slots, 0, SLOTS * sizeof(*table->slots));
        table->generation = 1;
    }
    table->count = 0;
    table->last = 0;
    for (size_t i = 0; i < N_TASK_COLUMNS; i++) {
        table->columns[i].size = 0;
        table->columns[i].varies = false;
    }
}

static bool is_same(const struct task_key *key, const uint8_t *record)
{
    return memcmp(key->ids, record + IDS_AT, sizeof(key->ids)) == 0 &&
           memcmp(key->times, record + TIMES_AT, sizeof(key->times)) == 0;
}

static uint32_t append(struct task_table *table, const struct record_header *record, struct string_table *strings,
                       size_t *used)
{
    size_t before = strings_weight(strings);
    uint32_t comm = strings_intern(strings, record->comm, strnlen(record->comm, COMM_SIZE));
    uint32_t uts = strings_intern(strings, record->uts, strnlen(record->uts, UTS_SIZE));
    const uint64_t values[N_TASK_COLUMNS] = {
        [TASK_COLUMN_tgid] = record->tgid,
        [TASK_COLUMN_tid] = record->tid,
        [TASK_COLUMN_leader_start_ns] = record->leader_start_ns,
        [TASK_COLUMN_thread_start_ns] = record->thread_start_ns,
        [TASK_COLUMN_ppid] = record->ppid,
        [TASK_COLUMN_parent_start_ns] = record->parent_start_ns,
        [TASK_COLUMN_ns_tgid] = record->ns_tgid,
        [TASK_COLUMN_ns_tid] = record->ns_tid,
        [TASK_COLUMN_ns_ppid] = record->ns_ppid,
        [TASK_COLUMN_uid] = record->uid,
        [TASK_COLUMN_mnt_ns] = record->mnt_ns,
        [TASK_COLUMN_pid_ns] = record->pid_ns,
        [TASK_COLUMN_cgroup_id] = record->cgroup_id,
        [TASK_COLUMN_comm] = comm,
        [TASK_COLUMN_uts] = uts,
    };
    for (size_t i = 0; i < N_TASK_COLUMNS; i++)
        *used += column_put(&table->columns[i], table->count, values[i]);
    *used += strings_weight(strings) - before;
    return table->count++;
}

uint32_t tasks_intern(struct task_table *table, const struct record_header *record, struct string_table *strings,
                      size_t *used)
{
    const uint8_t *bytes = (const uint8_t *)record;
    if (table->count > 0 && is_same(&table->keys[table->last], bytes))
        return table->last;
    uint64_t wide = strings_hash(bytes + IDS_AT, sizeof(table->keys->ids), table->seed);
    wide = strings_hash(bytes + TIMES_AT, sizeof(table->keys->times), wide);
    uint32_t hash = (uint32_t)(wide >> 32);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct task_slot *slot = &table->slots[(wide + i) & (SLOTS - 1)];
        if (slot->generation != table->generation) {
            *slot = (struct task_slot){.generation = table->generation, .hash = hash, .index = table->count};
            break;
        }
        if (slot->hash == hash && is_same(&table->keys[slot->index], bytes))
            return table->last = slot->index;
    }
    struct task_key *key = &table->keys[table->count];
    memcpy(key->times, bytes + TIMES_AT, sizeof(key->times));
    memcpy(key->ids, bytes + IDS_AT, sizeof(key->ids));
    table->last = append(table, record, strings, used);
    return table->last;
}

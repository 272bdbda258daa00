/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of a batch, in the order of their field numbers: COLUMN(member of the generated message, field number,
 * kind). Encoder and decoder both come from these lists, so that a new column is one line. kind is U32, U64, S32 or
 * S64; S is zigzag. Includers define COLUMN and take one of the lists; wire_test compares names and numbers with the
 * generated descriptors.
 */
#ifndef VEDETTE_COMMON_WIRE_COLUMNS_H
#define VEDETTE_COMMON_WIRE_COLUMNS_H

/* clang-format off */
#define EVENT_COLUMNS(COLUMN)                                                                                \
    COLUMN(event_id, 8, U32) COLUMN(dt_ns, 9, U64) COLUMN(task, 10, U32) COLUMN(cpu, 11, U32)                \
    COLUMN(ret, 12, S64) COLUMN(flags, 13, U32) COLUMN(syscall, 14, S32) COLUMN(plan_epoch, 15, U32)

#define TASK_COLUMNS(COLUMN)                                                                                 \
    COLUMN(tgid, 2, U32) COLUMN(tid, 3, U32) COLUMN(leader_start_ns, 4, U64) COLUMN(thread_start_ns, 5, U64) \
    COLUMN(ppid, 6, U32) COLUMN(parent_start_ns, 7, U64) COLUMN(ns_tgid, 8, U32) COLUMN(ns_tid, 9, U32)      \
    COLUMN(ns_ppid, 10, U32) COLUMN(uid, 11, U32) COLUMN(mnt_ns, 12, U32) COLUMN(pid_ns, 13, U32)            \
    COLUMN(cgroup_id, 14, U64) COLUMN(comm, 15, U32) COLUMN(uts, 16, U32)
/* clang-format on */

enum {
    FIELD_REQUEST_BATCH = 2,
    FIELD_REQUEST_SNAPSHOT = 3,
    FIELD_BATCH_SESSION = 1,
    FIELD_BATCH_FIRST_SEQ = 2,
    FIELD_BATCH_COUNT = 3,
    FIELD_BATCH_BASE = 4,
    FIELD_BATCH_WALL = 5,
    FIELD_BATCH_STRINGS = 6,
    FIELD_BATCH_TASKS = 7,
    FIELD_BATCH_ARGS = 16,
    FIELD_BATCH_LOSS = 17,
    FIELD_BATCH_STATISTICS = 18,
    FIELD_BATCH_FINAL = 19,
    FIELD_STRINGS_BLOB = 1,
    FIELD_STRINGS_LENGTH = 2,
    FIELD_TASKS_COUNT = 1,
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COMMON_WIRE_DECODE_INTERNAL_H
#define VEDETTE_COMMON_WIRE_DECODE_INTERNAL_H

#include "common/base/arena.h"
#include "common/wire/columns.h"
#include "common/wire/decode.h"
#include "common/wire/limits.h"

enum { DECODER_ERROR_BYTES = 256 };

/* A column read at i & mask: the mask is 0 where one element holds for all. */
#define COLUMN_TYPE_U32                      const uint32_t *
#define COLUMN_TYPE_U64                      const uint64_t *
#define COLUMN_TYPE_S32                      const int32_t *
#define COLUMN_TYPE_S64                      const int64_t *
#define COLUMN_POINTER(name_, field_, kind_) COLUMN_TYPE_##kind_ name_;
#define COLUMN_MASK(name_, field_, kind_)    uint32_t name_##_mask;

struct decoder {
    size_t max_bytes;
    struct arena arena;
    ProtobufCAllocator allocator;
    char error[DECODER_ERROR_BYTES];

    /* The open batch. */
    const struct schema *schema;
    uint32_t count;
    uint32_t next;
    uint32_t next_arg;
    uint64_t seq;
    uint64_t time_ns;
    const uint64_t *args;
    EVENT_COLUMNS(COLUMN_POINTER)
    EVENT_COLUMNS(COLUMN_MASK)
    struct task_view *tasks; /* WIRE_BATCH_TASKS */
    uint32_t n_tasks;
    const uint8_t *blob;
    uint32_t *offsets; /* WIRE_BATCH_STRINGS + 1: string i is blob[offsets[i], offsets[i + 1]) */
    uint32_t n_strings;
};

/* Sets the error; -EBADMSG. */
int decoder_fail(struct decoder *decoder, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests one after another in a file or pipe, as vedette-collector dump writes them and vedette-analyzer decode reads
 * them: eight bytes that say what it is and in which version, then frames of a length (32 bits, little-endian) and
 * that many bytes, each a packed Request. The reader's input is hostile.
 */
#ifndef VEDETTE_COMMON_WIRE_FRAME_H
#define VEDETTE_COMMON_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire/limits.h"

enum { FRAME_MAGIC_BYTES = 8, FRAME_HEAD_BYTES = 4 };

/* What a stream begins with. */
extern const uint8_t frame_magic[FRAME_MAGIC_BYTES];
/* What stands before `size` bytes, at most WIRE_REQUEST_BYTES. */
void frame_head(size_t size, uint8_t ret_head[FRAME_HEAD_BYTES]);

struct frame_reader {
    /* As read(2): 0 at the end, -1 with errno. */
    ssize_t (*read)(void *arg, void *to, size_t size);
    void *arg;
    bool began;        /* the magic was read */
    const char *error; /* words, after a failure */
    uint8_t bytes[WIRE_REQUEST_BYTES];
};

/*
 * The next frame, in reader->bytes until the next call. 1; 0 at the end; -EBADMSG when this is no such stream, a length
 * is 0 or beyond WIRE_REQUEST_BYTES, or the stream ends within a frame; else -errno of `read`. After a failure nothing
 * more can be read.
 */
int frame_read(struct frame_reader *reader, size_t *ret_size);

#endif

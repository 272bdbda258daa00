/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/frame.h"

#include <errno.h>

const uint8_t frame_magic[FRAME_MAGIC_BYTES] = {'V', 'D', 'T', 'D', 'U', 'M', 'P', 1};

void frame_head(size_t size, uint8_t ret_head[FRAME_HEAD_BYTES])
{
    for (int i = 0; i < FRAME_HEAD_BYTES; i++)
        ret_head[i] = (uint8_t)(size >> (8 * i));
}

/* `size` bytes: 1; 0 when the stream ends before the first; -EBADMSG when it ends later; -errno. */
static int read_whole(struct frame_reader *reader, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = reader->read(reader->arg, to + done, size - done);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            reader->error = "it cannot be read";
            return -errno;
        }
        done += (size_t)n;
    }
    if (done == size || done == 0)
        return done == size;
    reader->error = "it ends within a frame: the writer was interrupted, or the file was cut";
    return -EBADMSG;
}

static int fail(struct frame_reader *reader, const char *words)
{
    reader->error = words;
    return -EBADMSG;
}

static int read_magic(struct frame_reader *reader)
{
    uint8_t magic[FRAME_MAGIC_BYTES];
    int result = read_whole(reader, magic, sizeof(magic));
    if (result == 0 || result == -EBADMSG || (result == 1 && memcmp(magic, frame_magic, sizeof(magic) - 1) != 0))
        return fail(reader, "it is not what vedette-collector dump writes");
    if (result == 1 && magic[FRAME_MAGIC_BYTES - 1] != frame_magic[FRAME_MAGIC_BYTES - 1])
        return fail(reader, "it is of another version of vedette-collector dump");
    return result;
}

int frame_read(struct frame_reader *reader, size_t *ret_size)
{
    uint8_t head[FRAME_HEAD_BYTES];
    size_t size = 0;
    int result = reader->error != NULL ? -EBADMSG : 1;
    if (result == 1 && !reader->began) {
        result = read_magic(reader);
        reader->began = true;
    }
    if (result == 1)
        result = read_whole(reader, head, sizeof(head));
    if (result != 1)
        return result;
    for (int i = 0; i < FRAME_HEAD_BYTES; i++)
        size |= (size_t)head[i] << (8 * i);
    if (size == 0 || size > WIRE_REQUEST_BYTES)
        return fail(reader, "a frame has no length that a request may have");
    result = read_whole(reader, reader->bytes, size);
    if (result == 0)
        return fail(reader, "it ends within a frame: the writer was interrupted, or the file was cut");
    if (result == 1)
        *ret_size = size;
    return result;
}

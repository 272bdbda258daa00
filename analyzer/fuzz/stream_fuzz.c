/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as `decode` reads it. The magic is put before the bytes: to guess it teaches nothing. */
#include "analyzer/decode.h"
#include "common/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct input {
    const uint8_t *bytes;
    size_t size, at;
};

static ssize_t take(void *arg, void *to, size_t size)
{
    struct input *input = arg;
    size_t n = 0;
    for (; n < size && input->at < FRAME_MAGIC_BYTES + input->size; n++, input->at++)
        ((uint8_t *)to)[n] =
            input->at < FRAME_MAGIC_BYTES ? frame_magic[input->at] : input->bytes[input->at - FRAME_MAGIC_BYTES];
    return (ssize_t)n;
}

/* Text of one line an event holds no other control character than its end. */
static bool look(void *arg, const char *data, size_t size)
{
    (void)arg;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)data[i] < ' ' && data[i] != '\n')
            abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct frame_reader reader;
    struct input input = {.bytes = bytes, .size = size};
    const struct decode_settings settings = {.json = size % 2 == 0, .write = look};
    log_init("fuzz", LOG_LEVEL_ERROR);
    reader.began = false;
    reader.error = NULL;
    reader.read = take;
    reader.arg = &input;
    decode_stream(&reader, &settings);
    return 0;
}

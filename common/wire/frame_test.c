/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/frame.h"

/* A stream in memory that gives at most `step` bytes at a time. */
struct stream {
    const uint8_t *bytes;
    size_t size, at, step;
    int failure;
};

static ssize_t take(void *arg, void *to, size_t size)
{
    struct stream *stream = arg;
    if (stream->failure != 0) {
        errno = stream->failure;
        stream->failure = 0;
        return -1;
    }
    size_t left = stream->size - stream->at, n = size < left ? size : left;
    n = n < stream->step ? n : stream->step;
    memcpy(to, stream->bytes + stream->at, n);
    stream->at += n;
    return (ssize_t)n;
}

static struct frame_reader reader; /* large */

static void begin(struct stream *stream, const void *bytes, size_t size, size_t step)
{
    *stream = (struct stream){.bytes = bytes, .size = size, .step = step};
    memset(&reader, 0, sizeof(reader));
    reader.read = take;
    reader.arg = stream;
}

static const uint8_t two[] = {'V', 'D', 'T', 'D', 'U', 'M', 'P', 1, 3, 0, 0, 0, 'a', 'b', 'c', 1, 0, 0, 0, 'd'};

static void test_frame_each_step(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof(two); step++) {
        struct stream stream;
        size_t size = 0;
        begin(&stream, two, sizeof(two), step);
        assert_int_equal(frame_read(&reader, &size), 1);
        assert_int_equal(size, 3);
        assert_memory_equal(reader.bytes, "abc", 3);
        assert_int_equal(frame_read(&reader, &size), 1);
        assert_int_equal(size, 1);
        assert_int_equal(reader.bytes[0], 'd');
        assert_int_equal(frame_read(&reader, &size), 0);
        assert_null(reader.error);
    }
}

/* Cut at any byte it is either whole frames or an error, never a part of a frame. */
static void test_frame_each_cut(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < sizeof(two); cut++) {
        struct stream stream;
        size_t size, frames = 0;
        int result;
        begin(&stream, two, cut, sizeof(two));
        while ((result = frame_read(&reader, &size)) == 1)
            frames++;
        bool at_end = cut == 8 || cut == 15;
        assert_int_equal(result, at_end ? 0 : -EBADMSG);
        assert_int_equal(reader.error == NULL, at_end);
        assert_int_equal(frames, cut >= 15);
        assert_int_equal(frame_read(&reader, &size), result); /* and it stays so */
    }
}

static void test_frame_refusals(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[12];
        const char *words;
    } rows[] = {
        {{'V', 'D', 'T', 'D', 'U', 'M', 'P', 2, 1, 0, 0, 0}, "another version"},
        {{'{', '"', 'a', '"', ':', '1', '}', 1, 1, 0, 0, 0}, "not what"},
        {{'V', 'D', 'T', 'D', 'U', 'M', 'P', 1, 0, 0, 0, 0}, "length"},
        {{'V', 'D', 'T', 'D', 'U', 'M', 'P', 1, 1, 0, 4, 0}, "length"},
        {{'V', 'D', 'T', 'D', 'U', 'M', 'P', 1, 255, 255, 255, 255}, "length"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream stream;
        size_t size;
        begin(&stream, rows[i].bytes, sizeof(rows[i].bytes), 64);
        assert_int_equal(frame_read(&reader, &size), -EBADMSG);
        assert_non_null(strstr(reader.error, rows[i].words));
    }
}

static void test_frame_errno(void **state)
{
    (void)state;
    struct stream stream;
    size_t size;
    begin(&stream, two, sizeof(two), 64);
    stream.failure = EINTR;
    assert_int_equal(frame_read(&reader, &size), 1);
    stream.failure = EIO;
    assert_int_equal(frame_read(&reader, &size), -EIO);
}

static void test_frame_head(void **state)
{
    (void)state;
    uint8_t head[FRAME_HEAD_BYTES];
    frame_head(0x030201, head);
    assert_memory_equal(head, ((const uint8_t[]){1, 2, 3, 0}), sizeof(head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame_each_step), cmocka_unit_test(test_frame_each_cut),
        cmocka_unit_test(test_frame_refusals),  cmocka_unit_test(test_frame_errno),
        cmocka_unit_test(test_frame_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

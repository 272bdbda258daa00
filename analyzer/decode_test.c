/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "analyzer/decode.h"
#include "analyzer/ingest/test_collector.h"
#include "common/base/exit_code.h"

struct fixture {
    struct test_collector *collector;
    struct frame_reader reader;
    struct text stream, out;
    size_t at;
    size_t takes; /* bytes that the reader of the output takes, 0: all */
};

static ssize_t take(void *arg, void *to, size_t size)
{
    struct fixture *f = arg;
    size_t left = f->stream.size - f->at, n = size < left ? size : left;
    memcpy(to, f->stream.data + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

static bool keep(void *arg, const char *data, size_t size)
{
    struct fixture *f = arg;
    text_append(&f->out, data, size);
    return f->takes == 0 || f->out.size < f->takes;
}

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->collector = test_collector_new("node1", "boot-1", 9);
    f->reader.read = take;
    f->reader.arg = f;
    text_append(&f->stream, (const char *)frame_magic, FRAME_MAGIC_BYTES);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    test_collector_free(f->collector);
    text_fini(&f->stream);
    text_fini(&f->out);
    free(f);
    return 0;
}

static void add(struct fixture *f, struct test_request request)
{
    uint8_t head[FRAME_HEAD_BYTES];
    frame_head(request.size, head);
    text_append(&f->stream, (const char *)head, sizeof(head));
    text_append(&f->stream, (const char *)request.bytes, request.size);
}

static void add_batch(struct fixture *f, uint64_t first_seq, const char *path)
{
    test_collector_begin(f->collector, first_seq);
    test_collector_exec(f->collector, 5000, path, 10);
    test_collector_open(f->collector, 5000, "/etc/passwd", 11);
    test_collector_loss(f->collector, VEDETTE__V1__LOSS_STAGE__LOSS_RING, 2, 1, 7);
    add(f, test_collector_end(f->collector));
}

/* The stream is played; what came out ends with a NUL. */
static int play(struct fixture *f, bool json)
{
    const struct decode_settings settings = {.json = json, .write = keep, .arg = f};
    int code = decode_stream(&f->reader, &settings);
    text_append(&f->out, "", 1);
    return code;
}

static void test_decode_events(void **test)
{
    struct fixture *f = *test;
    add(f, test_collector_hello(f->collector, 0));
    add_batch(f, 0, "/bin/true");
    add_batch(f, 2, "/bin/false");
    assert_int_equal(play(f, false), EXIT_CODE_OK);
    assert_non_null(strstr(f->out.data, "\"eventName\":\"sched_process_exec\""));
    assert_non_null(strstr(f->out.data, "/bin/false"));
    assert_non_null(strstr(f->out.data, "\"node\":\"node1\""));
    size_t lines = 0;
    for (const char *at = f->out.data; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 4);
    assert_null(strstr(f->out.data, "COVERED"));
}

static void test_decode_coverage(void **test)
{
    struct fixture *f = *test;
    add(f, test_collector_hello(f->collector, EVENT_ptrace));
    assert_int_equal(play(f, true), EXIT_CODE_OK);
    assert_int_equal(f->out.data[0], '[');
    assert_non_null(strstr(f->out.data, "{\"name\":\"ptrace\",\"sets\":["));
    f->at = 0;
    f->out.size = 0;
    f->reader.began = false;
    assert_int_equal(play(f, false), EXIT_CODE_OK);
    assert_non_null(strstr(f->out.data, "EVENT"));
}

/* What is malformed is skipped and told by the exit status; what is around it is shown. */
static void test_decode_skips_what_is_malformed(void **test)
{
    struct fixture *f = *test;
    static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff};
    add_batch(f, 0, "/bin/before-a-hello");
    add(f, test_collector_hello(f->collector, 0));
    for (int i = 0; i < 100; i++)
        add(f, (struct test_request){garbage, sizeof(garbage)});
    add_batch(f, 0, "/bin/after");
    assert_int_equal(play(f, false), EXIT_CODE_RUNTIME);
    assert_null(strstr(f->out.data, "before-a-hello"));
    assert_non_null(strstr(f->out.data, "/bin/after"));
}

static void test_decode_cut(void **test)
{
    struct fixture *f = *test;
    add(f, test_collector_hello(f->collector, 0));
    add_batch(f, 0, "/bin/whole");
    add_batch(f, 2, "/bin/cut");
    f->stream.size--;
    assert_int_equal(play(f, false), EXIT_CODE_RUNTIME);
    assert_non_null(strstr(f->out.data, "/bin/whole"));
    assert_null(strstr(f->out.data, "/bin/cut"));
}

static void test_decode_ends_with_its_reader(void **test)
{
    struct fixture *f = *test;
    f->takes = 1;
    add(f, test_collector_hello(f->collector, 0));
    for (uint64_t i = 0; i < 1000; i++)
        add_batch(f, 2 * i, "/bin/true");
    assert_int_equal(play(f, false), EXIT_CODE_RUNTIME);
    assert_true(f->at < f->stream.size);
}

#define WITH_STREAM(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STREAM(test_decode_events),
        WITH_STREAM(test_decode_coverage),
        WITH_STREAM(test_decode_skips_what_is_malformed),
        WITH_STREAM(test_decode_cut),
        WITH_STREAM(test_decode_ends_with_its_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

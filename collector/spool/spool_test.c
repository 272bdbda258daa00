/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "collector/spool/disk.h"
#include "collector/spool/test_stream.h"
#include "common/events/record.h"

enum { BULK = 1 << CLASS_BULK, MIXED = 1 << CLASS_BULK | 1 << CLASS_CRITICAL, CRITICAL = 1 << CLASS_CRITICAL };

#define SIZE SPOOL_SIZE_MIN

static int setup(void **state)
{
    static struct stream stream;
    stream_new(&stream, SIZE);
    *state = &stream;
    return 0;
}

static int teardown(void **state)
{
    stream_free(*state);
    return 0;
}

static struct spool_figures figures(const struct stream *stream)
{
    struct spool_figures figures;
    spool_read_figures(stream->spool, &figures);
    return figures;
}

/* The queue over its mark, and `count` batches more in the file. */
static void fill(struct stream *stream, size_t count, size_t size, uint32_t classes)
{
    while (!spool_is_active(stream->spool))
        stream_produce(stream, 16 * 1024, MIXED);
    for (size_t i = 0; i < count; i++)
        stream_produce(stream, size, classes);
    stream_wait_stored(stream);
}

static void open_and_start(struct stream *stream)
{
    assert_int_equal(stream_open(stream), 0);
    stream_start(stream);
}

/* --- the way there and back --- */

static void test_idle_while_the_queue_has_room(void **state)
{
    struct stream *stream = *state;
    open_and_start(stream);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_equal(spool_route(stream->spool, stream->queue), stream->queue);
        stream_produce(stream, 1000, MIXED);
        stream_consume(stream);
    }
    assert_false(spool_is_active(stream->spool));
    assert_int_equal(figures(stream).written, 0);
    assert_int_equal(figures(stream).size, SIZE);
}

static void test_all_comes_back_in_order(void **state)
{
    struct stream *stream = *state;
    open_and_start(stream);
    for (int round = 0; round < 3; round++) {
        fill(stream, 100, 20000, MIXED);
        assert_true(figures(stream).batches > 50);
        assert_true(figures(stream).used > 50 * 20000);
        assert_true(figures(stream).oldest_ns > 0);
        stream_consume(stream);
        assert_int_equal(stream->events, stream->seq);
        assert_int_equal(stream->losses, 0);
        /* The next batch takes up the offer to use the queue again. */
        while (spool_route(stream->spool, stream->queue) != stream->queue)
            poll(NULL, 0, 1);
        assert_int_equal(figures(stream).batches, 0);
        assert_int_equal(figures(stream).used, 0);
    }
}

static void test_batches_of_every_size(void **state)
{
    struct stream *stream = *state;
    static const size_t sizes[] = {1, 100, 3967, 3968, 3969, 8064, 8065, 100000, 255 * 1024};
    open_and_start(stream);
    fill(stream, 1, 100, MIXED);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        stream_produce(stream, sizes[i], MIXED);
    stream_consume(stream);
    assert_int_equal(stream->events, stream->seq);
}

static void test_sessions_follow_each_other(void **state)
{
    struct stream *stream = *state;
    open_and_start(stream);
    fill(stream, 20, 10000, MIXED);
    stream_close(stream);
    open_and_start(stream);
    assert_true(spool_is_active(stream->spool)); /* what is there comes before what comes now */
    assert_true(stream->spool_recovery.batches >= 19);
    assert_int_equal(stream->recovery.last_session, STREAM_SESSION);
    assert_int_equal(stream->recovery.last_seq, stream->seq);
    uint64_t first_life = stream->seq;
    stream->session = STREAM_SESSION + 1;
    stream->seq = 0;
    for (int i = 0; i < 20; i++)
        stream_produce(stream, 10000, MIXED);
    stream_consume(stream);
    assert_int_equal(stream->events, first_life + stream->seq);
    assert_int_equal(stream->losses, 0);
}

/* --- no room --- */

static void test_oldest_bulk_goes_first(void **state)
{
    struct stream *stream = *state;
    uint64_t bulk = 0;
    open_and_start(stream);
    fill(stream, 1, 1000, MIXED);
    for (int i = 0; i < 600; i++) {
        stream_produce(stream, 16000, BULK);
        stream_produce(stream, 2000, CRITICAL);
        bulk += STREAM_EVENTS;
    }
    uint64_t last_bulk = stream->seq - 2 * STREAM_EVENTS;
    stream_wait_stored(stream);
    assert_true(figures(stream).evicted_events > 0);
    stream_consume(stream);
    assert_int_equal(stream->events + stream->lost_events, stream->seq);
    assert_int_equal(stream->lost_events, figures(stream).evicted_events);
    assert_int_equal(stream->lost_class, CLASS_BULK);
    assert_true(stream->lost_exact);
    assert_true(stream->lost_events < bulk);
    assert_true(stream->last_lost <= last_bulk); /* the newest are there */
}

static void test_losses_side_by_side_are_few(void **state)
{
    struct stream *stream = *state;
    open_and_start(stream);
    fill(stream, 1, 1000, MIXED);
    for (int i = 0; i < 1000; i++)
        stream_produce(stream, 16000, BULK);
    stream_consume(stream);
    assert_int_equal(stream->events + stream->lost_events, stream->seq);
    assert_in_range(stream->losses, 1, 8);
    assert_true(stream->lost_events > 500 * STREAM_EVENTS);
}

static void test_what_may_not_go_is_kept(void **state)
{
    struct stream *stream = *state;
    size_t refused = 0;
    open_and_start(stream);
    fill(stream, 1, 1000, MIXED);
    for (int i = 0; i < 2000 || refused < 50; i++) {
        refused += !stream_try(stream, 16000, CRITICAL);
        if (refused > 0)
            poll(NULL, 0, 1);
    }
    assert_true(spool_is_tight(stream->spool));
    assert_int_equal(figures(stream).evicted_events, 0);
    stream_consume(stream);
    assert_int_equal(stream->events, stream->seq);
    assert_int_equal(stream->losses, 0);
}

/* --- what a kill, a crash or a disk does --- */

struct place {
    off_t offset;
    struct piece_header header;
};

/* The pieces in the file as they lie there, batches only. */
static size_t find_pieces(const struct stream *stream, struct place *places, size_t capacity)
{
    size_t count = 0;
    int fd = open(stream->spool_path, O_RDONLY | O_CLOEXEC);
    struct piece_header header;
    for (off_t at = DISK_FIRST_BLOCK * DISK_BLOCK; pread(fd, &header, sizeof(header), at) == sizeof(header);
         at += DISK_BLOCK)
        if (header.kind == PIECE_BATCH && header.commit >> 63 == 1 && header.session >= STREAM_SESSION &&
            count < capacity)
            places[count++] = (struct place){at, header};
    close(fd);
    return count;
}

static void overwrite(const struct stream *stream, off_t at, const void *bytes, size_t size)
{
    int fd = open(stream->spool_path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    close(fd);
}

static void flip(const struct stream *stream, off_t at)
{
    uint8_t byte;
    int fd = open(stream->spool_path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* 40 batches of 20 KB in the file, which is closed: places of them in order. */
static size_t close_with_content(struct stream *stream, struct place places[64])
{
    open_and_start(stream);
    fill(stream, 40, 20000, MIXED);
    stream_close(stream);
    size_t count = find_pieces(stream, places, 64);
    assert_in_range(count, 30, 64);
    return count;
}

static void check_one_lost(struct stream *stream, const struct piece_header *lost)
{
    open_and_start(stream);
    assert_int_equal(stream->spool_recovery.lost_parts, 1);
    assert_int_equal(stream->spool_recovery.lost_events, STREAM_EVENTS);
    stream_consume(stream);
    assert_int_equal(stream->events + stream->lost_events, stream->seq);
    assert_int_equal(stream->losses, 1);
    assert_int_equal(stream->first_lost, lost->first_seq);
    assert_int_equal(stream->last_lost, lost->next_seq);
    assert_true(stream->lost_exact);
}

static void test_flipped_byte_is_a_marked_range(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    size_t count = close_with_content(stream, places);
    flip(stream, places[count / 2].offset + (off_t)sizeof(struct piece_header) + 12345);
    check_one_lost(stream, &places[count / 2].header);
}

static void test_flipped_header_is_a_marked_range(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    size_t count = close_with_content(stream, places);
    flip(stream, places[count / 3].offset + 40);
    check_one_lost(stream, &places[count / 3].header);
}

static void test_first_piece_is_missed_too(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    close_with_content(stream, places);
    flip(stream, places[0].offset);
    check_one_lost(stream, &places[0].header);
}

static void test_torn_tail(void **state)
{
    struct stream *stream = *state;
    static const uint8_t nothing[DISK_BLOCK];
    struct place places[64];
    size_t count = close_with_content(stream, places);
    overwrite(stream, places[count - 1].offset + 2 * DISK_BLOCK, nothing, sizeof(nothing));
    check_one_lost(stream, &places[count - 1].header);
}

static void test_tail_that_never_reached_the_disk(void **state)
{
    struct stream *stream = *state;
    static const uint8_t nothing[DISK_BLOCK];
    struct place places[64];
    size_t count = close_with_content(stream, places);
    for (int i = 0; i < 5; i++)
        overwrite(stream, places[count - 1].offset + i * DISK_BLOCK, nothing, sizeof(nothing));
    check_one_lost(stream, &places[count - 1].header);
}

static void test_truncated_file(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    size_t count = close_with_content(stream, places);
    assert_int_equal(truncate(stream->spool_path, places[count - 10].offset), 0);
    open_and_start(stream);
    assert_int_equal(stream->spool_recovery.lost_parts, 1);
    assert_int_equal(stream->spool_recovery.lost_events, 10 * STREAM_EVENTS);
    stream_consume(stream);
    assert_int_equal(stream->events, stream->seq - 10 * STREAM_EVENTS);
    assert_int_equal(stream->lost_events, 10 * STREAM_EVENTS);
}

static void test_slots_that_are_gone(void **state)
{
    struct stream *stream = *state;
    static const uint8_t nothing[2 * DISK_BLOCK];
    struct place places[64];
    close_with_content(stream, places);
    overwrite(stream, DISK_BLOCK, nothing, sizeof(nothing));
    open_and_start(stream);
    stream_consume(stream); /* what came back before is there twice at most: the stream knows it */
    assert_int_equal(stream->events, stream->seq);
}

static void test_damage_while_running(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    open_and_start(stream);
    fill(stream, 40, 20000, CRITICAL);
    size_t count = find_pieces(stream, places, 64);
    flip(stream, places[count / 2].offset + 5000);
    stream_consume(stream);
    assert_int_equal(stream->lost_events, STREAM_EVENTS);
    assert_int_equal(stream->first_lost, places[count / 2].header.first_seq);
    assert_int_equal(stream->lost_class, CLASS_CRITICAL);
    assert_int_equal(stream->events + stream->lost_events, stream->seq);
    assert_int_equal(figures(stream).errors, 1);
}

static void test_file_cut_while_running(void **state)
{
    struct stream *stream = *state;
    open_and_start(stream);
    fill(stream, 40, 20000, MIXED);
    assert_int_equal(truncate(stream->spool_path, DISK_FIRST_BLOCK * DISK_BLOCK), 0);
    stream_consume(stream);
    assert_true(stream->lost_events > 30 * STREAM_EVENTS);
    assert_int_equal(stream->events + stream->lost_events, stream->seq);
    fill(stream, 10, 20000, MIXED); /* and it goes on */
    stream_consume(stream);
    assert_int_equal(stream->events + stream->lost_events, stream->seq);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A real failure of pwrite, whoever calls: beyond this limit the kernel refuses. */
static void test_disk_fails_and_works_again(void **state)
{
    struct stream *stream = *state;
    signal(SIGXFSZ, SIG_IGN);
    open_and_start(stream);
    fill(stream, 10, 20000, MIXED);
    limit_files(DISK_BLOCK);
    uint64_t before = figures(stream).written;
    for (int i = 0; i < 50; i++)
        stream_produce(stream, 20000, MIXED);
    while (figures(stream).errors == 0)
        poll(NULL, 0, 1);
    assert_in_range(figures(stream).written, before, before + 1);
    limit_files(RLIM_INFINITY);
    stream_wait_stored(stream); /* by the thread's own next try */
    assert_true(figures(stream).written > before + 10);
    stream_consume(stream);
    assert_int_equal(stream->events, stream->seq);
    assert_int_equal(stream->losses, 0);
}

/* --- starting --- */

static void test_another_boot(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    size_t count = close_with_content(stream, places);
    stream->boot_id = "0b5d6c1e-0000-4000-8000-00000000000b";
    assert_int_equal(stream_open(stream), 0);
    assert_int_equal(stream->spool_recovery.dropped_boot, count);
    assert_int_equal(stream->spool_recovery.dropped_boot_events, count * STREAM_EVENTS);
    assert_int_equal(stream->spool_recovery.batches, 0);
    assert_false(spool_is_active(stream->spool));
}

static void test_another_size(void **state)
{
    struct stream *stream = *state;
    struct place places[64];
    close_with_content(stream, places);
    stream->size = 2 * SIZE;
    open_and_start(stream);
    assert_int_equal(figures(stream).size, SIZE); /* as long as there is something in it */
    stream_consume(stream);
    assert_int_equal(stream->events, stream->seq);
    while (spool_route(stream->spool, stream->queue) != stream->queue)
        poll(NULL, 0, 1);
    stream_close(stream);
    open_and_start(stream);
    assert_int_equal(figures(stream).size, 2 * SIZE);
}

static void test_not_a_spool(void **state)
{
    struct stream *stream = *state;
    int fd = open(stream->spool_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "something else", 14), 14);
    assert_int_equal(stream_open(stream), 0);
    assert_true(stream->spool_recovery.foreign);
    stream_close(stream);
    assert_int_equal(fchmod(fd, 0644), 0);
    close(fd);
    assert_int_equal(stream_open(stream), -EPERM);
}

static void test_one_at_a_time(void **state)
{
    struct stream *stream = *state;
    struct stream other;
    stream_new(&other, SIZE);
    assert_int_equal(stream_open(stream), 0);
    memcpy(other.spool_path, stream->spool_path, sizeof(other.spool_path));
    assert_int_equal(stream_open(&other), -EBUSY);
    stream_free(&other);
}

static void test_no_room_at_the_start(void **state)
{
    struct stream *stream = *state;
    signal(SIGXFSZ, SIG_IGN);
    struct queue *queue;
    struct queue_recovery recovery;
    assert_int_equal(queue_open(stream->inlet_path, 4 << 20, STREAM_BOOT, &queue, &recovery), 0);
    queue_close(queue);
    stream->size = 2 * SIZE;
    limit_files(6 << 20);
    assert_int_equal(stream_open(stream), -EFBIG);
    limit_files(RLIM_INFINITY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_idle_while_the_queue_has_room),
        TEST(test_all_comes_back_in_order),
        TEST(test_batches_of_every_size),
        TEST(test_sessions_follow_each_other),
        TEST(test_oldest_bulk_goes_first),
        TEST(test_losses_side_by_side_are_few),
        TEST(test_what_may_not_go_is_kept),
        TEST(test_flipped_byte_is_a_marked_range),
        TEST(test_flipped_header_is_a_marked_range),
        TEST(test_first_piece_is_missed_too),
        TEST(test_torn_tail),
        TEST(test_tail_that_never_reached_the_disk),
        TEST(test_truncated_file),
        TEST(test_slots_that_are_gone),
        TEST(test_damage_while_running),
        TEST(test_file_cut_while_running),
        TEST(test_disk_fails_and_works_again),
        TEST(test_another_boot),
        TEST(test_another_size),
        TEST(test_not_a_spool),
        TEST(test_one_at_a_time),
        TEST(test_no_room_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

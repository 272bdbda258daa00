/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collector/queue/checksum.h"
#include "collector/queue/layout.h"
#include "common/base/clock.h"

static const char boot[] = "0b5d6c1e-0000-4000-8000-00000000000a";
static const char other_boot[] = "0b5d6c1e-0000-4000-8000-00000000000b";

enum { RING = 256 * 1024, RING_AT = 2 * QUEUE_AREA };

struct fixture {
    char folder[64];
    char path[96];
    struct queue *queue;
    struct queue_recovery recovery;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/vedette-queue-test.XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/queue", fixture->folder);
    assert_int_equal(queue_open(fixture->path, RING, boot, &fixture->queue, &fixture->recovery), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char lock[128];
    queue_close(fixture->queue);
    unlink(fixture->path);
    snprintf(lock, sizeof(lock), "%s.lock", fixture->path);
    unlink(lock);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void reopen_as(struct fixture *fixture, size_t size, const char *boot_id)
{
    queue_close(fixture->queue);
    fixture->queue = NULL;
    assert_int_equal(queue_open(fixture->path, size, boot_id, &fixture->queue, &fixture->recovery), 0);
}

static void reopen(struct fixture *fixture)
{
    reopen_as(fixture, RING, boot);
}

/* Bytes that only this sequence has. */
static uint8_t pattern(uint64_t seq, size_t i)
{
    return (uint8_t)(seq * 31 + i * 7 + (i >> 8));
}

static bool put(struct queue *queue, uint64_t session, uint64_t first, uint64_t count, size_t size)
{
    uint8_t *bytes = queue_reserve(queue, size);
    if (!bytes)
        return false;
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(first, i);
    queue_commit(
        queue,
        &(struct queue_entry){.session = session, .first_seq = first, .next_seq = first + count, .time_ns = first + 1},
        size);
    return true;
}

static bool is_intact(const struct queue_entry *entry)
{
    for (size_t i = 0; i < entry->size; i++)
        if (entry->bytes[i] != pattern(entry->first_seq, i))
            return false;
    return true;
}

static void expect_next(struct queue *queue, uint64_t session, uint64_t first)
{
    const struct queue_entry *entry = queue_next(queue);
    assert_non_null(entry);
    assert_int_equal(entry->session, session);
    assert_int_equal(entry->first_seq, first);
    assert_int_equal(entry->time_ns, first + 1);
    assert_true(is_intact(entry));
}

/* The published test vectors of XXH64. */
static void test_checksum_vectors(void **state)
{
    (void)state;
    assert_true(checksum("", 0, 0) == 0xef46db3751d8e999ull);
    assert_true(checksum("abc", 3, 0) == 0x44bc2cf5ad770999ull);
    assert_true(checksum("Nobody inspects the spammish repetition", 39, 0) == 0xfbcea83c8a378bf1ull);
}

static void test_queue_fill(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    uint64_t count = 0;
    assert_null(queue_next(queue));
    assert_true(queue_is_delivered(queue));
    while (put(queue, 1, count, 1, 1000))
        count++;
    assert_int_equal(count, RING / 1088); /* 1,000 bytes and a header, in steps of 64 */
    assert_int_equal(queue_count(queue), count);
    assert_false(queue_is_delivered(queue));
    for (uint64_t i = 0; i < count; i++)
        expect_next(queue, 1, i);
    assert_null(queue_next(queue));

    queue_set_durable(queue, 1, 10);
    assert_int_equal(queue_used(queue), (count - 10) * 1088);
    assert_true(put(queue, 1, count, 1, 1000));
    queue_set_durable(queue, 1, count + 1);
    assert_int_equal(queue_used(queue), 0);
    assert_true(queue_is_delivered(queue));
}

static void test_queue_wrap(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    unsigned int random = 1;
    uint64_t written = 0, read = 0;
    while (written < 5000) {
        size_t size = (size_t)rand_r(&random) % 20000;
        if (put(queue, 1, written, 1, size)) {
            written++;
            continue;
        }
        for (uint64_t until = read + 1 + (uint64_t)rand_r(&random) % (written - read); read < until; read++)
            expect_next(queue, 1, read);
        queue_set_durable(queue, 1, read);
    }
    assert_true(queue->head > 10 * RING);
    for (; read < written; read++)
        expect_next(queue, 1, read);
    assert_null(queue_next(queue));
    assert_int_equal(queue_damaged(queue), 0);
}

static void test_queue_reserve_bounds(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    assert_null(queue_reserve(queue, RING));
    assert_null(queue_reserve(queue, SIZE_MAX));
    assert_null(queue_reserve(queue, RING / 2));
    assert_non_null(queue_reserve(queue, RING / 2 - sizeof(struct entry_header)));
    assert_true(put(queue, 1, 0, 1, 0));
    /* From any position, the largest entry finds room in an empty ring. */
    for (uint64_t seq = 1; seq < 50; seq++) {
        queue_set_durable(queue, 1, seq);
        assert_true(queue_is_delivered(queue));
        assert_true(put(queue, 1, seq, 1, RING / 2 - sizeof(struct entry_header) - (size_t)(seq % 3) * 64));
    }
}

static void test_queue_reserve_commits_less(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    for (uint64_t seq = 0; seq < 40; seq++) {
        uint8_t *bytes = queue_reserve(queue, 100000);
        assert_non_null(bytes);
        for (size_t i = 0; i < 10; i++)
            bytes[i] = pattern(seq, i);
        queue_commit(
            queue, &(struct queue_entry){.session = 1, .first_seq = seq, .next_seq = seq + 1, .time_ns = seq + 1}, 10);
        expect_next(queue, 1, seq);
        queue_set_durable(queue, 1, seq + 1);
    }
}

static void test_queue_rewind(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    for (uint64_t seq = 0; seq < 10; seq++)
        put(queue, 1, seq, 1, 100);
    for (uint64_t seq = 0; seq < 7; seq++)
        expect_next(queue, 1, seq);
    queue_set_durable(queue, 1, 3);
    expect_next(queue, 1, 7);
    queue_rewind(queue);
    expect_next(queue, 1, 3);
}

static void test_queue_durable_sessions(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    put(queue, 1, 0, 10, 100);
    put(queue, 1, 10, 10, 100);
    put(queue, 2, 0, 10, 100);
    put(queue, 2, 10, 10, 100);
    queue_set_durable(queue, 9, 1000); /* a session that is not queued says nothing about the others */
    assert_int_equal(queue_count(queue), 4);
    queue_set_durable(queue, 2, 0); /* nothing of it is durable, so the older one may not be either */
    assert_int_equal(queue_count(queue), 4);
    queue_set_durable(queue, 1, 9); /* the middle of an entry */
    assert_int_equal(queue_count(queue), 4);
    queue_set_durable(queue, 1, 10);
    assert_int_equal(queue_count(queue), 3);
    queue_set_durable(queue, 2, 10);
    assert_int_equal(queue_count(queue), 1);
    expect_next(queue, 2, 10);
}

/* An entry of loss records only does not move the cursor: it may go when it was given, or with one behind it. */
static void test_queue_durable_without_events(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    put(queue, 1, 0, 10, 100);
    put(queue, 1, 10, 0, 100);
    put(queue, 1, 10, 0, 100);
    expect_next(queue, 1, 0);
    queue_set_durable(queue, 1, 10);
    assert_int_equal(queue_count(queue), 2);
    expect_next(queue, 1, 10);
    queue_set_durable(queue, 1, 10);
    assert_int_equal(queue_count(queue), 1);
    put(queue, 1, 10, 5, 100);
    queue_set_durable(queue, 1, 15);
    assert_true(queue_is_delivered(queue));
    assert_null(queue_next(queue));
}

static void test_queue_forget(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    for (uint64_t seq = 0; seq < 4; seq++)
        put(queue, 1, seq, 1, 100);
    expect_next(queue, 1, 0);
    expect_next(queue, 1, 1);
    const struct queue_entry *refused = queue_next(queue);
    queue_forget(queue, refused->position);
    assert_int_equal(queue_count(queue), 4); /* those before it are not durable yet */
    queue_rewind(queue);
    expect_next(queue, 1, 0);
    expect_next(queue, 1, 1);
    expect_next(queue, 1, 3);
    queue_set_durable(queue, 1, 2);
    assert_int_equal(queue_count(queue), 1);
    queue_rewind(queue);
    expect_next(queue, 1, 3);
}

/* Nothing behind the forgotten is given while there is no room to remember one more; what lies before them is, after a
 * rewind. */
static void test_queue_forget_many(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    for (uint64_t seq = 0; seq < 40; seq++)
        put(queue, 1, seq, 1, 100);
    expect_next(queue, 1, 0);
    for (uint64_t seq = 1; seq <= QUEUE_FORGOTTEN; seq++) {
        expect_next(queue, 1, seq);
        queue_forget(queue, queue->entry.position);
    }
    assert_null(queue_next(queue));
    struct pollfd fd = {.fd = queue_worker_fd(queue), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 0), 0); /* who waits for it does not spin */
    queue_rewind(queue);
    expect_next(queue, 1, 0);
    assert_null(queue_next(queue));
    queue_set_durable(queue, 1, 1);
    assert_int_equal(queue_count(queue), 40 - 1 - QUEUE_FORGOTTEN); /* the forgotten went with it */
    for (uint64_t seq = 1 + QUEUE_FORGOTTEN; seq < 40; seq++)
        expect_next(queue, 1, seq);
    assert_null(queue_next(queue));
    /* Refused from the oldest on, none ever waits. */
    for (uint64_t seq = 40; seq < 40 + 3 * QUEUE_FORGOTTEN; seq++)
        put(queue, 2, seq, 1, 100);
    queue_set_durable(queue, 1, 40);
    for (uint64_t seq = 40; seq < 40 + 3 * QUEUE_FORGOTTEN; seq++) {
        expect_next(queue, 2, seq);
        queue_forget(queue, queue->entry.position);
    }
    assert_true(queue_is_delivered(queue));
}

static void test_queue_second_opener(void **state)
{
    struct fixture *fixture = *state;
    struct queue *second = NULL;
    struct queue_recovery recovery;
    assert_int_equal(queue_open(fixture->path, RING, boot, &second, &recovery), -EBUSY);
    assert_null(second);
    /* The lock lives in this process alone: a child that has closed its descriptors does not prolong it. */
    reopen(fixture);
}

static void test_queue_bad_arguments(void **state)
{
    struct fixture *fixture = *state;
    struct queue *queue = NULL;
    struct queue_recovery recovery;
    assert_int_equal(queue_open(fixture->path, QUEUE_SIZE_MIN - 1, boot, &queue, &recovery), -EINVAL);
    assert_int_equal(queue_open(fixture->path, QUEUE_SIZE_MAX + 1, boot, &queue, &recovery), -EINVAL);
    assert_int_equal(queue_open(fixture->path, QUEUE_SIZE_MAX, boot, &queue, &recovery),
                     -EBUSY); /* a size as good as any */
    assert_int_equal(queue_open("/tmp/vedette-queue-test.none/queue", RING, boot, &queue, &recovery), -ENOENT);
    char link_path[128];
    snprintf(link_path, sizeof(link_path), "%s/link", fixture->folder);
    assert_int_equal(symlink(fixture->path, link_path), 0);
    assert_int_equal(queue_open(link_path, RING, boot, &queue, &recovery), -ELOOP);
    unlink(link_path);
    snprintf(link_path, sizeof(link_path), "%s/link.lock", fixture->folder);
    unlink(link_path);
}

static void test_queue_recovery_keeps(void **state)
{
    struct fixture *fixture = *state;
    assert_true(fixture->recovery.fresh);
    assert_int_equal(fixture->recovery.last_session, 0);
    for (uint64_t seq = 0; seq < 10; seq++)
        put(fixture->queue, 5, seq, 1, 5000);
    queue_set_drained(fixture->queue, 777, 5, 10);
    put(fixture->queue, 5, 10, 3, 5000);
    queue_set_durable(fixture->queue, 5, 4);
    reopen(fixture);
    assert_false(fixture->recovery.fresh);
    assert_int_equal(fixture->recovery.entries, 7);
    assert_int_equal(fixture->recovery.dropped, 0);
    assert_int_equal(fixture->recovery.last_session, 5);
    assert_int_equal(fixture->recovery.last_seq, 13);
    assert_int_equal(fixture->recovery.last_alive_ns, 777);
    for (uint64_t seq = 4; seq < 11; seq++)
        expect_next(fixture->queue, 5, seq);
}

/* What was delivered leaves nothing in the ring, but how far the life came is still known. */
static void test_queue_recovery_of_empty(void **state)
{
    struct fixture *fixture = *state;
    queue_set_drained(fixture->queue, 100, 5, 0);
    put(fixture->queue, 5, 0, 20, 100);
    queue_set_drained(fixture->queue, 200, 5, 20);
    put(fixture->queue, 5, 20, 2, 100);
    queue_set_durable(fixture->queue, 5, 22);
    reopen(fixture);
    assert_int_equal(fixture->recovery.entries, 0);
    assert_int_equal(fixture->recovery.last_session, 5);
    assert_int_equal(fixture->recovery.last_seq, 22);
    assert_int_equal(fixture->recovery.last_alive_ns, 200);
    /* A time to come is nonsense: an absence cannot begin later than now. */
    queue_set_drained(fixture->queue, UINT64_MAX, 5, 22);
    reopen(fixture);
    assert_true(fixture->recovery.last_alive_ns <= clock_boot_ns());
}

static void test_queue_recovery_other_boot(void **state)
{
    struct fixture *fixture = *state;
    put(fixture->queue, 5, 0, 1, 100);
    put(fixture->queue, 5, 1, 1, 100);
    queue_set_drained(fixture->queue, 777, 5, 2);
    reopen_as(fixture, RING, other_boot);
    assert_true(fixture->recovery.fresh);
    assert_int_equal(fixture->recovery.entries, 0);
    assert_int_equal(fixture->recovery.dropped, 0);
    assert_int_equal(fixture->recovery.dropped_boot, 2);
    assert_int_equal(fixture->recovery.dropped_boot_events, 2);
    assert_false(fixture->recovery.foreign);
    assert_int_equal(fixture->recovery.last_session, 0);
    assert_int_equal(fixture->recovery.last_alive_ns, 0);
    assert_null(queue_next(fixture->queue));
}

static void test_queue_recovery_other_size(void **state)
{
    struct fixture *fixture = *state;
    put(fixture->queue, 5, 0, 1, 100);
    queue_set_drained(fixture->queue, 777, 5, 1);
    reopen_as(fixture, 2 * RING, boot);
    assert_int_equal(fixture->recovery.entries, 1);
    assert_int_equal(queue_size(fixture->queue), RING); /* rather the old size than a lost entry */
    queue_set_durable(fixture->queue, 5, 1);
    reopen_as(fixture, 2 * RING, boot);
    assert_true(fixture->recovery.fresh);
    assert_int_equal(queue_size(fixture->queue), 2 * RING);
    assert_int_equal(fixture->recovery.last_session, 5);
    assert_int_equal(fixture->recovery.last_alive_ns, 777);
}

static void poke(const struct fixture *fixture, off_t offset, const void *bytes, size_t size)
{
    int fd = open(fixture->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

static void test_queue_recovery_other_layout(void **state)
{
    struct fixture *fixture = *state;
    uint32_t layout = QUEUE_LAYOUT + 1;
    assert_true(fixture->recovery.fresh);
    assert_false(fixture->recovery.foreign); /* there was none */
    put(fixture->queue, 5, 0, 1, 100);
    queue_put_plan(fixture->queue, &(struct plan_request){.epoch = 3});
    poke(fixture, offsetof(struct drain_area, layout), &layout, sizeof(layout));
    reopen(fixture);
    assert_true(fixture->recovery.fresh);
    assert_true(fixture->recovery.foreign);
    assert_false(fixture->recovery.has_plan);
    assert_null(queue_next(fixture->queue));
    /* One whose maker was killed before it was done is simply made anew. */
    uint64_t no_magic = 0;
    poke(fixture, offsetof(struct drain_area, magic), &no_magic, sizeof(no_magic));
    reopen(fixture);
    assert_true(fixture->recovery.fresh);
    assert_false(fixture->recovery.foreign);
    /* Nor one that others may write, nor one that was cut. */
    put(fixture->queue, 5, 0, 1, 100);
    assert_int_equal(chmod(fixture->path, 0666), 0);
    reopen(fixture);
    assert_true(fixture->recovery.fresh);
    assert_true(fixture->recovery.foreign);
    put(fixture->queue, 5, 0, 1, 100);
    assert_int_equal(truncate(fixture->path, 1000), 0);
    reopen(fixture);
    assert_true(fixture->recovery.fresh);
    assert_true(fixture->recovery.foreign);
}

/* What was written under another event table cannot be sent, but neither is it gone without a word, nor is the absence.
 */
static void test_queue_recovery_other_events(void **state)
{
    struct fixture *fixture = *state;
    uint64_t events = fixture->queue->salt; /* any other */
    put(fixture->queue, 5, 0, 10, 1000);
    queue_set_drained(fixture->queue, 777, 5, 10);
    put(fixture->queue, 5, 10, 3, 1000);
    put(fixture->queue, 5, 13, 4, 1000);
    poke(fixture, offsetof(struct drain_area, events), &events, sizeof(events));
    reopen(fixture);
    const struct queue_recovery *recovery = &fixture->recovery;
    assert_true(recovery->fresh);
    assert_false(recovery->foreign);
    assert_int_equal(recovery->entries, 0);
    assert_int_equal(recovery->dropped, 0);
    assert_int_equal(recovery->dropped_schema, 3);
    assert_int_equal(recovery->dropped_schema_events, 17);
    assert_int_equal(recovery->dropped_from_ns, 1);
    assert_int_equal(recovery->dropped_to_ns, 14);
    assert_int_equal(recovery->last_session, 5);
    assert_int_equal(recovery->last_seq, 17);
    assert_int_equal(recovery->last_alive_ns, 777);
    assert_null(queue_next(fixture->queue));
    assert_true(queue_is_delivered(fixture->queue));
    /* The new file knows it too, should this life end before it can tell. */
    reopen(fixture);
    assert_false(recovery->fresh);
    assert_int_equal(recovery->dropped_schema, 0);
    assert_int_equal(recovery->last_session, 5);
    assert_int_equal(recovery->last_seq, 17);
    assert_int_equal(recovery->last_alive_ns, 777);
}

static void expect_plan(const struct fixture *fixture, uint32_t epoch, size_t selected)
{
    assert_true(fixture->recovery.has_plan);
    assert_int_equal(fixture->recovery.plan.epoch, epoch);
    assert_int_equal(fixture->recovery.plan.need_snapshot, 0);
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        assert_int_equal(fixture->recovery.plan.selected[id], id == selected);
}

/* A life without its analyzer starts with the plan of the last that had one; the analyzer's next is new all the same.
 */
static void test_queue_recovery_plan(void **state)
{
    struct fixture *fixture = *state;
    struct plan_request plan = {.epoch = 7, .need_snapshot = 2}, taken;
    uint64_t events = fixture->queue->salt;
    assert_false(fixture->recovery.has_plan);
    queue_put_plan(fixture->queue, &(struct plan_request){.need_snapshot = 1}); /* no plan yet */
    reopen(fixture);
    assert_false(fixture->recovery.has_plan);

    plan.selected[5] = 1;
    queue_put_plan(fixture->queue, &plan);
    reopen(fixture);
    expect_plan(fixture, 7, 5);
    uint32_t epoch = 0, snapshot = 0;
    assert_false(queue_take_plan(fixture->queue, &epoch, &snapshot, &taken));
    assert_false(queue_peek_plan(fixture->queue, &taken));
    reopen(fixture); /* without an analyzer in between */
    expect_plan(fixture, 7, 5);
    reopen_as(fixture, 2 * RING, boot);
    expect_plan(fixture, 7, 5);
    reopen_as(fixture, RING, other_boot);
    expect_plan(fixture, 7, 5);
    poke(fixture, offsetof(struct drain_area, events), &events, sizeof(events));
    reopen(fixture);
    expect_plan(fixture, 7, 5);
    queue_put_plan(fixture->queue, &plan);
    assert_true(queue_take_plan(fixture->queue, &epoch, &snapshot, &taken));
    assert_int_equal(taken.epoch, 7);
}

/* What is torn or makes no sense is no plan; the one before it still is. */
static void test_queue_recovery_bad_plan(void **state)
{
    struct fixture *fixture = *state;
    struct plan_request plan = {.epoch = 7};
    plan.selected[5] = 1;
    queue_put_plan(fixture->queue, &plan);
    reopen(fixture);
    plan.epoch = 8;
    plan.selected[6] = 77;
    queue_put_plan(fixture->queue, &plan);
    reopen(fixture);
    expect_plan(fixture, 7, 5);
    queue_put_plan(fixture->queue, &(struct plan_request){.epoch = 9});
    atomic_fetch_add(&fixture->queue->worker->plan_sequence, 1);
    reopen(fixture);
    expect_plan(fixture, 7, 5);
    uint8_t other = 1;
    poke(fixture, offsetof(struct drain_area, plan) + offsetof(struct plan_request, selected) + 9, &other, 1);
    reopen(fixture);
    assert_false(fixture->recovery.has_plan);
}

/* Each field of the third of five entries in turn: two stay, three are given up, and none of the three ever comes back.
 */
static void test_queue_recovery_torn(void **state)
{
    static const size_t fields[] = {
        offsetof(struct entry_header, commit),
        offsetof(struct entry_header, kind),
        offsetof(struct entry_header, size),
        offsetof(struct entry_header, session),
        offsetof(struct entry_header, first_seq),
        offsetof(struct entry_header, next_seq),
        offsetof(struct entry_header, time_ns),
        offsetof(struct entry_header, checksum),
        sizeof(struct entry_header),
        sizeof(struct entry_header) + 999,
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        uint64_t start = fixture->queue->head;
        assert_true(start % RING + 5 * 1088 < RING);
        for (uint64_t seq = 0; seq < 5; seq++)
            assert_true(put(fixture->queue, 5, 100 + seq, 1, 1000));
        off_t at = (off_t)(RING_AT + start % RING + 2 * 1088 + fields[i]);
        uint8_t byte = fixture->queue->view[at];
        byte ^= 0x55;
        poke(fixture, at, &byte, 1);
        reopen(fixture);
        assert_int_equal(fixture->recovery.entries, 2);
        assert_in_range(fixture->recovery.dropped, 1, 3);
        assert_int_equal(fixture->recovery.events, 2);
        assert_true(fixture->recovery.dropped_events < fixture->recovery.dropped); /* of the torn one it is not known */
        /* A new entry that ends just where the fourth began. */
        assert_true(put(fixture->queue, 6, 102, 1, 1000));
        reopen(fixture);
        assert_int_equal(fixture->recovery.entries, 3);
        assert_int_equal(fixture->recovery.dropped, 0);
        expect_next(fixture->queue, 5, 100);
        expect_next(fixture->queue, 5, 101);
        expect_next(fixture->queue, 6, 102);
        assert_null(queue_next(fixture->queue));
        queue_set_durable(fixture->queue, 6, 103);
        assert_true(queue_is_delivered(fixture->queue));
    }
}

static void test_queue_hostile_cursors(void **state)
{
    struct fixture *fixture = *state;
    struct queue *queue = fixture->queue;
    for (uint64_t seq = 0; seq < 100; seq++)
        put(queue, 1, seq, 1, 1000);
    queue_set_durable(queue, 1, 50);
    for (uint64_t seq = 100; put(queue, 1, seq, 1, 1000); seq++)
        ; /* full, and the drain has seen the cursor */
    uint64_t used = queue_used(queue);
    const uint64_t lies[] = {0, queue->tail - 1, queue->head + 1, queue->head + RING, UINT64_MAX, 1ull << 63};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        atomic_store(&queue->worker->tail, lies[i]);
        assert_int_equal(queue_used(queue), used);
        assert_false(queue_is_delivered(queue));
        assert_null(queue_reserve(queue, 1000)); /* not over what is still waiting */
    }
    /* A cursor within bounds that points into an entry costs the next worker what is queued, and it says so. */
    atomic_store(&queue->worker->tail, queue->tail + 64);
    queue_rewind(queue);
    assert_null(queue_next(queue));
    assert_int_equal(queue_damaged(queue), 1);
    assert_true(queue_is_delivered(queue));
    put(queue, 1, 500, 1, 100);
    expect_next(queue, 1, 500);
    /* One beyond the head too, and the drain then sees what the next worker does. */
    atomic_store(&queue->worker->tail, UINT64_MAX);
    queue_rewind(queue);
    put(queue, 1, 501, 1, 100);
    expect_next(queue, 1, 501);
    assert_false(queue_is_delivered(queue));
    queue_set_durable(queue, 1, 502);
    assert_true(queue_is_delivered(queue));
    /* And a drain that starts anew. */
    const uint64_t more[] = {UINT64_MAX, 1ull << 62, 17, 64};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        atomic_store(&fixture->queue->worker->tail, more[i]);
        reopen(fixture);
        assert_int_equal(fixture->recovery.entries, 0);
        uint64_t seq = 1000 + i;
        assert_true(put(fixture->queue, 1, seq, 1, 100));
        expect_next(fixture->queue, 1, seq);
        queue_set_durable(fixture->queue, 1, seq + 1);
    }
}

static void test_queue_plan(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    struct plan_request plan = {.epoch = 7}, taken;
    uint32_t epoch = 0, snapshot = 0;
    assert_false(queue_take_plan(queue, &epoch, &snapshot, &taken));
    plan.selected[5] = 1;
    plan.selected[6] = 77; /* only zero or not counts */
    plan.scopes.of_event[5] = 1;
    plan.scopes.n_values = SCOPE_VALUES + 1; /* nobody knows what that should be: everybody's */
    queue_put_plan(queue, &plan);
    assert_true(queue_take_plan(queue, &epoch, &snapshot, &taken));
    assert_int_equal(epoch, 7);
    assert_int_equal(taken.selected[5], 1);
    assert_int_equal(taken.selected[6], 1);
    assert_int_equal(taken.selected[7], 0);
    assert_int_equal(taken.scopes.of_event[5], 0);
    assert_false(queue_take_plan(queue, &epoch, &snapshot, &taken));
    plan.need_snapshot = 1;
    queue_put_plan(queue, &plan);
    assert_true(queue_take_plan(queue, &epoch, &snapshot, &taken));
    assert_int_equal(snapshot, 1);
    /* A writer that never finishes, and one that died in between and was replaced. */
    atomic_fetch_add(&queue->worker->plan_sequence, 1);
    epoch = 0;
    assert_false(queue_take_plan(queue, &epoch, &snapshot, &taken));
    plan.epoch = 8;
    queue_put_plan(queue, &plan);
    assert_true(queue_take_plan(queue, &epoch, &snapshot, &taken));
    assert_int_equal(epoch, 8);
}

/* A writer in another process that never pauses: every copy taken is of one piece. */
static void test_queue_plan_race(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    pid_t writer = fork();
    if (writer == 0) {
        struct plan_request plan = {0};
        for (;;) {
            plan.epoch++;
            memset(plan.selected, (int)(plan.epoch & 1), sizeof(plan.selected));
            queue_put_plan(queue, &plan);
        }
    }
    uint32_t epoch = 0, snapshot = 0, taken = 0;
    struct plan_request plan;
    while (taken < 2000) {
        if (!queue_take_plan(queue, &epoch, &snapshot, &plan))
            continue;
        taken++;
        for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
            assert_int_equal(plan.selected[id], plan.epoch & 1);
    }
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

static bool is_readable(int fd)
{
    uint64_t count;
    return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void test_queue_wakes(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    assert_false(is_readable(queue_worker_fd(queue)));
    put(queue, 1, 0, 1, 10);
    assert_true(is_readable(queue_worker_fd(queue)));
    put(queue, 1, 1, 1, 10);
    expect_next(queue, 1, 0);
    expect_next(queue, 1, 1);
    assert_null(queue_next(queue));
    assert_false(is_readable(queue_worker_fd(queue)));
    queue_set_closing(queue);
    assert_true(queue_is_closing(queue));
    assert_true(is_readable(queue_worker_fd(queue)));
    assert_false(is_readable(queue_drain_fd(queue)));
    queue_set_durable(queue, 1, 0);
    assert_false(is_readable(queue_drain_fd(queue))); /* nothing moved */
    queue_set_durable(queue, 1, 1);
    assert_true(is_readable(queue_drain_fd(queue)));
}

/* After a fork, as the courier does it: reading works, and no way leads to writing. */
static void test_queue_worker_side(void **state)
{
    struct queue *queue = ((struct fixture *)*state)->queue;
    put(queue, 1, 0, 1, 5000);
    pid_t child = fork();
    if (child == 0) {
        queue_keep_worker_side(queue);
        const struct queue_entry *entry = queue_next(queue);
        if (!entry || !is_intact(entry))
            _exit(1);
        uintptr_t page = (uintptr_t)entry->bytes & ~(uintptr_t)(getpagesize() - 1);
        if (mprotect((void *)page, (size_t)getpagesize(), PROT_READ | PROT_WRITE) == 0 || errno != EACCES)
            _exit(2);
        queue_put_plan(queue, &(struct plan_request){.epoch = 3});
        queue_set_durable(queue, 1, 1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(queue_is_delivered(queue));
    uint32_t epoch = 0, snapshot = 0;
    struct plan_request plan;
    assert_true(queue_take_plan(queue, &epoch, &snapshot, &plan));
}

static int open_on_tiny_tmpfs(const char *folder, const char *path)
{
    struct queue *queue = NULL;
    struct queue_recovery recovery;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0)
        return 77;
    if (mount("none", folder, "tmpfs", 0, "size=512k") < 0)
        return 77;
    if (queue_open(path, 1024 * 1024, boot, &queue, &recovery) != -ENOSPC)
        return 1;
    if (access(path, F_OK) == 0) /* the half-made file must not take what room there is */
        return 2;
    return queue_open(path, 256 * 1024, boot, &queue, &recovery) == 0 ? 0 : 3;
}

static void test_queue_disk_full(void **state)
{
    struct fixture *fixture = *state;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(open_on_tiny_tmpfs(fixture->folder, fixture->path));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: mounting a tmpfs of its own needs root\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_vectors),
        CASE(test_queue_fill),
        CASE(test_queue_wrap),
        CASE(test_queue_reserve_bounds),
        CASE(test_queue_reserve_commits_less),
        CASE(test_queue_rewind),
        CASE(test_queue_durable_sessions),
        CASE(test_queue_durable_without_events),
        CASE(test_queue_forget),
        CASE(test_queue_forget_many),
        CASE(test_queue_second_opener),
        CASE(test_queue_bad_arguments),
        CASE(test_queue_recovery_keeps),
        CASE(test_queue_recovery_of_empty),
        CASE(test_queue_recovery_other_boot),
        CASE(test_queue_recovery_other_size),
        CASE(test_queue_recovery_other_layout),
        CASE(test_queue_recovery_other_events),
        CASE(test_queue_recovery_plan),
        CASE(test_queue_recovery_bad_plan),
        CASE(test_queue_recovery_torn),
        CASE(test_queue_hostile_cursors),
        CASE(test_queue_plan),
        CASE(test_queue_plan_race),
        CASE(test_queue_wakes),
        CASE(test_queue_worker_side),
        CASE(test_queue_disk_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drain and worker in processes of their own, the drain with the spool's thread, both ended by SIGKILL at random
 * points, over and over with one queue and one file. The worker reads or rests as the test says, so that kills meet
 * every part of the way to the disk and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "collector/spool/spool.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/events/record.h"

enum { ROUNDS = 40, RING = 128 * 1024, SESSION = 42, LARGEST = 6000, PATIENCE_S = 60 };

static const char boot[] = "0b5d6c1e-0000-4000-8000-00000000000a";

/* What the processes say they have done: outlives them. */
struct witness {
    _Atomic uint64_t committed; /* next sequence, stored after the commit */
    _Atomic uint64_t durable;   /* stored before the cursor moves */
    _Atomic uint64_t steps, read, written, refused;
    _Atomic uint64_t bad; /* entries that the reader found wrong */
    _Atomic int reading;
    _Atomic int drain_failed;
    _Atomic pid_t worker;
};

struct place {
    char folder[40], queue[64], inlet[64], spool[64];
};

static void rest(void)
{
    poll(NULL, 0, 1);
}

static uint8_t pattern(uint64_t seq, size_t i)
{
    return (uint8_t)(seq * 31 + i * 7 + (i >> 8));
}

static bool is_intact(const struct queue_entry *entry)
{
    for (size_t i = 0; i < entry->size; i++)
        if (entry->bytes[i] != pattern(entry->first_seq, i))
            return false;
    return entry->session == SESSION && entry->next_seq == entry->first_seq + 1;
}

static _Noreturn void read_for_ever(struct queue *queue, struct witness *witness, unsigned int random)
{
    queue_keep_worker_side(queue);
    uint64_t expected = 0;
    for (;;) {
        const struct queue_entry *entry = atomic_load(&witness->reading) ? queue_next(queue) : NULL;
        if (!entry) {
            rest();
            continue;
        }
        /* What came before may come again, in order; nothing may be left out. */
        if (!is_intact(entry) || (expected && entry->first_seq > expected))
            atomic_fetch_add(&witness->bad, 1);
        if (entry->next_seq > expected)
            expected = entry->next_seq;
        atomic_fetch_add(&witness->read, 1);
        if (rand_r(&random) % 4 != 0)
            continue;
        if (expected > atomic_load(&witness->durable))
            atomic_store(&witness->durable, expected);
        queue_set_durable(queue, SESSION, entry->next_seq);
    }
}

static void write_one(struct queue *queue, struct spool *spool, struct witness *witness, unsigned int *random,
                      uint64_t *seq)
{
    struct queue *way = spool_route(spool, queue);
    size_t size = (size_t)rand_r(random) % LARGEST;
    uint8_t *bytes = queue_reserve(way, size);
    spool_kick(spool);
    if (!bytes) {
        atomic_fetch_add(&witness->refused, 1);
        rest();
        return;
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(*seq, i);
    struct queue_entry entry = {.session = SESSION,
                                .first_seq = *seq,
                                .next_seq = *seq + 1,
                                .time_ns = clock_boot_ns(),
                                .classes = 1 << CLASS_CRITICAL};
    queue_commit(way, &entry, size);
    atomic_store(&witness->committed, ++*seq);
    queue_set_drained(spool_route(spool, queue), clock_boot_ns(), SESSION, *seq);
    atomic_fetch_add(&witness->steps, 1);
}

/* Queue and spool as a life of the drain opens them; the worker is forked in between, as the courier is. */
static int open_both(const struct place *place, struct witness *witness, unsigned int random, struct queue **ret_queue,
                     struct spool **ret_spool, struct queue_recovery *recovery, struct spool_recovery *spool_recovery)
{
    int error = queue_open(place->queue, RING, boot, ret_queue, recovery);
    if (error != 0)
        return error;
    pid_t worker = witness != NULL ? fork() : 1;
    if (worker == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) /* nothing of ours stays behind a failed test */
        read_for_ever(*ret_queue, witness, random);
    if (witness != NULL)
        atomic_store(&witness->worker, worker);
    const struct spool_settings settings = {
        .path = place->spool, .size = SPOOL_SIZE_MIN, .inlet_path = place->inlet, .boot_id = boot, .queue = *ret_queue};
    return spool_open(&settings, recovery, ret_spool, spool_recovery);
}

static _Noreturn void drain_for_ever(const struct place *place, struct witness *witness, unsigned int random)
{
    struct queue *queue = NULL;
    struct spool *spool = NULL;
    struct queue_recovery recovery;
    struct spool_recovery spool_recovery;
    int error = open_both(place, witness, random, &queue, &spool, &recovery, &spool_recovery);
    /* A kill damages nothing, and all that was committed is known. */
    uint64_t committed = atomic_load(&witness->committed);
    if (error == 0 && (recovery.dropped != 0 || spool_recovery.lost_parts != 0))
        error = -1001;
    if (error == 0 && committed > 0 && (recovery.last_seq < committed || recovery.last_seq > committed + 1))
        error = -1002;
    if (error == 0)
        error = spool_start(spool);
    atomic_store(&witness->drain_failed, error);
    uint64_t seq = recovery.last_seq;
    for (;;) {
        struct spool_figures figures;
        write_one(queue, spool, witness, &random, &seq);
        spool_read_figures(spool, &figures);
        if (figures.written > 0)
            atomic_store(&witness->written, figures.written);
    }
}

static void bury(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* and not of anything else before */
}

static void wait_for_steps(struct witness *witness, const _Atomic uint64_t *counter, uint64_t until)
{
    time_t give_up = time(NULL) + PATIENCE_S;
    atomic_store(&witness->refused, 0);
    while (atomic_load(counter) < until && atomic_load(&witness->drain_failed) == 0 &&
           (atomic_load(&witness->reading) || atomic_load(&witness->refused) < 20)) {
        assert_true(time(NULL) < give_up);
        rest();
    }
    assert_int_equal(atomic_load(&witness->drain_failed), 0);
}

static void run_until_killed(const struct place *place, struct witness *witness, unsigned int *random)
{
    bool rests_first = rand_r(random) % 2;
    atomic_store(&witness->reading, !rests_first);
    atomic_store(&witness->worker, 0);
    pid_t drain = fork();
    if (drain == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        drain_for_ever(place, witness, *random);
    /* In a rest some come to the disk, until it is full; afterwards some come back. */
    if (rests_first)
        wait_for_steps(witness, &witness->steps, atomic_load(&witness->steps) + 1 + (uint64_t)rand_r(random) % 200);
    atomic_store(&witness->reading, rand_r(random) % 4 != 0);
    if (atomic_load(&witness->reading))
        wait_for_steps(witness, &witness->read, atomic_load(&witness->read) + 1 + (uint64_t)rand_r(random) % 200);
    wait_for_steps(witness, &witness->steps, atomic_load(&witness->steps) + 1);
    for (volatile int spin = rand_r(random) % 100000; spin > 0; spin--)
        ;
    pid_t worker = atomic_load(&witness->worker);
    bool worker_first = rand_r(random) % 2;
    assert_int_equal(kill(worker_first ? worker : drain, SIGKILL), 0);
    assert_int_equal(kill(worker_first ? drain : worker, SIGKILL), 0);
    bury(drain); /* then the worker is ours */
    bury(worker);
    assert_int_equal(atomic_load(&witness->bad), 0);
}

/* All that is left: every sequence number from what was durable to what was committed. */
static void check_rest(const struct place *place, const struct witness *witness)
{
    struct queue *queue = NULL;
    struct spool *spool = NULL;
    struct queue_recovery recovery;
    struct spool_recovery spool_recovery;
    assert_int_equal(open_both(place, NULL, 0, &queue, &spool, &recovery, &spool_recovery), 0);
    assert_int_equal(spool_recovery.lost_parts, 0);
    assert_int_equal(spool_start(spool), 0);
    uint64_t expected = UINT64_MAX, until = recovery.last_seq;
    time_t give_up = time(NULL) + PATIENCE_S;
    assert_true(until >= atomic_load(&witness->committed));
    while (expected != until && (expected != UINT64_MAX || atomic_load(&witness->durable) < until)) {
        const struct queue_entry *entry = queue_next(queue);
        assert_true(time(NULL) < give_up);
        if (!entry) {
            rest();
            continue;
        }
        assert_true(is_intact(entry));
        if (expected == UINT64_MAX)
            assert_true(entry->first_seq <= atomic_load(&witness->durable));
        else
            assert_true(entry->first_seq <= expected);
        if (expected == UINT64_MAX || entry->next_seq > expected)
            expected = entry->next_seq;
        queue_set_durable(queue, SESSION, entry->next_seq);
        spool_kick(spool);
    }
    spool_close(spool);
    queue_close(queue);
}

static void test_spool_survives_kills(void **state)
{
    (void)state;
    struct place place = {.folder = "/tmp/vedette-spool-kill.XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    snprintf(place.queue, sizeof(place.queue), "%s/queue", place.folder);
    snprintf(place.inlet, sizeof(place.inlet), "%s/inlet", place.folder);
    snprintf(place.spool, sizeof(place.spool), "%s/spool", place.folder);
    struct witness *witness = mmap(NULL, sizeof(*witness), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(witness, MAP_FAILED);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the worker is the drain's child */
    unsigned int random = 20261124;
    uint64_t lives_with_disk = 0;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_store(&witness->written, 0);
        run_until_killed(&place, witness, &random);
        lives_with_disk += atomic_load(&witness->written) > 0;
        if (i % 10 == 0)
            check_rest(&place, witness);
    }
    check_rest(&place, witness);
    print_message("%d lives, %llu of them wrote to the disk; %llu batches\n", ROUNDS,
                  (unsigned long long)lives_with_disk, (unsigned long long)atomic_load(&witness->committed));
    assert_true(lives_with_disk > ROUNDS / 4);
    munmap(witness, sizeof(*witness));
    const char *const names[] = {"queue", "queue.lock", "inlet", "inlet.lock", "spool"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", place.folder, names[i]);
        unlink(path);
    }
    rmdir(place.folder);
}

int main(void)
{
    log_init("spool_kill_test", LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spool_survives_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

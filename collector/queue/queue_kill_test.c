/* SPDX-License-Identifier: Apache-2.0 */
/* Writer and reader in processes of their own, both ended by SIGKILL at random points, some hundred times over one
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "collector/queue/queue.h"

enum { ROUNDS = 300, RING = 128 * 1024, SESSION = 42 };

static const char boot[] = "0b5d6c1e-0000-4000-8000-00000000000a";

/* What the two processes say they have done: outlives them. */
struct witness {
    _Atomic uint64_t committed; /* next sequence, stored after the commit */
    _Atomic uint64_t durable;   /* stored before the cursor moves */
    _Atomic uint64_t drained;   /* stored after queue_set_drained */
    _Atomic uint64_t steps;
    _Atomic uint64_t bad; /* entries that the reader found wrong */
};

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

static _Noreturn void write_for_ever(struct queue *queue, struct witness *witness, unsigned int random, uint64_t seq)
{
    for (;;) {
        size_t size = (size_t)rand_r(&random) % 6000;
        uint8_t *bytes = queue_reserve(queue, size);
        if (!bytes) {
            sched_yield();
            continue;
        }
        for (size_t i = 0; i < size; i++)
            bytes[i] = pattern(seq, i);
        queue_commit(queue, &(struct queue_entry){.session = SESSION, .first_seq = seq, .next_seq = seq + 1}, size);
        seq++;
        atomic_store(&witness->committed, seq);
        queue_set_drained(queue, seq, SESSION, seq);
        atomic_store(&witness->drained, seq);
        atomic_fetch_add(&witness->steps, 1);
    }
}

static _Noreturn void read_for_ever(struct queue *queue, struct witness *witness, unsigned int random)
{
    queue_keep_worker_side(queue);
    uint64_t expected = 0;
    for (;;) {
        const struct queue_entry *entry = queue_next(queue);
        if (!entry) {
            sched_yield();
            continue;
        }
        if (!is_intact(entry) || (expected && entry->first_seq != expected))
            atomic_fetch_add(&witness->bad, 1);
        expected = entry->next_seq;
        if (rand_r(&random) % 4 != 0)
            continue;
        atomic_store(&witness->durable, entry->next_seq);
        queue_set_durable(queue, SESSION, entry->next_seq);
    }
}

static void end(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* and not of anything else before */
}

static void run_until_killed(struct queue *queue, struct witness *witness, unsigned int *random, uint64_t seq)
{
    uint64_t until = atomic_load(&witness->steps) + 1 + (uint64_t)rand_r(random) % 60;
    pid_t writer = fork();
    if (writer == 0)
        write_for_ever(queue, witness, *random, seq);
    pid_t reader = fork();
    if (reader == 0)
        read_for_ever(queue, witness, *random);
    while (atomic_load(&witness->steps) < until)
        sched_yield();
    for (volatile int spin = rand_r(random) % 20000; spin > 0; spin--)
        ;
    bool reader_first = rand_r(random) % 2;
    end(reader_first ? reader : writer);
    end(reader_first ? writer : reader);
}

static void check_recovered(struct queue *queue, const struct queue_recovery *recovery, const struct witness *witness)
{
    uint64_t committed = atomic_load(&witness->committed);
    uint64_t count = 0, seq = 0;
    const struct queue_entry *entry;
    assert_false(recovery->fresh);
    assert_int_equal(recovery->dropped, 0); /* a kill never damages what was committed */
    assert_int_equal(recovery->last_session, SESSION);
    assert_in_range(recovery->last_seq, committed, committed + 1);
    assert_in_range(recovery->last_alive_ns, atomic_load(&witness->drained), committed + 1);
    while ((entry = queue_next(queue)) != NULL) {
        assert_true(is_intact(entry));
        if (count++ == 0)
            assert_true(entry->first_seq <= atomic_load(&witness->durable));
        else
            assert_int_equal(entry->first_seq, seq);
        seq = entry->next_seq;
    }
    assert_int_equal(count, recovery->entries);
    if (count > 0)
        assert_int_equal(seq, recovery->last_seq);
    else
        assert_true(atomic_load(&witness->durable) >= committed);
}

static void test_queue_survives_kills(void **state)
{
    (void)state;
    char folder[] = "/tmp/vedette-queue-kill-test.XXXXXX";
    char path[64], lock[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/queue", folder);
    snprintf(lock, sizeof(lock), "%s/queue.lock", folder);
    struct witness *witness = mmap(NULL, sizeof(*witness), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(witness, MAP_FAILED);
    struct queue *queue = NULL;
    struct queue_recovery recovery;
    unsigned int random = 20261101;
    uint64_t seq = 0;
    assert_int_equal(queue_open(path, RING, boot, &queue, &recovery), 0);
    for (int i = 0; i < ROUNDS; i++) {
        run_until_killed(queue, witness, &random, seq);
        queue_close(queue);
        assert_int_equal(queue_open(path, RING, boot, &queue, &recovery), 0);
        check_recovered(queue, &recovery, witness);
        assert_int_equal(atomic_load(&witness->bad), 0);
        queue_rewind(queue);
        seq = recovery.last_seq;
    }
    queue_close(queue);
    munmap(witness, sizeof(*witness));
    unlink(path);
    unlink(lock);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_queue_survives_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

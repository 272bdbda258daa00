/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-spool MODE BATCHES BYTES [FOLDER]: what a batch costs the drain on its way out, in nanoseconds of its thread.
 *   queue   reserve, fill, commit, drained, taken at once: no spool
 *   idle    the same with a spool that has nothing to do
 *   opened  the same without its thread, for valgrind, which the thread's system call list has no room for
 *   away    nobody takes: the way over the inlet to the disk; also what the thread writes, and bringing it back
 * Instructions: valgrind --tool=callgrind --toggle-collect=way_out_once bench-spool queue|opened 2000 4096
 */
#include <inttypes.h>
#include <poll.h>
#include <sys/resource.h>

#include "collector/spool/spool.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/events/record.h"

enum { QUEUE_BYTES = 32 << 20 };

struct bench {
    struct queue *queue;
    struct spool *spool;
    uint64_t seq;
    size_t bytes;
};

static const char boot[] = "0b5d6c1e-0000-4000-8000-00000000000a";

static uint64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t process_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What drain.c does with a batch once it is packed. */
__attribute__((noinline)) static bool way_out_once(struct bench *bench)
{
    struct queue *queue = spool_route(bench->spool, bench->queue);
    uint8_t *bytes = queue_reserve(queue, bench->bytes);
    if (bytes == NULL)
        return false;
    memset(bytes, (int)bench->seq, bench->bytes);
    struct queue_entry entry = {.session = 42,
                                .first_seq = bench->seq,
                                .next_seq = bench->seq + 100,
                                .time_ns = clock_boot_ns(),
                                .classes = 1 << CLASS_CRITICAL};
    queue_commit(queue, &entry, bench->bytes);
    bench->seq += 100;
    queue_set_drained(spool_route(bench->spool, bench->queue), entry.time_ns, 42, bench->seq);
    return true;
}

static uint64_t take_all(struct bench *bench)
{
    const struct queue_entry *entry;
    uint64_t count = 0;
    while ((entry = queue_next(bench->queue)) != NULL) {
        queue_set_durable(bench->queue, entry->session, entry->next_seq);
        count++;
    }
    return count;
}

static int healthy(struct bench *bench, uint64_t batches)
{
    uint64_t spent_ns = 0;
    for (uint64_t i = 0; i < batches; i++) {
        uint64_t begin_ns = thread_ns();
        if (!way_out_once(bench))
            return 1;
        spent_ns += thread_ns() - begin_ns;
        take_all(bench);
    }
    printf("%.0f ns a batch on the drain's thread\n", (double)spent_ns / (double)batches);
    return 0;
}

static int away(struct bench *bench, uint64_t batches)
{
    struct spool_figures figures;
    while (!spool_is_active(bench->spool))
        if (!way_out_once(bench))
            return 1;
    uint64_t spent_ns = 0, wall_ns = clock_boot_ns(), all_ns = process_ns();
    for (uint64_t i = 0; i < batches;) {
        uint64_t begin_ns = thread_ns();
        bool out = way_out_once(bench);
        spent_ns += out ? thread_ns() - begin_ns : 0;
        i += out;
        if (!out)
            poll(NULL, 0, 1);
    }
    while (queue_used(spool_route(bench->spool, bench->queue)) > 0)
        poll(NULL, 0, 1);
    wall_ns = clock_boot_ns() - wall_ns;
    all_ns = process_ns() - all_ns;
    spool_read_figures(bench->spool, &figures);
    double mib = (double)(batches * bench->bytes) / (1 << 20);
    printf("%.0f ns a batch on the drain's thread, %.0f ns in all; %.1f MiB/s to the disk, %" PRIu64 " batches there\n",
           (double)spent_ns / (double)batches, (double)all_ns / (double)batches, mib / ((double)wall_ns / 1e9),
           figures.batches);
    uint64_t count = 0, begin_ns = clock_boot_ns();
    all_ns = process_ns();
    while (spool_route(bench->spool, bench->queue) != bench->queue) {
        uint64_t took = take_all(bench);
        count += took;
        spool_kick(bench->spool);
        if (took == 0)
            poll(NULL, 0, 1);
    }
    count += take_all(bench);
    double seconds = (double)(clock_boot_ns() - begin_ns) / 1e9;
    printf("%.1f MiB/s back, %.0f ns of CPU a batch\n", (double)(count * bench->bytes) / (1 << 20) / seconds,
           (double)(process_ns() - all_ns) / (double)count);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: bench-spool queue|idle|opened|away BATCHES BYTES [FOLDER]\n", stderr);
        return 2;
    }
    struct bench bench = {.bytes = strtoull(argv[3], NULL, 10)};
    const char *folder = argc > 4 ? argv[4] : "/tmp";
    char queue[256], inlet[256], spool[256];
    struct queue_recovery recovery;
    struct spool_recovery before;
    log_init("bench-spool", LOG_LEVEL_WARNING);
    snprintf(queue, sizeof(queue), "/dev/shm/bench-spool.%d.queue", getpid());
    snprintf(inlet, sizeof(inlet), "/dev/shm/bench-spool.%d.inlet", getpid());
    snprintf(spool, sizeof(spool), "%s/bench-spool.%d", folder, getpid());
    int code = queue_open(queue, QUEUE_BYTES, boot, &bench.queue, &recovery) == 0 ? 0 : 1;
    const struct spool_settings settings = {
        .path = spool, .size = 256u << 20, .inlet_path = inlet, .boot_id = boot, .queue = bench.queue};
    if (code == 0 && strcmp(argv[1], "queue") != 0)
        code = spool_open(&settings, &recovery, &bench.spool, &before) != 0 ||
               (strcmp(argv[1], "opened") != 0 && spool_start(bench.spool) != 0);
    uint64_t batches = strtoull(argv[2], NULL, 10);
    if (code == 0)
        code = strcmp(argv[1], "away") == 0 ? away(&bench, batches) : healthy(&bench, batches);
    spool_close(bench.spool);
    queue_close(bench.queue);
    unlink(spool);
    char lock[300];
    const char *const files[] = {queue, inlet};
    for (size_t i = 0; i < 2; i++) {
        snprintf(lock, sizeof(lock), "%s.lock", files[i]);
        unlink(files[i]);
        unlink(lock);
    }
    return code;
}

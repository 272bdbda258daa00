/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a round keeps its promise. A record is stamped after its reservation, so whatever is reserved after the clock was
 * read has a later stamp. Reading the clock first and the producers' positions then, every record behind a position
 * carries a later stamp than the clock: up to the positions everything older is there. Where a ring has to stop before
 * its position (a record still being written), the promise falls back to the last clock whose position the ring did get
 * past. Records that are newer than the promise stay for a later round, unread by anybody, so that the stream is in
 * time order across rounds too.
 */
#include "collector/drain/rings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"

enum {
    RECORD_HEADER = 8, /* struct bpf_ringbuf_hdr: length and flags, page offset */
    /*
     * A reservation's new position waits in its CPU's store buffer before we can see it, while that CPU already reads
     * the clock for the stamp: 4 to 155 ns seen, one record in some thousand. So the clock is taken back by this, and a
     * system call lies between it and the positions.
     */
    STORE_DELAY_NS = 1000,
};

/* Of the kernel's ring header; BPF_RINGBUF_BUSY_BIT and BPF_RINGBUF_DISCARD_BIT of uapi/linux/bpf.h. */
static const uint32_t busy_bit = 1u << 31, discard_bit = 1u << 30;

struct ring {
    uint64_t *consumer; /* in its page, written by us */
    const uint64_t *producer;
    const uint8_t *data;   /* mapped twice in a row, so that no record is broken */
    size_t producer_bytes; /* of that mapping */
    uint64_t mask;
    uint32_t class;
    uint64_t kept;       /* position up to which the kernel may write again */
    uint64_t scanned;    /* position up to which records were taken into `entries` */
    uint64_t end;        /* producer's position in this round */
    uint64_t mark;       /* a producer's position read earlier, */
    uint64_t mark_ns;    /* and the clock before it */
    uint64_t reached_ns; /* everything stamped before it has been scanned */
    uint64_t newest_ns;  /* stamp of the record scanned last */
    bool busy;
};

/* A record that was scanned and not given back. */
struct entry {
    uint64_t time_ns;
    uint64_t position;
    uint32_t ring;
    uint32_t available;
    const struct record_header *header;
};

struct rings {
    struct ring *ring;
    size_t n_rings;
    int epoll_fd;
    int kick_fd; /* a record came while we were not looking: see rings_release */
    bool kicked;
    size_t capacity;
    struct entry *entries; /* in time order between rounds */
    struct entry *spare;   /* for merging */
    size_t n_entries, n_given;
    struct ring_record *given;
};

static int ring_map(struct ring *ring, const struct ring_map *map)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    if (consumer == MAP_FAILED)
        return -errno;
    size_t bytes = page + 2 * (size_t)map->size;
    void *producer = mmap(NULL, bytes, PROT_READ, MAP_SHARED, map->fd, (off_t)page);
    if (producer == MAP_FAILED) {
        int error = -errno;
        munmap(consumer, page);
        return error;
    }
    *ring = (struct ring){
        .consumer = consumer,
        .producer = producer,
        .data = (const uint8_t *)producer + page,
        .producer_bytes = bytes,
        .mask = map->size - 1,
        .class = map->class,
    };
    ring->scanned = ring->mark = *ring->consumer;
    return 0;
}

static void ring_unmap(struct ring *ring)
{
    if (ring->consumer == NULL)
        return;
    munmap(ring->consumer, (size_t)sysconf(_SC_PAGESIZE));
    munmap((void *)(uintptr_t)ring->producer, ring->producer_bytes);
}

/* Edge-triggered: a bulk ring that has data and is not yet worth waking for must not count as ready. */
static int watch(const struct rings *rings, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    return epoll_ctl(rings->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int open_all(struct rings *rings, const struct ring_map *maps, size_t count)
{
    rings->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    rings->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rings->epoll_fd < 0 || rings->kick_fd < 0)
        return -errno;
    int error = watch(rings, rings->kick_fd);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = ring_map(&rings->ring[i], &maps[i]);
        if (error == 0)
            rings->n_rings++;
        if (error == 0)
            error = watch(rings, maps[i].fd);
    }
    return error;
}

int rings_open(const struct ring_map *maps, size_t count, size_t max_records, struct rings **ret_rings)
{
    struct rings *rings = calloc(1, sizeof(*rings));
    if (rings == NULL)
        return -ENOMEM;
    rings->epoll_fd = rings->kick_fd = -1;
    rings->capacity = max_records > count ? max_records : count + 1;
    rings->ring = calloc(count, sizeof(*rings->ring));
    rings->entries = calloc(rings->capacity, sizeof(*rings->entries));
    rings->spare = calloc(rings->capacity, sizeof(*rings->spare));
    rings->given = calloc(rings->capacity, sizeof(*rings->given));
    int error = -ENOMEM;
    if (rings->ring != NULL && rings->entries != NULL && rings->spare != NULL && rings->given != NULL)
        error = open_all(rings, maps, count);
    if (error != 0) {
        rings_close(rings);
        return error;
    }
    *ret_rings = rings;
    return 0;
}

void rings_close(struct rings *rings)
{
    if (rings == NULL)
        return;
    for (size_t i = 0; i < rings->n_rings; i++)
        ring_unmap(&rings->ring[i]);
    if (rings->epoll_fd >= 0)
        close(rings->epoll_fd);
    if (rings->kick_fd >= 0)
        close(rings->kick_fd);
    free(rings->ring);
    free(rings->entries);
    free(rings->spare);
    free(rings->given);
    free(rings);
}

int rings_fd(const struct rings *rings)
{
    return rings->epoll_fd;
}

static uint64_t record_bytes(uint32_t length)
{
    return ((uint64_t)length + RECORD_HEADER + 7) & ~7ULL;
}

static const uint32_t *length_at(const struct ring *ring, uint64_t position)
{
    return (const uint32_t *)(const void *)(ring->data + (position & ring->mask));
}

/* Takes finished records into the entries, at most `limit` of them. */
static void ring_scan(struct rings *rings, uint32_t index, size_t limit)
{
    struct ring *ring = &rings->ring[index];
    while (ring->scanned < ring->end && limit > 0) {
        uint32_t word = __atomic_load_n(length_at(ring, ring->scanned), __ATOMIC_ACQUIRE);
        if ((word & busy_bit) != 0) {
            ring->busy = true;
            return;
        }
        uint32_t length = word & ~(busy_bit | discard_bit);
        if ((word & discard_bit) == 0 && length >= sizeof(struct record_header)) {
            const struct record_header *header =
                (const void *)(ring->data + ((ring->scanned + RECORD_HEADER) & ring->mask));
            rings->entries[rings->n_entries++] = (struct entry){header->time_ns, ring->scanned, index, length, header};
            ring->newest_ns = header->time_ns;
            limit--;
        }
        ring->scanned += record_bytes(length);
    }
}

/* What the ring can promise after this round's scan. */
static void ring_promise(struct ring *ring, uint64_t now_ns)
{
    if (ring->scanned >= ring->end)
        ring->reached_ns = now_ns;
    else if (ring->scanned >= ring->mark)
        ring->reached_ns = ring->mark_ns;
    else
        return; /* still on the way to the mark */
    ring->mark = ring->end;
    ring->mark_ns = now_ns;
}

/* A share for each ring first, so that none starves another; then whatever room is left. */
static void scan_all(struct rings *rings)
{
    size_t room = rings->capacity - rings->n_entries;
    for (uint32_t i = 0; i < rings->n_rings; i++)
        ring_scan(rings, i, room / rings->n_rings);
    for (uint32_t i = 0; i < rings->n_rings; i++)
        if (!rings->ring[i].busy)
            ring_scan(rings, i, rings->capacity - rings->n_entries);
}

/* A ring's records are nearly sorted: neighbours swap places where two CPUs share it. */
static void sort_run(struct entry *entries, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct entry entry = entries[i];
        size_t k = i;
        for (; k > 0 && entries[k - 1].time_ns > entry.time_ns; k--)
            entries[k] = entries[k - 1];
        entries[k] = entry;
    }
}

static size_t run_end(const struct entry *entries, size_t from, size_t n)
{
    size_t end = from + 1;
    while (end < n && entries[end].ring == entries[from].ring)
        end++;
    return end;
}

static void merge(const struct entry *a, size_t n_a, const struct entry *b, size_t n_b, struct entry *to)
{
    while (n_a > 0 && n_b > 0) {
        if (b->time_ns < a->time_ns) {
            *to++ = *b++;
            n_b--;
        } else {
            *to++ = *a++;
            n_a--;
        }
    }
    memcpy(to, a, n_a * sizeof(*a));
    memcpy(to + n_a, b, n_b * sizeof(*b));
}

/* [0, held) is in order from the last round; after it follow the runs of the rings. Merged from the end, so that each
 * entry moves a few times only. */
static void sort_entries(struct rings *rings, size_t held)
{
    struct entry *entries = rings->entries;
    size_t done = held;
    while (done < rings->n_entries) {
        size_t end = run_end(entries, done, rings->n_entries);
        sort_run(entries + done, end - done);
        if (done > 0 && entries[done - 1].time_ns > entries[done].time_ns) {
            merge(entries, done, entries + done, end - done, rings->spare);
            memcpy(entries, rings->spare, end * sizeof(*entries));
        }
        done = end;
    }
}

/*
 * Up to which stamp records may be given out. A ring that was only cut short by max_records goes on in the next round,
 * with stamps that are practically later than its newest: waiting for proof would stall a backlog. A record that stays
 * busy while everything else fills up is not waited for either.
 */
static uint64_t give_limit(const struct rings *rings, uint64_t now_ns)
{
    uint64_t limit = now_ns;
    bool full = rings->n_entries == rings->capacity;
    for (size_t i = 0; i < rings->n_rings; i++) {
        const struct ring *ring = &rings->ring[i];
        uint64_t own = ring->reached_ns;
        if (ring->scanned < ring->end && !ring->busy && ring->newest_ns > own)
            own = ring->newest_ns;
        if (ring->busy && full)
            continue;
        if (own < limit)
            limit = own;
    }
    return limit;
}

static size_t give(struct rings *rings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct entry *entry = &rings->entries[i];
        rings->given[i] = (struct ring_record){entry->header, entry->available, rings->ring[entry->ring].class};
    }
    return n;
}

static void clear_readiness(struct rings *rings)
{
    struct epoll_event events[64];
    while (epoll_wait(rings->epoll_fd, events, 64, 0) == 64)
        ;
    uint64_t count;
    if (rings->kicked && read(rings->kick_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
        rings->kicked = false;
}

size_t rings_round(struct rings *rings, const struct ring_record **ret_records, uint64_t *ret_until_ns)
{
    uint64_t now_ns = clock_boot_ns() - STORE_DELAY_NS, until_ns = now_ns;
    clear_readiness(rings);
    for (size_t i = 0; i < rings->n_rings; i++) {
        rings->ring[i].end = __atomic_load_n(rings->ring[i].producer, __ATOMIC_ACQUIRE);
        rings->ring[i].busy = false;
    }
    size_t held = rings->n_entries;
    scan_all(rings);
    for (size_t i = 0; i < rings->n_rings; i++) {
        ring_promise(&rings->ring[i], now_ns);
        if (rings->ring[i].reached_ns < until_ns)
            until_ns = rings->ring[i].reached_ns;
    }
    sort_entries(rings, held);
    uint64_t limit_ns = give_limit(rings, now_ns);
    size_t n = 0;
    while (n < rings->n_entries && rings->entries[n].time_ns <= limit_ns)
        n++;
    give(rings, n);
    /* Nothing that is held may be older than what is promised to be out. */
    if (n < rings->n_entries && rings->entries[n].time_ns < until_ns)
        until_ns = rings->entries[n].time_ns;
    if (n == 0 && rings->n_entries == rings->capacity) /* rather out of order than not at all */
        n = give(rings, rings->n_entries / 2 + 1);
    rings->n_given = n;
    *ret_records = rings->given;
    *ret_until_ns = until_ns;
    return n;
}

/* Whether the kernel finished a record and did not wake us, because it saw our old position. */
static bool has_more(const struct ring *ring)
{
    uint64_t end = __atomic_load_n(ring->producer, __ATOMIC_SEQ_CST);
    return end > ring->scanned && (__atomic_load_n(length_at(ring, ring->scanned), __ATOMIC_ACQUIRE) & busy_bit) == 0;
}

void rings_release(struct rings *rings, bool wake)
{
    rings->n_entries -= rings->n_given;
    memmove(rings->entries, rings->entries + rings->n_given, rings->n_entries * sizeof(*rings->entries));
    rings->n_given = 0;
    bool more = false;
    for (size_t i = 0; i < rings->n_rings; i++)
        rings->ring[i].kept = rings->ring[i].scanned;
    for (size_t i = 0; i < rings->n_entries; i++) {
        struct ring *ring = &rings->ring[rings->entries[i].ring];
        if (rings->entries[i].position < ring->kept)
            ring->kept = rings->entries[i].position;
        more = more || ring->class != CLASS_BULK;
    }
    for (size_t i = 0; i < rings->n_rings; i++) {
        struct ring *ring = &rings->ring[i];
        /* A full barrier between our store and the look at the producer, as the kernel has one between its commit and
         * its look at the consumer. */
        __atomic_store_n(ring->consumer, ring->kept, __ATOMIC_SEQ_CST);
        more = more || (ring->class != CLASS_BULK && has_more(ring));
    }
    uint64_t one = 1;
    if (more && wake && !rings->kicked)
        rings->kicked = write(rings->kick_fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

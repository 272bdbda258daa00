/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool's file. Blocks of 4 KiB: a head, two slots for how far it was replayed, then pieces, each a header and the
 * bytes of one batch in blocks that lie side by side. A piece says of itself where it lies, its number in the order of
 * the stream and its sequence numbers, so that all can be found again by looking at every block. Of what was given up
 * the piece before it tells the sequence numbers; where there is none, one block stays to do so.
 *
 * One thread. After disk_open only pread64, pwrite64 and fdatasync are called, and no memory is asked for.
 */
#ifndef VEDETTE_COLLECTOR_SPOOL_DISK_H
#define VEDETTE_COLLECTOR_SPOOL_DISK_H

#include "collector/spool/spool.h"

enum {
    DISK_LAYOUT = 1, /* raise with every change below: an old file is then not read but replaced */
    DISK_BLOCK = 4096,
    DISK_FIRST_BLOCK = 3,
    DISK_BOOT_ID = 40,
    /* How many pieces that are no more may stand in the index before it is made dense. */
    DISK_INDEX_SLACK = 1024,
};

#define DISK_MAGIC 0x56454453504f4f4cull /* "VEDSPOOL" */

enum piece_kind {
    PIECE_GONE = 0, /* merged into the piece before it; only in memory */
    PIECE_BATCH = 1,
    PIECE_EVICTED = 2, /* bulk events, given up for want of room; where the piece before it cannot say so */
    PIECE_LOST = 3,    /* damaged; of any class */
};

/*
 * A loss of which not even the number is known has first_seq == next_seq. The tail: bulk events that followed and were
 * given up, [next_seq, tail_seq); 0 none.
 */
struct piece {
    uint64_t number, to_number; /* in the order of the stream; a range when pieces were merged */
    uint64_t session, first_seq, next_seq;
    uint64_t time_ns, from_ns; /* struct queue_entry */
    uint64_t tail_seq, tail_time_ns, tail_from_ns;
    uint64_t sum;           /* of the bytes */
    uint32_t block, blocks; /* 0 blocks: it is only in memory */
    uint32_t size;          /* bytes */
    uint8_t kind, classes;
};

struct disk {
    int fd;
    uint64_t salt;
    uint32_t n_blocks, n_free;
    uint32_t next_fit;
    uint8_t *used;   /* a byte a block */
    uint8_t *buffer; /* one piece */

    /* In order: [first, end) are there, [end, end + staged) written and not synced. */
    struct piece *piece;
    size_t first, end, staged, capacity, gone;
    size_t evict_from; /* nothing before it can be evicted */
    uint64_t next_number;
    uint64_t n_batches;
    uint64_t state_count;
    bool is_used; /* the slots say that there are pieces */
};

/* Where the stream goes on behind what is in the file. */
struct disk_tail {
    uint64_t oldest_ns;    /* when the oldest batch that has not left the inlet was queued; 0 none. Of it and what came
                              later the file may hold copies. */
    uint64_t session, seq; /* its session and first sequence, or how far the life before came */
};

/* disk_recover.c. Takes over what is there, or makes the file anew. */
int disk_open(struct disk *disk, const struct spool_settings *settings, const struct disk_tail *tail,
              struct spool_recovery *ret_recovery);
void disk_close(struct disk *disk);

/* Writes a batch behind the last; it counts once disk_sync says so. -ENOSPC: no room of that size. */
int disk_put(struct disk *disk, const struct queue_entry *entry);
/* A batch that is not even written: its place is taken by a loss. */
int disk_put_evicted(struct disk *disk, const struct queue_entry *entry);
/* fdatasync. When it fails, nothing of what was put since the last one is in the file. */
int disk_sync(struct disk *disk);
/* Gives up the oldest batch of bulk events alone. How many events it had, 0 when there is none. */
uint64_t disk_evict(struct disk *disk);
bool disk_can_evict(struct disk *disk);

/* The oldest piece, NULL when there is none. Until the next call that changes anything. */
const struct piece *disk_front(const struct disk *disk);
/* Its bytes, piece->size of them. -EBADMSG when they are not what was written, or -errno. */
int disk_read(struct disk *disk, const struct piece *piece, uint8_t *bytes);
/* It cannot be read: it becomes a loss. */
void disk_lose_front(struct disk *disk);
/* It is in the queue. If it has a tail, that is the front now. */
void disk_pop(struct disk *disk);

/* --- for disk_recover.c --- */

struct piece_header {
    uint64_t commit; /* block ^ salt */
    uint64_t number, to_number;
    uint32_t kind, size;
    uint64_t session, first_seq, next_seq, time_ns, from_ns;
    uint64_t classes;
    uint64_t sum;
    uint64_t tail_seq, tail_time_ns, tail_from_ns;
    uint64_t reserved;
    uint64_t header_sum; /* over all before it */
};

_Static_assert(sizeof(struct piece_header) == 128, "on disk");

/* How far the file was replayed: two slots, written in turn. */
struct disk_state {
    uint64_t count;        /* the higher valid one holds */
    uint64_t is_used;      /* 0: there is no piece */
    uint64_t front;        /* number of the first piece that was not brought back */
    uint64_t session, seq; /* where the stream goes on there */
    uint64_t from_ns;      /* not after the first event there */
    uint64_t check;
};

int disk_write_at(const struct disk *disk, uint64_t offset, const void *bytes, size_t size);
int disk_read_at(const struct disk *disk, uint64_t offset, void *bytes, size_t size);
int disk_write_state(struct disk *disk, struct disk_state state);
uint64_t disk_state_check(const struct disk *disk, const struct disk_state *state);
uint64_t disk_piece_sum(const struct disk *disk, uint64_t number, const void *bytes, size_t size);
uint64_t disk_header_sum(const struct disk *disk, const struct piece_header *header);
uint32_t disk_blocks_of(size_t size);

#endif

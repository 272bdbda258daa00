/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/spool/disk.h"

#include <errno.h>
#include <unistd.h>

#include "collector/queue/checksum.h"
#include "common/events/record.h"
#include "common/wire/limits.h"

enum { CLASSES_BULK_ONLY = 1 << CLASS_BULK };

int disk_write_at(const struct disk *disk, uint64_t offset, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(disk->fd, (const uint8_t *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int disk_read_at(const struct disk *disk, uint64_t offset, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(disk->fd, (uint8_t *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EBADMSG; /* somebody cut the file */
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

uint64_t disk_state_check(const struct disk *disk, const struct disk_state *state)
{
    return checksum(state, offsetof(struct disk_state, check), disk->salt);
}

uint64_t disk_piece_sum(const struct disk *disk, uint64_t number, const void *bytes, size_t size)
{
    return checksum(bytes, size, disk->salt ^ number);
}

uint64_t disk_header_sum(const struct disk *disk, const struct piece_header *header)
{
    return checksum(header, offsetof(struct piece_header, header_sum), disk->salt);
}

uint32_t disk_blocks_of(size_t size)
{
    return (uint32_t)((sizeof(struct piece_header) + size + DISK_BLOCK - 1) / DISK_BLOCK);
}

int disk_write_state(struct disk *disk, struct disk_state state)
{
    state.count = disk->state_count + 1;
    state.check = disk_state_check(disk, &state);
    int error = disk_write_at(disk, DISK_BLOCK * (1 + state.count % 2), &state, sizeof(state));
    if (error == 0) {
        disk->state_count++;
        disk->is_used = state.is_used != 0;
    }
    return error;
}

/* --- blocks --- */

/* `count` free blocks side by side, from where the last search ended, 0 when there are none. */
static uint32_t find_room(const struct disk *disk, uint32_t from, uint32_t to, uint32_t count)
{
    uint32_t run = 0;
    for (uint32_t block = from; block < to; block++) {
        run = disk->used[block] ? 0 : run + 1;
        if (run == count)
            return block + 1 - count;
    }
    return 0;
}

static uint32_t allocate(struct disk *disk, uint32_t count)
{
    if (disk->n_free < count)
        return 0;
    uint32_t block = find_room(disk, disk->next_fit, disk->n_blocks, count);
    if (block == 0)
        block = find_room(disk, DISK_FIRST_BLOCK, disk->n_blocks, count);
    if (block == 0)
        return 0;
    memset(disk->used + block, 1, count);
    disk->n_free -= count;
    disk->next_fit = block + count < disk->n_blocks ? block + count : DISK_FIRST_BLOCK;
    return block;
}

static void release(struct disk *disk, uint32_t block, uint32_t count)
{
    memset(disk->used + block, 0, count);
    disk->n_free += count;
}

/* --- the index --- */

static void make_dense(struct disk *disk)
{
    size_t to = 0, evict_from = 0;
    for (size_t i = disk->first; i < disk->end + disk->staged; i++) {
        if (i == disk->evict_from)
            evict_from = to;
        if (disk->piece[i].kind != PIECE_GONE)
            disk->piece[to++] = disk->piece[i];
    }
    if (disk->evict_from >= disk->end + disk->staged)
        evict_from = to;
    disk->evict_from = evict_from;
    disk->first = 0;
    disk->end = to - disk->staged; /* none that is staged is gone */
    disk->gone = 0;
}

static struct piece *append(struct disk *disk)
{
    if (disk->end + disk->staged == disk->capacity)
        make_dense(disk);
    return disk->end + disk->staged < disk->capacity ? &disk->piece[disk->end + disk->staged] : NULL;
}

static struct piece describe(const struct disk *disk, const struct queue_entry *entry)
{
    return (struct piece){.number = disk->next_number,
                          .to_number = disk->next_number,
                          .session = entry->session,
                          .first_seq = entry->first_seq,
                          .next_seq = entry->next_seq,
                          .time_ns = entry->time_ns,
                          .from_ns = entry->from_ns,
                          .kind = PIECE_BATCH,
                          .classes = (uint8_t)entry->classes,
                          .size = (uint32_t)entry->size};
}

static struct piece_header header_of(const struct disk *disk, const struct piece *piece)
{
    struct piece_header header = {.commit = piece->block ^ disk->salt,
                                  .number = piece->number,
                                  .to_number = piece->to_number,
                                  .kind = piece->kind,
                                  .size = piece->size,
                                  .session = piece->session,
                                  .first_seq = piece->first_seq,
                                  .next_seq = piece->next_seq,
                                  .time_ns = piece->time_ns,
                                  .from_ns = piece->from_ns,
                                  .classes = piece->classes,
                                  .tail_seq = piece->tail_seq,
                                  .tail_time_ns = piece->tail_time_ns,
                                  .tail_from_ns = piece->tail_from_ns,
                                  .sum = piece->sum};
    header.header_sum = disk_header_sum(disk, &header);
    return header;
}

static int write_header(const struct disk *disk, const struct piece *piece)
{
    struct piece_header header = header_of(disk, piece);
    return disk_write_at(disk, (uint64_t)piece->block * DISK_BLOCK, &header, sizeof(header));
}

/* Before the first piece is there, the slots must say that there are some, or nobody would look. */
static int begin_use(struct disk *disk, const struct piece *piece)
{
    struct disk_state state = {.is_used = 1,
                               .front = piece->number,
                               .session = piece->session,
                               .seq = piece->first_seq,
                               .from_ns = piece->from_ns};
    return disk->is_used ? 0 : disk_write_state(disk, state);
}

static int stage(struct disk *disk, struct piece *piece)
{
    struct piece *slot = append(disk);
    if (slot == NULL)
        return -ENOSPC;
    int error = begin_use(disk, piece);
    if (error != 0)
        return error;
    piece->blocks = disk_blocks_of(piece->size);
    piece->block = allocate(disk, piece->blocks);
    if (piece->block == 0)
        return -ENOSPC;
    *slot = *piece;
    return 0;
}

int disk_put(struct disk *disk, const struct queue_entry *entry)
{
    if (entry->size > WIRE_REQUEST_BYTES)
        return -EINVAL;
    struct piece piece = describe(disk, entry);
    piece.sum = disk_piece_sum(disk, piece.number, entry->bytes, entry->size);
    int error = stage(disk, &piece);
    if (error != 0)
        return error;
    struct piece_header header = header_of(disk, &piece);
    size_t filled = sizeof(header) + entry->size, whole = (size_t)piece.blocks * DISK_BLOCK;
    memcpy(disk->buffer, &header, sizeof(header));
    memcpy(disk->buffer + sizeof(header), entry->bytes, entry->size);
    memset(disk->buffer + filled, 0, whole - filled); /* no header of an earlier piece may show */
    error = disk_write_at(disk, (uint64_t)piece.block * DISK_BLOCK, disk->buffer, whole);
    if (error != 0) {
        release(disk, piece.block, piece.blocks);
        return error;
    }
    disk->staged++;
    disk->next_number++;
    return 0;
}

int disk_put_evicted(struct disk *disk, const struct queue_entry *entry)
{
    struct piece piece = describe(disk, entry);
    piece.kind = PIECE_EVICTED;
    piece.size = 0;
    int error = stage(disk, &piece);
    if (error == 0)
        error = write_header(disk, &piece);
    if (error != 0)
        return error;
    disk->staged++;
    disk->next_number++;
    return 0;
}

int disk_sync(struct disk *disk)
{
    int error = fdatasync(disk->fd) == 0 ? 0 : -errno;
    for (size_t i = disk->end; i < disk->end + disk->staged; i++) {
        const struct piece *piece = &disk->piece[i];
        if (error != 0)
            release(disk, piece->block, piece->blocks);
        else
            disk->n_batches += piece->kind == PIECE_BATCH;
    }
    if (error == 0)
        disk->end += disk->staged;
    disk->staged = 0; /* their numbers are not given again: what of them is on the disk must not be taken for others */
    return error;
}

/* --- giving up --- */

bool disk_can_evict(struct disk *disk)
{
    if (disk->evict_from < disk->first)
        disk->evict_from = disk->first;
    for (; disk->evict_from < disk->end; disk->evict_from++) {
        const struct piece *piece = &disk->piece[disk->evict_from];
        if (piece->kind == PIECE_BATCH && piece->classes == CLASSES_BULK_ONLY && piece->next_seq > piece->first_seq)
            return true;
    }
    return false;
}

static uint64_t end_seq(const struct piece *piece)
{
    return piece->tail_seq != 0 ? piece->tail_seq : piece->next_seq;
}

/* The piece before it, when its sequence numbers end where these begin, and it can be told on the disk too. */
static struct piece *before_it(struct disk *disk, struct piece *piece)
{
    struct piece *before = piece;
    while (before > disk->piece + disk->first) {
        before--;
        if (before->kind != PIECE_GONE)
            return before->blocks > 0 && before->session == piece->session && end_seq(before) == piece->first_seq
                       ? before
                       : NULL;
    }
    return NULL;
}

static void extend_tail(struct piece *before, const struct piece *piece)
{
    if (before->tail_seq == 0)
        before->tail_from_ns = piece->from_ns;
    before->tail_seq = end_seq(piece);
    before->tail_time_ns = piece->tail_seq != 0 ? piece->tail_time_ns : piece->time_ns;
    before->to_number = piece->to_number;
}

/*
 * A batch of bulk events becomes a loss. The word on the disk comes first, then the room. A disk that cannot take the
 * word any more changes nothing here: after a kill the gap in the sequence numbers will be found.
 */
static void become_evicted(struct disk *disk, struct piece *piece)
{
    struct piece *before = before_it(disk, piece);
    disk->n_batches--;
    if (before != NULL) {
        extend_tail(before, piece);
        write_header(disk, before);
        release(disk, piece->block, piece->blocks);
        piece->kind = PIECE_GONE;
        disk->gone++;
        return;
    }
    piece->kind = PIECE_EVICTED;
    piece->size = 0;
    write_header(disk, piece);
    release(disk, piece->block + 1, piece->blocks - 1);
    piece->blocks = 1;
}

uint64_t disk_evict(struct disk *disk)
{
    if (!disk_can_evict(disk))
        return 0;
    struct piece *piece = &disk->piece[disk->evict_from];
    uint64_t events = piece->next_seq - piece->first_seq;
    become_evicted(disk, piece);
    if (disk->gone >= DISK_INDEX_SLACK)
        make_dense(disk);
    return events;
}

/* --- bringing back --- */

const struct piece *disk_front(const struct disk *disk)
{
    return disk->first < disk->end ? &disk->piece[disk->first] : NULL;
}

int disk_read(struct disk *disk, const struct piece *piece, uint8_t *bytes)
{
    int error =
        disk_read_at(disk, (uint64_t)piece->block * DISK_BLOCK + sizeof(struct piece_header), bytes, piece->size);
    if (error != 0)
        return error;
    return disk_piece_sum(disk, piece->number, bytes, piece->size) == piece->sum ? 0 : -EBADMSG;
}

void disk_lose_front(struct disk *disk)
{
    struct piece *piece = &disk->piece[disk->first];
    piece->kind = PIECE_LOST;
    piece->size = 0;
    disk->n_batches--;
}

/* What was given up behind a batch takes its place. */
static void turn_into_tail(struct disk *disk, struct piece *piece)
{
    disk->n_batches -= piece->kind == PIECE_BATCH;
    piece->kind = PIECE_EVICTED;
    piece->classes = CLASSES_BULK_ONLY;
    piece->size = 0;
    piece->first_seq = piece->next_seq;
    piece->next_seq = piece->tail_seq;
    piece->time_ns = piece->tail_time_ns;
    piece->from_ns = piece->tail_from_ns;
    piece->tail_seq = 0;
}

void disk_pop(struct disk *disk)
{
    if (disk->piece[disk->first].tail_seq != 0) {
        turn_into_tail(disk, &disk->piece[disk->first]);
        return; /* on the disk it is one piece still: after a kill its batch comes twice, and the analyzer knows it */
    }
    const struct piece piece = disk->piece[disk->first++];
    if (piece.blocks > 0)
        release(disk, piece.block, piece.blocks);
    disk->n_batches -= piece.kind == PIECE_BATCH;
    while (disk->first < disk->end && disk->piece[disk->first].kind == PIECE_GONE) {
        disk->first++;
        disk->gone--;
    }
    bool is_empty = disk->first == disk->end && disk->staged == 0;
    if (is_empty)
        disk->first = disk->end = disk->gone = disk->evict_from = 0;
    /* When this cannot be written, a batch more comes again after a kill. */
    disk_write_state(disk, (struct disk_state){.is_used = !is_empty,
                                               .front = piece.to_number + 1,
                                               .session = piece.session,
                                               .seq = piece.next_seq,
                                               .from_ns = piece.from_ns});
}

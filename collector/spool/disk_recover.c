/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the file, and what a killed drain or machine left in it. Nothing else has it: it is locked. */
#include "collector/spool/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/queue/checksum.h"
#include "common/base/clock.h"
#include "common/events/events.h"
#include "common/wire/limits.h"

struct disk_head {
    uint64_t magic;
    uint32_t layout, pad;
    uint64_t size;
    uint64_t events; /* events_fingerprint(): batches of another event table would be read with the wrong schema */
    uint64_t salt;   /* random: neither bytes of a batch nor a piece of an earlier file can pass for one of this */
    char boot_id[DISK_BOOT_ID];
    uint64_t check;
};

enum { MAX_BLOCKS = (sizeof(struct piece_header) + WIRE_REQUEST_BYTES + DISK_BLOCK - 1) / DISK_BLOCK };

static uint64_t head_check(const struct disk_head *head)
{
    return checksum(head, offsetof(struct disk_head, check), head->salt);
}

static int preallocate(int fd, uint64_t size)
{
    int error;
    do
        error = posix_fallocate(fd, 0, (off_t)size);
    while (error == EINTR);
    return -error;
}

/* A file without pieces. */
static int make_anew(struct disk *disk, uint64_t size, const char *boot_id)
{
    struct disk_head head = {.magic = DISK_MAGIC, .layout = DISK_LAYOUT, .size = size, .events = events_fingerprint()};
    memcpy(head.boot_id, boot_id, strlen(boot_id) + 1);
    if (getrandom(&head.salt, sizeof(head.salt), 0) != (ssize_t)sizeof(head.salt))
        return -EIO;
    head.salt |= 1ull << 63; /* so that no block makes a commit word of 0, which an untouched file is full of */
    head.check = head_check(&head);
    disk->salt = head.salt;
    if (ftruncate(disk->fd, 0) != 0)
        return -errno;
    int error = preallocate(disk->fd, size);
    if (error == 0)
        error = disk_write_at(disk, 0, &head, sizeof(head));
    if (error == 0)
        error = disk_write_state(disk, (struct disk_state){.front = 1});
    if (error == 0 && fsync(disk->fd) != 0)
        error = -errno;
    return error;
}

static bool is_ours(const struct stat *status)
{
    return S_ISREG(status->st_mode) && status->st_uid == geteuid() && (status->st_mode & 077) == 0;
}

static int open_locked(const char *path, uint64_t *ret_size)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        error = errno == EWOULDBLOCK ? -EBUSY : -errno;
    else if (fstat(fd, &status) != 0)
        error = -errno;
    else if (!is_ours(&status))
        error = -EPERM;
    if (error != 0) {
        close(fd);
        return error;
    }
    *ret_size = (uint64_t)status.st_size;
    return fd;
}

/* A file that somebody cut is as long as before once it is preallocated: what it lacks then is damaged. */
static bool read_head(const struct disk *disk, struct disk_head *head)
{
    return disk_read_at(disk, 0, head, sizeof(*head)) == 0 && head->magic == DISK_MAGIC &&
           head->layout == DISK_LAYOUT && head->check == head_check(head) && head->size % DISK_BLOCK == 0 &&
           head->size <= SPOOL_SIZE_MAX && head->size > (DISK_FIRST_BLOCK + MAX_BLOCKS) * DISK_BLOCK;
}

static struct disk_state read_state(struct disk *disk)
{
    struct disk_state newest = {.front = 1, .is_used = 1}; /* where nothing is known, look */
    for (int i = 0; i < 2; i++) {
        struct disk_state state;
        if (disk_read_at(disk, DISK_BLOCK * (1 + (uint64_t)i), &state, sizeof(state)) == 0 &&
            state.check == disk_state_check(disk, &state) && state.count > newest.count)
            newest = state;
    }
    disk->state_count = newest.count;
    disk->is_used = newest.is_used != 0;
    return newest;
}

/* --- looking at every block --- */

struct found {
    struct piece *piece;
    size_t count;
};

static bool is_piece(const struct disk *disk, uint32_t block, const struct piece_header *header)
{
    if (header->commit != (block ^ disk->salt) || header->header_sum != disk_header_sum(disk, header))
        return false;
    return header->kind >= PIECE_BATCH && header->kind <= PIECE_LOST && header->size <= WIRE_REQUEST_BYTES &&
           disk_blocks_of(header->size) <= disk->n_blocks - block && header->next_seq >= header->first_seq &&
           (header->tail_seq == 0 || header->tail_seq > header->next_seq) && header->to_number >= header->number;
}

static struct piece piece_of(uint32_t block, const struct piece_header *header)
{
    return (struct piece){.number = header->number,
                          .to_number = header->to_number,
                          .session = header->session,
                          .first_seq = header->first_seq,
                          .next_seq = header->next_seq,
                          .time_ns = header->time_ns,
                          .from_ns = header->from_ns,
                          .tail_seq = header->tail_seq,
                          .tail_time_ns = header->tail_time_ns,
                          .tail_from_ns = header->tail_from_ns,
                          .sum = header->sum,
                          .block = block,
                          .blocks = disk_blocks_of(header->size),
                          .size = header->size,
                          .kind = (uint8_t)header->kind,
                          .classes = (uint8_t)header->classes};
}

/*
 * A piece whose bytes are not what was written is a loss of one block: torn by a kill or a crash, or damaged. Inside of
 * a whole piece nothing is looked for; inside of a torn one there may be others, if it is an old one that was written
 * over.
 */
static void scan(struct disk *disk, uint64_t front, struct found *found)
{
    struct piece_header header;
    for (uint32_t block = DISK_FIRST_BLOCK; block < disk->n_blocks;) {
        if (disk_read_at(disk, (uint64_t)block * DISK_BLOCK, &header, sizeof(header)) != 0 ||
            !is_piece(disk, block, &header)) {
            block++;
            continue;
        }
        struct piece piece = piece_of(block, &header);
        bool is_whole = piece.kind != PIECE_BATCH || disk_read(disk, &piece, disk->buffer) == 0;
        block += is_whole ? piece.blocks : 1;
        if (!is_whole) {
            piece.kind = PIECE_LOST;
            piece.size = 0;
            piece.blocks = 1;
        }
        if (piece.to_number >= front)
            found->piece[found->count++] = piece;
    }
}

static int by_number(const void *a, const void *b)
{
    const struct piece *one = a, *other = b;
    if (one->number != other->number)
        return one->number < other->number ? -1 : 1;
    /* The longer range is the later word. */
    return one->to_number > other->to_number ? -1 : one->to_number < other->to_number;
}

/* --- making one stream of what was found --- */

struct recovering {
    struct disk *disk;
    const struct disk_tail *tail;
    struct spool_recovery *recovery;
    uint64_t session, seq; /* where the stream goes on */
    uint64_t number;       /* of the next piece, if none is missing */
    uint64_t from_ns;      /* of the one before: what is missing behind it is not older */
};

/* It must not come back to life in a later start. */
static int wipe(const struct disk *disk, const struct piece *piece)
{
    static const struct piece_header nothing;
    return disk_write_at(disk, (uint64_t)piece->block * DISK_BLOCK, &nothing, sizeof(nothing));
}

static void keep(struct recovering *r, const struct piece *piece)
{
    struct disk *disk = r->disk;
    if (disk->end == disk->capacity)
        return; /* more gaps than the index has room for: each piece is there at most once, so it never is */
    disk->piece[disk->end++] = *piece;
    if (piece->blocks > 0) {
        memset(disk->used + piece->block, 1, piece->blocks);
        disk->n_free -= piece->blocks;
    }
    if (piece->kind == PIECE_BATCH) {
        disk->n_batches++;
        r->recovery->batches++;
        r->recovery->events += piece->next_seq - piece->first_seq;
    } else if (piece->kind == PIECE_LOST) {
        r->recovery->lost_parts++;
        r->recovery->lost_events += piece->next_seq - piece->first_seq;
    }
    r->session = piece->session;
    r->seq = piece->tail_seq != 0 ? piece->tail_seq : piece->next_seq;
    r->number = piece->to_number + 1;
    r->from_ns = piece->from_ns != 0 ? piece->from_ns : piece->time_ns;
}

/* What lies between the piece before and this place of the stream is missing: nothing can be read of it, but the
 * sequence numbers tell how much it was, unless a session began meanwhile. */
static void keep_gap(struct recovering *r, uint64_t session, uint64_t seq, uint64_t time_ns, uint64_t next_number)
{
    if (r->session == session && seq <= r->seq)
        return;
    if (r->session != session && (r->number == next_number || r->session == 0))
        return;
    struct piece gap = {.number = r->number,
                        .to_number = next_number > r->number ? next_number - 1 : r->number,
                        .session = r->session,
                        .first_seq = r->seq,
                        .next_seq = r->session == session ? seq : r->seq,
                        .time_ns = time_ns,
                        .from_ns = r->from_ns != 0 ? r->from_ns : 1,
                        .kind = PIECE_LOST};
    keep(r, &gap);
}

/* The inlet still has it, or the piece before it says the same, or more of it: a kill between two steps. */
static bool is_copy(const struct recovering *r, const struct piece *piece)
{
    if (r->tail->oldest_ns != 0 && piece->time_ns >= r->tail->oldest_ns)
        return true;
    return piece->number < r->number ||
           (piece->session == r->session && piece->next_seq > piece->first_seq && piece->next_seq <= r->seq);
}

static void join(struct recovering *r, const struct found *found)
{
    uint64_t unwiped = 0; /* the highest number that is still there: not to be given twice */
    for (size_t i = 0; i < found->count; i++) {
        const struct piece *piece = &found->piece[i];
        if (is_copy(r, piece)) {
            if (wipe(r->disk, piece) != 0 && piece->to_number > unwiped)
                unwiped = piece->to_number;
            continue;
        }
        keep_gap(r, piece->session, piece->first_seq, piece->time_ns, piece->number);
        keep(r, piece);
    }
    uint64_t until_ns = r->tail->oldest_ns != 0 ? r->tail->oldest_ns : clock_boot_ns();
    keep_gap(r, r->tail->session, r->tail->seq, until_ns, r->number);
    r->disk->next_number = unwiped >= r->number ? unwiped + 1 : r->number;
}

static int recover(struct disk *disk, const struct disk_tail *tail, struct spool_recovery *recovery)
{
    struct disk_state state = read_state(disk);
    disk->next_number = state.front;
    if (state.is_used == 0)
        return 0;
    struct found found = {.piece = calloc(disk->n_blocks, sizeof(*found.piece))};
    if (found.piece == NULL)
        return -ENOMEM;
    posix_fadvise(disk->fd, 0, 0, POSIX_FADV_WILLNEED);
    scan(disk, state.front, &found);
    qsort(found.piece, found.count, sizeof(*found.piece), by_number);
    struct recovering r = {.disk = disk,
                           .tail = tail,
                           .recovery = recovery,
                           .session = state.session,
                           .seq = state.seq,
                           .from_ns = state.from_ns,
                           .number = state.front};
    join(&r, &found);
    free(found.piece);
    struct disk_state empty = {.front = disk->next_number, .session = r.session, .seq = r.seq, .from_ns = r.from_ns};
    return disk->end == 0 ? disk_write_state(disk, empty) : 0;
}

/* --- */

static int make_tables(struct disk *disk, uint64_t size)
{
    disk->n_blocks = (uint32_t)(size / DISK_BLOCK);
    disk->n_free = disk->n_blocks - DISK_FIRST_BLOCK;
    disk->next_fit = DISK_FIRST_BLOCK;
    disk->capacity = disk->n_blocks + DISK_INDEX_SLACK;
    disk->used = calloc(disk->n_blocks, 1);
    disk->piece = calloc(disk->capacity, sizeof(*disk->piece));
    return disk->used != NULL && disk->piece != NULL ? 0 : -ENOMEM;
}

static void free_tables(struct disk *disk)
{
    free(disk->used);
    free(disk->piece);
    int fd = disk->fd;
    uint8_t *buffer = disk->buffer;
    *disk = (struct disk){.fd = fd, .buffer = buffer};
}

/* Goes on with what is there, if it can be: true. What cannot be gone on with is counted. */
static int adopt(struct disk *disk, const struct disk_head *head, const struct spool_settings *settings,
                 const struct disk_tail *tail, struct spool_recovery *recovery, bool *ret_adopted)
{
    disk->salt = head->salt;
    int error = make_tables(disk, head->size);
    if (error == 0)
        error = preallocate(disk->fd, head->size); /* costs nothing unless somebody made it sparse */
    if (error == 0)
        error = recover(disk, tail, recovery);
    if (error != 0)
        return error;
    bool same_boot = strncmp(head->boot_id, settings->boot_id, DISK_BOOT_ID) == 0;
    if (!same_boot)
        *recovery = (struct spool_recovery){.dropped_boot = recovery->batches + recovery->lost_parts,
                                            .dropped_boot_events = recovery->events + recovery->lost_events};
    else if (head->events != events_fingerprint())
        *recovery = (struct spool_recovery){.dropped_schema = recovery->batches + recovery->lost_parts,
                                            .dropped_schema_events = recovery->events + recovery->lost_events};
    *ret_adopted = same_boot && head->events == events_fingerprint() &&
                   (disk->end > 0 || head->size == settings->size / DISK_BLOCK * DISK_BLOCK);
    return 0;
}

static bool is_blank(const struct disk *disk)
{
    struct disk_head head, nothing = {0};
    return disk_read_at(disk, 0, &head, sizeof(head)) == 0 && memcmp(&head, &nothing, sizeof(head)) == 0;
}

static int adopt_or_make(struct disk *disk, uint64_t size, const struct spool_settings *settings,
                         const struct disk_tail *tail, struct spool_recovery *recovery)
{
    struct disk_head head;
    bool adopted = false;
    if (size > 0 && read_head(disk, &head)) {
        int error = adopt(disk, &head, settings, tail, recovery, &adopted);
        if (error != 0 || adopted)
            return error;
    } else {
        recovery->foreign = size > 0 && !is_blank(disk);
    }
    free_tables(disk);
    uint64_t wanted = settings->size / DISK_BLOCK * DISK_BLOCK;
    int error = make_tables(disk, wanted);
    if (error == 0)
        error = make_anew(disk, wanted, settings->boot_id);
    disk->next_number = 1;
    return error;
}

int disk_open(struct disk *disk, const struct spool_settings *settings, const struct disk_tail *tail,
              struct spool_recovery *ret_recovery)
{
    uint64_t size = 0;
    *disk = (struct disk){.fd = -1};
    *ret_recovery = (struct spool_recovery){0};
    if (settings->size < SPOOL_SIZE_MIN || settings->size > SPOOL_SIZE_MAX || strlen(settings->boot_id) >= DISK_BOOT_ID)
        return -EINVAL;
    disk->buffer = calloc(MAX_BLOCKS, DISK_BLOCK);
    if (disk->buffer == NULL)
        return -ENOMEM;
    disk->fd = open_locked(settings->path, &size);
    int error = disk->fd < 0 ? disk->fd : adopt_or_make(disk, size, settings, tail, ret_recovery);
    if (error != 0)
        disk_close(disk);
    return error;
}

void disk_close(struct disk *disk)
{
    free_tables(disk);
    free(disk->buffer);
    if (disk->fd >= 0)
        close(disk->fd);
    *disk = (struct disk){.fd = -1};
}

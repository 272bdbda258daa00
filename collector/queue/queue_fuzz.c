/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue's file that is damaged in places: it opens or is replaced, whatever is given lies within it, and the queue
 * works afterwards. The input is patches: 3 bytes of place, 1 of length, so many bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "collector/queue/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { RING = QUEUE_SIZE_MIN, ENTRIES = 40, ENTRY_BYTES = 900, FILE_BYTES = 2 * QUEUE_AREA + RING };

static const char boot[] = "0b5d6c1e-0000-4000-8000-00000000000a";
static char folder[] = "/dev/shm/vedette-queue-fuzz.XXXXXX";
static char path[64], lock[64];
static uint8_t sound[FILE_BYTES];

static void remove_files(void)
{
    unlink(path);
    unlink(lock);
    rmdir(folder);
}

static struct queue *open_queue(struct queue_recovery *recovery)
{
    struct queue *queue = NULL;
    if (queue_open(path, RING, boot, &queue, recovery) != 0)
        abort(); /* whatever is in the file: it is ours to replace */
    return queue;
}

static bool put(struct queue *queue, uint64_t seq)
{
    uint8_t *room = queue_reserve(queue, ENTRY_BYTES);
    if (room == NULL)
        return false;
    memset(room, (int)seq, ENTRY_BYTES);
    queue_commit(queue, &(struct queue_entry){.session = 1, .first_seq = seq, .next_seq = seq + 1, .time_ns = seq + 1},
                 ENTRY_BYTES);
    return true;
}

/* The file as an honest life leaves it, some of it taken. */
static void make_sound(void)
{
    struct queue_recovery recovery;
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof(path), "%s/queue", folder);
    snprintf(lock, sizeof(lock), "%s/queue.lock", folder);
    atexit(remove_files);
    struct queue *queue = open_queue(&recovery);
    for (uint64_t seq = 0; seq < ENTRIES; seq++)
        put(queue, seq);
    for (int i = 0; i < ENTRIES / 4; i++)
        queue_next(queue);
    queue_set_durable(queue, 1, ENTRIES / 4);
    queue_set_drained(queue, 4711, 1, ENTRIES);
    queue_close(queue);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, sound, sizeof(sound)) != (ssize_t)sizeof(sound))
        abort();
    close(fd);
}

/* Everything read is summed up into here, so that no read is optimised away. */
static volatile uint64_t sink;

static void write_damaged(const uint8_t *bytes, size_t size)
{
    static uint8_t damaged[FILE_BYTES];
    memcpy(damaged, sound, sizeof(damaged));
    while (size >= 4) {
        size_t place = ((size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16) % FILE_BYTES;
        size_t length = bytes[3];
        bytes += 4;
        size -= 4;
        length = length < size ? length : size;
        length = length < FILE_BYTES - place ? length : FILE_BYTES - place;
        memcpy(damaged + place, bytes, length);
        bytes += length;
        size -= length;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, damaged, sizeof(damaged)) != (ssize_t)sizeof(damaged) || ftruncate(fd, FILE_BYTES) != 0)
        abort();
    close(fd);
}

static uint64_t read_all(struct queue *queue)
{
    const struct queue_entry *entry;
    uint64_t count = 0, sum = 0;
    while ((entry = queue_next(queue)) != NULL) {
        for (size_t i = 0; i < entry->size; i++)
            sum += entry->bytes[i];
        if (++count > RING / QUEUE_ALIGN)
            abort(); /* round and round */
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct queue_recovery recovery;
    if (path[0] == '\0')
        make_sound();
    write_damaged(bytes, size);
    struct queue *queue = open_queue(&recovery);
    if (queue_used(queue) > queue_size(queue) || recovery.entries > RING / QUEUE_ALIGN)
        abort();
    if (recovery.fresh && queue_used(queue) != 0)
        abort();
    sink += read_all(queue);
    sink += queue_count(queue);
    queue_set_durable(queue, 1, ENTRIES);
    if (queue_used(queue) == 0 && !put(queue, ENTRIES))
        abort();
    sink += read_all(queue);
    queue_close(queue);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/queue/layout.h"
#include "common/events/events.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

/* flock belongs to the open file, so it lies on a file of its own whose descriptor stays open: the map's is closed. */
static int lock_beside(const char *path)
{
    char name[PATH_MAX];
    int length = snprintf(name, sizeof(name), "%s.lock", path);
    if (length < 0 || (size_t)length >= sizeof(name))
        return -ENAMETOOLONG;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = errno == EWOULDBLOCK ? -EBUSY : -errno;
    close(fd);
    return error;
}

static void unmap(struct queue *queue)
{
    size_t total = queue->ring_size + 2 * QUEUE_AREA;
    if (queue->map)
        munmap(queue->map, total);
    if (queue->view)
        munmap((void *)(uintptr_t)queue->view, total);
    if (queue->worker)
        munmap(queue->worker, QUEUE_AREA);
    queue->map = NULL;
    queue->view = NULL;
    queue->worker = NULL;
}

static int map_part(int fd, int protection, size_t size, off_t offset, void **ret_map)
{
    void *map = mmap(NULL, size, protection, MAP_SHARED, fd, offset);
    if (map == MAP_FAILED)
        return -errno;
    *ret_map = map;
    return 0;
}

/* The same file again, but read-only: what is mapped from it can never be made writable. */
static int reopen(const char *path, int fd)
{
    struct stat first, second;
    int again = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (again < 0)
        return -errno;
    if (fstat(fd, &first) == 0 && fstat(again, &second) == 0 && first.st_dev == second.st_dev &&
        first.st_ino == second.st_ino)
        return again;
    close(again);
    return -EBUSY; /* somebody replaces files here */
}

static int map_file(struct queue *queue, const char *path, int fd, size_t ring_size)
{
    int read_only = reopen(path, fd);
    if (read_only < 0)
        return read_only;
    void *map = NULL, *view = NULL, *worker = NULL;
    size_t total = ring_size + 2 * QUEUE_AREA;
    int error = map_part(fd, PROT_READ | PROT_WRITE, total, 0, &map);
    if (!error)
        error = map_part(read_only, PROT_READ, total, 0, &view);
    if (!error)
        error = map_part(fd, PROT_READ | PROT_WRITE, QUEUE_AREA, QUEUE_AREA, &worker);
    close(read_only);
    queue->ring_size = ring_size;
    queue->map = map;
    queue->view = view;
    queue->worker = worker;
    if (error)
        unmap(queue);
    return error;
}

static int allocate(int fd, size_t total)
{
    int error;
    do
        error = posix_fallocate(fd, 0, (off_t)total);
    while (error == EINTR);
    return -error;
}

/* A new file rather than a truncated one: a worker of an earlier life may still be mapping the old one for a moment. */
static int create(struct queue *queue, const char *path, size_t ring_size, const char *boot_id, const struct life *life)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = allocate(fd, ring_size + 2 * QUEUE_AREA);
    if (!error)
        error = map_file(queue, path, fd, ring_size);
    close(fd);
    if (!error && getrandom(&queue->salt, sizeof(queue->salt), 0) != sizeof(queue->salt))
        error = -EIO;
    if (error) {
        unlink(path);
        unmap(queue);
        return error;
    }
    queue->salt |= 1ull << 63; /* so that no position makes a commit word of 0, which an untouched file is full of */
    struct drain_area *area = (struct drain_area *)(void *)queue->map;
    area->layout = QUEUE_LAYOUT;
    area->ring_size = ring_size;
    area->events = events_fingerprint();
    area->salt = queue->salt;
    memcpy(area->boot_id, boot_id, strlen(boot_id) + 1);
    queue->life = *life;
    queue->life.head = 0;
    if (life->session != 0)
        queue_write_life(queue);
    atomic_thread_fence(memory_order_release);
    *(volatile uint64_t *)&area->magic = QUEUE_MAGIC; /* last: a file without it is made anew */
    return 0;
}

static bool is_ours(const struct stat *status)
{
    return S_ISREG(status->st_mode) && status->st_uid == geteuid() && (status->st_mode & 077) == 0;
}

/* A file that its maker did not live to finish: nothing was ever in it. */
static bool is_unfinished(const struct queue *queue)
{
    return queue_drain_view(queue)->magic == 0;
}

static bool is_queue(const struct queue *queue)
{
    const struct drain_area *area = queue_drain_view(queue);
    /* Positions never come so far; sums with the head must not wrap. */
    bool sane = area->head % QUEUE_ALIGN == 0 && area->head < UINT64_MAX / 2;
    return area->magic == QUEUE_MAGIC && area->layout == QUEUE_LAYOUT && area->ring_size == queue->ring_size && sane;
}

/* Maps an existing file when it is one of this layout. 0 with queue->map NULL: there is none to go on with. */
static int map_existing(struct queue *queue, const char *path, bool *ret_foreign)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int error = fstat(fd, &status) < 0 ? -errno : 0;
    size_t total = error ? 0 : (size_t)status.st_size;
    bool plausible = !error && is_ours(&status) && total >= QUEUE_SIZE_MIN + 2 * QUEUE_AREA && total % QUEUE_AREA == 0;
    if (plausible)
        error = allocate(fd, total); /* costs nothing unless somebody made it sparse */
    if (plausible && !error)
        error = map_file(queue, path, fd, total - 2 * QUEUE_AREA);
    close(fd);
    if (error)
        return error;
    bool foreign = plausible ? !is_queue(queue) && !is_unfinished(queue) : total > 0;
    if (plausible && is_queue(queue))
        queue->salt = queue_drain_view(queue)->salt;
    else
        unmap(queue);
    *ret_foreign = foreign;
    return 0;
}

static bool is_boot(const struct queue *queue, const char *boot_id)
{
    return strncmp(queue_drain_view(queue)->boot_id, boot_id, QUEUE_BOOT_ID) == 0;
}

/* Decides whether to go on with the mapped file. If not it is unmapped, and *ret_life is what the new file shall know
 * of the life before. */
static void adopt(struct queue *queue, size_t ring_size, const char *boot_id, struct queue_recovery *recovery,
                  struct life *ret_life)
{
    queue_recover(queue, recovery);
    bool same_events = queue_drain_view(queue)->events == events_fingerprint();
    if (!is_boot(queue, boot_id)) {
        *recovery = (struct queue_recovery){
            .dropped_boot = recovery->entries + recovery->dropped + recovery->dropped_schema,
            .dropped_boot_events = recovery->events + recovery->dropped_events + recovery->dropped_schema_events,
            .has_plan = recovery->has_plan,
            .plan = recovery->plan,
        };
        unmap(queue);
    } else if (!same_events || (queue->ring_size != ring_size && recovery->entries == 0)) {
        *ret_life = queue->life;
        ret_life->session = recovery->last_session; /* entries that go now may have come further */
        ret_life->next_seq = recovery->last_seq;
        unmap(queue);
    }
}

static int adopt_or_create(struct queue *queue, const char *path, size_t ring_size, const char *boot_id,
                           struct queue_recovery *recovery)
{
    struct life life = {0};
    bool foreign = false;
    int error = map_existing(queue, path, &foreign);
    if (error)
        return error;
    if (queue->map)
        adopt(queue, ring_size, boot_id, recovery, &life);
    if (queue->map)
        recovery->in_order = queue_is_closing(queue);
    recovery->foreign = foreign;
    if (!queue->map) {
        recovery->fresh = true;
        queue->head = queue->tail = 0;
        error = create(queue, path, ring_size, boot_id, &life);
    }
    return error;
}

/* Nothing but the same bytes is ever written over a kept plan while the worker's copy is not there to fall back on. */
static void keep_plan(struct drain_area *area, const struct queue *queue, const struct plan_request *plan)
{
    area->plan.plan = *plan;
    area->plan.check = queue_plan_check(queue, plan);
    atomic_thread_fence(memory_order_release);
}

/* A life begins not closing, and without a plan of its worker's: the next that comes is new, be its epoch that of the
 * life before. */
static void begin_life(struct queue *queue, const struct queue_recovery *recovery)
{
    struct drain_area *area = (struct drain_area *)(void *)queue->map;
    if (recovery->has_plan)
        keep_plan(area, queue, &recovery->plan);
    atomic_store(&area->head, queue->head);
    atomic_store(&area->closing, 0);
    memset(&queue->worker->plan, 0, sizeof(queue->worker->plan));
    atomic_store(&queue->worker->plan_sequence, 0);
    atomic_store(&queue->worker->tail, queue->tail);
    queue->read = queue->tail;
}

static int open_events(struct queue *queue)
{
    queue->drain_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    queue->worker_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return queue->drain_fd < 0 || queue->worker_fd < 0 ? -EMFILE : 0;
}

int queue_open(const char *path, size_t size, const char *boot_id, struct queue **ret_queue,
               struct queue_recovery *ret_recovery)
{
    if (size < QUEUE_SIZE_MIN || size > QUEUE_SIZE_MAX || strlen(boot_id) >= QUEUE_BOOT_ID)
        return -EINVAL;
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    struct queue_recovery recovery = {0};
    queue->drain_fd = queue->worker_fd = -1;
    queue->lock_fd = lock_beside(path);
    int error = queue->lock_fd < 0 ? queue->lock_fd : open_events(queue);
    if (!error)
        error = adopt_or_create(queue, path, size / QUEUE_AREA * QUEUE_AREA, boot_id, &recovery);
    if (error) {
        queue_close(queue);
        return error;
    }
    begin_life(queue, &recovery);
    *ret_queue = queue;
    *ret_recovery = recovery;
    return 0;
}

void queue_keep_worker_side(struct queue *queue)
{
    munmap(queue->map, queue->ring_size + 2 * QUEUE_AREA);
    queue->map = NULL;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    unmap(queue);
    int fds[] = {queue->drain_fd, queue->worker_fd, queue->lock_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(queue);
}

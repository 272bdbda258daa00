/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argv of the processes that were there when the collector started. It lies in their memory, which the iterator's
 * program cannot read: a helper that can (bpf_copy_from_user_task, in a program that sleeps) waits for whatever a
 * process has mapped there, a file of a file system of its own for example, and the drain would stand still as long as
 * that likes. /proc/PID/cmdline reads anonymous memory only, so it is read, once, while there is still a /proc; and by
 * a child with a deadline, because it waits for the lock of the process's mappings.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "collector/probe/internal.h"
#include "common/base/clock.h"

enum {
    ARGV_TABLE_BYTES = 1 << 20, /* of all together */
    ARGV_DEADLINE_MS = 500,
    ARGV_GRACE_MS = 100, /* for the child to go */
};

struct argv_entry {
    uint64_t start_ns, exec_id;
    uint64_t whole; /* bytes that it has */
    uint32_t tgid, number;
    uint32_t offset;
    uint16_t length; /* 0: it could not be read */
    bool is_cut;
};

struct argv_table {
    struct argv_entry *entries; /* in the order of the processes' creation, as every snapshot has them */
    size_t n, room, hint;
    uint8_t *bytes;
    size_t used;
};

/* What the child sends before the bytes of an entry. */
struct piece {
    uint32_t index;
    uint32_t length;
};

void argv_table_free(struct argv_table *table)
{
    if (table == NULL)
        return;
    free(table->entries);
    free(table->bytes);
    free(table);
}

static int argv_index(void)
{
    return event_arg_index(event_by_id(EVENT_existing_process), "argv");
}

/* The last item of a process's record, NULL when it is none: a kernel's thread, or one that was ending. */
static const struct item_header *find_place(const struct record_header *record, struct argv_place *ret_place)
{
    const size_t size = sizeof(struct item_header) + sizeof(*ret_place);
    if (record->event_id != EVENT_existing_process || record->size < sizeof(*record) + size)
        return NULL;
    const struct item_header *item = (const void *)((const uint8_t *)record + record->size - size);
    if (item->arg != argv_index() || item->form != ITEM_BYTES || item->length != sizeof(*ret_place))
        return NULL;
    memcpy(ret_place, item + 1, sizeof(*ret_place));
    return item;
}

static int note_process(struct argv_table *table, const struct record_header *record)
{
    struct argv_place place;
    if (find_place(record, &place) == NULL || place.number == 0 || place.start == place.end)
        return 0;
    if (table->n == table->room) {
        size_t room = table->room == 0 ? 256 : table->room * 2;
        struct argv_entry *entries = reallocarray(table->entries, room, sizeof(*entries));
        if (entries == NULL)
            return -ENOMEM;
        table->entries = entries;
        table->room = room;
    }
    table->entries[table->n++] = (struct argv_entry){
        .start_ns = record->leader_start_ns, .exec_id = place.exec_id, .tgid = record->tgid, .number = place.number};
    return 0;
}

/* Whether /proc numbers as this process is numbered: NSpid begins with the number there. */
static bool is_own_proc(void)
{
    static const char name[] = "\nNSpid:\t";
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    const char *at = strstr(text, name);
    return length > 0 && (at == NULL || at[sizeof(name) - 1 + strspn(at + sizeof(name) - 1, "0123456789")] == '\n');
}

/* The child's part. A write of at most PIPE_BUF bytes is whole or not at all; a longer one goes on by itself. */
static void send_all(const struct argv_table *table, int to)
{
    static struct {
        struct piece piece;
        char bytes[ARGV_MOST + 1]; /* one more tells that there are more */
    } out;
    char path[32];
    if (!is_own_proc())
        _exit(0);
    for (uint32_t i = 0; i < table->n; i++) {
        snprintf(path, sizeof(path), "/proc/%u/cmdline", table->entries[i].number);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t length = 0;
        ssize_t got = 0;
        while (fd >= 0 && length < sizeof(out.bytes) &&
               (got = read(fd, out.bytes + length, sizeof(out.bytes) - length)) > 0)
            length += (size_t)got;
        close(fd);
        out.piece = (struct piece){.index = i, .length = (uint32_t)length};
        const char *at = (const char *)&out;
        for (size_t left = sizeof(out.piece) + length; left > 0; left -= (size_t)got, at += got)
            if ((got = write(to, at, left)) <= 0)
                _exit(1);
    }
    _exit(0);
}

/* Waits until there is something or its writer has gone; false at the deadline. */
static bool wait_readable(int fd, uint64_t deadline_ns)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint64_t now_ns = clock_boot_ns();
    int r = now_ns < deadline_ns ? poll(&poll_fd, 1, (int)((deadline_ns - now_ns) / 1000000) + 1) : 0;
    return r > 0 || (r < 0 && errno == EINTR);
}

static bool read_whole(int fd, void *to, size_t size, uint64_t deadline_ns)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = wait_readable(fd, deadline_ns) ? read(fd, (char *)to + done, size - done) : 0;
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/*
 * Less than there is: the memory behind it could not be read. Only a process that has written over the end of its
 * arguments gets a shorter one (setproctitle): one string, with its NUL.
 */
static bool is_short(const struct argv_entry *entry, const uint8_t *bytes, size_t length)
{
    return length < entry->whole && !(length > 0 && memchr(bytes, '\0', length) == bytes + length - 1);
}

/* One NUL behind each string, the last one too unless it was cut: a process may have written over its own. */
static void take_piece(struct argv_table *table, struct argv_entry *entry, uint8_t *bytes, size_t length)
{
    entry->is_cut = length > ARGV_MOST || is_short(entry, bytes, length);
    if (length > ARGV_MOST)
        length = ARGV_MOST;
    else if (length > 0 && !entry->is_cut && length < ARGV_MOST && bytes[length - 1] != '\0')
        bytes[length++] = '\0';
    if (table->used + length > ARGV_TABLE_BYTES)
        return;
    memcpy(table->bytes + table->used, bytes, length);
    entry->offset = (uint32_t)table->used;
    entry->length = (uint16_t)length;
    table->used += length;
}

static void receive_all(struct argv_table *table, int from)
{
    static uint8_t bytes[ARGV_MOST + 1];
    const uint64_t deadline_ns = clock_boot_ns() + ARGV_DEADLINE_MS * 1000000ull;
    struct piece piece;
    while (read_whole(from, &piece, sizeof(piece), deadline_ns) && piece.index < table->n &&
           piece.length <= sizeof(bytes) && read_whole(from, bytes, piece.length, deadline_ns))
        take_piece(table, &table->entries[piece.index], bytes, piece.length);
}

/* A child that hangs goes when it can; nobody waits for it. */
static void end_child(pid_t child, int from)
{
    char byte;
    const uint64_t deadline_ns = clock_boot_ns() + ARGV_GRACE_MS * 1000000ull;
    kill(child, SIGKILL);
    while (wait_readable(from, deadline_ns) && read(from, &byte, 1) > 0)
        ;
    waitpid(child, NULL, wait_readable(from, deadline_ns) ? 0 : WNOHANG);
}

static int read_arguments(struct argv_table *table)
{
    int ends[2];
    table->bytes = malloc(ARGV_TABLE_BYTES);
    if (table->bytes == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    pid_t child = fork();
    if (child == 0)
        send_all(table, ends[1]);
    int error = child < 0 ? -errno : 0;
    close(ends[1]);
    if (child > 0) {
        receive_all(table, ends[0]);
        end_child(child, ends[0]);
    }
    close(ends[0]);
    uint8_t *bytes = realloc(table->bytes, table->used > 0 ? table->used : 1);
    if (bytes != NULL)
        table->bytes = bytes;
    return error;
}

int argv_table_fill(struct probe *probe)
{
    const struct record_header *record;
    size_t available;
    struct argv_table *table = calloc(1, sizeof(*table));
    int error = table != NULL ? probe_snapshot_begin(probe) : -ENOMEM;
    while (error == 0 && (record = snapshot_read(probe, &available)) != NULL)
        error = note_process(table, record);
    probe_snapshot_end(probe);
    if (error == 0 && table->n > 0)
        error = read_arguments(table);
    probe->argv = table;
    return error;
}

/* The hint is where the one before was found: both are in the same order. */
static const struct argv_entry *find_entry(struct argv_table *table, const struct record_header *record)
{
    for (size_t i = 0; table != NULL && i < table->n; i++) {
        size_t at = (table->hint + i) % table->n;
        const struct argv_entry *entry = &table->entries[at];
        if (entry->tgid != record->tgid || entry->start_ns != record->leader_start_ns)
            continue;
        table->hint = at + 1;
        return entry;
    }
    return NULL;
}

const struct record_header *argv_put(struct probe *probe, const struct record_header *record, size_t *ret_available)
{
    struct argv_place place;
    const struct item_header *found = find_place(record, &place);
    if (found == NULL)
        return record;
    const struct argv_entry *entry = place.start != place.end ? find_entry(probe->argv, record) : NULL;
    size_t at = (size_t)((const uint8_t *)found - (const uint8_t *)record);
    uint8_t *row = probe->row;
    memcpy(row, record, at);
    struct item_header item = {.arg = found->arg, .form = ITEM_LIST, .state = ITEM_UNREADABLE};
    if (place.start == place.end) {
        item.state = ITEM_COMPLETE | ITEM_USER;
    } else if (entry != NULL && entry->length > 0 && entry->exec_id == place.exec_id) {
        item.state = (entry->is_cut ? ITEM_TRUNCATED : ITEM_COMPLETE) | ITEM_USER; /* it may have been written over */
        item.length = entry->length;
        memcpy(row + at + sizeof(item), probe->argv->bytes + entry->offset, entry->length);
    }
    memcpy(row + at, &item, sizeof(item));
    at += sizeof(item) + ((item.length + 7u) & ~7u);
    ((struct record_header *)(void *)row)->size = (uint32_t)at;
    *ret_available = at;
    return (const void *)row;
}

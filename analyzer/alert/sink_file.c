/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings appended to a file, one JSON object a line. Every line is on the disk before the cursor moves past it
 * (fsync: always), so that neither a crash nor a power failure loses one; a line that was torn is ended at the next
 * start, and its alert comes again whole. Rotated by size, and opened anew on SIGHUP for who rotates it otherwise.
 */
#include "analyzer/alert/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>

struct file_settings {
    char path[SINK_PATH_BYTES];
    char mode[8];
    uint32_t fsync;
    uint64_t rotate_bytes, rotate_keep;
};

enum { FSYNC_ALWAYS, FSYNC_NEVER };
static const char *const fsync_choices[] = {"always", "never", NULL};

#define AT(field) .offset = offsetof(struct file_settings, field), .size = sizeof(((struct file_settings *)0)->field)
static const struct option options[] = {
    {"path", OPTION_STRING, AT(path), .help = "Absolute path of the file; its folder must exist and be writable."},
    {"mode", OPTION_STRING, AT(mode), .initial = "0600", .help = "Permissions of a file that is made, in octal."},
    {"fsync", OPTION_CHOICE, AT(fsync), .initial = "always", .choices = fsync_choices,
     .help = "always: a line is on the disk before the next; never: the kernel decides, and a power failure may lose "
             "what was said to be delivered."},
    {"rotate.size", OPTION_BYTES, AT(rotate_bytes), .initial = "100M", .max = 1ull << 40,
     .help = "Size beyond which the file becomes PATH.1 and a new one is begun; 0: never."},
    {"rotate.keep", OPTION_UINT, AT(rotate_keep), .initial = "5", .min = 1, .max = 1000,
     .help = "How many rotated files are kept, PATH.1 being the newest; older ones are removed."},
};
#undef AT

struct file_sink {
    const struct file_settings *settings;
    mode_t mode;
    int fd;       /* -1: not open */
    bool is_torn; /* the last line has no end */
    uint64_t size;
    char *line; /* reused from alert to alert */
    size_t capacity;
    atomic_bool reopen;
    atomic_uint_fast64_t rotations;
};

/* Whether the file could be opened later; it is made with the first alert, so that a look at the settings makes none.
 */
static int check_place(const char *path)
{
    char folder[SINK_PATH_BYTES];
    struct stat facts;
    if (stat(path, &facts) == 0)
        return S_ISREG(facts.st_mode) ? access(path, W_OK) : (errno = EINVAL, -1);
    if (errno != ENOENT)
        return -1;
    snprintf(folder, sizeof(folder), "%s", path);
    return access(dirname(folder), W_OK | X_OK);
}

static void *file_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    const struct file_settings *own = settings->own;
    char *end = NULL;
    unsigned long mode = strtoul(own->mode, &end, 8);
    if (own->path[0] != '/')
        return sink_fail(settings, error, "path: write the absolute path of a file");
    if (*end != '\0' || end == own->mode || mode > 0777 || (mode & 0600) != 0600)
        return sink_fail(settings, error, "mode: write one in octal that lets this program write, as 0640");
    if (check_place(own->path) < 0)
        return sink_fail(settings, error, "path: %.120s cannot be written: %s", own->path, strerror(errno));
    struct file_sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return sink_fail(settings, error, "out of memory");
    sink->settings = own;
    sink->mode = (mode_t)mode;
    sink->fd = -1;
    return sink;
}

static void close_file(struct file_sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
}

/* A file that is new is there after a power failure only when its folder says so. */
static int sync_folder(const char *path)
{
    char folder[SINK_PATH_BYTES];
    snprintf(folder, sizeof(folder), "%s", path);
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return result;
}

/* Whether the last byte is a line's end; a crash may have torn a line. */
static int look_at_end(struct file_sink *sink)
{
    struct stat facts;
    char last = '\n';
    if (fstat(sink->fd, &facts) < 0)
        return -errno;
    if (!S_ISREG(facts.st_mode))
        return -EINVAL;
    if (facts.st_size > 0 && pread(sink->fd, &last, 1, facts.st_size - 1) != 1)
        return -EIO;
    sink->size = (uint64_t)facts.st_size;
    sink->is_torn = last != '\n';
    return 0;
}

static int open_file(struct file_sink *sink)
{
    const char *path = sink->settings->path;
    bool is_new = access(path, F_OK) < 0;
    /* O_NONBLOCK: a FIFO in the file's place must not hold the thread. */
    sink->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, sink->mode);
    int result = sink->fd < 0 ? -errno : look_at_end(sink);
    if (result == 0 && is_new && fchmod(sink->fd, sink->mode) < 0) /* whatever the umask */
        result = -errno;
    if (result == 0 && is_new && sink->settings->fsync == FSYNC_ALWAYS)
        result = sync_folder(path);
    if (result < 0)
        close_file(sink);
    return result;
}

/* PATH.N-1 to PATH.N and so on down to PATH to PATH.1; what stood at PATH.N is gone with that. */
static int rotate(struct file_sink *sink)
{
    char from[SINK_PATH_BYTES + 24], to[SINK_PATH_BYTES + 24];
    const char *path = sink->settings->path;
    for (uint64_t i = sink->settings->rotate_keep; i > 0; i--) {
        snprintf(to, sizeof(to), "%s.%llu", path, (unsigned long long)i);
        if (i > 1)
            snprintf(from, sizeof(from), "%s.%llu", path, (unsigned long long)i - 1);
        else
            snprintf(from, sizeof(from), "%s", path);
        if (rename(from, to) < 0 && errno != ENOENT)
            return -errno;
    }
    close_file(sink);
    atomic_fetch_add(&sink->rotations, 1);
    return open_file(sink);
}

/* Open, in its place, with room below the limit for `size` more. */
static int make_ready(struct file_sink *sink, size_t size)
{
    if (atomic_exchange(&sink->reopen, false))
        close_file(sink);
    int result = sink->fd < 0 ? open_file(sink) : 0;
    const uint64_t limit = sink->settings->rotate_bytes;
    if (result == 0 && limit > 0 && sink->size > 0 && sink->size + size > limit)
        result = rotate(sink);
    return result;
}

static bool reserve(struct file_sink *sink, size_t size)
{
    if (size <= sink->capacity)
        return true;
    char *grown = realloc(sink->line, size);
    if (!grown)
        return false;
    sink->line = grown;
    sink->capacity = size;
    return true;
}

/* A file that cannot be cut is opened again later, and its end looked at. */
static int take_back(struct file_sink *sink, int error)
{
    if (ftruncate(sink->fd, (off_t)sink->size) < 0)
        close_file(sink);
    return -error;
}

/* The whole line or nothing: what a full disk took of it is taken back. */
static int append(struct file_sink *sink, size_t size)
{
    const char *data = sink->line + (sink->is_torn ? 0 : 1);
    const size_t wanted = size - (sink->is_torn ? 0 : 1);
    for (size_t done = 0; done < wanted;) {
        ssize_t written = write(sink->fd, data + done, wanted - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            return take_back(sink, written == 0 ? EIO : errno);
    }
    if (sink->settings->fsync == FSYNC_ALWAYS && fdatasync(sink->fd) < 0)
        return take_back(sink, errno);
    sink->size += wanted;
    sink->is_torn = false;
    return 0;
}

static enum sink_result file_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                     char error[SINK_ERROR_BYTES])
{
    struct file_sink *sink = arg;
    size_t size = strlen(alert->json) + 2; /* a line's end on both sides, the first for a torn line */
    int result = reserve(sink, size) ? make_ready(sink, size) : -ENOMEM;
    *retry_after_ms = 0;
    if (result == 0) {
        sink->line[0] = '\n';
        memcpy(sink->line + 1, alert->json, size - 2);
        sink->line[size - 1] = '\n';
        result = append(sink, size);
    }
    if (result == 0)
        return SINK_DELIVERED;
    snprintf(error, SINK_ERROR_BYTES, "%.140s cannot be written: %s%s", sink->settings->path, strerror(-result),
             result == -ENOSPC || result == -EDQUOT ? ": free some space, or lower rotate.keep" : "");
    return SINK_RETRY;
}

static void file_close(void *arg)
{
    struct file_sink *sink = arg;
    if (!sink)
        return;
    close_file(sink);
    free(sink->line);
    free(sink);
}

static void file_reopen(void *arg)
{
    struct file_sink *sink = arg;
    atomic_store(&sink->reopen, true);
}

static void file_collect(void *arg, const struct metric_label *labels, struct metrics_writer *writer)
{
    struct file_sink *sink = arg;
    metrics_put(writer, METRIC_SINK_FILE_ROTATIONS, labels, (double)atomic_load(&sink->rotations));
}

extern const struct sink_kind sink_file;
const struct sink_kind sink_file = {
    .name = "file",
    .summary = "Appended to a file, one JSON object a line; rotated by size, opened anew on SIGHUP.",
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .own_size = sizeof(struct file_settings),
    .open = file_open,
    .deliver = file_deliver,
    .close = file_close,
    .reopen = file_reopen,
    .collect = file_collect,
};

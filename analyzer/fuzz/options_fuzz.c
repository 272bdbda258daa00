/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: the operator's, yet a wrong one must end in words. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "common/base/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct target {
    char name[16];
    uint64_t port, size, wait;
    bool json;
    uint32_t color;
    struct option_list events;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const colors[] = {"auto", "always", "never", NULL};
    static const struct option rows[] = {
        {.key = "name", .type = OPTION_STRING, .offset = offsetof(struct target, name), .size = 16, .help = "h"},
        {.key = "http.port", .type = OPTION_UINT, .offset = offsetof(struct target, port), .max = 65535, .help = "h"},
        {.key = "queue.size", .type = OPTION_BYTES, .offset = offsetof(struct target, size), .help = "h"},
        {.key = "queue.deep.wait", .type = OPTION_DURATION, .offset = offsetof(struct target, wait), .help = "h"},
        {.key = "json", .type = OPTION_BOOL, .offset = offsetof(struct target, json), .help = "h"},
        {.key = "color",
         .type = OPTION_CHOICE,
         .offset = offsetof(struct target, color),
         .choices = colors,
         .help = "h"},
        {.key = "events", .type = OPTION_LIST, .offset = offsetof(struct target, events), .help = "h"},
    };
    static const struct option_table table = {
        .options = rows, .count = sizeof(rows) / sizeof(rows[0]), .program = "p", .summary = "s"};
    static int fd = -1;
    static char path[32];
    if (fd < 0) {
        fd = memfd_create("options", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size)
        abort();
    struct target target;
    char error[OPTION_ERROR_BYTES];
    options_init(&table, &target, sizeof(target));
    int result = options_read_file(&table, path, &target, error);
    if ((result == 0) != (error[0] == '\0') || target.port > 65535 || target.color > 2 ||
        target.events.count > OPTION_LIST_ITEMS)
        abort();
    return 0;
}

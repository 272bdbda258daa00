/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's loaded modules, from /proc/modules: its list has no iterator, and its address is kept from whoever lacks
 * CAP_SYSLOG. The file is opened while there is a /proc and read again at each snapshot. The text is the kernel's own,
 * a line a module: NAME SIZE REFERENCES USERS STATE ADDRESS.
 */
#include <errno.h>
#include <fcntl.h>

#include "collector/probe/internal.h"

enum {
    MODULE_NAME_MOST = 55, /* MODULE_NAME_LEN without its NUL */
    MODULE_TEXT_BYTES = 16384,
    SIZE_DIGITS = 19,
};

struct modules {
    int fd;
    int error; /* why there is none */
    bool reading, at_end;
    struct record_header header; /* of their rows */
    char text[MODULE_TEXT_BYTES];
    size_t at, end;
};

struct modules *modules_open(void)
{
    struct modules *modules = calloc(1, sizeof(*modules));
    if (modules == NULL)
        return NULL;
    modules->fd = open("/proc/modules", O_RDONLY | O_CLOEXEC);
    modules->error = modules->fd < 0 ? errno : 0;
    return modules;
}

void modules_close(struct modules *modules)
{
    if (modules != NULL && modules->fd >= 0)
        close(modules->fd);
    free(modules);
}

bool modules_are_there(const struct modules *modules, const char **ret_reason)
{
    if (modules != NULL && modules->fd >= 0)
        return true;
    *ret_reason = modules == NULL            ? "not enough memory"
                  : modules->error == ENOENT ? "no /proc/modules: this kernel has no loadable modules"
                                             : strerror(modules->error);
    return false;
}

bool modules_begin(struct modules *modules, const struct record_header *header)
{
    if (modules == NULL || modules->fd < 0 || lseek(modules->fd, 0, SEEK_SET) != 0)
        return false;
    modules->header = *header;
    modules->at = modules->end = 0;
    modules->at_end = false;
    modules->reading = true;
    return true;
}

/* The next line without its end, in place; NULL after the last. One that does not fit the buffer ends the list. */
static char *next_line(struct modules *modules)
{
    for (;;) {
        char *line = modules->text + modules->at, *stop = memchr(line, '\n', modules->end - modules->at);
        if (stop != NULL) {
            *stop = '\0';
            modules->at = (size_t)(stop + 1 - modules->text);
            return line;
        }
        modules->end -= modules->at;
        memmove(modules->text, line, modules->end);
        modules->at = 0;
        if (modules->at_end || modules->end == sizeof(modules->text))
            return NULL;
        ssize_t n = read(modules->fd, modules->text + modules->end, sizeof(modules->text) - modules->end);
        if (n < 0 && errno == EINTR)
            continue;
        modules->at_end = n <= 0;
        modules->end += n > 0 ? (size_t)n : 0;
    }
}

bool modules_parse(const char *line, size_t *ret_name_length, uint64_t *ret_size)
{
    size_t length = strcspn(line, " "), digits;
    if (length == 0 || length > MODULE_NAME_MOST || line[length] != ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if (line[i] <= ' ' || line[i] > '~')
            return false;
    const char *number = line + length + 1;
    digits = strspn(number, "0123456789");
    if (digits == 0 || digits > SIZE_DIGITS || number[digits] != ' ')
        return false;
    *ret_name_length = length;
    *ret_size = strtoull(number, NULL, 10);
    return true;
}

static size_t put(uint8_t *row, size_t at, const char *arg, uint8_t form, const void *bytes, size_t length)
{
    const struct event *event = event_by_id(EVENT_existing_module);
    struct item_header item = {.arg = (uint8_t)event_arg_index(event, arg), .form = form, .length = (uint32_t)length};
    memcpy(row + at, &item, sizeof(item));
    memcpy(row + at + sizeof(item), bytes, length);
    return at + sizeof(item) + ((length + 7) & ~(size_t)7);
}

size_t modules_next(struct modules *modules, uint8_t *row)
{
    const char *line;
    size_t name_length = 0;
    uint64_t size = 0;
    if (modules == NULL || !modules->reading)
        return 0;
    do
        line = next_line(modules);
    while (line != NULL && !modules_parse(line, &name_length, &size));
    if (line == NULL) {
        modules->reading = false;
        return 0;
    }
    size_t at = sizeof(modules->header);
    at = put(row, at, "name", ITEM_BYTES, line, name_length);
    at = put(row, at, "size", ITEM_INTEGER, &size, sizeof(size));
    modules->header.size = (uint32_t)at;
    memcpy(row, &modules->header, sizeof(modules->header));
    return at;
}

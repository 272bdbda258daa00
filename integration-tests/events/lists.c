/* SPDX-License-Identifier: Apache-2.0 */
#include "integration-tests/events/lists.h"

#include <errno.h>
#include <limits.h>

#include "integration-tests/events/expect.h"

const size_t list_sizes[LIST_SIZES] = {8191, 8192, 8193, 60 * 1024, 64 * 1024, 64 * 1024 + 1, 70 * 1024};

/* Each is another, so that one that is left out or cut shows. */
static void fill(char *string, size_t length, size_t index)
{
    for (size_t i = 0; i < length; i++)
        string[i] = (char)('a' + (index + i) % 26);
    string[length] = '\0';
}

char *const *list_strings(const struct list *list)
{
    enum { ROOM = 4096 };
    char **strings = calloc(ROOM, sizeof(*strings)), *at = malloc(list->bytes);
    size_t n = 0, left = list->bytes;
    if (strings == NULL || at == NULL)
        cannot("memory for a list");
    for (size_t i = 0; i < 3 && list->first[i] != NULL; i++) {
        size_t size = strlen(list->first[i]) + 1;
        memcpy(at, list->first[i], size);
        strings[n++] = at;
        at += size;
        left -= size;
    }
    for (size_t i = 0; left > 0 && n < ROOM - 1; i++) {
        size_t size = left < list->each ? left : list->each;
        fill(at, size - 1, i);
        strings[n++] = at;
        at += size;
        left -= size;
    }
    return strings;
}

size_t list_user_each(void)
{
    return kernel_is_from(5, 17) ? LIST_SHORT_STRINGS : LIST_ONE_STRING;
}

const char *longest_path(const char *name)
{
    static char path[PATH_MAX];
    char part[NAME_MAX + 1];
    memset(part, 'n', NAME_MAX);
    size_t size = (size_t)snprintf(path, sizeof(path), "%s", place(name));
    if (mkdir(path, 0755) < 0)
        cannot(path);
    while (PATH_MAX - 1 - size > NAME_MAX + 2) {
        size += (size_t)snprintf(path + size, sizeof(path) - size, "/%.*s", NAME_MAX, part);
        if (mkdir(path, 0755) < 0)
            cannot("a directory with a long name");
    }
    snprintf(path + size, sizeof(path) - size, "/%.*s", (int)(PATH_MAX - 2 - size), part);
    return path;
}

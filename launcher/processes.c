/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

struct entry {
    struct process process;
    pid_t parent;
    bool zombie, below, visited;
};

/* "PID (comm) STATE PPID ...": comm may hold anything, so its end is the last ')'. */
static bool parse_stat(char *text, struct entry *ret_entry)
{
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open || close[1] != ' ')
        return false;
    struct entry entry = {0};
    char state = '\0';
    int parent = 0;
    if (sscanf(close + 2, "%c %d", &state, &parent) != 2)
        return false;
    entry.process.pid = (pid_t)strtol(text, NULL, 10);
    size_t length = (size_t)(close - open - 1);
    if (length >= sizeof(entry.process.name))
        length = sizeof(entry.process.name) - 1;
    memcpy(entry.process.name, open + 1, length);
    entry.parent = parent;
    entry.zombie = state == 'Z' || state == 'X';
    *ret_entry = entry;
    return true;
}

static bool read_entry(int proc, const char *name, struct entry *ret_entry)
{
    char path[32], text[512];
    if (name[0] < '1' || name[0] > '9' || snprintf(path, sizeof(path), "%.10s/stat", name) >= (int)sizeof(path))
        return false;
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return parse_stat(text, ret_entry);
}

static int read_all(struct entry **ret_entries, size_t *ret_count)
{
    DIR *dir = opendir("/proc");
    if (dir == NULL)
        return -errno;
    struct entry *entries = NULL;
    size_t count = 0, space = 0;
    int r = 0;
    for (struct dirent *name; (name = readdir(dir)) != NULL;) {
        if (count == space) {
            space = space == 0 ? 256 : space * 2;
            struct entry *larger = realloc(entries, space * sizeof(*entries));
            if (larger == NULL) {
                r = -ENOMEM;
                break;
            }
            entries = larger;
        }
        if (read_entry(dirfd(dir), name->d_name, &entries[count]))
            count++;
    }
    closedir(dir);
    if (r < 0) {
        free(entries);
        return r;
    }
    *ret_entries = entries;
    *ret_count = count;
    return 0;
}

static struct entry *next_unvisited(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].below && !entries[i].visited)
            return &entries[i];
    return NULL;
}

static void mark_below(struct entry *entries, size_t count, pid_t root)
{
    pid_t parent = root;
    for (struct entry *next; parent != 0; parent = next != NULL ? next->process.pid : 0) {
        for (size_t i = 0; i < count; i++)
            entries[i].below = entries[i].below || entries[i].parent == parent;
        next = next_unvisited(entries, count);
        if (next != NULL)
            next->visited = true;
    }
}

ssize_t processes_below(pid_t root, struct process *processes, size_t max)
{
    struct entry *entries = NULL;
    size_t count = 0;
    int r = read_all(&entries, &count);
    if (r < 0)
        return r;
    mark_below(entries, count, root);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].below || entries[i].zombie)
            continue;
        if (found < max)
            processes[found] = entries[i].process;
        found++;
    }
    free(entries);
    return (ssize_t)found;
}

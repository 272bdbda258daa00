/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

#include "tester/place.h"
#include "tester/trigger.h"

static int copy_self(int from, int to)
{
    char buffer[65536];
    for (ssize_t got; (got = read(from, buffer, sizeof(buffer))) != 0;) {
        if (got < 0)
            return trigger_failed("reading itself");
        if (write(to, buffer, (size_t)got) != got)
            return trigger_failed("writing to memory");
    }
    return 0;
}

static int execute(int fd)
{
    char name[] = "vedette-tester", payload[] = TRIGGER_PAYLOAD;
    char *argv[] = {name, payload, NULL}, *environment[] = {NULL};
    fexecve(fd, argv, environment);
    return trigger_failed("fexecve");
}

/* `from_memory`: which of the two equal programs is executed. */
static int copy_and_execute(int from_memory)
{
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0)
        return trigger_failed("/proc/self/exe");
    int memory = memfd_create("vedette-tester", MFD_CLOEXEC);
    if (memory < 0)
        return trigger_failed("memfd_create");
    int r = copy_self(self, memory);
    return r < 0 ? r : execute(from_memory ? memory : self);
}

static int execute_memory(void)
{
    return copy_and_execute(1);
}

static int execute_file(void)
{
    return copy_and_execute(0);
}

static int run(void)
{
    return trigger_in_child(execute_memory);
}

static int from_disk(void)
{
    return trigger_in_child(execute_file);
}

/* A copy in a private tmpfs; `then` gets its descriptor, which cannot write any more. */
static int copy_to_tmpfs(const char *path, int (*then)(int fd))
{
    int r = place_private_tmp();
    if (r == 0)
        r = place_empty_file(path);
    if (r < 0)
        return r;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CLOEXEC);
    if (self < 0 || to < 0)
        return trigger_failed(path);
    r = copy_self(self, to);
    close(to);
    if (r < 0)
        return r;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? trigger_failed(path) : then(fd);
}

static int delete_and_execute(int fd)
{
    return unlink("/tmp/ls") < 0 ? trigger_failed("/tmp/ls") : execute(fd);
}

static int execute_deleted(void)
{
    return copy_to_tmpfs("/tmp/ls", delete_and_execute);
}

static int execute_named(void)
{
    return copy_to_tmpfs("/tmp/ls", execute);
}

/* By the path that the descriptor has in procfs, which is a name like another. */
static int execute_by_path(void)
{
    char path[64];
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int memory = memfd_create("", 0);
    if (self < 0 || memory < 0)
        return trigger_failed("memfd_create");
    int r = copy_self(self, memory);
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
    /* A descriptor that can write would make the file busy. */
    int again = open(path, O_RDONLY | O_CLOEXEC);
    close(memory);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", again);
    return trigger_execute_payload(path, NULL, NULL);
}

static int deleted(void)
{
    return trigger_in_child(execute_deleted);
}

static int by_path(void)
{
    return trigger_in_child(execute_by_path);
}

static int named(void)
{
    return trigger_in_child(execute_named);
}

const struct trigger trigger_fileless_execution = {
    .id = "TRC-105",
    .name = "fileless_execution",
    .deed = {.what = "copies itself into a memfd and executes that: the copy prints a line", .run = run},
    .evasions = {{.what = "a file of a tmpfs is deleted before it is executed", .run = deleted},
                 {.what = "the memfd has no name, and is executed by its path in procfs", .run = by_path}},
    .near_misses = {{.what = "the memfd is filled, but the file is executed", .run = from_disk},
                    {.what = "the file of a tmpfs has a name when it is executed", .run = named}},
};

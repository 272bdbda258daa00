/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>

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

const struct trigger trigger_fileless_execution = {
    .id = "TRC-105",
    .name = "fileless_execution",
    .what = "copies itself into a memfd and executes that: the copy prints a line",
    .run = run,
    .near_misses = {{"the memfd is filled, but the file is executed", from_disk}},
};

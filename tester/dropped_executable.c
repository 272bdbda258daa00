/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>

#include "tester/trigger.h"

static int write_file(const char *bytes, size_t size)
{
    char path[] = "/tmp/vedette-tester.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return trigger_failed("a file in /tmp");
    int r = write(fd, bytes, size) == (ssize_t)size ? 0 : trigger_failed(path);
    close(fd);
    unlink(path);
    return r;
}

/* No program: a magic number and nothing behind it. */
static int run(void)
{
    return write_file(ELFMAG, SELFMAG);
}

static int other_bytes(void)
{
    return write_file("\177ELG", SELFMAG);
}

static int script(void)
{
    return write_file("#!/bin/true\n", sizeof("#!/bin/true\n") - 1);
}

const struct trigger trigger_dropped_executable = {
    .id = "TRC-1022",
    .name = "dropped_executable",
    .what = "writes the four bytes that an ELF file begins with into a file of its own in /tmp",
    .run = run,
    .in_container = true,
    .near_misses = {{"the fourth byte is another", other_bytes}, {"it is a script", script}},
};

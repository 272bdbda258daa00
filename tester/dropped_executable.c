/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "tester/place.h"
#include "tester/trigger.h"

enum way { WRITE, PWRITE, WRITEV };

static ssize_t put(int fd, enum way way, const char *bytes, size_t size)
{
    const struct iovec parts[] = {{(void *)(uintptr_t)bytes, size}, {(void *)(uintptr_t)bytes, size}};
    switch (way) {
    case PWRITE:
        return lseek(fd, 100, SEEK_SET) < 0 ? -1 : pwrite(fd, bytes, size, 0);
    case WRITEV:
        return writev(fd, parts, 2);
    case WRITE:
        break;
    }
    return write(fd, bytes, size);
}

static int write_file(enum way way, const char *bytes, size_t size)
{
    int r = place_private_tmp();
    if (r < 0)
        return r;
    int fd = open("/tmp/vedette-tester", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return trigger_failed("a file in a private /tmp");
    r = put(fd, way, bytes, size) >= (ssize_t)size ? 0 : trigger_failed("writing to it");
    close(fd);
    return r;
}

/* No program: a magic number and nothing behind it. */
#define CASE(name_, way_, bytes_)                                                                                      \
    static int name_##_here(void)                                                                                      \
    {                                                                                                                  \
        return write_file(way_, bytes_, sizeof(bytes_) - 1);                                                           \
    }                                                                                                                  \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return trigger_in_child(name_##_here);                                                                         \
    }

CASE(run, WRITE, ELFMAG)
CASE(at_position, PWRITE, ELFMAG)
CASE(in_parts, WRITEV, ELFMAG)
CASE(other_bytes, WRITE, "\177ELG")
CASE(script, WRITE, "#!/bin/true\n")

const struct trigger trigger_dropped_executable = {
    .id = "TRC-1022",
    .name = "dropped_executable",
    .deed = {.what = "writes the four bytes that an ELF file begins with into a file of its own", .run = run},
    .in_container = true,
    .evasions = {{.what = "by pwrite, from another position", .run = at_position},
                 {.what = "by writev, in two parts", .run = in_parts}},
    .near_misses = {{.what = "the fourth byte is another", .run = other_bytes},
                    {.what = "it is a script", .run = script}},
};

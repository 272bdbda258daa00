/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

/* No program: a magic number and nothing behind it. */
static int write_to(const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return trigger_failed(path);
    int r = write(fd, bytes, size) == (ssize_t)size ? 0 : trigger_failed(path);
    close(fd);
    return r;
}

static int write_file(const char *path, const char *link, const char *bytes, size_t size)
{
    int r = place_private_root();
    if (r == 0)
        r = place_empty_file(path);
    if (r == 0 && link != NULL && symlink(path, link) < 0)
        r = trigger_failed(link);
    return r < 0 ? r : write_to(link != NULL ? link : path, bytes, size);
}

#define CASE(name_, path_, link_, bytes_)                                                                              \
    static int name_##_here(void)                                                                                      \
    {                                                                                                                  \
        return write_file(path_, link_, bytes_, sizeof(bytes_) - 1);                                                   \
    }                                                                                                                  \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return trigger_in_child(name_##_here);                                                                         \
    }

CASE(run, "/usr/bin/.vedette-tester", NULL, ELFMAG)
CASE(through_link, "/usr/bin/.vedette-tester", "/tmp/seen", ELFMAG)
CASE(in_folder, "/var/tmp/.hidden/folder/seen", NULL, ELFMAG)
CASE(of_dots, "/usr/bin/...", NULL, ELFMAG)
CASE(other_bytes, "/usr/bin/.vedette-tester", NULL, "\177ELG")
CASE(seen, "/usr/bin/vedette.tester", NULL, ELFMAG)
CASE(of_tools, "/root/.cargo/bin/vedette-tester", NULL, ELFMAG)

const struct trigger trigger_hidden_file_created = {
    .id = "TRC-1015",
    .name = "hidden_file_created",
    .deed = {.what = "writes the four bytes that an ELF file begins with into a hidden file of its own", .run = run},
    .evasions = {{.what = "through a symbolic link that is not hidden", .run = through_link},
                 {.what = "into a hidden folder below /var/tmp", .run = in_folder},
                 {.what = "the name is three dots", .run = of_dots}},
    .near_misses = {{.what = "the fourth byte is another", .run = other_bytes},
                    {.what = "the dot is inside the name", .run = seen},
                    {.what = "the folder with a dot is where a tool installs programs", .run = of_tools}},
};

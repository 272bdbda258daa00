/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-flood N TAG [FILE [BULK]]: N memfd_create calls, named TAG-0 to TAG-(N-1), as fast as they go. Each is one
 * event whose argument says which it is, so that a reader of the events can tell missing, doubled and reordered ones
 * apart. FILE gets, for each call, the boot time (ns, 64 bits) just before it, so that a missing one can be looked up
 * in the ranges that are said to be lost. Before each come BULK calls of getcwd, events of the bulk class, if they are
 * selected.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { MAX_COUNT = 10000000 };

static uint64_t boot_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int failed(const char *what)
{
    fprintf(stderr, "vedette-flood: %s: %s\n", what, strerror(errno));
    return 1;
}

static void bulk(unsigned long count)
{
    char path[PATH_MAX];
    for (unsigned long i = 0; i < count; i++)
        if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
            return;
}

static int flood(unsigned long count, const char *tag, uint64_t *times, unsigned long between)
{
    for (unsigned long i = 0; i < count; i++) {
        char name[160];
        snprintf(name, sizeof(name), "%s-%lu", tag, i);
        bulk(between);
        times[i] = boot_ns();
        int fd = memfd_create(name, MFD_CLOEXEC);
        if (fd < 0)
            return failed("memfd_create");
        close(fd);
    }
    return 0;
}

static int write_times(const char *path, const uint64_t *times, unsigned long count)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return failed(path);
    size_t written = fwrite(times, sizeof(*times), count, file);
    return fclose(file) != 0 || written != count ? failed(path) : 0;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long count = argc >= 3 && argc <= 5 ? strtoul(argv[1], &end, 10) : 0;
    unsigned long between = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    if (count == 0 || count > MAX_COUNT || *end != '\0' || strlen(argv[2]) > 128) {
        fputs("usage: vedette-flood N TAG [FILE [BULK]]\n", stderr);
        return 2;
    }
    uint64_t *times = calloc(count, sizeof(*times));
    int code = times == NULL ? failed("memory for the times") : flood(count, argv[2], times, between);
    if (code == 0 && argc > 3)
        code = write_times(argv[3], times, count);
    free(times);
    return code;
}

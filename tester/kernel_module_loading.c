/* SPDX-License-Identifier: Apache-2.0 */
/* Needs the module dummy.ko of the running kernel in /modules, as the guests of integration-tests/kernels have it: a
 * person's own kernel is left alone. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tester/trigger.h"

#define MODULE_FILE "/modules/dummy.ko"

static int open_module(void)
{
    int fd = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? trigger_skipped("no " MODULE_FILE) : fd;
}

static int unload(void)
{
    return syscall(SYS_delete_module, "dummy", O_NONBLOCK) < 0 && errno != ENOENT ? trigger_failed("delete_module") : 0;
}

static int by_file(int fd)
{
    return syscall(SYS_finit_module, fd, "", 0) < 0 ? trigger_failed("finit_module") : 0;
}

static int by_memory(int fd)
{
    struct stat file;
    if (fstat(fd, &file) < 0)
        return trigger_failed(MODULE_FILE);
    char *image = malloc((size_t)file.st_size);
    if (image == NULL || read(fd, image, (size_t)file.st_size) != file.st_size) {
        free(image);
        return trigger_failed(MODULE_FILE);
    }
    int r = syscall(SYS_init_module, image, file.st_size, "") < 0 ? trigger_failed("init_module") : 0;
    free(image);
    return r;
}

static int only_unload(int fd)
{
    (void)fd;
    return 0;
}

static int no_module(int fd)
{
    (void)fd;
    int other = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int r = other < 0 || syscall(SYS_finit_module, other, "", 0) == 0 ? trigger_failed("a file that is no module") : 0;
    close(other);
    return r;
}

/* The module may be there; it is afterwards as well, for whoever comes next. */
static int with_module(int (*act)(int fd))
{
    int fd = open_module();
    if (fd < 0)
        return fd;
    int r = unload();
    if (r == 0)
        r = act(fd);
    close(fd);
    return r;
}

static int run(void)
{
    return with_module(by_file);
}

static int from_memory(void)
{
    return with_module(by_memory);
}

static int unloaded(void)
{
    return with_module(only_unload);
}

static int refused(void)
{
    return with_module(no_module);
}

const struct trigger trigger_kernel_module_loading = {
    .id = "TRC-1017",
    .name = "kernel_module_loading",
    .deed = {.what = "loads the module dummy from /modules (finit_module)", .run = run},
    .evasions = {{.what = "from memory (init_module)", .run = from_memory}},
    .near_misses = {{.what = "the module is unloaded", .run = unloaded},
                    {.what = "the file is no module, and is refused", .run = refused}},
};

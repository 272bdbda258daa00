/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "tester/compat.h"
#include "tester/trigger.h"

/* "return", and nothing else. */
#if defined(__x86_64__)
static const uint8_t code[] = {0xc3};
#elif defined(__aarch64__)
static const uint8_t code[] = {0xc0, 0x03, 0x5f, 0xd6};
#else
#error "the one instruction of this trigger is not written for this processor"
#endif

static void *make_page(int protection)
{
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        trigger_failed("mmap");
    return page;
}

static int protect_and_free(void *page, int protection, int (*then)(void *page))
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    int r = mprotect(page, size, protection) < 0 ? trigger_failed("mprotect") : 0;
    if (r == 0 && then != NULL)
        r = then(page);
    munmap(page, size);
    return r;
}

static int call(void *page)
{
    __builtin___clear_cache((char *)page, (char *)page + sizeof(code));
    void (*function)(void) = (void (*)(void))(uintptr_t)page;
    function();
    return 0;
}

static int load(int protection, int (*then)(void *page))
{
    void *page = make_page(PROT_READ | PROT_WRITE);
    if (page == MAP_FAILED)
        return -ENOMEM;
    memcpy(page, code, sizeof(code));
    return protect_and_free(page, protection, then);
}

static int run(void)
{
    return load(PROT_READ | PROT_EXEC, call);
}

static int not_executable(void)
{
    return load(PROT_READ, NULL);
}

static int never_writable(void)
{
    void *page = make_page(PROT_READ);
    return page == MAP_FAILED ? -ENOMEM : protect_and_free(page, PROT_READ | PROT_EXEC, NULL);
}

static int by_key(void)
{
    void *page = make_page(PROT_READ | PROT_WRITE);
    if (page == MAP_FAILED)
        return -ENOMEM;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    int r = pkey_mprotect(page, size, PROT_READ | PROT_EXEC, -1) < 0 ? trigger_failed("pkey_mprotect") : 0;
    munmap(page, size);
    return r;
}

static int by_compat(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = compat_memory(size, PROT_READ | PROT_WRITE);
    long result = page != NULL ? compat_mprotect(page, size, PROT_READ | PROT_EXEC) : -ENOSYS;
    if (result == -ENOSYS)
        return trigger_skipped("this kernel has no 32-bit calls");
    munmap(page, size);
    errno = (int)-result;
    return result < 0 ? trigger_failed("mprotect by a 32-bit call") : 0;
}

/* Never both at once, and the middle of a larger mapping. */
static int in_the_middle(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return trigger_failed("mmap");
    int r = mprotect(pages + size, size, PROT_EXEC) < 0 ? trigger_failed("mprotect") : 0;
    munmap(pages, 3 * size);
    return r;
}

const struct trigger trigger_dynamic_code_loading = {
    .id = "TRC-104",
    .name = "dynamic_code_loading",
    .deed = {.what = "writes an instruction, makes its page executable, calls it", .run = run},
    .evasions = {{.what = "by pkey_mprotect without a key", .run = by_key},
                 {.what = "by a 32-bit call", .run = by_compat},
                 {.what = "the page is in the middle of a larger mapping, and cannot be read", .run = in_the_middle}},
    .near_misses = {{.what = "the page becomes read-only instead of executable", .run = not_executable},
                    {.what = "the page that becomes executable was never writable", .run = never_writable}},
};

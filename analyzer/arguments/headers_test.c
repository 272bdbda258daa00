/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables against the headers of the machine that builds: a name that is a macro there must have our value, when its
 * definition is a plain number. On x86-64 only, whose values the tables have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fanotify.h>
#include <linux/futex.h>
#include <linux/in6.h>
#include <linux/io_uring.h>
#include <linux/kexec.h>
#include <linux/keyctl.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/net.h>
#include <linux/perf_event.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/seccomp.h>
#include <linux/socket.h>
#include <linux/stat.h>
#include <linux/tcp.h>
#include <linux/userfaultfd.h>
#include <linux/wait.h>
#include <linux/xattr.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

struct constant {
    const char *name, *definition;
    uint64_t value;
};

#define DEFINITION_(text)       #text
#define DEFINITION(name_)       DEFINITION_(name_)
#define V(name_, value_)        {#name_, DEFINITION(name_), (value_)},
#define F(name_, mask_, value_) {#name_, DEFINITION(name_), (value_)},
#define S(words_, value_)
#define HIDDEN(mask_)
#define NUMBERS(name_, ...)      __VA_ARGS__
#define NAMED(name_, ...)        __VA_ARGS__
#define FLAGS(name_, zero_, ...) __VA_ARGS__
#define SYSCALLS(name_)
#define TWIN(name_, arm64_)
static const struct constant constants[] = {
#include "analyzer/arguments/tables.def"
};

/* Other in the kernel than in a program on x86-64: 0, and for 32-bit programs only. */
static const char *const other[] = {"O_LARGEFILE", "F_GETLK64", "F_SETLK64", "F_SETLKW64"};

/* "12", "-1", "0x10UL", "(1U << 4)"; false for what is no plain number, as the name itself where it is no macro. */
static bool plain_number(const char *definition, uint64_t *ret_value)
{
    const char *at = definition + strspn(definition, "(");
    char *end;
    uint64_t value = strtoull(at, &end, 0);
    if (end == at)
        return false;
    end += strspn(end, "uUlL");
    if (strncmp(end, " << ", 4) == 0)
        value <<= strtoul(end + 4, &end, 0) % 64;
    *ret_value = at[0] == '-' ? (uint32_t)value : value; /* the tables have an int's width */
    return end[strspn(end, ")")] == '\0';
}

/* A name has one value on each architecture: it agrees when one of them does. */
static bool agrees(const char *name, uint64_t value)
{
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        if (strcmp(other[i], name) == 0)
            return true;
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        if (strcmp(constants[i].name, name) == 0 && constants[i].value == value)
            return true;
    return false;
}

static void test_tables_agree_with_headers(void **state)
{
    (void)state;
#ifndef __x86_64__
    print_message("skipped: the headers are another architecture's\n");
    skip();
#endif
    size_t n_compared = 0, n_wrong = 0;
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        const struct constant *constant = &constants[i];
        uint64_t value;
        if (!plain_number(constant->definition, &value))
            continue;
        n_compared++;
        if (agrees(constant->name, value))
            continue;
        n_wrong++;
        print_error("%s is %s, not %#llx\n", constant->name, constant->definition, (unsigned long long)constant->value);
    }
    print_message("%zu of %zu constants compared\n", n_compared, sizeof(constants) / sizeof(constants[0]));
    assert_int_equal(n_wrong, 0);
    assert_true(n_compared > 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables_agree_with_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

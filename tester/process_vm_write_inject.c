/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tester/compat.h"
#include "tester/trigger.h"

/* A word of the victim, which is a fork and has it at the same address; the same value is written again. */
static volatile long word = 0x766564657474;

static int write_word(pid_t pid)
{
    long copy = word;
    struct iovec from = {&copy, sizeof(copy)}, to = {(void *)(uintptr_t)&word, sizeof(word)};
    return process_vm_writev(pid, &from, 1, &to, 1, 0) < 0 ? trigger_failed("process_vm_writev") : 0;
}

/* Where it has nothing. */
static int write_nowhere(pid_t pid)
{
    long copy = 0;
    struct iovec from = {&copy, sizeof(copy)}, to = {(void *)8, sizeof(copy)};
    return process_vm_writev(pid, &from, 1, &to, 1, 0) < 0 && errno == EFAULT ? 0 : trigger_failed("process_vm_writev");
}

/* Without lists of where and what: nothing is written, and the call was made. */
static int write_compat(pid_t pid)
{
    long result = compat_process_vm_writev(pid);
    return result == -ENOSYS ? trigger_skipped("this kernel has no 32-bit calls") : 0;
}

static int read_word(pid_t pid)
{
    long copy;
    struct iovec to = {&copy, sizeof(copy)}, from = {(void *)(uintptr_t)&word, sizeof(word)};
    return process_vm_readv(pid, &to, 1, &from, 1, 0) < 0 ? trigger_failed("process_vm_readv") : 0;
}

static int to_itself(pid_t pid)
{
    (void)pid;
    return write_word(getpid());
}

static int touch(int (*act)(pid_t pid))
{
    pid_t pid = fork();
    if (pid < 0)
        return trigger_failed("fork");
    if (pid == 0)
        for (;;)
            pause();
    int r = act(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return r;
}

#define CASE(name_, act_)                                                                                              \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return touch(act_);                                                                                            \
    }

CASE(run, write_word)
CASE(nowhere, write_nowhere)
CASE(by_compat, write_compat)
CASE(only_read, read_word)
CASE(itself, to_itself)

const struct trigger trigger_process_vm_write_inject = {
    .id = "TRC-1025",
    .name = "process_vm_write_inject",
    .deed = {.what = "writes one word of a child's memory as it was (process_vm_writev)", .run = run},
    .evasions = {{.what = "where the child has no memory, so that it is refused", .run = nowhere},
                 {.what = "by a 32-bit call", .run = by_compat}},
    .near_misses = {{.what = "the word is only read (process_vm_readv)", .run = only_read},
                    {.what = "the process is the caller itself", .run = itself}},
};

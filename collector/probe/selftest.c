/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that every attached hook runs: a child makes the calls, with arguments that do nothing, and executes a program
 * of three instructions. No plan is stored yet, so the programs only note that they ran for this process or its child;
 * nothing is captured.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "collector/probe/internal.h"

enum { LOAD_ADDRESS = 0x400000, EXIT_NOT_EXECUTED = 9 };

/* exit(0) as an executable: in the smallest image (no file is sure to be there). */
#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define EXIT_CODE                                                                                                      \
    0xb8, 0x3c, 0x00, 0x00, 0x00, /* mov $60, %eax */                                                                  \
        0x31, 0xff,               /* xor %edi, %edi */                                                                 \
        0x0f, 0x05                /* syscall */
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#define EXIT_CODE                                                                                                      \
    0xa8, 0x0b, 0x80, 0xd2,     /* mov x8, #93 */                                                                      \
        0x00, 0x00, 0x80, 0xd2, /* mov x0, #0 */                                                                       \
        0x01, 0x00, 0x00, 0xd4  /* svc #0 */
#else
#error "write the three instructions of exit(0) here"
#endif

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    unsigned char code[16];
};

static const struct image image = {
    .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
               .e_type = ET_EXEC,
               .e_machine = MACHINE,
               .e_version = EV_CURRENT,
               .e_entry = LOAD_ADDRESS + offsetof(struct image, code),
               .e_phoff = offsetof(struct image, segment),
               .e_ehsize = sizeof(Elf64_Ehdr),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 1},
    .segment = {.p_type = PT_LOAD,
                .p_flags = PF_R | PF_X,
                .p_vaddr = LOAD_ADDRESS,
                .p_filesz = sizeof(struct image),
                .p_memsz = sizeof(struct image),
                .p_align = 0x10000},
    .code = {EXIT_CODE},
};

static int image_open(void)
{
    int fd = memfd_create("vedette-self-test", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (write(fd, &image, sizeof(image)) != (ssize_t)sizeof(image)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Our number of the first call in a list of names that this architecture has; -1 for none. */
static int first_native(const char *names)
{
    if (strcmp(names, "*") == 0)
        return EVENT_memfd_create;
    for (const char *at = names; *at != '\0';) {
        size_t length = strcspn(at, " ");
        const struct syscall_numbers *numbers = syscall_by_name(at, length);
        if (numbers != NULL && syscall_native(numbers) >= 0)
            return numbers->x86_64;
        at += length + (at[length] == ' ');
    }
    return -1;
}

static int first_call(const struct event *row, enum handler handler)
{
    for (uint8_t i = 0; i < row->n_sources; i++) {
        const struct event_source *source = &row->sources[i];
        if (source->syscalls == NULL || strcmp(source->name, handler_name(handler)) != 0)
            continue;
        int number = first_native(source->syscalls);
        if (number >= 0)
            return number;
    }
    return -1;
}

/* One syscall for each handler, by our number: of its list, or one that the generic handler is used for. */
static int syscall_for(enum handler handler)
{
    size_t count;
    const struct event *rows = events_all(&count);
    if (handler == HANDLER_syscall)
        return EVENT_memfd_create;
    for (size_t i = 0; i < count; i++) {
        int number = first_call(&rows[i], handler);
        if (number >= 0)
            return number;
    }
    return -1;
}

static long native(int number)
{
    const char *name = syscall_name(number);
    const struct syscall_numbers *numbers = name != NULL ? syscall_by_name(name, strlen(name)) : NULL;
    return numbers != NULL ? syscall_native(numbers) : -1;
}

/* The child's part. No call means anything with -1 for a descriptor, a pointer, a number and all flags: each fails. */
static void provoke(const int calls[HANDLER_COUNT], int image_fd)
{
    char *const none[] = {NULL};
    for (int i = HANDLER_NONE + 1; i < HANDLER_COUNT; i++)
        if (calls[i] >= 0)
            syscall(native(calls[i]), -1L, -1L, -1L, -1L, -1L, -1L);
    if (image_fd >= 0)
        syscall(SYS_execveat, image_fd, "", none, none, AT_EMPTY_PATH);
    _exit(EXIT_NOT_EXECUTED);
}

/* A chain that leads nowhere would end there, and those after it go unproven. */
static void add_if_loaded(struct probe *probe, const char *prefix, enum handler handler, uint64_t *chain)
{
    const struct program *program = program_find(probe, prefix, handler_name(handler));
    if (program != NULL && program->attached)
        chain_add(chain, handler);
}

void self_test_run(struct probe *probe)
{
    static const enum hook by_exec[] = {HOOK_EXEC, HOOK_RENAME};
    struct vedette__bss *bss = probe->bss;
    uint64_t on_exit[SYSCALL_LIMIT] = {0}, on_enter[SYSCALL_LIMIT] = {0};
    int calls[HANDLER_COUNT];
    for (enum handler i = HANDLER_NONE; i < HANDLER_COUNT; i++) {
        calls[i] = i != HANDLER_NONE ? syscall_for(i) : -1;
        if (calls[i] < 0 || calls[i] >= SYSCALL_LIMIT)
            continue;
        add_if_loaded(probe, "exit__", i, &on_exit[calls[i]]);
        add_if_loaded(probe, "enter__", i, &on_enter[calls[i]]);
    }
    int fd = image_open();
    __atomic_store_n(&bss->self_test, bss->identity.own_tgid, __ATOMIC_SEQ_CST);
    plan_store_calls(probe, on_exit, on_enter);
    pid_t child = fork();
    if (child == 0)
        provoke(calls, fd);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    memset(on_exit, 0, sizeof(on_exit));
    memset(on_enter, 0, sizeof(on_enter));
    plan_store_calls(probe, on_exit, on_enter);
    __atomic_store_n(&bss->self_test, 0, __ATOMIC_SEQ_CST);
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < HOOK_COUNT; i++)
        probe->seen[i] = __atomic_load_n(&bss->seen[i], __ATOMIC_RELAXED);
    /* Where memory files may not be executed (vm.memfd_noexec) exec goes unproven; that its hook attached has to do. */
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_EXECUTED)
        for (size_t i = 0; i < sizeof(by_exec) / sizeof(by_exec[0]); i++) {
            probe->unproven[by_exec[i]] = probe->seen[by_exec[i]] == 0;
            probe->seen[by_exec[i]] |= SEEN_RUNNING;
        }
}

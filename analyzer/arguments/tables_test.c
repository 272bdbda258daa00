/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/arguments/tables.h"

static struct text text;

static const char *words(enum table table, enum architecture architecture, uint64_t value)
{
    text.size = 0;
    if (!table_words(&text, table, architecture, value)) {
        assert_int_equal(text.size, 0);
        return NULL;
    }
    text_append(&text, "", 1);
    return text.data;
}

static void test_table_words(void **state)
{
    (void)state;
    static const struct {
        enum table table;
        uint64_t value;
        const char *words;
    } cases[] = {
        {TABLE_open_flags, 0, "O_RDONLY"},
        {TABLE_open_flags, 01, "O_WRONLY"},
        {TABLE_open_flags, 02, "O_RDWR"},
        {TABLE_open_flags, 03, "0x3"}, /* no access mode */
        {TABLE_open_flags, 0100000, "O_RDONLY|O_LARGEFILE"},
        {TABLE_open_flags, 02001101, "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC"},
        {TABLE_open_flags, 010000, "O_RDONLY|O_DSYNC"},
        {TABLE_open_flags, 04010000, "O_RDONLY|O_DSYNC|O_SYNC"},
        {TABLE_open_flags, 020200002, "O_RDWR|O_DIRECTORY|O_TMPFILE"},
        {TABLE_open_flags, UINT64_C(0x4080000000), "O_RDONLY|0x4080000000"},
        {TABLE_access_mode, 0, "F_OK"},
        {TABLE_access_mode, 7, "X_OK|W_OK|R_OK"},
        {TABLE_access_mode, 0x14, "R_OK|0x10"},
        {TABLE_inode_mode, 0, "0"},
        {TABLE_inode_mode, 0100755, "S_IFREG|S_IRWXU|S_IRGRP|S_IXGRP|S_IROTH|S_IXOTH"},
        {TABLE_inode_mode, 020620, "S_IFCHR|S_IRUSR|S_IWUSR|S_IWGRP"},
        {TABLE_inode_mode, 0140000, "S_IFSOCK"},
        {TABLE_inode_mode, 060000, "S_IFBLK"},
        {TABLE_inode_mode, 04777, "S_IRWXU|S_IRWXG|S_IRWXO|S_ISUID"},
        {TABLE_inode_mode, 0170001, "S_IXOTH|0xf000"}, /* no such type */
        {TABLE_directory, 0xffffff9c, "AT_FDCWD"},
        {TABLE_directory, 3, NULL},
        {TABLE_protection, 0, "PROT_NONE"},
        {TABLE_protection, 7, "PROT_READ|PROT_WRITE|PROT_EXEC"},
        {TABLE_protection, 0x01000001, "PROT_READ|PROT_GROWSDOWN"},
        {TABLE_protection, 0x10, "0x10"},
        {TABLE_protection_alert, 1, "Mmaped region with W+E permissions!"},
        {TABLE_protection_alert, 5, NULL},
        {TABLE_mmap_flags, 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"},
        {TABLE_mmap_flags, 3, "MAP_SHARED_VALIDATE"},
        {TABLE_mmap_flags, UINT64_C(19) << 26 | 0x41001, "MAP_SHARED|MAP_EXECUTABLE|MAP_HUGETLB|MAP_HUGE_512KB"},
        {TABLE_mmap_flags, UINT64_C(17) << 26 | 1, "MAP_SHARED|0x44000000"}, /* no such size of pages */
        {TABLE_mmap_flags, 0x4f, "MAP_32BIT|0xf"},
        {TABLE_clone_flags, 0, ""},
        {TABLE_clone_flags, 17, "17"}, /* a signal only, as of fork */
        {TABLE_clone_flags, 0x1200011, "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID"},
        {TABLE_clone_flags, UINT64_C(1) << 32 | 0x20000, "CLONE_NEWNS|0x100000000"},
        {TABLE_unshare_flags, 0x60000080, "CLONE_NEWTIME|CLONE_NEWPID|CLONE_NEWNET"},
        {TABLE_symlink_flags, 0, ""},
        {TABLE_symlink_flags, 0x1100, "AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH"},
        {TABLE_mount_flags, 0xc0ed0021, "MS_MGC_VAL|MS_RDONLY|MS_REMOUNT"},
        {TABLE_mount_flags, 0x5000, "MS_BIND|MS_REC"},
        {TABLE_mount_flags, 0x44000, "MS_REC|MS_PRIVATE"},
        {TABLE_mount_attributes, 0x21, "MOUNT_ATTR_RDONLY|MOUNT_ATTR_STRICTATIME"},
        {TABLE_memfd_flags, 3, "MFD_CLOEXEC|MFD_ALLOW_SEALING"},
        {TABLE_ptrace_request, 0, "PTRACE_TRACEME"},
        {TABLE_ptrace_request, 4, "PTRACE_POKETEXT"},
        {TABLE_ptrace_request, 12, "PTRACE_GETREGS"},
        {TABLE_ptrace_request, 0x4206, "PTRACE_SEIZE"},
        {TABLE_ptrace_request, 10, NULL},
        {TABLE_prctl_option, 15, "PR_SET_NAME"},
        {TABLE_prctl_option, 0x53564d41, "PR_SET_VMA"},
        {TABLE_prctl_option, 0x59616d61, "PR_SET_PTRACER"},
        {TABLE_capability, 0, "CAP_CHOWN"},
        {TABLE_capability, 40, "CAP_CHECKPOINT_RESTORE"},
        {TABLE_capability, 41, NULL},
        {TABLE_signal_number, 9, "SIGKILL"},
        {TABLE_signal_number, 31, "SIGSYS"},
        {TABLE_signal_number, 0, NULL},
        {TABLE_rusage_who, 0xffffffff, "RUSAGE_CHILDREN"},
        {TABLE_scheduling_policy, 0, "SCHED_NORMAL"},
        {TABLE_scheduling_policy, 0x40000001, "SCHED_FIFO|SCHED_RESET_ON_FORK"},
        {TABLE_futex_operation, 128, "FUTEX_WAIT|FUTEX_PRIVATE_FLAG"},
        {TABLE_futex_operation, 0x189, "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME"},
        {TABLE_personality, 0, "PER_LINUX"},
        {TABLE_personality, 0x0440000, "ADDR_NO_RANDOMIZE|READ_IMPLIES_EXEC"},
        {TABLE_address_family, 2, "AF_INET"},
        {TABLE_address_family, 46, NULL},
        {TABLE_socket_type, 1, "SOCK_STREAM"},
        {TABLE_socket_type, 02000001, "SOCK_STREAM|SOCK_CLOEXEC"},
        {TABLE_socket_type, 02004002, "SOCK_DGRAM|SOCK_NONBLOCK|SOCK_CLOEXEC"},
        {TABLE_socket_type, 7, "0x7"},
        {TABLE_socket_level, 1, "SOL_SOCKET"},
        {TABLE_socket_option_set, 26, "SO_ATTACH_FILTER"},
        {TABLE_socket_option_get, 26, "SO_GET_FILTER"},
        {TABLE_bpf_command, 5, "BPF_PROG_LOAD"},
        {TABLE_bpf_program_type, 17, "BPF_PROG_TYPE_RAW_TRACEPOINT"},
        {TABLE_bpf_helper, 36, "probe_write_user"},
        {TABLE_kernel_read_type, 2, "kernel-module"},
        {TABLE_notify_mask, 0x50100, "FS_CREATE|FS_OPEN_PERM|FS_OPEN_EXEC_PERM"},
        {TABLE_vma_flags, 0x8080, "VM_MAYSHARE|VM_SEQ_READ"},
        {TABLE_keyring, 0xfffffffd, "KEY_SPEC_SESSION_KEYRING"},
        {TABLE_syscall, 257, "openat"},
        {TABLE_syscall, 100000, NULL},
        {TABLE_syscall, 0xffffffff, NULL},
        {TABLE_NONE, 1, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = words(cases[i].table, ARCHITECTURE_X86_64, cases[i].value);
        if ((got == NULL) != (cases[i].words == NULL) || (got != NULL && strcmp(got, cases[i].words) != 0))
            fail_msg("%s of %#llx: %s, not %s", table_name(cases[i].table), (unsigned long long)cases[i].value,
                     got != NULL ? got : "nothing", cases[i].words != NULL ? cases[i].words : "nothing");
        /* Back again; some bits of a mode and of clone are not written. */
        uint64_t value;
        if (cases[i].words != NULL && strchr(cases[i].words, ' ') == NULL && cases[i].table != TABLE_inode_mode &&
            cases[i].table != TABLE_clone_flags &&
            (!table_value(cases[i].table, ARCHITECTURE_X86_64, cases[i].words, &value) || value != cases[i].value))
            fail_msg("%s of %s is not read back", table_name(cases[i].table), cases[i].words);
    }
}

static void test_table_words_arm64(void **state)
{
    (void)state;
    assert_string_equal(words(TABLE_open_flags, ARCHITECTURE_ARM64, 040000), "O_RDONLY|O_DIRECTORY");
    assert_string_equal(words(TABLE_open_flags, ARCHITECTURE_X86_64, 040000), "O_RDONLY|O_DIRECT");
    assert_string_equal(words(TABLE_open_flags, ARCHITECTURE_ARM64, 0100000), "O_RDONLY|O_NOFOLLOW");
    assert_string_equal(words(TABLE_protection, ARCHITECTURE_ARM64, 0x31), "PROT_READ|PROT_BTI|PROT_MTE");
    assert_null(words(TABLE_ptrace_request, ARCHITECTURE_ARM64, 12));
    assert_string_equal(words(TABLE_access_mode, ARCHITECTURE_ARM64, 4), "R_OK"); /* the same on both */
    assert_int_equal(architecture_by_name("aarch64"), ARCHITECTURE_ARM64);
    assert_int_equal(architecture_by_name("x86_64"), ARCHITECTURE_X86_64);
    assert_int_equal(architecture_by_name(""), ARCHITECTURE_X86_64);
}

/* Whatever the bits, the words are of a bounded size, hold nothing that JSON would escape, and a table says something.
 */
static void test_table_words_of_all_bits(void **state)
{
    (void)state;
    for (enum table table = TABLE_NONE + 1; table < TABLE_COUNT; table++) {
        assert_true(table_name(table)[0] != '\0');
        for (unsigned bit = 0; bit <= 64; bit++) {
            const uint64_t value = bit < 64 ? UINT64_C(1) << bit : UINT64_MAX;
            const char *got = words(table, bit % 2 == 0 ? ARCHITECTURE_X86_64 : ARCHITECTURE_ARM64, value);
            if (got == NULL)
                continue;
            assert_true(got[0] != '\0' && strlen(got) < 1024);
            assert_int_equal(strcspn(got, "\"\\\n"), strlen(got));
        }
    }
}

static int teardown(void **state)
{
    (void)state;
    text_fini(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_words),
        cmocka_unit_test(test_table_words_arm64),
        cmocka_unit_test(test_table_words_of_all_bits),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}

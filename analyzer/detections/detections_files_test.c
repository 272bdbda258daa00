/* SPDX-License-Identifier: Apache-2.0 */
/* Detections about files: which opens, renames and links of which names, on which file system, by whom. */
#include "analyzer/detections/detections_testing.h"

enum { PROCFS = 0x9fa0, DEBUGFS = 0x64626720, CGROUP2 = 0x63677270, UNREADABLE = 0 };

static void begin_open_on(const char *path, int64_t flags, int64_t fs_magic)
{
    begin_open(path, flags);
    record_integer(&record, "fs_magic", fs_magic);
}

/* Files of the kernel, by their name and file system. */
static const struct {
    const char *detection; /* NULL: none of them */
    const char *path;
    int64_t flags, fs_magic;
    bool anywhere; /* on the host too */
    enum severity severity;
} kernel_files[] = {
    {"cgroup_notify_on_release", "/tmp/cg/notify_on_release", O_WRONLY, CGROUP_MAGIC, false, SEVERITY_HIGH},
    {"cgroup_notify_on_release", "/tmp/cg/notify_on_release", O_RDWR, CGROUP2, false, SEVERITY_HIGH},
    {"cgroup_notify_on_release", "/tmp/notify_on_release", O_WRONLY, TMPFS, false, SEVERITY_MEDIUM},
    {NULL, "/tmp/cg/notify_on_release", O_RDONLY, CGROUP_MAGIC, false, 0},
    {NULL, "/tmp/cg/notify_on_release.bak", O_WRONLY, CGROUP_MAGIC, false, 0},
    {"aslr_inspection", "/proc/sys/kernel/randomize_va_space", O_RDONLY, PROCFS, true, SEVERITY_INFO},
    {"aslr_inspection", "/tmp/p/sys/kernel/randomize_va_space", O_RDWR, PROCFS, true, SEVERITY_INFO},
    {"aslr_inspection", "/tmp/k/randomize_va_space", O_RDONLY, UNREADABLE, true, SEVERITY_INFO},
    {NULL, "/proc/sys/kernel/randomize_va_space", O_WRONLY, PROCFS, true, 0},
    {NULL, "/proc/sys/kernel/randomize_va_space", O_PATH, PROCFS, true, 0},
    {NULL, "/tmp/randomize_va_space", O_RDONLY, TMPFS, true, 0},
    {NULL, "/proc/sys/kernel/pid_max", O_RDONLY, PROCFS, true, 0},
    {"core_pattern_modification", "/proc/sys/kernel/core_pattern", O_WRONLY | O_TRUNC, PROCFS, false, SEVERITY_HIGH},
    {"core_pattern_modification", "/host/proc/sys/kernel/core_pattern", O_RDWR, PROCFS, false, SEVERITY_HIGH},
    {"core_pattern_modification", "/mnt/sys/kernel/core_pattern", O_WRONLY, PROCFS, false, SEVERITY_HIGH},
    {NULL, "/proc/sys/kernel/core_pattern", O_RDONLY, PROCFS, false, 0},
    {NULL, "/proc/sys/kernel/core_pipe_limit", O_WRONLY, PROCFS, false, 0},
    {NULL, "/tmp/proc/sys/kernel/core_pattern", O_WRONLY, TMPFS, false, 0},
    {"proc_kcore_read", "/proc/kcore", O_RDONLY, PROCFS, false, SEVERITY_MEDIUM},
    {"proc_kcore_read", "/mnt/kcore", O_RDWR, PROCFS, false, SEVERITY_MEDIUM},
    {NULL, "/proc/kcore", O_WRONLY, PROCFS, false, 0},
    {NULL, "/proc/kmsg", O_RDONLY, PROCFS, false, 0},
    {NULL, "/tmp/kcore", O_RDONLY, TMPFS, false, 0},
    {"sched_debug_recon", "/proc/sched_debug", O_RDONLY, PROCFS, false, SEVERITY_LOW},
    {"sched_debug_recon", "/sys/kernel/debug/sched/debug", O_RDONLY, DEBUGFS, false, SEVERITY_LOW},
    {"sched_debug_recon", "/mnt/sched/debug", O_RDWR, DEBUGFS, false, SEVERITY_LOW},
    {NULL, "/sys/kernel/debug/sched/debug", O_WRONLY, DEBUGFS, false, 0},
    {NULL, "/sys/kernel/debug/sched/features", O_RDONLY, DEBUGFS, false, 0},
    {NULL, "/proc/schedstat", O_RDONLY, PROCFS, false, 0},
    {NULL, "/home/sched/debug", O_RDONLY, EXT4, false, 0},
    {"system_request_key_mod", "/proc/sysrq-trigger", O_WRONLY, PROCFS, false, SEVERITY_HIGH},
    {"system_request_key_mod", "/proc/sys/kernel/sysrq", O_WRONLY | O_APPEND, PROCFS, false, SEVERITY_HIGH},
    {"system_request_key_mod", "/mnt/sysrq-trigger", O_RDWR, PROCFS, false, SEVERITY_HIGH},
    {NULL, "/proc/sys/kernel/sysrq", O_RDONLY, PROCFS, false, 0},
    {NULL, "/tmp/sysrq-trigger", O_WRONLY, TMPFS, false, 0},
    {"proc_mem_access", "/proc/4300/mem", O_RDONLY, PROCFS, true, SEVERITY_HIGH},
    {"proc_mem_access", "/proc/4300/task/4301/mem", O_RDONLY, PROCFS, true, SEVERITY_HIGH},
    {"proc_mem_access", "/mnt/mem", O_RDONLY, PROCFS, true, SEVERITY_HIGH},
    {NULL, "/proc/4300/mem", O_PATH, PROCFS, true, 0},
    {NULL, "/proc/4300/smaps", O_RDONLY, PROCFS, true, 0},
    {NULL, "/tmp/4300/mem", O_RDONLY, EXT4, true, 0},
    {"proc_mem_code_injection", "/proc/4300/mem", O_WRONLY, PROCFS, true, SEVERITY_HIGH},
    {"proc_mem_code_injection", "/proc/4300/task/4301/mem", O_WRONLY, PROCFS, true, SEVERITY_HIGH},
    {NULL, "/proc/4300/mem_x", O_WRONLY, PROCFS, true, 0},
    {NULL, "/proc/4300/oom_score_adj", O_WRONLY, PROCFS, true, 0},
    {NULL, "/tmp/4300/mem", O_WRONLY, EXT4, true, 0},
    /* Names that hold the name. */
    {NULL, "/proc/4300/oldmem", O_RDONLY, PROCFS, true, 0},
    {NULL, "/proc/sys/kernel/randomize_va_space2", O_RDONLY, PROCFS, true, 0},
    {NULL, "/proc/sys/kernel/core_pattern2", O_WRONLY, PROCFS, false, 0},
    {NULL, "/proc/kcore2", O_RDONLY, PROCFS, false, 0},
    {NULL, "/proc/sched_debug2", O_RDONLY, PROCFS, false, 0},
    {NULL, "/tmp/sched_debug", O_RDONLY, TMPFS, false, 0},
    {NULL, "/proc/sysrq-trigger2", O_WRONLY, PROCFS, false, 0},
};

static void test_files_of_the_kernel(void **state)
{
    (void)state;
    make_container();
    start_container("/bin/sh", OF_IMAGE);
    for (size_t i = 0; i < sizeof(kernel_files) / sizeof(kernel_files[0]); i++) {
        begin_open_on(kernel_files[i].path, kernel_files[i].flags, kernel_files[i].fs_magic);
        if (kernel_files[i].detection == NULL)
            quiet_in_container();
        else if (kernel_files[i].anywhere)
            assert_int_equal(fires(kernel_files[i].detection).severity, kernel_files[i].severity);
        else
            assert_int_equal(fires_in_container(kernel_files[i].detection).severity, kernel_files[i].severity);
    }
}

/* Reading and writing at once are two findings. */
static void test_files_process_memory_both_ways(void **state)
{
    (void)state;
    begin_open_on("/proc/4300/mem", O_RDWR, PROCFS);
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.list[0].detection->name, "proc_mem_access");
    assert_string_equal(found.list[1].detection->name, "proc_mem_code_injection");
}

static enum severity severity_by(const char *program, int64_t overlay_layer, const char *path, int64_t fs_magic,
                                 const char *detection)
{
    begin_exec(program, 1, EXT4);
    record_integer(&record, "overlay_layer", overlay_layer);
    quiet();
    begin_open_on(path, O_WRONLY, fs_magic);
    return fires(detection).severity;
}

/* The same by what an administrator uses for it: whole path, and nothing that was put there since a container started.
 */
static void test_files_programs_that_do_this_for_a_living(void **state)
{
    (void)state;
    static const char mem[] = "/proc/4300/mem", job[] = "/etc/cron.d/x", loader[] = "/lib64/ld-linux-x86-64.so.2";
    assert_int_equal(severity_by("/usr/bin/gdb", 0, mem, PROCFS, "proc_mem_code_injection"), SEVERITY_MEDIUM);
    assert_int_equal(severity_by("/usr/bin/gdb", 2, mem, PROCFS, "proc_mem_code_injection"), SEVERITY_HIGH);
    assert_int_equal(severity_by("/tmp/gdb", 0, mem, PROCFS, "proc_mem_code_injection"), SEVERITY_HIGH);
    assert_int_equal(severity_by("/usr/bin/dpkg", 1, job, EXT4, "scheduled_task_mod"), SEVERITY_LOW);
    assert_int_equal(severity_by("/usr/bin/dpkg", 2, job, EXT4, "scheduled_task_mod"), SEVERITY_MEDIUM);
    assert_int_equal(severity_by("/usr/local/bin/dpkg", 0, job, EXT4, "scheduled_task_mod"), SEVERITY_MEDIUM);
    assert_int_equal(severity_by("/usr/bin/dpkg", 0, loader, EXT4, "default_loader_mod"), SEVERITY_MEDIUM);
    assert_int_equal(severity_by("/usr/bin/cp", 0, loader, EXT4, "default_loader_mod"), SEVERITY_HIGH);
}

static enum severity severity_of_coming(const char *program, const char *name, const char *detection)
{
    become(program);
    begin_rename("/tmp/x", name);
    return fires(detection).severity;
}

/* Whether it is opened or put in place makes no difference. */
static void test_files_package_managers(void **state)
{
    (void)state;
    static const struct {
        const char *detection, *file;
        enum severity severity;
    } rows[] = {{"scheduled_task_mod", "/etc/cron.d/x", SEVERITY_MEDIUM},
                {"rcd_modification", "/etc/init.d/x", SEVERITY_MEDIUM},
                {"sudoers_modification", "/etc/sudoers.d/x", SEVERITY_MEDIUM},
                {"default_loader_mod", "/lib64/ld-linux-x86-64.so.2", SEVERITY_HIGH}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(severity_of_coming("/usr/bin/mv", rows[i].file, rows[i].detection), rows[i].severity);
        assert_int_equal(severity_of_coming("/usr/bin/dpkg", rows[i].file, rows[i].detection), rows[i].severity - 1);
        assert_int_equal(severity_by("/usr/bin/dpkg", 0, rows[i].file, EXT4, rows[i].detection), rows[i].severity - 1);
        assert_int_equal(severity_by("/usr/bin/cp", 0, rows[i].file, EXT4, rows[i].detection), rows[i].severity);
    }
}

static void test_files_debuggers(void **state)
{
    (void)state;
    become("/usr/bin/gdb");
    begin_open_on("/proc/4300/mem", O_RDONLY, PROCFS);
    assert_int_equal(fires("proc_mem_access").severity, SEVERITY_MEDIUM);
    record_begin(&record, "process_vm_writev");
    record_integer(&record, "pid", 4300);
    assert_int_equal(fires("process_vm_write_inject").severity, SEVERITY_MEDIUM);
}

static void fires_however_it_comes(const char *name, const char *detection)
{
    begin_rename("/tmp/x", name);
    fires(detection);
    record_begin(&record, "security_inode_symlink");
    record_string(&record, "linkpath", name, ITEM_USER);
    record_string(&record, "target", "/tmp/x", ITEM_USER);
    fires(detection);
    record_begin(&record, "link");
    record_string(&record, "oldpath", "/tmp/x", ITEM_USER);
    record_string(&record, "newpath", name, ITEM_USER);
    fires(detection);
    record_begin(&record, "linkat");
    record_string(&record, "oldpath", "/tmp/x", ITEM_USER);
    record_string(&record, "newpath", name, ITEM_USER);
    fires(detection);
    record.header.ret = -1;
    quiet();
    /* The other half of an exchange. */
    record_begin(&record, "renameat2");
    record_string(&record, "oldpath", name, ITEM_USER);
    record_string(&record, "newpath", "/tmp/x", ITEM_USER);
    record_integer(&record, "flags", 2);
    fires(detection);
}

static void quiet_however_it_comes(const char *name)
{
    begin_rename("/tmp/x", name);
    quiet();
    record_begin(&record, "security_inode_symlink");
    record_string(&record, "linkpath", name, ITEM_USER);
    quiet();
    record_begin(&record, "link");
    record_string(&record, "newpath", name, ITEM_USER);
    quiet();
}

/* Places that a system trusts: paths that fire when written, and those that fire only as a name given. */
struct place {
    const char *detection;
    const char *files[24], *names[12], *others[16]; /* others: neither */
};

static const struct place places[] = {
    {"scheduled_task_mod",
     {"/etc/crontab", "/etc/anacrontab", "/etc/cron.allow", "/etc/cron.deny", "/etc/cron.d/x", "/etc/cron.hourly/x",
      "/etc/cron.daily/x", "/etc/cron.weekly/x", "/etc/cron.monthly/x", "/etc/cron.yearly/x",
      "/var/spool/cron/crontabs/root", "/var/spool/cron/root", "/var/spool/cron/atjobs/a00001", "/var/spool/at/a00001",
      "/var/spool/anacron/cron.daily", "/etc/cron.d/var/spool/cron/atspool/x"},
     {"/etc/cron.d", "/etc/cron.d/", "//etc/crontab", "/etc/./crontab", "/etc/x/../cron.d//x", "/../etc/crontab",
      "/var/spool/cron/crontabs", "/var/spool/cron/x/../crontabs/root"},
     {"/etc/crontab.bak", "/etc/cron.d2/x", "/home/etc/crontab", "/etc/cron.d/../x", "/etc/../crontab",
      "/var/spool/cron/atspool/a00001", "/var/spool/at/spool/x", "/var/spool/mail/root", "/etc/cron.secret/x",
      "/srv/etc/cron.d/x"}},
    {"rcd_modification",
     {"/etc/rc.local", "/etc/init.d/x", "/etc/rc.d/rc.local", "/etc/rc.d/init.d/x", "/etc/rc0.d/S01x", "/etc/rc1.d/x",
      "/etc/rc2.d/x", "/etc/rc3.d/x", "/etc/rc4.d/x", "/etc/rc5.d/x", "/etc/rc6.d/x", "/etc/rcS.d/S01x"},
     {"/etc/init.d", "/etc/rc2.d/", "/etc//rc.local", "/etc/./init.d/./x"},
     {"/etc/rc.local.bak", "/etc/rc7.d/x", "/etc/rcs.d/x", "/etc/init/x.conf", "/etc/init.d/../x", "/opt/etc/rc.local",
      "/srv/etc/init.d/x"}},
    {"sudoers_modification",
     {"/etc/sudoers", "/etc/sudoers.d/x", "/usr/etc/sudoers", "/usr/etc/sudoers.d/x"},
     {"/etc/sudoers.d", "//etc//sudoers", "/etc/x/y/../../sudoers", "/usr/../etc/sudoers"},
     {"/etc/sudoers.tmp", "/etc/sudo.conf", "/etc/sudoersd/x", "/home/u/etc/sudoers", "/srv/etc/sudoers.d/x",
      "/etc/sudoers.d/../x"}},
    {"default_loader_mod",
     {"/lib/ld-linux.so.2", "/lib64/ld-linux-x86-64.so.2", "/lib32/ld-linux.so.2", "/libx32/ld-linux-x32.so.2",
      "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "/usr/lib64/ld-2.31.so", "/lib/ld-musl-x86_64.so.1",
      "/lib64/ld64.so.1", "/lib/ld.so.1", "/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", "/lib/ld-uClibc.so.0"},
     {"/lib/./ld-linux.so.2", "/usr/lib/x/../ld-linux.so.2", "/usr/./lib64//ld-2.31.so"},
     {"/usr/lib/libldap.so.2", "/usr/lib/ldb.so", "/usr/lib/ld-linux.so.2.dpkg-new", "/usr/lib/ld-linux.so.d/x",
      "/home/lib/ld-linux.so.2", "/usr/lib/gold-ld/ld.gold", "/opt/lib/ld.so", "/usr/libexec/ld.so.1"}},
};

static void test_files_trusted_places(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
        const struct place *place = &places[p];
        for (size_t i = 0; place->files[i] != NULL; i++) {
            begin_open(place->files[i], O_WRONLY | O_CREAT);
            fires(place->detection);
            begin_open(place->files[i], O_RDONLY);
            quiet();
            begin_open(place->files[i], O_PATH);
            quiet();
            fires_however_it_comes(place->files[i], place->detection);
            begin_rename(place->files[i], "/tmp/x"); /* moved away */
            quiet();
        }
        for (size_t i = 0; place->names[i] != NULL; i++)
            fires_however_it_comes(place->names[i], place->detection);
        for (size_t i = 0; place->others[i] != NULL; i++) {
            if (strstr(place->others[i], "..") == NULL) { /* no path of the kernel's has that */
                begin_open(place->others[i], O_WRONLY);
                quiet();
            }
            quiet_however_it_comes(place->others[i]);
        }
    }
}

static void test_files_anacron_keeps_its_times(void **state)
{
    (void)state;
    become("/usr/sbin/anacron");
    begin_open("/var/spool/anacron/cron.daily", O_RDWR);
    quiet();
    begin_open("/etc/cron.daily/x", O_RDWR);
    fires("scheduled_task_mod");
    become("/tmp/anacron");
    begin_open("/var/spool/anacron/cron.daily", O_RDWR);
    fires("scheduled_task_mod");
}

static void begin_program(const char *pathname, const char *cmdpath, const char *const *argv)
{
    record_begin(&record, "sched_process_exec");
    record_path(&record, "pathname", pathname, ITEM_COMPLETE);
    record_string(&record, "cmdpath", cmdpath, ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    record_list(&record, "argv", argv, ITEM_COMPLETE);
}

static void test_files_programs_that_change_them(void **state)
{
    (void)state;
    begin_program("/usr/bin/crontab", "/usr/bin/crontab", STRINGS("crontab", "-"));
    fires("scheduled_task_mod");
    begin_program("/usr/bin/crontab", "/tmp/innocent", STRINGS("innocent", "-e")); /* a link */
    fires("scheduled_task_mod");
    begin_program("/usr/bin/dash", "/usr/bin/batch", STRINGS("/bin/sh", "/usr/bin/batch"));
    fires("scheduled_task_mod");
    begin_program("/usr/bin/at", "at", STRINGS("at", "now"));
    fires("scheduled_task_mod");
    begin_program("/usr/bin/crontab", "/usr/bin/crontab", STRINGS("crontab", "--", "-l")); /* a file of that name */
    fires("scheduled_task_mod");
    begin_program("/usr/bin/crontab", "/usr/bin/crontab", STRINGS("crontab", "-l"));
    quiet();
    begin_program("/usr/bin/cat", "/usr/bin/cat", STRINGS("crontab"));
    quiet();
    begin_program("/usr/bin/perl", "/usr/sbin/update-rc.d", STRINGS("perl", "/usr/sbin/update-rc.d", "x", "defaults"));
    fires("rcd_modification");
    begin_program("/usr/bin/perl", "/usr/sbin/update-rc.d.old", STRINGS("perl"));
    quiet();
    begin_program("/opt/update-rc.d.old", "/tmp/x", STRINGS("x"));
    quiet();
}

static void begin_write(const char *path, const char *bytes)
{
    record_begin(&record, "magic_write");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_string(&record, "bytes", bytes, ITEM_COMPLETE);
    record.header.ret = 8;
}

static void test_files_hidden(void **state)
{
    (void)state;
    static const char *const hidden[] = {"/home/u/.x",  "/.x",       "/usr/bin/...",      "/tmp/.d/x",
                                         "/tmp/a/.d/x", "/run/.d/x", "/var/tmp/.d/a/b/x", "/usr/lib/.x.so"};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        begin_write(hidden[i], "\177ELF\2\1\1");
        assert_int_equal(fires("hidden_file_created").severity, SEVERITY_MEDIUM);
        begin_write(hidden[i], "#!/bin/sh");
        quiet();
    }
    static const char *const seen[] = {
        "/home/u/.cargo/bin/x", "/src/.libs/x.o",        "/home/u/.cache/a/b.so", "/tmp/x.y",
        "/usr/bin/x",           "/home/u/.venv/lib/x.so"};
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        begin_write(seen[i], "\177ELF\2\1\1");
        quiet();
    }
    begin_write("/tmp/.x", "x\177ELF\2\1\1");
    quiet();
    record_begin(&record, "magic_write"); /* a memfd may have any name */
    record_string(&record, "pathname", "memfd:a/.x", ITEM_COMPLETE);
    record_string(&record, "bytes", "\177ELF\2\1\1", ITEM_COMPLETE);
    quiet();
    begin_write("/tmp/.x", "\177ELF\2\1\1");
    record.header.ret = -28;
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_process_memory_both_ways),
        cmocka_unit_test(test_files_programs_that_do_this_for_a_living),
        cmocka_unit_test(test_files_package_managers),
        cmocka_unit_test(test_files_debuggers),
        cmocka_unit_test_setup(test_files_trusted_places, new_world),
        cmocka_unit_test(test_files_anacron_keeps_its_times),
        cmocka_unit_test(test_files_programs_that_change_them),
        cmocka_unit_test(test_files_hidden),
        cmocka_unit_test_setup(test_files_of_the_kernel, new_world),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}

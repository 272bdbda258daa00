/* SPDX-License-Identifier: Apache-2.0 */
/* What a task does with itself: names, ends, signals, limits, the clock (never set), programs that are checked. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "integration-tests/events/compat.h"
#include "common/events/events.h"
#include "integration-tests/events/expect.h"
#include "integration-tests/events/lists.h"

enum { OTHER_USER = 4242, EXIT_STATUS = 5, I386_SIGNAL = 48, I386_SETRLIMIT = 75, I386_STIME = 25 };

#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static int any_call(void)
{
    struct line line;
    struct itimerval timer;
    if (getitimer(ITIMER_PROF, &timer) < 0 || syscall(SYS_getpriority, 99, 0) >= 0)
        cannot("getitimer");
    line_begin(&line, "sys_enter", "before a call");
    line_result(&line, "getitimer", 0);
    line_int(&line, "syscall", EVENT_getitimer);
    line_end(&line);
    line_begin(&line, "sys_exit", "after a call");
    line_result(&line, "getitimer", 0);
    line_int(&line, "syscall", EVENT_getitimer);
    line_end(&line);
    line_begin(&line, "sys_exit", "after a call that fails");
    line_result(&line, "getpriority", -EINVAL);
    line_int(&line, "syscall", EVENT_getpriority);
    line_end(&line);
    return 0;
}

void trigger_sys_enter(void)
{
    in_child("vt-any-call", any_call);
}

void trigger_sys_exit(void)
{
    in_child("vt-any-call-2", any_call);
}

static int switch_away(void)
{
    struct line line;
    struct who who = who_am_i();
    int both[2];
    char byte;
    if (pipe(both) < 0)
        cannot("pipe");
    pid_t child = fork();
    if (child == 0) {
        usleep(1000);
        _exit(write(both[1], "", 1) == 1 ? 0 : 1);
    }
    if (child < 0 || read(both[0], &byte, 1) != 1 || waitpid(child, NULL, 0) != child)
        cannot("fork");
    line_begin_of(&line, "sched_switch", "waits for a pipe", &who);
    line_repeated(&line);
    line_result(&line, "read", 0);
    line_any(&line, "cpu");
    line_int(&line, "prev_tid", who.host_tid);
    line_string(&line, "prev_comm", who.comm);
    line_any(&line, "next_tid");
    line_any(&line, "next_comm");
    line_end(&line);
    return 0;
}

void trigger_sched_switch(void)
{
    in_child("vt-switch", switch_away);
}

static void end_line(const char *what, const char *comm, int how, int result)
{
    int both[2];
    struct who who;
    struct line line;
    if (pipe(both) < 0)
        cannot("pipe");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_NAME, comm);
        who = who_am_i();
        if (write(both[1], &who, sizeof(who)) != sizeof(who))
            _exit(1);
        if (how != 0)
            raise(how);
        _exit(EXIT_STATUS);
    }
    if (child < 0 || read(both[0], &who, sizeof(who)) != sizeof(who) || waitpid(child, NULL, 0) != child)
        cannot("fork");
    line_begin_of(&line, "do_exit", what, &who);
    line_result(&line, "exit_group|tgkill|tkill|", result);
    line_end(&line);
}

void trigger_do_exit(void)
{
    end_line("by itself", "vt-do-exit", 0, EXIT_STATUS << 8);
    end_line("by a signal", "vt-do-exit-sig", SIGUSR1, SIGUSR1);
}

static int rename_task(void)
{
    struct line line;
    if (prctl(PR_SET_NAME, "vt-renamed-to-something-long") < 0)
        cannot("PR_SET_NAME");
    struct who who = who_am_i();
    snprintf(who.comm, sizeof(who.comm), "vt-rename"); /* as it was */
    line_begin_of(&line, "task_rename", "cut to what a name may be", &who);
    line_result(&line, "prctl", 0);
    line_string(&line, "old_name", "vt-rename");
    line_string(&line, "new_name", "vt-renamed-to-s");
    line_end(&line);
    return 0;
}

static int rename_nothing(void)
{
    char name[16];
    prctl(PR_GET_NAME, name);
    near_miss_with("task_rename", "asks for the name only", "old_name", "vt-rename-no");
    return 0;
}

void trigger_task_rename(void)
{
    in_child("vt-rename", rename_task);
    in_child("vt-rename-no", rename_nothing);
}

static const char *const failed_argv[] = {"first", "", "third word", NULL}, *const failed_envp[] = {"X=1", NULL};

/* All but the lists. */
static void failed_begin(struct line *line, const char *what, const char *syscall, long long result, int directory_fd,
                         int flags, const char *name)
{
    line_begin(line, "process_execute_failed", what);
    line_result(line, syscall, result);
    line_int(line, "dirfd", directory_fd);
    line_int(line, "flags", flags);
    line_user_string(line, "pathname", name);
    line_unreadable(line, "binary_path", true); /* the row says that these are not shown */
    line_unsigned(line, "binary_device_id", 0);
    line_unsigned(line, "binary_inode_number", 0);
    line_unsigned(line, "binary_ctime", 0);
    line_unsigned(line, "binary_inode_mode", 0);
    line_unreadable(line, "interpreter_path", true);
    line_unsigned(line, "stdin_type", S_IFREG);
    line_string(line, "stdin_path", place("not-a-program"));
    line_int(line, "kernel_invoked", 0);
}

static void failed_line(const char *what, const char *syscall, long long result, int directory_fd, int flags,
                        const char *name)
{
    struct line line;
    failed_begin(&line, what, syscall, result, directory_fd, flags, name);
    line_user_strings(&line, "argv", failed_argv);
    line_user_strings(&line, "envp", failed_envp);
    line_end(&line);
}

static void failed_lists(size_t bytes)
{
    struct line line;
    char what[64], name[64];
    snprintf(what, sizeof(what), "arguments and environment of %zu bytes", bytes);
    snprintf(name, sizeof(name), "/dev/not-there-%zu", bytes); /* what is shown of two may be the same */
    const struct list argv = {{"program"}, bytes, list_user_each()}, envp = {{"B=2"}, bytes, LIST_ONE_STRING};
    long long result = result_or_error(syscall(SYS_execve, name, list_strings(&argv), list_strings(&envp)));
    failed_begin(&line, what, "execve", result, AT_FDCWD, 0, name);
    line_user_list(&line, "argv", &argv);
    line_user_list(&line, "envp", &envp);
    line_end(&line);
}

static int execute_failed(void)
{
    const char *not_there = "/dev/not-there", *name = place("not-a-program");
    make_file(name, "no program\n");
    int fd = open(name, O_RDONLY), at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || at < 0 || dup2(fd, 0) < 0 || chmod(name, 0755) < 0)
        cannot(name);
    touch_strings(failed_argv);
    failed_line("a file that is not there", "execve",
                result_or_error(syscall(SYS_execve, not_there, failed_argv, failed_envp)), AT_FDCWD, 0, not_there);
    failed_line(
        "what is no program, below a directory", "execveat",
        result_or_error(syscall(SYS_execveat, at, "not-a-program", failed_argv, failed_envp, AT_SYMLINK_NOFOLLOW)), at,
        AT_SYMLINK_NOFOLLOW, "not-a-program");
    for (size_t i = 0; i < LIST_SIZES; i++)
        failed_lists(list_sizes[i]);
    const char *longest = longest_path("failed-long");
    failed_line("a name of 4,095 bytes", "execve",
                result_or_error(syscall(SYS_execve, longest, failed_argv, failed_envp)), AT_FDCWD, 0, longest);
    return 0;
}

static int executed(void)
{
    execl(program_copy(), "program", PAYLOAD, NULL);
    return 1;
}

void trigger_process_execute_failed(void)
{
    in_child("vt-exec-failed", execute_failed);
    pid_t child = fork();
    if (child == 0)
        _exit(executed());
    if (child < 0 || waitpid(child, NULL, 0) != child)
        cannot("fork");
    near_miss_of("process_execute_failed", "one that succeeds", child);
}

/* All but the lists, of an exec that comes next. */
static void check_begin(struct line *line, const char *what)
{
    struct who who = who_am_i();
    struct stat file;
    if (stat(program_copy(), &file) < 0)
        cannot(program_copy());
    snprintf(who.comm, sizeof(who.comm), "program");
    line_begin_of(line, "security_bprm_check", what, &who);
    line_result(line, "execve", 0);
    line_string(line, "pathname", program_copy());
    line_file_id(line, &file);
}

static void check_lists(size_t bytes)
{
    const struct list argv = {{"program", PAYLOAD}, bytes, LIST_SHORT_STRINGS},
                      envp = {{"B=2"}, bytes, LIST_ONE_STRING};
    struct line line;
    char what[64];
    snprintf(what, sizeof(what), "arguments and environment of %zu bytes", bytes);
    check_begin(&line, what);
    line_list(&line, "argv", &argv);
    line_list(&line, "envp", &envp);
    line_end(&line);
    syscall(SYS_execve, program_copy(), list_strings(&argv), list_strings(&envp));
    _exit(1);
}

static int check_programs(void)
{
    for (size_t i = 0; i < LIST_SIZES; i++) {
        int status;
        pid_t child = fork();
        if (child == 0)
            check_lists(list_sizes[i]);
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            cannot("a program with long arguments");
    }
    return 0;
}

static int check_program(void)
{
    static const char *const argv[] = {"program", PAYLOAD, "", NULL}, *const envp[] = {"A=b", NULL};
    struct line line;
    check_begin(&line, "a program that is executed");
    line_strings(&line, "argv", argv);
    line_strings(&line, "envp", envp);
    line_end(&line);
    syscall(SYS_execve, program_copy(), argv, envp);
    return 1;
}

static int check_nothing(void)
{
    syscall(SYS_execve, "/dev/not-there", failed_argv, failed_envp);
    near_miss("security_bprm_check", "a file that is not there");
    near_miss("call_usermodehelper", "a program that no thread of the kernel started");
    return 0;
}

void trigger_security_bprm_check(void)
{
    in_child("vt-check", check_program);
    in_child("vt-check-lists", check_programs);
    in_child("vt-check-none", check_nothing);
}

void trigger_call_usermodehelper(void)
{
    in_child("vt-helper-none", check_nothing);
    not_possible("call_usermodehelper", "a helper of the kernel",
                 "it is in no process tree: the case kernel_helper has a capture of the whole machine");
}

struct action {
    bool is_there;
    unsigned long flags, mask;
    void (*handler)(int);
};

static void line_action(struct line *line, const char *is_there, const char *prefix, const struct action *action)
{
    char name[32];
    bool is_function = action->is_there && action->handler != SIG_DFL && action->handler != SIG_IGN;
    line_bool(line, is_there, action->is_there);
    snprintf(name, sizeof(name), "%ssa_flags", prefix);
    line_unsigned(line, name, action->is_there ? action->flags : 0);
    snprintf(name, sizeof(name), "%ssa_mask", prefix);
    line_unsigned(line, name, action->is_there ? action->mask : 0);
    snprintf(name, sizeof(name), "%ssa_handle_method", prefix);
    line_int(line, name, is_function ? 2 : action->is_there && action->handler == SIG_IGN);
    snprintf(name, sizeof(name), "%ssa_handler", prefix);
    line_unsigned(line, name, is_function ? (uintptr_t)action->handler : 0);
}

static void sigaction_line(const char *what, const char *syscall, int signal, const struct action *new,
                           const struct action *old, bool is_compat, long long result)
{
    struct line line;
    line_begin(&line, "do_sigaction", what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, syscall, result);
    line_int(&line, "sig", signal);
    line_action(&line, "is_sa_initialized", "", new);
    line_action(&line, "is_old_sa_initialized", "old_", old);
    line_end(&line);
}

static void handle(int signal)
{
    (void)signal;
}

/* As the kernel has it: no libc between. */
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

static int act(void)
{
    const unsigned long restorer = 0x04000000, mask = 1UL << (SIGHUP - 1);
    struct kernel_action given = {.handler = handle, .flags = SA_RESTART | restorer, .mask = mask}, got;
    const struct action none = {0};
    const struct action handled = {true, given.flags, mask, handle}, ignored = {true, 0, 0, SIG_IGN};
    const struct action before = {true, 0, 0, SIG_DFL};
    if (syscall(SYS_rt_sigaction, SIGUSR2, &given, NULL, 8) < 0)
        cannot("rt_sigaction");
    sigaction_line("a handler, nothing asked for", "rt_sigaction", SIGUSR2, &handled, &none, false, 0);
    given = (struct kernel_action){.handler = SIG_IGN};
    if (syscall(SYS_rt_sigaction, SIGUSR2, &given, &got, 8) < 0)
        cannot("rt_sigaction");
    sigaction_line("ignored, the old one asked for", "rt_sigaction", SIGUSR2, &ignored, &handled, false, 0);
    if (syscall(SYS_rt_sigaction, SIGWINCH, NULL, &got, 8) < 0)
        cannot("rt_sigaction");
    sigaction_line("only asked for", "rt_sigaction", SIGWINCH, &none, &before, false, 0);
    return 0;
}

static int act_compat(void)
{
    const struct action ignored = {true, SA_RESETHAND | SA_NODEFER, 0, SIG_IGN}, before = {true, 0, 0, SIG_DFL};
    if (compat_call(I386_SIGNAL, (const unsigned long[6]){SIGUSR2, 1}) != 0)
        cannot("signal");
    sigaction_line("as a 32-bit call", "signal", SIGUSR2, &ignored, &before, true, 0);
    return 0;
}

static int act_nothing(void)
{
    struct kernel_action given = {.handler = SIG_IGN};
    if (syscall(SYS_rt_sigaction, SIGKILL, &given, NULL, 8) == 0)
        return 1;
    near_miss("do_sigaction", "a signal that cannot be handled");
    return 0;
}

void trigger_do_sigaction(void)
{
    in_child("vt-sigaction", act);
    in_child("vt-sigaction-no", act_nothing);
    if (compat_is_available())
        in_child("vt-signal", act_compat);
    else
        not_possible("do_sigaction", "as a 32-bit call", "this kernel takes no 32-bit calls");
}

static void limit_line(const char *what, const char *syscall, pid_t target, int resource, bool is_compat)
{
    struct line line;
    struct rlimit limit;
    if (prlimit(target == who_am_i().host_pid ? 0 : target, resource, NULL, &limit) < 0)
        cannot("prlimit");
    line_begin(&line, "security_task_setrlimit", what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, syscall, 0);
    line_int(&line, "target_host_pid", target);
    line_int(&line, "resource", resource);
    line_unsigned(&line, "new_rlim_cur", limit.rlim_cur);
    line_unsigned(&line, "new_rlim_max", limit.rlim_max);
    line_end(&line);
}

static int limit_all(void)
{
    struct rlimit limit;
    pid_t own = who_am_i().host_pid;
    if (getrlimit(RLIMIT_CORE, &limit) < 0)
        cannot("getrlimit");
    limit.rlim_cur = limit.rlim_max > 4096 ? 4096 : limit.rlim_max;
    if (syscall(SYS_setrlimit, RLIMIT_CORE, &limit) < 0)
        cannot("setrlimit");
    limit_line("its own", "setrlimit", own, RLIMIT_CORE, false);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    if (child < 0 || getrlimit(RLIMIT_STACK, &limit) < 0)
        cannot("fork");
    if (syscall(SYS_prlimit64, child, RLIMIT_STACK, &limit, NULL) < 0)
        cannot("prlimit64");
    limit_line("a child's", "prlimit64", child, RLIMIT_STACK, false);
    kill(child, SIGKILL);
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

static int limit_compat(void)
{
    uint32_t *limit = compat_room(4096);
    limit[0] = 8192;
    limit[1] = UINT32_MAX;
    struct rlimit before;
    if (getrlimit(RLIMIT_CORE, &before) < 0)
        cannot("getrlimit");
    if (before.rlim_max < limit[0])
        limit[0] = (uint32_t)before.rlim_max;
    if (before.rlim_max < UINT32_MAX)
        limit[1] = (uint32_t)before.rlim_max;
    if (compat_call(I386_SETRLIMIT, (const unsigned long[6]){RLIMIT_CORE, (unsigned long)limit}) != 0)
        cannot("setrlimit");
    limit_line("as a 32-bit call", "setrlimit", who_am_i().host_pid, RLIMIT_CORE, true);
    return 0;
}

static int limit_nothing(void)
{
    const struct rlimit wrong = {2, 1};
    struct rlimit limit;
    if (syscall(SYS_setrlimit, RLIMIT_CORE, &wrong) == 0 || prlimit(0, RLIMIT_CORE, NULL, &limit) < 0)
        return 1;
    near_miss("security_task_setrlimit", "a limit above its maximum, and one that is only asked for");
    return 0;
}

void trigger_security_task_setrlimit(void)
{
    in_child("vt-setrlimit", limit_all);
    in_child("vt-setrlimit-no", limit_nothing);
    if (compat_is_available())
        in_child("vt-setrlimit-32", limit_compat);
    else
        not_possible("security_task_setrlimit", "as a 32-bit call", "this kernel takes no 32-bit calls");
}

static void time_line(const char *what, const char *syscall, long long result, const struct timespec *time,
                      const struct timezone *zone, bool is_compat)
{
    struct line line;
    line_begin(&line, "security_settime64", what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, syscall, result);
    line_int(&line, "tv_sec", time != NULL ? time->tv_sec : 0);
    line_int(&line, "tv_nsec", time != NULL ? time->tv_nsec : 0);
    line_int(&line, "tz_minuteswest", zone != NULL ? zone->tz_minuteswest : 0);
    line_int(&line, "tz_dsttime", zone != NULL ? zone->tz_dsttime : 0);
    line_end(&line);
}

/* Only what is refused: it may not set the clock, and there is no such time zone. */
static int set_time(void)
{
    const struct timespec time = {1000000007, 123456000};
    const struct timeval same = {1000000007, 123456};
    const struct timezone zone = {16 * 60, 3};
    if (syscall(SYS_setuid, OTHER_USER) < 0)
        cannot("setuid");
    long long result = result_or_error(syscall(SYS_clock_settime, CLOCK_REALTIME, &time));
    if (result != -EPERM)
        return 1;
    time_line("a clock that it may not set", "clock_settime", result, &time, NULL, false);
    result = result_or_error(syscall(SYS_settimeofday, &same, &zone));
    if (result != -EPERM)
        return 1;
    time_line("the same, and a time zone", "settimeofday", result, &time, &zone, false);
    if (!compat_is_available())
        return 0;
    int32_t *seconds = compat_room(4096);
    *seconds = 1000000009;
    result = compat_call(I386_STIME, (const unsigned long[6]){(unsigned long)seconds});
    if (result != -EPERM)
        return 1;
    time_line("as a 32-bit call", "stime", result, &(const struct timespec){*seconds, 0}, NULL, true);
    return 0;
}

static int set_no_time(void)
{
    const struct timespec time = {1000000007, 0}, wrong = {1, -1};
    if (syscall(SYS_setuid, OTHER_USER) < 0 || syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time) == 0 ||
        syscall(SYS_clock_settime, CLOCK_REALTIME, &wrong) == 0 || syscall(SYS_settimeofday, 1, NULL) == 0)
        return 1;
    near_miss("security_settime64", "another clock, a time that there cannot be, one that cannot be read");
    return 0;
}

void trigger_security_settime64(void)
{
    in_child("vt-settime", set_time);
    in_child("vt-settime-no", set_no_time);
}

static void prctl_line(const char *what, int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    struct line line;
    bool is_name = option == PR_SET_VMA;
    long long result = result_or_error(syscall(SYS_prctl, option, a, b, c, d));
    line_begin(&line, "security_task_prctl", what);
    line_result(&line, "prctl", result);
    line_int(&line, "option", option);
    line_unsigned(&line, "arg2", a);
    line_unsigned(&line, "arg3", b);
    line_unsigned(&line, "arg4", c);
    line_unsigned(&line, "arg5", d);
    if (is_name)
        line_user_string(&line, "vma_name", (const char *)d);
    else
        line_unreadable(&line, "vma_name", true);
    line_end(&line);
}

static int control(void)
{
    char name[] = "vt-mapping";
    void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        cannot("mmap");
    prctl_line("no new privileges", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl_line("an option that there is not, which fails", 0x7fff0001, 1, 2, 3, 4);
    prctl_line("a name for a mapping", PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)at, 4096, (unsigned long)name);
    return 0;
}

static int control_nothing(void)
{
#ifdef SYS_arch_prctl
    unsigned long base;
    if (syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &base) < 0)
        cannot("arch_prctl");
#else
    getpid(); /* arm64 has none of the kind */
#endif
    near_miss_with("security_task_prctl", "another call of the kind", "vma_name", "vt-mapping");
    return 0;
}

void trigger_security_task_prctl(void)
{
    in_child("vt-prctl", control);
    in_child("vt-prctl-no", control_nothing);
}

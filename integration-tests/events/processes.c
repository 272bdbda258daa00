/* SPDX-License-Identifier: Apache-2.0 */
/* sched_process_fork, sched_process_exit. */
#include "integration-tests/events/processes.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "integration-tests/events/expect.h"

/* Of one task, as the row has it five times. */
struct task_arguments {
    const char *prefix, *start_time; /* names in the row */
    pid_t tid, ns_tid, pid, ns_pid;
};

static void line_task(struct line *line, const struct task_arguments *task)
{
    const struct {
        const char *suffix;
        pid_t value;
    } numbers[] = {{"tid", task->tid}, {"ns_tid", task->ns_tid}, {"pid", task->pid}, {"ns_pid", task->ns_pid}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s%s", task->prefix, numbers[i].suffix);
        line_int(line, name, numbers[i].value);
    }
    line_start_time(line, task->start_time, task->pid, task->tid);
}

/* `child` and the process that it is in are seen by this one: it has not been waited for, or still runs. */
static void fork_line(const char *what, const char *syscall, bool is_compat, pid_t child_tid, pid_t child_ns_tid,
                      pid_t child_pid, pid_t child_ns_pid, pid_t parent_of_child)
{
    pid_t pid = getpid();
    struct line line;
    line_begin(&line, "sched_process_fork", what);
    if (is_compat)
        line_compat(&line);
    line_result(&line, syscall, 0);
    line_task(&line, &(struct task_arguments){"parent_", "parent_start_time", pid, pid, pid, pid});
    line_task(&line,
              &(struct task_arguments){"child_", "start_time", child_tid, child_ns_tid, child_pid, child_ns_pid});
    line_task(&line, &(struct task_arguments){"parent_process_", "parent_process_start_time", parent_of_child,
                                              parent_of_child, parent_of_child, parent_of_child});
    line_task(&line, &(struct task_arguments){"leader_", "leader_start_time", child_pid, child_ns_pid, child_pid,
                                              child_ns_pid});
    line_end(&line);
}

void process_line(const char *what, const char *syscall, bool is_compat, pid_t child, pid_t parent_of_child)
{
    fork_line(what, syscall, is_compat, child, child, child, child, parent_of_child);
}

static pid_t clone_process(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    /* Its /proc entry stays until it is waited for. */
    if (child < 0 || waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT) < 0)
        cannot("clone");
    return child;
}

static int fork_process(void)
{
    pid_t child = clone_process();
    fork_line("a process", "clone", false, child, child, child, child, getpid());
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

static int fork_into_namespace(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        cannot("a pid namespace");
    pid_t child = clone_process();
    fork_line("the first of a pid namespace", "clone", false, child, 1, child, 1, getpid());
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

struct thread {
    pthread_t handle;
    int to_thread[2], from_thread[2];
    pid_t tid;
};

/* Says its number, waits, and ends as a thread alone does. */
static void *thread_main(void *argument)
{
    struct thread *thread = argument;
    pid_t tid = (pid_t)syscall(SYS_gettid);
    char byte;
    prctl(PR_SET_NAME, "vt-thread");
    if (write(thread->from_thread[1], &tid, sizeof(tid)) == sizeof(tid) && read(thread->to_thread[0], &byte, 1) == 1)
        syscall(SYS_exit, 5);
    return NULL;
}

static void thread_start(struct thread *thread)
{
    if (pipe(thread->to_thread) < 0 || pipe(thread->from_thread) < 0 ||
        pthread_create(&thread->handle, NULL, thread_main, thread) != 0 ||
        read(thread->from_thread[0], &thread->tid, sizeof(thread->tid)) != sizeof(thread->tid))
        cannot("a thread");
}

static void thread_end(struct thread *thread)
{
    if (write(thread->to_thread[1], "", 1) != 1 || pthread_join(thread->handle, NULL) != 0)
        cannot("the end of a thread");
    /* The kernel wakes pthread_join before the thread is quite gone: were the process to end now, both would be the
     * last one. */
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d", thread->tid);
    while (access(path, F_OK) == 0)
        sched_yield();
}

static int fork_thread(void)
{
    struct thread thread;
    thread_start(&thread);
    /* The process tree does not change: the parent is the parent of the process. */
    fork_line("a thread", "clone3|clone", false, thread.tid, thread.tid, getpid(), getpid(), getppid());
    thread_end(&thread);
    return 0;
}

static int fork_refused(void)
{
    if (syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, NULL) != -1 || errno != EINVAL)
        cannot("a clone that is refused");
    near_miss("sched_process_fork", "a clone that the kernel refuses");
    return 0;
}

void trigger_sched_process_fork(void)
{
    in_child("vt-fork", fork_process);
    in_child("vt-fork-ns", fork_into_namespace);
    in_child("vt-fork-thread", fork_thread);
    in_child("vt-fork-refused", fork_refused);
}

static void exit_line(const char *what, const struct who *who, const char *syscall, int code, int signal, bool group)
{
    struct line line;
    line_begin_of(&line, "sched_process_exit", what, who);
    line_result(&line, syscall, 0);
    line_int(&line, "exit_code", code);
    line_int(&line, "signal_code", signal);
    line_bool(&line, "process_group_exit", group);
    line_end(&line);
}

static int exit_by_itself(void)
{
    struct who who = who_am_i();
    exit_line("by itself", &who, "exit_group", 7, 0, true);
    _exit(7);
}

static int exit_by_signal(void)
{
    struct who who = who_am_i();
    /* arm64 forgets the call before it delivers a signal at its end: forget_syscall in do_signal. */
#if defined(__aarch64__)
    const char *call = "";
#else
    const char *call = "kill";
#endif
    exit_line("by a signal", &who, call, 0, SIGKILL, true);
    kill(getpid(), SIGKILL);
    return 0;
}

static int exit_in_namespace(void)
{
    struct who who = who_am_i();
    exit_line("the first of a pid namespace", &who, "exit_group", 9, 0, true);
    _exit(9);
}

static int exit_thread(void)
{
    struct thread thread;
    thread_start(&thread);
    struct who who = who_am_i(), of_thread = who;
    of_thread.tid = of_thread.host_tid = thread.tid;
    snprintf(of_thread.comm, sizeof(of_thread.comm), "vt-thread");
    exit_line("one thread of two", &of_thread, "exit", 5, 0, false);
    exit_line("the other, and the process with it", &who, "exit_group", 0, 0, true);
    thread_end(&thread);
    _exit(0);
}

/* A child whose end is the event. */
static void ends(const char *comm, int (*child)(void), int expected_status)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, comm);
        _exit(child());
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        cannot(comm);
    errno = ECHILD;
    if (status != expected_status)
        cannot(comm);
}

static int exit_of_namespace(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        cannot("a pid namespace");
    ends("vt-exit-ns", exit_in_namespace, 9 << 8);
    return 0;
}

void trigger_sched_process_exit(void)
{
    ends("vt-exit", exit_by_itself, 7 << 8);
    ends("vt-exit-kill", exit_by_signal, SIGKILL);
    ends("vt-exit-thread", exit_thread, 0);
    in_child("vt-exit-outer", exit_of_namespace);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The filters, each attempt in a child of its own: what is asked for, and what the kernel says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "collector/courier/confine.h"
#include "collector/courier/filter.h"
#include "common/events/canaries.h"

/* Each returns 0 or the errno that it met. */
static int of(long result)
{
    return result < 0 ? errno : 0;
}

static int try_execve(void)
{
    char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    return of(execve(name, arguments, NULL));
}

static int try_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 ? errno : of(waitpid(child, NULL, 0));
}

static void *do_nothing(void *argument)
{
    return argument;
}

static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, do_nothing, NULL);
    return error ? error : pthread_join(thread, NULL);
}

static int try_socket(int family)
{
    return of(socket(family, family == AF_NETLINK ? SOCK_RAW : SOCK_STREAM, 0));
}

static int try_unix(void)
{
    return try_socket(AF_UNIX);
}
static int try_inet(void)
{
    return try_socket(AF_INET);
}
static int try_inet6(void)
{
    return try_socket(AF_INET6);
}
static int try_netlink(void)
{
    return try_socket(AF_NETLINK);
}
static int try_packet(void)
{
    return try_socket(AF_PACKET);
}
static int try_open_to_read(void)
{
    return of(open("/dev/null", O_RDONLY));
}
static int try_open_to_write(void)
{
    return of(open("/dev/null", O_WRONLY));
}
static int try_create(void)
{
    return of(open("/tmp/vedette-filter-test-must-not-be", O_RDONLY | O_CREAT, 0600));
}
static int try_unlink(void)
{
    return of(unlink("/tmp/vedette-filter-test-must-not-be"));
}
static int try_kill(void)
{
    return of(kill(getpid(), SIGTERM));
}
static int try_bpf(void)
{
    return of(syscall(SYS_bpf, 0, NULL, 0));
}
static int try_ptrace(void)
{
    return of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
static int try_mount(void)
{
    return of(mount("none", "/nowhere", "tmpfs", 0, NULL));
}
static int try_unshare(void)
{
    return of(unshare(CLONE_NEWUSER));
}
static int try_new_namespace(void)
{
    return of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
}
static int try_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int try_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int try_eventfd(void)
{
    return of(eventfd(0, 0));
}
static int try_listen(void)
{
    return of(listen(socket(AF_UNIX, SOCK_STREAM, 0), 1));
}
static int try_dumpable(void)
{
    return of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static int try_memfd(void)
{
    return of(syscall(SYS_memfd_create, "x", 0));
}

enum { KILLED = -1 };

static const struct attempt {
    const char *name;
    int (*run)(void);
    int keeper, worker; /* errno, 0, or KILLED */
} attempts[] = {
    {"execve", try_execve, KILLED, KILLED},
    {"fork", try_fork, 0, EPERM},
    {"a thread", try_thread, 0, 0},
    {"a unix socket", try_unix, 0, 0},
    {"an inet socket", try_inet, EPERM, EPERM},
    {"an inet6 socket", try_inet6, EPERM, EPERM},
    {"a netlink socket", try_netlink, EPERM, EPERM},
    {"a packet socket", try_packet, EPERM, EPERM},
    {"listen", try_listen, EPERM, EPERM},
    {"open to read", try_open_to_read, 0, 0},
    {"open to write", try_open_to_write, EPERM, EPERM},
    {"create a file", try_create, EPERM, EPERM},
    {"unlink", try_unlink, EPERM, EPERM},
    {"kill with SIGTERM", try_kill, EPERM, EPERM},
    {"bpf", try_bpf, KILLED, KILLED},
    {"ptrace", try_ptrace, KILLED, KILLED},
    {"mount", try_mount, KILLED, KILLED},
    {"unshare", try_unshare, KILLED, KILLED},
    {"clone into a namespace", try_new_namespace, EPERM, EPERM},
    {"map code", try_code, EPERM, EPERM},
    {"map memory", try_memory, 0, 0},
    {"eventfd", try_eventfd, 0, 0},
    {"become dumpable", try_dumpable, EPERM, EPERM},
    {"memfd", try_memfd, EPERM, EPERM},
};

static int run_filtered(enum filter_role role, enum filter_reach reach, int (*run)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        /* As in life: the worker's comes on top of the keeper's. */
        if (filter_load(FILTER_KEEPER, reach, -1) < 0 ||
            (role == FILTER_WORKER && filter_load(FILTER_WORKER, reach, -1) < 0))
            _exit(255);
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return KILLED;
    }
    return WEXITSTATUS(status);
}

static void test_filter_attempts(void **state)
{
    (void)state;
#ifdef VEDETTE_NO_SECCOMP
    (void)attempts;
    (void)run_filtered;
    print_message("skipped: built without seccomp, for a sanitizer or coverage\n");
    skip();
#else
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int keeper = run_filtered(FILTER_KEEPER, FILTER_IPC, attempts[i].run);
        int worker = run_filtered(FILTER_WORKER, FILTER_IPC, attempts[i].run);
        if (keeper != attempts[i].keeper || worker != attempts[i].worker)
            fail_msg("%s: keeper %d, expected %d; worker %d, expected %d", attempts[i].name, keeper, attempts[i].keeper,
                     worker, attempts[i].worker);
    }
#endif
}

#ifndef VEDETTE_NO_SECCOMP

static int try_sendmmsg(void)
{
    return sendmmsg(-1, NULL, 0, 0) < 0 ? errno : 0;
}

static int try_fionread(void)
{
    int count;
    return ioctl(-1, FIONREAD, &count) < 0 ? errno : 0;
}

static int try_window_size(void)
{
    struct winsize size;
    return ioctl(-1, TIOCGWINSZ, &size) < 0 ? errno : 0;
}

#endif

/* Only a bus that names a host needs them, for libc's resolver; the bad descriptor shows that the call was made. */
static void test_filter_names(void **state)
{
    (void)state;
#ifdef VEDETTE_NO_SECCOMP
    skip();
#else
    for (int role = FILTER_KEEPER; role <= FILTER_WORKER; role++) {
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_TCP, try_sendmmsg), EPERM);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_TCP, try_fionread), EPERM);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_NAMES, try_sendmmsg), EBADF);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_NAMES, try_fionread), EBADF);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_NAMES, try_window_size), EPERM);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_NAMES, try_netlink), EPERM);
    }
#endif
}

/* Only a bus over tcp needs them. A machine without IPv6 says so in its own words. */
static void test_filter_tcp(void **state)
{
    (void)state;
#ifdef VEDETTE_NO_SECCOMP
    skip();
#else
    for (int role = FILTER_KEEPER; role <= FILTER_WORKER; role++) {
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_TCP, try_unix), 0);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_TCP, try_inet), 0);
        assert_int_not_equal(run_filtered((enum filter_role)role, FILTER_TCP, try_inet6), EPERM);
        assert_int_equal(run_filtered((enum filter_role)role, FILTER_TCP, try_netlink), EPERM);
    }
#endif
}

#ifndef VEDETTE_NO_SECCOMP

/* vedette-canary is built beside this test. */
static int open_canary(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("vedette-canary"));
    assert_true(length > 0);
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    assert_non_null(slash);
    memcpy(slash + 1, "vedette-canary", sizeof("vedette-canary"));
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* How a child ends that executes `fd` while the filter knows `exec_fd`: what it ended with, or KILLED. */
static int exec_filtered(enum filter_role role, int exec_fd, int fd, int flags)
{
    char name[] = CANARY_COMM, digits[] = "5";
    char *const arguments[] = {name, digits, NULL}, *const environment[] = {NULL};
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (filter_load(FILTER_KEEPER, FILTER_IPC, exec_fd) < 0 ||
            (role == FILTER_WORKER && filter_load(FILTER_WORKER, FILTER_IPC, -1) < 0))
            _exit(255);
        syscall(SYS_execveat, fd, "", arguments, environment, flags);
        _exit(100 + errno);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGSYS ? KILLED : 254;
}

#endif

/* The one program that the keeper may execute, by its descriptor alone; nothing more of it is the worker's. */
static void test_filter_exec(void **state)
{
    (void)state;
#ifdef VEDETTE_NO_SECCOMP
    skip();
#else
    int canary = open_canary(), other = open("/bin/true", O_RDONLY | O_CLOEXEC);
    assert_true(canary >= 0 && other >= 0);
    assert_int_equal(exec_filtered(FILTER_KEEPER, canary, canary, AT_EMPTY_PATH), 5);
    assert_int_equal(exec_filtered(FILTER_KEEPER, canary, canary, 0), 100 + EPERM);
    assert_int_equal(exec_filtered(FILTER_KEEPER, canary, other, AT_EMPTY_PATH), KILLED);
    assert_int_equal(exec_filtered(FILTER_KEEPER, canary, AT_FDCWD, AT_EMPTY_PATH), KILLED);
    assert_int_equal(exec_filtered(FILTER_KEEPER, -1, canary, AT_EMPTY_PATH), KILLED);
    assert_int_equal(exec_filtered(FILTER_WORKER, canary, canary, AT_EMPTY_PATH), KILLED);
    close(canary);
    close(other);
#endif
}

enum { NO_LANDLOCK = 77 };

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* In a child, bound by Landlock and, for its own verdict, by no filter. The number of the first attempt that went
 * otherwise than it should. */
static int attempt_files(const struct sockaddr_un *bus)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return 1;
    struct tls_settings tls = {.key = "/usr/lib/os-release"};
    const struct courier_settings settings = {.bus_url = "tls+tcp://analyzer.example:3367", .tls = &tls};
    if (strcmp(confine_files(&settings, -1), "Landlock") != 0)
        return NO_LANDLOCK;
    confine_worker_files(&settings);
    if (open_and_close(tls.key, O_RDONLY) != 0 || open_and_close("/etc/hosts", O_RDONLY) != 0)
        return 8; /* its credentials and the resolver's */
    if (open_and_close(tls.key, O_RDWR) != EACCES || open_and_close("/usr/lib/x/../../bin/sh", O_RDONLY) == 0 ||
        open_and_close("/etc/fstab", O_RDONLY) == 0)
        return 9;
    if (open_and_close("/sys/devices/system/cpu/online", O_RDONLY) != 0 ||
        open_and_close("/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY) != 0)
        return 2;
    if (open_and_close("/etc/passwd", O_RDONLY) != EACCES || open_and_close("/proc/self/status", O_RDONLY) != EACCES)
        return 3;
    if (open_and_close("/", O_RDONLY | O_DIRECTORY) != EACCES || open_and_close("/dev/null", O_WRONLY) != EACCES)
        return 4;
    if (open_and_close("/tmp/vedette-filter-test-must-not-be", O_RDWR | O_CREAT) != EACCES)
        return 5;
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(client, (const struct sockaddr *)bus, sizeof(*bus)) < 0)
        return 6;
    return sysconf(_SC_NPROCESSORS_ONLN) > 0 ? 0 : 7;
}

static int status_of(int (*run)(const struct sockaddr_un *bus), const struct sockaddr_un *bus)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(run(bus));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_confine_files(void **state)
{
    (void)state;
    struct sockaddr_un bus = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/vedette-filter-test.XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(bus.sun_path, sizeof(bus.sun_path), "%s/bus", folder);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (const struct sockaddr *)&bus, sizeof(bus)), 0);
    assert_int_equal(listen(server, 1), 0);
    int status = status_of(attempt_files, &bus);
    close(server);
    unlink(bus.sun_path);
    rmdir(folder);
    if (status == NO_LANDLOCK) {
        print_message("skipped: no Landlock in this kernel or build\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* A kernel without it, as a filter plays one: nothing is bound, and it is said. */
static int attempt_without(const struct sockaddr_un *bus)
{
    (void)bus;
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    if (!context || seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) < 0 ||
        seccomp_load(context) < 0)
        return 1;
    const struct courier_settings settings = {.bus_url = "ipc:///run/vedette/bus.ipc"};
    if (strcmp(confine_files(&settings, -1), "no Landlock") != 0)
        return 2;
    return open_and_close("/etc/passwd", O_RDONLY) == 0 ? 0 : 3;
}

static void test_confine_files_without_landlock(void **state)
{
    (void)state;
    assert_int_equal(status_of(attempt_without, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_attempts),
        cmocka_unit_test(test_filter_names),
        cmocka_unit_test(test_filter_tcp),
        cmocka_unit_test(test_filter_exec),
        cmocka_unit_test(test_confine_files),
        cmocka_unit_test(test_confine_files_without_landlock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

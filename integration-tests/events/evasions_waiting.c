/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are made to wait, so that what the caller said can be changed before they end; memory that is not there;
 * users of one thread alone; a number that was another process's.
 */
#include "integration-tests/events/evasions.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "integration-tests/events/expect.h"

/* Whether a thread of this process sleeps: it has taken from the caller's memory what it takes. */
static void await_sleep(pid_t tid)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    for (;;) {
        read_text(path, text, sizeof(text));
        const char *state = strrchr(text, ')');
        if (state != NULL && state[1] == ' ' && state[2] == 'S')
            return;
        sched_yield();
    }
}

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

char *new_page(void)
{
    char *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        cannot("memory");
    return page;
}

static pid_t number_of(const pid_t *tid)
{
    while (__atomic_load_n(tid, __ATOMIC_ACQUIRE) == 0)
        sched_yield();
    return *tid;
}

void start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    if (pthread_create(thread, NULL, run, argument) != 0)
        cannot("a thread");
}

static void overwrite(char *page)
{
    snprintf(page, PATH_BYTES, "/etc/innocent");
}

static void take_away(char *page)
{
    munmap(page, page_size());
}

/* A thread that opens, and waits. */
struct opening {
    char *name;
    int flags;
    pid_t tid; /* known once it is about to */
    struct who who;
    int fd;
};

static void *open_and_wait(void *argument)
{
    struct opening *opening = argument;
    opening->who = who_am_i();
    __atomic_store_n(&opening->tid, opening->who.tid, __ATOMIC_RELEASE);
    opening->fd = (int)syscall(SYS_openat, AT_FDCWD, opening->name, opening->flags | O_CLOEXEC, 0);
    return NULL;
}

/* While it waits `change` gets the name, `go_on` ends the wait. */
static void open_waiting(const char *what, const char *path, int flags, void (*change)(char *page),
                         int (*go_on)(const char *path))
{
    struct opening opening = {.name = new_page(), .flags = flags};
    struct opened opened = {.what = what,
                            .call = "openat",
                            .who = &opening.who,
                            .pathname = path,
                            .string = "/etc/innocent",
                            .string_state = change == take_away ? STRING_UNREADABLE : STRING_COMPLETE};
    pthread_t thread;
    snprintf(opening.name, PATH_BYTES, "%s", path);
    start_thread(&thread, open_and_wait, &opening);
    await_sleep(number_of(&opening.tid));
    change(opening.name);
    if (go_on(path) < 0 || pthread_join(thread, NULL) != 0)
        cannot(what);
    opened_file(&opened, opening.fd);
    opened_line(&opened);
}

/* A pipe's reader waits for its writer. */
static int write_to(const char *path)
{
    return open(path, O_WRONLY | O_CLOEXEC);
}

static int leased = -1;

static int end_lease(const char *path)
{
    (void)path;
    return fcntl(leased, F_SETLEASE, F_UNLCK);
}

static int opened_waiting(void)
{
    const char *path = place("waits-1");
    if (mkfifo(path, 0600) < 0 || mkfifo(place("waits-2"), 0600) < 0)
        cannot("mkfifo");
    open_waiting("made to wait, its name overwritten", path, O_RDONLY, overwrite, write_to);
    open_waiting("made to wait, its name taken away", place("waits-2"), O_RDONLY, take_away, write_to);
    /* Of a file: whoever holds a lease must give it back first, and is asked by a signal. */
    path = place("waits-3");
    make_file(path, "x");
    signal(SIGIO, SIG_IGN);
    leased = open(path, O_RDONLY | O_CLOEXEC);
    if (fcntl(leased, F_SETLEASE, F_RDLCK) < 0) {
        not_possible("security_file_open", "made to wait by a lease", "this file system has no leases");
        return 0;
    }
    open_waiting("made to wait by a lease", path, O_WRONLY, overwrite, end_lease);
    return 0;
}

/* A thread that writes to a pipe, and waits. */
struct writing {
    int fd;
    char *page;
    pid_t tid;
    struct who who;
    long result;
};

static void *write_and_wait(void *argument)
{
    struct writing *writing = argument;
    writing->who = who_am_i();
    __atomic_store_n(&writing->tid, writing->who.tid, __ATOMIC_RELEASE);
    writing->result = syscall(SYS_write, writing->fd, writing->page, 3);
    return NULL;
}

static void make_full(int fd)
{
    static const char room[4096];
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        cannot("a pipe");
    while (write(fd, room, sizeof(room)) > 0)
        ;
    if (errno != EAGAIN || fcntl(fd, F_SETFL, 0) < 0)
        cannot("a pipe");
}

/* The pipe's file is the kernel's; what was written is overwritten by the time that the call ends. */
static void write_waiting(const char *what, bool is_replaced)
{
    struct writing writing = {.page = new_page()};
    struct line line;
    char room[4096], path[64];
    int ends[2];
    pthread_t thread;
    struct stat file;
    const char *other = place("waits-other");
    if (pipe2(ends, O_CLOEXEC) < 0 || fstat(ends[1], &file) < 0)
        cannot("a pipe");
    make_full(ends[1]);
    writing.fd = ends[1];
    snprintf(writing.page, PATH_BYTES, "abc");
    start_thread(&thread, write_and_wait, &writing);
    await_sleep(number_of(&writing.tid));
    overwrite(writing.page);
    make_file(other, "");
    if (is_replaced && dup3(open(other, O_WRONLY | O_CLOEXEC), ends[1], O_CLOEXEC) < 0)
        cannot("dup3");
    if (read(ends[0], room, sizeof(room)) < 0 || pthread_join(thread, NULL) != 0)
        cannot(what);
    if (is_replaced && fstat(ends[1], &file) < 0)
        cannot("fstat");
    snprintf(path, sizeof(path), "pipe:[%ju]", (uintmax_t)file.st_ino);
    line_begin_of(&line, "vfs_write", what, &writing.who);
    line_shared(&line);
    line_result(&line, "write", writing.result);
    line_string(&line, "pathname", is_replaced ? other : path);
    line_file_id(&line, &file);
    line_unsigned(&line, "count", 3);
    if (is_replaced)
        line_any(&line, "pos"); /* of a file that the call never saw */
    else
        line_int(&line, "pos", 0);
    line_end(&line);
}

static int written_waiting(void)
{
    write_waiting("made to wait, its bytes overwritten", false);
    write_waiting("made to wait, its descriptor replaced: said to be of a shared table", true);
    return 0;
}

/* A thread that connects, and waits. */
struct connecting {
    int fd;
    struct sockaddr_in *address;
    pid_t tid;
    struct who who;
    long result;
};

static void *connect_and_wait(void *argument)
{
    struct connecting *connecting = argument;
    connecting->who = who_am_i();
    __atomic_store_n(&connecting->tid, connecting->who.tid, __ATOMIC_RELEASE);
    connecting->result =
        result_or_error(syscall(SYS_connect, connecting->fd, connecting->address, sizeof(*connecting->address)));
    return NULL;
}

static void interrupted(int signal)
{
    (void)signal;
}

int tcp_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        cannot("socket");
    return fd;
}

/* Its queue is full: who asks further gets no answer. */
static void silent_server(struct sockaddr_in *ret_address)
{
    enum { MORE_THAN_ENOUGH = 4 };
    socklen_t length = sizeof(*ret_address);
    int server = tcp_socket(0);
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(server, (struct sockaddr *)ret_address, length) < 0 || listen(server, 0) < 0 ||
        getsockname(server, (struct sockaddr *)ret_address, &length) < 0)
        cannot("listen");
    for (int i = 0; i < MORE_THAN_ENOUGH; i++)
        if (connect(tcp_socket(SOCK_NONBLOCK), (struct sockaddr *)ret_address, length) < 0 && errno != EINPROGRESS)
            cannot("connect");
}

void enter_network(void)
{
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) < 0 || ioctl(tcp_socket(0), SIOCSIFFLAGS, &loopback) < 0)
        cannot("a network namespace");
}

static void await_question(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    do {
        sched_yield();
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
            cannot("TCP_INFO");
    } while (info.tcpi_state != 2 /* TCP_SYN_SENT */);
}

/* With a timeout of its own a connect that a signal ends is not begun again. */
static int connected_waiting(void)
{
    struct sigaction action = {.sa_handler = interrupted};
    struct timeval long_time = {.tv_sec = 60};
    struct connecting connecting = {0};
    struct line line;
    char json[128];
    pthread_t thread;
    enter_network();
    connecting.address = (struct sockaddr_in *)(void *)new_page();
    silent_server(connecting.address);
    in_port_t port = connecting.address->sin_port;
    connecting.fd = tcp_socket(0);
    if (sigaction(SIGUSR1, &action, NULL) < 0 ||
        setsockopt(connecting.fd, SOL_SOCKET, SO_SNDTIMEO, &long_time, sizeof(long_time)) < 0)
        cannot("a socket");
    start_thread(&thread, connect_and_wait, &connecting);
    pid_t tid = number_of(&connecting.tid);
    await_question(connecting.fd);
    await_sleep(tid);
    connecting.address->sin_port = htons(1);
    connecting.address->sin_addr.s_addr = htonl(0x08080808);
    syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
    pthread_join(thread, NULL);
    snprintf(json, sizeof(json), "{\"sa_family\":\"AF_INET\",\"sin_addr\":\"127.0.0.1\",\"sin_port\":\"%u\"}",
             ntohs(port));
    line_begin_of(&line, "security_socket_connect", "made to wait, its address overwritten", &connecting.who);
    line_shared(&line);
    line_result(&line, "connect", connecting.result);
    line_int(&line, "sockfd", connecting.fd);
    line_int(&line, "type", SOCK_STREAM);
    line_json(&line, "remote_addr", json);
    line_end(&line);
    return 0;
}

/* Row 4: a call that a notifier holds before the kernel has read anything, and lets go on with another name. */
enum { NOTIFIED_MODE = 0x5eca };

struct notified {
    char *name;
    int listener;
    struct who who;
    int fd;
};

static int listen_to_opens(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NOTIFIED_MODE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void *open_notified(void *argument)
{
    struct notified *notified = argument;
    notified->who = who_am_i();
    int listener = listen_to_opens();
    if (listener < 0)
        cannot("seccomp");
    __atomic_store_n(&notified->listener, listener, __ATOMIC_RELEASE);
    notified->fd = (int)syscall(SYS_openat, AT_FDCWD, notified->name, O_RDONLY | O_CLOEXEC, NOTIFIED_MODE);
    return NULL;
}

static int opened_notified(void)
{
    struct notified notified = {.name = new_page(), .listener = -1};
    struct opened opened = {.what = "held by a notifier, its name overwritten", .call = "openat", .who = &notified.who};
    struct seccomp_notif request = {0};
    pthread_t thread;
    int listener;
    opened.pathname = opened.string = place("notified");
    if (mknod(opened.pathname, S_IFREG | 0644, 0) < 0)
        cannot(opened.pathname);
    snprintf(notified.name, PATH_BYTES, "/etc/innocent");
    start_thread(&thread, open_notified, &notified);
    while ((listener = __atomic_load_n(&notified.listener, __ATOMIC_ACQUIRE)) < 0)
        sched_yield();
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
        cannot("a notification");
    snprintf(notified.name, PATH_BYTES, "%s", opened.pathname);
    struct seccomp_notif_resp answer = {.id = request.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 || pthread_join(thread, NULL) != 0)
        cannot("a notification");
    opened_file(&opened, notified.fd);
    opened_line(&opened);
    return 0;
}

/* Row 12: as a kernel that calls a hook no more. A call that seccomp refuses is seen at its end only: here those of the
 * collector's self-test, whose arguments are -1, all 64 bits of it. */
int deafen(char **command)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EFAULT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        cannot("seccomp");
    execv(command[0], command);
    cannot(command[0]);
}

/* A page of a file that no page table of this process has: an event cannot wait for it. */
static const char *paged_out(const char *path, const char *content)
{
    make_file(path, content);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *page = mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE, fd, 0);
    if (page == MAP_FAILED)
        cannot(path);
    close(fd);
    return page;
}

/* A name may have been read by the call itself by then; an argument list that the call never got to was not. */
static int absent_memory(void)
{
    enum { NO_DESCRIPTOR = -4242 };
    struct line line;
    const char *page = paged_out(place("page-name"), "name");
    long long result = result_or_error(syscall(SYS_unlinkat, NO_DESCRIPTOR, page, 0));
    line_begin(&line, "unlinkat", "a name that was paged out: whole, or said to be unreadable");
    line_result(&line, "unlinkat", result);
    line_int(&line, "dirfd", NO_DESCRIPTOR);
    line_user_or_unreadable(&line, "pathname", "name");
    line_int(&line, "flags", 0);
    line_end(&line);
    char *gone = new_page();
    munmap(gone, page_size());
    result = result_or_error(syscall(SYS_unlinkat, NO_DESCRIPTOR, gone, 0));
    line_begin(&line, "unlinkat", "a name that is not there: unreadable");
    line_result(&line, "unlinkat", result);
    line_int(&line, "dirfd", NO_DESCRIPTOR);
    line_unreadable(&line, "pathname", true);
    line_int(&line, "flags", 0);
    line_end(&line);
    return 0;
}

static int absent_arguments(void)
{
    const char *argv[] = {paged_out(place("page-argv"), "word"), NULL}, *const envp[] = {NULL};
    struct line line;
    long long result = result_or_error(syscall(SYS_execve, "/dev/not-there", argv, envp));
    line_begin(&line, "execve", "arguments that were paged out: whole, or said to be unreadable");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/not-there");
    line_user_list_or_unreadable(&line, "argv", argv);
    line_user_strings(&line, "envp", envp);
    line_end(&line);
    return 0;
}

/* The call alone changes one thread; libc's setresuid would change all. */
static void *be_another(void *path)
{
    if (syscall(SYS_setresuid, 12345, 12345, 12345) < 0)
        cannot("setresuid");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    opened_by("by a thread that alone is another user", "openat", fd, path, path);
    static const char *const words[] = {"word", NULL}, *const none[] = {NULL};
    struct line line;
    touch_strings(words);
    long long result = result_or_error(syscall(SYS_execve, "/dev/not-there", words, none));
    line_begin(&line, "execve", "by a thread that alone is another user");
    line_result(&line, "execve", result);
    line_user_string(&line, "pathname", "/dev/not-there");
    line_user_strings(&line, "argv", words);
    line_user_strings(&line, "envp", none);
    line_end(&line);
    return NULL;
}

static int other_users(void)
{
    pthread_t thread;
    char *path = new_page();
    snprintf(path, PATH_BYTES, "%s", place("evade-thread"));
    if (mknod(path, S_IFREG | 0644, 0) < 0) /* not opened for that */
        cannot(path);
    start_thread(&thread, be_another, path);
    pthread_join(thread, NULL);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    opened_by("by the first thread, whose user is the old one", "openat", fd, path, path);
    return 0;
}

/* Tells the two lives apart by their ends. */
_Noreturn static void live(int status)
{
    struct line line;
    struct who who;
    prctl(PR_SET_NAME, "vt-again");
    who = who_am_i();
    line_begin_of(&line, "sched_process_exit", status == 21 ? "a pid's first life" : "a pid's second life", &who);
    line_life(&line, status);
    line_result(&line, "exit_group", 0);
    line_int(&line, "exit_code", status);
    line_int(&line, "signal_code", 0);
    line_bool(&line, "process_group_exit", true);
    line_end(&line);
    _exit(status);
}

static int used_again(void)
{
    pid_t number = fork();
    if (number == 0)
        live(21);
    waitpid(number, NULL, 0);
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&number, .set_tid_size = 1};
    pid_t again = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (again == 0)
        live(22);
    if (again < 0)
        not_possible("sched_process_exit", "a pid's second life", "this machine lets nobody choose a pid");
    else
        waitpid(again, NULL, 0);
    return 0;
}

void evasions_by_waiting(void)
{
    in_child("vt-waits-open", opened_waiting);
    in_child("vt-waits-write", written_waiting);
    in_child("vt-waits-conn", connected_waiting);
    in_child("vt-notified", opened_notified);
    in_child("vt-absent", absent_memory);
    in_child("vt-absent-args", absent_arguments);
    in_child("vt-users", other_users);
    in_child("vt-twice", used_again);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* existing_process, existing_socket, existing_mount, existing_module: what was there before a capture. */
#include "integration-tests/events/existing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration-tests/events/expect.h"

#define INITIAL_PID_NS 0xEFFFFFFCu /* include/linux/proc_ns.h */

enum {
    OVERLAYFS = 0x794c7630, /* its magic number */
    OTHER_USER = 4242,
    OTHER_GROUP = 4243,
    CAP_KILL = 5,
    HUGE_ARGUMENTS = 16,
    HUGE_ARGUMENT = 4096,
    MODULES_MOST = 3,
    TOLD_BY = 300, /* the descriptor of the pipe that says "ready", over an exec */
    TOLD_TO = 301, /* and that of what is expected */
};

static const char told_name[] = "VEDETTE_TRIGGER_STAY";

static unsigned long namespace_of(const char *name)
{
    char path[64];
    struct stat file;
    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    if (stat(path, &file) < 0)
        cannot(path);
    return file.st_ino;
}

static void line_namespaces(struct line *line)
{
    static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char argument[32];
        snprintf(argument, sizeof(argument), "%s_ns", names[i]);
        line_unsigned(line, argument, namespace_of(names[i]));
    }
}

/* What the row says of this process, but for argv. `executable` is a name for the file of its program. */
static void existing_begin(struct line *line, const char *what, const char *comm, const char *executable)
{
    struct who who = who_am_i();
    struct stat file;
    struct statfs system;
    char path[PATH_BYTES];
    if (comm != NULL)
        snprintf(who.comm, sizeof(who.comm), "%s", comm);
    ssize_t length = readlink(executable, path, sizeof(path) - 1);
    if (length < 0)
        length = snprintf(path, sizeof(path), "%s", executable);
    path[length] = '\0';
    if (stat(executable, &file) < 0 || statfs(executable, &system) < 0)
        cannot(executable);
    line_begin_of(line, "existing_process", what, &who);
    line_result(line, "", 0);
    line_string(line, "pathname", path);
    line_unsigned(line, "link_count", file.st_nlink);
    line_unsigned(line, "fs_magic", (unsigned long)system.f_type);
    line_cgroup(line, "cgroup_path");
    line_inode(line, "", &file);
    if ((unsigned long)system.f_type == OVERLAYFS)
        line_any(line, "overlay_layer");
    else
        line_unsigned(line, "overlay_layer", 0);
    line_json(line, "cred", own_credentials());
    line_namespaces(line);
}

/* argv of a process as /proc has it; the strings end with NULL. */
static void line_cmdline(struct line *line, const char *path)
{
    static char text[4096];
    const char *strings[64];
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (length <= 0)
        cannot(path);
    close(fd);
    for (char *at = text; at < text + length && n < 63; at += strlen(at) + 1)
        strings[n++] = at;
    strings[n] = NULL;
    line_user_strings(line, "argv", strings);
}

static int not_there_before(void)
{
    near_miss("existing_process", "a process that was begun after the start");
    return 0;
}

/* COMMAND's process waits, as a copy of vedette-run, until the capture is on: the tree's one process that was there
 * before. */
void trigger_existing_process(void)
{
    struct line line;
    char path[64];
    existing_begin(&line, "the process that COMMAND runs in", "vedette-run", waiting_program);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", getppid());
    line_cmdline(&line, path);
    line_end(&line);
    in_child("vt-new", not_there_before);
}

static int socket_after(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    near_miss("existing_socket", "a socket that was made after the start");
    return fd < 0;
}

void trigger_existing_socket(void)
{
    in_child("vt-new-socket", socket_after);
}

static int mount_after(void)
{
    const char *path = place("mounted-after");
    if (mkdir(path, 0755) < 0 || mount("vt-after", path, "tmpfs", 0, "size=64k") < 0)
        cannot(path);
    near_miss_with("existing_mount", "a mount that was made after the start", "path", path);
    return umount2(path, MNT_DETACH);
}

void trigger_existing_mount(void)
{
    in_child("vt-new-mount", mount_after);
}

void trigger_existing_module(void)
{
    near_miss("existing_module", "of a process");
}

/* Said to be there: the parent counts one byte of each. Then until standard input ends. */
static int stay_here(int told_by)
{
    char byte;
    return write(told_by, "", 1) == 1 && read(0, &byte, 1) == 0 ? 0 : 1;
}

static int ready_fd; /* of a child that was not executed */

static int stay_plainly(void)
{
    struct line line;
    existing_begin(&line, "a child that was there", NULL, "/proc/self/exe");
    line_cmdline(&line, "/proc/self/cmdline");
    line_end(&line);
    near_miss("existing_socket", "a process without a socket");
    return stay_here(ready_fd);
}

static int stay_with_credentials(void)
{
    struct line line;
    if (prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) < 0 || setresgid(OTHER_GROUP, OTHER_GROUP + 1, OTHER_GROUP + 2) < 0 ||
        setresuid((uid_t)-1, OTHER_USER, OTHER_USER + 1) < 0)
        cannot("other credentials");
    existing_begin(&line, "with other credentials", NULL, "/proc/self/exe");
    line_cmdline(&line, "/proc/self/cmdline");
    line_end(&line);
    return stay_here(ready_fd);
}

/* Its descriptors are told in this order: what is open besides is no socket. */
static void socket_line(const char *what, int fd, bool has_peer)
{
    enum { TCP_ESTABLISHED = 1, TCP_CLOSE = 7, TCP_LISTEN = 10 };
    struct line line;
    int domain, type, protocol, listens;
    socklen_t length = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0)
        cannot("getsockopt");
    line_begin(&line, "existing_socket", what);
    line_result(&line, "", 0);
    line_int(&line, "sockfd", fd);
    line_int(&line, "family", domain);
    line_int(&line, "type", type);
    line_int(&line, "protocol", protocol);
    line_int(&line, "state", listens ? TCP_LISTEN : has_peer ? TCP_ESTABLISHED : TCP_CLOSE);
    line_own(&line, "local_addr", fd);
    if (has_peer)
        line_peer(&line, "remote_addr", fd);
    else
        line_json(&line, "remote_addr", "{}");
    line_end(&line);
}

static void stay_with_tcp(int family, const char *listener_case, const char *client_case, const char *accepted_case)
{
    union {
        struct sockaddr any;
        struct sockaddr_in6 in6;
        struct sockaddr_in in;
    } address = {.any.sa_family = (sa_family_t)family};
    if (family == AF_INET6)
        address.in6.sin6_addr = in6addr_loopback;
    else
        address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = family == AF_INET6 ? sizeof(address.in6) : sizeof(address.in);
    int listener = socket(family, SOCK_STREAM, 0), client = socket(family, SOCK_STREAM, 0);
    if (listener < 0 || client < 0 || bind(listener, &address.any, length) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, &address.any, &length) < 0 || connect(client, &address.any, length) < 0)
        cannot("a connection");
    int accepted = accept(listener, NULL, NULL);
    if (accepted < 0)
        cannot("accept");
    socket_line(listener_case, listener, false);
    socket_line(client_case, client, true);
    socket_line(accepted_case, accepted, true);
}

static int stay_with_sockets(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0vedette-trigger"};
    const socklen_t length = offsetof(struct sockaddr_un, sun_path) + sizeof("\0vedette-trigger") - 1;
    stay_with_tcp(AF_INET, "a listener", "a connection, who began it", "a connection, who took it");
    int six = socket(AF_INET6, SOCK_STREAM, 0);
    if (six >= 0 && close(six) == 0 && access("/proc/net/if_inet6", F_OK) == 0)
        stay_with_tcp(AF_INET6, "a listener, IPv6", "a connection, IPv6, who began it",
                      "a connection, IPv6, who took it");
    else
        not_possible("existing_socket", "a listener, IPv6", "this kernel has no IPv6");
    int pair[2], datagram = socket(AF_INET, SOCK_DGRAM, 0), local = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (datagram < 0 || local < 0 || bind(local, (const struct sockaddr *)&name, length) < 0 || listen(local, 1) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        cannot("sockets");
    socket_line("UDP, without an address", datagram, false);
    socket_line("of the system itself, with a name", local, false);
    socket_line("one of a pair", pair[0], true);
    struct line line;
    existing_begin(&line, "with sockets", NULL, "/proc/self/exe");
    line_cmdline(&line, "/proc/self/cmdline");
    line_end(&line);
    return stay_here(ready_fd);
}

struct mounted {
    unsigned id, parent, major, minor;
    char root[PATH_BYTES], path[PATH_BYTES];
};

/* As this process's mountinfo has it. */
static struct mounted find_mount(const char *path)
{
    static char text[1 << 16];
    struct mounted found;
    read_text("/proc/self/mountinfo", text, sizeof(text));
    for (char *rest = text, *row; (row = strtok_r(rest, "\n", &rest)) != NULL;)
        if (sscanf(row, "%u %u %u:%u %511s %511s", &found.id, &found.parent, &found.major, &found.minor, found.root,
                   found.path) == 6 &&
            strcmp(found.path, path) == 0)
            return found;
    errno = ENOENT;
    cannot(path);
}

static void mount_line(const char *what, const char *path, const char *dev_name, const char *type, unsigned long flags)
{
    struct line line;
    struct mounted mounted = find_mount(path);
    line_begin(&line, "existing_mount", what);
    line_result(&line, "", 0);
    line_unsigned(&line, "mount_id", mounted.id);
    line_unsigned(&line, "parent_id", mounted.parent);
    line_string(&line, "path", path);
    line_string(&line, "root", mounted.root);
    line_string(&line, "dev_name", dev_name);
    line_string(&line, "type", type);
    line_unsigned(&line, "flags", flags);
    line_unsigned(&line, "dev", mounted.major << 20 | mounted.minor);
    line_end(&line);
}

static char whole[] = "/tmp/vedette-stay.XXXXXX";

static void make_mounts(void)
{
    char inner[64], part[64], gone[64];
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mkdtemp(whole) == NULL ||
        mount("vt-stay", whole, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME, "size=64k") < 0)
        cannot("a mount");
    snprintf(inner, sizeof(inner), "%s/a\nb", whole);
    snprintf(part, sizeof(part), "%s/part", whole);
    snprintf(gone, sizeof(gone), "%s/gone", whole);
    if (mkdir(inner, 0755) < 0 || mkdir(part, 0755) < 0 || mkdir(gone, 0755) < 0 ||
        mount(part, gone, NULL, MS_BIND, NULL) < 0 || umount(gone) < 0 || mount(part, part, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, part, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOEXEC, NULL) < 0)
        cannot("a mount of a part");
    mount_line("a file system", whole, "vt-stay", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME);
    mount_line("a part of it, which may not be written", part, "vt-stay", "tmpfs", MS_RDONLY | MS_NOEXEC | MS_NOATIME);
    near_miss_with("existing_mount", "one that was removed", "path", gone);
}

static int stay_in_namespaces(void)
{
    struct line line;
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP) < 0)
        cannot("namespaces");
    make_mounts();
    existing_begin(&line, "in namespaces of its own", NULL, "/proc/self/exe");
    line_cmdline(&line, "/proc/self/cmdline");
    line_end(&line);
    int status = stay_here(ready_fd);
    umount2(whole, MNT_DETACH);
    rmdir(whole);
    return status;
}

/* Of children that are executed: as what, by name. Each is given what comes after the name of its case. */
static void as_given(int argc, char **argv)
{
    struct line line;
    existing_begin(&line, argc > 1 ? "with arguments of every kind" : "without arguments", NULL, "/proc/self/exe");
    line_user_strings(&line, "argv", (const char *const *)argv);
    line_end(&line);
}

static void as_huge(int argc, char **argv)
{
    struct line line;
    (void)argc;
    existing_begin(&line, "with arguments that are too long", NULL, "/proc/self/exe");
    line_cut_strings(&line, "argv", (const char *const *)argv);
    line_end(&line);
}

/* Over its own memory, as whoever wants to hide them does. */
static void as_changed(int argc, char **argv)
{
    memset(argv[argc - 1], 'x', strlen(argv[argc - 1]));
    struct line line;
    existing_begin(&line, "with arguments that it has written over", NULL, "/proc/self/exe");
    line_user_strings(&line, "argv", (const char *const *)argv);
    line_end(&line);
}

/* Of /proc/self/stat: where the arguments lie, fields 48 and 49. */
static void find_arguments(unsigned long *ret_start, unsigned long *ret_end)
{
    char text[1024];
    read_text("/proc/self/stat", text, sizeof(text));
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 48; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        cannot("/proc/self/stat");
    *ret_start = strtoul(at, &at, 10);
    *ret_end = strtoul(at, &at, 10);
}

/* Of the first thread; it comes after the name. */
static char state_of_first_thread(void)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
    read_text(path, text, sizeof(text));
    const char *at = strrchr(text, ')');
    return at != NULL && at[1] == ' ' ? at[2] : '\0';
}

/* In a thread: the pages hold the first thread's stack too, which does not run again once it waits for this one. */
static void *unmap_arguments(void *unused)
{
    unsigned long start, end;
    while (state_of_first_thread() != 'S')
        sched_yield();
    const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
    (void)unused;
    find_arguments(&start, &end);
    start &= ~(page - 1);
    end = (end + page - 1) & ~(page - 1);
    void *memory = NULL;
    memcpy(&memory, &start, sizeof(memory));
    if (munmap(memory, end - start) < 0)
        _exit(1);
    _exit(stay_here(TOLD_BY));
}

static void as_unmapped(int argc, char **argv)
{
    struct line line;
    pthread_t thread;
    (void)argc, (void)argv;
    existing_begin(&line, "with arguments whose memory is gone", NULL, "/proc/self/exe");
    line_unreadable(&line, "argv", false);
    line_end(&line);
    if (pthread_create(&thread, NULL, unmap_arguments, NULL) == 0)
        pthread_join(thread, NULL);
    cannot("a thread");
}

static const struct {
    const char *name;
    void (*run)(int argc, char **argv);
} executed[] = {{"given", as_given}, {"huge", as_huge}, {"changed", as_changed}, {"unmapped", as_unmapped}};

bool stay_as_told(int argc, char **argv)
{
    const char *name = getenv(told_name);
    if (name == NULL)
        return false;
    char comm[16];
    snprintf(comm, sizeof(comm), "vt-%s", name);
    prctl(PR_SET_NAME, comm);
    expectations = TOLD_TO;
    for (size_t i = 0; i < sizeof(executed) / sizeof(executed[0]); i++)
        if (strcmp(executed[i].name, name) == 0) {
            executed[i].run(argc, argv);
            _exit(stay_here(TOLD_BY));
        }
    cannot(name);
}

static void begin_child(int (*child)(void), const char *comm)
{
    pid_t pid = fork();
    if (pid < 0)
        cannot("fork");
    if (pid > 0)
        return;
    prctl(PR_SET_NAME, comm);
    _exit(child());
}

static void begin_program(const char *name, char *const *argv)
{
    char told[64];
    char *const environment[] = {told, NULL};
    pid_t pid = fork();
    if (pid < 0)
        cannot("fork");
    if (pid > 0)
        return;
    snprintf(told, sizeof(told), "%s=%s", told_name, name);
    if (dup2(ready_fd, TOLD_BY) < 0 || dup2(expectations, TOLD_TO) < 0)
        _exit(1);
    execve("/proc/self/exe", argv, environment);
    _exit(1);
}

static char *writable(const char *constant)
{
    return (char *)(uintptr_t)constant; /* exec only reads them */
}

static int begin_all(void)
{
    static char text[HUGE_ARGUMENTS][HUGE_ARGUMENT];
    char *none[] = {NULL}, *every[] = {writable("vt"), writable(""), writable("two\nlines"), writable(""), NULL};
    char *huge[HUGE_ARGUMENTS + 1] = {NULL}, *changed[] = {writable("vt"), writable("secret"), NULL};
    char *plain[] = {writable("vt"), writable("unmapped"), NULL};
    for (int i = 0; i < HUGE_ARGUMENTS; i++) {
        memset(text[i], 'a' + i, sizeof(text[i]) - 1);
        huge[i] = text[i];
    }
    begin_child(stay_plainly, "vt-stay-child");
    begin_child(stay_with_credentials, "vt-stay-creds");
    begin_child(stay_with_sockets, "vt-stay-sockets");
    begin_child(stay_in_namespaces, "vt-stay-ns");
    begin_program("given", none);
    begin_program("given", every);
    begin_program("huge", huge);
    begin_program("changed", changed);
    begin_program("unmapped", plain);
    return 9;
}

/* The first modules of the list; the rows are the system's own, of its first task. */
static void module_lines(void)
{
    static char text[1 << 16];
    char name[64];
    unsigned long long size;
    int n = 0;
    struct stat file;
    if (access("/proc/modules", F_OK) < 0) {
        not_possible("existing_module", "that are loaded", "this kernel has no loadable modules");
        return;
    }
    if (stat("/proc/2/ns/mnt", &file) < 0 || namespace_of("pid") != INITIAL_PID_NS) {
        not_possible("existing_module", "that are loaded", "from inside a pid namespace the first task is not known");
        return;
    }
    read_text("/proc/modules", text, sizeof(text));
    for (char *rest = text, *row; n < MODULES_MOST && (row = strtok_r(rest, "\n", &rest)) != NULL; n++) {
        char what[96];
        struct line line;
        struct who who = {.mount_ns = file.st_ino, .pid_ns = INITIAL_PID_NS, .comm = "swapper/0"};
        if (sscanf(row, "%55s %llu", name, &size) != 2)
            cannot("/proc/modules");
        snprintf(what, sizeof(what), "%s", name);
        line_begin_of(&line, "existing_module", what, &who);
        line_result(&line, "", 0);
        line_string(&line, "name", name);
        line_unreadable(&line, "version", true);
        line_unreadable(&line, "src_version", true);
        line_unsigned(&line, "size", size);
        line_end(&line);
    }
    if (n == 0)
        not_possible("existing_module", "that are loaded", "no module is loaded");
}

void stay(void)
{
    char byte;
    int both[2];
    struct line line;
    if (pipe2(both, O_CLOEXEC) < 0)
        cannot("a pipe");
    prctl(PR_SET_NAME, "vt-stay");
    existing_begin(&line, "a process that was there", NULL, "/proc/self/exe");
    line_cmdline(&line, "/proc/self/cmdline");
    line_end(&line);
    module_lines();
    ready_fd = both[1];
    int children = begin_all();
    close(both[1]);
    for (int i = 0; i < children; i++)
        if (read(both[0], &byte, 1) != 1)
            cannot("a child");
    if (write(1, "ready\n", 6) != 6 || read(0, &byte, 1) != 0)
        cannot("waiting");
    for (int i = 0; i < children; i++)
        if (wait(NULL) < 0)
            cannot("waiting");
}

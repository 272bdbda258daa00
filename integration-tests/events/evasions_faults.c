/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row 1 by userfaultfd: a call finds parts of its arguments absent, and waits for another thread to hand them out. By
 * then the call has copied what comes before, and the other thread overwrites that. What is in memory when the call
 * begins, and when it ends, is never what the kernel used.
 */
#include "integration-tests/events/evasions.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "integration-tests/events/exec.h"
#include "integration-tests/events/expect.h"

#ifndef USERFAULTFD_IOC_NEW /* <linux/userfaultfd.h> has it from 6.1 */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* The cases, once for each source. */
static const char in_name[] = "held by a fault in its name, which is overwritten",
                  before_name[] = "held by faults before its name and in it, a lie before and after",
                  in_arguments[] = "held by faults in its name, arguments and environment, which are overwritten",
                  in_address[] = "held by a fault in its address, which is overwritten";

/* The first part of a string in two pages: a multiple of a word, which the kernel reads at once; INNOCENT fits in. */
enum { PAGES = 5, FIRST_PART = 16 };

/* Where such memory comes from. */
struct source {
    const char *name, *why_not;
    int (*open)(void);
};

static const struct source *source;

static int by_call(void)
{
    return (int)syscall(SYS_userfaultfd, O_CLOEXEC);
}

static int by_device(void)
{
    int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -1;
    int descriptor = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
    close(device);
    return descriptor;
}

static const struct source sources[] = {
    {"userfaultfd(2)", "this kernel has no userfaultfd, or this user may not hold its faults", by_call},
    {"/dev/userfaultfd", "this kernel has no /dev/userfaultfd", by_device},
};

/* Memory whose pages the kernel asks for, each once. */
struct held {
    int descriptor;
    char *memory, *truth;                         /* the latter: what is handed out */
    size_t asked, given;                          /* how many pages are absent at first, and were asked for since */
    void (*meanwhile)(char *memory, size_t page); /* what was copied by the time that `page` is asked for may change */
    pthread_t thread;
};

static char *page_of(char *memory, size_t page)
{
    return memory + page * page_size();
}

/* The last bytes of one page and the first ones of the next. */
static char *seam(char *memory, size_t page)
{
    return page_of(memory, page + 1) - FIRST_PART;
}

static char *new_pages(void)
{
    char *memory = mmap(NULL, PAGES * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        cannot("memory");
    return memory;
}

static void *hand_out(void *argument)
{
    struct held *held = argument;
    while (held->given < held->asked) {
        struct uffd_msg message;
        if (read(held->descriptor, &message, sizeof(message)) != (ssize_t)sizeof(message) ||
            message.event != UFFD_EVENT_PAGEFAULT)
            cannot("userfaultfd");
        size_t page = (message.arg.pagefault.address - (uintptr_t)held->memory) / page_size();
        held->meanwhile(held->memory, page);
        __atomic_add_fetch(&held->given, 1, __ATOMIC_RELEASE);
        struct uffdio_copy copy = {.dst = (uintptr_t)page_of(held->memory, page),
                                   .src = (uintptr_t)page_of(held->truth, page),
                                   .len = page_size()};
        if (ioctl(held->descriptor, UFFDIO_COPY, &copy) < 0)
            cannot("UFFDIO_COPY");
    }
    return NULL;
}

/* Of pages that were touched before, nobody asks. */
static void hold(struct held *held)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {.range = {.start = (uintptr_t)held->memory, .len = PAGES * page_size()},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};
    held->descriptor = source->open();
    if (held->descriptor < 0 || ioctl(held->descriptor, UFFDIO_API, &api) < 0 ||
        ioctl(held->descriptor, UFFDIO_REGISTER, &range) < 0)
        cannot(source->name);
    start_thread(&held->thread, hand_out, held);
}

/* A call that did not ask for a page is not what the case is about. */
static void release(struct held *held)
{
    errno = EPROTO;
    if (__atomic_load_n(&held->given, __ATOMIC_ACQUIRE) != held->asked)
        cannot(source->name);
    pthread_join(held->thread, NULL);
    close(held->descriptor);
}

/* One buffer: a case is written down before the next begins. */
static const char *named(const char *what)
{
    static char text[128];
    snprintf(text, sizeof(text), "%s: %s", what, source->name);
    return text;
}

static void lie_in_name(char *memory, size_t page)
{
    if (page == 1)
        snprintf(seam(memory, 0), FIRST_PART, "%s", INNOCENT);
}

static void opened_lie(const char *what, const char *call, int fd, const char *path)
{
    opened_by(named(what), call, fd, path, INNOCENT);
    near_miss_with("security_file_open", named(what), "pathname", INNOCENT);
}

/* A sensor that reads the name when the call begins finds none, one that reads it at the end finds another. */
static int opened_held(void)
{
    struct held held = {.memory = new_pages(), .truth = new_pages(), .asked = 2, .meanwhile = lie_in_name};
    const char *path = place("held-name");
    make_file(path, "x");
    snprintf(seam(held.truth, 0), PATH_BYTES, "%s", path);
    hold(&held);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, seam(held.memory, 0), O_RDONLY | O_CLOEXEC, 0);
    release(&held);
    opened_lie(in_name, "openat", fd, path);
    return 0;
}

/* Page 0 is what openat2 copies first, the name is in pages 1 and 2. */
static char true_name[PATH_BYTES];

static void truth_and_lie(char *memory, size_t page)
{
    if (page == 0)
        memcpy(seam(memory, 1), true_name, FIRST_PART);
    else
        snprintf(seam(memory, 1), FIRST_PART, "%s", INNOCENT);
}

/* A lie at the beginning, the truth while the kernel looks, a lie at the end. */
static int opened_held_early(void)
{
    struct held held = {.memory = new_pages(), .truth = new_pages(), .asked = 2, .meanwhile = truth_and_lie};
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    snprintf(true_name, sizeof(true_name), "%s", place("held-name-2"));
    make_file(true_name, "x");
    memcpy(held.truth, &how, sizeof(how));
    snprintf(seam(held.truth, 1), PATH_BYTES, "%s", true_name);
    snprintf(seam(held.memory, 1), FIRST_PART, "%s", INNOCENT);
    hold(&held);
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, seam(held.memory, 1), held.memory, sizeof(how));
    release(&held);
    opened_lie(before_name, "openat2", fd, true_name);
    return 0;
}

/* In the order in which the kernel copies them: the name, the environment, the arguments from the last to the first. */
enum { NAME, NAME_END, VARIABLE, WORD, FIRST_WORD };

static void lie_behind(char *memory, size_t page)
{
    lie_in_name(memory, page);
    if (page > VARIABLE)
        snprintf(page_of(memory, page - 1), FIRST_PART, "innocent");
}

static int exec_held(const struct exec_case *exec)
{
    static struct held held; /* the other thread's, until exec ends it */
    held = (struct held){.memory = new_pages(), .truth = new_pages(), .asked = PAGES, .meanwhile = lie_behind};
    const char *const argv[] = {page_of(held.memory, FIRST_WORD), page_of(held.memory, WORD), NULL},
                      *const env[] = {page_of(held.memory, VARIABLE), NULL};
    snprintf(seam(held.truth, NAME), PATH_BYTES, "%s", exec->cmdpath);
    snprintf(page_of(held.truth, VARIABLE), PATH_BYTES, "%s", exec->env[0]);
    snprintf(page_of(held.truth, WORD), PATH_BYTES, "%s", exec->argv[1]);
    snprintf(page_of(held.truth, FIRST_WORD), PATH_BYTES, "%s", exec->argv[0]);
    hold(&held);
    return (int)syscall(SYS_execve, seam(held.memory, NAME), argv, env);
}

static void executed_held(void)
{
    static const char *const argv[] = {"program", PAYLOAD, NULL}, *const env[] = {"TRUE=1", NULL};
    struct exec_case exec = exec_case_of(named(in_arguments), program_copy());
    exec.execute = exec_held;
    exec.argv = argv;
    exec.env = env;
    exec_run(&exec);
}

/* Of an IPv4 address only what nobody uses comes in the second page. */
enum { ADDRESS_PART = 8 };

static void lie_in_address(char *memory, size_t page)
{
    struct sockaddr_in false_address = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(0x08080808)};
    if (page == 1)
        memcpy(page_of(memory, 1) - ADDRESS_PART, &false_address, ADDRESS_PART);
}

static int connected_held(void)
{
    struct held held = {.memory = new_pages(), .truth = new_pages(), .asked = 2, .meanwhile = lie_in_address};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    struct line line;
    enter_network();
    int server = tcp_socket(0), client = tcp_socket(0);
    if (bind(server, (struct sockaddr *)&address, length) < 0 || listen(server, 1) < 0 ||
        getsockname(server, (struct sockaddr *)&address, &length) < 0)
        cannot("listen");
    memcpy(page_of(held.truth, 1) - ADDRESS_PART, &address, sizeof(address));
    hold(&held);
    long long result =
        result_or_error(syscall(SYS_connect, client, page_of(held.memory, 1) - ADDRESS_PART, sizeof(address)));
    release(&held);
    line_begin(&line, "security_socket_connect", named(in_address));
    line_result(&line, "connect", result);
    line_int(&line, "sockfd", client);
    line_int(&line, "type", SOCK_STREAM);
    line_peer(&line, "remote_addr", client);
    line_end(&line);
    return 0;
}

static bool is_there(void)
{
    int descriptor = source->open();
    if (descriptor >= 0)
        close(descriptor);
    return descriptor >= 0;
}

static void run_source(void)
{
    if (!is_there()) {
        not_possible("security_file_open", named(in_name), source->why_not);
        not_possible("security_file_open", named(before_name), source->why_not);
        not_possible("sched_process_exec", named(in_arguments), source->why_not);
        not_possible("security_socket_connect", named(in_address), source->why_not);
        return;
    }
    in_child("vt-held-name", opened_held);
    in_child("vt-held-early", opened_held_early);
    executed_held();
    in_child("vt-held-addr", connected_held);
}

void evasions_by_fault(void)
{
    for (source = sources; source < sources + sizeof(sources) / sizeof(sources[0]); source++)
        run_source();
}

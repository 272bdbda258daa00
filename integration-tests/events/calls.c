/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call of the table that has no trigger of its own: made once, by a child of its own, with arguments of
 * which no kernel can make anything (descriptors, processes and numbers far below zero, addresses where nothing is,
 * names below a directory that is not there), each told from the others. So the call fails, or has an effect on that
 * child only, and its event must show what was given. The few for which that is not so are in tables below.
 */
#include "integration-tests/events/calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "common/events/events.h"
#include "integration-tests/events/compat.h"
#include "integration-tests/events/expect.h"

enum {
    ROOM_BYTES = 1 << 16,
    PART_BYTES = 4096, /* of one argument, within the room */
    GIVE_UP_S = 10,
    BLOCKED_US = 20000,
    RESTART_NO_HAND = -514, /* ERESTARTNOHAND, as sys_exit shows an interrupted call: include/linux/errno.h */
    SHORT_TIME_NS = 1000000,
};

enum note {
    MINUS_ONE = 1, /* its integers are user or group ids: -1 asks for no change */
    NO_RETURN = 2,
    BLOCKS = 4, /* until a signal */
    FORKS = 8,
    OWN_SESSION = 16,  /* it would hang up the terminal */
    THREAD_ALONE = 32, /* its flags ask for a thread that shares no signals, which is refused */
};

static const struct {
    const char *call;
    enum note note;
} notes[] = {
    {"clone", THREAD_ALONE},  {"exit", NO_RETURN},         {"exit_group", NO_RETURN}, {"fork", FORKS},
    {"pause", BLOCKS},        {"rt_sigreturn", NO_RETURN}, {"setfsgid", MINUS_ONE},   {"setfsgid16", MINUS_ONE},
    {"setfsuid", MINUS_ONE},  {"setfsuid16", MINUS_ONE},   {"setgid", MINUS_ONE},     {"setgid16", MINUS_ONE},
    {"setregid", MINUS_ONE},  {"setregid16", MINUS_ONE},   {"setresgid", MINUS_ONE},  {"setresgid16", MINUS_ONE},
    {"setresuid", MINUS_ONE}, {"setresuid16", MINUS_ONE},  {"setreuid", MINUS_ONE},   {"setreuid16", MINUS_ONE},
    {"setuid", MINUS_ONE},    {"setuid16", MINUS_ONE},     {"sigreturn", NO_RETURN},  {"sigsuspend", BLOCKS},
    {"vfork", FORKS},         {"vhangup", OWN_SESSION},
};

struct making {
    const struct event *row;
    enum note note;
    bool is_narrow; /* a call that only 32-bit programs have, by int 0x80 */
    unsigned long values[SYSCALL_ARGS];
};

static char *room; /* below 4 GiB, a part for each argument */

static enum note note_of(const char *call)
{
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (strcmp(notes[i].call, call) == 0)
            return notes[i].note;
    return 0;
}

static char *part(size_t argument)
{
    return room + argument * PART_BYTES;
}

static unsigned long number_value(enum arg_type type, size_t i)
{
    switch (type) {
    case ARG_INT32: /* the low bits make no clock, no flag that creates something */
        return (unsigned long)(-1001L - 8 * (long)i);
    case ARG_INT64:
        return (unsigned long)(-70001L - (long)i);
    case ARG_UINT8:
        return 0x81 + i;
    case ARG_UINT16:
        return 0x8101 + i;
    case ARG_UINT32:
        return 0xf0000001UL + i;
    case ARG_POINTER:
        return 0x1010 + 16 * i; /* below what may be mapped */
    default:
        return 0x7fff12340001UL + i;
    }
}

static unsigned long address_value(size_t i)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(part(i), &address, sizeof(address));
    return (unsigned long)part(i);
}

static unsigned long time_value(size_t i, bool is_narrow)
{
    struct timespec time = {.tv_nsec = SHORT_TIME_NS};
    int32_t narrow[2] = {0, SHORT_TIME_NS};
    memcpy(part(i), is_narrow ? (void *)narrow : (void *)&time, is_narrow ? sizeof(narrow) : sizeof(time));
    return (unsigned long)part(i);
}

static void choose_values(struct making *making)
{
    enum { THREAD = 0x10000 }; /* CLONE_THREAD */
    for (size_t i = 0; i < making->row->n_args; i++) {
        enum arg_type type = making->row->args[i].type;
        bool is_length = i > 0 && making->row->args[i - 1].type == ARG_SOCKADDR && type != ARG_POINTER;
        if (type == ARG_STRING) {
            snprintf(part(i), PART_BYTES, "/vt-not-there/%s.%zu", making->row->name, i);
            making->values[i] = (unsigned long)part(i);
        } else if (type == ARG_SOCKADDR) {
            making->values[i] = address_value(i);
        } else if (type == ARG_TIMESPEC) {
            making->values[i] = time_value(i, making->is_narrow);
        } else if (type == ARG_OUTPUT || type == ARG_INT_PAIR) {
            making->values[i] = (unsigned long)part(i);
        } else if (is_length) {
            making->values[i] = sizeof(struct sockaddr_in);
        } else {
            making->values[i] = (making->note & THREAD_ALONE) != 0 && i == 0 ? THREAD
                                : (making->note & MINUS_ONE) != 0            ? -1UL
                                                                             : number_value(type, i);
        }
    }
}

static void number_line(struct line *line, const struct making *making, size_t i)
{
    const struct event_arg *arg = &making->row->args[i];
    unsigned long value = making->is_narrow ? (uint32_t)making->values[i] : making->values[i];
    switch (arg->type) {
    case ARG_INT32:
        line_int(line, arg->name, (int32_t)value);
        break;
    case ARG_INT64:
        line_int(line, arg->name, making->is_narrow ? (int32_t)value : (int64_t)value);
        break;
    case ARG_UINT8:
        line_unsigned(line, arg->name, (uint8_t)value);
        break;
    case ARG_UINT16:
        line_unsigned(line, arg->name, (uint16_t)value);
        break;
    case ARG_UINT32:
        line_unsigned(line, arg->name, (uint32_t)value);
        break;
    default:
        line_unsigned(line, arg->name, value);
    }
}

static void output_line(struct line *line, const struct making *making, size_t i, long long result)
{
    const char *name = making->row->args[i].name;
    if (result < 0)
        line_unreadable(line, name, true);
    else
        line_user_string(line, name, part(i));
}

/* An address whose length the kernel was to write is known only after a call that did. */
static void address_line(struct line *line, const struct making *making, size_t i)
{
    const char *name = making->row->args[i].name;
    if (making->row->args[i + 1].type == ARG_POINTER)
        line_unreadable(line, name, false);
    else
        line_user_json(line, name, "{\"sa_family\":\"AF_INET\",\"sin_addr\":\"127.0.0.1\",\"sin_port\":\"9\"}");
}

static void pair_line(struct line *line, const struct making *making, size_t i, long long result)
{
    int pair[2];
    char text[64] = "[0,0]"; /* the call wrote none */
    memcpy(pair, part(i), sizeof(pair));
    if (result == 0)
        snprintf(text, sizeof(text), "[%d,%d]", pair[0], pair[1]);
    line_json(line, making->row->args[i].name, text);
}

static void expect(const struct making *making, long long result)
{
    struct line line;
    line_begin(&line, making->row->name, making->is_narrow ? "by int 0x80" : "with arguments that mean nothing");
    if (making->is_narrow)
        line_compat(&line);
    if (making->row->n_args == 0)
        line_repeated(&line);
    line_result(&line, making->row->name, result);
    for (size_t i = 0; i < making->row->n_args; i++) {
        const struct event_arg *arg = &making->row->args[i];
        if (arg->type == ARG_STRING)
            line_user_string(&line, arg->name, part(i));
        else if (arg->type == ARG_SOCKADDR)
            address_line(&line, making, i);
        else if (arg->type == ARG_TIMESPEC)
            line_json(&line, arg->name, "0.001");
        else if (arg->type == ARG_OUTPUT)
            output_line(&line, making, i, result);
        else if (arg->type == ARG_INT_PAIR)
            pair_line(&line, making, i, result);
        else
            number_line(&line, making, i);
    }
    line_end(&line);
}

static long long make(const struct making *making)
{
    const struct syscall_numbers *numbers = syscall_by_name(making->row->name, strlen(making->row->name));
    const unsigned long *v = making->values;
    if (making->is_narrow)
        return compat_call(numbers->i386, v);
#if defined(__aarch64__) /* clone takes its last two the other way round: CONFIG_CLONE_BACKWARDS */
    if (making->row->id == EVENT_clone)
        return result_or_error(syscall(syscall_native(numbers), v[0], v[1], v[2], v[4], v[3], v[5]));
#endif
    return result_or_error(syscall(syscall_native(numbers), v[0], v[1], v[2], v[3], v[4], v[5]));
}

static void interrupted(int signal)
{
    (void)signal;
}

/* A signal comes again and again, so that it cannot come before the call. */
static void expect_interruption(void)
{
    struct sigaction action = {.sa_handler = interrupted};
    struct itimerval often = {{0, BLOCKED_US}, {0, BLOCKED_US}};
    if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &often, NULL) < 0)
        cannot("a timer");
}

static long long make_fork(const char *name)
{
#ifdef SYS_fork
    pid_t child = strcmp(name, "vfork") == 0 ? vfork() : (pid_t)syscall(SYS_fork);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    return child < 0 ? -errno : child;
#else
    (void)name;
    return -ENOSYS;
#endif
}

_Noreturn static void act(struct making *making)
{
    prctl(PR_SET_NAME, "vt-call");
    choose_values(making);
    if ((making->note & OWN_SESSION) != 0)
        setsid();
    if ((making->note & NO_RETURN) != 0) {
        expect(making, 0);
        make(making);
        cannot(making->row->name);
    }
    if ((making->note & BLOCKS) != 0)
        expect_interruption();
    else
        alarm(GIVE_UP_S);
    long long result = (making->note & FORKS) != 0 ? make_fork(making->row->name) : make(making);
    expect(making, (making->note & BLOCKS) != 0 ? RESTART_NO_HAND : result);
    _exit(0);
}

static void run(const struct event *row)
{
    struct making making = {.row = row, .note = note_of(row->name)};
    const struct syscall_numbers *numbers = syscall_by_name(row->name, strlen(row->name));
    making.is_narrow = row->id >= SYSCALL_COMPAT;
    if (making.is_narrow ? !compat_is_available() : syscall_native(numbers) < 0) {
        not_possible(row->name, "the call",
                     making.is_narrow ? "this kernel takes no 32-bit calls" : "this architecture has no such call");
        return;
    }
    int status;
    pid_t child = fork();
    if (child == 0)
        act(&making);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        cannot(row->name);
    if ((making.note & NO_RETURN) == 0 && status != 0) {
        errno = ECHILD;
        cannot(row->name);
    }
}

void calls_run(const char *event)
{
    const struct event *row = event_by_name(event);
    if (room == NULL)
        room = compat_room(ROOM_BYTES);
    run(row);
}

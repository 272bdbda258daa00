/* SPDX-License-Identifier: Apache-2.0 */
#include "common/events/events.h"

/* The arguments of each row, ended by an empty one: a call may have none. */
#define A(type_, name_)                                    {.name = #name_, .type = ARG_##type_},
#define EVENT(name_, id_, class_, sets_, args_, ...)       static const struct event_arg args_of_##name_[] = {args_{0}};
#define SYSCALL(name_, id_, class_, sets_, args_, losses_) static const struct event_arg args_of_##name_[] = {args_{0}};
#include "common/events/events.def"

/* The sources of each row. */
#define TP(hook_)                       {.kind = SOURCE_TRACEPOINT, .name = #hook_},
#define TP_ON_REQUEST(hook_)            {.kind = SOURCE_TRACEPOINT, .name = #hook_, .on_request = true},
#define EXIT(handler_, syscalls_)       {.kind = SOURCE_EXIT, .name = #handler_, .syscalls = (syscalls_)},
#define ENTER(handler_, syscalls_)      {.kind = SOURCE_ENTER, .name = #handler_, .syscalls = (syscalls_)},
#define ENTER_EXIT(handler_, syscalls_) {.kind = SOURCE_ENTER_EXIT, .name = #handler_, .syscalls = (syscalls_)},
#define ITERATOR(name_)                 {.kind = SOURCE_ITERATOR, .name = #name_},
#define DERIVED(event_)                 {.kind = SOURCE_DERIVED, .name = (event_)},
#define NONE(reason_)                   {.kind = SOURCE_NONE, .name = (reason_)},
#define EVENT(name_, id_, class_, sets_, args_, sources_, losses_)                                                     \
    static const struct event_source sources_of_##name_[] = {sources_};
#define SYSCALL(...)
#include "common/events/events.def"

static const struct event_source at_exit[] = {{.kind = SOURCE_SYSCALL, .name = "syscall"}};
static const struct event_source at_entry[] = {{.kind = SOURCE_SYSCALL_ENTER, .name = "syscall"}};

#define N_OF(array_) (sizeof(array_) / sizeof((array_)[0]))
#define ROW(name_, id_, class_, sets_, sources_, losses_)                                                              \
    {                                                                                                                  \
        .name = name_, .id = (id_), .class = CLASS_##class_, .sets = (sets_), .sources = (sources_),                   \
        .n_sources = N_OF(sources_), .losses = (losses_),
#define ROW_ARGS(name_)                                                                                                \
    .args = args_of_##name_, .n_args = N_OF(args_of_##name_) - 1                                                       \
    }                                                                                                                  \
    ,
#define EVENT(name_, id_, class_, sets_, args_, s_, losses_)                                                           \
    ROW(#name_, id_, class_, sets_, sources_of_##name_, losses_) ROW_ARGS(name_)
#define SYSCALL(name_, id_, class_, sets_, args_, losses_)                                                             \
    ROW(#name_, id_, class_, sets_, at_exit, losses_) ROW_ARGS(name_)
#define SYSCALL_ENTER(name_, id_, class_, sets_, args_, losses_)                                                       \
    ROW(#name_, id_, class_, sets_, at_entry, losses_) ROW_ARGS(name_)
static const struct event rows[] = {
#include "common/events/events.def"
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

#define EVENT(name_, ...)   ROW_##name_,
#define SYSCALL(name_, ...) ROW_##name_,
enum row_index {
#include "common/events/events.def"
};
/* Row index plus one by id, so that zero means none. */
#define EVENT(name_, id_, ...)   [id_] = ROW_##name_ + 1,
#define SYSCALL(name_, id_, ...) [id_] = ROW_##name_ + 1,
static const uint16_t row_by_id[EVENT_ID_LIMIT] = {
#include "common/events/events.def"
};

struct named_syscall {
    const char *name;
    struct syscall_numbers numbers;
};

#define SYSCALL_NUMBER(name_, x86_64_, i386_, arm64_) {#name_, {x86_64_, i386_, arm64_}},
static const struct named_syscall syscalls[] = {
#include "common/events/syscalls.def"
};

#define SYSCALL_NUMBER(name_, x86_64_, i386_, arm64_) [x86_64_] = #name_,
static const char *const syscall_names[SYSCALL_LIMIT] = {
#include "common/events/syscalls.def"
};

enum { N_SYSCALLS = sizeof(syscalls) / sizeof(syscalls[0]) };

const struct event *events_all(size_t *ret_count)
{
    *ret_count = N_ROWS;
    return rows;
}

/* FNV-1a; the NUL goes in too, so that neighbouring names do not run together. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3ull;
    return hash;
}

uint64_t events_fingerprint(void)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < N_ROWS; i++) {
        hash = mix(hash, &rows[i].id, sizeof(rows[i].id));
        for (int a = 0; a < rows[i].n_args; a++) {
            hash = mix(hash, rows[i].args[a].name, strlen(rows[i].args[a].name) + 1);
            hash = mix(hash, &rows[i].args[a].type, sizeof(rows[i].args[a].type));
        }
    }
    return hash;
}

const struct event *event_by_id(uint32_t id)
{
    return id < EVENT_ID_LIMIT && row_by_id[id] != 0 ? &rows[row_by_id[id] - 1] : NULL;
}

#define TOLD_BY(event_, by_) [EVENT_##event_] = EVENT_##by_,
static const uint16_t told_by[EVENT_ID_LIMIT] = {
#include "common/events/told_by.def"
};

const struct event *event_told_by(const struct event *event)
{
    return event_by_id(told_by[event->id] != 0 ? told_by[event->id] : EVENT_ID_LIMIT);
}

bool event_is_always_on(const struct event *event)
{
    return event->class == CLASS_CRITICAL && told_by[event->id] == 0;
}

const struct event *event_by_name(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

int event_arg_index(const struct event *event, const char *name)
{
    for (int i = 0; i < event->n_args; i++)
        if (strcmp(event->args[i].name, name) == 0)
            return i;
    return -1;
}

bool event_is_syscall(const struct event *event)
{
    return event->sources == at_exit || event->sources == at_entry;
}

bool event_in_set(const struct event *event, const char *set)
{
    size_t length = strlen(set);
    for (const char *at = event->sets; length > 0 && (at = strstr(at, set)) != NULL; at += length)
        if ((at == event->sets || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

const char *event_class_name(enum event_class class)
{
    static const char *const names[CLASS_COUNT] = {"critical", "watched", "bulk"};
    return class < CLASS_COUNT ? names[class] : "all";
}

/* Each type: Tracee's word for it, and its shape. */
#define ARG_TYPES(X)                                                                                                   \
    X(0, "unknown", SHAPE_UNSIGNED)                                                                                    \
    X(ARG_INT32, "int32", SHAPE_SIGNED)                                                                                \
    X(ARG_UINT16, "uint16", SHAPE_UNSIGNED)                                                                            \
    X(ARG_UINT32, "uint32", SHAPE_UNSIGNED)                                                                            \
    X(ARG_INT64, "int64", SHAPE_SIGNED)                                                                                \
    X(ARG_UINT64, "uint64", SHAPE_UNSIGNED)                                                                            \
    X(ARG_POINTER, "trace.Pointer", SHAPE_UNSIGNED)                                                                    \
    X(ARG_BOOL, "bool", SHAPE_UNSIGNED)                                                                                \
    X(ARG_STRING, "string", SHAPE_TEXT)                                                                                \
    X(ARG_STRINGS, "[]string", SHAPE_LIST)                                                                             \
    X(ARG_UINT8, "uint8", SHAPE_UNSIGNED)                                                                              \
    X(ARG_BYTES, "[]byte", SHAPE_TEXT)                                                                                 \
    X(ARG_SOCKADDR, "SockAddr", SHAPE_TEXT)                                                                            \
    X(ARG_TIMESPEC, "float64", SHAPE_SIGNED)                                                                           \
    X(ARG_INT_PAIR, "[2]int32", SHAPE_UNSIGNED)                                                                        \
    X(ARG_OUTPUT, "string", SHAPE_TEXT)                                                                                \
    X(ARG_UINT64S, "[]uint64", SHAPE_TEXT)                                                                             \
    X(ARG_CREDENTIALS, "SlimCred", SHAPE_TEXT)                                                                         \
    X(ARG_OBJECT, "object", SHAPE_TEXT)

#define TYPE_NAME(type, name, shape)  [type] = name,
#define TYPE_SHAPE(type, name, shape) [type] = shape,
static const char *const type_names[ARG_TYPE_COUNT] = {ARG_TYPES(TYPE_NAME)};
const uint8_t arg_type_shapes[ARG_TYPE_COUNT] = {ARG_TYPES(TYPE_SHAPE)};

const char *arg_type_name(enum arg_type type)
{
    return type_names[type < ARG_TYPE_COUNT ? type : 0];
}

const struct syscall_numbers *syscall_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < N_SYSCALLS; i++)
        if (strncmp(syscalls[i].name, name, length) == 0 && syscalls[i].name[length] == '\0')
            return &syscalls[i].numbers;
    return NULL;
}

int syscall_native(const struct syscall_numbers *numbers)
{
#if defined(__aarch64__)
    return numbers->arm64;
#else
    return numbers->x86_64 < SYSCALL_COMPAT ? numbers->x86_64 : -1;
#endif
}

int syscall_from_i386(int number)
{
    for (size_t i = 0; i < N_SYSCALLS && number >= 0; i++)
        if (syscalls[i].numbers.i386 == number)
            return syscalls[i].numbers.x86_64;
    return -1;
}

int syscall_from_eabi(int number)
{
    static const struct {
        const char *name;
        int number;
    } eabi[] = {
#define EABI_NUMBER(name_, number_) {#name_, number_},
#include "common/events/eabi.def"
    };
    if (number < EABI_FIRST || number >= EABI_END)
        return syscall_from_i386(number);
    for (size_t i = 0; i < sizeof(eabi) / sizeof(eabi[0]); i++)
        if (eabi[i].number == number)
            return syscall_by_name(eabi[i].name, strlen(eabi[i].name))->x86_64;
    return -1;
}

int syscall_from_native(int number)
{
#if defined(__aarch64__)
    for (size_t i = 0; i < N_SYSCALLS && number >= 0; i++)
        if (syscalls[i].numbers.arm64 == number)
            return syscalls[i].numbers.x86_64;
    return -1;
#else
    return number < SYSCALL_COMPAT ? number : -1;
#endif
}

int syscall_from_compat(int number)
{
#if defined(__aarch64__)
    return syscall_from_eabi(number);
#else
    return syscall_from_i386(number);
#endif
}

const char *syscall_name(int number)
{
    return number >= 0 && number < SYSCALL_LIMIT ? syscall_names[number] : NULL;
}

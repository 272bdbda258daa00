/* SPDX-License-Identifier: Apache-2.0 */
#include "common/events/events.h"

/* The arguments of each row. */
#define A(type_, name_)                                    {.name = #name_, .type = ARG_##type_},
#define EVENT(name_, id_, class_, sets_, args_, ...)       static const struct event_arg args_of_##name_[] = {args_};
#define SYSCALL(name_, id_, class_, sets_, args_, losses_) static const struct event_arg args_of_##name_[] = {args_};
#include "common/events/events.def"

#define N_ARGS(name_) (sizeof(args_of_##name_) / sizeof(struct event_arg))
#define TP(hook_)                                                                                                      \
    {                                                                                                                  \
        .kind = SOURCE_TRACEPOINT, .name = #hook_                                                                      \
    }
#define EXIT(handler_, syscalls_)                                                                                      \
    {                                                                                                                  \
        .kind = SOURCE_EXIT, .name = #handler_, .syscalls = syscalls_                                                  \
    }
#define ENTER_EXIT(handler_, syscalls_)                                                                                \
    {                                                                                                                  \
        .kind = SOURCE_ENTER_EXIT, .name = #handler_, .syscalls = syscalls_                                            \
    }
#define ITERATOR(name_)                                                                                                \
    {                                                                                                                  \
        .kind = SOURCE_ITERATOR, .name = #name_                                                                        \
    }
#define EVENT(name_, id_, class_, sets_, args_, source_, losses_)                                                      \
    {.name = #name_,                                                                                                   \
     .id = (id_),                                                                                                      \
     .class = CLASS_##class_,                                                                                          \
     .n_args = N_ARGS(name_),                                                                                          \
     .sets = sets_,                                                                                                    \
     .args = args_of_##name_,                                                                                          \
     .source = source_,                                                                                                \
     .losses = losses_},
#define SYSCALL(name_, id_, class_, sets_, args_, losses_)                                                             \
    {.name = #name_,                                                                                                   \
     .id = (id_),                                                                                                      \
     .class = CLASS_##class_,                                                                                          \
     .n_args = N_ARGS(name_),                                                                                          \
     .sets = sets_,                                                                                                    \
     .args = args_of_##name_,                                                                                          \
     .source = {.kind = SOURCE_SYSCALL, .name = "syscall"},                                                            \
     .losses = losses_},
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

const char *arg_type_name(enum arg_type type)
{
    static const char *const names[ARG_TYPE_COUNT] = {
        [ARG_INT32] = "int32", [ARG_UINT16] = "uint16", [ARG_UINT32] = "uint32",
        [ARG_INT64] = "int64", [ARG_UINT64] = "uint64", [ARG_POINTER] = "trace.Pointer",
        [ARG_BOOL] = "bool",   [ARG_STRING] = "string", [ARG_STRINGS] = "[]string",
    };
    return type < ARG_TYPE_COUNT && names[type] != NULL ? names[type] : "unknown";
}

const struct syscall_numbers *syscall_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < N_SYSCALLS; i++)
        if (strncmp(syscalls[i].name, name, length) == 0 && syscalls[i].name[length] == '\0')
            return &syscalls[i].numbers;
    return NULL;
}

int syscall_from_i386(int number)
{
    for (size_t i = 0; i < N_SYSCALLS && number >= 0; i++)
        if (syscalls[i].numbers.i386 == number)
            return syscalls[i].numbers.x86_64;
    return -1;
}

const char *syscall_name(int number)
{
    return number >= 0 && number < SYSCALL_LIMIT ? syscall_names[number] : NULL;
}

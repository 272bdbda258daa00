/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every map and every variable that is shared between programs or with the loader. Defined once, in maps.bpf.c;
 * `extern` elsewhere. Configuration that is fixed at load time is `const volatile`, so that the verifier removes what
 * is not wanted; the rest is .bss, mapped by the loader.
 */
#ifndef VEDETTE_COLLECTOR_BPF_MAPS_H
#define VEDETTE_COLLECTOR_BPF_MAPS_H

#include "collector/bpf/types.h"

#include <bpf/bpf_helpers.h>

#include "collector/bpf/shared.h"

#ifndef STATE
#define STATE extern
#endif

struct ring {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096); /* only the template: the loader makes the rings */
};

/* [group of CPUs * CLASS_COUNT + class] */
STATE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, CLASS_COUNT);
    __uint(key_size, 4);
    __array(values, struct ring);
} rings SEC(".maps");

/* [(cpu * CLASS_COUNT + class) * CONTEXT_COUNT + context] */
STATE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, CLASS_COUNT *CONTEXT_COUNT);
    __type(key, __u32);
    __type(value, struct ring_account);
} accounts SEC(".maps");

enum { NAMESPACES = 6 };

/* What is kept with a task: task_facts.h. */
struct task_facts {
    __u32 in_scope; /* 1: decided at fork or by the walk; survives the death of its ancestors */
    __u32 comm_known;
    char comm_before_exec[COMM_SIZE];
    __u32 mem_prot_call; /* mprotect's or pkey_mprotect's number while one is in progress, else 0 */
    __u32 mem_prot_alert;
    __s32 mem_prot_previous;
    __u32 mprotect_call; /* the same for security_file_mprotect */
    __s32 mprotect_previous;
    __u32 sigaction_call; /* the same of the calls below: their numbers, and what was there before them */
    __u64 sigaction[3];
    __u32 namespaces_call;
    __u32 namespaces[NAMESPACES];
    __u32 credentials_call;
    struct record_credentials credentials;
};

/* a10787e6d58c "bpf: Enable task local storage for tracing programs" (5.12). Before it, a table by the task's address.
 */
#ifdef VEDETTE_PLAIN
enum { TASK_ENTRIES = 16384 };

struct task_entry {
    __u64 start_ns; /* of the task: the address may be another one's by now */
    struct task_facts facts;
};

STATE struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TASK_ENTRIES);
    __type(key, __u64);
    __type(value, struct task_entry);
} tasks SEC(".maps");
#else
STATE struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct task_facts);
} tasks SEC(".maps");
#endif

STATE struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 64);
    __uint(key_size, 4);
    __uint(value_size, 4);
} exit_handlers SEC(".maps");

STATE struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 64);
    __uint(key_size, 4);
    __uint(value_size, 4);
} enter_handlers SEC(".maps");

#ifdef VEDETTE_PLAIN
/* [cpu]: draft.h */
STATE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, 4);
    __uint(value_size, RECORD_LARGE);
} drafts SEC(".maps");
#endif

/* Its elements only give the snapshot program something to be run for, and are as many as its invocations: with
 * ROWS_AN_ELEMENT what a snapshot can hold. */
#ifdef VEDETTE_PLAIN
enum { SNAPSHOT_ELEMENTS = 65536, ROWS_AN_ELEMENT = 1 }; /* each row would be verified for itself */
#else
enum { SNAPSHOT_ELEMENTS = 8192, ROWS_AN_ELEMENT = 16 };
#endif

STATE struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SNAPSHOT_ELEMENTS);
    __type(key, __u32);
    __type(value, __u64);
} elements SEC(".maps");

/* Fixed at load time. */
STATE const volatile __u32 scope_kind;
STATE const volatile __u32 cpu_shift; /* CPUs of a group, as a power of two */
STATE const volatile __u32 can_cast;  /* the kernel has bpf_rdonly_cast: facts.bpf.c */
STATE const volatile __u32 argv_size; /* bytes of argv, and of envp: LISTS_USUAL, or more up to LISTS_MOST */
/* Handlers of allowed events that this kernel took, by index. */
STATE const volatile __u8 exit_enabled[HANDLER_COUNT];
STATE const volatile __u8 enter_enabled[HANDLER_COUNT];
STATE const volatile struct call_tables calls;
STATE const volatile struct preempt_places preempt_places;
STATE const volatile struct call_row call_rows[SYSCALL_LIMIT];

/* Changed while it runs, by plain stores. */
STATE struct kernel_plan plan;
STATE __u8
    exit_wanted[CALL_LIMIT]; /* by raw number: some reading of it is selected; one load tells that a call is not */
STATE __u8 enter_wanted[CALL_LIMIT];
STATE __u64 zero; /* which the verifier does not know: FORGET of core_compat.h */
STATE struct throttle throttle;
STATE struct scope scope;
STATE struct self self;
STATE struct canary canary;
STATE struct identity identity;
STATE struct cursor cursor;
STATE __u32 self_test; /* tgid whose calls prove the hooks; nothing else is captured meanwhile */
STATE __u8 seen[HOOK_COUNT];
STATE __u64 failures[FAILURE_COUNT];

/* enum scope_kind of probe.h, which the loader checks against these. */
enum {
    KIND_HOST,
    KIND_TREE,
    KIND_CHILDREN,
    KIND_CGROUP,
};

static __always_inline void failure_count(enum failure failure)
{
    __sync_fetch_and_add(&failures[failure], 1);
}

#endif

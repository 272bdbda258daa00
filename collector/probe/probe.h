/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, attaches and proves the BPF programs, and holds what of them the drain needs afterwards: mapped memory and
 * descriptors that were opened before the capabilities went. Everything that calls bpf(2) is in probe_start; the rest
 * is plain loads and stores. The drain's thread.
 */
#ifndef VEDETTE_COLLECTOR_PROBE_PROBE_H
#define VEDETTE_COLLECTOR_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/plan.h"
#include "collector/throttle.h"
#include "common/events/events.h"

enum scope_kind {
    SCOPE_HOST,
    SCOPE_TREE,     /* process `pid` and its descendants */
    SCOPE_CHILDREN, /* the descendants of `pid`, without it */
    SCOPE_CGROUP,   /* everything below the cgroup2 directory `cgroup_path` */
};

/* Of the BPF programs: collector/bpf/core_compat.h. */
enum probe_flavour {
    FLAVOUR_BY_KERNEL,
    FLAVOUR_PLAIN, /* as on a kernel before 5.17, for tests: it runs on all */
};

enum {
    PROBE_ERROR_BYTES = 512,
    PROBE_MAX_SELF = 8,
    PROBE_SNAPSHOTS = 64,
    ARGV_SIZE_USUAL = 8192,
    ARGV_SIZE_MOST = 65536
};

struct probe_settings {
    enum probe_flavour flavour;
    enum scope_kind scope;
    uint32_t scope_pid;
    const char *cgroup_path;
    /* A CPU group; powers of two of at least a page. Made smaller where all would take more than 6 MiB of a kernel
     * before 5.17: probe_rings tells. */
    uint64_t ring_bytes[CLASS_COUNT];
    uint32_t argv_bytes; /* of arguments, and of environments: ARGV_SIZE_USUAL (0 too) to ARGV_SIZE_MOST; more cost
                            loading time */
    uint8_t
        allowed[EVENT_ID_LIMIT]; /* the operator's list: hooks of events that may never be selected are not attached */
};

/* Values of proto/vedette.proto's SelfTest and Preemptible. */
enum probe_self_test { PROBE_SELF_TEST_UNKNOWN, PROBE_PASSED, PROBE_NOT_RUN, PROBE_FAILED };
enum probe_preemptible { PROBE_PREEMPTIBLE_UNKNOWN, PROBE_PREEMPTIBLE_NO, PROBE_PREEMPTIBLE_YES };

struct probe_coverage {
    const struct event *event;
    bool covered;
    const struct event_source *taken; /* the source that gives it, or the best that does not */
    const char *source;               /* "tp_btf/sched_process_exec" */
    enum probe_self_test self_test;   /* of the taken source's programs, the worst */
    const char *reason;               /* why not, and what would be needed; "" when it is covered */
    const char *better;               /* a source that shows more, and why it is not taken; "" when there is none */
};

/* A program with a hook of its own, whose skipped calls can be read without bpf(2). */
struct probe_hook {
    const char *name;
    bool attached;
    const char *reason; /* why not attached, else "" */
    enum probe_self_test self_test;
    enum probe_preemptible preemptible; /* measured inside the hook during the self-test */
    uint64_t misses;                    /* as of the last probe_read_misses */
    bool counted;                       /* false where the kernel has no counter (before 5.12) */
};

struct ring_map {
    int fd;
    uint64_t size; /* bytes of the data area */
    enum event_class class;
    uint32_t group;
};

struct probe;

/*
 * 0, or the negative of an exit_code: -EXIT_CODE_KERNEL (no BTF, no raw tracepoints: names what and the remedy),
 * -EXIT_CODE_PRIVILEGE (names the capability), -EXIT_CODE_USAGE (ring too small, no such pid or cgroup),
 * -EXIT_CODE_RUNTIME. An event that cannot be had is no failure: it is a coverage row. RLIMIT_MEMLOCK is raised if the
 * kernel needs it (before 5.11); a refusal elsewhere is nothing.
 */
int probe_start(const struct probe_settings *settings, struct probe **ret_probe, char error[PROBE_ERROR_BYTES]);
/* Detaches and frees; NULL is fine. */
void probe_stop(struct probe *probe);

/* Selects: computes the per-syscall actions from the event ids and stores them. Bits of uncovered or not allowed events
 * are ignored. */
void probe_apply_plan(struct probe *probe, const struct plan_request *plan);
uint32_t probe_plan_epoch(const struct probe *probe);

/* tgids whose bulk events are dropped in the kernel: the collector's own processes. At most PROBE_MAX_SELF. */
void probe_set_self(struct probe *probe, const uint32_t *tgids, size_t count);
/* What of bulk events was held back, and from whom: the programs count, the caller stores `acknowledged` and `round`.
 */
volatile struct throttle *probe_throttle(const struct probe *probe);
/* A process as the kernel numbers it. */
struct probe_process {
    uint64_t start_ns;
    uint32_t tgid;
};
/*
 * The process of that number in our pid namespace is the keeper: what it forks is in scope, whatever the scope, since
 * it stands for everybody. Before the privileges go. 0 or -EXIT_CODE_RUNTIME with words.
 */
int probe_set_canary(struct probe *probe, uint32_t pid, struct probe_process *ret_process,
                     char error[PROBE_ERROR_BYTES]);
/* Under a storm critical and watched events wake nobody before their ring is half full. */
void probe_set_storm(struct probe *probe, bool storm);

const struct probe_coverage *probe_coverage(const struct probe *probe, size_t *ret_count);
const struct ring_map *probe_rings(const struct probe *probe, size_t *ret_count);
uint32_t probe_cpus(const struct probe *probe);
/* The account of one (cpu, class, context), mapped from the kernel. */
volatile struct ring_account *probe_account(const struct probe *probe, uint32_t cpu, enum event_class class,
                                            unsigned context);
/* All hooks that some allowed event needs, the attached ones first. */
const struct probe_hook *probe_hooks(const struct probe *probe, size_t *ret_count);
/* The attached hooks, with their misses read from /proc/self/fdinfo descriptors opened at the start. */
const struct probe_hook *probe_read_misses(struct probe *probe, size_t *ret_count);

/* What went wrong inside the programs where no record could say so; all zero as a rule. Cumulative. */
struct probe_failure {
    const char *what;
    uint64_t count;
};
const struct probe_failure *probe_failures(struct probe *probe, size_t *ret_count);

/*
 * The processes of the scope, as existing_process records in start order, straight from the kernel (works from a pod's
 * own pid namespace), and what else of existing_* the plan selects. Each call of _next gives one record (valid until
 * the next call) or NULL at the end. -ENFILE from _begin when the pool of iterators is used up.
 */
int probe_snapshot_begin(struct probe *probe);
const struct record_header *probe_snapshot_next(struct probe *probe, size_t *ret_available);
void probe_snapshot_end(struct probe *probe);

#endif

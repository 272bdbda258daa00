/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one node looks like: its processes, and the containers they run in; from fork, exec, exit and the snapshot.
 * Event time only. A node's state belongs to one shard thread; only the counters may be read from others.
 */
#ifndef VEDETTE_ANALYZER_STATE_STATE_H
#define VEDETTE_ANALYZER_STATE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/containers/path.h"
#include "common/wire/decode.h"

enum {
    STATE_MAX_PROCESSES = 65536,  /* a node; the oldest exited ones go first, then the oldest */
    STATE_MAX_CONTAINERS = 16384, /* cgroups known as containers; removed ones go first, then those quiet longest */
    STATE_MAX_ARGV_BYTES = 4096,  /* kept for a process, for people */
    STATE_MAX_PATH_BYTES = 4096,  /* the kernel's PATH_MAX; a node may send 128 KiB for each process */
    STATE_MAX_SAME_TGID = 8,      /* lives of one pid; a node may send any start times, and they are kept in order */
    STATE_MAX_ANCESTORS = 16,
    STATE_EXIT_LINGER_S = 60, /* an exited process or removed cgroup stays known for events that come late */
    STATE_MAX_LOSSES = 256,   /* ranges remembered for findings */
};

/*
 * A runtime makes the cgroup, joins it, builds the container's mounts, and only then executes the container's program:
 * the first exec whose mount namespace is not its parent's. What came before that is the runtime's own doing.
 */
enum container_stage {
    CONTAINER_CREATED,
    CONTAINER_STARTED,
    CONTAINER_EXISTED, /* its making was not seen: it was there before, or that record was lost */
};

struct container {
    char id[CONTAINER_ID_BYTES]; /* 64 hex digits, or the runtime's own shape */
    char runtime[CONTAINER_RUNTIME_BYTES];
    char pod_uid[CONTAINER_POD_UID_BYTES]; /* "" if none */
    uint8_t stage;                         /* enum container_stage */
    uint32_t mnt_ns;                       /* of its programs, 0 unknown */
    uint64_t created_ns;                   /* when its own cgroup was made, 0 if that was not seen */
    uint64_t removed_ns;                   /* 0: there */
};

enum process_namespace {
    NAMESPACE_CGROUP,
    NAMESPACE_IPC,
    NAMESPACE_MNT,
    NAMESPACE_NET,
    NAMESPACE_PID,
    NAMESPACE_TIME,
    NAMESPACE_USER,
    NAMESPACE_UTS,
    NAMESPACE_COUNT,
};

struct process {
    uint32_t tgid;
    uint64_t start_ns; /* with tgid its identity */
    uint32_t ppid;
    uint64_t parent_start_ns;
    uint32_t uid;
    uint64_t cgroup_id;
    uint64_t home_cgroup_id; /* the last one of a container that had started, 0: none */
    char comm[COMM_SIZE];
    char prev_comm[COMM_SIZE];
    char *executable;         /* path at exec, cut at STATE_MAX_PATH_BYTES, NULL unknown */
    uint8_t executable_state; /* enum item_state of that path: a truncated one is no whole name */
    uint8_t overlay_layer;    /* of overlayfs: 1 the program came with the image, 2 it was written since, 0 unknown */
    char *argv;               /* joined with spaces, cut at STATE_MAX_ARGV_BYTES, NULL unknown */
    uint8_t argv_state;       /* enum item_state: whether its end is there */
    uint64_t exec_ns;         /* 0: has not exec'd since fork */
    uint64_t exit_ns;         /* 0: alive */
    struct record_credentials credentials; /* where they are known; `uid` is, of every process */
    bool credentials_known;
    uint32_t namespaces[NAMESPACE_COUNT]; /* inode numbers, 0 unknown */
    bool from_snapshot;
    bool scope_root;           /* ancestry ends here by the operator's scope */
    bool started_in_container; /* it was in a container that had started: moving to a cgroup of its own is no way out */
};

struct loss {
    Vedette__V1__LossStage stage;
    uint32_t class; /* enum event_class, 255 all */
    uint32_t cpu;   /* UINT32_MAX all */
    uint64_t from_ns, to_ns, count;
    bool count_exact;
};

struct state_counters {
    atomic_uint_fast64_t processes, containers, evicted_processes, evicted_containers,
        losses_forgotten; /* the first two are levels */
};

/* What an event did to a container. */
enum change_kind {
    CHANGE_NONE,
    CHANGE_MADE,    /* its own cgroup */
    CHANGE_REMOVED, /* its own cgroup, the last one where it has two */
    CHANGE_FOUND,   /* by the snapshot, once */
};

struct state_change {
    enum change_kind kind;
    const struct container *container; /* NULL for none; lives until the next state_apply */
};

struct state;

/* NULL with errno. */
struct state *state_new(void);
void state_free(struct state *state);

/*
 * Whose lists the events of the next state_apply point into; argv is kept only when one is set. Call it for each batch,
 * with NULL before the decoder goes.
 */
void state_use_decoder(struct state *state, const struct decoder *decoder);

/*
 * Applies one event; the event's own process is known afterwards (made from the task view if nothing else is known).
 * NULL only without memory. The process lives until the next call.
 */
const struct process *state_apply(struct state *state, const struct event_view *event);
void state_apply_loss(struct state *state, const struct loss *loss);

/* By identity; start_ns 0 finds the newest of that tgid. NULL if unknown. */
const struct process *state_process(const struct state *state, uint32_t tgid, uint64_t start_ns);
/* Parents, nearest first, at most `limit`; returns how many. Ends at a scope root, at an unknown parent, at pid 1. */
size_t state_ancestors(const struct state *state, const struct process *process, const struct process **ret,
                       size_t limit);
/* NULL when the cgroup is no container or unknown. The container lives until the next state_apply. */
const struct container *state_container(const struct state *state, uint64_t cgroup_id);
/*
 * The container of the process at the event applied last: its cgroup's; or the one that it left by moving itself to
 * another cgroup while it still sees that container's mounts, which is no way out. NULL on the host.
 */
const struct container *state_container_of(const struct state *state, const struct process *process,
                                           const struct task_view *task);
/* What the event that was applied last did. */
struct state_change state_container_change(const struct state *state);
/* Loss ranges that overlap [from, to]; returns how many were written. */
size_t state_losses_between(const struct state *state, uint64_t from_ns, uint64_t to_ns, struct loss *ret,
                            size_t limit);
const struct state_counters *state_counters(const struct state *state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* security_bpf, security_bpf_map and security_bpf_prog: bpf(2) by others, and what a descriptor that it gave names. */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"

/* Indexes in the rows; the loader checks them against the names. */
enum {
    BPF_cmd,
};
enum {
    MAP_map_id,
    MAP_map_name,
};
enum {
    PROG_type,
    PROG_name,
    PROG_helpers,
    PROG_id,
    PROG_load,
};

enum {
    CALL_NUMBERS = 256,
    CALL_SMALL = 512,
    BPF_CMD_PROG_LOAD = 5, /* enum bpf_cmd, include/uapi/linux/bpf.h */
    BPF_NAME_MOST = 16,    /* BPF_OBJ_NAME_LEN */
};

/* Names of the descriptors' inodes, eight bytes of them, little-endian. */
#define BPF_MAP_NAME  0x0070616d2d667062ULL /* "bpf-map" */
#define BPF_PROG_NAME 0x676f72702d667062ULL /* "bpf-prog" */

static __always_inline bool bpf_fill(struct record_header *header, __u64 capacity, struct call *call)
{
    record_begin_call(header, EVENT_security_bpf, call->ret, call);
    store_integer(header, capacity, BPF_cmd, (__s64)(__s32)call->args[0]);
    return true;
}

static __always_inline bool map_fill(struct record_header *header, __u64 capacity, struct call *call, struct file *file)
{
    struct bpf_map *map = BPF_CORE_READ(file, private_data);
    record_begin_call(header, EVENT_security_bpf_map, call->ret, call);
    mark_shared_files(header);
    store_integer(header, capacity, MAP_map_id, BPF_CORE_READ(map, id));
    store_string(header, capacity, MAP_map_name, &map->name, BPF_NAME_MOST, false);
    return true;
}

static __always_inline bool prog_fill(struct record_header *header, __u64 capacity, struct call *call,
                                      struct file *file)
{
    struct bpf_prog *prog = BPF_CORE_READ(file, private_data);
    struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);
    record_begin_call(header, EVENT_security_bpf_prog, call->ret, call);
    mark_shared_files(header);
    store_integer(header, capacity, PROG_type, BPF_CORE_READ(prog, type));
    store_string(header, capacity, PROG_name, &aux->name, BPF_NAME_MOST, false);
    store_unreadable(header, capacity, PROG_helpers, 0);
    store_integer(header, capacity, PROG_id, BPF_CORE_READ(aux, id));
    store_integer(header, capacity, PROG_load, call->args[0] == BPF_CMD_PROG_LOAD);
    return true;
}

EXIT_HANDLER(bpf)
{
    struct sink sink;
    struct file *file = call->ret >= 0 ? current_file(call->ret) : NULL;
    if (plan.selected[EVENT_security_bpf] && sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK)) {
#define FILL(header_, size_) bpf_fill(header_, size_, call)
        EMIT_1(&sink, CALL_NUMBERS, FILL);
#undef FILL
    }
    if (plan.selected[EVENT_security_bpf_map] && is_anonymous(file, BPF_MAP_NAME) &&
        sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK)) {
#define FILL(header_, size_) map_fill(header_, size_, call, file)
        EMIT_1(&sink, CALL_SMALL, FILL);
#undef FILL
    }
    if (plan.selected[EVENT_security_bpf_prog] && is_anonymous(file, BPF_PROG_NAME) &&
        sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK)) {
#define FILL(header_, size_) prog_fill(header_, size_, call, file)
        EMIT_1(&sink, CALL_SMALL, FILL);
#undef FILL
    }
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

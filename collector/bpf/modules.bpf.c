/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_load, do_init_module and module_free. A module is in place when module_load comes, and its own init has not
 * run yet. Where finit_module is in progress the descriptor tells the file.
 */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/scope.h"

/* Indexes in the rows; the loader checks them against the names. All three begin alike. */
enum {
    ARG_name,
    ARG_version,
    ARG_src_version,
    ARG_pathname,
    ARG_dev,
    ARG_inode,
    ARG_ctime,
};

enum { NAME_MOST = 64, VERSION_MOST = 64 };

static __always_inline void store_word(struct record_header *header, __u64 capacity, __u32 arg, const char *word)
{
    if (word == NULL)
        store_open(header, capacity, arg, ITEM_BYTES, ITEM_COMPLETE);
    else
        store_string(header, capacity, arg, word, VERSION_MOST, false);
}

static __always_inline bool module_fill(struct record_header *header, __u64 capacity, struct module *module,
                                        struct file *file, __u32 event)
{
    record_begin(header, event, 0);
    store_string(header, capacity, ARG_name, &module->name, NAME_MOST, false);
    store_word(header, capacity, ARG_version, BPF_CORE_READ(module, version));
    store_word(header, capacity, ARG_src_version, BPF_CORE_READ(module, srcversion));
    if (event != EVENT_module_load)
        return true;
    if (file == NULL) {
        store_open(header, capacity, ARG_pathname, ITEM_BYTES, ITEM_COMPLETE);
        return true;
    }
    mark_shared_files(header);
    store_file_id(header, capacity, ARG_dev, ARG_inode, file);
    store_integer(header, capacity, ARG_ctime, inode_ctime_ns(BPF_CORE_READ(file, f_inode)));
    store_file_path(header, capacity, ARG_pathname, file);
    return !store_take_cut(header);
}

static __always_inline void module_emit(struct module *module, struct file *file, __u32 event)
{
    struct sink sink;
    if (!plan.selected[event] || !sink_open(&sink, CLASS_CRITICAL, CONTEXT_TASK))
        return;
#define FILL(header_, size_) module_fill(header_, size_, module, file, event)
    EMIT_3(&sink, FILE_SMALL, FILE_MIDDLE, FILE_LARGE, FILL);
#undef FILL
}

static __always_inline struct file *module_file(struct task_struct *task)
{
    struct pt_regs *registers = task_registers(task);
    struct call call;
    if (registers == NULL)
        return NULL;
    call_read(&call, registers, task, 0);
    return call.number == EVENT_finit_module ? current_file((__s32)call.args[0]) : NULL;
}

SEC("tp_btf/module_load")
int BPF_PROG(tp_btf__module_load, struct module *module)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (!scope_has(task))
        return 0;
    module_emit(module, module_file(task), EVENT_module_load);
    module_emit(module, NULL, EVENT_do_init_module);
    return 0;
}

SEC("tp_btf/module_free")
int BPF_PROG(tp_btf__module_free, struct module *module)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (scope_has(task))
        module_emit(module, NULL, EVENT_module_free);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

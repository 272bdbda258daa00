/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probe/internal.h"

static enum hook hook_of(const char *tracepoint)
{
    static const struct {
        const char *name;
        enum hook hook;
    } hooks[] = {
        {"sched_process_exec", HOOK_EXEC}, {"sched_process_exit", HOOK_EXIT}, {"sched_process_fork", HOOK_FORK},
        {"sys_enter", HOOK_SYS_ENTER},     {"sys_exit", HOOK_SYS_EXIT},       {"task_rename", HOOK_RENAME},
    };
    for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
        if (strcmp(hooks[i].name, tracepoint) == 0)
            return hooks[i].hook;
    return HOOK_COUNT;
}

/* Whether a program is there, attached and was seen running; else says why not. */
static bool check(struct probe *probe, struct probe_coverage *row, const char *prefix, const char *name, enum hook hook)
{
    const struct program *program = program_find(probe, prefix, name);
    if (program == NULL) {
        snprintf(row->reason, sizeof(row->reason), "this build has no program %s%s", prefix, name);
        return false;
    }
    if (!program->loaded || !program->attached) {
        snprintf(row->reason, sizeof(row->reason), "%s", program->reason[0] != '\0' ? program->reason : "not loaded");
        return false;
    }
    if (hook < HOOK_COUNT && !probe->seen[hook]) {
        snprintf(row->reason, sizeof(row->reason),
                 "%s%s is attached but did not run in the self-test: the kernel does not call it", prefix, name);
        return false;
    }
    return true;
}

static bool check_handler(struct probe *probe, struct probe_coverage *row, const char *name)
{
    return check(probe, row, "tp_btf__", "sys_exit", HOOK_SYS_EXIT) &&
           check(probe, row, "exit__", name, (enum hook)handler_by_name(name));
}

static void cover(struct probe *probe, struct probe_coverage *row)
{
    const struct event_source *source = &row->event->source;
    switch (source->kind) {
    case SOURCE_TRACEPOINT:
        snprintf(row->source, sizeof(row->source), "tp_btf/%s", source->name);
        row->covered = check(probe, row, "tp_btf__", source->name, hook_of(source->name));
        break;
    case SOURCE_EXIT:
    case SOURCE_SYSCALL:
        snprintf(row->source, sizeof(row->source), "tp_btf/sys_exit");
        row->covered = check_handler(probe, row, source->name);
        break;
    case SOURCE_ENTER_EXIT:
        snprintf(row->source, sizeof(row->source), "tp_btf/sys_enter and tp_btf/sys_exit");
        row->covered = check(probe, row, "tp_btf__", "sys_enter", HOOK_SYS_ENTER) &&
                       check(probe, row, "enter__", source->name, HOOK_COUNT) &&
                       check_handler(probe, row, source->name);
        break;
    case SOURCE_ITERATOR:
        snprintf(row->source, sizeof(row->source), "iter/bpf_map_elem");
        row->covered = check(probe, row, "iter__", source->name, HOOK_COUNT);
        break;
    }
}

void coverage_fill(struct probe *probe)
{
    size_t count;
    const struct event *rows = events_all(&count);
    probe->n_coverage = count < MAX_EVENTS ? count : MAX_EVENTS;
    for (size_t i = 0; i < probe->n_coverage; i++) {
        struct probe_coverage *row = &probe->coverage[i];
        *row = (struct probe_coverage){.event = &rows[i]};
        if (probe->allowed[rows[i].id] || rows[i].source.kind == SOURCE_ITERATOR)
            cover(probe, row);
        else
            snprintf(row->reason, sizeof(row->reason), "not in the operator's list: add it to plan.allow");
    }
}

const struct probe_coverage *probe_coverage(const struct probe *probe, size_t *ret_count)
{
    *ret_count = probe->n_coverage;
    return probe->coverage;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "collector/probe/internal.h"

static const char hook_prefix[] = "tp_btf__";

static const char *const handler_names[HANDLER_COUNT] = {
    "",
#define HANDLER(name_) #name_,
#include "collector/bpf/handlers.def"
};

const char *handler_name(enum handler handler)
{
    return handler_names[handler];
}

enum handler handler_by_name(const char *name)
{
    for (enum handler i = HANDLER_NONE + 1; i < HANDLER_COUNT; i++)
        if (strcmp(handler_names[i], name) == 0)
            return i;
    return HANDLER_NONE;
}

/* Every handler function, as the programs that they are in the plain flavour. */
static const struct {
    const char *name;
    enum handler handler;
    bool at_exit;
} functions[] = {
#define HANDLER(name_)
#define AT_EXIT(name_)  {"exit__" #name_, HANDLER_##name_, true},
#define AT_ENTER(name_) {"enter__" #name_, HANDLER_##name_, false},
#define AT_BOTH(name_)  {"exit__" #name_, HANDLER_##name_, true}, {"enter__" #name_, HANDLER_##name_, false},
#include "collector/bpf/handlers.def"
};

static void list_functions(struct probe *probe)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]) && probe->n_programs < MAX_PROGRAMS; i++)
        snprintf(probe->programs[probe->n_programs++].name, PROGRAM_NAME_BYTES, "%s", functions[i].name);
}

/* Tells the programs which of their functions are wanted. */
static void enable_functions(struct probe *probe)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        const struct program *program = program_find(probe, "", functions[i].name);
        struct vedette__rodata *rodata = probe->skeleton->rodata;
        bool enabled = program != NULL && program->wanted && program->reason[0] == '\0';
        if (functions[i].at_exit)
            rodata->exit_enabled[functions[i].handler] = enabled;
        else
            rodata->enter_enabled[functions[i].handler] = enabled;
    }
}

void programs_list(struct probe *probe)
{
    struct bpf_program *bpf;
    size_t n = 0;
    bpf_object__for_each_program(bpf, probe->skeleton->obj)
    {
        if (n == MAX_PROGRAMS)
            break;
        struct program *program = &probe->programs[n++];
        program->bpf = bpf;
        snprintf(program->name, sizeof(program->name), "%s", bpf_program__name(bpf));
        snprintf(program->section, sizeof(program->section), "%s", bpf_program__section_name(bpf));
    }
    probe->n_programs = n;
    if (bpf_object__find_program_by_name(probe->skeleton->obj, "exit__syscall") == NULL)
        list_functions(probe);
}

struct program *program_find(struct probe *probe, const char *prefix, const char *name)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < probe->n_programs; i++)
        if (strncmp(probe->programs[i].name, prefix, length) == 0 &&
            strcmp(probe->programs[i].name + length, name) == 0)
            return &probe->programs[i];
    return NULL;
}

static void want(struct probe *probe, const char *prefix, const char *name)
{
    struct program *program = program_find(probe, prefix, name);
    if (program != NULL)
        program->wanted = true;
}

static void want_source(struct probe *probe, const struct event_source *source)
{
    switch (source->kind) {
    case SOURCE_TRACEPOINT:
        want(probe, "tp_btf__", source->name);
        break;
    case SOURCE_ENTER_EXIT:
        want(probe, "tp_btf__", "sys_enter");
        want(probe, "enter__", source->name);
        __attribute__((fallthrough));
    case SOURCE_EXIT:
    case SOURCE_SYSCALL:
        want(probe, "tp_btf__", "sys_exit");
        want(probe, "exit__", source->name);
        break;
    case SOURCE_ENTER:
    case SOURCE_SYSCALL_ENTER:
        want(probe, "tp_btf__", "sys_enter");
        want(probe, "enter__", source->name);
        break;
    case SOURCE_ITERATOR:
        want(probe, "iter__", source->name);
        break;
    case SOURCE_DERIVED:
    case SOURCE_NONE:
        break;
    }
}

/*
 * A tracepoint that this kernel has not would refuse the whole object, and each further try is a whole load: its
 * parameters' type is looked for in the kernel's BTF, as libbpf does.
 */
static void refuse_unknown_hooks(struct probe *probe)
{
    char name[96];
    for (size_t i = 0; probe->btf != NULL && i < probe->n_programs; i++) {
        struct program *program = &probe->programs[i];
        if (!program->wanted || strncmp(program->name, "tp_btf__", 8) != 0)
            continue;
        snprintf(name, sizeof(name), "btf_trace_%s", program->name + 8);
        if (btf__find_by_name_kind(probe->btf, name, BTF_KIND_TYPEDEF) < 0)
            snprintf(program->reason, sizeof(program->reason), "this kernel has no tracepoint %s",
                     name + sizeof("btf_trace_") - 1);
    }
}

void programs_choose(struct probe *probe)
{
    size_t count;
    const struct event *rows = events_all(&count);
    want(probe, "iter__", "processes"); /* the scope's identity and every snapshot */
    if (probe->scope == SCOPE_TREE || probe->scope == SCOPE_CHILDREN)
        want(probe, "tp_btf__", "sched_process_fork"); /* hands the scope down */
    for (size_t i = 0; i < count; i++)
        for (uint8_t s = 0; s < rows[i].n_sources && probe->allowed[rows[i].id]; s++)
            want_source(probe, &rows[i].sources[s]);
    if (probe->plain)
        want(probe, "tp_btf__", "sched_process_exit"); /* forgets what is kept with a task */
    struct program *exec = program_find(probe, "tp_btf__", "sched_process_exec");
    if (exec != NULL && exec->wanted)
        want(probe, "tp_btf__", "task_rename"); /* prev_comm */
    refuse_unknown_hooks(probe);
    for (size_t i = 0; i < probe->n_programs; i++)
        if (probe->programs[i].bpf != NULL)
            bpf_program__set_autoload(probe->programs[i].bpf,
                                      probe->programs[i].wanted && probe->programs[i].reason[0] == '\0');
    enable_functions(probe);
}

static void fill_handlers(struct probe *probe, struct bpf_map *map, const char *prefix)
{
    for (uint32_t i = HANDLER_NONE + 1; i < HANDLER_COUNT; i++) {
        struct program *program = program_find(probe, prefix, handler_names[i]);
        if (program == NULL || !program->loaded)
            continue;
        if (program->bpf == NULL) {
            program->attached = true;
            continue;
        }
        int fd = bpf_program__fd(program->bpf);
        if (bpf_map_update_elem(bpf_map__fd(map), &i, &fd, BPF_ANY) == 0)
            program->attached = true;
        else
            snprintf(program->reason, sizeof(program->reason), "the kernel refused it as a tail call: %s",
                     strerror(errno));
    }
}

static void attach_hook(struct program *program)
{
    program->link = bpf_program__attach(program->bpf);
    if (program->link != NULL) {
        program->attached = true;
        return;
    }
    snprintf(program->reason, sizeof(program->reason), "%s could not be attached: %s",
             bpf_program__section_name(program->bpf), strerror(errno));
}

void programs_attach(struct probe *probe)
{
    fill_handlers(probe, probe->skeleton->maps.exit_handlers, "exit__");
    fill_handlers(probe, probe->skeleton->maps.enter_handlers, "enter__");
    /* The fork hook first: from then on no descendant of the scope is missed. */
    struct program *fork = program_find(probe, "tp_btf__", "sched_process_fork");
    if (fork != NULL && fork->loaded)
        attach_hook(fork);
    for (size_t i = 0; i < probe->n_programs; i++) {
        struct program *program = &probe->programs[i];
        if (program->loaded && program != fork && strncmp(program->name, "tp_btf__", 8) == 0)
            attach_hook(program);
    }
}

static enum probe_preemptible preemptible(uint8_t seen)
{
    return (seen & SEEN_PREEMPTIBLE) != 0       ? PROBE_PREEMPTIBLE_YES
           : (seen & SEEN_NOT_PREEMPTIBLE) != 0 ? PROBE_PREEMPTIBLE_NO
                                                : PROBE_PREEMPTIBLE_UNKNOWN;
}

static bool is_tracepoint(const struct program *program)
{
    return strncmp(program->name, hook_prefix, strlen(hook_prefix)) == 0;
}

static void add_hook(struct probe *probe, const struct program *program)
{
    enum hook hook = is_tracepoint(program) ? hook_of(program->name + strlen(hook_prefix)) : HOOK_COUNT;
    probe->hook_fds[probe->n_all_hooks] = -1;
    probe->hooks[probe->n_all_hooks++] = (struct probe_hook){
        .name = program->section,
        .attached = program->attached,
        .reason = program->attached            ? ""
                  : program->reason[0] != '\0' ? program->reason
                                               : "not loaded",
        .self_test = program->attached ? hook_self_test(probe, hook) : PROBE_NOT_RUN,
        .preemptible = hook < HOOK_COUNT ? preemptible(probe->seen[hook]) : PROBE_PREEMPTIBLE_UNKNOWN,
    };
}

/* Handlers run under their dispatcher: a skipped dispatcher is the miss. */
void programs_list_hooks(struct probe *probe)
{
    for (size_t i = 0; i < probe->n_programs; i++) {
        const struct program *program = &probe->programs[i];
        if (program->link == NULL)
            continue;
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", resident_keep(probe, bpf_program__fd(program->bpf)));
        add_hook(probe, program);
        probe->hook_fds[probe->n_hooks++] = open(path, O_RDONLY | O_CLOEXEC);
    }
    for (size_t i = 0; i < probe->n_programs; i++)
        if (probe->programs[i].wanted && probe->programs[i].link == NULL && is_tracepoint(&probe->programs[i]))
            add_hook(probe, &probe->programs[i]);
    size_t count;
    probe_read_misses(probe, &count);
}

const struct probe_hook *probe_hooks(const struct probe *probe, size_t *ret_count)
{
    *ret_count = probe->n_all_hooks;
    return probe->hooks;
}

const struct probe_hook *probe_read_misses(struct probe *probe, size_t *ret_count)
{
    for (size_t i = 0; i < probe->n_hooks; i++) {
        char text[2048];
        ssize_t n = probe->hook_fds[i] >= 0 ? pread(probe->hook_fds[i], text, sizeof(text) - 1, 0) : -1;
        text[n > 0 ? n : 0] = '\0';
        const char *at = strstr(text, "recursion_misses:");
        probe->hooks[i].counted = at != NULL;
        if (at != NULL)
            probe->hooks[i].misses = strtoull(at + strlen("recursion_misses:"), NULL, 10);
    }
    *ret_count = probe->n_hooks;
    return probe->hooks;
}

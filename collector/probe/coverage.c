/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probe/internal.h"

enum { WORDS_BYTES = 320 };

/* Most rows say what another says: each saying is kept once. */
__attribute__((format(printf, 3, 4))) static void say(struct probe *probe, const char **ret_words, const char *format,
                                                      ...)
{
    char text[WORDS_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (struct words *words = probe->words; words != NULL; words = words->next)
        if (strcmp(words->text, text) == 0) {
            *ret_words = words->text;
            return;
        }
    struct words *words = malloc(sizeof(*words) + strlen(text) + 1);
    *ret_words = words != NULL ? words->text : "not enough memory to say";
    if (words == NULL)
        return;
    memcpy(words->text, text, strlen(text) + 1);
    words->next = probe->words;
    probe->words = words;
}

void coverage_free(struct probe *probe)
{
    while (probe->words != NULL) {
        struct words *words = probe->words;
        probe->words = words->next;
        free(words);
    }
}

enum hook hook_of(const char *tracepoint)
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

enum probe_self_test hook_self_test(const struct probe *probe, enum hook hook)
{
    if (hook >= HOOK_COUNT || probe->unproven[hook])
        return PROBE_NOT_RUN;
    return probe->seen[hook] != 0 ? PROBE_PASSED : PROBE_FAILED;
}

/* Whether a program is there, attached and was seen running; else says why not. */
static bool check(struct probe *probe, struct probe_coverage *row, const char *prefix, const char *name, enum hook hook)
{
    const struct program *program = program_find(probe, prefix, name);
    if (program == NULL) {
        say(probe, &row->reason, "this build has no program %s%s", prefix, name);
        return false;
    }
    if (!program->loaded || !program->attached) {
        say(probe, &row->reason, "%s", program->reason[0] != '\0' ? program->reason : "not loaded");
        return false;
    }
    enum probe_self_test self_test = hook_self_test(probe, hook);
    if (self_test > row->self_test)
        row->self_test = self_test;
    if (self_test == PROBE_FAILED) {
        say(probe, &row->reason, "%s%s is attached but did not run in the self-test: the kernel does not call it",
            prefix, name);
        return false;
    }
    return true;
}

static bool check_handler(struct probe *probe, struct probe_coverage *row, const char *name)
{
    return check(probe, row, "tp_btf__", "sys_exit", HOOK_SYS_EXIT) &&
           check(probe, row, "exit__", name, (enum hook)handler_by_name(name));
}

/* A 32-bit ARM program may still make such a call: what handlers show of it (security_file_open ...) is shown. */
static bool check_is_call(struct probe *probe, struct probe_coverage *row)
{
#if defined(__aarch64__)
    const char *name = syscall_name(row->event->id);
    const struct syscall_numbers *numbers = name != NULL ? syscall_by_name(name, strlen(name)) : NULL;
    if (event_is_syscall(row->event) && (numbers == NULL || syscall_native(numbers) < 0)) {
        say(probe, &row->reason, "no such call on arm64");
        return false;
    }
#else
    (void)probe, (void)row; /* int 0x80 and 32-bit programs make those that x86-64 has not */
#endif
    return true;
}

static bool check_calls(struct probe *probe, struct probe_coverage *row, const struct event_source *source)
{
    bool enter =
        source->kind == SOURCE_ENTER || source->kind == SOURCE_ENTER_EXIT || source->kind == SOURCE_SYSCALL_ENTER;
    bool exit = source->kind != SOURCE_ENTER && source->kind != SOURCE_SYSCALL_ENTER;
    say(probe, &row->source, "%s",
        enter && exit ? "tp_btf/sys_enter and tp_btf/sys_exit"
        : enter       ? "tp_btf/sys_enter"
                      : "tp_btf/sys_exit");
    if (!check_is_call(probe, row))
        return false;
    if (enter && !(check(probe, row, "tp_btf__", "sys_enter", HOOK_SYS_ENTER) &&
                   check(probe, row, "enter__", source->name, HOOK_COUNT)))
        return false;
    return !exit || check_handler(probe, row, source->name);
}

/* The modules come from a file, with the record that the iterator begins them by. */
static bool check_iterator(struct probe *probe, struct probe_coverage *row, const struct event_source *source)
{
    const char *reason;
    bool is_file = row->event->id == EVENT_existing_module;
    say(probe, &row->source, "%s", is_file ? "/proc/modules" : "iter/bpf_map_elem");
    if (!check(probe, row, "iter__", source->name, HOOK_COUNT))
        return false;
    if (!is_file || modules_are_there(probe->modules, &reason))
        return true;
    say(probe, &row->reason, "%s", reason);
    return false;
}

static bool check_source(struct probe *probe, struct probe_coverage *row, const struct event_source *source)
{
    switch (source->kind) {
    case SOURCE_TRACEPOINT:
        say(probe, &row->source, "tp_btf/%s", source->name);
        return check(probe, row, "tp_btf__", source->name, hook_of(source->name));
    case SOURCE_ITERATOR:
        return check_iterator(probe, row, source);
    case SOURCE_EXIT:
    case SOURCE_ENTER:
    case SOURCE_ENTER_EXIT:
    case SOURCE_SYSCALL:
    case SOURCE_SYSCALL_ENTER:
        return check_calls(probe, row, source);
    case SOURCE_DERIVED:
        say(probe, &row->source, "made from %s", source->name);
        return true; /* as far as its own event is covered: derive_coverage */
    case SOURCE_NONE:
        say(probe, &row->source, "none");
        say(probe, &row->reason, "%s", source->name);
        return false;
    }
    return false;
}

/* What a call shows is what its caller asked for: who asks without a call, as io_uring and the kernel itself, is not
 * in it. */
static bool is_seen_at_calls(const struct event_source *source)
{
    return source->kind == SOURCE_EXIT || source->kind == SOURCE_ENTER || source->kind == SOURCE_ENTER_EXIT;
}

static void say_better(struct probe *probe, struct probe_coverage *row)
{
    const struct event *event = row->event;
    if (row->better[0] != '\0' || event->losses[0] == '\0' || event_is_syscall(event) || !is_seen_at_calls(row->taken))
        return;
    say(probe, &row->better, "%s: not in this build",
        event_in_set(event, "lsm_hooks") ? "an LSM hook, which sees every caller and the kernel's own objects"
                                         : "a hook inside the kernel, which sees every caller");
}

/* The first source that works; when none does, the last one's reason stays. */
static void cover(struct probe *probe, struct probe_coverage *row)
{
    for (uint8_t i = 0; i < row->event->n_sources && !row->covered; i++) {
        if (i == 1) /* the best is not to be had */
            say(probe, &row->better, "%s: %s", row->source, row->reason);
        row->self_test = PROBE_SELF_TEST_UNKNOWN;
        row->taken = &row->event->sources[i];
        row->covered = check_source(probe, row, row->taken);
    }
    if (row->covered) {
        row->reason = "";
        say_better(probe, row);
    } else {
        row->better = ""; /* the reason says what is needed */
    }
    if (row->self_test == PROBE_SELF_TEST_UNKNOWN || (!row->covered && row->self_test == PROBE_PASSED))
        row->self_test = PROBE_NOT_RUN;
}

/* What is made of an event is covered when that event is. Never of one that is derived itself by more than one step. */
static void derive_coverage(struct probe *probe, struct probe_coverage *row)
{
    if (!row->covered || row->taken->kind != SOURCE_DERIVED)
        return;
    for (size_t i = 0; i < probe->n_coverage; i++) {
        const struct probe_coverage *from = &probe->coverage[i];
        if (strcmp(from->event->name, row->taken->name) != 0)
            continue;
        row->self_test = from->self_test;
        if (from->covered)
            continue;
        row->covered = false;
        say(probe, &row->reason, "%s is not covered: %.100s", row->taken->name, from->reason);
    }
}

static bool is_always_allowed(const struct event *event)
{
    return event->sources[0].kind == SOURCE_ITERATOR || event->sources[0].kind == SOURCE_NONE;
}

void coverage_fill(struct probe *probe)
{
    size_t count;
    const struct event *rows = events_all(&count);
    probe->n_coverage = count < MAX_EVENTS ? count : MAX_EVENTS;
    for (size_t i = 0; i < probe->n_coverage; i++) {
        struct probe_coverage *row = &probe->coverage[i];
        *row = (struct probe_coverage){.event = &rows[i],
                                       .taken = &rows[i].sources[0],
                                       .self_test = PROBE_NOT_RUN,
                                       .source = "",
                                       .reason = "",
                                       .better = ""};
        if (probe->allowed[rows[i].id] || is_always_allowed(&rows[i]))
            cover(probe, row);
        else
            say(probe, &row->reason, "not in the operator's list: add it to plan.allow");
    }
    for (size_t i = 0; i < probe->n_coverage; i++)
        derive_coverage(probe, &probe->coverage[i]);
}

const struct probe_coverage *probe_coverage(const struct probe *probe, size_t *ret_count)
{
    *ret_count = probe->n_coverage;
    return probe->coverage;
}

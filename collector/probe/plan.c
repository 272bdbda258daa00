/* SPDX-License-Identifier: Apache-2.0 */
/* From event ids to bytes that the programs look at. Plain stores into mapped memory: a program sees the old byte or
 * the new one. */
#include "collector/probe/internal.h"

static void put(uint8_t *at, uint8_t value)
{
    if (*at != value)
        __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

/* Calls back for every syscall of a handler's list. */
static void add_handler(const struct event_source *source, uint8_t table[SYSCALL_LIMIT])
{
    uint8_t handler = (uint8_t)handler_by_name(source->name);
    for (const char *at = source->syscalls; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, " ");
        const struct syscall_numbers *numbers = syscall_by_name(at, length);
        if (numbers != NULL && numbers->x86_64 >= 0 && numbers->x86_64 < SYSCALL_LIMIT)
            table[numbers->x86_64] = (uint8_t)((table[numbers->x86_64] & ~ACTION_HANDLER_MASK) | handler);
        at += length + (at[length] == ' ');
    }
}

static bool any_reading(const struct vedette__rodata *rodata, const uint8_t table[SYSCALL_LIMIT], size_t raw)
{
    if (raw < SYSCALL_LIMIT) {
        uint16_t i386 = rodata->calls.from_i386[raw];
        return table[raw] != 0 || (i386 != NO_SYSCALL && table[i386] != 0);
    }
    if (raw - X32_FIRST >= X32_LIMIT)
        return false;
    uint16_t x32 = rodata->calls.from_x32[raw - X32_FIRST];
    return x32 != NO_SYSCALL && table[x32] != 0;
}

void plan_store_calls(struct probe *probe, const uint8_t on_exit[SYSCALL_LIMIT], const uint8_t on_enter[SYSCALL_LIMIT])
{
    struct vedette__bss *bss = probe->skeleton->bss;
    for (size_t i = 0; i < SYSCALL_LIMIT; i++) {
        put(&bss->plan.on_exit[i], on_exit[i]);
        put(&bss->plan.on_enter[i], on_enter[i]);
    }
    for (size_t raw = 0; raw < CALL_LIMIT; raw++) {
        put(&bss->exit_wanted[raw], any_reading(probe->skeleton->rodata, on_exit, raw));
        put(&bss->enter_wanted[raw], any_reading(probe->skeleton->rodata, on_enter, raw));
    }
}

static bool is_usable(const struct probe *probe, const struct event *event)
{
    for (size_t i = 0; i < probe->n_coverage; i++)
        if (probe->coverage[i].event == event)
            return probe->coverage[i].covered;
    return false;
}

void plan_store(struct probe *probe, const uint8_t selected[EVENT_ID_LIMIT], uint32_t epoch)
{
    struct vedette__bss *bss = probe->skeleton->bss;
    uint8_t effective[EVENT_ID_LIMIT] = {0}, on_exit[SYSCALL_LIMIT] = {0}, on_enter[SYSCALL_LIMIT] = {0};
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct event *row = &rows[i];
        if (!selected[row->id] || !is_usable(probe, row))
            continue;
        effective[row->id] = 1;
        if (row->source.kind == SOURCE_SYSCALL && row->id < SYSCALL_LIMIT)
            on_exit[row->id] |= ACTION_EVENT;
        if (row->source.kind == SOURCE_EXIT || row->source.kind == SOURCE_ENTER_EXIT)
            add_handler(&row->source, on_exit);
        if (row->source.kind == SOURCE_ENTER_EXIT)
            add_handler(&row->source, on_enter);
    }
    /* New events first, then the calls that lead to them; what is no longer selected is refused by its own byte at
     * once. */
    for (size_t i = 0; i < EVENT_ID_LIMIT; i++)
        put(&bss->plan.selected[i], effective[i]);
    plan_store_calls(probe, on_exit, on_enter);
    __atomic_store_n(&bss->plan.epoch, epoch, __ATOMIC_RELEASE);
}

void probe_apply_plan(struct probe *probe, const struct plan_request *plan)
{
    plan_store(probe, plan->selected, plan->epoch);
}

uint32_t probe_plan_epoch(const struct probe *probe)
{
    return __atomic_load_n(&probe->skeleton->bss->plan.epoch, __ATOMIC_ACQUIRE);
}

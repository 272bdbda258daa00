/* SPDX-License-Identifier: Apache-2.0 */
/* From event ids to bytes that the programs look at. Plain stores into mapped memory: a program sees the old byte or
 * the new one. */
#include "collector/probe/internal.h"

static void put(uint8_t *at, uint8_t value)
{
    if (*at != value)
        __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

static void put_chain(uint64_t *at, uint64_t value)
{
    if (*at != value)
        __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

bool chain_add(uint64_t *chain, enum handler handler)
{
    uint64_t rest = *chain, before = 0;
    int place = 0;
    for (; (rest & 0xff) != 0 && (rest & 0xff) <= handler; place++, rest >>= 8) {
        if ((rest & 0xff) == handler)
            return true;
        before |= (rest & 0xff) << 8 * place;
    }
    if (*chain >> 8 * (CHAIN_HANDLERS - 1) != 0)
        return false;
    *chain = before | (uint64_t)handler << 8 * place | (place + 1 < CHAIN_HANDLERS ? rest << 8 * (place + 1) : 0);
    return true;
}

/* Adds a handler to every call of its list. */
static void add_handler(const struct event_source *source, uint64_t table[SYSCALL_LIMIT])
{
    enum handler handler = handler_by_name(source->name);
    if (handler == HANDLER_NONE)
        return;
    if (strcmp(source->syscalls, "*") == 0) {
        for (size_t i = 0; i < SYSCALL_LIMIT; i++)
            chain_add(&table[i], handler);
        return;
    }
    for (const char *at = source->syscalls; *at != '\0';) {
        size_t length = strcspn(at, " ");
        const struct syscall_numbers *numbers = syscall_by_name(at, length);
        if (numbers != NULL)
            chain_add(&table[numbers->x86_64], handler);
        at += length + (at[length] == ' ');
    }
}

static bool any_reading(const struct vedette__rodata *rodata, const uint64_t table[SYSCALL_LIMIT], size_t raw)
{
    if (raw < X32_FIRST) {
        uint16_t native = rodata->calls.from_native[raw], compat = rodata->calls.from_compat[raw];
        return (native != NO_SYSCALL && table[native] != 0) || (compat != NO_SYSCALL && table[compat] != 0);
    }
    if (raw - X32_FIRST >= X32_LIMIT)
        return false;
    uint16_t x32 = rodata->calls.from_x32[raw - X32_FIRST];
    return x32 != NO_SYSCALL && table[x32] != 0;
}

void plan_store_calls(struct probe *probe, const uint64_t on_exit[SYSCALL_LIMIT],
                      const uint64_t on_enter[SYSCALL_LIMIT])
{
    struct vedette__bss *bss = probe->bss;
    for (size_t i = 0; i < SYSCALL_LIMIT; i++) {
        put_chain(&bss->plan.on_exit[i], on_exit[i]);
        put_chain(&bss->plan.on_enter[i], on_enter[i]);
    }
    for (size_t raw = 0; raw < CALL_LIMIT; raw++) {
        put(&bss->exit_wanted[raw], any_reading(probe->rodata, on_exit, raw));
        put(&bss->enter_wanted[raw], any_reading(probe->rodata, on_enter, raw));
    }
}

/* Where row `index` of the table comes from, NULL if it is not covered; coverage has the table's order. */
static const struct event_source *source_of(const struct probe *probe, size_t index)
{
    const struct probe_coverage *row = &probe->coverage[index];
    return index < probe->n_coverage && row->covered ? row->taken : NULL;
}

static void add_calls(const struct event *row, const struct event_source *source, uint64_t on_exit[SYSCALL_LIMIT],
                      uint64_t on_enter[SYSCALL_LIMIT])
{
    if (source->kind == SOURCE_SYSCALL)
        chain_add(&on_exit[row->id], HANDLER_syscall);
    if (source->kind == SOURCE_SYSCALL_ENTER)
        chain_add(&on_enter[row->id], HANDLER_syscall);
    if (source->kind == SOURCE_EXIT || source->kind == SOURCE_ENTER_EXIT)
        add_handler(source, on_exit);
    if (source->kind == SOURCE_ENTER || source->kind == SOURCE_ENTER_EXIT)
        add_handler(source, on_enter);
}

void plan_store(struct probe *probe, const uint8_t selected[EVENT_ID_LIMIT], uint32_t epoch)
{
    struct vedette__bss *bss = probe->bss;
    uint8_t effective[EVENT_ID_LIMIT] = {0};
    uint64_t on_exit[SYSCALL_LIMIT] = {0}, on_enter[SYSCALL_LIMIT] = {0};
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct event_source *source = selected[rows[i].id] ? source_of(probe, i) : NULL;
        if (source == NULL)
            continue;
        effective[rows[i].id] = 1;
        add_calls(&rows[i], source, on_exit, on_enter);
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
    return __atomic_load_n(&probe->bss->plan.epoch, __ATOMIC_ACQUIRE);
}

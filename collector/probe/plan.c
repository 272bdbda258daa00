/* SPDX-License-Identifier: Apache-2.0 */
/* From event ids to bytes that the programs look at. Plain stores into mapped memory: a program sees the old byte or
 * the new one. */
#include "collector/probe/internal.h"
#include "collector/watch_key.h"

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

/* The events that the programs can tell apart, and their places in the table's words. */
static const uint16_t watchable[WATCH_EVENT_COUNT] = {
    [WATCH_security_file_open] = EVENT_security_file_open,
    [WATCH_magic_write] = EVENT_magic_write,
    [WATCH_vfs_read] = EVENT_vfs_read,
    [WATCH_vfs_readv] = EVENT_vfs_readv,
    [WATCH_vfs_write] = EVENT_vfs_write,
    [WATCH_vfs_writev] = EVENT_vfs_writev,
    [WATCH_security_mmap_file] = EVENT_security_mmap_file,
    [WATCH_shared_object_loaded] = EVENT_shared_object_loaded,
};

static int watch_event_of(uint16_t id)
{
    for (int i = 0; i < WATCH_EVENT_COUNT; i++)
        if (watchable[i] == id)
            return i;
    return -1;
}

/* False when there is no slot where the programs would look. */
static bool watch_add(struct watch_table *table, const struct watch_row *row, uint32_t wants)
{
    uint64_t text[WATCH_WORDS] = {0};
    memcpy(text, row->text, row->length < WATCH_TEXT ? row->length : WATCH_TEXT);
    const uint64_t key = watch_key(row->part, text);
    table->of_part[row->part] |= wants;
    for (unsigned bit = 0; row->part == WATCH_DIRECTORY && bit < WATCH_EVENTS * WATCH_ACCESS_BITS; bit++)
        table->lengths[bit] |= (wants >> bit & 1) != 0 ? watch_length_bit(row->length) : 0;
    if (row->part == WATCH_ANYTHING)
        return true;
    for (uint32_t i = 0; i < WATCH_PROBES; i++) {
        const uint32_t slot = ((uint32_t)key + i) & (WATCH_SLOTS - 1);
        if (table->key[slot] != 0 && table->key[slot] != key)
            continue;
        table->key[slot] = key;
        table->wants[slot] |= wants;
        return true;
    }
    return false;
}

/* Rows come from another process: what is beyond the bounds is taken as a wish for all of its event. */
static void watch_fill(struct watch_table *table, const struct plan_request *plan, uint8_t effective[EVENT_ID_LIMIT])
{
    const uint32_t every = (1u << WATCH_ACCESS_BITS) - 1;
    memset(table, 0, sizeof(*table));
    for (size_t i = 0; i < plan->n_watches && i < WATCH_ROWS; i++) {
        const struct watch_row *row = &plan->watch[i];
        const int event = watch_event_of(row->event_id);
        if (event < 0)
            continue;
        const uint32_t access = row->access == 0 ? every : row->access & every;
        if (row->part >= WATCH_PARTS || !watch_add(table, row, access << (unsigned)event * WATCH_ACCESS_BITS))
            effective[row->event_id] = effective[row->event_id] != 0 ? SELECTED_ALL : SELECTED_NOT;
    }
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if (effective[id] == SELECTED_WATCHED && watch_event_of((uint16_t)id) < 0)
            effective[id] = SELECTED_ALL;
}

/*
 * The same of scopes: the programs mask what they look up with, so that nonsense leaves out events, and nothing else.
 * An event with a scope of which not all values are looked at is everybody's.
 */
static void scopes_fill(struct scope_table *table, const struct plan_request *plan, uint32_t most,
                        uint8_t effective[EVENT_ID_LIMIT])
{
    uint32_t cut = 0;
    *table = plan->scopes;
    for (uint32_t i = most; i < table->n_values && cut != UINT32_MAX; i++)
        cut |= i < SCOPE_VALUES ? 1u << (table->value[i].scope & (PLAN_SCOPES - 1)) : UINT32_MAX;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++) {
        if ((table->of_event[id] & cut) != 0)
            table->of_event[id] = 0;
        if (effective[id] != SELECTED_NOT && table->of_event[id] != 0)
            effective[id] |= SELECTED_SCOPED;
    }
    table->n_values = table->n_values < most ? table->n_values : most;
}

static void put_selected(struct vedette__bss *bss, const uint8_t effective[EVENT_ID_LIMIT], bool watched)
{
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        if ((effective[id] & SELECTED_WATCHED) == (watched ? SELECTED_WATCHED : 0))
            put(&bss->plan.selected[id], effective[id]);
}

/*
 * The tables that are not in use are written, then the programs are turned to them. One that began before finds the old
 * ones whole, unless it sleeps through two plans. An event that is no longer told apart by rows is selected before, one
 * that now is after: between the two, more is let through, never less. Scopes need no such order: of an event that has
 * none in the table at hand everybody's are let through.
 */
static void tables_store(struct probe *probe, const struct plan_request *plan, uint8_t effective[EVENT_ID_LIMIT])
{
    struct vedette__bss *bss = probe->bss;
    const uint32_t next = (bss->plan.in_use & 1) ^ 1;
    watch_fill(&bss->plan.watch[next], plan, effective);
    scopes_fill(&bss->plan.scopes[next], plan, probe->plain ? SCOPE_VALUES_PLAIN : SCOPE_VALUES, effective);
    put_selected(bss, effective, false);
    __atomic_store_n(&bss->plan.in_use, next, __ATOMIC_RELEASE);
    put_selected(bss, effective, true);
}

void probe_apply_plan(struct probe *probe, const struct plan_request *plan)
{
    struct vedette__bss *bss = probe->bss;
    uint8_t effective[EVENT_ID_LIMIT] = {0};
    uint64_t on_exit[SYSCALL_LIMIT] = {0}, on_enter[SYSCALL_LIMIT] = {0};
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct event_source *source = plan->selected[rows[i].id] ? source_of(probe, i) : NULL;
        if (source == NULL)
            continue;
        effective[rows[i].id] = plan->selected[rows[i].id];
        add_calls(&rows[i], source, on_exit, on_enter);
    }
    /* New events first, then the calls that lead to them; what is no longer selected is refused by its own byte at
     * once. */
    tables_store(probe, plan, effective);
    plan_store_calls(probe, on_exit, on_enter);
    __atomic_store_n(&bss->plan.epoch, plan->epoch, __ATOMIC_RELEASE);
}

uint32_t probe_plan_epoch(const struct probe *probe)
{
    return __atomic_load_n(&probe->bss->plan.epoch, __ATOMIC_ACQUIRE);
}

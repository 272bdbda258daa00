// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/processes.h"

#include <errno.h>

#include "analyzer/state/hash.h"

#include <utlist.h>

struct identity {
    uint64_t start_ns;
    uint64_t tgid; /* 64 bits, so that the key has no padding */
};

struct entry {
    struct process process; /* first: an entry is found by its process */
    struct identity identity;
    UT_hash_handle hh;
    struct entry *older;       /* same tgid, started before */
    struct entry *prev, *next; /* in `alive` by age of the entry, or in `exited` by exit */
};

struct same_tgid {
    uint32_t tgid;
    struct entry *newest;
    size_t count;
    UT_hash_handle hh;
};

struct process_table {
    struct entry *by_identity;
    struct same_tgid *by_tgid;
    struct entry *alive, *exited;
    size_t count, limit;
    uint64_t evicted;
    struct entry *last; /* events come in runs of one process */
};

struct process_table *processes_new(size_t limit)
{
    struct process_table *table = calloc(1, sizeof(*table));
    if (table != NULL)
        table->limit = limit;
    return table;
}

static struct same_tgid *find_tgid(const struct process_table *table, uint32_t tgid)
{
    struct same_tgid *found;
    HASH_FIND(hh, table->by_tgid, &tgid, sizeof(tgid), found);
    return found;
}

static void unlink_tgid(struct process_table *table, struct entry *entry)
{
    struct same_tgid *same = find_tgid(table, entry->process.tgid);
    if (same == NULL)
        return;
    struct entry **at = &same->newest;
    while (*at != NULL && *at != entry)
        at = &(*at)->older;
    if (*at == entry) {
        *at = entry->older;
        same->count--;
    }
    if (same->newest == NULL) {
        HASH_DELETE(hh, table->by_tgid, same);
        free(same);
    }
}

static bool link_tgid(struct process_table *table, struct entry *entry)
{
    struct same_tgid *same = find_tgid(table, entry->process.tgid);
    if (same == NULL) {
        same = calloc(1, sizeof(*same));
        if (same == NULL)
            return false;
        same->tgid = entry->process.tgid;
        HASH_ADD(hh, table->by_tgid, tgid, sizeof(same->tgid), same);
        if (same->hh.tbl == NULL) {
            free(same);
            return false;
        }
    }
    struct entry **at = &same->newest;
    while (*at != NULL && (*at)->process.start_ns > entry->process.start_ns)
        at = &(*at)->older;
    entry->older = *at;
    *at = entry;
    same->count++;
    return true;
}

static void entry_free(struct entry *entry)
{
    free(entry->process.executable);
    free(entry->process.argv);
    free(entry);
}

static void forget(struct process_table *table, struct entry *entry)
{
    if (entry->process.exit_ns != 0)
        DL_DELETE(table->exited, entry);
    else
        DL_DELETE(table->alive, entry);
    unlink_tgid(table, entry);
    HASH_DELETE(hh, table->by_identity, entry);
    table->count--;
    if (table->last == entry)
        table->last = NULL;
    entry_free(entry);
}

/* The chain of a tgid is walked for each new start time: it stays short, and the new entry stays in it. */
static void shorten_tgid(struct process_table *table, const struct entry *made)
{
    const struct same_tgid *same = find_tgid(table, made->process.tgid);
    struct entry *oldest = NULL;
    if (same == NULL || same->count <= STATE_MAX_SAME_TGID)
        return;
    for (struct entry *entry = same->newest; entry != NULL; entry = entry->older)
        if (entry != made)
            oldest = entry;
    forget(table, oldest);
    table->evicted++;
}

void processes_free(struct process_table *table)
{
    if (table == NULL)
        return;
    struct entry *entry, *next;
    HASH_ITER(hh, table->by_identity, entry, next)
    {
        forget(table, entry);
    }
    free(table);
}

struct process *processes_find(const struct process_table *table, uint32_t tgid, uint64_t start_ns)
{
    if (start_ns == 0) {
        struct same_tgid *same = find_tgid(table, tgid);
        return same == NULL ? NULL : &same->newest->process;
    }
    struct identity identity = {.start_ns = start_ns, .tgid = tgid};
    struct entry *entry;
    HASH_FIND(hh, table->by_identity, &identity, sizeof(identity), entry);
    return entry == NULL ? NULL : &entry->process;
}

static struct process *make(struct process_table *table, uint32_t tgid, uint64_t start_ns)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->identity = (struct identity){.start_ns = start_ns, .tgid = tgid};
    entry->process.tgid = tgid;
    entry->process.start_ns = start_ns;
    HASH_ADD(hh, table->by_identity, identity, sizeof(entry->identity), entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return NULL;
    }
    if (!link_tgid(table, entry)) {
        HASH_DELETE(hh, table->by_identity, entry);
        free(entry);
        return NULL;
    }
    DL_APPEND(table->alive, entry);
    table->count++;
    shorten_tgid(table, entry);
    return &entry->process;
}

struct process *processes_get(struct process_table *table, uint32_t tgid, uint64_t start_ns, bool *ret_made)
{
    struct entry *last = table->last;
    *ret_made = false;
    if (last != NULL && last->process.tgid == tgid && last->process.start_ns == start_ns)
        return &last->process;
    struct process *process = start_ns == 0 ? NULL : processes_find(table, tgid, start_ns);
    if (process == NULL) {
        struct process *before = processes_find(table, tgid, 0);
        /* Without a start time the newest of that number is all that can be meant. */
        if (before != NULL && start_ns == 0)
            return before;
        while (table->count >= table->limit) {
            forget(table, table->exited != NULL ? table->exited : table->alive);
            table->evicted++;
        }
        process = make(table, tgid, start_ns);
        if (process == NULL)
            return NULL;
        *ret_made = true;
        struct entry *entry = (struct entry *)process;
        if (entry->older != NULL && entry->older->process.exit_ns == 0)
            processes_exit(table, &entry->older->process, start_ns);
    }
    table->last = (struct entry *)process;
    return process;
}

void processes_exit(struct process_table *table, struct process *process, uint64_t exit_ns)
{
    if (process->exit_ns != 0 || exit_ns == 0)
        return;
    struct entry *entry = (struct entry *)process;
    DL_DELETE(table->alive, entry);
    process->exit_ns = exit_ns;
    DL_APPEND(table->exited, entry);
}

void processes_expire(struct process_table *table, uint64_t before_ns)
{
    while (table->exited != NULL && table->exited->process.exit_ns < before_ns)
        forget(table, table->exited);
}

size_t processes_count(const struct process_table *table)
{
    return table->count;
}

uint64_t processes_evicted(const struct process_table *table)
{
    return table->evicted;
}

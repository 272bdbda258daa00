// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/containers.h"

#include "analyzer/state/container.h"
#include "analyzer/state/hash.h"

struct known {
    uint64_t cgroup_id;
    struct container container;
    UT_hash_handle hh; /* uthash keeps the order of insertion: the head is the oldest */
};

struct container_table {
    struct known *by_cgroup;
    size_t limit;
    uint64_t evicted;
};

struct container_table *containers_new(size_t limit)
{
    struct container_table *table = calloc(1, sizeof(*table));
    if (table != NULL)
        table->limit = limit;
    return table;
}

static void forget(struct container_table *table, struct known *known)
{
    HASH_DELETE(hh, table->by_cgroup, known);
    free(known);
}

void containers_free(struct container_table *table)
{
    if (table == NULL)
        return;
    struct known *known, *next;
    HASH_ITER(hh, table->by_cgroup, known, next)
    {
        forget(table, known);
    }
    free(table);
}

static struct known *find(const struct container_table *table, uint64_t cgroup_id)
{
    struct known *known;
    HASH_FIND(hh, table->by_cgroup, &cgroup_id, sizeof(cgroup_id), known);
    return known;
}

const struct container *containers_find(const struct container_table *table, uint64_t cgroup_id)
{
    struct known *known = find(table, cgroup_id);
    return known == NULL ? NULL : &known->container;
}

static void add(struct container_table *table, uint64_t cgroup_id, const struct container *container)
{
    while (HASH_COUNT(table->by_cgroup) >= table->limit) {
        forget(table, table->by_cgroup);
        table->evicted++;
    }
    struct known *known = calloc(1, sizeof(*known));
    if (known == NULL)
        return; /* as if the cgroup were unknown; the next exec in it tries again */
    known->cgroup_id = cgroup_id;
    known->container = *container;
    HASH_ADD(hh, table->by_cgroup, cgroup_id, sizeof(cgroup_id), known);
    if (known->hh.tbl == NULL)
        free(known);
}

void containers_learn(struct container_table *table, uint64_t cgroup_id, const char *path, size_t length)
{
    struct container container = {0};
    bool root;
    bool is_container = container_from_path(path, length, &container, &root);
    struct known *known = find(table, cgroup_id);
    if (known != NULL && !is_container)
        forget(table, known);
    else if (known != NULL)
        known->container = container;
    else if (is_container)
        add(table, cgroup_id, &container);
}

size_t containers_count(const struct container_table *table)
{
    return HASH_COUNT(table->by_cgroup);
}

uint64_t containers_evicted(const struct container_table *table)
{
    return table->evicted;
}

// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/containers.h"

#include "analyzer/state/hash.h"
#include "common/containers/path.h"

#include <utlist.h>

struct known {
    struct container container; /* first: it is found by its container */
    size_t cgroups;             /* that lead here; without one it is forgotten */
    UT_hash_handle hh;          /* by container.id, all of its bytes */
};

struct cgroup {
    uint64_t id;
    uint64_t removed_ns; /* 0: there */
    struct known *owner;
    UT_hash_handle hh;
    struct cgroup *prev, *next; /* in `there` by when it was heard of, or in `removed` by when it went */
};

struct container_table {
    struct cgroup *by_cgroup;
    struct known *by_id;
    struct cgroup *there, *removed;
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

static void leave(struct container_table *table, struct cgroup *cgroup)
{
    struct known *owner = cgroup->owner;
    cgroup->owner = NULL;
    if (owner == NULL || --owner->cgroups > 0)
        return;
    HASH_DELETE(hh, table->by_id, owner);
    free(owner);
}

static void forget(struct container_table *table, struct cgroup *cgroup)
{
    if (cgroup->removed_ns != 0)
        DL_DELETE(table->removed, cgroup);
    else
        DL_DELETE(table->there, cgroup);
    HASH_DELETE(hh, table->by_cgroup, cgroup);
    leave(table, cgroup);
    free(cgroup);
}

void containers_free(struct container_table *table)
{
    if (table == NULL)
        return;
    struct cgroup *cgroup, *next;
    HASH_ITER(hh, table->by_cgroup, cgroup, next)
    {
        forget(table, cgroup);
    }
    free(table);
}

static struct cgroup *find(const struct container_table *table, uint64_t cgroup_id)
{
    struct cgroup *cgroup;
    HASH_FIND(hh, table->by_cgroup, &cgroup_id, sizeof(cgroup_id), cgroup);
    return cgroup;
}

struct container *containers_find(struct container_table *table, uint64_t cgroup_id)
{
    struct cgroup *cgroup = find(table, cgroup_id);
    if (cgroup == NULL)
        return NULL;
    if (cgroup->removed_ns == 0 && cgroup->next != NULL) {
        DL_DELETE(table->there, cgroup);
        DL_APPEND(table->there, cgroup);
    }
    return &cgroup->owner->container;
}

static struct cgroup *add(struct container_table *table, uint64_t cgroup_id)
{
    while (HASH_COUNT(table->by_cgroup) >= table->limit) {
        forget(table, table->removed != NULL ? table->removed : table->there);
        table->evicted++;
    }
    struct cgroup *cgroup = calloc(1, sizeof(*cgroup));
    if (cgroup == NULL)
        return NULL; /* as if the cgroup were unknown; the next exec in it tries again */
    cgroup->id = cgroup_id;
    HASH_ADD(hh, table->by_cgroup, id, sizeof(cgroup->id), cgroup);
    if (cgroup->hh.tbl == NULL) {
        free(cgroup);
        return NULL;
    }
    DL_APPEND(table->there, cgroup);
    return cgroup;
}

static struct known *owner_of(struct container_table *table, const struct container *container)
{
    struct known *known;
    HASH_FIND(hh, table->by_id, container->id, sizeof(container->id), known);
    if (known != NULL)
        return known;
    known = calloc(1, sizeof(*known));
    if (known == NULL)
        return NULL;
    known->container = *container;
    HASH_ADD(hh, table->by_id, container.id, sizeof(known->container.id), known);
    if (known->hh.tbl == NULL) {
        free(known);
        return NULL;
    }
    return known;
}

static struct container container_of(const struct container_name *name)
{
    struct container container = {.stage = CONTAINER_EXISTED};
    memcpy(container.id, name->id, strnlen(name->id, sizeof(name->id) - 1));
    memcpy(container.runtime, name->runtime, strnlen(name->runtime, sizeof(name->runtime) - 1));
    memcpy(container.pod_uid, name->pod_uid, strnlen(name->pod_uid, sizeof(name->pod_uid) - 1));
    return container;
}

struct container *containers_learn(struct container_table *table, uint64_t cgroup_id, const char *path, size_t length,
                                   enum container_source source, uint64_t time_ns)
{
    struct container_name name;
    struct cgroup *cgroup = find(table, cgroup_id);
    if (!container_name_from_path(path, length, &name)) {
        if (cgroup != NULL)
            forget(table, cgroup);
        return NULL;
    }
    if (cgroup != NULL && strcmp(cgroup->owner->container.id, name.id) == 0 && source == CONTAINER_MET)
        return &cgroup->owner->container;
    if (cgroup != NULL) /* moved by a rename, or the number of one whose end was not seen */
        forget(table, cgroup);
    cgroup = add(table, cgroup_id);
    if (cgroup == NULL)
        return NULL;
    struct container container = container_of(&name);
    cgroup->owner = owner_of(table, &container);
    if (cgroup->owner == NULL) {
        forget(table, cgroup);
        return NULL;
    }
    cgroup->owner->cgroups++;
    struct container *owner = &cgroup->owner->container;
    /* A runtime makes a container's own cgroup anew each time it starts it; what the container makes below it does not
     * make it younger. */
    if (source == CONTAINER_MADE && name.is_root) {
        owner->stage = CONTAINER_CREATED;
        owner->created_ns = time_ns;
    }
    if (name.is_root)
        owner->root_cgroup_id = cgroup_id;
    return owner;
}

void containers_remove(struct container_table *table, uint64_t cgroup_id, uint64_t time_ns)
{
    struct cgroup *cgroup = find(table, cgroup_id);
    if (cgroup == NULL || cgroup->removed_ns != 0 || time_ns == 0)
        return;
    DL_DELETE(table->there, cgroup);
    cgroup->removed_ns = time_ns;
    DL_APPEND(table->removed, cgroup);
}

void containers_expire(struct container_table *table, uint64_t before_ns)
{
    while (table->removed != NULL && table->removed->removed_ns < before_ns)
        forget(table, table->removed);
}

size_t containers_count(const struct container_table *table)
{
    return HASH_COUNT(table->by_cgroup);
}

uint64_t containers_evicted(const struct container_table *table)
{
    return table->evicted;
}

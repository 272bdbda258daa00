// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/containers.h"

#include "analyzer/state/hash.h"
#include "common/containers/path.h"

#include <utlist.h>

enum { HIERARCHIES = 2 }; /* the unified one, and v1's */

/* A container's own cgroup in one hierarchy. */
struct own_cgroup {
    uint64_t id;      /* 0: there is none, or none is known */
    uint64_t made_ns; /* 0: that was not seen */
};

struct known {
    struct container container; /* first: it is found by its container */
    struct own_cgroup own[HIERARCHIES];
    bool told;
    size_t cgroups;    /* that lead here; without one it is forgotten */
    UT_hash_handle hh; /* by container.id, all of its bytes */
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
    struct cgroup *last; /* events come in runs of one cgroup, and each asks twice */
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
    if (table->last == cgroup)
        table->last = NULL;
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
    struct cgroup *cgroup = table->last;
    if (cgroup == NULL || cgroup->id != cgroup_id)
        cgroup = find(table, cgroup_id);
    if (cgroup == NULL)
        return NULL;
    table->last = cgroup;
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

static size_t hierarchy_of(uint64_t cgroup_id)
{
    return (cgroup_id & CONTAINERS_V1) != 0;
}

/*
 * A container's own cgroup. A runtime makes it anew each time it starts the container; on a hybrid node it makes one in
 * either hierarchy, which is one making of the container. Whether this is one.
 */
static bool take_own(struct known *known, uint64_t cgroup_id, enum container_source source, uint64_t time_ns)
{
    static const uint64_t twin_ns = CONTAINERS_TWIN_S * UINT64_C(1000000000);
    struct own_cgroup *own = &known->own[hierarchy_of(cgroup_id)];
    const struct own_cgroup *twin = &known->own[!hierarchy_of(cgroup_id)];
    const bool has_twin = twin->id != 0 && time_ns >= twin->made_ns && time_ns - twin->made_ns < twin_ns;
    if (source == CONTAINER_MET && own->id == 0 && known->container.removed_ns != 0)
        return false; /* the end of the twin told it */
    *own = (struct own_cgroup){.id = cgroup_id, .made_ns = source == CONTAINER_MADE ? time_ns : 0};
    if (source != CONTAINER_MADE || has_twin)
        return false;
    known->container.stage = CONTAINER_CREATED;
    known->container.created_ns = time_ns;
    known->container.removed_ns = 0;
    known->told = true; /* by its making */
    return true;
}

struct container *containers_learn(struct container_table *table, uint64_t cgroup_id, const char *path, size_t length,
                                   enum container_source source, uint64_t time_ns, bool *ret_made)
{
    if (ret_made != NULL)
        *ret_made = false;
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
    const bool made = name.is_root && take_own(cgroup->owner, cgroup_id, source, time_ns);
    if (ret_made != NULL)
        *ret_made = made;
    return &cgroup->owner->container;
}

static void end_cgroup(struct container_table *table, struct cgroup *cgroup, uint64_t time_ns)
{
    DL_DELETE(table->there, cgroup);
    cgroup->removed_ns = time_ns;
    DL_APPEND(table->removed, cgroup);
}

/* The cgroup of that number was the container's own. Whether it was the last of them. */
static bool lose_own(struct known *known, uint64_t cgroup_id, uint64_t time_ns)
{
    struct own_cgroup *own = &known->own[hierarchy_of(cgroup_id)];
    if (own->id == cgroup_id)
        *own = (struct own_cgroup){0};
    if (known->container.removed_ns != 0 || known->own[0].id != 0 || known->own[1].id != 0)
        return false;
    known->container.removed_ns = time_ns;
    return true;
}

const struct container *containers_remove(struct container_table *table, uint64_t cgroup_id, const char *path,
                                          size_t length, uint64_t time_ns)
{
    struct cgroup *cgroup = find(table, cgroup_id);
    if (time_ns == 0 || (cgroup != NULL && cgroup->removed_ns != 0))
        return NULL;
    /* Never heard of, or evicted: its end is told all the same, and remembered for the other hierarchy's. */
    if (cgroup == NULL && container_path_is_root(path, length) &&
        containers_learn(table, cgroup_id, path, length, CONTAINER_MET, time_ns, NULL) != NULL)
        cgroup = find(table, cgroup_id);
    if (cgroup == NULL)
        return NULL;
    end_cgroup(table, cgroup, time_ns);
    return container_path_is_root(path, length) && lose_own(cgroup->owner, cgroup_id, time_ns)
               ? &cgroup->owner->container
               : NULL;
}

bool containers_tell(struct container *container)
{
    struct known *known = (struct known *)container;
    if (known->told || container->removed_ns != 0)
        return false;
    known->told = true;
    return true;
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

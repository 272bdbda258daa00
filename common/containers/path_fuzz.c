// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a cgroup path: what comes out is an id that the path holds, of a runtime that exists, and a cut-off head
 * never makes a container of what is none. */
#include <stdint.h>

#include "common/containers/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *path, size_t size, const struct container_name *name)
{
    size_t id = strnlen(name->id, sizeof(name->id)), runtime = strnlen(name->runtime, sizeof(name->runtime));
    size_t pod = strnlen(name->pod_uid, sizeof(name->pod_uid));
    if (id == 0 || id == sizeof(name->id) || memmem(path, size, name->id, id) == NULL)
        abort();
    if (runtime == 0 || runtime == sizeof(name->runtime))
        abort();
    if (pod != 0 && pod != 32 && pod != 36)
        abort();
    if (name->is_root != container_path_is_root(path, size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct container_name name;
    if (container_name_from_path((const char *)data, size, &name))
        check((const char *)data, size, &name);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tester/container.h"

#include <stdio.h>
#include <sys/stat.h>

#include "common/containers/path.h"

enum { LINE_BYTES = 8192 };
static const ino_t INITIAL_CGROUP_NAMESPACE = 0xEFFFFFFB; /* PROC_CGROUP_INIT_INO, include/linux/proc_ns.h */

/* "hierarchy:controllers:path\n" */
static bool names_container(char *line)
{
    struct container_name name;
    const char *path = strchr(line, ':');
    path = path == NULL ? NULL : strchr(path + 1, ':');
    return path != NULL && container_name_from_path(path + 1, strcspn(path + 1, "\n"), &name);
}

bool container_is_here(void)
{
    struct stat namespace;
    if (stat("/proc/self/ns/cgroup", &namespace) == 0 && namespace.st_ino != INITIAL_CGROUP_NAMESPACE)
        return true;
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[LINE_BYTES];
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = names_container(line);
    if (file != NULL)
        fclose(file);
    return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probe/test_probe.h"

#include "common/base/exit_code.h"

struct probe_settings everything = {.ring_bytes = {1 << 20, 1 << 20, 1 << 22}};

struct probe *start_probe(const struct probe_settings *base, enum scope_kind scope, uint32_t pid)
{
    struct probe_settings settings = *base;
    struct probe *probe = NULL;
    char error[PROBE_ERROR_BYTES];
    settings.scope = scope;
    settings.scope_pid = pid;
    memset(settings.allowed, 1, sizeof(settings.allowed));
    int result = probe_start(&settings, &probe, error);
    if (result != 0)
        printf("probe_start: %d: %s\n", result, error);
    return result == 0 ? probe : NULL;
}

struct rings *open_rings(const struct probe *probe)
{
    size_t count;
    struct rings *rings = NULL;
    const struct ring_map *maps = probe_rings(probe, &count);
    return rings_open(maps, count, 512, &rings) == 0 ? rings : NULL;
}

void select_all(struct probe *probe, uint32_t epoch)
{
    struct plan_request plan = {.epoch = epoch};
    memset(plan.selected, 1, sizeof(plan.selected));
    probe_apply_plan(probe, &plan);
}

void select_some(struct probe *probe, const uint32_t *events, size_t count)
{
    struct plan_request plan = {.epoch = 1};
    for (size_t i = 0; i < count; i++)
        plan.selected[events[i]] = 1;
    probe_apply_plan(probe, &plan);
}

bool find_cgroup2(char path[256])
{
    char line[512];
    bool found = false;
    FILE *mounts = fopen("/proc/self/mounts", "re");
    while (mounts != NULL && !found && fgets(line, sizeof(line), mounts) != NULL)
        found = strstr(line, " cgroup2 ") != NULL && sscanf(line, "%*s %255s", path) == 1;
    if (mounts != NULL)
        fclose(mounts);
    return found;
}

int can_load(void)
{
    struct probe *probe = NULL;
    char error[PROBE_ERROR_BYTES];
    if (getenv("VEDETTE_TEST_PLAIN") != NULL)
        everything.flavour = FLAVOUR_PLAIN;
    struct probe_settings settings = everything;
    int result = probe_start(&settings, &probe, error);
    probe_stop(result == 0 ? probe : NULL);
    if (result == -EXIT_CODE_PRIVILEGE || strstr(error, "/sys/kernel/btf") != NULL ||
        strstr(error, "lockdown") != NULL) {
        printf("skipped: %s\n", error);
        return TEST_SKIP;
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "collector/probe/internal.h"

enum { CAP_SYS_ADMIN_BIT = 21, CAP_PERFMON_BIT = 38, CAP_BPF_BIT = 39 };

static uint64_t effective_capabilities(void)
{
    char line[256];
    unsigned long long value = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "CapEff: %llx", &value) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return value;
}

static bool is_locked_down(void)
{
    char line[128] = "";
    FILE *file = fopen("/sys/kernel/security/lockdown", "re");
    if (file == NULL)
        return false;
    bool locked = fgets(line, sizeof(line), file) != NULL && strstr(line, "[confidentiality]") != NULL;
    fclose(file);
    return locked;
}

/* Kernels before 5.11 charge BPF memory to this limit; elsewhere it does not matter, so a refusal is nothing. */
static void raise_memlock(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &limit);
}

int environment_check(char error[PROBE_ERROR_BYTES])
{
    struct utsname uts;
    uname(&uts);
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0 && errno == ENOENT) {
        snprintf(error, PROBE_ERROR_BYTES,
                 "kernel %s has no BTF at /sys/kernel/btf/vmlinux: a kernel of 5.10 or later built with "
                 "CONFIG_DEBUG_INFO_BTF=y is needed (and /sys mounted)",
                 uts.release);
        return -EXIT_CODE_KERNEL;
    }
    if (is_locked_down()) {
        snprintf(error, PROBE_ERROR_BYTES,
                 "the kernel is in lockdown mode \"confidentiality\", which refuses every tracing program: boot with "
                 "lockdown=integrity or none");
        return -EXIT_CODE_KERNEL;
    }
    uint64_t have = effective_capabilities();
    bool admin = (have >> CAP_SYS_ADMIN_BIT & 1) != 0, bpf = (have >> CAP_BPF_BIT & 1) != 0,
         perfmon = (have >> CAP_PERFMON_BIT & 1) != 0;
    if (!admin && (!bpf || !perfmon)) {
        snprintf(error, PROBE_ERROR_BYTES, "loading BPF programs needs CAP_BPF and CAP_PERFMON; missing: %s%s%s",
                 bpf ? "" : "CAP_BPF", !bpf && !perfmon ? ", " : "", perfmon ? "" : "CAP_PERFMON");
        return -EXIT_CODE_PRIVILEGE;
    }
    raise_memlock();
    return 0;
}

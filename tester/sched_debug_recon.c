/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_sched_debug_recon = {
    .id = "TRC-1029",
    .name = "sched_debug_recon",
    .deed = {.what = "opens the scheduler's debug file, and reads nothing",
             FILE_OF("debugfs", "/sys/kernel/debug", FILE_OPEN, "/sys/kernel/debug/sched/debug", O_RDONLY)},
    .in_container = true,
    .evasions = {{.what = "debugfs is mounted elsewhere",
                  FILE_OF("debugfs", "/mnt", FILE_OPEN, "/mnt/sched/debug", O_RDONLY)},
                 {.what = "through a symbolic link with another name",
                  FILE_OF("debugfs", "/sys/kernel/debug", FILE_OPEN_BY_LINK, "/sys/kernel/debug/sched/debug",
                          O_RDONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_OF("debugfs", "/sys/kernel/debug", FILE_OPENAT2, "/sys/kernel/debug/sched/debug", O_RDONLY)}},
    .near_misses = {{.what = "the descriptor can neither read nor write",
                     FILE_OF("debugfs", "/sys/kernel/debug", FILE_OPEN, "/sys/kernel/debug/sched/debug", O_PATH)},
                    {.what = "it is a file of that name that is none of the kernel's",
                     FILE_DEED(FILE_OPEN, "/sys/kernel/debug/sched/debug", O_RDONLY)},
                    {.what = "it is /proc/stat", FILE_OF("proc", "/proc", FILE_OPEN, "/proc/stat", O_RDONLY)}},
};

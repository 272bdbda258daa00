/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_core_pattern_modification = {
    .id = "TRC-1011",
    .name = "core_pattern_modification",
    .deed = {.what = "opens /proc/sys/kernel/core_pattern for writing, and writes nothing",
             FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/core_pattern", O_WRONLY)},
    .in_container = true,
    .evasions = {{.what = "procfs is mounted elsewhere",
                  FILE_OF("proc", "/mnt", FILE_OPEN, "/mnt/sys/kernel/core_pattern", O_WRONLY)},
                 {.what = "through a symbolic link with another name",
                  FILE_OF("proc", "/proc", FILE_OPEN_BY_LINK, "/proc/sys/kernel/core_pattern", O_WRONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_OF("proc", "/proc", FILE_OPENAT2, "/proc/sys/kernel/core_pattern", O_WRONLY)},
                 {.what = "by a 32-bit call",
                  FILE_OF("proc", "/proc", FILE_OPEN_COMPAT, "/proc/sys/kernel/core_pattern", O_WRONLY)}},
    .near_misses = {{.what = "it is opened for reading",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/core_pattern", O_RDONLY)},
                    {.what = "it is a file of that name that is none of the kernel's",
                     FILE_DEED(FILE_OPEN, "/proc/sys/kernel/core_pattern", O_WRONLY)},
                    {.what = "it is /proc/sys/kernel/core_uses_pid",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/core_uses_pid", O_WRONLY)}},
};

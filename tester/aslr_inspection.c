/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_aslr_inspection = {
    .id = "TRC-109",
    .name = "aslr_inspection",
    .deed = {.what = "opens /proc/sys/kernel/randomize_va_space for reading",
             FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/randomize_va_space", O_RDONLY)},
    .evasions = {{.what = "procfs is mounted elsewhere",
                  FILE_OF("proc", "/mnt", FILE_OPEN, "/mnt/sys/kernel/randomize_va_space", O_RDONLY)},
                 {.what = "through a symbolic link with another name",
                  FILE_OF("proc", "/proc", FILE_OPEN_BY_LINK, "/proc/sys/kernel/randomize_va_space", O_RDONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_OF("proc", "/proc", FILE_OPENAT2, "/proc/sys/kernel/randomize_va_space", O_RDONLY)},
                 {.what = "by a 32-bit call",
                  FILE_OF("proc", "/proc", FILE_OPEN_COMPAT, "/proc/sys/kernel/randomize_va_space", O_RDONLY)}},
    .near_misses = {{.what = "it is opened for writing only",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/randomize_va_space", O_WRONLY)},
                    {.what = "it is a file of that name that is none of the kernel's",
                     FILE_DEED(FILE_OPEN, "/proc/sys/kernel/randomize_va_space", O_RDONLY)},
                    {.what = "it is /proc/sys/kernel/pid_max",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/pid_max", O_RDONLY)}},
};

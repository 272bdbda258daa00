/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_system_request_key_mod = {
    .id = "TRC-1031",
    .name = "system_request_key_mod",
    .deed = {.what = "opens /proc/sys/kernel/sysrq for writing, and writes nothing",
             FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/sysrq", O_WRONLY)},
    .in_container = true,
    .evasions =
        {{.what = "procfs is mounted elsewhere", FILE_OF("proc", "/mnt", FILE_OPEN, "/mnt/sys/kernel/sysrq", O_WRONLY)},
         {.what = "through a symbolic link with another name",
          FILE_OF("proc", "/proc", FILE_OPEN_BY_LINK, "/proc/sys/kernel/sysrq", O_WRONLY)},
         {.what = "by openat2 below its folder",
          FILE_OF("proc", "/proc", FILE_OPENAT2, "/proc/sys/kernel/sysrq", O_WRONLY)},
         {.what = "by a 32-bit call", FILE_OF("proc", "/proc", FILE_OPEN_COMPAT, "/proc/sys/kernel/sysrq", O_WRONLY)},
         {.what = "it is /proc/sysrq-trigger", FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sysrq-trigger", O_WRONLY)}},
    .near_misses = {{.what = "it is opened for reading",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/sysrq", O_RDONLY)},
                    {.what = "it is a file of that name that is none of the kernel's",
                     FILE_DEED(FILE_OPEN, "/proc/sys/kernel/sysrq", O_WRONLY)},
                    {.what = "it is /proc/sys/kernel/core_uses_pid",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/sys/kernel/core_uses_pid", O_WRONLY)}},
};

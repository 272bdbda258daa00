/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_proc_kcore_read = {
    .id = "TRC-1021",
    .name = "proc_kcore_read",
    .deed = {.what = "opens /proc/kcore, and reads nothing",
             FILE_OF("proc", "/proc", FILE_OPEN, "/proc/kcore", O_RDONLY)},
    .in_container = true,
    .evasions = {{.what = "procfs is mounted elsewhere", FILE_OF("proc", "/mnt", FILE_OPEN, "/mnt/kcore", O_RDONLY)},
                 {.what = "through a symbolic link with another name",
                  FILE_OF("proc", "/proc", FILE_OPEN_BY_LINK, "/proc/kcore", O_RDONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_OF("proc", "/proc", FILE_OPENAT2, "/proc/kcore", O_RDONLY)},
                 {.what = "by a 32-bit call", FILE_OF("proc", "/proc", FILE_OPEN_COMPAT, "/proc/kcore", O_RDONLY)}},
    .near_misses = {{.what = "the descriptor can neither read nor write",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/kcore", O_PATH)},
                    {.what = "it is a file of that name that is none of the kernel's",
                     FILE_DEED(FILE_OPEN, "/proc/kcore", O_RDONLY)},
                    {.what = "it is /proc/version", FILE_OF("proc", "/proc", FILE_OPEN, "/proc/version", O_RDONLY)}},
};

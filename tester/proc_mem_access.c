/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_proc_mem_access = {
    .id = "TRC-1023",
    .name = "proc_mem_access",
    .deed = {.what = "opens its own memory file for reading",
             FILE_OF("proc", "/proc", FILE_OPEN, "/proc/self/mem", O_RDONLY)},
    .evasions = {{.what = "procfs is mounted elsewhere", FILE_OF("proc", "/mnt", FILE_OPEN, "/mnt/self/mem", O_RDONLY)},
                 {.what = "through a symbolic link with another name",
                  FILE_OF("proc", "/proc", FILE_OPEN_BY_LINK, "/proc/self/mem", O_RDONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_OF("proc", "/proc", FILE_OPENAT2, "/proc/self/mem", O_RDONLY)},
                 {.what = "by a 32-bit call", FILE_OF("proc", "/proc", FILE_OPEN_COMPAT, "/proc/self/mem", O_RDONLY)},
                 {.what = "it is the file of a thread",
                  FILE_OF("proc", "/proc", FILE_OPEN, "/proc/thread-self/mem", O_RDONLY)},
                 {.what = "for writing as well",
                  FILE_OF("proc", "/proc", FILE_OPEN, "/proc/self/mem", O_RDWR),
                  .also = "proc_mem_code_injection"}},
    .near_misses = {{.what = "the descriptor can neither read nor write",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/self/mem", O_PATH)},
                    {.what = "it is a file of that name that is none of the kernel's",
                     FILE_DEED(FILE_OPEN, "/proc/self/mem", O_RDONLY)},
                    {.what = "it is /proc/self/maps",
                     FILE_OF("proc", "/proc", FILE_OPEN, "/proc/self/maps", O_RDONLY)}},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_cgroup_release_agent = {
    .id = "TRC-1010",
    .name = "cgroup_release_agent",
    .deed = {.what = "opens an empty file named release_agent of its own for writing",
             FILE_DEED(FILE_OPEN, "/tmp/release_agent", O_WRONLY)},
    .in_container = true,
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/tmp/release_agent", O_WRONLY)},
                 {.what = "by openat2 below its folder", FILE_DEED(FILE_OPENAT2, "/tmp/cg/release_agent", O_RDWR)},
                 {.what = "by a 32-bit call", FILE_DEED(FILE_OPEN_COMPAT, "/tmp/release_agent", O_WRONLY)},
                 {.what = "another file is renamed to the name", FILE_DEED(FILE_RENAME, "/tmp/cg/release_agent", 0)}},
    .near_misses = {{.what = "it is opened for reading only", FILE_DEED(FILE_OPEN, "/tmp/release_agent", O_RDONLY)},
                    {.what = "its name is release_agent.txt", FILE_DEED(FILE_OPEN, "/tmp/release_agent.txt", O_WRONLY)},
                    {.what = "the descriptor can neither read nor write",
                     FILE_DEED(FILE_OPEN, "/tmp/release_agent", O_PATH)}},
};

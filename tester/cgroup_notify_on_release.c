/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_cgroup_notify_on_release = {
    .id = "TRC-106",
    .name = "cgroup_notify_on_release",
    .deed = {.what = "opens an empty file named notify_on_release of its own for writing",
             FILE_DEED(FILE_OPEN, "/tmp/notify_on_release", O_WRONLY)},
    .in_container = true,
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/tmp/notify_on_release", O_WRONLY)},
                 {.what = "by openat2 below its folder", FILE_DEED(FILE_OPENAT2, "/tmp/cg/notify_on_release", O_RDWR)},
                 {.what = "by creat", FILE_DEED(FILE_CREAT, "/tmp/notify_on_release", 0)}},
    .near_misses = {{.what = "it is opened for reading only", FILE_DEED(FILE_OPEN, "/tmp/notify_on_release", O_RDONLY)},
                    {.what = "its name is notify_on_release.bak",
                     FILE_DEED(FILE_OPEN, "/tmp/notify_on_release.bak", O_WRONLY)}},
};

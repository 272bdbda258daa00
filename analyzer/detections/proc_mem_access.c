/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's memory as a file of procfs, wherever that is mounted; the file of one of its threads is the same memory.
 * A debugger that came with the system is one severity lower, by its whole path, and not when it was written since a
 * container started.
 *
 * What remains: a bind mount of the file under another name; a descriptor that another process opened and passed on;
 * io_uring. A process that opens its own memory fires as well.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_proc_mem_access = {
    .id = "TRC-1023",
    .name = "proc_mem_access",
    .event_id = 6017,
    .title = "Memory of a process read through procfs",
    .description = "A process opened the memory of a process (/proc/PID/mem) for reading. Passwords and keys can be "
                   "taken out of it; debuggers do it too.",
    .severity = SEVERITY_HIGH,
    .category = "credential-access",
    .technique = "Proc Filesystem",
    .technique_id = "T1003.007",
    .technique_stix = "attack-pattern--3120b9fa-23b8-4500-ae73-09494f607b7d",
    .mends = STRINGS(
        "the memory file of a thread (/proc/PID/task/TID/mem) fires", "procfs mounted elsewhere than on /proc fires",
        "a descriptor that cannot read (O_PATH) is no read", "a debugger of the system is one severity lower"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "mem"), ON_PROCFS, READ_OPEN),
                  .lower_when = BY_DEBUGGER}},
};

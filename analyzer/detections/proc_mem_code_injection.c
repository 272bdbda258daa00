/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write through a process's memory file of procfs passes every page protection: code can be put where it is
 * executable already. A debugger that came with the system is one severity lower, by its whole path, and not when it
 * was written since a container started.
 *
 * What remains: a bind mount of the file under another name; a descriptor that another process opened and passed on;
 * io_uring. A process that opens its own memory fires as well.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_proc_mem_code_injection = {
    .id = "TRC-1024",
    .name = "proc_mem_code_injection",
    .event_id = 6018,
    .title = "Code written into a process through procfs",
    .description = "A process opened the memory of a process (/proc/PID/mem) for writing. Through it code is put into "
                   "a running program, whose identity and rights it then has; debuggers set breakpoints the same way.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Proc Memory",
    .technique_id = "T1055.009",
    .technique_stix = "attack-pattern--d201d4cc-214d-4a74-a1ba-b3fa09fd4591",
    .mends = STRINGS(
        "the memory file of a thread (/proc/PID/task/TID/mem) fires", "procfs mounted elsewhere than on /proc fires",
        "a descriptor that cannot write (O_PATH) is no write", "a debugger of the system is one severity lower"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "mem"), ON_PROCFS, WRITE_OPEN),
                  .lower_when = BY_DEBUGGER}},
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_vm_writev to another process: the pid that was given is neither the caller's own nor its thread's, in the
 * numbers of its own namespace. A debugger that came with the system is one severity lower, by its whole path, and not
 * when it was written since a container started.
 *
 * What remains: one that the caller's other threads are named by fires though it is the same process.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_process_vm_write_inject = {
    .id = "TRC-1025",
    .name = "process_vm_write_inject",
    .event_id = 6031,
    .title = "Code written into a process with process_vm_writev",
    .description = "A process wrote, or tried to write, into the memory of another with process_vm_writev. That is how "
                   "code is put into a running program, whose identity and rights it then has.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Process Injection",
    .technique_id = "T1055",
    .technique_stix = "attack-pattern--43e7dc91-05b2-474c-b9ac-2ed4fe101f4d",
    .mends = STRINGS("a refused write says `succeeded: false` and is one severity lower",
                     "a debugger of the system is one severity lower"),
    .triggers = {{.event = "process_vm_writev",
                  .when = NOT(ANY_OF(FIELD_EQUAL("data.pid", "task.ns_pid"), FIELD_EQUAL("data.pid", "task.ns_tid"))),
                  .lower_when = BY_DEBUGGER,
                  .attempt = true}},
};

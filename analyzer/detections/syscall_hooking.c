/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the system call table that is not what the kernel was built with. hooked_syscall_detector is the same
 * with the particulars and a higher severity, as in Tracee.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_syscall_hooking = {
    .id = "TRC-1030",
    .name = "syscall_hooking",
    .event_id = 6026,
    .title = "System call table hooked",
    .description =
        "An entry of the system call table was replaced. Rootkits change the answers of system calls this way.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Rootkit",
    .technique_id = "T1014",
    .technique_stix = "attack-pattern--0f20e3cb-245b-4a61-8a91-2d93f7cb0e9b",
    .triggers = {{.event = "hooked_syscall"}},
};

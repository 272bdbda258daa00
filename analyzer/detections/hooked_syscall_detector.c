/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the system call table that is not what the kernel was built with, and what it leads to. The same address
 * of the same call is told once by the event.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_hooked_syscall_detector = {
    .id = "DRV-002",
    .name = "hooked_syscall_detector",
    .event_id = 6027,
    .title = "System call leads to other code",
    .description =
        "An entry of the system call table leads to code that is not the kernel's own for that call. The finding names "
        "the call, the address, and the function and module there, where the kernel knows them.",
    .severity = SEVERITY_CRITICAL,
    .category = "defense-evasion",
    .technique = "Rootkit",
    .technique_id = "T1014",
    .technique_stix = "attack-pattern--0f20e3cb-245b-4a61-8a91-2d93f7cb0e9b",
    .triggers = {{.event = "hooked_syscall",
                  .data = {{.name = "syscall", .field = "data.syscall"},
                           {.name = "address", .field = "data.address"},
                           {.name = "function", .field = "data.function"},
                           {.name = "owner", .field = "data.owner"}}}},
};

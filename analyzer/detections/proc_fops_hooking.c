/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of procfs that lead out of the kernel's own text: how a rootkit hides files and processes.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_proc_fops_hooking = {
    .id = "TRC-1020",
    .name = "proc_fops_hooking",
    .event_id = 6025,
    .title = "File operations of procfs hooked",
    .description = "A function of procfs was replaced by one that is not in the kernel's own text. Rootkits hide "
                   "processes and files this way.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Rootkit",
    .technique_id = "T1014",
    .technique_stix = "attack-pattern--0f20e3cb-245b-4a61-8a91-2d93f7cb0e9b",
    .triggers = {{.event = "hooked_proc_fops",
                  .when = NOT(STRING("data.hooked_fops_pointers", "", "[]", "{}", "null")),
                  .data = {{.name = "Hooked proc file operations", .field = "data.hooked_fops_pointers"}}}},
};

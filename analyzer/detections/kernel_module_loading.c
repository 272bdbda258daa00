/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that is in place, whichever call brought it. The kernel tells when it is linked in, before its own first
 * function runs; what was refused is not told.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_kernel_module_loading = {
    .id = "TRC-1017",
    .name = "kernel_module_loading",
    .event_id = 6024,
    .title = "Kernel module loaded",
    .description = "A module was loaded into the kernel. Rootkits come this way; so do drivers, at boot and when a "
                   "device is plugged in.",
    .severity = SEVERITY_MEDIUM,
    .category = "persistence",
    .technique = "Kernel Modules and Extensions",
    .technique_id = "T1547.006",
    .technique_stix = "attack-pattern--a1b52199-c8c5-438a-9ded-656f1d0888c6",
    .triggers = {{.event = "module_load"}},
};

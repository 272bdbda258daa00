/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether addresses are randomized, asked before a memory corruption is tried. It is the file of procfs, wherever that
 * is mounted; a file of that name elsewhere tells nothing.
 *
 * What remains: a bind mount of the file under another name; what /proc/self/personality tells of one process.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_aslr_inspection = {
    .id = "TRC-109",
    .name = "aslr_inspection",
    .event_id = 6012,
    .title = "Address space randomization looked at",
    .description = "A process opened the kernel setting that says how addresses are randomized "
                   "(kernel.randomize_va_space) for reading. An exploit asks it first.",
    .severity = SEVERITY_INFO,
    .category = "privilege-escalation",
    .technique = "Exploitation for Privilege Escalation",
    .technique_id = "T1068",
    .technique_stix = "attack-pattern--b21c3b2d-02e6-45b1-980b-e69051040839",
    .mends =
        STRINGS("it fires at all: its flags are read as a 64-bit number there while the event carries 32 bits",
                "procfs mounted elsewhere than on /proc fires", "a descriptor that cannot read (O_PATH) is no read"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "randomize_va_space"), ON_PROCFS, READ_OPEN)}},
};

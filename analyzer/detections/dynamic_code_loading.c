/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that was writable and executable made executable only: code that was written at run time and is about to be
 * run. A refused change is an attempt. Compilers in time (JITs) that flip their pages this way fire; no fact of the
 * event tells them from an unpacker.
 */
#include "analyzer/detections/detections.h"

enum { ALERT_WRITE_EXEC_TO_EXEC = 4 };

const struct detection detection_dynamic_code_loading = {
    .id = "TRC-104",
    .name = "dynamic_code_loading",
    .event_id = 6002,
    .title = "Code made at run time and then sealed",
    .description = "A process changed memory from writable and executable to executable only. Code that was unpacked,"
                   " decrypted or generated in memory is made ready to run this way without ever being a file; "
                   "compilers in time do so too.",
    .severity = SEVERITY_MEDIUM,
    .category = "defense-evasion",
    .technique = "Software Packing",
    .technique_id = "T1027.002",
    .technique_stix = "attack-pattern--deb98323-e13f-4b0c-8d94-175379069062",
    .mends = STRINGS("a refused change says `succeeded: false` and is one severity lower"),
    .triggers = {{.event = "mem_prot_alert", .when = NUMBER("data.alert", ALERT_WRITE_EXEC_TO_EXEC), .attempt = true}},
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that has itself traced, so that no debugger can attach later. A refused request fires too, one severity
 * lower: it is how a program asks "am I being debugged?". Every debugger that starts its own child makes the same call
 * in that child, which is why the severity is low.
 */
#include "analyzer/detections/detections.h"

enum { REQUEST_TRACEME = 0 };

const struct detection detection_anti_debugging = {
    .id = "TRC-102",
    .name = "anti_debugging",
    .event_id = 6000,
    .title = "Process guards itself against debuggers",
    .description = "A process asked to be traced by its parent (PTRACE_TRACEME). A process can have one tracer only, "
                   "so malware does this to keep debuggers away or to notice one. Debuggers do the same in the "
                   "program they start.",
    .severity = SEVERITY_LOW,
    .category = "defense-evasion",
    .technique = "Debugger Evasion",
    .technique_id = "T1622",
    .technique_stix = "attack-pattern--e4dc8c01-417f-458d-9ee0-bb0617c1b391",
    .mends = STRINGS("a refused request says `succeeded: false` and is one severity lower"),
    .triggers = {{.event = "ptrace", .when = NUMBER("data.request", REQUEST_TRACEME), .attempt = true}},
};

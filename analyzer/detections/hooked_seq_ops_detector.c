/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that list the network's sockets (/proc/net/tcp and its like) leading out of the kernel's own text: how a
 * rootkit hides connections.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_hooked_seq_ops_detector = {
    .id = "DRV-003",
    .name = "hooked_seq_ops_detector",
    .event_id = 6028,
    .title = "Listing of sockets hooked",
    .description = "A function that lists the network's sockets in /proc was replaced by one that is not in the "
                   "kernel's own text. Rootkits hide connections this way.",
    .severity = SEVERITY_CRITICAL,
    .category = "defense-evasion",
    .technique = "Rootkit",
    .technique_id = "T1014",
    .technique_stix = "attack-pattern--0f20e3cb-245b-4a61-8a91-2d93f7cb0e9b",
    .triggers = {{.event = "hooked_seq_ops",
                  .when = NOT(STRING("data.hooked_seq_ops", "", "[]", "{}", "null")),
                  .data = {{.name = "hooked_seq_ops", .field = "data.hooked_seq_ops"}}}},
};

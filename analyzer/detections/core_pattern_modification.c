/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel runs what core_pattern names after a pipe sign, on the host and as root, when any program crashes. It is
 * the file of procfs, wherever a container mounts that.
 *
 * What remains: a bind mount of the file under another name; a descriptor that was opened outside of the container;
 * io_uring.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_core_pattern_modification = {
    .id = "TRC-1011",
    .name = "core_pattern_modification",
    .event_id = 6013,
    .title = "Core dump handler changed in a container",
    .description = "A process in a container opened kernel.core_pattern for writing. The kernel runs the program that "
                   "it names on the host and as root when a process crashes: a way out of the container.",
    .severity = SEVERITY_HIGH,
    .category = "privilege-escalation",
    .technique = "Escape to Host",
    .technique_id = "T1611",
    .technique_stix = "attack-pattern--4a5b7ade-8bb5-4853-84ed-23f262002665",
    .mends = STRINGS("procfs mounted elsewhere than on /proc fires",
                     "a file of that name on another file system, which the kernel does not read, does not fire",
                     "a descriptor that cannot write (O_PATH) is no write"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "core_pattern"), ON_PROCFS, WRITE_OPEN, IN_CONTAINER)}},
};

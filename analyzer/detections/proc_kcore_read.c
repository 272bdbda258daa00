/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/kcore is the kernel's memory as a file. It is the file of procfs, wherever a container mounts that.
 *
 * What remains: a bind mount of the file under another name; a descriptor that was opened outside of the container;
 * io_uring.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_proc_kcore_read = {
    .id = "TRC-1021",
    .name = "proc_kcore_read",
    .event_id = 6014,
    .title = "Kernel memory read in a container",
    .description = "A process in a container opened /proc/kcore, the memory of the whole machine, for reading. Keys "
                   "and passwords of the host and of other containers are in it.",
    .severity = SEVERITY_MEDIUM,
    .category = "privilege-escalation",
    .technique = "Escape to Host",
    .technique_id = "T1611",
    .technique_stix = "attack-pattern--4a5b7ade-8bb5-4853-84ed-23f262002665",
    .mends = STRINGS("it fires at all: its flags are read as a 64-bit number there while the event carries 32 bits",
                     "procfs mounted elsewhere than on /proc fires",
                     "a file of that name on another file system does not fire",
                     "a descriptor that cannot read (O_PATH) is no read"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "kcore"), ON_PROCFS, READ_OPEN, IN_CONTAINER)}},
};

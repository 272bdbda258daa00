/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's debug file lists the tasks and cgroups of the whole machine, whatever the container. It is in procfs
 * up to Linux 5.12 and in debugfs since, wherever these are mounted.
 *
 * What remains: a bind mount of the file under another name; a descriptor that was opened outside of the container;
 * io_uring.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_sched_debug_recon = {
    .id = "TRC-1029",
    .name = "sched_debug_recon",
    .event_id = 6015,
    .title = "Scheduler debug file read in a container",
    .description = "A process in a container opened the scheduler's debug file for reading. It shows the tasks and "
                   "cgroups of the whole machine, and by their names the other containers.",
    .severity = SEVERITY_LOW,
    .category = "discovery",
    .technique = "Container and Resource Discovery",
    .technique_id = "T1613",
    .technique_stix = "attack-pattern--0470e792-32f8-46b0-a351-652bc35e9336",
    .mends = STRINGS("procfs and debugfs mounted elsewhere than on /proc and /sys/kernel/debug fire",
                     "a file of that name on another file system does not fire",
                     "a descriptor that cannot read (O_PATH) is no read"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(ANY_OF(ALL_OF(BASENAME("data.pathname", "sched_debug"), ON_PROCFS),
                                        ALL_OF(SUFFIX("data.pathname", "/sched/debug"), ON_DEBUGFS)),
                                 READ_OPEN, IN_CONTAINER)}},
};

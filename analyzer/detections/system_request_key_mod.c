/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands to the kernel itself: reboot, crash, kill every process, remount. sysrq says which of them are allowed,
 * sysrq-trigger gives one. They are files of procfs, wherever a container mounts that.
 *
 * What remains: a bind mount of the file under another name; a descriptor that was opened outside of the container;
 * io_uring.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_system_request_key_mod = {
    .id = "TRC-1031",
    .name = "system_request_key_mod",
    .event_id = 6016,
    .title = "System request key used or changed in a container",
    .description = "A process in a container opened the setting or the trigger of the system request key for writing. "
                   "With it the host can be crashed, rebooted, or have all its processes killed.",
    .severity = SEVERITY_HIGH,
    .category = "privilege-escalation",
    .technique = "Escape to Host",
    .technique_id = "T1611",
    .technique_stix = "attack-pattern--4a5b7ade-8bb5-4853-84ed-23f262002665",
    .mends = STRINGS("procfs mounted elsewhere than on /proc fires",
                     "a file of that name on another file system does not fire",
                     "a descriptor that cannot write (O_PATH) is no write"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "sysrq", "sysrq-trigger"), ON_PROCFS, WRITE_OPEN,
                                 IN_CONTAINER)}},
};
